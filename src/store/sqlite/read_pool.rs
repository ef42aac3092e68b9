//! The connections that read: a few, lent to whoever asks, on the asker's own thread.
//!
//! Each sees the file as it was when its transaction began, and none delays the one who writes. Who
//! finds them all lent out waits for one: a reading ends by itself, so that is no wait for a client.

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use super::file::{Location, OpenError};
use crate::chat::StoreFailed;

/// Readings at one time, at most.
const READERS: usize = 4;

/// See the module.
pub struct Pool {
    site: Location,
    /// `None` stands for a connection that nobody needed yet.
    idle: (Sender<Option<Connection>>, Receiver<Option<Connection>>),
}

impl Pool {
    /// A pool that reads what is at `site`.
    pub fn new(site: Location) -> Self {
        let idle = bounded(READERS);
        for _ in 0..READERS {
            idle.0.try_send(None).expect("the channel was made with a place for each");
        }
        Self { site, idle }
    }

    /// Reads, in one transaction: all that `query` reads was so at one moment. Blocks on the disk,
    /// and while all connections are in use.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreFailed> {
        let lent = self.idle.1.recv().map_err(|_| StoreFailed)?;
        let connection = match lent.map_or_else(|| self.site.read(), Ok) {
            Ok(connection) => connection,
            Err(error) => return self.give_up(&error),
        };
        match transaction(&connection, query) {
            Ok(answer) => {
                self.give_back(Some(connection));
                Ok(answer)
            }
            // Another connection may see better.
            Err(error) => self.give_up(&self.site.refusal(&error)),
        }
    }

    /// Closes those that nobody uses now.
    pub fn close(&self) {
        let idle: Vec<_> = self.idle.1.try_iter().collect();
        for _ in idle {
            self.give_back(None);
        }
    }

    fn give_up<T>(&self, error: &OpenError) -> Result<T, StoreFailed> {
        log::error!(error:%; "history not read");
        self.give_back(None);
        Err(StoreFailed)
    }

    fn give_back(&self, connection: Option<Connection>) {
        self.idle.0.try_send(connection).expect("the channel has a place for each that was lent");
    }
}

fn transaction<T>(
    connection: &Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let answer = query(&transaction)?;
    // Nothing was written but what a search needed for itself.
    transaction.rollback()?;
    Ok(answer)
}
