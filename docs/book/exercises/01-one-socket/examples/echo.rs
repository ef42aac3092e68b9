//! Sends each client back what it sends, each on a thread of its own.

use std::net::TcpListener;
use std::{io, thread};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7000")?;
    // ANCHOR: loop
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || io::copy(&mut &stream, &mut &stream));
    }
    // ANCHOR_END: loop
    Ok(())
}
