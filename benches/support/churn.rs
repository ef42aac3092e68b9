//! Clients that come and go: each connects, joins a room, says something, hears it, closes, and is followed by the next.
//!
//! On the bench's only thread, with one epoll. A scenario has so many places at once; a place is free for the next client when
//! the server has answered the close frame of the last. What is measured is a cycle: from the connection's first packet to
//! that answer.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use super::clients::{WaitStrategy, connect, request, upgrade};
use super::message_tag::MessageTag;
use super::protocol::{Protocol, ServerEvent};
use super::scenario::{PAYLOAD_BYTES, Scenario};
use roomd_load::frames;
use roomd_load::socket::Socket;

const BUFFER_BYTES: usize = 1 << 16;
/// A cycle that takes longer means that the server does not answer.
const CYCLE_LIMIT: Duration = Duration::from_secs(20);
const LATENCY_MAX_NS: u64 = 60_000_000_000;
/// The close frame of a client: 1000, masked with zeros.
const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];

pub struct Churn {
    protocol: Protocol,
    address: SocketAddrV4,
    rooms: usize,
    wait_strategy: WaitStrategy,
    epoll: OwnedFd,
    places: Vec<Place>,
    events: Vec<Event>,
    buffer: Vec<u8>,
    latency: Histogram<u64>,
    /// How long nothing arrived.
    pub idle: Duration,
}

/// A client at one of the places.
struct Place {
    /// `None` before the first.
    socket: Option<Socket>,
    stage: Stage,
    began: Instant,
    /// The number of the client at this place.
    seq: u32,
    partial: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Connecting,
    Upgrading,
    Joining,
    Listening,
    Closing,
    Closed,
}

impl Stage {
    /// What the end of a socket means here: a server may close its side with its answer, or without one.
    fn end_of(&mut self, received: io::Result<()>) -> io::Result<()> {
        match received {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && *self == Self::Closing => {
                *self = Self::Closed;
            }
            Err(error) if *self != Self::Closed => return Err(error),
            Err(_) => {}
        }
        Ok(())
    }
}

impl Churn {
    /// # Errors
    /// If no socket can be made.
    pub fn new(
        protocol: Protocol,
        address: SocketAddrV4,
        scenario: &Scenario,
        wait_strategy: WaitStrategy,
    ) -> io::Result<Self> {
        let place = || Place { socket: None, stage: Stage::Closed, began: Instant::now(), seq: 0, partial: Vec::new() };
        let mut churn = Self {
            protocol,
            address,
            rooms: scenario.rooms,
            wait_strategy,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            places: (0..scenario.clients()).map(|_| place()).collect(),
            events: Vec::with_capacity(scenario.clients()),
            buffer: vec![0; BUFFER_BYTES],
            latency: Histogram::new_with_bounds(1, LATENCY_MAX_NS, 2).map_err(io::Error::other)?,
            idle: Duration::ZERO,
        };
        for number in 0..churn.places.len() {
            churn.connect(number)?;
        }
        Ok(churn)
    }

    /// Lets clients come and go for this time; how long each cycle took that ended meanwhile, in nanoseconds.
    ///
    /// # Errors
    /// If the server breaks or refuses a connection, or does not answer.
    pub fn run(&mut self, time: Duration) -> io::Result<Histogram<u64>> {
        self.latency.reset();
        let end = Instant::now() + time;
        let mut checked = Instant::now();
        while Instant::now() < end {
            self.wait(Duration::from_millis(10))?;
            for event in std::mem::take(&mut self.events) {
                let number = usize::try_from(event.data.u64()).map_err(io::Error::other)?;
                self.serve(number)?;
            }
            if checked.elapsed() > CYCLE_LIMIT / 4 {
                checked = Instant::now();
                if self.places.iter().any(|place| place.began.elapsed() > CYCLE_LIMIT) {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "a client waits and waits"));
                }
            }
        }
        Ok(self.latency.clone())
    }

    fn wait(&mut self, limit: Duration) -> io::Result<()> {
        let began = Instant::now();
        loop {
            self.events.clear();
            self.events.reserve(self.places.len());
            let at_most = if self.wait_strategy == WaitStrategy::Spin { Duration::ZERO } else { limit };
            let timeout = Timespec::try_from(at_most).map_err(io::Error::other)?;
            match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
                Ok(0) | Err(Errno::INTR) if began.elapsed() < limit => {}
                Ok(_) | Err(Errno::INTR) => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.idle += began.elapsed();
        Ok(())
    }

    /// The next client of a place.
    fn connect(&mut self, number: usize) -> io::Result<()> {
        let fd = connect(self.address)?;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, &fd, EventData::new_u64(number as u64), flags)?;
        let place = &mut self.places[number];
        // The socket of the last client is closed here.
        place.socket = Some(Socket::new(fd));
        (place.stage, place.began) = (Stage::Connecting, Instant::now());
        place.seq += 1;
        place.partial.clear();
        Ok(())
    }

    fn serve(&mut self, number: usize) -> io::Result<()> {
        let room = number % self.rooms;
        let place = &mut self.places[number];
        let Some(socket) = &mut place.socket else { return Ok(()) };
        if place.stage == Stage::Connecting {
            rustix::net::sockopt::socket_error(&*socket)??;
            place.stage = Stage::Upgrading;
            socket.send(&request(&self.protocol.path(room, number)))?;
        }
        let own = MessageTag { slot: u16::try_from(number).map_err(io::Error::other)?, seq: place.seq };
        let (stage, partial, protocol) = (&mut place.stage, &mut place.partial, self.protocol);
        let mut replies = Vec::new();
        let received = socket.receive(false, &mut self.buffer, |bytes| {
            let mut used = 0;
            if *stage == Stage::Upgrading {
                used = upgrade(bytes)?;
                if used == 0 {
                    return Ok(0);
                }
                *stage = Stage::Joining;
            }
            while let Some(frame) = frames::first(&bytes[used..]) {
                used += frame.size;
                if frame.opcode == frames::CLOSE {
                    if *stage != Stage::Closing {
                        return Err(io::Error::other("the server closed a connection"));
                    }
                    *stage = Stage::Closed;
                    return Ok(bytes.len());
                }
                if frame.opcode > frames::BINARY || *stage == Stage::Closing {
                    continue;
                }
                let mut next = *stage;
                protocol.take(room, frame.payload, partial, &mut replies, |event| match event {
                    ServerEvent::Joined | ServerEvent::MemberJoined if next == Stage::Joining => {
                        next = Stage::Listening
                    }
                    ServerEvent::Message(text) if MessageTag::read(text).is_some_and(|tag| tag.is(own)) => {
                        next = Stage::Closing;
                    }
                    _ => {}
                })?;
                match (*stage, next) {
                    (Stage::Joining, Stage::Listening) => {
                        let mut payload = [0; PAYLOAD_BYTES];
                        own.write(&mut payload);
                        protocol.publish(room, &payload, [7, 1, 9, 3], &mut replies);
                    }
                    (Stage::Listening, Stage::Closing) => replies.extend_from_slice(&CLOSE),
                    _ => {}
                }
                *stage = next;
            }
            Ok(used)
        });
        stage.end_of(received)?;
        if *stage == Stage::Closed {
            let took = place.began.elapsed().as_nanos();
            self.latency.saturating_record(u64::try_from(took).unwrap_or(u64::MAX));
            return self.connect(number);
        }
        if !replies.is_empty() {
            socket.send(&replies)?;
        }
        Ok(())
    }
}
