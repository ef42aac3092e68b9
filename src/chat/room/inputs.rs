//! The inputs of a room, and its effects.
//!
//! What passes between a room and its broker. Everything here is a value: a member is a
//! number, what goes out is an event.

use std::sync::Arc;

use crate::chat::UserName;
use crate::chat::attendance::RemoteAttendance;
use crate::chat::event::Event;
use crate::chat::id::Id;
use crate::chat::identity::{AuthLevel, Identity};
use crate::chat::join_options::JoinOptions;
use crate::chat::leave_reason::LeaveReason;
use crate::chat::members::MemberId;
use crate::chat::message::Message;
use crate::chat::policy::Policy;
use crate::chat::position::Since;
use crate::chat::presence::Availability;
use crate::chat::receipt::ReceiptMark;
use crate::chat::recovery::ResumedRoom;
use crate::chat::refusal::Refusal;
use crate::chat::remote_event::RemoteEvent;
use crate::chat::room_request::RoomRequest;
use crate::chat::speaker::Speaker;
use crate::chat::time::Time;
use crate::chat::visibility::Visibility;

// ANCHOR: input
/// An input of a room.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection joins.
    Join { member: MemberId, request: JoinRequest, id: Option<Id> },
    /// A member leaves; nothing happens if it is none.
    Leave { member: MemberId, reason: LeaveReason, id: Option<Id> },
    /// A member's connection was lost; its membership is kept.
    Detach { member: MemberId },
    /// A detached member resumes, and has seen so much.
    Resume { member: MemberId, seen: Since },
    /// This member's socket has taken everything that the room has sent.
    Written { member: MemberId },
    /// A member, or a non-member, makes a request.
    Request { speaker: Speaker, request: RoomRequest, id: Option<Id> },
    /// Another server did something. No draft may be waiting.
    Remote(RemoteEvent),
    /// Another server tells who is in the room through it.
    Attended(RemoteAttendance),
    /// A user begins, or ends, to type on another server.
    TypedElsewhere { user: UserName, typing: bool },
    /// Time has passed.
    Tick,
}
// ANCHOR_END: input

/// A connection's request to join.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The user of the connection.
    pub user: UserName,
    /// How the user is authenticated.
    pub auth_level: AuthLevel,
    /// Whether what the user says is not counted by the rate of the room: see [`Speaker::has_own_rate`](crate::chat::Speaker).
    pub has_own_rate: bool,
    /// The connection's number: a connection is in a private conversation once.
    pub connection: u64,
    /// Whether it is sent its own messages.
    pub echo: bool,
    /// What others see of it.
    pub visibility: Visibility,
    /// What the client says of its user.
    pub availability: Availability,
    /// Its options: which messages it wants first.
    pub options: JoinOptions,
}

impl JoinRequest {
    /// A join that is announced and echoes, of a user who is online, without options.
    #[must_use]
    pub fn new(user: UserName, auth_level: AuthLevel, connection: u64) -> Self {
        let (availability, options) = (Availability::default(), JoinOptions::default());
        let visibility = Visibility::Announced;
        Self { user, auth_level, has_own_rate: false, connection, echo: true, visibility, availability, options }
    }

    /// The same of a connection of this identity.
    #[must_use]
    pub fn of(who: &Identity, connection: u64) -> Self {
        Self { has_own_rate: who.rate().is_some(), ..Self::new(who.user.clone(), who.auth_level, connection) }
    }
}

/// Something that the broker has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// This connection is a member from now on.
    Admitted(MemberId),
    /// This connection is in already, as that member: a private conversation has each once.
    AlreadyJoined(MemberId, MemberId),
    /// This connection may not join.
    Refused(MemberId, Refusal),
    /// This member has left: its seat goes after all earlier effects.
    Left(MemberId),
    /// This member was evicted: it may still have requests on their way.
    Evicted(MemberId),
    /// The policy from now on, for the policy index; `None`: the room has ended.
    PolicyChanged(Option<Arc<Policy>>),
    /// This member is to be sent a part of the history before anything else.
    Replay(MemberId, ReplayRange),
    /// This member has resumed; and which part of the history it is to be sent first.
    Resumed(MemberId, ResumedRoom, Option<ReplayRange>),
    /// For every member.
    Everyone(Event),
    /// For every member, and told by another server to whom else it concerns.
    Elsewhere(Event),
    /// For every member but this one.
    Others(MemberId, Event),
    /// For this member or non-member alone.
    One(MemberId, Option<Id>, Event),
    /// How far users have got: marks to store, and events for these members.
    Advanced { marks: Vec<ReceiptMark>, to: Vec<MemberId>, events: Vec<Event> },
    /// For all members but this user's, and only for those who keep up.
    BestEffort(UserName, Event),
    /// Other servers may be told that a user types, or has stopped.
    TellTyping(UserName, bool),
}

/// The stored state that a room is opened with.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The epoch: the name of its history.
    pub epoch: Arc<str>,
    /// The number of its newest message; 0 when it has none.
    pub seq: u64,
    /// Its newest messages, oldest first and without a gap up to `seq`.
    pub recent: Vec<Message>,
    /// Whether the store can be asked for what is older.
    pub kept: bool,
}

/// Whether a member is sent the newest message of each key: all of them or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latest {
    /// No.
    No,
    /// In place of the newest messages, where the store no longer has all that it missed.
    Fallback,
    /// Nothing else: it names no position.
    Only,
}

/// A part of the history that a member is to be sent: too much, perhaps, for its outbox at once. So
/// its own reader fetches it from the store, while the room's new events wait.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayRange {
    /// What comes first: the answer to the join.
    pub answer: Option<Event>,
    /// The last message that the client has seen.
    pub after: u64,
    /// The last message of the range; later ones come from the room.
    pub until: u64,
    /// How many of the newest messages it wants if the store no longer has them all.
    pub history: usize,
    /// Whether it is sent the newest message of each key up to `until`.
    pub latest: Latest,
    /// In a private conversation: only messages to this user, and not before this time.
    pub offline: Option<(UserName, Time)>,
}
