//! Idle sockets, as a slowloris attack opens them: they connect, and then send next to nothing.
//!
//! Every other one stays silent; the rest begin a request, or with TLS a handshake, and send a byte a second. One
//! that the server disconnects connects again. They occupy what a server gives to clients that it does not know yet;
//! the report says what that does to all other clients.
//!
//! On a thread of its own, which visits each socket once a second and ends when its handle is stopped.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;

/// A second is divided into slices, in each of which some of the sockets are visited.
const SLICES: usize = 20;
const SLICE: Duration = Duration::from_millis(50);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long the load waits for all sockets to connect; those that are late connect while it runs.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A request head that takes five minutes.
const REQUEST_HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: ";
/// A record of the handshake that announces 512 bytes, and in it a first message (RFC 8446 §4, §5.1).
const CLIENT_HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
/// The byte that follows, again and again.
const TRICKLE: u8 = b'a';

/// What happened to the idle sockets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct IdleSocketCounts {
    pub sockets: usize,
    /// Connections that the server ended.
    pub sent_away: u64,
    /// Attempts to connect that failed.
    pub kept_out: u64,
}

/// The handle of the thread that holds the sockets.
pub struct IdleSockets {
    thread: JoinHandle<IdleSocketCounts>,
    /// The thread ends when this is dropped.
    _alive: Sender<()>,
}

struct IdleSocketLoop {
    server: SocketAddr,
    /// What those send that send something.
    beginning: &'static [u8],
    sockets: Vec<Option<IdleSocket>>,
    counts: IdleSocketCounts,
}

struct IdleSocket {
    stream: TcpStream,
    sent: usize,
}

impl IdleSockets {
    /// Connects so many sockets; blocks until all are connected, or for `START_LIMIT` at most.
    ///
    /// # Errors
    /// If there is no thread for them, or the server does not accept the first.
    pub fn start(server: SocketAddr, tls: bool, count: usize) -> io::Result<Self> {
        let (alive, inbox) = channel();
        let beginning = if tls { CLIENT_HELLO } else { REQUEST_HEAD };
        let counts = IdleSocketCounts { sockets: count, sent_away: 0, kept_out: 0 };
        let mut body = IdleSocketLoop { server, beginning, sockets: Vec::new(), counts };
        let deadline = Instant::now() + START_LIMIT;
        body.sockets.push(Some(IdleSocket::connect(&server)?));
        body.sockets.resize_with(count, || None);
        (0..count).take_while(|_| Instant::now() < deadline).for_each(|number| body.visit(number));
        let thread = Builder::new().name("idle-sockets".to_owned()).spawn(move || body.run(&inbox))?;
        Ok(Self { thread, _alive: alive })
    }

    /// Closes them; what happened to them. Blocks for one attempt to connect at most.
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
            for number in (slice..self.sockets.len()).step_by(SLICES) {
                if inbox.try_recv() == Err(TryRecvError::Disconnected) {
                    return self.counts;
                }
                self.visit(number);
            }
            slice = (slice + 1) % SLICES;
        }
        self.counts
    }

    fn visit(&mut self, number: usize) {
        let slot = &mut self.sockets[number];
        if let Some(socket) = slot {
            let beginning = if number.is_multiple_of(2) { self.beginning } else { b"" };
            if !socket.is_connected() || !socket.trickle(beginning) {
                self.counts.sent_away += 1;
                *slot = None;
            }
        }
        if slot.is_none() {
            match IdleSocket::connect(&self.server) {
                Ok(socket) => *slot = Some(socket),
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
        Ok(Self { stream, sent: 0 })
    }

    /// Whether the server keeps the connection: it has no reason to send anything but an end.
    fn is_connected(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 64]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Sends the beginning at first, and then a byte at a time. False when that fails.
    fn trickle(&mut self, beginning: &[u8]) -> bool {
        let next = match (beginning, self.sent) {
            ([], _) => return true,
            (beginning, 0) => beginning,
            _ => &[TRICKLE],
        };
        self.sent += next.len();
        self.stream.write_all(next).is_ok()
    }
}
