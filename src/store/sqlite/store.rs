//! Rooms and messages in SQLite: the [`Store`] over the journal, which writes, and the pool, which reads.
//!
//! Called on brokers' and connections' threads. The journal's sender is the only thing behind the lock, which is held
//! while it is cloned.

use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;
use rusqlite::Connection;

use super::file::Location;
use super::journal::{INBOX_MAX, Journal, JournalRequest, Work};
use super::maintenance::Maintenance;
use super::open_error::SqliteOpenError;
use super::read_pool::ReadPool;
use super::room_log::SqliteLog;
use super::sequence::Sequence;
use super::watermark::Watermarks;
use super::{history, offline_inbox, policy, search_index};
use crate::chat::policy::{AuditEntry, Policy};
use crate::chat::room::Snapshot;
use crate::chat::{Epoch, Message, ReceiptMark, RoomName, Span, StoreFailed, UserName};
use crate::store::open::BackendOptions;
use crate::store::rooms::{ChangesQuery, OpenedRoom, Page, PageQuery, Store};
use crate::sync::oneshot;

/// Bytes of the messages that a room opens with, at most.
const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// See the module.
pub struct SqliteStore {
    /// `None` once closed.
    journal: Mutex<Option<Sender<JournalRequest>>>,
    watermarks: Arc<Watermarks>,
    pool: ReadPool,
}

impl SqliteStore {
    /// Opens the history at `location`, and starts the journal. Blocks on the disk.
    ///
    /// # Errors
    /// The file is unchanged.
    pub fn open(location: Location, options: BackendOptions<'_>) -> Result<Self, SqliteOpenError> {
        let BackendOptions { durability, retention, now, on_commit, spawn } = options;
        let lock = location.lock()?;
        let connection = location.open_writer(durability)?;
        let watermarks = Arc::new(Watermarks::default());
        let maintenance = Maintenance::new(&connection, retention, now, Arc::clone(&watermarks))
            .map_err(|error| location.open_error(&error))?;
        let (journal, inbox) = bounded(INBOX_MAX);
        let body = Journal::new(connection, inbox, maintenance, on_commit, lock);
        let spawned = spawn("journal", Box::new(move || body.run()));
        spawned.map_err(|error| SqliteOpenError::Unusable(location.path().to_owned(), error.to_string()))?;
        Ok(Self { journal: Mutex::new(Some(journal)), watermarks, pool: ReadPool::new(location) })
    }

    /// Reads through a connection of the pool.
    ///
    /// # Errors
    /// It cannot be read now.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreFailed> {
        self.pool.read(query)
    }

    /// Has the journal do `work` in a transaction of its own, and waits until it is committed.
    ///
    /// # Errors
    /// Nothing was written.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreFailed> {
        let journal = self.journal.lock().clone().ok_or(StoreFailed)?;
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let done = work(connection)?;
            Ok(Box::new(move || reply.send(done)))
        });
        journal.send(JournalRequest::Work(work)).map_err(|_| StoreFailed)?;
        // No answer: the work failed, or the journal is gone.
        answer.wait().map_err(|_| StoreFailed)
    }
}

impl Store for SqliteStore {
    fn open(&self, room: &RoomName, recent_max: usize) -> Result<OpenedRoom, StoreFailed> {
        let journal = self.journal.lock().clone().ok_or(StoreFailed)?;
        let found = self.read(|connection| {
            let Some(sequence) = history::sequence(connection, room)? else { return Ok(None) };
            let Some(id) = sequence.room else { return Ok(None) };
            let query = PageQuery { span: Span::Before(u64::MAX), count: recent_max, bytes: RECENT_BYTES_MAX };
            let recent = history::before(connection, id, room, u64::MAX, query)?;
            Ok(Some((sequence, recent, history::newest_marks(connection, id)?, policy::policy(connection, id)?)))
        })?;
        let (sequence, recent, marks, policy) = match found {
            Some(found) => found,
            None => (new_sequence(room)?, Vec::new(), Vec::new(), None),
        };
        let past = Snapshot { epoch: sequence.epoch.clone(), seq: sequence.newest, recent, kept: true };
        let room_log = Box::new(SqliteLog::new(sequence, journal, Arc::clone(&self.watermarks)));
        Ok(OpenedRoom { past, marks, policy, room_log })
    }

    fn page(&self, room: &RoomName, query: PageQuery) -> Result<Option<Page>, StoreFailed> {
        self.read(|connection| history::page(connection, room, query))
    }

    fn changes(&self, room: &RoomName, after: u64, query: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        self.read(|connection| history::changes(connection, room, after, query))
    }

    fn search(&self, room: &RoomName, text: &str, before: u64, count: usize) -> Result<Vec<Message>, StoreFailed> {
        self.read(|connection| {
            let Some(Sequence { room: Some(id), .. }) = history::sequence(connection, room)? else {
                return Ok(Vec::new());
            };
            search_index::search(connection, id, room, text, before, count)
        })
    }

    fn receipts(&self, room: &RoomName, seq: u64) -> Result<Option<Vec<ReceiptMark>>, StoreFailed> {
        self.read(|connection| history::receipts(connection, room, seq))
    }

    fn policies(&self) -> Result<Vec<(RoomName, Policy)>, StoreFailed> {
        self.read(policy::policies)
    }

    fn audit(&self, room: &RoomName, before: u64, count: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed> {
        self.read(|connection| {
            let Some(Sequence { room: Some(id), .. }) = history::sequence(connection, room)? else { return Ok(None) };
            policy::audit(connection, id, before, count).map(Some)
        })
    }

    fn keeps_offline_messages(&self) -> bool {
        true
    }

    fn offline_messages(&self, user: &UserName) -> Result<Vec<RoomName>, StoreFailed> {
        self.read(|connection| offline_inbox::undelivered(connection, user))
    }

    fn close(&self) {
        // The readers first: the last connection to close takes the log into the file, and one that only reads cannot.
        self.pool.close();
        let journal = self.journal.lock().take();
        drop(journal);
    }
}

/// The sequence of a room that has no history yet.
fn new_sequence(room: &RoomName) -> Result<Sequence, StoreFailed> {
    let epoch = Epoch(getrandom::u64().map_err(|_| StoreFailed)?);
    Ok(Sequence { room: None, name: room.clone(), epoch: epoch.to_string().into(), newest: 0 })
}
