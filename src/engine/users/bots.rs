//! The users who are bots, as their IRC clients say (`MODE nick +B`).
//!
//! A leaf of the directory, with a mutex of its own, since rooms ask while they print an event; where there is no bot they
//! ask without it. A user is a bot as long as one of their connections has said so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::chat::UserName;
use crate::engine::base::sync::Mutex;

/// See the module.
#[derive(Default)]
pub struct Bots {
    /// How many connections of a user have said so.
    connections: Mutex<HashMap<UserName, usize>>,
    /// How many users there are in it.
    users: AtomicUsize,
}

impl Bots {
    /// Whether a user is one.
    #[must_use]
    pub fn has(&self, user: &UserName) -> bool {
        // Whoever has said so is told of as a bot from about now on.
        self.users.load(Ordering::Relaxed) > 0 && self.connections.lock().contains_key(user)
    }

    /// A client of a user has said so.
    pub(super) fn came(&self, user: &UserName) {
        let mut connections = self.connections.lock();
        *connections.entry(user.clone()).or_default() += 1;
        self.users.store(connections.len(), Ordering::Relaxed);
    }

    /// A client that had said so has gone, or says otherwise.
    pub(super) fn went(&self, user: &UserName) {
        let mut connections = self.connections.lock();
        if let Some(count) = connections.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                connections.remove(user);
            }
        }
        self.users.store(connections.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_bot_as_long_as_one_connection_says_so() {
        let (bots, user) = (Bots::default(), UserName::stored("beep"));
        bots.came(&user);
        bots.came(&user);
        bots.went(&user);
        assert!(bots.has(&user) && !bots.has(&UserName::stored("ann")));
        bots.went(&user);
        bots.went(&user);
        assert!(!bots.has(&user));
    }
}
