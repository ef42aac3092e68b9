//! Connections for those who read, and for short writes that need no journal.
//!
//! Used on connections' and rooms' threads. A connection is opened when somebody needs it and none is free, up to a bound;
//! beyond it a caller waits for one, at most for the pool's patience. What is read is read once more on a fresh
//! connection when the first turns out to be broken; what is written is not.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio_postgres::Config;

use super::link::{DatabaseLink, LinkError};
use crate::chat::StoreFailed;

/// See the module.
pub struct Pool {
    config: Config,
    /// Places; a free one may have a connection.
    free: (Sender<Option<DatabaseLink>>, Receiver<Option<DatabaseLink>>),
    patience: Duration,
    /// After which time the database stops a statement; `None`: the usual time.
    limit: Option<Duration>,
}

impl Pool {
    /// A pool of at most `size` connections.
    pub fn new(config: Config, size: usize, patience: Duration, limit: Option<Duration>) -> Self {
        let free = bounded(size);
        (0..size).for_each(|_| free.0.send(None).expect("it has a place for each"));
        Self { config, free, patience, limit }
    }

    /// Reads, twice if need be.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn read<T>(&self, read: impl Fn(&mut DatabaseLink) -> Result<T, LinkError>) -> Result<T, StoreFailed> {
        self.with(|link| match read(link) {
            Err(error) if error.is_in_doubt() => {
                *link = self.connect()?;
                read(link)
            }
            done => done,
        })
    }

    /// Writes, once.
    ///
    /// # Errors
    /// Nothing was written, or that is in doubt.
    pub fn write<T>(&self, write: impl FnOnce(&mut DatabaseLink) -> Result<T, LinkError>) -> Result<T, StoreFailed> {
        self.with(write)
    }

    /// Closes the connections that nobody uses.
    pub fn close(&self) {
        for _ in 0..self.free.1.len() {
            if let Ok(link) = self.free.1.try_recv() {
                drop(link);
                // Its place: there was one.
                _ = self.free.0.try_send(None);
            }
        }
    }

    fn connect(&self) -> Result<DatabaseLink, LinkError> {
        let mut link = DatabaseLink::open(&self.config)?;
        if let Some(limit) = self.limit {
            link.limit(limit)?;
        }
        Ok(link)
    }

    fn with<T>(&self, work: impl FnOnce(&mut DatabaseLink) -> Result<T, LinkError>) -> Result<T, StoreFailed> {
        let mut place = Place { pool: self, link: self.free.1.recv_timeout(self.patience).map_err(|_| StoreFailed)? };
        let link = match place.link.take().filter(|link| !link.is_lost()) {
            Some(link) => Ok(link),
            None => self.connect(),
        };
        let done = link.and_then(|link| work(place.link.insert(link)));
        done.map_err(|error| {
            log::warn!(error:%; "the database was asked in vain");
            StoreFailed
        })
    }
}

/// A place that somebody uses; it is free again when it is dropped.
struct Place<'a> {
    pool: &'a Pool,
    link: Option<DatabaseLink>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // After a panic nobody knows what the connection is in the middle of.
        let link = self.link.take().filter(|link| !link.is_lost() && !std::thread::panicking());
        _ = self.pool.free.0.try_send(link);
    }
}
