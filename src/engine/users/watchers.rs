//! Who watches which user: told when the user connects, and when the last connection ends; closely, also when the user is
//! away, or called otherwise.
//!
//! A leaf of the directory, which calls `Watchers::tell` when a user may have come or gone. One mutex: it is held while
//! those concerned are told, in sends that do not block, so that of two changes nobody is told the older one last.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::chat::{Event, FoldedName, Id, Slow, UserName};
use crate::engine::base::sync::Mutex;
use crate::engine::users::endpoint::Endpoint;

/// See the module.
#[derive(Default)]
pub struct Watchers {
    watched: Mutex<HashMap<FoldedName, Vec<Watcher>>>,
}

/// A connection that watches a user.
pub struct Watcher {
    /// The connection's number.
    pub connection: u64,
    /// Where it is told.
    pub endpoint: Endpoint,
    /// The id of what it is told.
    pub id: Id,
    /// The connection's user, if it watches closely.
    pub closely: Option<UserName>,
    /// Whether the user was connected when it was told last.
    pub(super) is_online: bool,
}

impl Watcher {
    /// A watcher that is yet to be added.
    #[must_use]
    pub fn new(connection: u64, endpoint: Endpoint, id: Id, closely: Option<UserName>) -> Self {
        Self { connection, endpoint, id, closely, is_online: false }
    }
}

impl Watchers {
    /// Adds a watcher of a user, whatever the spelling; whether the user is connected. One that watches the user already
    /// is replaced.
    pub(super) fn add(
        &self,
        user: &UserName,
        mut watcher: Watcher,
        is_online: impl FnOnce(&FoldedName) -> bool,
    ) -> bool {
        let folded = FoldedName::of(user);
        let mut watched = self.watched.lock();
        let is_online = is_online(&folded);
        watcher.is_online = is_online;
        let watchers = watched.entry(folded).or_default();
        watchers.retain(|other| other.connection != watcher.connection);
        watchers.push(watcher);
        is_online
    }

    /// Removes the watcher of a user that this connection is.
    pub fn remove(&self, user: &UserName, connection: u64) {
        let folded = FoldedName::of(user);
        let mut watched = self.watched.lock();
        if let Some(watchers) = watched.get_mut(&folded) {
            watchers.retain(|watcher| watcher.connection != connection);
            if watchers.is_empty() {
                watched.remove(&folded);
            }
        }
    }

    /// Whether anybody watches a user closely.
    pub(super) fn has_close(&self, user: &UserName) -> bool {
        let watched = self.watched.lock();
        let watchers = watched.get(&FoldedName::of(user));
        watchers.is_some_and(|watchers| watchers.iter().any(|watcher| watcher.closely.is_some()))
    }

    /// Tells those who watch a user closely of a change, but for these users, who are told otherwise. Does not block.
    pub(super) fn tell_close(&self, user: &UserName, event: &Arc<Event>, told: &BTreeSet<UserName>) {
        let watched = self.watched.lock();
        for watcher in watched.get(&FoldedName::of(user)).into_iter().flatten() {
            if watcher.closely.as_ref().is_some_and(|by| !told.contains(by)) {
                // As below.
                _ = watcher.endpoint.send(None, event, Slow::Disconnect);
            }
        }
    }

    /// Tells those who watch a user whether the user is connected, unless they know. Does not block.
    pub(super) fn tell(&self, user: &UserName, folded: &FoldedName, is_online: impl FnOnce() -> bool) {
        let mut watched = self.watched.lock();
        let Some(watchers) = watched.get_mut(folded) else { return };
        let is_online = is_online();
        let event = Arc::new(Event::Watched { user: user.clone(), is_online });
        for watcher in watchers.iter_mut().filter(|watcher| watcher.is_online != is_online) {
            watcher.is_online = is_online;
            // An outbox that cannot take it ends its connection, or the connection is gone.
            _ = watcher.endpoint.send(Some(&watcher.id), &event, Slow::Disconnect);
        }
    }
}
