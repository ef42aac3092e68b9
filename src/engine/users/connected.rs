//! The connected users, by name and by what the spellings of a name have in common.
//!
//! What the directory has under its lock: a value, which neither blocks nor computes a folded name. A name is in both
//! maps as long as a connection has it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::chat::{Event, FoldedName, UserName};
use crate::engine::users::user_connection::UserConnection;

/// See the module.
#[derive(Default)]
pub(super) struct ConnectedUsers {
    connections: HashMap<UserName, Vec<Arc<UserConnection>>>,
    spellings: HashMap<FoldedName, Vec<UserName>>,
    /// The most users that there ever were at once.
    most: usize,
    /// What every client is told, also one whose connection is added later.
    pub told_to_all: Option<Arc<Event>>,
}

impl ConnectedUsers {
    /// Adds a connection, whose user's name folds to this.
    pub fn add(&mut self, connection: Arc<UserConnection>, folded: FoldedName) {
        let user = connection.user().clone();
        let connections = self.connections.entry(user.clone()).or_default();
        connections.push(connection);
        if connections.len() == 1 {
            self.spellings.entry(folded).or_default().push(user);
            self.most = self.most.max(self.connections.len());
        }
    }

    /// Removes a connection: by identity, not by number, since one that logs in is added a second time.
    pub fn remove(&mut self, connection: &Arc<UserConnection>, folded: &FoldedName) {
        let user = connection.user();
        let Some(connections) = self.connections.get_mut(user) else { return };
        connections.retain(|other| !Arc::ptr_eq(other, connection));
        if !connections.is_empty() {
            return;
        }
        self.connections.remove(user);
        if let Some(names) = self.spellings.get_mut(folded) {
            names.retain(|name| name != user);
            if names.is_empty() {
                self.spellings.remove(folded);
            }
        }
    }

    /// The most users that there ever were at once.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The connections of a user.
    pub fn of(&self, user: &UserName) -> &[Arc<UserConnection>] {
        self.connections.get(user).map(Vec::as_slice).unwrap_or_default()
    }

    /// The connections of the users whose names fold to this.
    pub fn alike(&self, folded: &FoldedName) -> impl Iterator<Item = &Arc<UserConnection>> {
        self.spellings.get(folded).into_iter().flatten().flat_map(|name| self.of(name))
    }

    /// Every connection.
    pub fn all(&self) -> impl Iterator<Item = &Arc<UserConnection>> {
        self.connections.values().flatten()
    }

    /// How many users there are.
    pub fn count(&self) -> usize {
        self.connections.len()
    }
}
