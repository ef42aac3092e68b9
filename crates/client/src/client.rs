//! The client as a program holds it.
//!
//! The methods run on the caller's thread. Nothing happens between two calls but the reading: a program
//! that waits for something calls `receive`, and during any call lost connections are repaired. Here is
//! what every program calls; `client/requests.rs` has what waits for a reply, `client/reports.rs` what has none, and
//! `client/driver.rs` drives the state machine.

mod binary;
mod driver;
mod patterns;
mod reports;
mod requests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::address::Address;
use super::command::Command;
use super::connection::InboxItem;
use super::disconnect::CloseReason;
use super::error::Error;
use super::event::Event;
use super::event_queue::EventQueue;
use super::options::Options;
use super::response::RequestId;
use super::socket::{Socket, Writer};
use super::state_machine::StateMachine;
use roomd_protocol::{JOIN_HISTORY_MAX, Secret, UserName};
use roomd_tls::Dialer;

/// Frames that wait for the program, at most; beyond it the reading waits, too.
const INBOX_MAX: usize = 256;

/// A connection of one user to a server, which is repaired when it breaks. One thread at a time uses it;
/// it can be moved to another. The crate's documentation begins with a program.
///
/// Methods that make a request and wait for its response block over as many connections as it takes;
/// what happens meanwhile is received later.
///
/// Dropping a client ends its connection at once: a message without a response may or may not have been
/// published. The drop blocks until the reader thread has ended, which takes at most
/// [`Options::connect_timeout`] for each address of the server, and that only while a connection is being
/// made.
pub struct Client {
    state_machine: StateMachine,
    address: Address,
    /// Makes its TLS connections.
    dialer: Option<Dialer>,
    options: Options,
    /// What the state machine's time counts from.
    start: Instant,
    inbox: Receiver<InboxItem>,
    sender: SyncSender<InboxItem>,
    woken: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    /// The socket, as soon as there is one.
    socket: Option<Arc<Socket>>,
    writer: Option<Writer>,
    /// The tokens of the names that the client was renamed to.
    tokens: BTreeMap<String, Option<Secret>>,
    /// What the program has not received yet.
    events: EventQueue,
    /// Why there will be no further connection, once that is so.
    closed: Option<CloseReason>,
}

/// Ends a wait of a [`Client`] from another thread. Cheap to clone.
#[derive(Clone)]
pub struct Waker {
    sender: SyncSender<InboxItem>,
    woken: Arc<AtomicBool>,
}

impl Waker {
    /// Makes the current call of [`Client::receive`], or else the next one, return at once. Never blocks.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        // If the inbox is full the client does not sleep anyway.
        _ = self.sender.try_send(InboxItem::Woken);
    }
}

impl Client {
    /// Connects to the server at `ws://HOST[:PORT][/PATH]`, or the same with `wss` for TLS. Blocks until the
    /// server's welcome.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// use roomd_client::{Client, Options};
    ///
    /// let mut client = Client::connect(&url, Options::user("greeter"))?;
    /// assert_eq!(client.user(), "greeter");
    /// client.close();
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for the address or an option; [`Error::Closed`] when the first attempt fails, for
    /// whatever reason. Only a connection that existed is repaired.
    pub fn connect(url: &str, options: Options) -> Result<Self, Error> {
        let address = Address::parse(url).map_err(Error::Invalid)?;
        options.user.as_deref().map(parse_user).transpose()?;
        if options.history > JOIN_HISTORY_MAX {
            return Err(Error::Invalid(format!("the history of a join is at most {JOIN_HISTORY_MAX} messages")));
        }
        let dialer = if address.is_secure() { Some(Dialer::new(&options.trust)) } else { None };
        let dialer = dialer.transpose().map_err(Error::Invalid)?;
        let (sender, inbox) = sync_channel(INBOX_MAX);
        let state_machine = StateMachine::new(options.clone(), random()?);
        let events = EventQueue::new(options.events_max);
        let mut client = Self {
            state_machine,
            address,
            dialer,
            options,
            start: Instant::now(),
            inbox,
            sender,
            woken: Arc::default(),
            reader: None,
            socket: None,
            writer: None,
            tokens: BTreeMap::new(),
            events,
            closed: None,
        };
        loop {
            client.turn(None)?;
            // A server may send anything before its welcome.
            let mut events = client.events.iter();
            match events.find(|event| matches!(event, Event::Online { .. } | Event::Offline { .. })) {
                Some(Event::Offline { reason, .. }) => {
                    return Err(Error::Closed(CloseReason { code: None, message: reason.clone() }));
                }
                Some(_) => break,
                None => {}
            }
        }
        Ok(client)
    }

    /// The client's name.
    #[must_use]
    pub fn user(&self) -> &str {
        self.state_machine.user().unwrap_or_default()
    }

