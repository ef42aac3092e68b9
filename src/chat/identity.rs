//! Who somebody is, and how much a name of theirs is worth.
//!
//! Made where somebody comes in (a guest, or whoever a token names), held by the session, and told
//! to each room with whatever its user does. A name that is registered is only ever used by whom it
//! belongs to: a room may take an [`Identity`] for granted.

use super::names::UserName;

/// How much a name is worth; each is more than those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Whoever uses the name today.
    #[default]
    Guest,
    /// The one to whom the name belongs.
    Registered,
    /// One who may do everything, everywhere on this server.
    Admin,
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub user: UserName,
    /// What it is worth.
    pub standing: Standing,
}

impl Identity {
    /// One who uses a name without owning it.
    #[must_use]
    pub fn guest(user: UserName) -> Self {
        Self { user, standing: Standing::Guest }
    }

    /// Whether the name is only used, and not owned.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.standing == Standing::Guest
    }
}

impl From<UserName> for Identity {
    fn from(user: UserName) -> Self {
        Self::guest(user)
    }
}
