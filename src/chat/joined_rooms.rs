//! The rooms that a session is in, in the order in which it joined them, and the current one.
//!
//! The only list of a session's memberships. With each name goes an `H`, which means nothing here: the engine
//! keeps the handle of the room in it, tests keep nothing. Few rooms, so they are searched one by one.

use roomd_protocol::RoomName;

/// See the module.
#[derive(Debug)]
pub struct JoinedRooms<H> {
    rooms: Vec<(RoomName, H)>,
    /// The room that a client of a single room speaks in; for the others the one that they joined last.
    current: Option<RoomName>,
    /// How often a room was added or removed.
    changes: u32,
}

impl<H> Default for JoinedRooms<H> {
    fn default() -> Self {
        Self { rooms: Vec::new(), current: None, changes: 0 }
    }
}

impl<H> JoinedRooms<H> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Whether the session is in this room.
    #[must_use]
    pub fn contains(&self, room: &RoomName) -> bool {
        self.get(room).is_some()
    }

    /// The handle of a room.
    #[must_use]
    pub fn get(&self, room: &RoomName) -> Option<&H> {
        self.iter().find(|(name, _)| *name == room).map(|(_, handle)| handle)
    }

    /// The rooms with their handles, the first joined first.
    pub fn iter(&self) -> impl Iterator<Item = (&RoomName, &H)> {
        self.rooms.iter().map(|(name, handle)| (name, handle))
    }

    /// How often a room was added or removed: who shows them to others sees by it whether to do so again.
    #[must_use]
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// The current room.
    #[must_use]
    pub fn current(&self) -> Option<&RoomName> {
        self.current.as_ref()
    }

    /// Adds a room, which is the current one from now on.
    pub fn insert(&mut self, room: RoomName, handle: H) {
        if self.rooms.is_empty() {
            // Most sessions are in one room, and a vector would begin with space for four.
            self.rooms.reserve_exact(1);
        }
        self.current = Some(room.clone());
        self.changes = self.changes.wrapping_add(1);
        self.rooms.push((room, handle));
    }

    /// Removes a room; its handle.
    pub fn remove(&mut self, room: &RoomName) -> Option<H> {
        let at = self.rooms.iter().position(|(name, _)| name == room)?;
        let (name, handle) = self.rooms.remove(at);
        self.current.take_if(|current| *current == name);
        self.changes = self.changes.wrapping_add(1);
        Some(handle)
    }

    /// Removes the rooms for whose handles `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(&H) -> bool) {
        let Self { rooms, current, changes } = self;
        rooms.retain(|(name, handle)| {
            let kept = keep(handle);
            if !kept {
                current.take_if(|current| current == name);
                *changes = changes.wrapping_add(1);
            }
            kept
        });
    }

    /// The handles.
    pub fn into_handles(self) -> impl Iterator<Item = H> {
        self.rooms.into_iter().map(|(_, handle)| handle)
    }
}
