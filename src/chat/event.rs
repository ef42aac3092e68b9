//! What the server tells a client.
//!
//! Made by rooms and sessions; encoded by `wire`, or handed as it is to a member in the same process.

use std::sync::Arc;
use std::time::Duration;

use super::end::End;
use super::message::{Body, Message, Mid};
use super::policy::{AuditEntry, ModerationAction};
use super::presence::Presence;
use super::receipt::ReceiptMark;
use super::recovery::{Recovery, ResumedRoom};
use super::refusal::Refusal;
use super::room_summary::RoomSummary;
use super::signal::Signal;
use super::time::Time;
use super::welcome::Welcome;
use roomd_protocol::{RoomName, UserName};

/// An event. The first group answers a command and may carry its `id`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection is open.
    Welcome(Welcome),
    /// You are in the room, with `count` users, of whom the first thousand are named. The newest
    /// messages follow.
    Joined { room: RoomName, epoch: Arc<str>, seq: u64, members: Vec<UserName>, count: usize, recovery: Recovery },
    /// The session is resumed. The missed events follow, room by room.
    Resumed { user: UserName, session: u64, resume: Arc<str>, rooms: Vec<ResumedRoom> },
    /// How the session can be resumed: its token, and the last message of the room.
    Session { resume: Option<Arc<str>>, room: RoomName, seq: u64 },
    /// You are in the room: the line that others see too, for text clients, after the history.
    Entered { room: RoomName, user: UserName },
    /// You have left the room.
    Left { room: RoomName },
    /// Your message has its number.
    Sent { room: RoomName, seq: u64, mid: Option<Mid>, at: Time, duplicate: bool },
    /// A part of a room's history, oldest first; `complete` when nothing lies beyond it.
    History { room: RoomName, epoch: Arc<str>, messages: Vec<Arc<Message>>, complete: bool },
    /// The members of a room: `count` users, of whom the first thousand are named.
    Members { room: RoomName, members: Vec<Presence>, count: usize },
    /// The rooms that the client may know of.
    Rooms { rooms: Vec<RoomSummary> },
    /// The room is created. `pinned`: it stays only as long as the server holds a seat in it.
    Created { room: RoomName, pinned: bool },
    /// The audit log of a room, oldest first.
    Audit { room: RoomName, entries: Vec<AuditEntry> },
    /// You have another name.
    Named { user: UserName },
    /// Your token expires then: send another.
    TokenExpiring { expires: Time, left: Duration },
    /// The list of the text dialect's commands.
    Help,
    /// The server is there.
    Pong,
    /// The time at the server.
    Time { at: Time },
    /// The command was carried out.
    Done,
    /// The command was refused.
    Refused(Refusal),

    /// A message; with a `to`, a private one.
    Message(Arc<Message>),
    /// A message was edited; with `Body::Deleted`, deleted.
    Edit { room: RoomName, seq: u64, user: UserName, body: Body, at: Time },
    /// A user joined.
    Join { room: RoomName, user: UserName, at: Time },
    /// A user left.
    Leave { room: RoomName, user: UserName, at: Time },
    /// A moderator changed something in the room; to the moderator it is the answer, too.
    Moderated { room: RoomName, by: UserName, action: ModerationAction, at: Time },
    /// A user has received, or read, everything up to a message.
    Receipt { room: RoomName, mark: ReceiptMark },
    /// A user is typing, or no longer.
    Typing { room: RoomName, user: UserName, typing: bool },
    /// A user is online, away or offline.
    Presence(Presence),
    /// So many messages of the room were dropped, because you read too slowly.
    Lagged { room: RoomName, missed: u64 },
    /// Call signalling for you; `payload` is JSON.
    Signal { kind: Signal, from: UserName, payload: Arc<str> },
    /// The connection ends now.
    Goodbye { end: End, retry_after: Duration },
}

impl Event {
    /// The event that tells a client of an edit or a deletion that it may have missed.
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
