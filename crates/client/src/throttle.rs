//! What is not to be said for a time, because the server said so: anything, or what one room would be
//! told.
//!
//! A value, used by the core; times are the core's.

use std::collections::BTreeMap;
use std::time::Duration;

use super::command::Command;

/// All of them.
#[derive(Debug, Default)]
pub struct Pauses {
    /// Until when nothing is said.
    all: Option<Duration>,
    /// Until when nothing is said in these rooms.
    rooms: BTreeMap<String, Duration>,
}

impl Pauses {
    /// Begins one, of a room or of everything. Returns whether it was not under way before.
    pub fn begin(&mut self, room: Option<&str>, until: Duration) -> bool {
        let before = match room {
            Some(room) => self.rooms.insert(room.to_owned(), until),
            None => self.all.replace(until),
        };
        before.is_none()
    }

    /// Ends those that are over by now.
    pub fn pass(&mut self, now: Duration) {
        self.all = self.all.filter(|until| *until > now);
        self.rooms.retain(|_, until| *until > now);
    }

    /// When the first is over.
    pub fn first_end(&self) -> Option<Duration> {
        self.rooms.values().copied().chain(self.all).min()
    }

    /// Whether everything is to wait.
    pub fn all(&self) -> bool {
        self.all.is_some()
    }

    /// Whether this is not to wait for its room.
    pub fn allow(&self, command: &Command) -> bool {
        command.published_in().is_none_or(|room| !self.rooms.contains_key(room))
    }
}
