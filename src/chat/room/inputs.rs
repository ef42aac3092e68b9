//! What a room hears, and what follows from it.
//!
//! The words between a room and its broker. Everything here is a value: who it is about is a
//! number, what goes out is an event.

use std::sync::Arc;

use crate::chat::UserName;
use crate::chat::event::Event;
use crate::chat::id::Id;
use crate::chat::identity::AuthLevel;
use crate::chat::join_options::JoinOptions;
use crate::chat::members::MemberId;
use crate::chat::message::Message;
use crate::chat::policy::Policy;
use crate::chat::position::Since;
use crate::chat::presence::Status;
use crate::chat::receipt::ReceiptMark;
use crate::chat::recovery::ResumedRoom;
use crate::chat::refusal::Refusal;
use crate::chat::room_request::RoomRequest;
use crate::chat::speaker::Speaker;
use crate::chat::time::Time;

/// Something that a room hears.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection wants to be a member.
    Join { member: MemberId, guest: JoinRequest, id: Option<Id> },
    /// A member leaves. Of one that is not a member: nothing happens.
    Leave { member: MemberId, reason: LeaveReason, id: Option<Id> },
    /// A member's connection broke; its place is kept.
    Detach { member: MemberId },
    /// It has come back, and has seen so much.
    Resume { member: MemberId, seen: Since },
    /// This member's socket has taken everything that the room has said.
    Written { member: MemberId },
    /// A member, or a visitor, says something.
    Request { speaker: Speaker, request: RoomRequest, id: Option<Id> },
    /// Time has passed.
    Tick,
}

/// Who enters, and how.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// Whose connection it is.
    pub user: UserName,
    /// What that name is worth.
    pub auth_level: AuthLevel,
    /// The connection's number: in a private conversation each is a member once.
    pub connection: u64,
    /// Whether it wants its own messages back.
    pub echo: bool,
    /// Whether others hear of it and it is answered `joined`; a subscriber by the bare form is quiet.
    pub announced: bool,
    /// What the user's status is.
    pub status: Status,
    /// What it wants to see at once.
    pub options: JoinOptions,
}

/// Why a member leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// Left this room.
    Left,
    /// The connection is gone.
    Disconnected,
    /// The server stops: nobody needs to hear of it.
    Closing,
}

/// What the broker has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// This member is in: it is in the table from now on.
    Admitted(MemberId),
    /// This one's connection is in already, as that member: a private conversation has each once.
    AlreadyJoined(MemberId, MemberId),
    /// This one may not come in.
    Refused(MemberId, Refusal),
    /// This member is out: its seat goes after all earlier effects.
    Left(MemberId),
    /// This member is out, and did not mean to go: it may still be about to say something.
    Evicted(MemberId),
    /// Who may do what from now on, for those who ask without the room; `None`: the room has ended.
    PolicyChanged(Option<Arc<Policy>>),
    /// This member is to be given a part of the past before anything else.
    Replay(MemberId, ReplayRange),
    /// This member is back; and what of the past it is to be given first.
    Resumed(MemberId, ResumedRoom, Option<ReplayRange>),
    /// For every member.
    Everyone(Event),
    /// For every member but this one.
    Others(MemberId, Event),
    /// For this member or visitor alone.
    One(MemberId, Option<Id>, Event),
    /// How far users have got: to be kept, and to be told, as these events, to these members.
    Advanced { marks: Vec<ReceiptMark>, to: Vec<MemberId>, events: Vec<Event> },
    /// For everybody else than this user, and only for those who keep up.
    BestEffort(UserName, Event),
}

/// What a room goes on from.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The name of its history; another history of the same room has another.
    pub epoch: Arc<str>,
    /// The number of its newest message; 0 when it has none.
    pub seq: u64,
    /// Its newest messages, oldest first and without a gap up to `seq`.
    pub recent: Vec<Message>,
    /// Whether the store can be asked for what is older.
    pub kept: bool,
}

/// A part of the past that a member is to be given: too much, perhaps, for its outbox at once. So
/// its own reader fetches it from the store, while what the room says meanwhile waits.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayRange {
    /// What comes first: the answer to the join.
    pub answer: Option<Event>,
    /// The last message that the client has seen.
    pub after: u64,
    /// The last message that belongs to the past; what comes later comes from the room.
    pub until: u64,
    /// How many of the newest messages it wants if the store no longer has them all.
    pub history: usize,
    /// Of a private conversation: only what was said to this user, and not before this time.
    pub offline: Option<(UserName, Time)>,
}
