//! One trial: a server, its clients at one door, and messages for as long as is measured.
//!
//! One thread with one epoll. A client's stream is searched for the marks of messages, each of which has its number: a
//! message that does not come, comes twice or in another order ends the trial with an error.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use crate::door::{Addresses, Door};
use crate::support::pinning::Pinning;
use crate::support::usage::Usage;

/// What a message begins with; behind it are eight digits, its number, and as many dots as make it 100 bytes.
const MARK: &[u8] = b"~#";
const DIGITS: usize = 8;
const MESSAGE_BYTES: usize = 100;
/// How long it may take until all clients are in the room, or a message has come to all.
const PATIENCE: Duration = Duration::from_secs(60);
/// Without a byte for so long, all notices of joins have been delivered.
const QUIET: Duration = Duration::from_millis(200);
const WARM_UP: Duration = Duration::from_millis(300);

/// How large a trial is.
#[derive(Clone, Copy)]
pub struct Size {
    pub clients: usize,
    /// Messages in flight: the next goes out when every client has the first of them.
    pub window: usize,
    pub measuring: Duration,
}

/// What was measured.
pub struct Figures {
    pub deliveries: f64,
    pub cpu_s: f64,
    pub bytes: f64,
    pub elapsed_s: f64,
}

struct Client {
    stream: TcpStream,
    /// Text that it waits for until it is in the room.
    joined: Option<String>,
    /// The end of a stream that may be the beginning of a mark, or of what it waits for.
    partial: Vec<u8>,
    /// Messages that it has.
    received: u64,
}

struct Trial {
    epoll: rustix::fd::OwnedFd,
    clients: Vec<Client>,
    buffer: Vec<u8>,
    bytes: u64,
}

/// Runs it.
///
/// # Errors
/// The server does not start, or a message is lost or repeated.
pub fn run(door: Door, size: Size, pinning: Option<Pinning>) -> io::Result<Figures> {
    let mut server = Server::start(size.clients, pinning)?;
    let addresses = server.addresses()?;
    let mut trial = Trial::open(door, addresses, size.clients)?;
    let mut publisher = connected(addresses.lines)?;
    publisher.write_all(b"/nick publisher\n")?;
    let mut echoes = publisher.try_clone()?;
    // What the publisher is told is nobody's delivery: it is read and forgotten, so that its outbox stays empty.
    let mut sink = [0; 64 * 1024];
    echoes.set_nonblocking(true)?;
    trial.settle()?;
    let (mut sent, began) = (0, Instant::now());
    let mut measured: Option<(Instant, Usage, u64, u64)> = None;
    loop {
        while sent < trial.least() + size.window as u64 {
            publisher.write_all(&message(sent))?;
            sent += 1;
        }
        if !trial.read(PATIENCE)? {
            return Err(io::Error::other(format!("{}: a message has not come", door.name())));
        }
        while echoes.read(&mut sink).is_ok_and(|bytes| bytes > 0) {}
        match &measured {
            None if began.elapsed() >= WARM_UP => {
                let (usage, received) = (Usage::now(server.0.id())?, trial.received());
                measured = Some((Instant::now(), usage, received, trial.bytes));
            }
            Some((since, usage, received, bytes)) if since.elapsed() >= size.measuring => {
                let used = Usage::now(server.0.id())? - *usage;
                return Ok(Figures {
                    deliveries: (trial.received() - received) as f64,
                    cpu_s: used.server(),
                    bytes: (trial.bytes - bytes) as f64,
                    elapsed_s: since.elapsed().as_secs_f64(),
                });
            }
            _ => {}
        }
    }
}

