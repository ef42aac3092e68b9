//! What the server answers to a request.
//!
//! A program that waits gets the value itself; one that does not gets an [`super::Event::Response`] with
//! the id of its request.

use serde::Deserialize;
use serde_json::Value;

use super::message::Message;
use super::presence::Presence;
use super::server_event::Rate;

/// Identifies a request; the response carries it. Counts from 1 in each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

/// The result of a request that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// The client is in the room; the room's newest messages follow as events.
    Joined(Joined),
    /// The client has left this room.
    Left(String),
    /// The server has accepted the message.
    Sent(Sent),
    /// The members of a room.
    Members(Members),
    /// The rooms of the server, sorted by name.
    Rooms(Vec<RoomSummary>),
    /// A part of a room's history.
    History(History),
    /// The response to a [`super::Command::Other`]: the whole object with its `type`, often `ok`.
    Other(Value),
}

/// A room that the client has joined, or is in again.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Joined {
    /// The room's name, as the server spells it.
    #[serde(alias = "topic")]
    pub room: String,
    /// Identifies the history that the message numbers belong to.
    pub epoch: String,
    /// The number of the newest message; 0 before the first.
    pub seq: u64,
    /// The number of the newest message that the user has read, on this device or another; 0: none.
    #[serde(default)]
    pub read: u64,
    /// The users in the room, sorted; the server names only the first of very many. Empty after a
    /// resumed session, where the server does not repeat them.
    #[serde(default)]
    pub members: Vec<String>,
    /// The number of users in the room.
    pub count: Option<u64>,
    /// After a broken connection: the number of missed messages, which follow as events, oldest first.
    #[serde(skip)]
    pub missed: u64,
    /// Whether the server replays everything since the position that the join named.
    #[serde(default = "yes")]
    pub(super) recovered: bool,
    /// Why it does not.
    pub(super) reason: Option<String>,
    /// What all clients of the room may say together, if there is a limit that counts this one.
    pub(super) room_rate: Option<Rate>,
}

fn yes() -> bool {
    true
}

/// A message that the server has accepted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Sent {
    /// The room that it was published in; for a private message `dm:A:B`.
    #[serde(alias = "topic")]
    pub room: String,
    /// Its number in the room.
    pub seq: u64,
    /// Of a message that is not stored, its number among those of the room; `seq` is then that of the stored message
    /// behind which it stands, 0 before the first.
    #[serde(rename = "number")]
    pub ephemeral: Option<u64>,
    /// The message id under which the client sent it.
    #[serde(default)]
    pub mid: String,
    /// When the room accepted it: RFC 3339, UTC.
    #[serde(default)]
    pub at: String,
    /// Whether the server already had it, from before a connection broke. It was published once.
    #[serde(default)]
    pub duplicate: bool,
}

/// The members of a room.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Members {
    /// The room's name.
    #[serde(alias = "topic")]
    pub room: String,
    /// The users in it, sorted; the server names only the first of very many.
    pub members: Vec<Presence>,
    /// The number of users in it.
    pub count: u64,
}

/// An entry of the list of rooms.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RoomSummary {
    /// The room's name.
    #[serde(alias = "topic")]
    pub room: String,
    /// The number of users in it.
    pub members: u64,
    /// Whether it is for the users on its list.
    #[serde(default)]
    pub private: bool,
}

/// A part of a room's history.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct History {
    /// The room's name.
    #[serde(alias = "topic")]
    pub room: String,
    /// The messages, oldest first; may be empty.
    pub messages: Vec<Message>,
    /// Whether no message lies beyond it, in the direction in which it was asked for.
    #[serde(default)]
    pub complete: bool,
}
