//! Checkpoints: what is in the write-ahead log is taken into the file, and the file enters its next state.
//!
//! Only here, for the journal, and by a command that closes a file which nobody else has open. The thread of
//! `checkpointer.rs` does it while the journal goes on. So there is always a rest, and the log begins anew only after a
//! pause: once it is long, that thread takes it over again and again until the rest is small, which the journal does
//! itself; and so it does when the log has grown too long, or is to be emptied. Before each checkpoint the history gets another id in a transaction of its own, and the file `….lock` is told that the file may
//! have the old id or the new one; after a complete one it has the new one. So at any moment the file without its log
//! has an id that is remembered (`file_state.rs`).

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::checkpointer::Checkpointer;
use super::file_state::{self, FileState, KnownState, Serving, StateRecord};
use super::lock::Lock;

/// Pages of the log after which it is taken into the file.
const PAGES: c_int = 4_000;
/// Pages of the log from which on it is to begin anew.
const PAGES_LONG: c_int = 8_000;
/// Pages that are few enough for the journal to take them over itself: some milliseconds.
const PAGES_REST: c_int = 500;
/// Pages of the log at which the journal waits for a checkpoint.
const PAGES_MAX: c_int = 16_000;
/// Pages that the log grows by before the journal waits again, if a reader has prevented it.
const PAGES_MORE: c_int = 1_000;

thread_local! {
    /// Pages in the log after this thread's last transaction.
    static LOG_PAGES: Cell<c_int> = const { Cell::new(0) };
}

/// How much of the log a checkpoint is to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What no reader needs any more. Waits for nobody.
    Unread,
    /// All of it, and the log is emptied; it waits for readers as long as this.
    All(Duration),
}

/// See the module.
pub struct Checkpoints {
    /// `None`: a history in memory has neither a log nor a state.
    lock: Option<Arc<Lock>>,
    state: KnownState,
    /// Whether what the record says must be on the disk before the file changes.
    durable: bool,
    /// The path beside which the log is; `None` once the file is about to be closed.
    open_at: Option<String>,
    /// Makes the ordinary checkpoints; `None`: they are made here.
    checkpointer: Option<Checkpointer>,
    /// Pages that the log had when the checkpointer was asked.
    asked_at: c_int,
    /// Pages of the log at which the next checkpoint is due.
    due_at: c_int,
    /// Pages of the log at which the journal waits for it.
    waits_at: c_int,
}

impl Checkpoints {
    /// Those of a history in memory: there is nothing to do.
    pub fn none() -> Self {
        Self {
            lock: None,
            state: KnownState::default(),
            durable: false,
            open_at: None,
            checkpointer: None,
            asked_at: 0,
            due_at: c_int::MAX,
            waits_at: c_int::MAX,
        }
    }

    /// Those of the file that is locked, whose record this is.
    pub fn new(lock: Arc<Lock>, state: KnownState, durable: bool) -> Self {
        let open_at = Some(lock.path().to_string_lossy().into_owned());
        let (due_at, waits_at) = (PAGES, PAGES_MAX);
        Self { lock: Some(lock), state, durable, open_at, checkpointer: None, asked_at: 0, due_at, waits_at }
    }

    /// Has this thread count the pages of the log that `connection` writes.
    pub fn watch(connection: &Connection) {
        connection.wal_hook(Some(|_: &Wal, pages| {
            LOG_PAGES.set(pages);
            Ok(())
        }));
    }

    /// Has the ordinary checkpoints made by another thread.
    pub fn hand_to(&mut self, checkpointer: Checkpointer) {
        self.checkpointer = Some(checkpointer);
    }

    /// Whether the log has grown so long that a checkpoint is due, or the outcome of one is there.
    pub fn is_due(&self) -> bool {
        let pages = LOG_PAGES.get();
        let is_busy = self.checkpointer.as_ref().is_some_and(Checkpointer::is_busy);
        self.lock.is_some() && (pages >= self.waits_at || (pages >= self.due_at && !is_busy) || self.has_outcome())
    }

    fn has_outcome(&self) -> bool {
        self.checkpointer.as_ref().is_some_and(Checkpointer::has_outcome)
    }

