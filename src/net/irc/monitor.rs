//! The users whom a client watches (IRCv3 monitor): it is told when they connect, and when they are gone.
//!
//! Owned by the conversation. The directory tells; who is watched is forgotten there when this is dropped.

use std::sync::Arc;

use crate::chat::{FoldedName, Id, UserName};
use crate::engine::Engine;
use crate::engine::users::endpoint::Endpoint;
use crate::engine::users::watchers::Watcher;

/// Users that one client may watch, at most.
pub const WATCHED_MAX: usize = 100;

/// See the module.
pub struct Monitor {
    engine: Arc<Engine>,
    connection: u64,
    watched: Vec<UserName>,
}

impl Monitor {
    /// Nobody, for the connection of this number.
    pub fn new(engine: Arc<Engine>, connection: u64) -> Self {
        Self { engine, connection, watched: Vec::new() }
    }

    /// Who is watched, in the order in which that began.
    pub fn watched(&self) -> &[UserName] {
        &self.watched
    }

    /// Watches a user, closely as this one; whether they are connected. `None`: there are too many already.
    pub fn add(&mut self, user: UserName, (endpoint, closely): (Endpoint, Option<UserName>), id: Id) -> Option<bool> {
        if !self.watched.iter().any(|other| is_alike(other, &user)) {
            if self.watched.len() == WATCHED_MAX {
                return None;
            }
            self.watched.push(user.clone());
        }
        Some(self.engine.directory.watch(&user, Watcher::new(self.connection, endpoint, id, closely)))
    }

    /// Watches a user no more.
    pub fn remove(&mut self, user: &UserName) {
        self.watched.retain(|other| !is_alike(other, user));
        self.engine.directory.unwatch(user, self.connection);
    }

    /// Watches nobody any more.
    pub fn clear(&mut self) {
        for user in std::mem::take(&mut self.watched) {
            self.engine.directory.unwatch(&user, self.connection);
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.clear();
    }
}

fn is_alike(one: &UserName, other: &UserName) -> bool {
    FoldedName::of(one) == FoldedName::of(other)
}
