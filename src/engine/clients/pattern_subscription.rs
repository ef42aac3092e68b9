//! The patterns that a connection is subscribed to, as their owner has them.
//!
//! On the reader's thread, or on that of a program in this process; blocks on the rooms, which let the connection in
//! and out. While a session is detached it keeps its patterns and is in no topic by them. When it is dropped, the
//! connection is in none any more.

use std::sync::Arc;

use crate::chat::{Code, Pattern, Refusal};
use crate::engine::rooms::hub::Hub;
use crate::engine::rooms::pattern_index::PatternSubscriber;
use crate::engine::users::user_connection::UserConnection;

/// See the module.
#[derive(Default)]
pub struct PatternSubscription {
    patterns: Vec<Pattern>,
    /// `None`: it has no pattern, or is detached.
    active: Option<Active>,
}

struct Active {
    hub: Arc<Hub>,
    subscriber: Arc<PatternSubscriber>,
}

impl PatternSubscription {
    /// Whether it has no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Its patterns.
    #[must_use]
    pub fn all(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Takes over the patterns of a session that another server had, to be resumed.
    pub fn take_over(&mut self, patterns: Vec<Pattern>) {
        self.detach();
        self.patterns = patterns;
    }

    /// Adds a pattern of this connection's, which may be in `topics_max` topics by its patterns. When it returns, the
    /// connection is in the topics that are open and match. Blocks on them.
    ///
    /// # Errors
    /// `bad_request`: it has this one already; `too_many_rooms`: it has as many as it may have.
    pub fn add(
        &mut self,
        hub: &Arc<Hub>,
        connection: &Arc<UserConnection>,
        topics_max: usize,
        pattern: Pattern,
    ) -> Result<(), Refusal> {
        let active = self.active.get_or_insert_with(|| {
            let who = (connection.number, connection.who.clone(), connection.echo());
            let subscriber = PatternSubscriber::new(who, connection.endpoint(), topics_max);
            Active { hub: Arc::clone(hub), subscriber }
        });
        active.hub.patterns.add(&active.subscriber, &pattern)?;
        active.match_again(std::slice::from_ref(&pattern));
        self.patterns.push(pattern);
        Ok(())
    }

    /// Removes a pattern. When it returns, nothing more comes that no other pattern matches. Blocks on the topics that
    /// are open and match.
    ///
    /// # Errors
    /// `not_found`: it does not have this one.
    pub fn remove(&mut self, pattern: &Pattern) -> Result<(), Refusal> {
        let missing = || Refusal::new(Code::NotFound, format!("Not subscribed to {pattern}"));
        let at = self.patterns.iter().position(|one| one == pattern).ok_or_else(missing)?;
        let pattern = self.patterns.remove(at);
        if let Some(active) = &self.active {
            active.hub.patterns.remove(active.subscriber.number, &pattern);
            active.match_again(&[pattern]);
        }
        if self.patterns.is_empty() {
            self.active = None;
        }
        Ok(())
    }

    /// Leaves all topics, and keeps the patterns. Blocks while an inbox of theirs is full.
    pub fn detach(&mut self) {
        let Some(Active { hub, subscriber }) = self.active.take() else { return };
        let number = subscriber.number;
        self.patterns.iter().for_each(|pattern| _ = hub.patterns.remove(number, pattern));
        // What they have on their way goes nowhere: nobody waits for them.
        drop(hub.match_again(&self.patterns, &subscriber));
    }

    /// Enters the topics again that are open and match; from now on. Blocks on them.
    pub fn resume(&mut self, hub: &Arc<Hub>, connection: &Arc<UserConnection>, topics_max: usize) {
        for pattern in std::mem::take(&mut self.patterns) {
            // It had all of them before, under the same bound.
            _ = self.add(hub, connection, topics_max, pattern);
        }
    }
}

impl Active {
    fn match_again(&self, patterns: &[Pattern]) {
        // A room that failed has no members.
        self.hub.match_again(patterns, &self.subscriber).into_iter().for_each(|matched| _ = matched.wait());
    }
}

impl Drop for PatternSubscription {
    fn drop(&mut self) {
        self.detach();
    }
}
