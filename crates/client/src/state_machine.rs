//! The client as a value: what it does when something is heard, when time passes, when it is asked.
//!
//! Owned and driven by `Client` on the caller's thread: inputs go in through `handle`, what is to be
//! done comes out of `poll`, and `deadline` says when time itself is the next input. No socket,
//! thread, clock or randomness in here. Every input is taken in every state; what makes no sense
//! there changes nothing.

mod protocol;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::backoff::Backoff;
use super::command::{self, Command};
use super::disconnect::{Ended, Over};
use super::event::{Event, Refusal, Ticket};
use super::options::Options;
use super::pending::{Errand, Errands};
use super::server_event::{self, Goodbye};
use super::subscription::{Place, Standing};
use super::throttle::Pauses;

/// How long a connection must have lived for the delays to begin anew.
const STEADY: Duration = Duration::from_secs(10);
/// How long a server may take to answer a goodbye.
const LEAVING: Duration = Duration::from_secs(2);
/// What a frame may have beside twice the bytes of a message: see `Limits::frame_bytes`.
const ENVELOPE_BYTES: usize = 4 * 1024;

/// What happens to a client.
#[derive(Debug)]
pub enum Input<'a> {
    /// The connection that was asked for is there.
    Opened,
    /// A text frame came.
    Frame(&'a str),
    /// Another sign of life came.
    Heard,
    /// The connection is no more, or could not be made. The last input of each connection.
    Ended(Ended),
    /// Time has passed.
    Time,
}

/// What a client wants done.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Make a connection for this user; an `Opened` or an `Ended` follows.
    Open(Option<String>),
    /// Send a text frame.
    Send(String),
    /// End the connection; an `Ended` follows.
    Hangup,
    /// End it in good order, with a close frame; an `Ended` follows.
    Leave,
    /// Tell the program.
    Event(Box<Event>),
    /// Tell the program that it is over.
    Over(Over),
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Down {
        retry_at: Duration,
    },
    Opening,
    Greeting {
        until: Duration,
    },
    Resuming {
        id: u64,
    },
    Up,
    /// It was left in good order; if it has not ended by then it is hung up.
    Leaving {
        until: Duration,
    },
    /// It was hung up, and has not ended yet.
    Ending,
    Over,
}

/// See the module.
#[derive(Debug)]
pub struct Core {
    line: Line,
    options: Options,
    user: Option<String>,
    rooms: BTreeMap<String, Place>,
    /// By private room: the number and the time of the newest message that was let through in this
    /// session.
    privates: BTreeMap<String, (u64, String)>,
    /// Rooms that a session turned out to be in whose join was never answered: they are being left, to be
    /// entered anew.
    unanswered: BTreeSet<String>,
    errands: Errands,
    backoff: Backoff,
    /// The secret that takes the session up again.
    resume: Option<String>,
    /// What the user said when they went away.
    away: Option<String>,
    /// By `id` of a ping: the room whose replay is over when it is answered.
    fences: BTreeMap<u64, String>,
    goodbye: Option<Goodbye>,
    /// The name to go back to if the server does not take the one that was asked for.
    former: Option<Option<String>>,
    message_bytes: usize,
    last_id: u64,
    pauses: Pauses,
    online_since: Option<Duration>,
    /// Since when there is no connection; `None` also before the first.
    offline_since: Option<Duration>,
    heard_at: Duration,
    asked_at: Option<Duration>,
    outputs: VecDeque<Output>,
}

impl Core {
    /// A client that wants its first connection. `seed` is any number, another one for each client.
    #[must_use]
    pub fn new(options: Options, seed: u64) -> Self {
        let user = options.user.clone();
        Self {
            line: Line::Opening,
            rooms: BTreeMap::new(),
            privates: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            errands: Errands::new(options.unanswered_max),
            backoff: Backoff::new(options.retry_min, options.retry_max, seed),
            resume: None,
            away: None,
            fences: BTreeMap::new(),
            goodbye: None,
            former: None,
            message_bytes: usize::MAX,
            last_id: 0,
            pauses: Pauses::default(),
            online_since: None,
            offline_since: None,
            heard_at: Duration::ZERO,
            asked_at: None,
            outputs: VecDeque::from([Output::Open(user.clone())]),
            user,
            options,
        }
    }

