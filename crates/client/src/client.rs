//! The client as a program holds it: it drives the core, on the caller's thread.
//!
//! Nothing happens between two calls but the reading: a program that waits for something calls
//! `receive`, and while it is in any call, broken connections are repaired. The caller's thread
//! blocks in one place, on its inbox; the connection's thread (`connection.rs`) and wakers fill it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::address::Address;
use super::connection::{self, Heard, Plan, Wire, Writer};
use super::disconnect::{Ended, Over};
use super::state_machine::{Core, Input, Output};
use super::{Answer, Command, Error, Event, History, Joined, Members, Options, RoomSummary, Secret, Sent, Ticket};
use roomd_protocol::UserName;
use roomd_tls::Dialer;

/// Frames that wait for the program, at most; then the reading waits too.
const INBOX_MAX: usize = 256;
/// How long a server may take to answer our close.
const FAREWELL: Duration = Duration::from_secs(2);

/// A user of a server. One thread at a time uses it; it may be moved to another.
///
/// ```no_run
/// use std::time::Duration;
/// use roomd::client::{Client, Event, Options};
///
/// fn main() -> Result<(), roomd::client::Error> {
///     let mut client = Client::connect("ws://127.0.0.1:8000", Options::user("greeter"))?;
///     client.join("general")?;
///     let sent = client.publish("general", "hello")?;
///     println!("published as number {}", sent.seq);
///     while let Some(event) = client.receive(Duration::from_secs(5))? {
///         match event {
///             Event::Message(message) => println!("{}: {:?}", message.user, message.text),
///             Event::Gap(gap) => println!("messages of {} were missed: {}", gap.room, gap.reason),
///             _ => {}
///         }
///     }
///     client.close();
///     Ok(())
/// }
/// ```
///
/// Dropping it ends the connection at once: what is unanswered may or may not have arrived. It then
/// blocks until its reader has ended, which is at most [`Options::connect_timeout`] for each address
/// of the server, and only while a connection is being made.
pub struct Client {
    core: Core,
    address: Address,
    /// What makes its connections, through TLS.
    dialer: Option<Dialer>,
    options: Options,
    /// What the core's time counts from.
    start: Instant,
    inbox: Receiver<Heard>,
    sender: SyncSender<Heard>,
    woken: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    /// The socket, as soon as there is one.
    wire: Option<Arc<Wire>>,
    writer: Option<Writer>,
    /// By name: the tokens of those that were taken later.
    tokens: BTreeMap<String, Option<Secret>>,
    /// What the program has not received yet.
    events: VecDeque<Event>,
    over: Option<Over>,
}

/// Ends a wait of a [`Client`] from another thread. Cheap to clone.
#[derive(Clone)]
pub struct Waker {
    sender: SyncSender<Heard>,
    woken: Arc<AtomicBool>,
}

impl Waker {
    /// Makes the [`Client::receive`] that is under way, or else the next one, return at once. Never
    /// blocks.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        // If the inbox is full the client has something to look up for anyway.
        _ = self.sender.try_send(Heard::Woken);
    }
}

impl Client {
    /// Connects to the server at `ws://HOST[:PORT][/PATH]`, or `wss` through TLS. Blocks until the server has said its
    /// welcome.
    ///
    /// # Errors
    /// [`Error::Address`]; [`Error::Over`] when the first attempt fails, for
    /// whatever reason. Only a connection that was there is repaired.
    pub fn connect(url: &str, options: Options) -> Result<Self, Error> {
        let address = Address::parse(url).map_err(Error::Address)?;
        if let Some(user) = &options.user {
            UserName::parse(user).map_err(|error| Error::Address(format!("the name of a user {error}")))?;
        }
        let dialer = if address.is_secure() { Some(Dialer::new(&options.trust)) } else { None };
        let dialer = dialer.transpose().map_err(Error::Address)?;
        let (sender, inbox) = sync_channel(INBOX_MAX);
        let core = Core::new(options.clone(), draw()?);
        let mut client = Self {
            core,
            address,
            dialer,
            options,
            start: Instant::now(),
            inbox,
            sender,
            woken: Arc::default(),
            reader: None,
            wire: None,
            writer: None,
            tokens: BTreeMap::new(),
            events: VecDeque::new(),
            over: None,
        };
        loop {
            client.turn(None)?;
            match client.events.front() {
                Some(Event::Online { .. }) => return Ok(client),
                Some(Event::Offline { reason, .. }) => {
                    return Err(Error::Over(Over { reason: reason.clone(), code: None }));
                }
                _ => {}
            }
        }
    }

