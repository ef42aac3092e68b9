//! What passes between a room and its store: drafts go in, outcomes come back.
//!
//! A room makes drafts and shows nothing of them; its broker hands them to the store, in order and
//! many at a time; the store's outcomes come back to the room, which then shows what was stored
//! and answers each speaker. So the store numbers, and the room learns.

use std::fmt;

use super::id::Id;
use super::message::{About, Body, Mid};
use super::policy::ModerationAction;
use super::speaker::Speaker;
use super::time::Time;
use roomd_protocol::UserName;

/// Something said that is not stored yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Who says it; the acknowledgement goes to this number.
    pub speaker: Speaker,
    /// What is to be stored.
    pub operation: Operation,
    /// When the room took it.
    pub at: Time,
    /// The mark of the command.
    pub id: Option<Id>,
    /// Whether no acknowledgement is wanted, unless the command has a mark.
    pub quiet: bool,
}

/// What a draft does to the history.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Adds a message; `to`: in a private conversation, to whom.
    Publish { to: Option<UserName>, body: Body, about: Option<About>, mid: Option<Mid> },
    /// Replaces what one's own message says, or takes it away: `Body::Deleted`; its number stays. `rules`:
    /// it may be somebody else's message, and the audit tells of it then. Only who deletes may do that.
    Edit { seq: u64, body: Body, rules: bool },
    /// Changes the room's charter, and adds to its audit; [`super::policy::ModerationChange::Ended`] takes all of
    /// the room away.
    Moderate(ModerationAction),
}

impl Draft {
    /// Bytes of what it says.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.operation {
            Operation::Publish { body, .. } | Operation::Edit { body, .. } => body.len(),
            Operation::Moderate(_) => 0,
        }
    }
}

/// What the store made of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message has this number.
    Stored { seq: u64 },
    /// Its `mid` was there already, under this number since this time.
    Repeat { seq: u64, at: Time },
    /// The message says something else now, or nothing; or the charter does.
    Changed,
    /// The room has ended; what is said in it from now on is another history, of this name.
    Ended { epoch: Epoch },
    /// There is no such message, or it is gone.
    Missing,
    /// It is somebody else's message.
    Foreign,
}

/// The name of a history, as it was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{:016x}", self.0)
    }
}

/// The store could not take the drafts; none of them is stored. Or it could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFailed;
