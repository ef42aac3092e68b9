//! All clients of a load: one epoll over their sockets, and one buffer that all read into.
//!
//! The generator owns it; everything happens on its thread, and nothing here blocks but `wait`. A socket is reported
//! while it has something to read (level-triggered), or while something waits to be written. A slow client's socket is
//! not: the generator reads it a few bytes at a time.

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

use crate::client::Client;
use crate::plan::Plan;
use crate::receive_buffer::receive_bytes;
use crate::run_state::RunState;
use crate::session::{Session, Stage};
use crate::socket::Socket;
use crate::stop::StopToken;
use crate::transport::Transport;
use roomd_tls::{Application, Dialer};

const TIMER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
const EVENTS_AT_ONCE: usize = 1024;
const BUFFER_BYTES: usize = 256 * 1024;
/// What the kernel may hold for a client that reads slowly.
const SLOW_RECEIVE_BYTES: usize = 4096;

/// Where the ports of the server are.
#[derive(Clone, Debug)]
pub struct ServerAddresses {
    pub http: SocketAddr,
    /// Further servers, whose WebSockets clients take in turn with that.
    pub also: Vec<SocketAddr>,
    /// Meaningless unless a client speaks the line protocol.
    pub lines: SocketAddr,
}

impl ServerAddresses {
    /// Of the servers' WebSockets the one whose turn it is.
    fn http_of(&self, turn: usize) -> SocketAddr {
        match turn % (self.also.len() + 1) {
            0 => self.http,
            other => self.also[other - 1],
        }
    }
}

/// See the module.
pub struct Clients {
    epoll: OwnedFd,
    /// Ends a wait to the microsecond; the epoll's own timeout knows only whole milliseconds.
    timer: OwnedFd,
    /// By number.
    pub all: Vec<Client>,
    events: Vec<Event>,
    buffer: Vec<u8>,
    addresses: ServerAddresses,
    /// The `Host` of requests.
    host: String,
    /// Makes connections through TLS; `None`: without.
    dialer: Option<Dialer>,
    /// What the kernel may hold for a client that does not read slowly; `None`: the kernel decides.
    receive_bytes: Option<usize>,
    /// Whether slow clients read slowly at present.
    throttling: bool,
    /// Clients that have a connection.
    connected: usize,
    stop: StopToken,
    /// How often a stop was requested.
    pub stop_requests: u64,
}

impl Clients {
    /// The clients of a plan, none of them connected.
    ///
    /// # Errors
    /// If there is no descriptor for the epoll.
    pub fn new(plan: &Plan, dialer: Option<Dialer>, addresses: ServerAddresses, stop: StopToken) -> io::Result<Self> {
        let now = Instant::now();
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        // It is added once: setting the timer anew withdraws its last event.
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        epoll::add(&epoll, &stop, EventData::new_u64(STOP), EventFlags::IN)?;
        Ok(Self {
            epoll,
            timer,
            stop,
            stop_requests: 0,
            all: (0..plan.connections()).map(|client| Client::new(Session::new(client, plan, now))).collect(),
            events: Vec::with_capacity(EVENTS_AT_ONCE),
            buffer: vec![0; BUFFER_BYTES.max(4 * plan.size)],
            addresses,
            host: plan.server.clone(),
            dialer,
            receive_bytes: receive_bytes(plan.connections()),
            throttling: false,
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
    pub fn connect(&mut self, number: usize, now: Instant, state: &mut RunState<'_>) -> io::Result<()> {
        let Client { socket, session, .. } = &mut self.all[number];
        let address = match session.protocol.is_websocket() {
            true => self.addresses.http_of(number + session.connection as usize),
            false => self.addresses.lines,
        };
        let slow = state.plan.is_slow(number);
        let application = if session.protocol.is_websocket() { Application::Http } else { Application::Lines };
        let tunnel = self.dialer.as_ref().map(|dialer| dialer.dial(state.plan.host(), application));
        let tunnel = tunnel.transpose().map_err(io::Error::other)?;
        let transport =
            Transport::connect(&address, if slow { Some(SLOW_RECEIVE_BYTES) } else { self.receive_bytes }, tunnel)?;
        let flags = EventFlags::IN | EventFlags::OUT;
        epoll::add(&self.epoll, &transport, EventData::new_u64(number as u64), flags)?;
        *socket = Some(Socket::over(transport));
        self.connected += 1;
        (session.stage, session.connect_began, session.close_code) = (Stage::Connecting, now, None);
        session.heard_at = now;
        session.key = generate_key();
        session.outgoing.clear();
        Ok(())
    }

    /// Waits for clients that are ready, at most `timeout`; which, and for what.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<(usize, EventFlags)>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let it_value = Timespec::try_from(timeout.max(Duration::from_nanos(1))).map_err(io::Error::other)?;
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: never, it_value })?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let number = |event: &Event| usize::try_from(event.data.u64()).expect("numbers are indices of `clients`");
        if self.events.iter().any(|event| event.data.u64() == STOP) {
            self.stop_requests += self.stop.take_requests();
        }
        let of_clients = self.events.iter().filter(|event| event.data.u64() < STOP);
        ready.extend(of_clients.map(|event| (number(event), event.flags)));
        Ok(())
    }

