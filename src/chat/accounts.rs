//! Whether the author of an event has an account, for encodings that say so.
//!
//! An event names its author, and a name is a guest's or a registered user's: which of them it was at the time of the
//! event, the accounts know. The server gives its accounts to each encoder; without them nobody has one.

use std::fmt;
use std::sync::Arc;

use super::time::Time;
use roomd_protocol::UserName;

/// Knows the registered names.
pub trait AccountIndex: Send + Sync {
    /// Since when this name is registered, in any spelling; `None`: it is not. Does not block.
    fn registered_since(&self, user: &UserName) -> Option<Time>;
}

/// See the module.
#[derive(Clone, Default)]
pub struct Accounts(Option<Arc<dyn AccountIndex>>);

impl Accounts {
    /// The accounts of this index.
    #[must_use]
    pub fn new(index: Arc<dyn AccountIndex>) -> Self {
        Self(Some(index))
    }

    /// Whether this was the name of an account at this time.
    #[must_use]
    pub fn has(&self, user: &UserName, at: Time) -> bool {
        self.0.as_ref().and_then(|index| index.registered_since(user)).is_some_and(|since| since <= at)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Accounts").field(&self.0.is_some()).finish()
    }
}
