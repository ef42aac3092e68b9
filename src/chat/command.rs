//! What a client may say, after parsing: every name valid, every number in its bounds.
//!
//! Made by `wire` from either dialect, heard by a `Session`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::Status;
use super::message::{About, Body, Mid, Position};
use super::policy::{ModerationRequest, RoomOptions};
use super::record::Receipt;
use super::time::Time;
use roomd_protocol::{RoomName, Secret, UserName};

/// The client's own mark on a command: exactly one answer carries it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// An integer.
    Number(i64),
    /// A text of at most [`Id::BYTES_MAX`] bytes.
    Text(Box<str>),
}

impl Id {
    /// Bytes of an `id` that is a text, at most.
    pub const BYTES_MAX: usize = 64;
}

/// A command with its mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The mark, if the client gave one.
    pub id: Option<Id>,
    /// What it says.
    pub command: Command,
}

/// Call signalling between two users, carried without being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// A session description that begins a call.
    Offer,
    /// A session description that accepts one.
    Answer,
    /// A way to reach the sender.
    IceCandidate,
    /// The end of the call.
    Hangup,
}

impl Signal {
    /// Its name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::IceCandidate => "ice-candidate",
            Self::Hangup => "hangup",
        }
    }
}

/// Which part of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The newest before this number.
    Before(u64),
    /// The oldest after this number.
    After(u64),
}

/// How a join wants to be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinOptions {
    /// How many of the newest messages it wants; `None` leaves it to the door.
    pub history: Option<usize>,
    /// The last message it has seen.
    pub since: Option<Position>,
    /// The room was called `topic`: its events say `topic`, and a new room drops for slow members.
    pub topic: bool,
    /// Of a private conversation, it is to be given what was said to its user while they were away.
    pub offline: Option<OfflineDelivery>,
}

/// What of a private conversation is owed to the one to whom a name belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfflineDelivery {
    /// Since when the name belongs to its user: what was said before was said to somebody else.
    pub since: Time,
    /// Whether its own reader enters, and can fetch what memory no longer has. One that is entered by
    /// another is not let in then.
    pub fetched: bool,
}

/// What a client that comes back has seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// The last message of each room; of one that is not here, nothing since it entered.
    Rooms(Vec<(RoomName, Position)>),
    /// The last message of the room that a text client speaks in.
    Current(u64),
}

/// A command. `room: None` is the text dialect's current room.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Enter a room, which is opened if it is not there.
    Join { room: RoomName, options: JoinOptions },
    /// Leave a room.
    Leave { room: Option<RoomName> },
    /// Publish to a room one is in.
    Message { room: Option<RoomName>, body: Body, about: Option<About>, mid: Option<Mid> },
    /// The bare form: subscribe if needed, then publish.
    Topic { room: RoomName, body: Body },
    /// Say something to one user.
    Private { to: UserName, body: Body, about: Option<About>, mid: Option<Mid> },
    /// Replace what an own message says, or take it away: `Body::Deleted`.
    Edit { room: RoomName, seq: u64, body: Body },
    /// Has received, or read, everything up to a message.
    Receipt { room: RoomName, receipt: Receipt, seq: u64 },
    /// Is typing, or no longer.
    Typing { room: RoomName, typing: bool },
    /// Is here, or away, with a note of at most 200 bytes.
    Presence { status: Status, note: Option<Arc<str>> },
    /// Read a part of a room's history.
    History { room: Option<RoomName>, span: Span, limit: usize },
    /// Who is in a room.
    Members { room: Option<RoomName> },
    /// Which rooms there are.
    Rooms,
    /// Make a room that stays when nobody is in it; `durable`: and keeps its history.
    Create { room: RoomName, durable: bool, options: RoomOptions },
    /// Change something in a room, in which one need not be.
    Moderate { room: Option<RoomName>, request: ModerationRequest, note: Option<Arc<str>> },
    /// Call signalling; `payload` is JSON.
    Signal { kind: Signal, to: UserName, payload: Arc<str> },
    /// Take another name, before the first message.
    Nick { name: UserName },
    /// Say who one is, before the first room or message.
    Auth { token: Secret },
    /// Show a token that is good for longer.
    Refresh { token: Secret },
    /// Take an interrupted session up again.
    Resume { token: Box<str>, seen: Seen },
    /// How this session could be taken up again.
    Session,
    /// Is the server there?
    Ping,
    /// What can be said in the text dialect.
    Help,
    /// Leave the server.
    Quit,
}

/// Bytes of an away note, at most.
pub const NOTE_BYTES_MAX: usize = 200;
