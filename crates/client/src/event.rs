//! What a client reports to its program.
//!
//! Made by the state machine, in the order in which things happened, and received by the program with
//! [`super::Client::receive`].

use std::time::Duration;

use serde_json::Value;

use super::message::Message;
use super::presence::Presence;
use super::refusal::Refusal;
use super::response::{Joined, RequestId, Response};

/// Something that happened to a client or in its rooms.
///
/// Names and texts come from other users and are what the server passed on: a program that prints them
/// on a terminal has to escape control characters first.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most events are messages")]
#[non_exhaustive]
pub enum Event {
    /// The client is connected, for the first time or again, under this name.
    Online { user: String },
    /// The connection was lost; the client tries again after `retry_in`.
    Offline { reason: String, retry_in: Duration },
    /// The server accepts nothing for now, or no messages to this room. What is pending is sent after
    /// `retry_in`, which is two seconds or more; shorter delays are not reported.
    Throttled { room: Option<String>, reason: String, retry_in: Duration },
    /// The client is in the room again after a lost connection.
    Rejoined(Joined),
    /// The client is no longer in the room: it was removed, or could not join again.
    Removed { room: String, refusal: Refusal },
    /// Messages of a room will never be shown to this client.
    Gap(Gap),
    /// A message, of a room or private.
    Message(Message),
    /// A user joined a room; `at` is RFC 3339, UTC.
    Join { room: String, user: String, at: String },
    /// A user left a room; `at` is RFC 3339, UTC.
    Leave { room: String, user: String, at: String },
    /// A user began or stopped typing.
    Typing { room: String, user: String, typing: bool },
    /// A user's presence changed.
    Presence(Presence),
    /// The response to a request that was made with [`super::Client::send`].
    Response(RequestId, Result<Response, Refusal>),
    /// The server rejected something that was not a pending request, such as a presence note or a new
    /// name.
    Refused(Refusal),
    /// An event that has no variant here, such as `receipt`, `edit`, `delete` or `invited`, and whatever a later server has:
    /// the whole object, as docs/protocol.md describes it.
    Other(Value),
    /// A frame that is not an event, or an event without the fields of its type: its text. The client goes
    /// on.
    Malformed(String),
    /// So many events were dropped, all older than those that follow, because the program had not received
    /// them ([`super::Options::events_max`]).
    Dropped(u64),
}

/// Messages that this client will never be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// The room that they were published in.
    pub room: String,
    /// How many there are, where the server says so.
    pub missed: Option<u64>,
    /// How many of them newer messages of the same keys have replaced, where this client read too slowly.
    pub conflated: u64,
    /// `epoch_changed` (the room's history began anew), `too_old` (the server no longer has them),
    /// `lagged` (this client read too slowly), or what a later server says.
    pub reason: String,
}
