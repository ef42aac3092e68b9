//! What encodings ask about the authors of events, as this server knows it: who is registered, the idents of connected
//! users, who is a bot, and the server's name on IRC.
//!
//! Asked by whoever encodes an event, rooms above all: on any thread, and without blocking.

use std::sync::{Arc, OnceLock};

use crate::auth::Auth;
use crate::chat::{AuthorIndex, IRC_NAME, Time, UserName};
use crate::engine::users::bots::Bots;
use crate::engine::users::idents::Idents;

/// See the module.
pub struct UserIndex {
    auth: Arc<Auth>,
    idents: Arc<Idents>,
    bots: Arc<Bots>,
    irc_name: OnceLock<Box<str>>,
}

impl UserIndex {
    /// The index of users with these idents, of whom these are bots.
    #[must_use]
    pub fn new(auth: Arc<Auth>, idents: Arc<Idents>, bots: Arc<Bots>) -> Self {
        Self { auth, idents, bots, irc_name: OnceLock::new() }
    }

    /// Names the server on IRC; the first name stays, since clients have seen it.
    pub fn set_irc_name(&self, name: &str) {
        // It has one already.
        _ = self.irc_name.set(name.into());
    }
}

impl AuthorIndex for UserIndex {
    fn registered_since(&self, user: &UserName) -> Option<Time> {
        self.auth.names().owner(user).map(|account| account.since)
    }

    fn ident(&self, user: &UserName) -> Option<Arc<str>> {
        self.idents.of(user)
    }

    fn is_bot(&self, user: &UserName) -> bool {
        self.bots.has(user)
    }

    fn irc_name(&self) -> &str {
        self.irc_name.get().map_or(IRC_NAME, |name| name)
    }
}