    /// Under which name the client comes; `None` before a guest has one.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether the server hears what is said now.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.line == Line::Up
    }

    /// What was asked for and is not answered, oldest first.
    pub fn unanswered(&self) -> impl Iterator<Item = &Errand> {
        self.errands.iter()
    }

    /// Asks for something; its answer is an event. `None` when too much is unanswered. `mid` is a
    /// message's mark, 1–64 bytes, which nobody else must be able to guess: who uses it first has it.
    pub fn ask(&mut self, command: Command, mid: String) -> Option<Ticket> {
        let ticket = self.errands.push(command, mid)?;
        self.pump();
        Some(ticket)
    }

    /// Comes under another name from now on: leaves in good order, and enters its rooms again. A name
    /// that the server does not take is told as [`Event::Refused`], and the one before stays.
    pub fn rename(&mut self, user: String, now: Duration) {
        let old = self.user.replace(user);
        self.former.get_or_insert(old);
        self.resume = None;
        if matches!(self.line, Line::Up | Line::Resuming { .. } | Line::Greeting { .. }) {
            self.line = Line::Leaving { until: now + LEAVING };
            self.outputs.push_back(Output::Leave);
        }
    }

    /// Whether the connection ended because of another name; then the next one is made at once.
    fn is_renamed(&mut self, ended: &Ended) -> bool {
        let Some(old) = &self.former else { return false };
        let left = matches!(self.line, Line::Leaving { .. } | Line::Ending);
        if !left && ended.is_final() {
            let refusal = Refusal::local("name_taken", &ended.reason(None));
            self.user = old.clone();
            self.former = None;
            self.tell(Event::Refused(refusal));
        } else if !left {
            return false;
        }
        self.line = Line::Opening;
        self.outputs.push_back(Output::Open(self.user.clone()));
        true
    }

    /// Says that the user is typing, or no longer; nothing is said while there is no connection.
    pub fn type_in(&mut self, room: &str, typing: bool) {
        if self.may_speak() {
            self.outputs.push_back(Output::Send(command::typing(room, typing)));
        }
    }

    /// Says that the user is away, or back; it holds over connections.
    pub fn set_away(&mut self, note: Option<String>) {
        self.away = note;
        if self.may_speak() {
            self.outputs.push_back(Output::Send(command::presence(self.away.as_deref())));
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Time`] is due, whatever else happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        match self.line {
            Line::Down { retry_at } => Some(retry_at),
            Line::Greeting { until } | Line::Leaving { until } => Some(until),
            Line::Up | Line::Resuming { .. } => {
                let alive = match self.asked_at {
                    Some(asked) => asked + self.options.answer,
                    None => self.heard_at + self.options.silence,
                };
                Some(self.pauses.first_end().map_or(alive, |end| end.min(alive)))
            }
            Line::Opening | Line::Ending | Line::Over => None,
        }
    }

    /// Takes an input; `now` never goes back.
    pub fn handle(&mut self, input: Input<'_>, now: Duration) {
        match input {
            Input::Opened => {
                self.heard_at = now;
                self.line = Line::Greeting { until: now + self.options.connect_timeout };
            }
            Input::Frame(text) => {
                self.heard(now);
                let (id, incoming) = server_event::parse(text);
                self.hear(id, incoming, now);
            }
            Input::Heard => self.heard(now),
            Input::Ended(ended) => self.ended(ended, now),
            Input::Time => self.time(now),
        }
        self.pump();
    }

    fn heard(&mut self, now: Duration) {
        self.heard_at = now;
        self.asked_at = None;
    }

    fn time(&mut self, now: Duration) {
        self.pauses.pass(now);
        match self.line {
            Line::Down { retry_at } if retry_at <= now => {
                self.line = Line::Opening;
                self.outputs.push_back(Output::Open(self.user.clone()));
            }
            Line::Greeting { until } | Line::Leaving { until } if until <= now => self.hang_up(),
            Line::Up | Line::Resuming { .. } => match self.asked_at {
                Some(asked) if asked + self.options.answer <= now => self.hang_up(),
                None if self.heard_at + self.options.silence <= now => {
                    self.asked_at = Some(now);
                    let id = self.id();
                    self.outputs.push_back(Output::Send(command::ping(id)));
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn hang_up(&mut self) {
        self.line = Line::Ending;
        self.outputs.push_back(Output::Hangup);
    }

    fn ended(&mut self, ended: Ended, now: Duration) {
        self.errands.lose();
        self.rooms.values_mut().for_each(Place::lose);
        self.fences.clear();
        self.unanswered.clear();
        self.asked_at = None;
        self.pauses = Pauses::default();
        let goodbye = self.goodbye.take();
        if self.is_renamed(&ended) {
            return;
        }
        let since = *self.offline_since.get_or_insert(now);
        let was_online = self.online_since.take();
        if was_online.is_some_and(|online| now.saturating_sub(online) >= STEADY) {
            self.backoff.reset();
        }
        let asked = goodbye.as_ref().and_then(|goodbye| goodbye.retry_after_ms).map(Duration::from_millis);
        let delay = self.backoff.next(asked.or(ended.retry_after()));
        let gave_up = self.options.retry_for.is_some_and(|most| now.saturating_sub(since) + delay > most);
        let refused = goodbye.as_ref().is_some_and(|goodbye| !goodbye.reconnect) || ended.is_final();
        let code = goodbye.as_ref().and_then(|goodbye| goodbye.code).or(ended.code());
        let reason = ended.reason(goodbye.as_ref());
        if refused || gave_up {
            self.line = Line::Over;
            self.outputs.push_back(Output::Over(Over { reason, code }));
        } else {
            self.line = Line::Down { retry_at: now + delay };
            self.tell(Event::Offline { reason, retry_in: delay });
        }
    }

    /// Says what may be said now.
    fn pump(&mut self) {
        if !self.may_speak() {
            return;
        }
        let mut entered = true;
        for (room, place) in &mut self.rooms {
            entered &= place.standing == Standing::In;
            if place.standing == Standing::Wanted {
                self.last_id += 1;
                place.standing = Standing::Asked(self.last_id);
                self.outputs.push_back(Output::Send(command::rejoin(room, place.since(), self.last_id)));
            }
        }
        // A message to a room that is not entered yet would be refused.
        while entered && let Some(errand) = self.errands.next(|command| self.pauses.allow(command)) {
            self.last_id += 1;
            let frame = errand.say(self.last_id, self.options.history);
            let bytes = errand.command.bytes().unwrap_or(0);
            let ticket = errand.ticket;
            let most = self.message_bytes.saturating_mul(2).saturating_add(ENVELOPE_BYTES);
            if bytes > self.message_bytes || frame.len() > most {
                // The server would end the connection for it, and end the next one for it too.
                self.errands.withdraw(ticket);
                let sentence = format!("A message may have {} bytes", self.message_bytes);
                self.tell(Event::Answer(ticket, Err(Refusal::local("too_large", &sentence))));
            } else {
                self.outputs.push_back(Output::Send(frame));
            }
        }
    }

    fn may_speak(&self) -> bool {
        self.line == Line::Up && !self.pauses.all()
    }

    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(Box::new(event)));
    }
}
