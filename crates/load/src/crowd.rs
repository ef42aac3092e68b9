//! All clients of a load: one epoll over their sockets, and one buffer that all read into.
//!
//! The generator owns it; everything happens on its thread, and nothing here blocks but `wait`. A
//! socket is told of while it has something to read (level-triggered), or while something waits to be
//! written. A slow client is not told of: it is read a sip at a time.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};
use tungstenite::handshake::client::generate_key;

use super::client::Client;
use super::plan::Plan;
use super::socket::Socket;
use super::stop::Stop;
use super::stream::Stream;
use super::talk::{Stage, Talk, World};
use roomd_tls::{Application, Dialer};

const TIMER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
const EVENTS_AT_ONCE: usize = 1024;
const BUFFER_BYTES: usize = 256 * 1024;
/// What the kernel holds for a client that reads slowly.
const SLOW_RECEIVE_BYTES: usize = 4096;

/// See the module.
pub struct Crowd {
    epoll: OwnedFd,
    /// Ends a wait to the microsecond; the epoll's own timeout knows only whole milliseconds.
    timer: OwnedFd,
    /// By number.
    pub clients: Vec<Client>,
    events: Vec<Event>,
    buffer: Vec<u8>,
    /// Where each door of the plan leads.
    http: SocketAddr,
    lines: Option<SocketAddr>,
    /// What a request calls the server.
    host: String,
    /// What connections are made with, through TLS.
    dialer: Option<Dialer>,
    /// Whether slow clients are slow at present.
    sipping: bool,
    /// Clients that have a connection.
    connected: usize,
    stop: Stop,
    /// How often it was asked to stop.
    pub stops: u64,
}

impl Crowd {
    /// The clients of a plan, none of them connected.
    ///
    /// # Errors
    /// If there is no descriptor for the epoll.
    pub fn gather(
        plan: &Plan,
        dialer: Option<Dialer>,
        (http, lines): (SocketAddr, Option<SocketAddr>),
        stop: Stop,
    ) -> io::Result<Self> {
        let now = Instant::now();
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        // Once is enough: setting it anew takes back what it said before.
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        epoll::add(&epoll, &stop, EventData::new_u64(STOP), EventFlags::IN)?;
        Ok(Self {
            epoll,
            timer,
            stop,
            stops: 0,
            clients: (0..plan.clients).map(|client| Client::new(Talk::new(client, plan, now))).collect(),
            events: Vec::with_capacity(EVENTS_AT_ONCE),
            buffer: vec![0; BUFFER_BYTES.max(4 * plan.size)],
            http,
            lines,
            host: plan.server.clone(),
            dialer,
            sipping: false,
            connected: 0,
        })
    }

    /// Clients that have a connection.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.connected
    }

    /// Begins to connect a client that has no connection.
    ///
    /// # Errors
    /// If there is no descriptor or no port for it.
    pub fn connect(&mut self, number: usize, now: Instant, world: &mut World<'_>) -> io::Result<()> {
        let Client { socket, talk, .. } = &mut self.clients[number];
        let address = if talk.door.is_websocket() { self.http } else { self.lines.unwrap_or(self.http) };
        let slow = world.plan.is_slow(number);
        let application = if talk.door.is_websocket() { Application::Http } else { Application::Lines };
        let tunnel = self.dialer.as_ref().map(|dialer| dialer.dial(world.plan.host(), application));
        let tunnel = tunnel.transpose().map_err(io::Error::other)?;
        let stream = Stream::connect(&address, slow.then_some(SLOW_RECEIVE_BYTES), tunnel)?;
        let flags = EventFlags::IN | EventFlags::OUT;
        epoll::add(&self.epoll, &stream, EventData::new_u64(number as u64), flags)?;
        *socket = Some(Socket::over(stream));
        self.connected += 1;
        (talk.stage, talk.began, talk.closed) = (Stage::Connecting, now, None);
        talk.key = generate_key();
        talk.replies.clear();
        Ok(())
    }

    /// Waits for clients that have something to do, at most `patience`; whom, and what.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn wait(&mut self, patience: Duration, ready: &mut Vec<(usize, EventFlags)>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let it_value = Timespec::try_from(patience.max(Duration::from_nanos(1))).map_err(io::Error::other)?;
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: never, it_value })?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let number = |event: &Event| usize::try_from(event.data.u64()).expect("numbers are indices of `clients`");
        if self.events.iter().any(|event| event.data.u64() == STOP) {
            self.stops += self.stop.heard();
        }
        let of_clients = self.events.iter().filter(|event| event.data.u64() < STOP);
        ready.extend(of_clients.map(|event| (number(event), event.flags)));
        Ok(())
    }

    /// Does what a client is ready for.
    ///
    /// # Errors
    /// If its connection is at its end.
    pub fn serve(&mut self, number: usize, flags: EventFlags, world: &mut World<'_>) -> io::Result<()> {
        let now = Instant::now();
        let client = &mut self.clients[number];
        let Some(socket) = &client.socket else { return Ok(()) };
        if client.talk.stage == Stage::Connecting {
            socket.stream().connected()?;
            if !flags.contains(EventFlags::OUT) {
                return Ok(());
            }
            client.talk.connected(&self.host, world);
        }
        if !(flags - EventFlags::OUT).is_empty() {
            let bytes_max = self.buffer.len();
            client.read(&mut self.buffer, bytes_max, now, world)?;
        }
        self.settle(number, world)
    }

    /// Lets a slow client read so many bytes.
    ///
    /// # Errors
    /// If its connection is at its end.
    pub fn sip(&mut self, number: usize, bytes: usize, world: &mut World<'_>) -> io::Result<()> {
        self.clients[number].read(&mut self.buffer, bytes, Instant::now(), world)?;
        self.settle(number, world)
    }

    /// Slow clients are slow from now on, or no longer.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_sipping(&mut self, sipping: bool, world: &World<'_>) -> io::Result<()> {
        self.sipping = sipping;
        (0..self.clients.len())
            .filter(|number| world.plan.is_slow(*number))
            .try_for_each(|number| self.listen(number, world))
    }

    /// Sends what a client has to say, and ends it where the server has said the last word.
    ///
    /// # Errors
    /// If its connection is at its end.
    pub fn settle(&mut self, number: usize, world: &mut World<'_>) -> io::Result<()> {
        let client = &mut self.clients[number];
        let was_behind = client.socket.as_ref().is_some_and(Socket::is_behind);
        let had_begun = client.talk.stage == Stage::Upgrading || client.talk.stage == Stage::Entering;
        client.flush(world)?;
        if client.talk.closed.is_some() && client.talk.door.is_websocket() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let is_behind = client.socket.as_ref().is_some_and(Socket::is_behind);
        if was_behind != is_behind || had_begun { self.listen(number, world) } else { Ok(()) }
    }

    /// Says to the kernel what a client waits for.
    fn listen(&mut self, number: usize, world: &World<'_>) -> io::Result<()> {
        let client = &self.clients[number];
        let Some(socket) = &client.socket else { return Ok(()) };
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, !(self.sipping && world.plan.is_slow(number)));
        flags.set(EventFlags::OUT, socket.is_behind());
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(number as u64), flags)?)
    }

    /// Takes a client's connection away: closed, or cut.
    pub fn drop_connection(&mut self, number: usize, cut: bool) {
        let client = &mut self.clients[number];
        client.talk.stage = Stage::Absent;
        // The kernel forgets it in the epoll with its last descriptor.
        let Some(socket) = client.socket.take() else { return };
        self.connected -= 1;
        if cut {
            socket.cut();
        } else {
            socket.close();
        }
    }
}
