//! What a client tells its program: events, and the answers to what the program asked for.
//!
//! Made by the core. Names and texts come from others and are what the server passed on: a program
//! that shows them on a terminal makes their control characters visible first.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// Names one thing that was asked for; its answer carries it. Counts from 1 in each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

/// A message of a room, or a private one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Message {
    /// The room it stands in; of a private one `dm:A:B`.
    #[serde(alias = "topic")]
    pub room: String,
    /// Who sent it.
    #[serde(alias = "from")]
    pub user: String,
    /// To whom, if it is a private one.
    pub to: Option<String>,
    /// What it says, UTF-8 of any length up to the server's limit; `None` when it is encrypted, or
    /// was deleted.
    #[serde(rename = "message")]
    pub text: Option<String>,
    /// The ciphertext, an object that the server does not read.
    pub cipher: Option<Value>,
    /// Its number in the room: 1, 2, 3, … within an epoch.
    pub seq: u64,
    /// The sender's own mark for it.
    pub mid: Option<String>,
    /// When the room took it, RFC 3339 in UTC with milliseconds.
    #[serde(default)]
    pub at: String,
    /// When it was last edited, RFC 3339 in UTC; `None` if it never was.
    pub edited: Option<String>,
    /// The number of the message that this one answers.
    pub reply_to: Option<u64>,
    /// The number of the message to which this one is a reaction: a sign, such as an emoji.
    pub react_to: Option<u64>,
    /// Whether it was published before this client joined, or while its connection was broken.
    #[serde(skip)]
    pub replayed: bool,
    /// Whether this client said it, and not another device of the same user.
    #[serde(skip)]
    pub own: bool,
}

/// A room that one is in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Joined {
    /// The room's name, as the server writes it.
    #[serde(alias = "topic")]
    pub room: String,
    /// The history that its numbers belong to.
    pub epoch: String,
    /// The number of its newest message; 0 before the first.
    pub seq: u64,
    /// Who is in it, sorted; of very many only the first are named. Empty after a resume, which does
    /// not say it again.
    #[serde(default)]
    pub members: Vec<String>,
    /// How many users are in it.
    pub count: Option<u64>,
    /// After a broken connection: messages that were missed and follow now, oldest first.
    #[serde(skip)]
    pub missed: u64,
    /// Of what was asked with `since`.
    #[serde(default = "yes")]
    pub(super) recovered: bool,
    /// Why it was not recovered.
    pub(super) reason: Option<String>,
}

fn yes() -> bool {
    true
}

/// A message that the server has taken.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Sent {
    /// The room it stands in.
    #[serde(alias = "topic")]
    pub room: String,
    /// Its number there.
    pub seq: u64,
    /// The client's mark for it.
    #[serde(default)]
    pub mid: String,
    /// When the room took it, RFC 3339 in UTC.
    #[serde(default)]
    pub at: String,
    /// Whether the server had it already, from before a connection broke. It is there once.
    #[serde(default)]
    pub duplicate: bool,
}

/// A user of a room.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Presence {
    /// Who.
    pub user: String,
    /// `online`, `away` or `offline`; later servers may know more.
    pub status: String,
    /// What they said when they went away.
    pub note: Option<String>,
    /// When they last did something, RFC 3339 in UTC.
    #[serde(default, rename = "lastSeen")]
    pub last_seen: String,
}

/// Who is in a room.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Members {
    /// The room.
    #[serde(alias = "topic")]
    pub room: String,
    /// Its users, sorted; of very many only the first are named.
    pub members: Vec<Presence>,
    /// How many users are in it.
    pub count: u64,
}

/// A line of the list of rooms.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RoomSummary {
    /// Its name.
    #[serde(alias = "topic")]
    pub room: String,
    /// Connections that are in it.
    pub members: u64,
}

/// A part of a room's history.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct History {
    /// The room.
    #[serde(alias = "topic")]
    pub room: String,
    /// The messages, oldest first; may be none.
    pub messages: Vec<Message>,
    /// Whether nothing lies beyond them.
    #[serde(default)]
    pub complete: bool,
}

/// Something that was asked for and is not done.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Refusal {
    /// Why, for programs: `too_large`, `not_member`, … (docs/protocol.md, "Errors and closes").
    pub code: String,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
    /// When to try again, in milliseconds, if that would help.
    pub retry_after_ms: Option<u64>,
    /// The room that it is about, when nothing else is refused.
    #[serde(default)]
    pub room: Option<String>,
}

impl Refusal {
    /// A refusal that no server said, with a code of the protocol.
    #[must_use]
    pub fn local(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), retry_after_ms: None, room: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.message.is_empty() { &self.code } else { &self.message })
    }
}

impl std::error::Error for Refusal {}

/// What came of something that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The client is in the room; its newest messages follow as events.
    Joined(Joined),
    /// The client is out of the room.
    Left(String),
    /// The server has the message.
    Sent(Sent),
    /// Who is in a room.
    Members(Members),
    /// Which rooms there are, sorted.
    Rooms(Vec<RoomSummary>),
    /// A part of a history.
    History(History),
    /// Whatever came for a [`super::Command::Other`], whole, with its `type`: often `ok`.
    Other(Value),
}

/// Messages that this client will never be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// The room they were published in.
    pub room: String,
    /// How many, where the server says it.
    pub missed: Option<u64>,
    /// `epoch_changed` (the room's history began anew), `too_old` (the server no longer has them),
    /// `lagged` (this client read too slowly), or what a later server says.
    pub reason: String,
}

/// What happens without being asked for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The connection is there (again), under this name.
    Online { user: String },
    /// The connection is broken; the next attempt comes after `retry_in`.
    Offline { reason: String, retry_in: Duration },
    /// The server wants nothing more for now, or of one room no more messages; what waits is said again
    /// after `retry_in`, two seconds or more.
    Paused { room: Option<String>, reason: String, retry_in: Duration },
    /// After a broken connection: the client is in the room again.
    Rejoined(Joined),
    /// After a broken connection: the room does not take the client again; or it was put out of it.
    Removed { room: String, refusal: Refusal },
    /// Messages were lost for this client.
    Gap(Gap),
    /// A message, of a room or private.
    Message(Message),
    /// Somebody came to a room.
    Join { room: String, user: String, at: String },
    /// Somebody left a room.
    Leave { room: String, user: String, at: String },
    /// Somebody is typing, or no longer.
    Typing { room: String, user: String, typing: bool },
    /// Somebody is there, away or gone.
    Presence(Presence),
    /// The answer to something that was asked for with `Client::send`.
    Answer(Ticket, Result<Answer, Refusal>),
    /// The server refuses something that no answer belongs to.
    Refused(Refusal),
    /// An event of another kind, whole, with its `type`.
    Other(Value),
}