    /// Has the checkpoint made that is due, without waiting for it unless the log is too long.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_due(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        let pages = LOG_PAGES.get();
        if pages < PAGES {
            // The log has begun anew.
            (self.due_at, self.waits_at) = (PAGES, PAGES_MAX);
        }
        if let Some(complete) = self.checkpointer.as_mut().and_then(Checkpointer::outcome) {
            // While a reader prevents it, taking over the rest would not help.
            let begins_anew = complete && pages >= PAGES_LONG;
            self.due_at = if begins_anew { pages } else { pages.saturating_add(PAGES) };
            if complete {
                self.settle(connection)?;
            }
            if begins_anew && pages.saturating_sub(self.asked_at) <= PAGES_REST {
                return self.run(connection, Extent::Unread).map(|_| ());
            }
        }
        if pages >= self.waits_at || self.checkpointer.is_none() {
            return self.run(connection, Extent::Unread).map(|_| ());
        }
        if pages >= self.due_at && self.checkpointer.as_ref().is_some_and(|thread| !thread.is_busy()) {
            if self.state.ids.len() < 2 {
                self.enter_next_state(connection, |_| Ok(()))?;
            }
            self.asked_at = pages;
            self.checkpointer.iter_mut().for_each(Checkpointer::ask);
        }
        Ok(())
    }

    /// Enters the next state, and takes the log into the file. Returns whether that was possible for all of it.
    ///
    /// # Errors
    /// The disk failed. The history is as it was, in the old state or in the next.
    pub fn run(&mut self, connection: &mut Connection, extent: Extent) -> rusqlite::Result<bool> {
        if self.lock.is_none() {
            return Ok(true);
        }
        // With two already, an earlier checkpoint was not complete.
        if self.state.ids.len() < 2 {
            self.enter_next_state(connection, |_| Ok(()))?;
        }
        let complete = checkpoint(connection, extent)?;
        let pages = LOG_PAGES.get();
        // What this one has left waits for the log to grow.
        (self.due_at, self.waits_at) = (pages.saturating_add(PAGES), pages.max(PAGES_MAX).saturating_add(PAGES_MORE));
        if complete {
            (self.due_at, self.waits_at) = (PAGES, PAGES_MAX);
            LOG_PAGES.set(0);
            self.settle(connection)?;
        }
        Ok(complete)
    }

    /// As the last thing before the file is closed: takes the log into the file, and notes that it was closed.
    ///
    /// # Errors
    /// As `run`; the next server finds the rest in the log.
    pub fn finish(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        if self.lock.is_none() {
            return Ok(());
        }
        // It ends first, and closes its connection.
        self.checkpointer = None;
        self.open_at = None;
        self.enter_next_state(connection, |_| Ok(()))?;
        if self.run(connection, Extent::All(Duration::ZERO))? {
            self.state.serving = None;
            self.keep_record()?;
        }
        Ok(())
    }

    /// Changes the history and gives it a new id, in one transaction. The record allows for both ids first.
    ///
    /// # Errors
    /// Nothing has changed in the history.
    pub fn enter_next_state<T>(
        &mut self,
        connection: &mut Connection,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let id = file_state::draw()?;
        self.state.add(&id);
        self.keep_record()?;
        let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
        let changed = change(&transaction)?;
        file_state::write(&transaction, &FileState { id, copied: false, open_at: self.open_at.clone() })?;
        transaction.commit()?;
        Ok(changed)
    }

    /// The server that has the file open from now on; kept with the next record.
    pub fn serve(&mut self, serving: Serving) {
        self.state.serving = Some(serving);
    }

    /// The file has the newest id now, and no other.
    fn settle(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.state.ids = file_state::read(connection)?.map(|state| state.id).into_iter().collect();
        self.keep_record()
    }

    fn keep_record(&self) -> rusqlite::Result<()> {
        let Some(lock) = &self.lock else { return Ok(()) };
        let kept = lock.write(&StateRecord::Known(self.state.clone()), self.durable);
        kept.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

/// Takes the log into the file. Returns whether that was possible for all of it: it is not while somebody reads what
/// is in it.
///
/// # Errors
/// The disk failed.
pub fn checkpoint(connection: &Connection, extent: Extent) -> rusqlite::Result<bool> {
    let done = |sql| {
        connection.query_row(sql, [], |row| {
            let (busy, pages, taken) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
            Ok(busy == 0 && pages == taken)
        })
    };
    match extent {
        Extent::Unread => done("PRAGMA wal_checkpoint(PASSIVE)"),
        Extent::All(patience) => {
            let timeout = connection.query_row("PRAGMA busy_timeout", [], |row| row.get::<_, i64>(0))?;
            connection.busy_timeout(patience)?;
            let complete = done("PRAGMA wal_checkpoint(TRUNCATE)");
            connection.busy_timeout(Duration::from_millis(timeout.unsigned_abs()))?;
            complete
        }
    }
}
