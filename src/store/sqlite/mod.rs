//! A history in a file: SQLite, written by one thread, read by a few connections.
//!
//! Brokers hand drafts to `journal.rs` through their ledgers and wait; everybody reads through
//! `pool.rs` on their own thread. `assemble` opens the store and lends it a thread for the journal,
//! which ends when the store is closed and the last ledger is gone. Channels: the journal's inbox
//! (bounded; a broker that finds no place waits), and one answer a request. No lock is held across
//! any of it.

mod account;
mod file;
mod history;
mod journal;
mod ledger;
mod lock;
mod place;
mod pool;
mod row;
mod schema;

use std::io;

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;

pub use file::{IN_MEMORY, OpenError};

use account::Account;
use file::Site;
use journal::{INBOX_MAX, Journal, Request};
use ledger::Entry;
use lock::{Lock, LockError};
use pool::Pool;

use super::{Durability, Opened, Page, PageWish, Store};
use crate::chat::command::Span;
use crate::chat::record::{Mark, StoreFailed};
use crate::chat::room::Past;
use crate::chat::{Message, RoomName};

/// Bytes of the messages that a room begins with, at most.
const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A thread's body.
pub type Body = Box<dyn FnOnce() + Send>;

/// See the module.
pub struct Sqlite {
    /// `None` after the close.
    journal: Mutex<Option<Sender<Request>>>,
    pool: Pool,
}

impl Sqlite {
    /// Opens the history that `data` names, a path or [`IN_MEMORY`]; makes it if it is not there.
    /// `spawn` is given the body of the journal's thread, once. Blocks on the disk.
    ///
    /// # Errors
    /// A sentence for the user. The file is as it was.
    pub fn open(
        data: &str,
        durability: Durability,
        spawn: impl FnOnce(Body) -> io::Result<()>,
    ) -> Result<Self, OpenError> {
        let site = Site::named(data)?;
        let lock = match &site {
            Site::Memory(_) => None,
            Site::File(path) => Some(Lock::take(path).map_err(|error| match error {
                LockError::Held(holder) => OpenError::Held(path.clone(), holder),
                LockError::Io(name, error) => OpenError::Unusable(name, error.to_string()),
            })?),
        };
        let connection = site.open(durability)?;
        let (journal, inbox) = bounded(INBOX_MAX);
        let body = Journal::new(connection, inbox, lock);
        let spawned = spawn(Box::new(move || body.run()));
        spawned.map_err(|error| OpenError::Unusable(site.path().to_owned(), error.to_string()))?;
        Ok(Self { journal: Mutex::new(Some(journal)), pool: Pool::new(site) })
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
            Ok(Some((account, recent, history::marks(connection, id)?)))
        })?;
        let (account, recent, marks) = match found {
            Some(found) => found,
            None => (new_account(room)?, Vec::new(), Vec::new()),
        };
        let past = Past { epoch: account.epoch.clone(), seq: account.newest, recent, kept: true };
        Ok(Opened { past, marks, ledger: Box::new(Entry::new(account, journal)) })
    }

    fn page(&self, room: &RoomName, wish: PageWish) -> Result<Option<Page>, StoreFailed> {
        self.pool.read(|connection| history::page(connection, room, wish))
    }

    fn search(&self, _: &RoomName, _: &str, _: u64, _: usize) -> Result<Vec<Message>, StoreFailed> {
        Ok(Vec::new())
    }

    fn receipts(&self, room: &RoomName, seq: u64) -> Result<Option<Vec<Mark>>, StoreFailed> {
        self.pool.read(|connection| history::receipts(connection, room, seq))
    }

    fn close(&self) {
        let journal = self.journal.lock().take();
        drop(journal);
        self.pool.close();
    }
}

/// The account of a room in which nothing was said yet.
fn new_account(room: &RoomName) -> Result<Account, StoreFailed> {
    let drawn = getrandom::u64().map_err(|_| StoreFailed)?;
    Ok(Account { room: None, name: room.clone(), epoch: format!("e{drawn:016x}").into(), newest: 0 })
}
