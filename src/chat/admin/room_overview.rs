//! A room, as an admin of the server sees it in a list: its size, its policy, and when something was said last.
//!
//! What was said is not in it.

use crate::chat::policy::RoomSettings;
use crate::chat::{RoomName, Time, UserName};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomOverview {
    /// The room's name.
    pub room: RoomName,
    /// Users that are in it.
    pub members: usize,
    /// Whether only those on its list may enter.
    pub private: bool,
    /// Who owns it.
    pub owner: Option<UserName>,
    /// Users on its list.
    pub listed: usize,
    /// Slow mode, and whether only moderators write, and users with a voice.
    pub settings: RoomSettings,
    /// The number of its newest message, when and by whom it was said; `None` where nothing is stored.
    pub last: Option<(u64, Time, UserName)>,
}
