//! Notes between servers over a Redis or Valkey: one connection that hears the others' and publishes this server's.
//!
//! The thread `bus` makes the connection, again after each loss with pauses of two seconds at most, and hands what it hears to the
//! thread `subscriber`. The threads that have something to tell write it to the socket and wait for nothing: what a socket
//! does not take within a fifth of a second ends the connection. Once a second the thread asks the server what it is; without
//! an answer for three seconds, or if it has become a replica, it connects anew. What is told while there is no
//! connection is lost, and so is what does not fit: each server looks by itself, at once when it is connected again.

mod connection;
mod resp;

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use self::connection::{BusConnection, BusError, is_primary};
use self::resp::{Reply, append_command};
use super::link::Waker;
use crate::store::bus_url::BusUrl;
use crate::sync::Condvar;

/// How long to wait between two attempts to connect: first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// From question to question.
const PROBE: Duration = Duration::from_secs(1);
/// How long a question may stay without an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Notes that may wait for the thread `subscriber`; more is lost.
const NOTES_MAX: usize = 4_096;

/// The handle of the connection: publishes, has what was heard, and ends it.
#[derive(Clone)]
pub struct RedisBus(Arc<BusState>);

struct BusState {
    url: BusUrl,
    channel: String,
    line: Mutex<Line>,
    /// The line is closed.
    closed: Condvar,
    heard: Mutex<HeardNotes>,
    /// Wakes who waits for notes.
    waker: Waker,
}

#[derive(Default)]
struct Line {
    /// Where to publish; `None`: there is no connection.
    socket: Option<TcpStream>,
    is_closed: bool,
}

/// What was heard since it was last asked for.
#[derive(Default)]
pub struct HeardNotes {
    pub notes: Vec<String>,
    /// Whether something may have been missed.
    pub has_gap: bool,
}

/// The body of the thread `bus`.
pub struct BusSubscriber {
    bus: RedisBus,
    connection: Option<BusConnection>,
    /// Whether the last attempt failed: logged once, not at each.
    is_failing: bool,
}

impl RedisBus {
    /// Connects for the first time, and returns what goes on on a thread of its own. Whoever is away need not be there yet. Blocks for two
    /// seconds at most, and for as long as the system looks the host up.
    ///
    /// # Errors
    /// A sentence that says what to do: it refuses this server.
    pub fn open(url: BusUrl, channel: String, waker: Waker) -> Result<(Self, BusSubscriber), String> {
        let (line, heard) = (Mutex::default(), Mutex::default());
        let bus = Self(Arc::new(BusState { url, channel, line, closed: Condvar::new(), heard, waker }));
        let mut subscriber = BusSubscriber { bus: bus.clone(), connection: None, is_failing: false };
        match subscriber.connect() {
            Ok(()) => {}
            Err(BusError::Refused(why)) => return Err(format!("the bus {} cannot be used: {why}", bus.0.url)),
            Err(error) => subscriber.failed(&error),
        }
        Ok((bus, subscriber))
    }

    /// Tells the other servers. Waits for no answer, and a fifth of a second at most for the socket.
    pub fn publish(&self, notes: &[String]) {
        let mut commands = Vec::new();
        notes.iter().for_each(|note| append_command(&mut commands, &["PUBLISH", &self.0.channel, note]));
        self.write(&commands);
    }

    /// What was heard since the last call.
    pub fn take_heard(&self) -> HeardNotes {
        std::mem::take(&mut self.0.heard.lock())
    }

    /// Ends the connection, and with it the thread.
    pub fn close(&self) {
        let mut line = self.0.line.lock();
        line.is_closed = true;
        line.hang_up();
        self.0.closed.notify_all();
    }

    /// The lock is held across the write: commands of two threads must not be mixed, and it is short.
    fn write(&self, commands: &[u8]) {
        let mut line = self.0.line.lock();
        if line.socket.as_mut().is_some_and(|socket| connection::write(socket, commands).is_err()) {
            // A command that is cut off cannot be taken back.
            line.hang_up();
        }
    }

