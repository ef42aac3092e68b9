//! Rooms and messages in SQLite: the [`Store`] over the journal, which writes, and the pool, which reads.
//!
//! Called on brokers' and connections' threads. The journal's sender is the only thing behind the lock, which is held
//! while it is cloned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode};

use super::checkpointer::Checkpointer;
use super::connector::{Connector, Turns};
use super::file::{Location, Writer};
use super::journal::{INBOX_MAX, Journal, JournalReports, JournalRequest, Work};
use super::maintenance::Maintenance;
use super::open_error::SqliteOpenError;
use super::read_pool::{PoolOptions, ReadPool};
use super::room_log::SqliteLog;
use super::sequence::Sequence;
use super::watermark::Watermarks;
use super::webhooks::SqliteWebhookRows;
use super::{accounts, file_state, history, offline_inbox, policy, read_positions, search};
use crate::chat::listed_room::ReadPosition;
use crate::chat::policy::{AuditEntry, Policy};
use crate::chat::room::Snapshot;
use crate::chat::{Epoch, Message, ReceiptMark, RoomName, SearchPosition, Span, StoreFailed, Time, UserName};
use crate::store::open::BackendOptions;
use crate::store::rooms::{ChangesQuery, Found, FoundInRooms, OpenedRoom, Page, PageQuery, Store};
use crate::sync::oneshot;

/// Bytes of the messages that a room opens with, at most.
const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long an answer holds to the question whether the history can be written.
const WRITABLE_FOR: Duration = Duration::from_secs(2);
/// How long the answer to that question may take.
const TRIAL: Duration = Duration::from_secs(1);
/// Reads for joins, pages and the like at the same time, at most; and how long one waits for its place.
const PAGES: PoolOptions = PoolOptions { readers: 4, patience: Duration::from_secs(10), limit: None };
/// The same for searches, which never take a place of the others. A search ends after its limit with what it has found.
const SEARCHES: PoolOptions =
    PoolOptions { readers: 2, patience: Duration::from_secs(2), limit: Some(Duration::from_secs(1)) };

/// See the module.
pub struct SqliteStore {
    /// `None` once closed.
    journal: Mutex<Option<Sender<JournalRequest>>>,
    watermarks: Arc<Watermarks>,
    pages: ReadPool,
    searches: ReadPool,
    /// Whether the history can be written, as far as the journal knows.
    writable: Arc<AtomicBool>,
    /// When that was last asked.
    asked_at: Mutex<Instant>,
    /// Whether a webhook wants to know who enters and leaves rooms.
    movements_wanted: Arc<AtomicBool>,
}

impl SqliteStore {
    /// Opens the history at `location`, and starts the journal. Blocks on the disk.
    ///
    /// # Errors
    /// The file is unchanged.
    pub fn open(location: Location, options: BackendOptions<'_>) -> Result<Self, SqliteOpenError> {
        let BackendOptions { durability, retention, now, on_commit, on_delivery, on_panic, spawn, .. } = options;
        let locked = location.lock()?;
        let Writer { connection, mut checkpoints, writable } = location.open_writer(locked.as_ref(), durability)?;
        let lock = locked.map(|locked| locked.lock);
        let (turns, writable) = (Turns::of(&location), Arc::new(AtomicBool::new(writable)));
        let pool = |options| ReadPool::new(location.clone(), options, turns.clone(), lock.clone());
        let (pages, searches) = (pool(PAGES), pool(SEARCHES));
        // What a server reads next: if that cannot be read, the reason is known here.
        pages.try_read(|connection| {
            policy::policies(connection)?;
            accounts::accounts(connection)?;
            accounts::keys(connection)
        })?;
        let path = location.path().to_owned();
        let no_thread = |error: std::io::Error| SqliteOpenError::Unusable(path.clone(), error.to_string());
        if lock.is_some() {
            let (checkpointer, body) = Checkpointer::new(location.reopen_writer(lock.as_deref(), durability)?);
            spawn("checkpoint", Box::new(body)).map_err(no_thread)?;
            checkpoints.hand_to(checkpointer);
        }
        let watermarks = Arc::new(Watermarks::default());
        let maintenance = Maintenance::new(&connection, retention, now, Arc::clone(&watermarks), checkpoints)
            .map_err(|error| location.open_error(&error))?;
        let connector = Connector { location, durability, lock, writable: Arc::clone(&writable), turns, on_panic };
        let (journal, inbox) = bounded(INBOX_MAX);
        let body = Journal::new(connection, inbox, maintenance, JournalReports { on_commit, on_delivery }, connector);
        spawn("journal", Box::new(move || body.run())).map_err(no_thread)?;
        let (journal, asked_at) = (Mutex::new(Some(journal)), Mutex::new(Instant::now()));
        let movements_wanted = Arc::default();
        Ok(Self { journal, watermarks, pages, searches, writable, asked_at, movements_wanted })
    }

