//! Private conversations in which something was said through another server: the connections of their users here are entered.
//!
//! The queue between `subscriber`, which hears of them, and the thread `conversations`, which enters (`entering.rs`).

use std::collections::BTreeSet;

use crate::chat::RoomName;
use crate::engine::base::sync::{Condvar, Mutex};

/// See the module. It has an entry a conversation that the store remembers as told, and of those it remembers few.
#[derive(Default)]
pub struct RemoteConversations {
    state: Mutex<State>,
    /// Notified when there is a conversation, and at the close.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    told: BTreeSet<RoomName>,
    closing: bool,
}

impl RemoteConversations {
    /// Something was said in this one. Does not block.
    pub fn tell(&self, room: RoomName) {
        self.state.lock().told.insert(room);
        self.changed.notify_all();
    }

    /// Ends the thread.
    pub fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_all();
    }

    /// Waits for the next one; `None`: the server stops.
    pub(in crate::engine) fn next(&self) -> Option<RoomName> {
        let mut state = self.state.lock();
        loop {
            if state.closing {
                return None;
            }
            if let Some(room) = state.told.pop_first() {
                return Some(room);
            }
            self.changed.wait(&mut state);
        }
    }
}
