//! What passes between a room and its store: drafts go in, outcomes come back.
//!
//! A room makes drafts and shows nothing of them; its broker hands them to the store, in order and
//! many at a time; what the store answers comes back to the room, which then shows what was stored
//! and answers who said it. So the store numbers, and the room learns.

use std::fmt;

use super::command::Id;
use super::message::{About, Body, Mid};
use super::policy::ModerationAction;
use super::room::Speaker;
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

/// How far a user has got in a room: everything up to `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptMark {
    /// Whose.
    pub user: UserName,
    /// In which sense.
    pub receipt: Receipt,
    /// The newest message that it covers, and all before.
    pub seq: u64,
    /// When it got there.
    pub at: Time,
}

/// The senses in which a message has reached a user; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Receipt {
    /// The user's socket took it.
    Written,
    /// The user's client says that it has it.
    Received,
    /// The user's client says that it was read.
    Read,
}

impl Receipt {
    /// Its name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Received => "received",
            Self::Read => "read",
        }
    }
}
