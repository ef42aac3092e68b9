//! A chat: each line that a client sends is written to all clients.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Bytes of a line, at most, with the end of the line.
pub const LINE_MAX: usize = 512;

/// The sockets of all clients, each under the number of its client.
type Clients = Arc<Mutex<BTreeMap<usize, TcpStream>>>;

// ANCHOR: chat
/// Serves all clients that connect, each on a thread of its own.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    let clients = Clients::default();
    for (number, stream) in listener.incoming().enumerate() {
        let stream = stream?;
        let clients = Arc::clone(&clients);
        clients.lock().unwrap().insert(number, stream.try_clone()?);
        thread::spawn(move || {
            // However this conversation ends, the others go on.
            _ = converse(&stream, &clients);
            clients.lock().unwrap().remove(&number);
        });
    }
    Ok(())
}

/// Writes each line of one client to all clients, until there is none.
fn converse(stream: &TcpStream, clients: &Clients) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        for mut client in clients.lock().unwrap().values() {
            // Whether a client is gone, its own thread finds out.
            _ = client.write_all(line.as_bytes());
        }
        line.clear();
    }
    Ok(())
}
// ANCHOR_END: chat