fn message(number: u64) -> Vec<u8> {
    let mut text = format!("~#{number:08}").into_bytes();
    text.resize(MESSAGE_BYTES, b'.');
    text.push(b'\n');
    text
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn connected(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Trial {
    /// Connects all clients, and waits until each is in the room.
    fn open(door: Door, addresses: Addresses, count: usize) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut trial = Self { epoll, clients: Vec::with_capacity(count), buffer: vec![0; 256 * 1024], bytes: 0 };
        let deadline = Instant::now() + PATIENCE;
        for number in 0..count {
            let mut stream = connected(door.address(addresses))?;
            stream.write_all(door.opening(number).as_bytes())?;
            stream.set_nonblocking(true)?;
            epoll::add(&trial.epoll, &stream, EventData::new_u64(number as u64), EventFlags::IN)?;
            let joined = Some(door.joined(number));
            trial.clients.push(Client { stream, joined, partial: Vec::new(), received: 0 });
            // Not all at once: a server may refuse those that it has not come to yet.
            while trial.clients.iter().filter(|client| client.joined.is_some()).count() > 64 {
                trial.wait_for_joins(door, deadline)?;
            }
        }
        while trial.clients.iter().any(|client| client.joined.is_some()) {
            trial.wait_for_joins(door, deadline)?;
        }
        Ok(trial)
    }

    fn wait_for_joins(&mut self, door: Door, deadline: Instant) -> io::Result<()> {
        if self.read(deadline.saturating_duration_since(Instant::now()))? {
            return Ok(());
        }
        let missing = self.clients.iter().filter(|client| client.joined.is_some()).count();
        Err(io::Error::other(format!("{}: {missing} clients are not in the room", door.name())))
    }

    /// Reads until nothing comes any more.
    fn settle(&mut self) -> io::Result<()> {
        while self.read(QUIET)? {}
        Ok(())
    }

    /// Reads what has come; false when nothing has within this time.
    fn read(&mut self, limit: Duration) -> io::Result<bool> {
        let mut events: Vec<Event> = Vec::with_capacity(1024);
        let limit = Timespec { tv_sec: limit.as_secs().cast_signed(), tv_nsec: limit.subsec_nanos().into() };
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&limit))?;
        for event in &events {
            let client = &mut self.clients[usize::try_from(event.data.u64()).unwrap_or(usize::MAX)];
            let count = client.stream.read(&mut self.buffer)?;
            if count == 0 {
                return Err(io::Error::other("the server has ended a connection"));
            }
            self.bytes += count as u64;
            client.take(&self.buffer[..count])?;
        }
        Ok(!events.is_empty())
    }

    /// The number of messages that every client has.
    fn least(&self) -> u64 {
        self.clients.iter().map(|client| client.received).min().unwrap_or_default()
    }

    fn received(&self) -> u64 {
        self.clients.iter().map(|client| client.received).sum()
    }
}

impl Client {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.partial.extend_from_slice(bytes);
        if let Some(joined) = &self.joined {
            if find(&self.partial, joined.as_bytes()).is_none() {
                return Ok(());
            }
            self.joined = None;
        }
        let mut rest = &self.partial[..];
        while let Some(at) = find(rest, MARK) {
            let Some(digits) = rest.get(at + MARK.len()..at + MARK.len() + DIGITS) else {
                rest = &rest[at..];
                break;
            };
            let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            if number != Some(self.received) {
                return Err(io::Error::other(format!("message {number:?} came in the place of {}", self.received)));
            }
            self.received += 1;
            rest = &rest[at + MARK.len() + DIGITS..];
        }
        // Half a mark may be left.
        let left = if rest.starts_with(MARK) { rest.len() } else { rest.len().min(MARK.len() - 1) };
        let left = rest[rest.len() - left..].to_vec();
        self.partial = left;
        Ok(())
    }
}

/// The server, which is killed when it is dropped.
struct Server(Child);

impl Server {
    fn start(clients: usize, pinning: Option<Pinning>) -> io::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomd"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMD_")) {
            command.env_remove(name);
        }
        let any = "127.0.0.1:0";
        command.args(["serve", "--guests", "on", "--listen", any, "--lines", any, "--irc", any, "--data", "off"]);
        command.args(["--rate-per-s", "0", "--history", "0", "--connections-max", &(clients + 16).to_string()]);
        command.env("RUST_LOG", "error").stdin(Stdio::null()).stdout(Stdio::piped());
        match pinning {
            Some(pinning) => pinning.spawn(&mut command).map(Self),
            None => command.spawn().map(Self),
        }
    }

    /// Where it listens, as its first line says: `… listening on http://A, lines on B, IRC on C, …`.
    fn addresses(&mut self) -> io::Result<Addresses> {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().expect("stdout is piped")).read_line(&mut line)?;
        let address = |name: &str| {
            let rest = line.split_once(name)?.1;
            rest.split([',', '/', ' ', '\n']).next()?.parse().ok()
        };
        let found = address("http://").zip(address("lines on ")).zip(address("IRC on "));
        let ((http, lines), irc) = found.ok_or_else(|| io::Error::other(format!("no addresses in {line:?}")))?;
        Ok(Addresses { http, lines, irc })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has already ended and been waited for.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
