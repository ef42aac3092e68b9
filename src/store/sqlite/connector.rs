//! What the journal needs beside its connection: another connection when the first one has failed, the lock, and where
//! its state is told to others.
//!
//! Made by `store.rs`, used on the journal's thread alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use rusqlite::Connection;

use super::file::Location;
use super::lock::Lock;
use super::open_error::SqliteOpenError;
use crate::store::rooms::Durability;

/// The turn of readers and of the journal in a history in memory. There SQLite lets either of them in, and has the other
/// ask again and again; here they wait for each other in order. A file has none: its log keeps them apart.
#[derive(Clone, Debug, Default)]
pub struct Turns(Option<Arc<RwLock<()>>>);

impl Turns {
    /// Those of the history at `location`.
    pub fn of(location: &Location) -> Self {
        Self(matches!(location, Location::Memory(_)).then(Arc::default))
    }

    /// Reads beside other readers until it is dropped.
    pub fn shared(&self) -> Option<RwLockReadGuard<'_, ()>> {
        self.0.as_deref().map(RwLock::read)
    }

    /// Writes alone until it is dropped.
    pub fn exclusive(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        self.0.as_deref().map(RwLock::write)
    }
}

/// See the module.
pub struct Connector {
    /// The history.
    pub location: Location,
    /// How durable what is written through its connections is.
    pub durability: Durability,
    /// `None`: a history in memory.
    pub lock: Option<Arc<Lock>>,
    /// Whether the history can be written, as far as is known.
    pub writable: Arc<AtomicBool>,
    /// The turn of readers and of the journal.
    pub turns: Turns,
    /// Told of a panic that was caught.
    pub on_panic: Box<dyn Fn() + Send>,
}

impl Connector {
    /// Opens another connection.
    ///
    /// # Errors
    /// It cannot be opened now.
    pub fn connect(&self) -> Result<Connection, SqliteOpenError> {
        self.location.reopen_writer(self.lock.as_deref(), self.durability)
    }

    /// See [`Turns::exclusive`].
    pub fn exclusive(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        self.turns.exclusive()
    }

    /// Whether the history can be written, as far as is known.
    pub fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Tells whether the history can be written.
    pub fn set_writable(&self, writable: bool) {
        self.writable.store(writable, Ordering::Relaxed);
    }

    /// Tells of a panic.
    pub fn record_panic(&self) {
        (self.on_panic)();
    }
}
