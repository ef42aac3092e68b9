//! Whether a user is connected, away or offline, as others in a room see it.
//!
//! Kept by a room's members, sent as events, and listed by `members`.

use serde::{Deserialize, Serialize};

use super::note::Note;
use super::time::Time;
use roomd_protocol::UserName;

/// Whether a user is online, away or offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Connected.
    Online,
    /// Connected, and away by its own word or because its connection was lost.
    Away,
    /// Not connected.
    Offline,
}

/// What a client says of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Whether the user is online or away.
    pub status: Status,
    /// The note that comes with it.
    pub note: Option<Note>,
}

impl Default for Availability {
    fn default() -> Self {
        Self { status: Status::Online, note: None }
    }
}

/// A user's presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The user.
    pub user: UserName,
    /// Whether the user is online.
    pub status: Status,
    /// The note that came with the status.
    pub note: Option<Note>,
    /// When the user was last active.
    pub last_seen: Time,
}
