//! What a client is told.
//!
//! Made by rooms and sessions, turned into bytes by `wire`, or handed as it is to a member that
//! lives in the same process.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::Signal;
use super::end::End;
use super::identity::Identity;
use super::limits::Limits;
use super::message::{Body, Message, Mid};
use super::policy::{AuditEntry, ModerationAction};
use super::record::ReceiptMark;
use super::time::Time;
use roomd_protocol::{RoomName, UserName};

/// Whether a user is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Connected.
    Online,
    /// Connected, but says to be elsewhere.
    Away,
    /// Not connected.
    Offline,
}

/// A user's presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub user: UserName,
    /// Whether they are there.
    pub status: Status,
    /// What they said when they went away.
    pub note: Option<Arc<str>>,
    /// When they last did something.
    pub last_seen: Time,
}

/// A line of the list of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSummary {
    /// Its name.
    pub room: RoomName,
    /// Connections that are in it.
    pub members: usize,
    /// Whether only those on its list may enter.
    pub private: bool,
}

/// The error codes of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Cannot be understood.
    BadRequest,
    /// A `type` that there is not.
    UnknownType,
    /// Over a limit of size.
    TooLarge,
    /// Who that is has not been proved.
    Unauthorized,
    /// Not allowed.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Only for members of the room.
    NotMember,
    /// There is no such session any more.
    SessionExpired,
    /// The name is in use.
    NameTaken,
    /// The room has as many members as it may have.
    RoomFull,
    /// The connection or the server has as many rooms as it may have.
    TooManyRooms,
    /// Too fast.
    RateLimited,
    /// May say nothing in this room for now.
    Muted,
    /// The user is not connected.
    UserOffline,
    /// Cannot be done now.
    Unavailable,
    /// The server is shutting down.
    Draining,
    /// A defect of the server.
    Internal,
}

impl Code {
    /// Its name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnknownType => "unknown_type",
            Self::TooLarge => "too_large",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::NotMember => "not_member",
            Self::SessionExpired => "session_expired",
            Self::NameTaken => "name_taken",
            Self::RoomFull => "room_full",
            Self::TooManyRooms => "too_many_rooms",
            Self::RateLimited => "rate_limited",
            Self::Muted => "muted",
            Self::UserOffline => "user_offline",
            Self::Unavailable => "unavailable",
            Self::Draining => "draining",
            Self::Internal => "internal",
        }
    }
}

/// Something that was asked for and is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, for programs.
    pub code: Code,
    /// Why, for people.
    pub message: Cow<'static, str>,
    /// When to try again, if that would help.
    pub retry_after: Option<Duration>,
    /// The room that is too much for, or that there is too much of; else it is the connection.
    pub room: Option<RoomName>,
}

impl Refusal {
    /// A refusal that no waiting will change.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after: None, room: None }
    }

    /// The rate limit's refusal.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Code::RateLimited, "Rate limit exceeded") }
    }

    /// The refusal of a room that lets each user speak once in a while.
    #[must_use]
    pub fn slow_mode(room: &RoomName, every: Duration, retry_after: Duration) -> Self {
        let message = format!("This room takes one message of each user in {} s", every.as_secs());
        Self { retry_after: Some(retry_after), ..Self::new(Code::RateLimited, message) }.about(room)
    }

    /// Says that nothing but this room is refused.
    #[must_use]
    pub fn about(self, room: &RoomName) -> Self {
        Self { room: Some(room.clone()), ..self }
    }

    /// For a room that is not there, or that the asker may not know of.
    #[must_use]
    pub fn no_room(room: &RoomName) -> Self {
        Self::new(Code::NotFound, format!("There is no room {room}"))
    }

    /// For a room that the asker is not in.
    #[must_use]
    pub fn not_member(room: &RoomName) -> Self {
        Self::new(Code::NotMember, format!("Not a member of {room}"))
    }

    /// For a room whose broker has failed.
    #[must_use]
    pub fn room_failed(room: &RoomName) -> Self {
        Self::new(Code::Internal, format!("The room {room} failed"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// A server that helps browsers reach each other in a call: what WebRTC calls an `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IceServer {
    /// Its address: `stun:…` or `turn:…`.
    pub urls: String,
    /// The name that a TURN server asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What goes with the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What a JSON client is told first.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// Who it is taken for.
    pub who: Identity,
    /// The name of its session, for logs.
    pub session: u64,
    /// What takes the session up again after an interruption; `None` when nothing does.
    pub resume: Option<Arc<str>>,
    /// The bounds it has to live with.
    pub limits: Arc<Limits>,
    /// Servers for calls.
    pub ice_servers: Arc<[IceServer]>,
}

/// What became of a `since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// All that was missed follows, or nothing was asked.
    Whole,
    /// The room's history is another one than the client knows.
    EpochChanged,
    /// The room no longer has all that was missed.
    TooOld,
    /// The history cannot be read now.
    Unavailable,
    /// The room failed meanwhile; join it again.
    RoomFailed,
    /// The user was put out of the room meanwhile, or the room has ended.
    Removed,
}

impl Recovery {
    /// The reason in the protocol; `None` when all is well.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::EpochChanged => Some("epoch_changed"),
            Self::TooOld => Some("too_old"),
            Self::Unavailable => Some("unavailable"),
            Self::RoomFailed => Some("room_failed"),
            Self::Removed => Some("removed"),
        }
    }
}