    /// Under which name the client comes.
    #[must_use]
    pub fn user(&self) -> &str {
        self.core.user().unwrap_or_default()
    }

    /// Whether there is a connection, as far as the last call saw.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.core.is_online()
    }

    /// Enters a room. Blocks until the server answers, over as many connections as it takes; what
    /// happens meanwhile is received later.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Full`], [`Error::Over`]; so for all that ask.
    pub fn join(&mut self, room: &str) -> Result<Joined, Error> {
        match self.ask(Command::Join { room: room.to_owned() })? {
            Answer::Joined(joined) => Ok(joined),
            other => Err(strange(&other)),
        }
    }

    /// Leaves a room. Blocks as [`Client::join`] does.
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn leave(&mut self, room: &str) -> Result<(), Error> {
        self.ask(Command::Leave { room: room.to_owned() }).map(|_| ())
    }

    /// Publishes to a room the client is in, and blocks until the server has the message, over as
    /// many connections as it takes. It is published once, however often a connection breaks, as
    /// far as the server remembers its marks (docs/protocol.md, "What is promised").
    ///
    /// # Errors
    /// As [`Client::join`]. After [`Error::Over`] the message may or may not have arrived; it is
    /// among [`Client::unsent`].
    pub fn publish(&mut self, room: &str, text: &str) -> Result<Sent, Error> {
        match self.ask(Command::Publish { room: room.to_owned(), text: text.to_owned() })? {
            Answer::Sent(sent) => Ok(sent),
            other => Err(strange(&other)),
        }
    }

    /// Says something to one user who is connected. Blocks as [`Client::publish`] does.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn private(&mut self, to: &str, text: &str) -> Result<Sent, Error> {
        match self.ask(Command::Private { to: to.to_owned(), text: text.to_owned() })? {
            Answer::Sent(sent) => Ok(sent),
            other => Err(strange(&other)),
        }
    }

    /// Who is in a room the client is in. Blocks as [`Client::join`] does.
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn members(&mut self, room: &str) -> Result<Members, Error> {
        match self.ask(Command::Members { room: room.to_owned() })? {
            Answer::Members(members) => Ok(members),
            other => Err(strange(&other)),
        }
    }

    /// Which rooms there are. Blocks as [`Client::join`] does.
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn rooms(&mut self) -> Result<Vec<RoomSummary>, Error> {
        match self.ask(Command::Rooms)? {
            Answer::Rooms(rooms) => Ok(rooms),
            other => Err(strange(&other)),
        }
    }

    /// The newest `limit` (1 to 300) messages of a room the client is in, oldest first. Blocks as
    /// [`Client::join`] does.
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn history(&mut self, room: &str, limit: usize) -> Result<History, Error> {
        match self.ask(Command::History { room: room.to_owned(), limit })? {
            Answer::History(history) => Ok(history),
            other => Err(strange(&other)),
        }
    }

    /// Asks for something without waiting: an [`Event::Answer`] with this ticket follows. Blocks
    /// only on writing to the socket. What is asked for is heard by the server in this order.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Over`].
    pub fn send(&mut self, command: Command) -> Result<Ticket, Error> {
        self.send_as(&format!("{:016x}{:016x}", draw()?, draw()?), command)
    }

    /// The same, under a mark of the program's own: two messages of one user with one mark are one
    /// message, also when another client sent the first. 1–64 bytes; no meaning for what does not
    /// publish.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send_as(&mut self, mid: &str, command: Command) -> Result<Ticket, Error> {
        self.alive()?;
        let ticket = self.core.ask(command, mid.to_owned()).ok_or(Error::Full)?;
        self.act();
        Ok(ticket)
    }

    /// Says that the user is typing, or no longer; not said at all while there is no connection.
    ///
    /// # Errors
    /// [`Error::Over`].
    pub fn typing(&mut self, room: &str, typing: bool) -> Result<(), Error> {
        self.core.type_in(room, typing);
        self.act();
        self.alive()
    }

    /// Comes under another name from now on, with its token if it has one: leaves in good order and enters
    /// its rooms again under the new one, as [`Event::Online`] and [`Event::Rejoined`] tell; what is not acknowledged is sent under
    /// the new name. One that the server does not take is told as [`Event::Refused`], and the one before
    /// stays.
    ///
    /// # Errors
    /// [`Error::Address`] for what can be no name, and [`Error::Over`].
    pub fn rename(&mut self, user: &str, token: Option<Secret>) -> Result<(), Error> {
        let user = UserName::parse(user).map_err(|error| Error::Address(format!("the name of a user {error}")))?;
        self.alive()?;
        self.tokens.insert(user.to_string(), token);
        self.core.rename(user.to_string(), self.start.elapsed());
        self.act();
        Ok(())
    }

    /// Says that the user is away, with a note of at most 200 bytes, which may be empty; `None` is
    /// back. It holds over connections.
    ///
    /// # Errors
    /// As [`Client::typing`].
    pub fn away(&mut self, note: Option<&str>) -> Result<(), Error> {
        self.core.set_away(note.map(str::to_owned));
        self.act();
        self.alive()
    }

    /// The next event, in the order in which it happened. Blocks until there is one, at most for
    /// `wait`; `None` when that is over, or when a [`Waker`] ended the wait.
    ///
    /// # Errors
    /// [`Error::Over`], after all events were received.
    pub fn receive(&mut self, wait: Duration) -> Result<Option<Event>, Error> {
        // A wait that no clock can hold is one without end.
        let until = Instant::now().checked_add(wait);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.woken.swap(false, Ordering::Acquire) || until.is_some_and(|until| until <= Instant::now()) {
                return Ok(None);
            }
            self.turn(until)?;
        }
    }

    /// Messages that no answer has come for, oldest first: the mark and the text, without those that are
    /// encrypted. Those of the
    /// present connection are among them until their answer is here.
    pub fn unsent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.core.unanswered().filter_map(|errand| Some((&*errand.mid, errand.command.text()?)))
    }

    /// Ends the waits of this client from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker { sender: self.sender.clone(), woken: Arc::clone(&self.woken) }
    }

    /// Ends the connection in good order: says that it leaves, and waits for the server to do the
    /// same. Gives back what was on the way, and what was not received before. Blocks for at most two
    /// seconds and what dropping takes; does not wait for answers.
    pub fn close(mut self) -> Vec<Event> {
        if let Some(writer) = &mut self.writer {
            writer.close();
            let until = Instant::now() + FAREWELL;
            while let Ok(heard) = self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                match heard {
                    // The core is told no end, or it would begin anew.
                    Heard::Ended(_) => break,
                    Heard::Frame(text) => self.core.handle(Input::Frame(&text), self.start.elapsed()),
                    _ => {}
                }
            }
        }
        while let Some(output) = self.core.poll() {
            // Nothing is said after the goodbye.
            if let Output::Event(event) = output {
                self.events.push_back(*event);
            }
        }
        std::mem::take(&mut self.events).into()
    }

    fn ask(&mut self, command: Command) -> Result<Answer, Error> {
        let ticket = self.send(command)?;
        loop {
            let answers = |event: &Event| matches!(event, Event::Answer(answered, _) if *answered == ticket);
            if let Some(at) = self.events.iter().position(answers)
                && let Some(Event::Answer(_, answer)) = self.events.remove(at)
            {
                return answer.map_err(Error::Refused);
            }
            self.turn(None)?;
        }
    }

    /// Waits for one input, at most until then, and does what follows from it.
    fn turn(&mut self, until: Option<Instant>) -> Result<(), Error> {
        self.act();
        self.alive()?;
        let due = self.core.deadline().and_then(|due| self.start.checked_add(due));
        let heard = match [until, due].into_iter().flatten().min() {
            // What is in the inbox goes before time: it may be the sign of life that time misses.
            Some(first) => self.inbox.recv_timeout(first.saturating_duration_since(Instant::now())),
            None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let now = self.start.elapsed();
        match heard {
            Ok(Heard::Connected(wire)) => self.wire = Some(wire),
            Ok(Heard::Opened) => {
                self.writer = self.wire.as_ref().map(Writer::new);
                self.core.handle(Input::Opened, now);
            }
            Ok(Heard::Frame(text)) => self.core.handle(Input::Frame(&text), now),
            Ok(Heard::Alive) => self.core.handle(Input::Heard, now),
            Ok(Heard::Ended(ended)) => self.ended(ended, now),
            Ok(Heard::Woken) => {}
            Err(_) => self.core.handle(Input::Time, now),
        }
        self.act();
        Ok(())
    }

    fn alive(&self) -> Result<(), Error> {
        self.over.clone().map_or(Ok(()), |over| Err(Error::Over(over)))
    }

    fn ended(&mut self, ended: Ended, now: Duration) {
        (self.wire, self.writer) = (None, None);
        self.join_reader();
        self.core.handle(Input::Ended(ended), now);
    }

    /// Does what the core wants done.
    fn act(&mut self) {
        while let Some(output) = self.core.poll() {
            match output {
                Output::Open(user) => {
                    let Options { connect_timeout, write_timeout, .. } = self.options;
                    let (address, dialer) = (self.address.clone(), self.dialer.clone());
                    let later = user.as_ref().and_then(|user| self.tokens.get(user));
                    let token = later.unwrap_or(&self.options.token).clone();
                    let plan = Plan { address, dialer, user, token, connect_timeout, write_timeout };
                    match connection::open(plan, self.sender.clone()) {
                        Ok(reader) => self.reader = Some(reader),
                        Err(error) => {
                            let ended = Ended::Unreachable(format!("cannot start a thread: {error}"));
                            self.core.handle(Input::Ended(ended), self.start.elapsed());
                        }
                    }
                }
                Output::Send(text) => {
                    // A write that fails is a broken connection: its reader will say so.
                    if self.writer.as_mut().is_some_and(|writer| writer.send(text).is_err()) {
                        self.hang_up();
                    }
                }
                Output::Hangup => self.hang_up(),
                Output::Leave => match &mut self.writer {
                    Some(writer) => writer.close(),
                    None => self.hang_up(),
                },
                Output::Event(event) => self.events.push_back(*event),
                Output::Over(over) => self.over = Some(over),
            }
        }
    }

    fn hang_up(&mut self) {
        self.writer = None;
        if let Some(wire) = &self.wire {
            wire.hang_up();
        }
    }

    fn join_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            // It has no state of ours; what it had to say was said.
            _ = reader.join();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A reader that waits for room in the inbox finds that nobody is there.
        let (_, gone) = sync_channel(1);
        let inbox = std::mem::replace(&mut self.inbox, gone);
        for heard in inbox.try_iter() {
            if let Heard::Connected(wire) = heard {
                self.wire = Some(wire);
            }
        }
        drop(inbox);
        self.hang_up();
        self.join_reader();
    }
}

fn draw() -> Result<u64, Error> {
    let over = |error| Over { reason: format!("the machine gives no randomness: {error}"), code: None };
    getrandom::u64().map_err(|error| Error::Over(over(error)))
}

/// An answer of another kind than was asked for: a server that does not keep the protocol.
fn strange(answer: &Answer) -> Error {
    let reason = format!("the server's answer makes no sense: {answer:?}");
    Error::Over(Over { reason, code: Some(1002) })
}
