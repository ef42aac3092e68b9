//! What an encoding says of the author of an event, and the event does not: whether they have an account, whether they are
//! a bot, and the user name that IRC has in a source.
//!
//! An event names its author, and a name is a guest's or a registered user's: which of them it was at the time of the
//! event, the index knows. The server gives its index to each encoder; without one nobody has an account.

use std::fmt;
use std::sync::Arc;

use super::time::Time;
use roomd_protocol::UserName;

/// The name of a server on IRC that has been given no other.
pub const IRC_NAME: &str = "irc.roomd";

/// Knows the authors of events.
pub trait AuthorIndex: Send + Sync {
    /// Since when this name is registered, in any spelling; `None`: it is not. Does not block.
    fn registered_since(&self, user: &UserName) -> Option<Time>;

    /// The ident of a user, as their IRC client has said; `None`: they have none. Does not block.
    fn ident(&self, user: &UserName) -> Option<Arc<str>>;

    /// Whether a user is a bot, as their IRC client says. Does not block.
    fn is_bot(&self, user: &UserName) -> bool;

    /// The server's name on IRC.
    fn irc_name(&self) -> &str;
}

/// See the module.
#[derive(Clone, Default)]
pub struct Authors(Option<Arc<dyn AuthorIndex>>);

impl Authors {
    /// The authors of this index.
    #[must_use]
    pub fn new(index: Arc<dyn AuthorIndex>) -> Self {
        Self(Some(index))
    }

    /// Whether this was the name of an account at this time.
    #[must_use]
    pub fn has_account(&self, user: &UserName, at: Time) -> bool {
        self.0.as_ref().and_then(|index| index.registered_since(user)).is_some_and(|since| since <= at)
    }

    /// The ident of a user, if they have one.
    #[must_use]
    pub fn ident(&self, user: &UserName) -> Option<Arc<str>> {
        self.0.as_ref().and_then(|index| index.ident(user))
    }

    /// Whether a user is a bot.
    #[must_use]
    pub fn is_bot(&self, user: &UserName) -> bool {
        self.0.as_ref().is_some_and(|index| index.is_bot(user))
    }

    /// The server's name on IRC.
    #[must_use]
    pub fn irc_name(&self) -> &str {
        self.0.as_ref().map_or(IRC_NAME, |index| index.irc_name())
    }
}

impl fmt::Debug for Authors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authors").field(&self.0.is_some()).finish()
    }
}
