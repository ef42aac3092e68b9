//! The SQLite backend: a history in a file or in memory, written by one thread, read by a few connections.
//!
//! Brokers send drafts to `journal.rs` through their room logs and wait; readers borrow a connection from
//! `read_pool.rs` on their own threads. The journal's thread is started at the opening, and ends when the store is
//! closed and the last room log is dropped. Channels: the journal's inbox (bounded; a broker that finds it full waits)
//! and a oneshot per request. No lock is held while waiting for either.

mod accounts;
mod backup;
mod bookmarks;
mod cause;
mod check;
mod checkpoint;
mod checkpointer;
mod connector;
mod data_file;
mod deliveries;
mod devices;
mod erasure;
mod export;
mod file;
mod file_state;
mod history;
mod hooks;
mod import;
mod insert_buffer;
mod integrity;
mod invitations;
mod journal;
mod last_values;
mod lock;
mod maintenance;
mod message_key;
mod offline_inbox;
mod open_error;
mod policy;
mod read_pool;
mod read_positions;
mod restore;
mod retention;
mod room_lags;
mod room_log;
mod row;
mod schema;
mod schema_steps;
mod search;
mod search_index;
mod sequence;
mod server;
mod store;
mod watermark;
mod webhooks;

use std::sync::Arc;

pub use file::IN_MEMORY;
pub use open_error::SqliteOpenError;

use self::data_file::DataFile;
use self::file::Location;
use self::store::SqliteStore;
use self::webhooks::SqliteWebhooks;
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
    let (rooms, accounts, hooks) = (Arc::clone(&store) as _, Arc::clone(&store) as _, Arc::clone(&store) as _);
    let server = Arc::clone(&store) as _;
    let webhooks = Arc::new(SqliteWebhooks(store));
    Ok(Backend { rooms, accounts, hooks, webhooks: Some(webhooks), server, administration })
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
