//! The administration of a history in SQLite: each command opens the file, does one thing and closes it.
//!
//! Runs beside the server that writes the file, or without one; only an import needs the file to itself. What each
//! command does is a file of its own: `export.rs`, `import.rs`, `backup.rs`, `check.rs`, `retention.rs`, `accounts.rs`.

use std::io::{BufRead, Write};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::file::Location;
use super::import::ExportReader;
use super::open_error::SqliteOpenError;
use super::{accounts, backup, check, export, retention};
use crate::chat::{RoomName, Time, UserName};
use crate::store::accounts::ServerKey;
use crate::store::administration::{
    Administration, AdministrationError, ExportStart, Findings, Imported, PreparedToken, RetentionChange,
    RetentionOverride,
};
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
        let _lock = self.location.lock()?;
        let mut connection = self.location.open_writer(Durability::Fsync)?;
        let transaction = connection.transaction()?;
        let imported = export.import(&transaction)?;
        transaction.commit()?;
        Ok(imported)
    }

    fn backup(&self, to: &Path) -> Result<u64, AdministrationError> {
        // Before the history is opened: the copy's name is the likelier mistake.
        backup::check_target(to)?;
        backup::backup(&self.reader()?, to)
    }

    fn check(&self) -> Result<Findings, AdministrationError> {
        Ok(check::check(&self.reader()?)?)
    }

    fn retain(&self, room: &RoomName, change: RetentionChange) -> Result<RetentionOverride, AdministrationError> {
        self.write(|transaction| retention::change_override(transaction, room, change))
    }

    fn keys(&self) -> Result<Vec<ServerKey>, AdministrationError> {
        Ok(accounts::keys(&self.reader()?)?)
    }

    fn rotate_keys(&self, key: &ServerKey) -> Result<usize, AdministrationError> {
        self.write(|transaction| Ok(accounts::rotate_keys(transaction, key)?))
    }

    fn prepare_token(&self, user: &UserName, now: Time, until: Time) -> Result<PreparedToken, AdministrationError> {
        self.write(|transaction| accounts::prepare_token(transaction, user, now, until))
    }
}