/// A room to which a client has come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumedRoom {
    /// The room.
    pub room: RoomName,
    /// Whether what was missed follows.
    pub recovery: Recovery,
    /// How many messages those are.
    pub missed: u64,
}

/// An event. The first group answers a command and may carry its `id`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection is open.
    Welcome(Welcome),
    /// You are in the room, with `count` users, of whom the first thousand are named. The newest
    /// messages follow.
    Joined { room: RoomName, epoch: Arc<str>, seq: u64, members: Vec<UserName>, count: usize, recovery: Recovery },
    /// The session goes on. What was missed follows, room by room.
    Resumed { user: UserName, session: u64, resume: Arc<str>, rooms: Vec<ResumedRoom> },
    /// How the session could be taken up again: its token, and the last message of the room.
    Session { resume: Option<Arc<str>>, room: RoomName, seq: u64 },
    /// You are in the room, for those who read text: after the history, what others see too.
    Entered { room: RoomName, user: UserName },
    /// You are out of the room.
    Left { room: RoomName },
    /// Your message has its number.
    Sent { room: RoomName, seq: u64, mid: Option<Mid>, at: Time, duplicate: bool },
    /// A part of a room's history, oldest first; `complete` when nothing lies beyond it.
    History { room: RoomName, epoch: Arc<str>, messages: Vec<Arc<Message>>, complete: bool },
    /// Who is in a room: `count` users, of whom the first thousand are named.
    Members { room: RoomName, members: Vec<Presence>, count: usize },
    /// Which rooms there are.
    Rooms { rooms: Vec<RoomSummary> },
    /// The room is made. `pinned`: it stays only as long as the server holds a seat in it.
    Created { room: RoomName, pinned: bool },
    /// What was decided in a room, oldest first.
    Audit { room: RoomName, entries: Vec<AuditEntry> },
    /// You have another name.
    Named { user: UserName },
    /// Your token ends then: show another.
    TokenExpiring { expires: Time, left: Duration },
    /// What can be said in the text dialect.
    Help,
    /// The server is there.
    Pong,
    /// It is done.
    Done,
    /// It is not done.
    Refused(Refusal),

    /// A message; with a `to`, a private one.
    Message(Arc<Message>),
    /// A message says something else now; with `Body::Deleted`, nothing any more.
    Edit { room: RoomName, seq: u64, user: UserName, body: Body, at: Time },
    /// Somebody came.
    Join { room: RoomName, user: UserName, at: Time },
    /// Somebody left.
    Leave { room: RoomName, user: UserName, at: Time },
    /// Somebody changed something in the room; to them it is the answer, too.
    Moderated { room: RoomName, by: UserName, action: ModerationAction, at: Time },
    /// Somebody has got everything up to a message, in some sense.
    Receipt { room: RoomName, mark: ReceiptMark },
    /// Somebody is typing, or no longer.
    Typing { room: RoomName, user: UserName, typing: bool },
    /// Somebody is there, away or gone.
    Presence(Presence),
    /// So many messages of the room were dropped, because you read too slowly.
    Lagged { room: RoomName, missed: u64 },
    /// Call signalling for you; `payload` is JSON.
    Signal { kind: Signal, from: UserName, payload: Arc<str> },
    /// The connection ends now.
    Goodbye { end: End, retry_after: Duration },
}

impl Event {
    /// The news that a message was changed, as it reads now, for one who may not have heard of it.
    #[must_use]
    pub fn changed(message: &Message) -> Self {
        let Message { room, user, body, seq, at, edited, .. } = message.clone();
        Self::Edit { room, seq, user, body, at: edited.unwrap_or(at) }
    }

    /// Whether it carries a message: what `lagged` counts.
    #[must_use]
    pub fn is_message(&self) -> bool {
        matches!(self, Self::Message(_))
    }
}