    /// Reads through a connection of the pool.
    ///
    /// # Errors
    /// It cannot be read now.
    pub(super) fn read<T>(&self, query: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreFailed> {
        self.pages.read(query)
    }

    /// Has the journal do `work` in a transaction of its own, and waits until it is committed.
    ///
    /// # Errors
    /// Nothing was written.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreFailed> {
        self.request(work, JournalRequest::Work)
    }

    /// The same, once the marks are stored that the journal has been given before.
    ///
    /// # Errors
    /// Nothing was written.
    pub(super) fn write_behind_marks<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreFailed> {
        self.request(work, JournalRequest::WorkBehindMarks)
    }

    fn request<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        request: impl FnOnce(Work) -> JournalRequest,
    ) -> Result<T, StoreFailed> {
        let journal = self.journal.lock().clone().ok_or(StoreFailed)?;
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let done = work(connection)?;
            Ok(Box::new(move || reply.send(done)))
        });
        journal.send(request(work)).map_err(|_| StoreFailed)?;
        // No answer: the work failed, or the journal is gone.
        answer.wait().map_err(|_| StoreFailed)
    }
}

impl SqliteWebhookRows for SqliteStore {
    type Error = StoreFailed;

    fn read_rows<T>(&self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreFailed> {
        self.read(read)
    }

    fn write_rows<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreFailed> {
        self.write(write)
    }

    fn movements_wanted(&self, wanted: bool) {
        self.movements_wanted.store(wanted, Ordering::Relaxed);
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
        let (watermarks, movements_wanted) = (Arc::clone(&self.watermarks), Arc::clone(&self.movements_wanted));
        let room_log = Box::new(SqliteLog::new(sequence, journal, watermarks, movements_wanted));
        Ok(OpenedRoom { past, marks, policy, elsewhere: Vec::new(), room_log })
    }

    fn page(&self, room: &RoomName, query: PageQuery) -> Result<Option<Page>, StoreFailed> {
        self.read(|connection| history::page(connection, room, query))
    }

    fn changes(&self, room: &RoomName, after: u64, query: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        self.read(|connection| history::changes(connection, room, after, query))
    }

    fn search(&self, room: &RoomName, text: &str, before: u64, count: usize) -> Result<Found, StoreFailed> {
        self.searches.read(|connection| {
            let Some(Sequence { room: Some(id), .. }) = history::sequence(connection, room)? else {
                return Ok(Found { messages: Vec::new(), complete: true });
            };
            in_time(search::search(connection, id, room, text, before, count))
        })
    }

    fn search_rooms(
        &self,
        text: &str,
        before: Option<SearchPosition>,
        count: usize,
        readable: &dyn Fn(&RoomName) -> Option<Time>,
    ) -> Result<FoundInRooms, StoreFailed> {
        self.searches.read(|connection| in_time(search::search_rooms(connection, text, before, count, readable)))
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

    fn conversations(&self, user: &UserName, since: Time, count: usize) -> Result<Vec<RoomName>, StoreFailed> {
        self.read(|connection| read_positions::conversations(connection, user, since, count))
    }

    fn read_positions(&self, user: &UserName, rooms: &[RoomName]) -> Result<Vec<Option<ReadPosition>>, StoreFailed> {
        self.read(|connection| rooms.iter().map(|room| read_positions::of(connection, user, room)).collect())
    }

    fn rooms(&self, count: usize) -> Result<Vec<RoomName>, StoreFailed> {
        self.read(|connection| history::rooms(connection, count))
    }

    fn is_writable(&self) -> bool {
        let is_known = {
            let mut asked_at = self.asked_at.lock();
            let is_known = asked_at.elapsed() < WRITABLE_FOR;
            if !is_known {
                *asked_at = Instant::now();
            }
            is_known
        };
        if is_known || !self.writable.load(Ordering::Relaxed) {
            // A journal that cannot write tries again by itself.
            return self.writable.load(Ordering::Relaxed);
        }
        let (reply, answer) = bounded(1);
        let work: Work = Box::new(move |connection| {
            file_state::touch(connection)?;
            // Nobody waits any more if that took too long.
            Ok(Box::new(move || _ = reply.try_send(())))
        });
        let Some(journal) = self.journal.lock().clone() else { return false };
        journal.try_send(JournalRequest::Work(work)).is_ok() && answer.recv_timeout(TRIAL).is_ok()
    }

    fn close(&self) {
        // The readers first: the last connection to close takes the log into the file, and one that only reads cannot.
        self.pages.close();
        self.searches.close();
        let journal = self.journal.lock().take();
        drop(journal);
    }
}

/// What a search has found; nothing, and not all, when its time was over before it found anything.
fn in_time<T: Default>(found: rusqlite::Result<T>) -> rusqlite::Result<T> {
    match found {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(T::default()),
        found => found,
    }
}

/// The sequence of a room that has no history yet.
fn new_sequence(room: &RoomName) -> Result<Sequence, StoreFailed> {
    let epoch = Epoch(getrandom::u64().map_err(|_| StoreFailed)?);
    Ok(Sequence { room: None, name: room.clone(), epoch: epoch.to_string().into(), newest: 0 })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::thread;

    use super::*;
    use crate::store::rooms::{Durability, Retention};

    /// Opens the history at `location`, with the number of panics that it reports.
    fn open(location: Location) -> (SqliteStore, thread::JoinHandle<()>, Arc<AtomicU64>) {
        let panics = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&panics);
        let mut journal = None;
        let options = BackendOptions {
            bus: None,
            durability: Durability::None,
            retention: Box::new(Retention::default),
            now: Box::new(|| Time(0)),
            on_commit: Box::new(|_| ()),
            on_delivery: Box::new(|| ()),
            on_panic: Box::new(move || _ = counted.fetch_add(1, Ordering::Relaxed)),
            spawn: &mut |_, body| {
                journal = Some(thread::spawn(body));
                Ok(())
            },
        };
        let store = SqliteStore::open(location, options).unwrap();
        (store, journal.unwrap(), panics)
    }

    #[test]
    fn a_panic_in_a_transaction_leaves_nothing_of_it_and_the_journal_goes_on() {
        let name = std::env::temp_dir().join(format!("roomd-panic-{}.db", std::process::id()));
        for data in [":memory:", name.to_str().unwrap()] {
            let (store, journal, panics) = open(Location::parse(data).unwrap());
            let count = |store: &SqliteStore| {
                let sql = "SELECT count(*) FROM names";
                store.read(|connection| connection.query_row(sql, [], |row| row.get::<_, i64>(0)))
            };
            let insert = "INSERT INTO names (likeness, name, since) VALUES (?1, ?1, 0)";
            for number in 1..=3 {
                let panicked = store.write::<()>(move |connection| {
                    connection.execute(insert, ["lost"])?;
                    panic!("a defect in a transaction")
                });
                assert_eq!(panicked, Err(StoreFailed));
                let written = store.write(move |connection| connection.execute(insert, [number.to_string()]));
                assert_eq!((written, count(&store)), (Ok(1), Ok(number)), "{data}");
            }
            assert_eq!(panics.load(Ordering::Relaxed), 3);
            assert!(store.is_writable());
            store.close();
            journal.join().unwrap();
        }
        for suffix in ["", ".lock"] {
            std::fs::remove_file(super::super::file::beside(&name, suffix)).unwrap();
        }
    }
}
