//! What a waiting event is the newest of: under the policy `latest` a newer one of the same key takes its place.
//!
//! Made once an event by the batch of a room with that policy, and shared by all encodings and clients; other rooms
//! make none.

use std::sync::Arc;

use crate::chat::{Event, Key, RoomName};

/// What an event is the newest of, for a client of several rooms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConflationKey {
    room: RoomName,
    subject: Subject,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    /// The messages of this key, stored ones or ephemeral ones: the last value of a key is a stored one.
    Key(Key, bool),
    /// The changes of the message of this number.
    Change(u64),
}

impl ConflationKey {
    /// Bytes that an event with a key takes while it waits, beside its own: the key, its place in the index and in the
    /// queue.
    pub const BYTES: usize = 192;

    /// What `event` is the newest of; `None`: it stands for itself.
    #[must_use]
    pub fn of(event: &Event) -> Option<Arc<Self>> {
        let (room, subject) = match event {
            Event::Message(message) => (&message.room, Subject::Key(message.key.clone()?, message.ephemeral.is_none())),
            Event::Edit { room, seq, .. } => (room, Subject::Change(*seq)),
            _ => return None,
        };
        Some(Arc::new(Self { room: room.clone(), subject }))
    }

    /// Whether its events are messages: what `lagged` counts.
    #[must_use]
    pub fn is_of_messages(&self) -> bool {
        matches!(self.subject, Subject::Key(..))
    }
}

/// One event in a buffer of many: where it ends, and its key.
#[derive(Clone, Debug)]
pub struct EventPart {
    /// The offset in the buffer behind its last byte; it begins where the one before it ends.
    pub end: usize,
    /// Whether it is a message.
    pub is_message: bool,
    /// What it is the newest of.
    pub key: Option<Arc<ConflationKey>>,
}
