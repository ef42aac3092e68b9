//! A position in a room's order of messages, and how much of a room a returning client has seen.
//!
//! Sent by clients with `since` and `resume`; compared by the room, which alone knows its epoch.

use std::sync::Arc;

/// How much of a room a resuming client has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// Everything up to this number, of whatever history the room has.
    Number(u64),
    /// Everything up to this position.
    Position(Position),
}

impl Since {
    /// The number of the last message seen.
    #[must_use]
    pub fn seq(&self) -> u64 {
        match self {
            Self::Number(seq) | Self::Position(Position { seq, .. }) => *seq,
        }
    }
}

/// A position in a room's order. Numbers of different epochs do not compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The history that the number belongs to.
    pub epoch: Arc<str>,
    /// The last message seen; 0 is before the first.
    pub seq: u64,
}
