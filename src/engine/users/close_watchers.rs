//! What those who watch a user closely are told beside who has connected: that the user is away or back, or is called
//! otherwise.
//!
//! On the reader's thread of a connection of the user's, when its client has said so. Who shares a room or a conversation
//! with the user is told there, and is not told twice. Most users are watched by nobody, and then no room is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chat::{Event, Identity, RoomName, RoomRequest};
use crate::engine::Engine;
use crate::engine::users::user_connection::UserConnection;

impl Engine {
    /// Tells them of a change of a user's, who is in these rooms with this connection. Blocks on the rooms.
    pub fn tell_close_watchers<'a>(
        self: &Arc<Self>,
        who: &Identity,
        event: Event,
        connection: &UserConnection,
        rooms: impl Iterator<Item = &'a RoomName>,
    ) {
        if !self.directory.watchers.has_close(&who.user) {
            return;
        }
        let members = rooms.filter_map(|room| match self.hub.ask(room, who.clone(), RoomRequest::Members) {
            Ok(Event::Members { members, .. }) => Some(members),
            _ => None,
        });
        let mut told: BTreeSet<_> = members.flatten().map(|presence| presence.user).collect();
        told.extend(connection.conversations().iter().filter_map(RoomName::conversation).flat_map(<[_; 2]>::from));
        self.directory.watchers.tell_close(&who.user, &Arc::new(event), &told);
    }
}
