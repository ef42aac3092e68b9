//! The SQLite backend: a history in a file or in memory, written by one thread, read by a few connections.
//!
//! Brokers send drafts to `journal.rs` through their room logs and wait; readers borrow a connection from
//! `read_pool.rs` on their own threads. The journal's thread is started at the opening, and ends when the store is
//! closed and the last room log is dropped. Channels: the journal's inbox (bounded; a broker that finds it full waits)
//! and a oneshot per request. No lock is held while waiting for either.

mod accounts;
mod backup;
mod check;
mod data_file;
mod export;
mod file;
mod history;
mod import;
mod integrity;
mod journal;
mod jsonl;
mod lock;
mod maintenance;
mod message_key;
mod offline_inbox;
mod open_error;
mod policy;
mod read_pool;
mod retention;
mod room_log;
mod row;
mod schema;
mod search_index;
mod sequence;
mod store;
mod watermark;

use std::sync::Arc;

pub use file::IN_MEMORY;
pub use open_error::SqliteOpenError;

use self::data_file::DataFile;
use self::file::Location;
use self::store::SqliteStore;
use super::administration::{Administration, AdministrationError};
use super::open::{Backend, BackendOptions, OpenError};

/// Opens the history in the file at `path`, or in memory, and creates it if there is none. Blocks on the disk.
///
/// # Errors
/// See [`SqliteOpenError`]; the file is unchanged.
pub fn open(path: &str, options: BackendOptions<'_>) -> Result<Backend, OpenError> {
    let location = Location::parse(path)?;
    let store = Arc::new(SqliteStore::open(location.clone(), options)?);
    let administration = Arc::new(DataFile::new(location));
    Ok(Backend { rooms: Arc::clone(&store) as _, accounts: store, administration })
}

/// The administration of the file at `path`, beside the server that has it open or without one.
///
/// # Errors
/// No other process can reach a history in memory, or the directory does not exist.
pub fn administration(path: &str) -> Result<Box<dyn Administration>, AdministrationError> {
    if path == IN_MEMORY {
        let sentence = format!("{IN_MEMORY} is a history that only its own server can reach: name a file with --data");
        return Err(AdministrationError::Refused(sentence));
    }
    Ok(Box::new(DataFile::new(Location::parse(path)?)))
}
