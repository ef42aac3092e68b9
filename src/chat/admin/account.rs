//! A registered name, as an admin sees it.
//!
//! A copy of what is known of it at one moment: nothing of what its owner has said.

use crate::chat::{DisplayName, Time, UserName};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountInfo {
    /// As its owner spells it.
    pub user: UserName,
    /// When it was registered.
    pub since: Time,
    /// When its owner last used it, to a day.
    pub used: Time,
    /// What its owner wants to be called.
    pub display_name: Option<DisplayName>,
    /// On how many devices its owner is signed in.
    pub devices: usize,
}
