//! What the journal does while no request waits: the full-text index, the retention sweep, and emptying the write-ahead
//! log of deleted text.
//!
//! Done in short slices, each a transaction of its own, between those of the brokers: after a pause without requests,
//! and now and then also under load. A slice that fails is retried after a pause.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::message_key::RoomId;
use super::retention::{Sweep, SweepSlice};
use super::search_index::{self, IndexSlice};
use super::watermark::Watermarks;
use crate::chat::Time;
use crate::store::rooms::Retention;

/// How long after the last request, or under load after the last slice, a slice is done.
pub const PAUSE: Duration = Duration::from_millis(100);
/// How often retention sweeps the rooms.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Messages that may be missing from the index, in all rooms together; beyond it slices come before requests.
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
    /// Advanced by the sweep.
    watermarks: Arc<Watermarks>,
    /// Messages that are not in the index, by room: a lower bound.
    unindexed: BTreeMap<i64, Lag>,
    /// The sum of the above.
    lag: Lag,
    sweep: Option<Sweep>,
    /// When the next sweep is due.
    sweeps_at: Instant,
    /// Whether the log still holds text that was deleted.
    log_holds_deleted_text: bool,
    /// When the last slice was done.
    last: Instant,
}

/// What the index lacks.
#[derive(Clone, Copy, Default)]
struct Lag {
    messages: usize,
    bytes: usize,
}

impl Lag {
    fn plus(self, other: Self) -> Self {
        Self { messages: self.messages + other.messages, bytes: self.bytes + other.bytes }
    }
}

impl Maintenance {
    /// Begins with what the last journal has left undone.
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
            lag: Lag::default(),
            sweep: None,
            sweeps_at: Instant::now(),
            log_holds_deleted_text: false,
            last: Instant::now(),
        };
        let sql = "SELECT room FROM rooms WHERE EXISTS (
            SELECT 1 FROM messages WHERE place BETWEEN (room << 40) + indexed + 1 AND (room << 40) + (1 << 40) - 1)";
        let mut statement = connection.prepare(sql)?;
        let rooms = statement.query_map([], |row| row.get::<_, RoomId>(0))?;
        for room in rooms {
            maintenance.messages_stored(room?, 1, 0);
        }
        Ok(maintenance)
    }

    /// Messages were stored that are not in the index.
    pub fn messages_stored(&mut self, room: RoomId, messages: usize, bytes: usize) {
        let more = Lag { messages, bytes };
        let lag = self.unindexed.entry(room.0).or_default();
        *lag = lag.plus(more);
        self.lag = self.lag.plus(more);
    }

    /// Text was deleted or replaced.
    pub fn text_erased(&mut self) {
        self.log_holds_deleted_text = true;
    }

    /// A room was ended: the sweep that deletes its rows begins at once.
    pub fn room_ended(&mut self) {
        self.sweep = None;
        self.sweeps_at = Instant::now();
    }

    /// When a slice is to be done while no request waits; it may be past.
    pub fn due_at(&self) -> Instant {
        if self.unindexed.is_empty() && self.sweep.is_none() && !self.log_holds_deleted_text {
            self.sweeps_at
        } else {
            self.sweeps_at.min(self.last + PAUSE)
        }
    }

    /// Whether a slice is to be done although requests wait.
    pub fn is_urgent(&self) -> bool {
        self.lag.messages >= LAG_MAX || self.lag.bytes >= LAG_BYTES_MAX || self.due_at() <= Instant::now()
    }

    /// Does a slice, in a transaction of its own. Returns whether there is more to do at once.
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn run_slice(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let more = self.do_slice(connection);
        self.last = Instant::now();
        more
    }

    /// Takes the log into the file, as the last thing.
    pub fn finish(&mut self, connection: &Connection) {
        // What cannot be taken over now is found in the log at the next start.
        _ = empty_log(connection);
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
            let SweepSlice { rest, pruned } = sweep.run_slice(&transaction, self.retention, (self.now)())?;
            self.log_holds_deleted_text |= transaction.total_changes() > before;
            transaction.commit()?;
            pruned.into_iter().for_each(|(room, seq)| self.watermarks.advance(room, seq));
            self.sweep = rest;
        } else if self.log_holds_deleted_text {
            self.log_holds_deleted_text = !empty_log(connection)?;
            return Ok(false);
        }
        Ok(!self.unindexed.is_empty() || self.sweep.is_some() || self.log_holds_deleted_text)
    }

    /// Adds a slice to the index, of as many rooms as fit.
    fn index(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = begin(connection)?;
        let (mut slices, mut count, mut bytes) = (Vec::new(), SLICE, SLICE_BYTES);
        for &room in self.unindexed.keys() {
            let slice = search_index::index(&transaction, RoomId(room), count, bytes)?;
            slices.push((room, slice));
            (count, bytes) = (count - slice.messages, bytes.saturating_sub(slice.bytes));
            if !slice.complete || count == 0 || bytes == 0 {
                break;
            }
        }
        transaction.commit()?;
        for (room, IndexSlice { messages, bytes, complete }) in slices {
            if complete {
                self.unindexed.remove(&room);
            } else if let Some(lag) = self.unindexed.get_mut(&room) {
                let messages = lag.messages.saturating_sub(messages).max(1);
                *lag = Lag { messages, bytes: lag.bytes.saturating_sub(bytes) };
            }
        }
        self.lag = self.unindexed.values().fold(Lag::default(), |sum, lag| sum.plus(*lag));
        Ok(())
    }
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Takes the whole log into the file and empties it, so that it holds no deleted text. Returns whether it did: it
/// cannot while somebody reads what is in it.
fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    let timeout = connection.query_row("PRAGMA busy_timeout", [], |row| row.get::<_, i64>(0))?;
    connection.busy_timeout(Duration::ZERO)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(Duration::from_millis(timeout.unsigned_abs()))?;
    Ok(busy? == 0)
}
