//! A chat: each line that a client sends is written to all clients. A client whose line is too long is disconnected.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Bytes of a line, at most, with the end of the line.
pub const LINE_MAX: usize = 512;

/// The sockets of all clients, each under the number of its client.
type Clients = Arc<Mutex<BTreeMap<usize, TcpStream>>>;

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
            // With this the last handle on the socket goes, and the client is told the end.
            clients.lock().unwrap().remove(&number);
        });
    }
    Ok(())
}

/// Writes each line of one client to all clients, until there is none, or one that is too long.
fn converse(stream: &TcpStream, clients: &Clients) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.by_ref().take(LINE_MAX as u64).read_until(b'\n', &mut line)?;
        // The client has ended its input, perhaps in the middle of a line, or there is no end of the line where it has to be.
        if !line.ends_with(b"\n") {
            return Ok(());
        }
        for mut client in clients.lock().unwrap().values() {
            // Whether a client is gone, its own thread finds out.
            _ = client.write_all(&line);
        }
    }
}
