//! Connections that read: a few, lent to connections' threads.
//!
//! Each reader sees the file as it was when its transaction began, and delays no writer. A reader that finds every
//! connection lent waits for one: a read ends by itself, so this is no wait for a client. A lent connection returns
//! when it is dropped, also when the reader panics.

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use super::file::Location;
use super::open_error::SqliteOpenError;
use crate::chat::StoreFailed;

/// Concurrent reads, at most.
const READERS_MAX: usize = 4;

/// See the module.
pub struct ReadPool {
    location: Location,
    /// Returns a connection; `None` stands for one that is not open.
    release: Sender<Option<Connection>>,
    idle: Receiver<Option<Connection>>,
}

/// A connection that is in use, or the right to open one.
struct Lent<'a> {
    pool: &'a ReadPool,
    connection: Option<Connection>,
}

impl ReadPool {
    /// A pool that reads what is at `location`.
    pub fn new(location: Location) -> Self {
        let (release, idle) = bounded(READERS_MAX);
        for _ in 0..READERS_MAX {
            release.try_send(None).expect("the channel has a place for each");
        }
        Self { location, release, idle }
    }

    /// Reads in one transaction: the query sees the history at one moment. Blocks on the disk, and while every
    /// connection is in use.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreFailed> {
        let connection = self.idle.recv().map_err(|_| StoreFailed)?;
        let mut lent = Lent { pool: self, connection };
        lent.read(query).map_err(|error| {
            log::error!(error:%; "history not read");
            StoreFailed
        })
    }

    /// Closes the connections that are idle now.
    pub fn close(&self) {
        let idle: Vec<_> = self.idle.try_iter().collect();
        for _ in idle {
            drop(Lent { pool: self, connection: None });
        }
    }
}

impl Lent<'_> {
    fn read<T>(&mut self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, SqliteOpenError> {
        // While it reads it is not in `self`: neither a failure nor a panic returns a connection that may be broken.
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.pool.location.open_reader()?,
        };
        let answer = transaction(&connection, query).map_err(|error| self.pool.location.open_error(&error))?;
        self.connection = Some(connection);
        Ok(answer)
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
    let answer = query(&transaction)?;
    // Only a search has written, for itself.
    transaction.rollback()?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_read_that_panics_costs_no_connection() {
        let pool = ReadPool::new(Location::parse(":memory:").unwrap());
        for _ in 0..=READERS_MAX {
            let panicked = catch_unwind(AssertUnwindSafe(|| pool.read::<()>(|_| panic!("a defect in a query"))));
            assert!(panicked.is_err());
        }
        assert_eq!(pool.read(|connection| connection.query_row("SELECT 7", [], |row| row.get(0))), Ok(7));
    }
}
