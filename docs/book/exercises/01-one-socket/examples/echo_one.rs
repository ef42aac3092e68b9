//! Sends a client back what it sends, then the next client.

use std::io;
use std::net::TcpListener;

// ANCHOR: main
fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7000")?;
    for stream in listener.incoming() {
        let stream = stream?;
        io::copy(&mut &stream, &mut &stream)?;
    }
    Ok(())
}
// ANCHOR_END: main
