//! Whether a user is connected, away or offline, as others in a room see it.
//!
//! Kept by a room's members, sent as events, and listed by `members`.

use serde::{Deserialize, Serialize};

use super::note::Note;
use super::time::Time;
use roomd_protocol::UserName;

/// Whether a user is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Connected.
    Online,
    /// Connected, but says to be elsewhere.
    Away,
    /// Not connected.
    Offline,
}

/// A user's presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub user: UserName,
    /// Whether they are there.
    pub status: Status,
    /// What they said when they went away.
    pub note: Option<Note>,
    /// When they last did something.
    pub last_seen: Time,
}
