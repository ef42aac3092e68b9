//! What the server has asked not to be sent for a time: anything, or messages to one room.
//!
//! A value, used by the state machine; times are the state machine's.

use std::collections::BTreeMap;
use std::time::Duration;

use super::command::Command;

/// See the module.
#[derive(Debug, Default)]
pub struct Throttle {
    /// Until when nothing is sent.
    everything: Option<Duration>,
    /// Until when no messages are sent to these rooms.
    rooms: BTreeMap<String, Duration>,
}

impl Throttle {
    /// Sends nothing until then, or no messages to this room. Returns false if that was so before.
    pub fn start(&mut self, room: Option<&str>, until: Duration) -> bool {
        let before = match room {
            Some(room) => self.rooms.insert(room.to_owned(), until),
            None => self.everything.replace(until),
        };
        before.is_none()
    }

    /// Ends the delays that are over by now.
    pub fn expire(&mut self, now: Duration) {
        self.everything = self.everything.filter(|until| *until > now);
        self.rooms.retain(|_, until| *until > now);
    }

    /// When the first delay is over.
    pub fn next_expiry(&self) -> Option<Duration> {
        self.rooms.values().copied().chain(self.everything).min()
    }

    /// Whether nothing may be sent.
    pub fn holds_everything(&self) -> bool {
        self.everything.is_some()
    }

    /// Whether this command need not wait for its room.
    pub fn allows(&self, command: &Command) -> bool {
        command.published_in().is_none_or(|room| !self.rooms.contains_key(room))
    }
}
