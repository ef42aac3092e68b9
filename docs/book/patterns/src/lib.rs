//! What the servers share: a socket to listen on, lines to read, and a thread for each client.
//!
//! A client's first line is the name of its room, answered with `joined`; every further line goes to all members of that
//! room. Each server is one file in `bin`, and differs in who has the rooms, and who writes to a member's socket.

pub mod rounds;

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// The answer to the first line of a client.
pub const JOINED: &[u8] = b"joined\n";
/// Bytes of a line, at most.
pub const LINE_MAX: usize = 4096;
/// Bytes that may wait for a client, at most, where something can wait.
pub const BACKLOG_MAX: usize = 1 << 20;

/// How long a write may wait for a client that does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// Virtual bytes of a client's stack.
const STACK_BYTES: usize = 256 * 1024;

/// The name of a room.
pub type Name = Vec<u8>;

/// Listens on a free port of this machine, and prints its address.
///
/// # Errors
/// The system gives none.
pub fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // The standard library's backlog is too short for a crowd that comes at once.
    rustix::net::listen(&listener, 4096)?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    Ok(listener)
}

/// Accepts clients for ever, each with a thread that runs `client` until the client is gone.
///
/// # Errors
/// The system gives no socket, or no thread.
pub fn serve(client: impl Fn(Client) -> io::Result<()> + Clone + Send + 'static) -> io::Result<()> {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    for stream in listen()?.incoming() {
        let (client, stream) = (client.clone(), stream?);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let body = move || {
            // The error is how its client went, and nobody is left to be told.
            _ = Client::welcome(stream, number).and_then(client);
        };
        thread::Builder::new().name(format!("reader-{number}")).stack_size(STACK_BYTES).spawn(body)?;
    }
    Ok(())
}

/// A client that has named its room.
pub struct Client {
    /// Its number, which no other has.
    pub number: u64,
    /// The room that it has named.
    pub room: Name,
    input: BufReader<TcpStream>,
}

impl Client {
    fn welcome(stream: TcpStream, number: u64) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let mut client = Self { number, room: Name::new(), input: BufReader::with_capacity(LINE_MAX, stream) };
        client.input.read_until(b'\n', &mut client.room)?;
        client.room.pop();
        Ok(client)
    }

    /// A second handle of its socket, to write to.
    ///
    /// # Errors
    /// The system gives no further descriptor.
    pub fn socket(&self) -> io::Result<TcpStream> {
        self.input.get_ref().try_clone()
    }

    /// All whole lines that are there, with their ends. Blocks until there is one.
    ///
    /// # Errors
    /// The client is gone, or its line is too long.
    pub fn lines(&mut self) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        while !lines.ends_with(b"\n") {
            let read = self.input.fill_buf()?;
            let whole = read.iter().rposition(|byte| *byte == b'\n').map_or(read.len(), |at| at + 1);
            if whole == 0 || lines.len() > LINE_MAX {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            lines.extend_from_slice(&read[..whole]);
            self.input.consume(whole);
        }
        Ok(lines)
    }
}

/// Writes all of it; a client that does not read is given up after a second.
pub fn write(mut socket: &TcpStream, lines: &[u8]) {
    if socket.write_all(lines).is_err() {
        // Its own thread finds that out, and takes it out of its room.
        _ = socket.shutdown(std::net::Shutdown::Both);
    }
}
