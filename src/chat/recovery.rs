//! The outcome of a client's wish to get the messages it missed.
//!
//! Decided by the room, or by the reader that replays from the store. A replay is whole or absent, with
//! the reason, and never partial.

use super::position::Position;
use roomd_protocol::RoomName;

/// The outcome of a `since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// All missed events follow, or none were asked for.
    Whole,
    /// The room's history is another one than the client knows.
    EpochChanged,
    /// The room no longer has all missed messages.
    TooOld,
    /// The history cannot be read now.
    Unavailable,
    /// The room failed meanwhile; join it again.
    RoomFailed,
    /// The user was evicted meanwhile, or the room has ended.
    Removed,
}

impl Recovery {
    /// The reason in the protocol; `None` when the replay is whole.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::EpochChanged => Some("epoch_changed"),
            Self::TooOld => Some("too_old"),
            Self::Unavailable => Some("unavailable"),
            Self::RoomFailed => Some("room_failed"),
            Self::Removed => Some("removed"),
        }
    }
}

/// A room of a resumed session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumedRoom {
    /// The room.
    pub room: RoomName,
    /// Whether the missed messages follow.
    pub recovery: Recovery,
    /// How many messages were missed.
    pub missed: u64,
    /// Its history and its newest message; `None` when the session is in it no longer.
    pub position: Option<Position>,
    /// Up to which message the user has read, on whichever connection; 0: none.
    pub read: u64,
}

impl ResumedRoom {
    /// A room that the session is in no longer, for this reason.
    #[must_use]
    pub fn lost(room: RoomName, recovery: Recovery) -> Self {
        Self { room, recovery, missed: 0, position: None, read: 0 }
    }
}
