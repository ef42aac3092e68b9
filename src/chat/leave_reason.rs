//! Why a member leaves a room.
//!
//! A connection says it with the leave; it stands in [`Event::Leave`](super::Event::Leave) for the protocols that
//! tell a part from a quit, and decides who is told what.

use super::note::Note;

/// Why a member leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// The client left this room, perhaps with a last word.
    Left(Option<Note>),
    /// The connection ended, and others of its user go on.
    Disconnected,
    /// The last connection of its user ended, perhaps with a last word.
    Quit(Option<Note>),
    /// The user takes another name, and joins again at once.
    Renamed,
    /// A moderator put the user out.
    Evicted,
    /// The server stops: nobody needs to be told.
    Closing,
}

impl LeaveReason {
    /// What the user said with it.
    #[must_use]
    pub fn note(&self) -> Option<&Note> {
        match self {
            Self::Left(note) | Self::Quit(note) => note.as_ref(),
            Self::Renamed | Self::Disconnected | Self::Evicted | Self::Closing => None,
        }
    }
}
