//! What the journal does when nobody waits for it: the index, the sweep, and the traces of what was
//! taken away.
//!
//! Done in slices, each one transaction and short, between those of the brokers: when nobody has
//! wanted anything for a moment, and now and then also while everybody does. An errand that fails is
//! tried again after a pause.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::message_key::RoomId;
use super::retention::{Slice, Sweep};
use super::search_index;
use super::watermark::Watermarks;
use crate::chat::Time;
use crate::store::Retention;

/// How long nobody wants anything, or everybody does, before a slice of an errand is done.
pub const PAUSE: Duration = Duration::from_millis(100);
/// How often all rooms are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Messages that may be missing from the index, in all rooms together; beyond it slices come first.
const LAG_MAX: usize = 1_024;
/// Bytes that may be missing from the index.
const LAG_BYTES_MAX: usize = 1024 * 1024;
/// Messages of one slice of the index.
const SLICE: usize = 512;
/// Bytes after which a slice of the index takes no further message.
const SLICE_BYTES: usize = 512 * 1024;

/// See the module.
pub struct Maintenance {
    retention: Retention,
    now: Box<dyn Fn() -> Time + Send>,
    /// Told of what the sweep has taken away.
    watermarks: Arc<Watermarks>,
    /// Messages that are not in the index, by room: at least so many, and their bytes.
    unindexed: BTreeMap<i64, (usize, usize)>,
    /// Sums of the above.
    lag: (usize, usize),
    sweep: Option<Sweep>,
    /// When the next sweep is due.
    sweeps_at: Instant,
    /// Whether text was taken away that the log still holds.
    traces: bool,
    /// When the last slice was done.
    last: Instant,
}

impl Maintenance {
    /// Errands, beginning with what the last journal left.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(
        connection: &Connection,
        retention: Retention,
        now: Box<dyn Fn() -> Time + Send>,
        watermarks: Arc<Watermarks>,
    ) -> rusqlite::Result<Self> {
        let mut maintenance = Self {
            retention,
            now,
            watermarks,
            unindexed: BTreeMap::new(),
            lag: (0, 0),
            sweep: None,
            sweeps_at: Instant::now(),
            traces: false,
            last: Instant::now(),
        };
        let sql = "SELECT room FROM rooms WHERE EXISTS (
            SELECT 1 FROM messages WHERE place BETWEEN (room << 40) + indexed + 1 AND (room << 40) + (1 << 40) - 1)";
        let mut statement = connection.prepare(sql)?;
        let rooms = statement.query_map([], |row| row.get::<_, RoomId>(0))?;
        for room in rooms {
            maintenance.stored(room?, 1, 0);
        }
        Ok(maintenance)
    }

    /// Messages were stored that are not in the index.
    pub fn stored(&mut self, room: RoomId, messages: usize, bytes: usize) {
        let lag = self.unindexed.entry(room.0).or_default();
        *lag = (lag.0 + messages, lag.1 + bytes);
        self.lag = (self.lag.0 + messages, self.lag.1 + bytes);
    }

    /// Text was taken away or replaced.
    pub fn erased(&mut self) {
        self.traces = true;
    }

    /// A room was ended: what is in it goes with a sweep, which begins at once.
    pub fn ended(&mut self) {
        self.sweep = None;
        self.sweeps_at = Instant::now();
    }

    /// When a slice is to be done although nobody waits; it may be past.
    pub fn due_at(&self) -> Instant {
        if self.unindexed.is_empty() && self.sweep.is_none() && !self.traces {
            self.sweeps_at
        } else {
            self.sweeps_at.min(self.last + PAUSE)
        }
    }

    /// Whether a slice is to be done although others wait.
    pub fn pressing(&self) -> bool {
        self.lag.0 >= LAG_MAX || self.lag.1 >= LAG_BYTES_MAX || self.due_at() <= Instant::now()
    }

    /// Does a slice, in a transaction of its own. Returns whether there is more to do at once.
    ///
    /// # Errors
    /// Nothing has happened.
    pub fn slice(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let more = self.do_slice(connection);
        self.last = Instant::now();
        more
    }

    /// The last errand: the log is taken into the file.
    pub fn end(&mut self, connection: &Connection) {
        // What cannot be taken over now is found in the log at the next start.
        _ = emptied(connection);
    }

    fn do_slice(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        if self.sweep.is_none() && self.sweeps_at <= Instant::now() {
            self.sweeps_at = Instant::now() + SWEEP_EVERY;
            self.sweep = Some(Sweep::begin());
        }
        if !self.unindexed.is_empty() {
            self.index(connection)?;
        } else if let Some(sweep) = self.sweep {
            let transaction = begin(connection)?;
            let before = transaction.total_changes();
            let Slice { rest, pruned } = sweep.slice(&transaction, self.retention, (self.now)())?;
            self.traces |= transaction.total_changes() > before;
            transaction.commit()?;
            pruned.into_iter().for_each(|(room, seq)| self.watermarks.pruned(room, seq));
            self.sweep = rest;
        } else if self.traces {
            self.traces = !emptied(connection)?;
            return Ok(false);
        }
        Ok(!self.unindexed.is_empty() || self.sweep.is_some() || self.traces)
    }

    /// Adds a slice to the index, of as many rooms as it takes.
    fn index(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = begin(connection)?;
        let (mut slices, mut count, mut bytes) = (Vec::new(), SLICE, SLICE_BYTES);
        for &room in self.unindexed.keys() {
            let slice = search_index::index(&transaction, RoomId(room), count, bytes)?;
            slices.push((room, slice));
            (count, bytes) = (count - slice.messages, bytes.saturating_sub(slice.bytes));
            if !slice.whole || count == 0 || bytes == 0 {
                break;
            }
        }
        transaction.commit()?;
        for (room, search_index::Slice { messages, bytes, whole }) in slices {
            if whole {
                self.unindexed.remove(&room);
            } else if let Some(lag) = self.unindexed.get_mut(&room) {
                *lag = (lag.0.saturating_sub(messages).max(1), lag.1.saturating_sub(bytes));
            }
        }
        self.lag = self.unindexed.values().fold((0, 0), |sum, lag| (sum.0 + lag.0, sum.1 + lag.1));
        Ok(())
    }
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Takes the whole log into the file and empties it, so that it holds no text that was taken away.
/// Not while somebody reads what is in it: then later.
fn emptied(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(Duration::ZERO)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(super::file::BUSY)?;
    Ok(busy? == 0)
}
