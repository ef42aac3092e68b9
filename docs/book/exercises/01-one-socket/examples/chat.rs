//! The chat of this package on port 7000.

use std::io;
use std::net::TcpListener;

fn main() -> io::Result<()> {
    one_socket::serve(&TcpListener::bind("127.0.0.1:7000")?)
}