    fn heard(&self, note: String) {
        let mut heard = self.0.heard.lock();
        let is_first = heard.notes.is_empty();
        if heard.notes.len() < NOTES_MAX {
            heard.notes.push(note);
        } else {
            heard.has_gap = true;
        }
        drop(heard);
        if is_first {
            self.0.waker.wake();
        }
    }

    fn missed(&self) {
        self.0.heard.lock().has_gap = true;
        self.0.waker.wake();
    }
}

impl Line {
    fn hang_up(&mut self) {
        if let Some(socket) = self.socket.take() {
            // One that is broken is shut already.
            _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl BusSubscriber {
    /// Until the bus is closed.
    pub fn run(mut self) {
        let mut pause = PAUSES.0;
        loop {
            match self.turn() {
                Ok(()) => pause = PAUSES.0,
                Err(error) => {
                    self.bus.0.line.lock().hang_up();
                    self.connection = None;
                    if self.is_closed_after(pause, &error) {
                        return;
                    }
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    /// Connects, or hears what comes until there is a question to ask again.
    fn turn(&mut self) -> Result<(), BusError> {
        match &mut self.connection {
            Some(connection) => listen(&self.bus, connection),
            None => self.connect(),
        }
    }

    fn connect(&mut self) -> Result<(), BusError> {
        let connection = BusConnection::open(&self.bus.0.url, &self.bus.0.channel)?;
        let mut line = self.bus.0.line.lock();
        if line.is_closed {
            return Err(BusError::Away("the server stops".to_owned()));
        }
        line.socket = Some(connection.socket()?);
        drop(line);
        self.connection = Some(connection);
        self.bus.missed();
        if std::mem::take(&mut self.is_failing) {
            log::info!(bus:% = self.bus.0.url; "the bus is there again");
        }
        Ok(())
    }

    fn failed(&mut self, error: &BusError) {
        if !std::mem::replace(&mut self.is_failing, true) {
            log::warn!(bus:% = self.bus.0.url, error:%; "the bus is away: servers find what others did a little later");
        }
    }

    /// Waits before the next attempt; whether there is none.
    fn is_closed_after(&mut self, pause: Duration, error: &BusError) -> bool {
        let until = Instant::now() + pause;
        let bus = self.bus.clone();
        let mut line = bus.0.line.lock();
        if !line.is_closed {
            self.failed(error);
        }
        while !line.is_closed && !bus.0.closed.wait_until(&mut line, until).timed_out() {}
        line.is_closed
    }
}

/// Hears notes for as long as the server answers.
fn listen(bus: &RedisBus, connection: &mut BusConnection) -> Result<(), BusError> {
    let (mut probe_at, mut answered_at) = (Instant::now() + PROBE, Instant::now());
    let mut probe = Vec::new();
    append_command(&mut probe, &["HELLO"]);
    loop {
        match connection.receive(probe_at)? {
            Some(Reply::Pushed(parts)) => {
                if let Some(note) = note_of(parts) {
                    bus.heard(note);
                }
            }
            Some(hello @ Reply::List(_)) => {
                is_primary(&hello)?;
                answered_at = Instant::now();
            }
            Some(Reply::Error(error)) => return Err(BusError::Away(format!("it answers {error}"))),
            // How many have heard a note.
            Some(_) => {}
            None if answered_at.elapsed() >= PATIENCE => return Err(BusError::Away("it does not answer".to_owned())),
            None => {}
        }
        if probe_at <= Instant::now() {
            bus.write(&probe);
            probe_at = Instant::now() + PROBE;
        }
    }
}

/// The text of a message of the channel.
fn note_of(parts: Vec<Reply>) -> Option<String> {
    match <[Reply; 3]>::try_from(parts).ok()? {
        [Reply::Text(kind), _, Reply::Text(note)] if kind == "message" => Some(note),
        _ => None,
    }
}
