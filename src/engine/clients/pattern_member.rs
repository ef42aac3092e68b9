//! A program in the server's process that is given what the topics say whose names match its patterns.
//!
//! Events come to its recipient, as those of a [`Member`](super::member::Member): whatever room they are of. Nobody
//! learns that it is there. Its methods block on the topics; dropping it leaves all of them.

use std::sync::Arc;

use super::member::register;
use crate::chat::{Identity, Pattern, Refusal, Visibility};
use crate::engine::Engine;
use crate::engine::clients::pattern_subscription::PatternSubscription;
use crate::engine::clients::recipient::Recipient;
use crate::engine::users::directory::DirectoryEntry;

/// See the module.
pub struct PatternMember {
    engine: Arc<Engine>,
    patterns: PatternSubscription,
    entry: DirectoryEntry,
}

impl PatternMember {
    /// A subscriber without patterns, under a name of the program's choice: rooms admit it as that user, and give it
    /// its own messages, too. How many topics it may be in has no bound but that of rooms.
    ///
    /// # Errors
    /// The name belongs to another user: see [`Identity`].
    pub fn new(engine: &Arc<Engine>, who: impl Into<Identity>, recipient: Arc<dyn Recipient>) -> Result<Self, Refusal> {
        let entry = register(engine, who.into(), recipient, Visibility::Hidden)?;
        Ok(Self { engine: Arc::clone(engine), patterns: PatternSubscription::default(), entry })
    }

    /// Subscribes to a pattern. When it returns, every later message of a topic that matches comes, once.
    ///
    /// # Errors
    /// `bad_request`: it is subscribed to it; `too_many_rooms`: it has as many patterns as it may have.
    pub fn subscribe(&mut self, pattern: Pattern) -> Result<(), Refusal> {
        self.patterns.add(&self.engine.hub, self.entry.connection(), usize::MAX, pattern)
    }

    /// Ends the subscription to a pattern. When it returns, nothing more comes that no other pattern matches.
    ///
    /// # Errors
    /// `not_found`: it is not subscribed to it.
    pub fn unsubscribe(&mut self, pattern: &Pattern) -> Result<(), Refusal> {
        self.patterns.remove(pattern)
    }
}
