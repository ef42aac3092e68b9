//! The thread `conversations`: enters connections into private conversations that went on through another server.
//!
//! It enters each connection of both users that is not in its conversation yet, and the room gives it what was said. A thread of
//! its own, since it blocks on rooms, and a room on the database: `subscriber` hears meanwhile what else others do. What cannot
//! be entered now is told again. It ends when the server stops.

use std::sync::Arc;

use crate::chat::{Code, End, RoomName};
use crate::engine::Engine;
use crate::engine::rooms::hub::RoomKind;

/// The thread's role.
const ROLE: &str = "conversations";

impl Engine {
    /// Starts the thread.
    pub(in crate::engine) fn start_remote_conversations(self: &Arc<Self>) -> std::io::Result<()> {
        let engine = Arc::clone(self);
        self.threads.spawn(ROLE, move || {
            while let Some(room) = engine.remote_conversations.next() {
                // One that panics does not leave the others unheard.
                _ = engine.threads.run_job(ROLE, || engine.enter_conversation(&room));
            }
        })
    }

    /// Enters all connections of both users of a conversation. Blocks on its room.
    pub fn enter_conversation(&self, room: &RoomName) {
        let Some(users) = self.directory.shared_users() else { return };
        let (Some(newest), Some((one, other))) = (users.undispatched(room), room.conversation()) else { return };
        let kind = RoomKind::Private(one.clone(), other.clone());
        let connections = [one, other].into_iter().flat_map(|user| self.directory.reachable(&user));
        let mut is_whole = true;
        for connection in connections {
            match connection.enter_from_elsewhere(&self.hub, room, &kind) {
                Ok(_) => {}
                // It was said faster than the connection could be entered. What was sent to its user waits.
                Err(refusal) if refusal.code == Code::TooLarge => connection.endpoint().recipient.end(End::Slow),
                Err(refusal) => {
                    log::debug!(room = room.as_str(), error:% = refusal; "conversation not entered");
                    is_whole = false;
                }
            }
        }
        if is_whole {
            users.dispatched(room, newest);
        }
    }
}
