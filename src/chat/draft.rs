//! What passes between a room and its store: drafts go in, outcomes come back.
//!
//! A room makes drafts and shows nothing of them; its broker hands them to the store, in order and
//! many at a time; the store's outcomes come back to the room, which then shows what was stored
//! and answers each speaker. So the store numbers, and the room learns.

use std::fmt;

use super::id::Id;
use super::message::Body;
use super::policy::ModerationAction;
use super::publication::Publication;
use super::remote_event::RemoteEvent;
use super::room_request::RoomRequest;
use super::speaker::Speaker;
use super::time::Time;
use roomd_protocol::UserName;

/// A change of a room's history that is not stored yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The author; the acknowledgement goes to its member number.
    pub speaker: Speaker,
    /// What is to be stored.
    pub operation: Operation,
    /// When the room accepted it.
    pub at: Time,
    /// The request id of the command.
    pub id: Option<Id>,
    /// Whether no acknowledgement is wanted, unless the command has a request id.
    pub quiet: bool,
    /// Of a moderation: the request that the policy allowed, to be decided again if the draft is stale.
    pub request: Option<Box<RoomRequest>>,
    /// Keys that the room may have, at most.
    pub keys_max: usize,
}

/// What a draft does to the history.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Adds a message; `to` is the other user of a private conversation.
    Publish { to: Option<UserName>, publication: Publication },
    /// Replaces the content of the author's own message, or deletes it: `Body::Deleted`; its number stays.
    /// `as_moderator` allows another user's message, and adds it to the audit log; for deletions only.
    Edit { seq: u64, body: Body, as_moderator: bool },
    /// Changes the room's policy, and adds to its audit log; [`super::policy::ModerationChange::Ended`] deletes all
    /// of the room.
    Moderate(ModerationAction),
}

impl Draft {
    /// A draft that is acknowledged, without a request id.
    #[must_use]
    pub fn new(speaker: Speaker, operation: Operation, at: Time) -> Self {
        Self { speaker, operation, at, id: None, quiet: false, request: None, keys_max: usize::MAX }
    }

    /// Bytes of its content.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.operation {
            Operation::Publish { publication, .. } => publication.body.len(),
            Operation::Edit { body, .. } => body.len(),
            Operation::Moderate(_) => 0,
        }
    }
}

/// The store's answer to a room's drafts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Appended {
    /// What other servers did before, in the room's order, that the room has not been told yet.
    pub before: Vec<RemoteEvent>,
    /// One outcome for each draft, in order.
    pub outcomes: Vec<Outcome>,
}

impl From<Vec<Outcome>> for Appended {
    /// The answer of a store that one server has to itself.
    fn from(outcomes: Vec<Outcome>) -> Self {
        Self { before: Vec::new(), outcomes }
    }
}

/// The store's answer to a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message has this number.
    Stored { seq: u64 },
    /// Its `mid` was there already, under this number since this time.
    Repeat { seq: u64, at: Time },
    /// It was to be stored only behind another message: the room's newest is this one, 0 for none.
    Conflict { newest: u64 },
    /// It was to be stored only behind another message of its key: the key's newest is this one, 0 for none.
    KeyConflict { newest: u64 },
    /// The room has as many keys as it may have.
    TooManyKeys,
    /// The message, or the policy, is changed.
    Changed,
    /// The room has ended; its next messages belong to another history, of this epoch.
    Ended { epoch: Epoch },
    /// There is no such message, or it is gone.
    Missing,
    /// The message has another author.
    NotAuthor,
    /// Nothing was stored: another server has changed the policy since the draft was made. It has to be decided again,
    /// by the policy that [`Appended::before`] brings.
    Stale,
}

/// The name of a history, drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{:016x}", self.0)
    }
}

/// The store could not write the drafts, and none of them is stored; or it could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFailed;
