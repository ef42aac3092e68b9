//! How far retention has gone in the rooms that are open: their rings must not show what is gone.
//!
//! The journal writes it after each slice of a sweep, a room's ledger reads its own on the room's
//! thread. The lock is held for a look-up; a ledger's horizon goes with it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::message_key::RoomId;

/// Those of all open rooms.
#[derive(Default)]
pub struct Watermarks {
    open: Mutex<HashMap<i64, Arc<AtomicU64>>>,
}

/// That of one room, while its ledger is open.
pub struct Watermark {
    watermarks: Arc<Watermarks>,
    room: RoomId,
    pruned: Arc<AtomicU64>,
}

impl Watermarks {
    /// Follows a room from now on. At most one ledger of a room is open at a time.
    pub fn follow(self: &Arc<Self>, room: RoomId) -> Watermark {
        let pruned = Arc::<AtomicU64>::default();
        self.open.lock().insert(room.0, Arc::clone(&pruned));
        Watermark { watermarks: Arc::clone(self), room, pruned }
    }

    /// The messages up to this number are gone from the file.
    pub fn pruned(&self, room: RoomId, seq: u64) {
        if let Some(pruned) = self.open.lock().get(&room.0) {
            pruned.store(seq, Ordering::Release);
        }
    }
}

impl Watermark {
    /// The number up to which messages were taken away since it is followed; 0: none was.
    pub fn seq(&self) -> u64 {
        self.pruned.load(Ordering::Acquire)
    }
}

impl Drop for Watermark {
    fn drop(&mut self) {
        self.watermarks.open.lock().remove(&self.room.0);
    }
}
