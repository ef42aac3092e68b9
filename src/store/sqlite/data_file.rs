//! The administration of a history in SQLite: each command opens the file, does one thing and closes it.
//!
//! Runs beside the server that writes the file, or without one; only an import and a restore need the file to themselves. What each
//! command does is a file of its own: `export.rs`, `import.rs`, `backup.rs`, `restore.rs`, `check.rs`, `retention.rs`, `accounts.rs`.

use std::io::{BufRead, Write};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::file::{Location, Writer, beside};
use super::open_error::SqliteOpenError;
use super::webhooks::{SqliteWebhookRows, SqliteWebhooks};
use super::{accounts, backup, check, export, hooks, import, lock, restore, retention};
use crate::chat::hook::{Hook, HookDigest, NewHook};
use crate::chat::{RoomName, Time, UserName};
use crate::store::accounts::ServerKey;
use crate::store::administration::{
    Administration, AdministrationError, ExportStart, Findings, Imported, PreparedToken, Restored, RetentionChange,
    RetentionOverride, ServerProcess, WebhookAdministration,
};
use crate::store::cluster::Cluster;
use crate::store::export_reader::ExportReader;
use crate::store::rooms::Durability;

/// See the module.
pub struct DataFile {
    location: Location,
}

impl From<SqliteOpenError> for AdministrationError {
    fn from(error: SqliteOpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<rusqlite::Error> for AdministrationError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl DataFile {
    /// The administration of the history at `location`.
    pub fn new(location: Location) -> Self {
        Self { location }
    }

    fn reader(&self) -> Result<Connection, SqliteOpenError> {
        self.location.open_beside(OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    /// Does `work` in one transaction, beside the server's.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, AdministrationError>,
    ) -> Result<T, AdministrationError> {
        let mut connection = self.location.open_beside(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

impl Administration for DataFile {
    fn export(&self, room: &RoomName, start: ExportStart, out: &mut dyn Write) -> Result<u64, AdministrationError> {
        export::export(&self.reader()?, room, start, out)
    }

    fn import(&self, input: &mut dyn BufRead) -> Result<Imported, AdministrationError> {
        let export = ExportReader::open(input)?;
        if let Location::Memory(_) = self.location {
            let sentence = "cannot import into a history in memory: its server has it open";
            return Err(AdministrationError::Unsupported(sentence.to_owned()));
        }
        let locked = self.location.lock()?;
        let Writer { mut connection, mut checkpoints, .. } =
            self.location.open_writer(locked.as_ref(), Durability::Fsync)?;
        let imported = import_whole(export, &mut connection);
        checkpoints.finish(&mut connection)?;
        imported
    }

    fn backup(&self, to: &Path) -> Result<u64, AdministrationError> {
        // Before the history is opened: the copy's name is the likelier mistake.
        backup::check_target(to)?;
        backup::backup(&self.reader()?, to)
    }

    fn restore(&self, from: &Path) -> Result<Restored, AdministrationError> {
        match &self.location {
            Location::File(path) => restore::restore(&self.location, path, from),
            Location::Memory(_) => {
                let sentence = "cannot restore a history in memory: its server has it open";
                Err(AdministrationError::Unsupported(sentence.to_owned()))
            }
        }
    }

    fn cluster(&self) -> Result<Cluster, AdministrationError> {
        let sentence = "a file has one server: several have a database together, --data postgres://...";
        Err(AdministrationError::Unsupported(sentence.to_owned()))
    }

    fn server(&self) -> Result<Option<ServerProcess>, AdministrationError> {
        let Location::File(path) = &self.location else {
            let sentence = "the server of a history in memory cannot be found: send it SIGHUP or SIGTERM";
            return Err(AdministrationError::Unsupported(sentence.to_owned()));
        };
        let name = beside(path, ".lock");
        lock::holder_of(&name)
            .map_err(|error| AdministrationError::Io(format!("cannot read {}", name.display()), error))
    }

    fn check(&self) -> Result<Findings, AdministrationError> {
        Ok(check::check(&self.reader()?)?)
    }

    fn retain(&self, room: &RoomName, change: RetentionChange) -> Result<RetentionOverride, AdministrationError> {
        self.write(|transaction| Ok(retention::change_override(transaction, room, change)?))
    }

    fn keys(&self) -> Result<Vec<ServerKey>, AdministrationError> {
        Ok(accounts::keys(&self.reader()?)?)
    }

    fn rotate_keys(&self, key: &ServerKey) -> Result<usize, AdministrationError> {
        self.write(|transaction| Ok(accounts::rotate_keys(transaction, key)?))
    }

    fn revoke_key(&self, kid: &str) -> Result<bool, AdministrationError> {
        self.write(|transaction| Ok(accounts::remove_key(transaction, kid)?))
    }

    fn add_hook(&self, hook: &NewHook, digest: &HookDigest) -> Result<Option<u64>, AdministrationError> {
        self.write(|transaction| Ok(hooks::add(transaction, hook, digest)?))
    }

    fn hooks(&self, room: &RoomName) -> Result<Vec<Hook>, AdministrationError> {
        Ok(hooks::of_room(&self.reader()?, room)?)
    }

    fn revoke_hook(&self, room: &RoomName, number: u64, at: Time) -> Result<bool, AdministrationError> {
        self.write(|transaction| Ok(hooks::revoke(transaction, room, number, None, at)?))
    }

    fn webhooks(&self) -> Result<WebhookAdministration<'_>, AdministrationError> {
        Ok(Box::new(SqliteWebhooks(self)))
    }

    fn prepare_token(&self, user: &UserName, now: Time, until: Time) -> Result<PreparedToken, AdministrationError> {
        self.write(|transaction| accounts::prepare_token(transaction, user, now, until))
    }
}

impl SqliteWebhookRows for DataFile {
    type Error = AdministrationError;

    fn read_rows<T>(&self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, AdministrationError> {
        Ok(read(&self.reader()?)?)
    }

    fn write_rows<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, AdministrationError> {
        self.write(|transaction| Ok(write(transaction)?))
    }

    /// The server beside it finds out by itself.
    fn movements_wanted(&self, _: bool) {}
}

/// Imports all of it, or nothing.
fn import_whole(export: ExportReader<'_>, connection: &mut Connection) -> Result<Imported, AdministrationError> {
    let transaction = connection.transaction()?;
    let imported = import::import(export, &transaction)?;
    transaction.commit()?;
    Ok(imported)
}
