//! How a connection wants to join a room.
//!
//! From a client's `join`, from the address of its WebSocket, or from the engine for private
//! conversations; the room decides what follows from it.

use super::group::GroupOptions;
use super::position::Position;
use super::time::Time;
use roomd_protocol::{Secret, UserName};

/// The options of a join.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinOptions {
    /// How many of the newest messages it wants; `None` leaves it to the connection's default.
    pub history: Option<usize>,
    /// The last message it has seen.
    pub since: Option<Position>,
    /// It wants the newest message of each key, in place of the newest messages.
    pub latest: bool,
    /// The room was named in the field `topic`: so do its events, and a new room drops messages for slow members.
    pub topic: bool,
    /// It is told how far others have got with its messages, beyond the receipts that every author is sent.
    pub receipts: bool,
    /// It takes its part of the messages, as a member of this group.
    pub group: Option<Box<GroupOptions>>,
    /// The code of an invitation that admits the user.
    pub invitation: Option<Secret>,
    /// The name under which the connection was in the room until a moment ago.
    pub renamed_from: Option<UserName>,
    /// In a private conversation: the messages that its user missed while offline are to be delivered.
    pub offline: Option<OfflineDelivery>,
    /// In a private conversation: the messages from this one on are to be delivered, whoever said them. They were said through
    /// another server while the connection was there.
    pub from: Option<u64>,
}

impl JoinOptions {
    /// Whether the room may leave it to the client's reader to read earlier messages from the store: what the room sends
    /// meanwhile has to be held back.
    #[must_use]
    pub fn may_need_replay(&self) -> bool {
        self.since.is_some() || self.latest
    }
}

/// Which offline messages of a private conversation are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfflineDelivery {
    /// When the name became its user's: earlier messages were for another user.
    pub since: Time,
    /// Whether the connection's own reader joins, and can fetch what memory no longer has. A connection that
    /// another joins to the conversation is refused then.
    pub fetched: bool,
}
