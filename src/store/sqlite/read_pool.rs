//! Connections that read: a few, lent to connections' threads.
//!
//! Each reader sees the file as it was when its transaction began, and delays no writer. A reader that finds every
//! connection lent waits for one, but not forever; a pool may limit how long a read takes. A read that fails is done
//! once more on a fresh connection. A lent connection returns when it is dropped, also when the reader panics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::{Connection, ErrorCode};

use super::cause::{cause, may_pass_on_another_connection};
use super::connector::Turns;
use super::file::Location;
use super::lock::Lock;
use super::open_error::SqliteOpenError;
use crate::chat::StoreFailed;

/// Instructions of SQLite between two looks at the clock: some 10 µs.
const INSTRUCTIONS: i32 = 1_000;

/// The bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolOptions {
    /// Concurrent reads, at most.
    pub readers: usize,
    /// How long a read waits for its connection.
    pub patience: Duration,
    /// After how long a read is interrupted; `None`: it ends by itself.
    pub limit: Option<Duration>,
}

/// See the module.
pub struct ReadPool {
    location: Location,
    options: PoolOptions,
    turns: Turns,
    /// Returns a connection; `None` stands for one that is not open.
    release: Sender<Option<Connection>>,
    idle: Receiver<Option<Connection>>,
    /// The file stays locked, and open, as long as a connection of the pool is.
    _lock: Option<Arc<Lock>>,
}

/// A connection that is in use, or the right to open one.
struct Lent<'a> {
    pool: &'a ReadPool,
    connection: Option<Connection>,
}

impl ReadPool {
    /// A pool that reads what is at `location`.
    pub fn new(location: Location, options: PoolOptions, turns: Turns, lock: Option<Arc<Lock>>) -> Self {
        let (release, idle) = bounded(options.readers);
        for _ in 0..options.readers {
            release.try_send(None).expect("the channel has a place for each");
        }
        Self { location, options, turns, release, idle, _lock: lock }
    }

    /// Reads in one transaction: the query sees the history at one moment. Blocks on the disk, and while every
    /// connection is in use. The query may be asked twice.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn read<T>(&self, query: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreFailed> {
        self.try_read(query).map_err(|error| {
            log::error!(error:%; "history not read");
            StoreFailed
        })
    }

    /// The same, with the reason.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn try_read<T>(&self, query: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, SqliteOpenError> {
        let lent = self.idle.recv_timeout(self.options.patience);
        let connection = lent.map_err(|_| SqliteOpenError::Busy(self.location.path().to_owned()))?;
        let mut lent = Lent { pool: self, connection };
        let was_open = lent.connection.is_some();
        lent.read(&query).or_else(|error| match error {
            ReadError::Query(error) if may_pass_on_another_connection(&error) => {
                log::warn!(error = cause(&error); "a read failed, and is tried once more");
                lent.read(&query).map_err(|error| self.reason(error))
            }
            // An old connection has a file open that is not there any more, or none was opened for want of a descriptor.
            ReadError::Open(_) if !was_open => lent.read(&query).map_err(|error| self.reason(error)),
            other => Err(self.reason(other)),
        })
    }

    fn reason(&self, error: ReadError) -> SqliteOpenError {
        match error {
            ReadError::Open(error) => error,
            ReadError::Query(error) => self.location.open_error(&error),
        }
    }

    /// Closes the connections that are idle now.
    pub fn close(&self) {
        let idle: Vec<_> = self.idle.try_iter().collect();
        for _ in idle {
            drop(Lent { pool: self, connection: None });
        }
    }
}

/// Why a read failed.
enum ReadError {
    /// No connection could be opened.
    Open(SqliteOpenError),
    /// The query failed.
    Query(rusqlite::Error),
}

impl Lent<'_> {
    fn read<T>(&mut self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        let ReadPool { location, turns, options, .. } = self.pool;
        let turn = turns.shared();
        // While it reads it is not in `self`: neither a failure nor a panic returns a connection that may be broken.
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => location.open_reader().map_err(ReadError::Open)?,
        };
        if let Some(limit) = options.limit {
            let ends_at = Instant::now() + limit;
            let is_over = move || Instant::now() >= ends_at;
            connection.progress_handler(INSTRUCTIONS, Some(is_over)).map_err(ReadError::Query)?;
        }
        let answer = transaction(&connection, query);
        drop(turn);
        let is_sound = match &answer {
            Ok(_) => true,
            Err(error) => error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted),
        };
        if is_sound && connection.is_autocommit() {
            self.connection = Some(connection);
        }
        answer.map_err(ReadError::Query)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let returned = self.pool.release.try_send(self.connection.take());
        returned.expect("the channel has a place for each that was lent");
    }
}

fn transaction<T>(
    connection: &Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.unchecked_transaction()?;
    // Only a search has written, for itself; what ends here is rolled back.
    query(&transaction)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    const FEW: PoolOptions = PoolOptions { readers: 2, patience: Duration::from_secs(20), limit: None };

    fn pool(options: PoolOptions) -> ReadPool {
        let location = Location::parse(":memory:").unwrap();
        let turns = Turns::of(&location);
        ReadPool::new(location, options, turns, None)
    }

    #[test]
    fn a_read_has_its_limit_and_the_next_one_its_own() {
        let pool = pool(PoolOptions { limit: Some(Duration::from_millis(1)), ..FEW });
        let endless = "WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n) SELECT max(n) FROM n";
        for _ in 0..=FEW.readers {
            let count = pool.read(|connection| connection.query_row(endless, [], |row| row.get::<_, i64>(0)));
            assert_eq!(count, Err(StoreFailed));
        }
        assert_eq!(pool.read(|connection| connection.query_row("SELECT 7", [], |row| row.get(0))), Ok(7));
    }

    #[test]
    fn a_read_that_fails_once_is_done_again_and_one_that_fails_twice_has_failed() {
        let pool = pool(FEW);
        let disk = || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_READ), None);
        let asked = std::cell::Cell::new(0);
        let failing = |times| {
            asked.set(0);
            pool.read(|_| {
                asked.set(asked.get() + 1);
                if asked.get() <= times { Err(disk()) } else { Ok(asked.get()) }
            })
        };
        assert_eq!((failing(0), failing(1), failing(2)), (Ok(1), Ok(2), Err(StoreFailed)));
        assert_eq!(asked.get(), 2);
        // What was asked for is wrong, and stays so.
        let wrong = pool.read(|connection| {
            asked.set(asked.get() + 1);
            connection.query_row("SELECT nothing", [], |row| row.get::<_, i64>(0))
        });
        assert_eq!((wrong, asked.get()), (Err(StoreFailed), 3));
    }

    #[test]
    fn a_read_does_not_wait_forever_for_its_place() {
        let pool = pool(PoolOptions { readers: 1, patience: Duration::from_millis(1), limit: None });
        let inner = pool.read(|_| Ok(pool.read(|_| Ok(())))).unwrap();
        assert_eq!(inner, Err(StoreFailed));
    }

    #[test]
    fn a_read_that_panics_costs_no_connection() {
        let pool = pool(FEW);
        for _ in 0..=FEW.readers {
            let panicked = catch_unwind(AssertUnwindSafe(|| pool.read::<()>(|_| panic!("a defect in a query"))));
            assert!(panicked.is_err());
        }
        assert_eq!(pool.read(|connection| connection.query_row("SELECT 7", [], |row| row.get(0))), Ok(7));
    }
}