    /// Whether there is a connection, as far as the last call saw.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.state_machine.is_online()
    }

    /// Makes a request without waiting: an [`Event::Response`] with this id follows. Requests reach the
    /// server in the order of the calls. Blocks only on writing to the socket.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use std::time::Duration;
    /// use roomd_client::{Command, Event};
    ///
    /// client.join("general")?;
    /// let id = client.send(Command::Publish { room: "general".to_owned(), text: "hello".to_owned() })?;
    /// while let Some(event) = client.receive(Duration::from_secs(5))? {
    ///     if matches!(event, Event::Response(answered, Ok(_)) if answered == id) {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(client.unsent().count(), 0);
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Closed`].
    pub fn send(&mut self, command: Command) -> Result<RequestId, Error> {
        self.send_with_mid(&format!("{:016x}{:016x}", random()?, random()?), command)
    }

    /// The same, with a message id of the program's own, 1–64 bytes: two messages of one user with one id are
    /// one message, also when another client sent the first. The id means nothing for a command that does
    /// not publish.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use roomd_client::Command;
    ///
    /// client.join("general")?;
    /// let build = || Command::Publish { room: "general".to_owned(), text: "build 17 is green".to_owned() };
    /// client.send_with_mid("build-17", build())?;
    /// client.send_with_mid("build-17", build())?;
    /// assert_eq!(client.history("general", 10)?.messages.len(), 1);
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send_with_mid(&mut self, mid: &str, command: Command) -> Result<RequestId, Error> {
        self.check_open()?;
        let id = self.state_machine.request(command, mid.to_owned()).ok_or(Error::Full)?;
        self.perform_outputs();
        Ok(id)
    }

    /// Continues under another name, with its token if it has one. The client closes its connection and joins
    /// its rooms again on the next, as [`Event::Online`] and [`Event::Rejoined`] report; pending messages
    /// are sent under the new name. If the server rejects the name, [`Event::Refused`] reports it, and the
    /// client keeps the previous one. Blocks only on writing to the socket.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use std::time::Duration;
    ///
    /// client.rename("Anna", None)?;
    /// while client.user() != "Anna" {
    ///     client.receive(Duration::from_secs(5))?;
    /// }
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that no user can have, and [`Error::Closed`].
    pub fn rename(&mut self, user: &str, token: Option<Secret>) -> Result<(), Error> {
        let user = parse_user(user)?.to_string();
        self.check_open()?;
        self.tokens.insert(user.clone(), token);
        self.state_machine.rename(user, self.start.elapsed());
        self.perform_outputs();
        Ok(())
    }

    /// The next event, in the order in which things happened. Blocks until there is one, at most for `wait`;
    /// `None` when that is over, or when a [`Waker`] ended the wait.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use std::time::Duration;
    /// use roomd_client::Event;
    ///
    /// client.join("general")?;
    /// client.publish("general", "hello")?;
    /// while let Some(event) = client.receive(Duration::from_secs(5))? {
    ///     if let Event::Message(message) = event {
    ///         assert_eq!(message.text.as_deref(), Some("hello"));
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`], after the last event was received.
    pub fn receive(&mut self, wait: Duration) -> Result<Option<Event>, Error> {
        // A wait that is too long for the clock has no end.
        let until = Instant::now().checked_add(wait);
        loop {
            if let Some(event) = self.events.pop() {
                return Ok(Some(event));
            }
            if self.woken.swap(false, Ordering::Acquire) || until.is_some_and(|until| until <= Instant::now()) {
                return Ok(None);
            }
            self.turn(until)?;
        }
    }

    /// The messages without a response, oldest first: the id and the text of each, without those that are
    /// encrypted.
    pub fn unsent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.state_machine.pending().filter_map(|request| Some((&*request.mid, request.command.text()?)))
    }

    /// The token with which another client can resume this session; `None` where the server keeps no sessions.
    #[must_use]
    pub fn resume_token(&self) -> Option<Secret> {
        self.state_machine.resume_token().map(Secret::from)
    }

    /// The epoch of a room that the client has joined, and the number of the newest message that it was given;
    /// `None` for another room.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// client.publish("general", "hello")?;
    /// let (_epoch, seq) = client.position("general").expect("it is in the room");
    /// assert!(seq <= 1);
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    #[must_use]
    pub fn position(&self, room: &str) -> Option<(&str, u64)> {
        self.state_machine.position(room)
    }

    /// A handle that ends a wait of this client from another thread.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use std::time::Duration;
    ///
    /// let waker = client.waker();
    /// std::thread::spawn(move || waker.wake());
    /// while client.receive(Duration::MAX)?.is_some() {}
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker { sender: self.sender.clone(), woken: Arc::clone(&self.woken) }
    }

    /// Ends the connection with a close frame and waits for the server to do the same. Returns what arrives
    /// until then, and what was not received before. Blocks for at most two seconds and what dropping
    /// takes; does not wait for responses.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// client.publish("general", "goodbye")?;
    /// let last_events = client.close();
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    pub fn close(mut self) -> Vec<Event> {
        self.finish();
        std::iter::from_fn(|| self.events.pop()).collect()
    }

    fn check_open(&self) -> Result<(), Error> {
        self.closed.clone().map_or(Ok(()), |reason| Err(Error::Closed(reason)))
    }
}

fn parse_user(name: &str) -> Result<UserName, Error> {
    UserName::parse(name).map_err(|error| Error::Invalid(format!("the name of a user {error}")))
}

fn random() -> Result<u64, Error> {
    let reason = |error| CloseReason { code: None, message: format!("the system gives no randomness: {error}") };
    getrandom::u64().map_err(|error| Error::Closed(reason(error)))
}

/// Commands that change what the client keeps account of.
const OF_THE_CLIENT: [&str; 6] = ["auth", "resume", "join", "subscribe", "leave", "unsubscribe"];

/// A command that a program wrote itself.
fn object(command: Value) -> Result<Map<String, Value>, Error> {
    let kind = command.get("type").and_then(Value::as_str).map(str::to_owned);
    match (command, kind) {
        (Value::Object(_), Some(kind)) if OF_THE_CLIENT.contains(&&*kind) => {
            Err(Error::Invalid(format!("{kind} is the client's to send: use its methods and options")))
        }
        (Value::Object(fields), Some(_)) => Ok(fields),
        _ => Err(Error::Invalid("a command is an object with a `type`".to_owned())),
    }
}
