//! A history in a file: SQLite, written by one thread, read by a few connections.
//!
//! Brokers hand drafts to `journal.rs` through their ledgers and wait; everybody reads through
//! `pool.rs` on their own thread. `assemble` opens the store and lends it a thread for the journal,
//! which ends when the store is closed and the last ledger is gone. Channels: the journal's inbox
//! (bounded; a broker that finds no place waits), and one answer a request. No lock is held across
//! any of it.

mod account;
mod archive;
mod backup;
mod charter;
mod check;
mod errands;
mod export;
mod file;
mod history;
mod horizon;
mod import;
mod journal;
mod jsonl;
mod ledger;
mod letters;
mod lock;
mod place;
mod pool;
mod registry;
mod retention;
mod row;
mod schema;
mod words;

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;
use rusqlite::Connection;

pub use archive::{Archive, ArchiveError};
pub use check::{Findings, RoomFinding};
pub use export::Since;
pub use file::{IN_MEMORY, OpenError};
pub use import::Imported;
pub use retention::Word;

use account::Account;
use errands::Errands;
use file::Site;
use horizon::Horizons;
use journal::{INBOX_MAX, Journal, Request, Work};
use ledger::Entry;
use pool::Pool;

use super::{ChangeWish, Durability, Opened, Page, PageWish, Retention, Store};
use crate::chat::charter::{Charter, Entry as AuditEntry};
use crate::chat::command::Span;
use crate::chat::record::{Epoch, Mark, StoreFailed};
use crate::chat::room::Past;
use crate::chat::{Message, RoomName, Time, UserName};

/// Bytes of the messages that a room begins with, at most.
const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A thread's body.
pub type Body = Box<dyn FnOnce() + Send>;

/// See the module.
pub struct Sqlite {
    /// `None` after the close.
    journal: Mutex<Option<Sender<Request>>>,
    horizons: Arc<Horizons>,
    pool: Pool,
}

/// What a store is told before it opens.
pub struct Plan {
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
    pub fn open(plan: Plan, spawn: impl FnOnce(Body) -> io::Result<()>) -> Result<Self, OpenError> {
        let Plan { data, durability, retention, now } = plan;
        let site = Site::named(&data)?;
        let lock = site.lock()?;
        let connection = site.open(durability)?;
        let horizons = Arc::new(Horizons::default());
        let errands =
            Errands::new(&connection, retention, now, Arc::clone(&horizons)).map_err(|error| site.refusal(&error))?;
        let (journal, inbox) = bounded(INBOX_MAX);
        let body = Journal::new(connection, inbox, errands, lock);
        let spawned = spawn(Box::new(move || body.run()));
        spawned.map_err(|error| OpenError::Unusable(site.path().to_owned(), error.to_string()))?;
        Ok(Self { journal: Mutex::new(Some(journal)), horizons, pool: Pool::new(site) })
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
    fn open(&self, room: &RoomName, recent_max: usize) -> Result<Opened, StoreFailed> {
        let journal = self.journal.lock().clone().ok_or(StoreFailed)?;
        let found = self.pool.read(|connection| {
            let Some(account) = history::account(connection, room)? else { return Ok(None) };
            let Some(id) = account.room else { return Ok(None) };
            let wish = PageWish { span: Span::Before(u64::MAX), count: recent_max, bytes: RECENT_BYTES_MAX };
            let recent = history::before(connection, id, room, u64::MAX, wish)?;
            Ok(Some((account, recent, history::marks(connection, id)?, charter::charter(connection, id)?)))
        })?;
        let (account, recent, marks, charter) = match found {
            Some(found) => found,
            None => (new_account(room)?, Vec::new(), Vec::new(), None),
        };
        let past = Past { epoch: account.epoch.clone(), seq: account.newest, recent, kept: true };
        let ledger = Box::new(Entry::new(account, journal, Arc::clone(&self.horizons)));
        Ok(Opened { past, marks, charter, ledger })
    }

    fn page(&self, room: &RoomName, wish: PageWish) -> Result<Option<Page>, StoreFailed> {
        self.pool.read(|connection| history::page(connection, room, wish))
    }

    fn changes(&self, room: &RoomName, after: u64, wish: ChangeWish) -> Result<Vec<Message>, StoreFailed> {
        self.pool.read(|connection| history::changes(connection, room, after, wish))
    }

    fn search(&self, room: &RoomName, text: &str, before: u64, count: usize) -> Result<Vec<Message>, StoreFailed> {
        self.pool.read(|connection| {
            let Some(Account { room: Some(id), .. }) = history::account(connection, room)? else {
                return Ok(Vec::new());
            };
            words::search(connection, (id, room), text, before, count)
        })
    }

    fn receipts(&self, room: &RoomName, seq: u64) -> Result<Option<Vec<Mark>>, StoreFailed> {
        self.pool.read(|connection| history::receipts(connection, room, seq))
    }

    fn charters(&self) -> Result<Vec<(RoomName, Charter)>, StoreFailed> {
        self.pool.read(charter::all)
    }

    fn audit(&self, room: &RoomName, before: u64, count: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed> {
        self.pool.read(|connection| {
            let Some(Account { room: Some(id), .. }) = history::account(connection, room)? else { return Ok(None) };
            charter::audit(connection, id, before, count).map(Some)
        })
    }

    fn keeps_letters(&self) -> bool {
        true
    }

    fn letters(&self, user: &UserName) -> Result<Vec<RoomName>, StoreFailed> {
        self.pool.read(|connection| letters::waiting(connection, user))
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
fn new_account(room: &RoomName) -> Result<Account, StoreFailed> {
    let epoch = Epoch(getrandom::u64().map_err(|_| StoreFailed)?);
    Ok(Account { room: None, name: room.clone(), epoch: epoch.to_string().into(), newest: 0 })
}
