//! A history in a file: SQLite, written by one thread, read by a few connections.
//!
//! Brokers hand drafts to `journal.rs` through their ledgers and wait; everybody reads through
//! `read_pool.rs` on their own thread. `assemble` opens the store and lends it a thread for the journal,
//! which ends when the store is closed and the last ledger is gone. Channels: the journal's inbox
//! (bounded; a broker that finds no place waits), and one answer a request. No lock is held across
//! any of it.

mod accounts;
mod backup;
mod check;
mod data_file;
mod export;
mod file;
mod history;
mod import;
mod journal;
mod jsonl;
mod lock;
mod maintenance;
mod message_key;
mod offline_inbox;
mod policy;
mod read_pool;
mod retention;
mod room_log;
mod row;
mod schema;
mod search_index;
mod sequence;
mod watermark;

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;
use rusqlite::Connection;

pub use check::{Findings, RoomFinding};
pub use data_file::{DataFile, DataFileError};
pub use export::Since;
pub use file::{IN_MEMORY, OpenError};
pub use import::Imported;
pub use retention::RetentionOverride;

use file::Location;
use journal::{INBOX_MAX, Journal, Request, Work};
use maintenance::Maintenance;
use read_pool::Pool;
use room_log::SqliteLog;
use sequence::Sequence;
use watermark::Watermarks;

use super::{ChangesQuery, Durability, OpenedRoom, Page, PageQuery, Retention, Store};
use crate::chat::policy::{AuditEntry, Policy};
use crate::chat::room::Snapshot;
use crate::chat::{Epoch, Message, ReceiptMark, RoomName, Span, StoreFailed, Time, UserName};

/// Bytes of the messages that a room begins with, at most.
const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A thread's body.
pub type Body = Box<dyn FnOnce() + Send>;

/// See the module.
pub struct Sqlite {
    /// `None` after the close.
    journal: Mutex<Option<Sender<Request>>>,
    watermarks: Arc<Watermarks>,
    pool: Pool,
}

/// What a store is told before it opens.
pub struct SqliteOptions {
    /// The path of the file, or [`IN_MEMORY`].
    pub data: String,
    /// What has happened to a message when it is acknowledged.
    pub durability: Durability,
    /// How much is kept.
    pub retention: Retention,
    /// The clock on the wall: how old a message is.
    pub now: Box<dyn Fn() -> Time + Send>,
}

impl Sqlite {
    /// Opens a history; makes it if it is not there. `spawn` is given the body of the journal's
    /// thread, once. Blocks on the disk.
    ///
    /// # Errors
    /// A sentence for the user. The file is as it was.
    pub fn open(plan: SqliteOptions, spawn: impl FnOnce(Body) -> io::Result<()>) -> Result<Self, OpenError> {
        let SqliteOptions { data, durability, retention, now } = plan;
        let site = Location::named(&data)?;
        let lock = site.lock()?;
        let connection = site.open(durability)?;
        let watermarks = Arc::new(Watermarks::default());
        let maintenance = Maintenance::new(&connection, retention, now, Arc::clone(&watermarks))
            .map_err(|error| site.refusal(&error))?;
        let (journal, inbox) = bounded(INBOX_MAX);
        let body = Journal::new(connection, inbox, maintenance, lock);
        let spawned = spawn(Box::new(move || body.run()));
        spawned.map_err(|error| OpenError::Unusable(site.path().to_owned(), error.to_string()))?;
        Ok(Self { journal: Mutex::new(Some(journal)), watermarks, pool: Pool::new(site) })
    }
}

impl Sqlite {
    /// Has the journal do `work` in a transaction of its own, and waits until it is on the disk.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreFailed> {
        let journal = self.journal.lock().clone().ok_or(StoreFailed)?;
        let (reply, answer) = bounded(1);
        let work: Work = Box::new(move |connection| {
            let done = work(connection)?;
            // Who asked waits for it.
            Ok(Box::new(move || _ = reply.send(done)))
        });
        journal.send(Request::Work(work)).map_err(|_| StoreFailed)?;
        // No answer means that the work failed, or that the journal died.
        answer.recv().map_err(|_| StoreFailed)
    }
}

impl Store for Sqlite {
    fn open(&self, room: &RoomName, recent_max: usize) -> Result<OpenedRoom, StoreFailed> {
        let journal = self.journal.lock().clone().ok_or(StoreFailed)?;
        let found = self.pool.read(|connection| {
            let Some(sequence) = history::sequence(connection, room)? else { return Ok(None) };
            let Some(id) = sequence.room else { return Ok(None) };
            let query = PageQuery { span: Span::Before(u64::MAX), count: recent_max, bytes: RECENT_BYTES_MAX };
            let recent = history::before(connection, id, room, u64::MAX, query)?;
            Ok(Some((sequence, recent, history::marks(connection, id)?, policy::policy(connection, id)?)))
        })?;
        let (sequence, recent, marks, policy) = match found {
            Some(found) => found,
            None => (new_account(room)?, Vec::new(), Vec::new(), None),
        };
        let past = Snapshot { epoch: sequence.epoch.clone(), seq: sequence.newest, recent, kept: true };
        let room_log = Box::new(SqliteLog::new(sequence, journal, Arc::clone(&self.watermarks)));
        Ok(OpenedRoom { past, marks, policy, room_log })
    }

    fn page(&self, room: &RoomName, query: PageQuery) -> Result<Option<Page>, StoreFailed> {
        self.pool.read(|connection| history::page(connection, room, query))
    }

    fn changes(&self, room: &RoomName, after: u64, query: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        self.pool.read(|connection| history::changes(connection, room, after, query))
    }

    fn search(&self, room: &RoomName, text: &str, before: u64, count: usize) -> Result<Vec<Message>, StoreFailed> {
        self.pool.read(|connection| {
            let Some(Sequence { room: Some(id), .. }) = history::sequence(connection, room)? else {
                return Ok(Vec::new());
            };
            search_index::search(connection, (id, room), text, before, count)
        })
    }

    fn receipts(&self, room: &RoomName, seq: u64) -> Result<Option<Vec<ReceiptMark>>, StoreFailed> {
        self.pool.read(|connection| history::receipts(connection, room, seq))
    }

    fn policies(&self) -> Result<Vec<(RoomName, Policy)>, StoreFailed> {
        self.pool.read(policy::all)
    }

    fn audit(&self, room: &RoomName, before: u64, count: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed> {
        self.pool.read(|connection| {
            let Some(Sequence { room: Some(id), .. }) = history::sequence(connection, room)? else { return Ok(None) };
            policy::audit(connection, id, before, count).map(Some)
        })
    }

    fn keeps_offline_messages(&self) -> bool {
        true
    }

    fn offline_messages(&self, user: &UserName) -> Result<Vec<RoomName>, StoreFailed> {
        self.pool.read(|connection| offline_inbox::waiting(connection, user))
    }

    fn close(&self) {
        // First the readers: the last connection to close takes the log into the file, and one that
        // only reads cannot.
        self.pool.close();
        let journal = self.journal.lock().take();
        drop(journal);
    }
}

/// The account of a room in which nothing was said yet.
fn new_account(room: &RoomName) -> Result<Sequence, StoreFailed> {
    let epoch = Epoch(getrandom::u64().map_err(|_| StoreFailed)?);
    Ok(Sequence { room: None, name: room.clone(), epoch: epoch.to_string().into(), newest: 0 })
}
