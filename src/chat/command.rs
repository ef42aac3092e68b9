//! What a client asks for, after parsing: every name valid, every number in its bounds.
//!
//! Made by `wire` from either dialect, handled by a `SessionState`.

use std::sync::Arc;

use super::id::Id;
use super::join_options::JoinOptions;
use super::message::{About, Body, Mid};
use super::policy::{ModerationRequest, RoomOptions};
use super::position::Position;
use super::presence::Status;
use super::receipt::Receipt;
use super::signal::Signal;
use super::span::Span;
use roomd_protocol::{RoomName, Secret, UserName};

/// A command with its mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The mark, if the client gave one.
    pub id: Option<Id>,
    /// What it says.
    pub command: Command,
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
