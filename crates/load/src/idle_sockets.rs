//! Sockets that come to be a nuisance: they connect, and then say next to nothing.
//!
//! Every other one says nothing at all; the rest begin a request, or with TLS a handshake, and go on with
//! a byte a second. One that the server sends away comes back. They hold what a server gives to those
//! whom it does not know yet; what that does to everybody else, the report says.
//!
//! On a thread of its own, which looks at each socket once a second and ends when its handle is stopped.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use serde::Serialize;

/// The second is cut into slices, in each of which some of the sockets are looked at.
const SLICES: usize = 20;
const SLICE: Duration = Duration::from_millis(50);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A request head that takes five minutes.
const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: ";
/// A record of the handshake that announces 512 bytes, and in it a first message (RFC 8446 §4, §5.1).
const HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
/// What goes on for ever.
const MORE: u8 = b'a';

/// What became of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct IdleSocketCounts {
    pub sockets: usize,
    /// Connections that the server ended.
    pub sent_away: u64,
    /// Attempts to connect that failed.
    pub kept_out: u64,
}

/// See the module.
pub struct IdleSockets {
    thread: JoinHandle<IdleSocketCounts>,
    /// Its end is the thread's.
    _alive: Sender<()>,
}

struct IdleSocketLoop {
    server: SocketAddr,
    /// What those say that say something.
    words: &'static [u8],
    sockets: Vec<Option<IdleSocket>>,
    counts: IdleSocketCounts,
}

struct IdleSocket {
    stream: TcpStream,
    /// How much of its words it has said.
    said: usize,
}

impl IdleSockets {
    /// Has so many connect; blocks until all have.
    ///
    /// # Errors
    /// If there is no thread for them, or the server lets not one in.
    pub fn start(server: SocketAddr, tls: bool, count: usize) -> io::Result<Self> {
        let (alive, inbox) = channel();
        let words = if tls { HELLO } else { HEAD };
        let counts = IdleSocketCounts { sockets: count, sent_away: 0, kept_out: 0 };
        let mut body = IdleSocketLoop { server, words, sockets: Vec::new(), counts };
        body.sockets.push(Some(IdleSocket::connect(&server)?));
        body.sockets.resize_with(count, || None);
        (0..count).for_each(|number| body.look_at(number));
        let thread = Builder::new().name("loiterers".to_owned()).spawn(move || body.run(&inbox))?;
        Ok(Self { thread, _alive: alive })
    }

    /// They go; what became of them.
    #[must_use]
    pub fn stop(self) -> IdleSocketCounts {
        drop(self._alive);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl IdleSocketLoop {
    fn run(mut self, inbox: &Receiver<()>) -> IdleSocketCounts {
        let mut slice = 0;
        while inbox.recv_timeout(SLICE) == Err(RecvTimeoutError::Timeout) {
            (slice..self.sockets.len()).step_by(SLICES).for_each(|number| self.look_at(number));
            slice = (slice + 1) % SLICES;
        }
        self.counts
    }

    fn look_at(&mut self, number: usize) {
        let place = &mut self.sockets[number];
        if let Some(idle) = place {
            let words = if number.is_multiple_of(2) { self.words } else { b"" };
            if !idle.is_connected() || !idle.trickle(words) {
                self.counts.sent_away += 1;
                *place = None;
            }
        }
        if place.is_none() {
            match IdleSocket::connect(&self.server) {
                Ok(idle) => *place = Some(idle),
                Err(_) => self.counts.kept_out += 1,
            }
        }
    }
}

impl IdleSocket {
    fn connect(server: &SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(server, CONNECT_LIMIT)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, said: 0 })
    }

    /// Whether the server has not sent it away: it has nothing else to say to it.
    fn is_connected(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 64]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Says the next of its words: the beginning at once, then byte by byte. False when that fails.
    fn trickle(&mut self, words: &[u8]) -> bool {
        let next = match (words, self.said) {
            ([], _) => return true,
            (words, 0) => words,
            _ => &[MORE],
        };
        self.said += next.len();
        self.stream.write_all(next).is_ok()
    }
}
