//! A user's bookmarks: the rooms and private conversations that their clients list, on every device.
//!
//! Asked for by sessions, kept by the account store for registered users.

use roomd_protocol::RoomName;

/// Bookmarks of one user, at most.
pub const BOOKMARKS_MAX: usize = 1_000;

/// Of which messages in a room a user wants to be notified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotificationLevel {
    /// Of all.
    #[default]
    All,
    /// Of those that mention the user.
    Mentions,
    /// Of none.
    Nothing,
}

impl NotificationLevel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::Mentions, Self::Nothing];

    /// Its name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mentions => "mentions",
            Self::Nothing => "nothing",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

/// A bookmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// A room, or a private conversation of the user's.
    pub room: RoomName,
    /// Of which of its messages the user wants to be notified.
    pub notify: NotificationLevel,
    /// Up to which message the user has read; `None`: nothing, or it is not said.
    pub read: Option<u64>,
}

/// What a user asks of their bookmarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookmarkRequest {
    /// List them.
    List,
    /// Add one, or change its level; `None`: the level stays as it is.
    Set { room: RoomName, notify: Option<NotificationLevel> },
    /// Remove one.
    Remove { room: RoomName },
}
