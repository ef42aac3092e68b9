//! Stops the chat on port 7000: one client sends and reads nothing, until nobody gets anything any more.
//!
//! Says how many bytes that takes.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

fn main() -> io::Result<()> {
    let mut client = TcpStream::connect("127.0.0.1:7000")?;
    // As long as the server takes what is sent, it is not stuck.
    client.set_write_timeout(Some(Duration::from_secs(3)))?;
    let line = format!("{}\n", "x".repeat(99));
    let mut sent = 0;
    while let Ok(count) = client.write(line.as_bytes()) {
        sent += count;
    }
    println!("the server has taken {sent} bytes, and takes no more");
    println!("try to chat now; the end of this program (Ctrl-C) lets the others go on");
    loop {
        std::thread::park();
    }
}
