//! What the server tells a client.
//!
//! Made by rooms and sessions; encoded by `wire`, or handed as it is to a member in the same process.

use super::admin::Announcement;
use std::sync::Arc;
use std::time::Duration;

use super::bookmark::Bookmark;
use super::device::ListedDevice;
use super::end::End;
use super::group::GroupName;
use super::leave_reason::LeaveReason;
use super::listed_room::Memberships;
use super::message::{Body, Message, Mid};
use super::pattern::Pattern;
use super::policy::{AuditEntry, Invitation, ModerationAction, Role, RoomSubject};
use super::presence::Presence;
use super::receipt::{Receipt, ReceiptMark};
use super::receipt_counts::Counts;
use super::recovery::{Recovery, ResumedRoom};
use super::refusal::Refusal;
use super::room_summary::RoomSummary;
use super::search::SearchPosition;
use super::signal::Signal;
use super::time::Time;
use super::welcome::Welcome;
use roomd_protocol::{DisplayName, RoomName, Secret, UserName};

/// An event. The first group answers a command and may carry its `id`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection is open.
    Welcome(Welcome),
    /// You are in the room, with `count` users, of whom the first thousand are named. You have read up to the
    /// message `read`, on whichever connection. The messages after the number `after` follow. `rate`: the room takes so
    /// much a second, and at once, from all whom it counts, and you are one of them.
    Joined {
        room: RoomName,
        epoch: Arc<str>,
        seq: u64,
        after: u64,
        read: u64,
        members: Vec<UserName>,
        count: usize,
        recovery: Recovery,
        rate: Option<u32>,
    },
    /// The session is resumed. The missed events follow, room by room.
    Resumed { user: UserName, session: u64, resume: Arc<str>, rooms: Vec<ResumedRoom> },
    /// How the session can be resumed: its token, and the last message of the room.
    Session { resume: Option<Arc<str>>, room: RoomName, seq: u64 },
    /// You are in the room: the line that others see too, for text clients, after the history.
    Entered { room: RoomName, user: UserName },
    /// You have left the room.
    Left { room: RoomName },
    /// You are subscribed to the topics that match.
    Subscribed { pattern: Pattern },
    /// You are no longer.
    Unsubscribed { pattern: Pattern },
    /// Your message has its number; `ephemeral`: as in [`Message`].
    Sent {
        room: RoomName,
        epoch: Arc<str>,
        seq: u64,
        ephemeral: Option<u64>,
        mid: Option<Mid>,
        at: Time,
        duplicate: bool,
    },
    /// A part of a room's history, oldest first; `complete` when nothing lies beyond it.
    History { room: RoomName, epoch: Arc<str>, messages: Vec<Arc<Message>>, complete: bool },
    /// What a search in several rooms has found, newest first; `next` is where to go on.
    Found { messages: Vec<Message>, complete: bool, next: Option<SearchPosition> },
    /// The members of a room: `count` users, of whom the first thousand are named; and to whom the room's operators have
    /// given a role, in order.
    Members { room: RoomName, members: Vec<Presence>, count: usize, appointed: Vec<(UserName, Role)> },
    /// What a room is about: the answer to the question, and told to who joins a room that is about something.
    About { room: RoomName, subject: RoomSubject },
    /// The rooms that the client may know of.
    Rooms { rooms: Vec<RoomSummary> },
    /// The user's bookmarks.
    Bookmarks { bookmarks: Vec<Bookmark> },
    /// The devices on which the user is signed in.
    Devices { devices: Vec<ListedDevice> },
    /// A code that signs in a further device, once.
    DeviceCode { code: Secret, expires: Time },
    /// The user's rooms and private conversations.
    Memberships(Memberships),
    /// The invitation is made.
    Invitation { room: RoomName, invitation: Invitation },
    /// The invitations to a room that are in force.
    Invitations { room: RoomName, invitations: Vec<Invitation> },
    /// The display names of those users, of whom was asked, that have one.
    DisplayNames { names: Vec<(UserName, DisplayName)> },
    /// The room is created. `pinned`: it stays only as long as the server holds a seat in it.
    Created { room: RoomName, pinned: bool },
    /// The audit log of a room, oldest first.
    Audit { room: RoomName, entries: Vec<AuditEntry> },
    /// You are connected under this name, and enter the room with your first line.
    Greeting { room: RoomName, user: UserName },
    /// The room ends, with all that was said in it, if its end is requested again soon.
    EndAsked { room: RoomName },
    /// You have another name.
    Named { user: UserName },
    /// Your token expires then: send another.
    TokenExpiring { expires: Time, left: Duration },
    /// You are told from now on, or no longer, who has received and read your messages.
    ReceiptsAsked { on: bool },
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
    /// A message that is yours, of all members of the group, until you have done it; `redelivered`: a member had it
    /// before. So many older ones are nobody's, because there was no space for them.
    Assigned { message: Arc<Message>, group: GroupName, redelivered: bool, missed: u64 },
    /// A message was edited; with `Body::Deleted`, deleted.
    Edit { room: RoomName, seq: u64, user: UserName, body: Body, at: Time },
    /// A user joined, who owns the name or is a guest under it; with `was`, who has had another name until a moment ago.
    Join { room: RoomName, user: UserName, registered: bool, was: Option<UserName>, at: Time },
    /// A user left. The reason is for protocols that tell one from the other; JSON has the presence that follows.
    Leave { room: RoomName, user: UserName, reason: LeaveReason, at: Time },
    /// A moderator changed something in the room; to the moderator it is the answer, too.
    /// `evicted`: the user whom it concerns was in the room, and is put out.
    Moderated { room: RoomName, by: UserName, action: ModerationAction, evicted: bool, at: Time },
    /// You were invited to a room, which you need not be in.
    InvitedTo { room: RoomName, by: UserName, action: ModerationAction, at: Time },
    /// A user has received, or read, everything up to a message.
    Receipt { room: RoomName, mark: ReceiptMark },
    /// These users have received, or read, your last messages: so many, of which each of them had not got so far before.
    /// For clients that show lines, and have asked; `private`: in a private conversation.
    Reached { room: RoomName, private: bool, receipt: Receipt, users: Vec<UserName>, messages: usize },
    /// How many users your message was written to, and have received and read it: in a room that is too large for their
    /// receipts, to who has asked.
    ReceiptCounts { room: RoomName, seq: u64, counts: Counts },
    /// A user is typing, or no longer.
    Typing { room: RoomName, user: UserName, typing: bool },
    /// A user is online, away or offline.
    Presence(Presence),
    /// A user is called by this name from now on, or with `None` by none.
    DisplayName { user: UserName, name: Option<DisplayName> },
    /// Another connection of the user's has added a bookmark, or changed it.
    Bookmarked(Bookmark),
    /// Another connection of the user's has removed a bookmark.
    Unbookmarked { room: RoomName },
    /// The user has read everything up to a message, which was said then, on another connection; `other` is with whom the
    /// user speaks in a private conversation. For protocols whose read marks are times.
    ReadTo { room: RoomName, other: Option<UserName>, at: Time },
    /// A user whom the client watches is connected now, or no longer.
    Watched { user: UserName, is_online: bool },
    /// So many messages of the room do not come, because you read too slowly; so many of them, because newer ones of
    /// their keys came before they could be sent.
    Lagged { room: RoomName, missed: u64, conflated: u64 },
    /// Call signalling for you; `payload` is JSON.
    Signal { kind: Signal, from: UserName, payload: Arc<str> },
    /// An admin says something to all.
    Announced(Announcement),
    /// The server is about to shut down: after that time it begins to end connections.
    Draining { left: Duration },
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
        matches!(self, Self::Message(_) | Self::Assigned { .. })
    }

    /// The data of the message that it is about, if that is no text.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Self::Message(message) | Self::Assigned { message, .. } => message.body.data(),
            Self::Edit { body, .. } => body.data(),
            _ => None,
        }
    }

    /// Whether it is for all members but those in groups, of whom one is assigned it.
    #[must_use]
    pub fn is_for_one_of_a_group(&self) -> bool {
        matches!(self, Self::Message(message) if message.ephemeral.is_none())
    }
}
