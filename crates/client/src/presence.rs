//! Whether a user is there, as the server says it.
//!
//! A value, in events and in the list of a room's members.

use serde::Deserialize;

/// A user's presence.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Presence {
    /// The user's name.
    pub user: String,
    /// `online`, `away` or `offline`; later servers may know more.
    pub status: String,
    /// The note that the user left when going away; at most 200 bytes.
    pub note: Option<String>,
    /// When the user was last active: RFC 3339, UTC.
    #[serde(default, rename = "lastSeen")]
    pub last_seen: String,
}
