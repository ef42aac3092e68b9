//! How far the rooms that are open have got: shown by their logs, read by who looks for rooms that have gone on.
//!
//! A room's log shows where it stands, on the room's thread; the change feed compares that with the database, and leaves what it has
//! read for the log; retention shows what it has deleted. One mutex over a map of names, and one for what was left in each room: leaves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::catch_up::Part;
use super::history::Standing;
use super::read_ahead::ReadAhead;
use crate::chat::RoomName;

/// See the module.
#[derive(Clone, Default)]
pub struct OpenRooms(Arc<Mutex<HashMap<RoomName, Weak<Progress>>>>);

/// How far one room has got.
#[derive(Debug, Default)]
pub struct Progress {
    /// The row's id; 0 while there is none.
    id: AtomicI64,
    newest: AtomicU64,
    version: AtomicU64,
    pruned: AtomicU64,
    /// What was read for the log.
    read_ahead: Mutex<Option<ReadAhead>>,
}

impl Progress {
    /// The room stands there. What retention has deleted is not a part of it.
    pub fn show(&self, standing: &Standing) {
        self.id.store(standing.id, Ordering::Relaxed);
        self.newest.store(standing.newest, Ordering::Relaxed);
        self.version.store(standing.version, Ordering::Relaxed);
    }

    /// The room begins there: it is opened, or it has ended and begins again.
    pub fn begin(&self, standing: &Standing) {
        self.pruned.store(standing.pruned, Ordering::Relaxed);
        self.show(standing);
    }

    /// The row's id, the newest number, the version, and the newest number that retention has deleted.
    pub fn read(&self) -> (i64, u64, u64, u64) {
        let [newest, version, pruned] =
            [&self.newest, &self.version, &self.pruned].map(|count| count.load(Ordering::Relaxed));
        (self.id.load(Ordering::Relaxed), newest, version, pruned)
    }

    /// This was read for the room's log, instead of what was left before.
    pub fn leave(&self, read: ReadAhead) {
        *self.read_ahead.lock() = Some(read);
    }

    /// What was left of what follows for a log that stands there, up to a number.
    pub fn take_until(&self, standing: &Standing, newest_max: u64) -> Option<Part> {
        self.read_ahead.lock().as_mut()?.take(standing, newest_max)
    }

    /// All of it, once.
    pub fn take_all(&self, standing: &Standing) -> Option<Part> {
        self.read_ahead.lock().take()?.take(standing, u64::MAX)
    }
}

impl OpenRooms {
    /// A room that opens: its log keeps what is returned.
    pub fn open(&self, room: &RoomName) -> Arc<Progress> {
        let progress = Arc::default();
        let mut rooms = self.0.lock();
        if rooms.insert(room.clone(), Arc::downgrade(&progress)).is_none() && rooms.len().is_power_of_two() {
            rooms.retain(|_, progress| progress.strong_count() > 0);
        }
        progress
    }

    /// How far a room has got, if it is open.
    pub fn progress(&self, room: &RoomName) -> Option<Arc<Progress>> {
        self.0.lock().get(room).and_then(Weak::upgrade)
    }

    /// All that are open.
    pub fn all(&self) -> Vec<(RoomName, Arc<Progress>)> {
        let rooms = self.0.lock();
        rooms.iter().filter_map(|(room, progress)| Some((room.clone(), progress.upgrade()?))).collect()
    }

    /// Messages of this room up to this number are gone. `id` is its row: another room may have the name by now.
    pub fn pruned(&self, room: &RoomName, id: i64, seq: u64) {
        if let Some(progress) = self.progress(room)
            && progress.id.load(Ordering::Relaxed) == id
        {
            progress.pruned.fetch_max(seq, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_that_are_closed_are_forgotten_and_a_successor_is_not_pruned() {
        let (rooms, name) = (OpenRooms::default(), |text: &str| RoomName::parse(text).unwrap());
        let den = rooms.open(&name("den"));
        den.show(&Standing { id: 7, epoch: "".into(), newest: 3, version: 2, pruned: 0 });
        rooms.pruned(&name("den"), 6, 9);
        rooms.pruned(&name("den"), 7, 2);
        rooms.pruned(&name("hall"), 7, 3);
        assert_eq!(den.read(), (7, 3, 2, 2));
        assert_eq!(rooms.all().len(), 1);
        drop(den);
        assert_eq!((rooms.all().len(), rooms.progress(&name("den")).is_none()), (0, true));
    }
}
