//! All clients of one trial: connecting them, and reading and writing their sockets, on one thread with one epoll.
//!
//! The generator uses it. A client has joined when the server has told it so; only then is anything published, so that
//! no client can miss a message because it was still connecting.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::pinning::Pinning;
use super::protocol::{Protocol, ServerEvent};
use super::scenario::Scenario;
use roomd_load::frames;
use roomd_load::socket::Socket;

const EVENTS_AT_ONCE: usize = 4096;
const BUFFER_BYTES: usize = 1 << 20;
/// Handshakes in progress at one time.
const CONNECTING_AT_ONCE: usize = 128;
/// With every client joined, this long without a byte means that all notices of joins have been delivered.
const QUIET: Duration = Duration::from_millis(200);
const CONNECT_LIMIT: Duration = Duration::from_secs(60);

/// What the generator does while nothing arrives.
#[derive(Clone, Copy, PartialEq)]
pub enum WaitStrategy {
    /// It polls again and again: right where it has a CPU of its own. One that sleeps is woken by the server's writes,
    /// and the server pays for that, the more the slower it is: a fast one keeps the generator awake.
    Spin,
    Sleep,
}

impl WaitStrategy {
    /// The default for a generator that is pinned like this.
    pub fn of(pinning: Option<Pinning>) -> Self {
        pinning.map_or(Self::Sleep, |_| Self::Spin)
    }
}

pub struct Clients {
    pub protocol: Protocol,
    wait_strategy: WaitStrategy,
    epoll: OwnedFd,
    clients: Vec<Client>,
    events: Vec<Event>,
    buffer: Vec<u8>,
    /// What all clients together have received.
    pub received: Received,
    /// How long nothing arrived.
    pub idle: Duration,
}

#[derive(Clone, Copy, Default)]
pub struct Received {
    pub notices: u64,
    pub bytes: u64,
}

pub struct Client {
    socket: Socket,
    pub room: usize,
    stage: Stage,
    /// The server has ended the connection; unread bytes may be left.
    ended: bool,
    /// A message whose last frame has not arrived yet.
    fragments: Vec<u8>,
    /// An incomplete part of the protocol's stream.
    partial: Vec<u8>,
}

/// How long it took until all clients were upgraded, until all had joined, and until all notices of joins had been
/// delivered.
#[derive(Clone, Copy)]
pub struct JoinTimes {
    pub upgraded: Duration,
    pub joined: Duration,
    pub settled: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Connecting,
    Upgrading,
    /// The 101 has arrived, the first frame has not.
    Joining,
    Joined,
    Gone,
}

impl Clients {
    /// Connects all clients, and waits until all have joined and the server sends nothing more.
    pub fn connect_all(
        protocol: Protocol,
        address: SocketAddrV4,
        scenario: &Scenario,
        wait_strategy: WaitStrategy,
    ) -> io::Result<(Self, JoinTimes)> {
        let mut clients = Self {
            protocol,
            wait_strategy,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            clients: Vec::with_capacity(scenario.clients()),
            events: Vec::with_capacity(EVENTS_AT_ONCE),
            buffer: vec![0; BUFFER_BYTES],
            received: Received::default(),
            idle: Duration::ZERO,
        };
        let began = Instant::now();
        let mut upgraded = 0;
        while upgraded < scenario.clients() {
            while clients.clients.len() < scenario.clients() && clients.clients.len() - upgraded < CONNECTING_AT_ONCE {
                clients.connect(address, clients.clients.len() % scenario.rooms)?;
            }
            upgraded += clients.serve_joining(scenario, CONNECT_LIMIT.saturating_sub(began.elapsed()))?;
        }
        let upgraded = began.elapsed();
        while clients.clients.iter().any(|client| client.stage != Stage::Joined) {
            clients.serve_joining(scenario, CONNECT_LIMIT.saturating_sub(began.elapsed()))?;
        }
        let joined = began.elapsed();
        let mut settled = began.elapsed();
        while !clients.ready(QUIET)?.is_empty() {
            for event in std::mem::take(&mut clients.events) {
                clients.read(number(event), |_, _| ())?;
            }
            settled = began.elapsed();
        }
        Ok((clients, JoinTimes { upgraded, joined, settled }))
    }

    pub fn all(&self) -> &[Client] {
        &self.clients
    }

    fn connect(&mut self, address: SocketAddrV4, room: usize) -> io::Result<()> {
        let fd = connect(address)?;
        let data = EventData::new_u64(self.clients.len() as u64);
        epoll::add(&self.epoll, &fd, data, EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET)?;
        self.clients.push(Client::new(Socket::new(fd), room));
        Ok(())
    }

    /// Serves connecting clients once; returns how many were upgraded.
    fn serve_joining(&mut self, scenario: &Scenario, limit: Duration) -> io::Result<usize> {
        if self.ready(limit)?.is_empty() {
            let joined = self.clients.iter().filter(|client| client.stage == Stage::Joined).count();
            let waited = CONNECT_LIMIT.as_secs();
            return Err(io::Error::other(format!(
                "only {joined} of {} clients joined in {waited} s",
                scenario.clients()
            )));
        }
        let events = std::mem::take(&mut self.events);
        let (protocol, mut upgraded) = (self.protocol, 0);
        for event in &events {
            let client = &mut self.clients[number(*event)];
            if client.stage == Stage::Connecting {
                rustix::net::sockopt::socket_error(&client.socket)??;
                client.stage = Stage::Upgrading;
                client.socket.send(&request(&protocol.path(client.room, number(*event))))?;
            }
            let before = client.stage;
            client.read(protocol, &mut self.buffer, &mut self.received, |_, _| ())?;
            upgraded += usize::from(before == Stage::Upgrading && client.stage != Stage::Upgrading);
        }
        self.events = events;
        Ok(upgraded)
    }

