//! How a connection wants to join a room.
//!
//! From a client's `join`, from the address of its WebSocket, or from the engine for private
//! conversations; the room decides what follows from it.

use super::position::Position;
use super::time::Time;

/// How a join wants to be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinOptions {
    /// How many of the newest messages it wants; `None` leaves it to the door.
    pub history: Option<usize>,
    /// The last message it has seen.
    pub since: Option<Position>,
    /// The room was called `topic`: its events say `topic`, and a new room drops for slow members.
    pub topic: bool,
    /// Of a private conversation, it is to be given what was said to its user while they were away.
    pub offline: Option<OfflineDelivery>,
}

/// What of a private conversation is owed to the one to whom a name belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfflineDelivery {
    /// Since when the name belongs to its user: what was said before was said to somebody else.
    pub since: Time,
    /// Whether its own reader enters, and can fetch what memory no longer has. One that is entered by
    /// another is not let in then.
    pub fetched: bool,
}
