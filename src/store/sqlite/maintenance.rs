//! What the journal does while no request waits: merging the insert buffer, the full-text index, the retention sweep,
//! checkpoints, and emptying the write-ahead log of deleted text.
//!
//! Done in short slices, each a transaction of its own, between those of the brokers: after a pause without requests,
//! and now and then also under load. No slice but a checkpoint waits for the disk: if the power fails, it is done again.
//! A slice that fails is retried after a pause.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::checkpoint::{Checkpoints, Extent};
use super::insert_buffer::{self, BufferedMids, MergeSlice};
use super::message_key::RoomId;
use super::retention::{Sweep, SweepSlice};
use super::room_lags::{Lag, RoomLags};
use super::search_index::{self, IndexSlice};
use super::watermark::Watermarks;
use crate::chat::Time;
use crate::store::rooms::Retention;

/// How long after the last request, or under load after the last slice, a slice is done.
pub const PAUSE: Duration = Duration::from_millis(100);
/// How often retention sweeps the rooms.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Messages that may be in the insert buffer, in all rooms together; beyond it slices come before requests.
const BUFFERED_MAX: Lag = Lag { messages: 1_024, bytes: 1024 * 1024 };
/// Messages of one slice of the merge.
const MERGE_SLICE: usize = 128;
/// Messages that may be missing from the index, likewise.
const UNINDEXED_MAX: Lag = Lag { messages: 2_048, bytes: 2 * 1024 * 1024 };
/// Messages of one slice of the index. Under load every room waits for a slice: half as many messages take half as long,
/// and cost each of them a twentieth more (SQLite alone, 64 rooms: 3 ms a slice in place of 6, and 13.8 µs a message in
/// place of 13.1); a quarter as many cost a fifth more.
const SLICE: usize = 256;
/// Bytes after which a slice of the index takes no further message.
const SLICE_BYTES: usize = 256 * 1024;

/// See the module.
pub struct Maintenance {
    retention: Box<dyn Fn() -> Retention + Send>,
    now: Box<dyn Fn() -> Time + Send>,
    /// Advanced by the sweep.
    watermarks: Arc<Watermarks>,
    checkpoints: Checkpoints,
    /// Messages in the insert buffer.
    buffered: RoomLags,
    /// Messages that are not in the index.
    unindexed: RoomLags,
    sweep: Option<Sweep>,
    /// When the next sweep is due.
    sweeps_at: Instant,
    /// Whether the log still holds text that was deleted.
    log_holds_deleted_text: bool,
    /// When the last slice was done.
    last: Instant,
}