    /// Waits for clients with something to read, and leaves them in `events`; none means that `limit` is over.
    fn ready(&mut self, limit: Duration) -> io::Result<&[Event]> {
        let began = Instant::now();
        let at_once = match self.wait_strategy {
            WaitStrategy::Spin => Duration::ZERO,
            WaitStrategy::Sleep => limit,
        };
        let mut looked = began;
        while self.poll(at_once)? == 0 {
            looked = Instant::now();
            if looked.duration_since(began) >= limit {
                break;
            }
        }
        self.idle += match self.wait_strategy {
            WaitStrategy::Spin => looked.duration_since(began),
            WaitStrategy::Sleep => began.elapsed(),
        };
        let ends = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        for event in self.events.iter().filter(|event| { event.flags }.intersects(ends)) {
            self.clients[number(*event)].ended = true;
        }
        Ok(&self.events)
    }

    /// Fills `events` with what is ready now, or within `limit`.
    fn poll(&mut self, limit: Duration) -> io::Result<usize> {
        self.events.clear();
        self.events.reserve(EVENTS_AT_ONCE);
        let milliseconds = Duration::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        let timeout = Timespec::try_from(milliseconds).map_err(io::Error::other)?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(count) => Ok(count),
            Err(Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// The numbers of the clients that have something to read, into `numbers`.
    pub fn wait(&mut self, limit: Duration, numbers: &mut Vec<usize>) -> io::Result<()> {
        numbers.clear();
        numbers.extend(self.ready(limit)?.iter().copied().map(number));
        Ok(())
    }

    /// Passes each message that has arrived for one client to `each`, with the time of its arrival.
    /// A connection that broke is closed, and the reason returned; it is not served any more.
    pub fn read(&mut self, number: usize, each: impl FnMut(&[u8], Instant)) -> io::Result<()> {
        let client = &mut self.clients[number];
        let outcome = client.read(self.protocol, &mut self.buffer, &mut self.received, each);
        if outcome.is_err() {
            client.stage = Stage::Gone;
            epoll::delete(&self.epoll, &client.socket)?;
        }
        outcome
    }

    /// Sends a frame for one client; what the kernel does not take follows with a later `read`.
    pub fn send(&mut self, number: usize, frame: &[u8]) -> io::Result<()> {
        match &mut self.clients[number] {
            Client { stage: Stage::Gone, .. } => Ok(()),
            client => client.socket.send(frame).map(|_| ()),
        }
    }
}

impl Client {
    fn new(socket: Socket, room: usize) -> Self {
        Self { socket, room, stage: Stage::Connecting, ended: false, fragments: Vec::new(), partial: Vec::new() }
    }

    fn read(
        &mut self,
        protocol: Protocol,
        buffer: &mut [u8],
        received: &mut Received,
        mut each: impl FnMut(&[u8], Instant),
    ) -> io::Result<()> {
        let Self { socket, stage, ended, room, fragments, partial } = self;
        if socket.has_unsent() {
            socket.flush()?;
        }
        let mut replies = Vec::new();
        socket.receive(*ended, buffer, |bytes| {
            let now = Instant::now();
            let mut used = 0;
            if *stage == Stage::Upgrading {
                used = upgrade(bytes)?;
                if used == 0 {
                    return Ok(0);
                }
                *stage = Stage::Joining;
            }
            let mut handle = |event: ServerEvent<'_>| match event {
                ServerEvent::Message(message) => each(message, now),
                ServerEvent::MemberJoined if *stage == Stage::Joined => received.notices += 1,
                ServerEvent::Joined | ServerEvent::MemberJoined => *stage = Stage::Joined,
            };
            while let Some(frame) = frames::first(&bytes[used..]) {
                used += frame.size;
                received.bytes += frame.size as u64;
                match frame.opcode {
                    frames::PING => frames::append_masked(&mut replies, frames::PONG, frame.payload, [0; 4]),
                    frames::PONG => {}
                    frames::CLOSE => return Err(closed(frame.payload)),
                    _ if frame.whole => protocol.take(*room, frame.payload, partial, &mut replies, &mut handle)?,
                    _ => {
                        fragments.extend_from_slice(frame.payload);
                        if frame.last {
                            protocol.take(*room, fragments, partial, &mut replies, &mut handle)?;
                            fragments.clear();
                        }
                    }
                }
            }
            Ok(used)
        })?;
        if !replies.is_empty() {
            socket.send(&replies)?;
        }
        Ok(())
    }
}

fn number(event: Event) -> usize {
    usize::try_from(event.data.u64()).expect("numbers are indices of `clients`")
}

/// A socket that is about to be connected.
pub fn connect(address: SocketAddrV4) -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    rustix::net::sockopt::set_tcp_nodelay(&fd, true)?;
    match rustix::net::connect(&fd, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(fd),
        Err(error) => Err(error.into()),
    }
}

/// The key is the example of RFC 6455 §1.3.
pub fn request(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// The size of the response once it is there; any status but 101 is an error.
pub fn upgrade(bytes: &[u8]) -> io::Result<usize> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(0);
    };
    if bytes.starts_with(b"HTTP/1.1 101") {
        return Ok(end + 4);
    }
    let answer = String::from_utf8_lossy(bytes);
    Err(io::Error::other(format!("a client was refused: {}", answer.lines().next().unwrap_or_default())))
}

fn closed(payload: &[u8]) -> io::Error {
    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
    let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
    io::Error::other(format!("the server closed a connection: {code} {reason}"))
}
