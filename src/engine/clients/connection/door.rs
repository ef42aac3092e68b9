//! What a door with a state of its own asks of its connection.
//!
//! Such a door, IRC, answers much by itself: it looks its user up, pays for what it does, and keeps the answers of the
//! rooms and its own in the order of the requests. On the reader's thread.

use std::sync::Arc;

use super::Connection;
use crate::chat::{Cost, End, Identity, Note, Refusal, RoomName};
use crate::engine::guards::address::Address;
use crate::engine::users::user_connection::UserConnection;
use crate::wire::Encoding;

impl Connection {
    /// The user's identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.session.state.identity()
    }

    /// The client's address, for the limits by address; `None` is exempt from them.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.options.address.counted
    }

    /// Replaces the encoding of what comes, by one of the same door. False: it is in a room, or has a conversation, whose
    /// lines are encoded for many.
    pub fn change_encoding(&mut self, encoding: Encoding) -> bool {
        let may_change = self.session.state.rooms().is_empty() && self.session.entry.connection().change_form(encoding);
        if may_change {
            self.options.encoding = encoding;
        }
        may_change
    }

    /// Whether it is in this room.
    #[must_use]
    pub fn is_in(&self, room: &RoomName) -> bool {
        self.session.state.rooms().contains(room)
    }

    /// The rooms that it is in.
    pub fn rooms(&self) -> impl Iterator<Item = &RoomName> {
        self.session.state.rooms().iter().map(|(room, _)| room)
    }

    /// The connection as others see it.
    #[must_use]
    pub fn as_others_see(&self) -> &Arc<UserConnection> {
        self.session.entry.connection()
    }

    /// Up to which message of a room the user has read, on any connection; 0: nothing. Blocks on the room, or on the
    /// store.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn read_up_to(&self, room: &RoomName) -> Result<u64, Refusal> {
        self.engine.read_up_to(self.identity(), room)
    }

    /// Has the rooms be told this when the connection ends.
    pub fn set_last_word(&mut self, note: Option<Note>) {
        self.session.last_word = note;
    }

    /// Drops the rooms that have removed the user, also before a request.
    pub fn forget_revoked(&mut self) {
        self.session.forget_revoked();
    }

    /// Pays for something that the door does by itself, as a request pays.
    ///
    /// # Errors
    /// The refusal; and the end of the connection, if it was the last of a row.
    pub fn pay(&mut self, cost: Cost) -> Result<(), (Refusal, Option<End>)> {
        let now = self.engine.clock.now();
        self.session.state.charge(cost, now).inspect_err(|(refusal, _)| {
            self.engine.metrics.refused(refusal.code.as_str());
        })
    }

    /// Returns when a room, or a conversation, has delivered what it accepted from this connection before. Blocks on
    /// the room.
    pub fn flush(&self, room: &RoomName) {
        // A room that failed delivers nothing more.
        _ = match self.session.room(room) {
            Some(handle) => handle.flush(),
            None => self.session.entry.connection().sender(room).map_or(Ok(()), |sender| sender.flush()),
        };
    }
}