    /// Reads or writes what a client is ready for.
    ///
    /// # Errors
    /// If its connection has ended.
    pub fn serve(&mut self, number: usize, flags: EventFlags, state: &mut RunState<'_>) -> io::Result<()> {
        let now = Instant::now();
        let client = &mut self.all[number];
        let Some(socket) = &client.socket else { return Ok(()) };
        if client.session.stage == Stage::Connecting {
            socket.transport().connected()?;
            if !flags.contains(EventFlags::OUT) {
                return Ok(());
            }
            client.session.start(&self.host, state);
        }
        if !(flags - EventFlags::OUT).is_empty() {
            let bytes_max = self.buffer.len();
            client.read(&mut self.buffer, bytes_max, now, state)?;
        }
        self.flush(number, state)
    }

    /// Reads what had arrived before a connection broke: a write may fail before the server's goodbye was read.
    pub fn read_rest(&mut self, number: usize, state: &mut RunState<'_>) {
        let (now, bytes_max) = (Instant::now(), self.buffer.len());
        while let Ok(1..) = self.all[number].read(&mut self.buffer, bytes_max, now, state) {}
    }

    /// Reads so many bytes of a slow client.
    ///
    /// # Errors
    /// If its connection has ended.
    pub fn read_slowly(&mut self, number: usize, bytes: usize, state: &mut RunState<'_>) -> io::Result<()> {
        self.all[number].read(&mut self.buffer, bytes, Instant::now(), state)?;
        self.flush(number, state)
    }

    /// Slow clients read slowly from now on, or no longer.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn throttle_slow_readers(&mut self, throttling: bool, state: &RunState<'_>) -> io::Result<()> {
        self.throttling = throttling;
        (0..self.all.len())
            .filter(|number| state.plan.is_slow(*number))
            .try_for_each(|number| self.update_interest(number, state))
    }

    /// Sends what a client has to send, and ends a connection that the server has closed.
    ///
    /// # Errors
    /// If its connection has ended.
    pub fn flush(&mut self, number: usize, state: &mut RunState<'_>) -> io::Result<()> {
        let client = &mut self.all[number];
        let had_unsent = client.socket.as_ref().is_some_and(Socket::has_unsent);
        let had_begun = client.session.stage == Stage::Upgrading || client.session.stage == Stage::Joining;
        client.flush(state)?;
        if client.session.close_code.is_some() && client.session.protocol.is_websocket() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let has_unsent = client.socket.as_ref().is_some_and(Socket::has_unsent);
        if had_unsent != has_unsent || had_begun { self.update_interest(number, state) } else { Ok(()) }
    }

    /// Tells the epoll what a client waits for.
    fn update_interest(&mut self, number: usize, state: &RunState<'_>) -> io::Result<()> {
        let client = &self.all[number];
        let Some(socket) = &client.socket else { return Ok(()) };
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, !(self.throttling && state.plan.is_slow(number)));
        flags.set(EventFlags::OUT, socket.has_unsent());
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(number as u64), flags)?)
    }

    /// Takes a client's connection away: closed in good order, or reset.
    pub fn disconnect(&mut self, number: usize, reset: bool) {
        let client = &mut self.all[number];
        client.session.stage = Stage::Disconnected;
        // The kernel removes it from the epoll with its last descriptor.
        let Some(socket) = client.socket.take() else { return };
        self.connected -= 1;
        if reset {
            socket.reset();
        } else {
            socket.close();
        }
    }
}
