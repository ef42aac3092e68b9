//! What a server has of one person, and what was erased of it.
//!
//! Counts, never content: an admin who erases somebody is not shown what they said.

use crate::chat::{RoomName, Time, UserName};

/// What a server has of the person behind a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalData {
    /// The name, as its owner spells it.
    pub user: UserName,
    /// When it was registered; `None`: it is not.
    pub since: Option<Time>,
    /// Connections and sessions under the name.
    pub connections: usize,
    /// Messages of theirs that are not deleted, reactions among them.
    pub messages: usize,
    /// The rooms and private conversations that these messages are in.
    pub rooms: usize,
    /// Receipts: how far they have got, as it is stored.
    pub marks: u64,
    /// On the lists of how many rooms they are.
    pub listed: usize,
    /// The rooms that they own.
    pub owns: Vec<RoomName>,
}

impl PersonalData {
    /// Whether there is nothing of this name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { user: _, since, connections, messages, rooms: _, marks, listed, owns } = self;
        since.is_none() && *connections == 0 && *messages == 0 && *marks == 0 && *listed == 0 && owns.is_empty()
    }
}

/// What one request has erased of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Messages that were deleted.
    pub messages: usize,
    /// Receipts that were removed.
    pub marks: u64,
    /// Whether nothing is left; else there is more to erase, by asking again.
    pub complete: bool,
}