impl Maintenance {
    /// Begins with what the last journal has left undone.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(
        connection: &Connection,
        retention: Box<dyn Fn() -> Retention + Send>,
        now: Box<dyn Fn() -> Time + Send>,
        watermarks: Arc<Watermarks>,
        checkpoints: Checkpoints,
    ) -> rusqlite::Result<Self> {
        let mut maintenance = Self {
            retention,
            now,
            watermarks,
            checkpoints,
            buffered: RoomLags::default(),
            unindexed: RoomLags::default(),
            sweep: None,
            sweeps_at: Instant::now(),
            log_holds_deleted_text: false,
            last: Instant::now(),
        };
        let sql = "SELECT room FROM rooms WHERE EXISTS (
            SELECT 1 FROM history WHERE place BETWEEN (room << 40) + indexed + 1 AND (room << 40) + (1 << 40) - 1)";
        let mut statement = connection.prepare(sql)?;
        let rooms = statement.query_map([], |row| row.get::<_, RoomId>(0))?;
        for room in rooms {
            maintenance.messages_stored(room?, 1, 0);
        }
        Ok(maintenance)
    }

    /// Messages were stored.
    pub fn messages_stored(&mut self, room: RoomId, messages: usize, bytes: usize) {
        self.buffered.add(room, Lag { messages, bytes });
        self.unindexed.add(room, Lag { messages, bytes });
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
        match self.has_work() {
            false => self.sweeps_at,
            true => self.sweeps_at.max(self.last).min(self.last + PAUSE),
        }
    }

    /// Whether a slice is to be done although requests wait.
    pub fn is_urgent(&self) -> bool {
        let lags = self.buffered.reaches(BUFFERED_MAX) || self.unindexed.reaches(UNINDEXED_MAX);
        self.checkpoints.is_due() || lags || self.due_at() <= Instant::now()
    }

    /// Does a slice, in a transaction of its own. Returns whether there is more to do at once.
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn run_slice(&mut self, connection: &mut Connection, mids: &mut BufferedMids) -> rusqlite::Result<bool> {
        // Also if the slice panics.
        self.postpone();
        let more = self.do_slice(connection, mids);
        self.last = Instant::now();
        more
    }

    /// Has the next slice wait as after one that was done.
    pub fn postpone(&mut self) {
        self.last = Instant::now();
    }

    /// Merges the insert buffer, and takes the log into the file, as the last thing.
    pub fn finish(&mut self, connection: &mut Connection) {
        let merged = begin(connection).and_then(|transaction| {
            insert_buffer::merge_all(&transaction)?;
            transaction.commit()
        });
        let taken = self.checkpoints.finish(connection);
        // What cannot be merged or taken over now is found at the next start.
        _ = merged.and(taken);
    }

    fn has_work(&self) -> bool {
        let lags = !self.buffered.is_empty() || !self.unindexed.is_empty();
        lags || self.sweep.is_some() || self.log_holds_deleted_text
    }

    fn do_slice(&mut self, connection: &mut Connection, mids: &mut BufferedMids) -> rusqlite::Result<bool> {
        if self.sweep.is_none() && self.sweeps_at <= Instant::now() {
            self.sweeps_at = Instant::now() + SWEEP_EVERY;
            self.sweep = Some(Sweep::begin());
        }
        if self.checkpoints.is_due() {
            self.checkpoints.run_due(connection)?;
        } else if self.buffered.reaches(BUFFERED_MAX) {
            self.merge(connection, mids)?;
        } else if self.unindexed.reaches(UNINDEXED_MAX) {
            self.index(connection)?;
        } else if !self.buffered.is_empty() {
            self.merge(connection, mids)?;
        } else if !self.unindexed.is_empty() {
            self.index(connection)?;
        } else if let Some(sweep) = self.sweep {
            let transaction = begin(connection)?;
            let before = transaction.total_changes();
            let SweepSlice { rest, pruned } = sweep.run_slice(&transaction, (self.retention)(), (self.now)())?;
            self.log_holds_deleted_text |= transaction.total_changes() > before;
            transaction.commit()?;
            pruned.into_iter().for_each(|(room, seq)| self.watermarks.advance(room, seq));
            self.sweep = rest;
        } else if self.log_holds_deleted_text {
            let emptied = self.checkpoints.run(connection, Extent::All(Duration::ZERO))?;
            self.log_holds_deleted_text = !emptied;
            return Ok(false);
        }
        Ok(self.has_work())
    }

    /// Merges a slice of the insert buffer, of as many rooms as fit.
    fn merge(&mut self, connection: &mut Connection, mids: &mut BufferedMids) -> rusqlite::Result<()> {
        let transaction = begin(connection)?;
        let (mut slices, mut left) = (Vec::new(), MERGE_SLICE);
        for room in self.buffered.rooms() {
            let slice = insert_buffer::merge(&transaction, room, left)?;
            slices.push((room, slice));
            left = left.saturating_sub(slice.messages);
            if !slice.complete || left == 0 {
                break;
            }
        }
        transaction.commit()?;
        for (room, MergeSlice { messages, complete }) in slices {
            self.buffered.reduce(room, Lag { messages, bytes: 0 }, complete);
            if complete {
                mids.remove(room);
            }
        }
        Ok(())
    }

    /// Adds a slice to the index, of as many rooms as fit.
    fn index(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = begin(connection)?;
        let (mut slices, mut count, mut bytes) = (Vec::new(), SLICE, SLICE_BYTES);
        for room in self.unindexed.rooms() {
            let slice = search_index::index(&transaction, room, count, bytes)?;
            slices.push((room, slice));
            (count, bytes) = (count - slice.messages, bytes.saturating_sub(slice.bytes));
            if !slice.complete || count == 0 || bytes == 0 {
                break;
            }
        }
        transaction.commit()?;
        for (room, IndexSlice { messages, bytes, complete }) in slices {
            self.unindexed.reduce(room, Lag { messages, bytes }, complete);
        }
        Ok(())
    }
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}
