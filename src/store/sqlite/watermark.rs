//! How far retention has deleted messages of open rooms, so that a room's ring does not show them either.
//!
//! The journal writes a watermark after each slice of a sweep, a room log reads its own on the room's thread. The lock
//! is held for a look-up; a watermark is removed with its room log.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::message_key::RoomId;

/// The watermarks of the open rooms.
#[derive(Default)]
pub struct Watermarks {
    open: Mutex<HashMap<i64, Arc<AtomicU64>>>,
}

/// The watermark of one room, while its log is open.
pub struct Watermark {
    watermarks: Arc<Watermarks>,
    room: RoomId,
    pruned: Arc<AtomicU64>,
}

impl Watermarks {
    /// Follows a room from now on. At most one log of a room is open at a time.
    pub fn follow(self: &Arc<Self>, room: RoomId) -> Watermark {
        let pruned = Arc::<AtomicU64>::default();
        self.open.lock().insert(room.0, Arc::clone(&pruned));
        Watermark { watermarks: Arc::clone(self), room, pruned }
    }

    /// Notes that the messages up to this number have been deleted.
    pub fn advance(&self, room: RoomId, seq: u64) {
        if let Some(pruned) = self.open.lock().get(&room.0) {
            pruned.store(seq, Ordering::Release);
        }
    }
}

impl Watermark {
    /// The number up to which messages have been deleted since the room is followed; 0: none.
    pub fn seq(&self) -> u64 {
        self.pruned.load(Ordering::Acquire)
    }
}

impl Drop for Watermark {
    fn drop(&mut self) {
        self.watermarks.open.lock().remove(&self.room.0);
    }
}
