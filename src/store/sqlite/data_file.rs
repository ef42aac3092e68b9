//! A history's file in the hands of a command: beside the server that writes it, or without one.
//!
//! Each command opens the archive on the main thread, does one thing and ends. What the commands have
//! in common is here; what each does is a file of its own: `export`, `import`, `backup`, `check`.

use std::io;

use rusqlite::{Connection, OpenFlags, params};

use super::file::{IN_MEMORY, Location, OpenError};
use super::retention::RetentionOverride;
use crate::chat::RoomName;

/// See the module.
pub struct DataFile {
    pub(super) site: Location,
}

/// Why a command did not do what it was to do.
#[derive(Debug)]
pub enum DataFileError {
    /// The history cannot be opened.
    Open(OpenError),
    /// There is no such room in it.
    NoRoom(RoomName),
    /// The database failed.
    Database(rusqlite::Error),
    /// What is read from or written to, beside the database, failed.
    Io(String, io::Error),
    /// What was to be imported is not what it should be: the line, and what is wrong with it.
    Line(u64, String),
    /// The rest, as a sentence.
    Refused(String),
}

impl std::fmt::Display for DataFileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::NoRoom(room) => write!(f, "there is no room {room} in the history"),
            Self::Database(error) => write!(f, "the database failed: {error}"),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::Line(line, what) => write!(f, "line {line} {what}; nothing was imported"),
            Self::Refused(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for DataFileError {}

impl From<OpenError> for DataFileError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<rusqlite::Error> for DataFileError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl DataFile {
    /// The history that `data` names, the path of a file.
    ///
    /// # Errors
    /// It names none that a command could reach.
    pub fn named(data: &str) -> Result<Self, DataFileError> {
        if data == IN_MEMORY {
            let sentence =
                format!("{IN_MEMORY} is a history that only its own server can reach: name a file with --data");
            return Err(DataFileError::Refused(sentence));
        }
        Ok(Self { site: Location::named(data)? })
    }

    /// Sets what `change` makes of the room's word on its retention, and returns it. A room that is not
    /// there yet is made, without messages. A server that runs follows it from its next sweep on.
    ///
    /// # Errors
    /// It cannot be written now.
    pub fn retain(
        &self,
        room: &RoomName,
        change: impl FnOnce(&mut RetentionOverride),
    ) -> Result<RetentionOverride, DataFileError> {
        let mut connection = self.site.visit(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let drawn = getrandom::u64().map_err(|error| DataFileError::Refused(error.to_string()))?;
        let epoch = format!("e{drawn:016x}");
        let before = word(&transaction, room)?;
        let mut after = before.unwrap_or_default();
        change(&mut after);
        if after != before.unwrap_or_default() {
            let sql = "INSERT INTO rooms (name, epoch, retain_ms, retain_count) VALUES (?1, ?2, ?3, ?4) \
                       ON CONFLICT (name) DO UPDATE SET retain_ms = ?3, retain_count = ?4";
            transaction.execute(sql, params![room.as_str(), epoch, after.age_ms, after.count])?;
        }
        transaction.commit()?;
        Ok(after)
    }
}

fn word(connection: &Connection, room: &RoomName) -> rusqlite::Result<Option<RetentionOverride>> {
    let sql = "SELECT retain_ms, retain_count FROM rooms WHERE name = ?1";
    let mut statement = connection.prepare(sql)?;
    let found = statement
        .query_map([room.as_str()], |row| Ok(RetentionOverride { age_ms: row.get(0)?, count: row.get(1)? }))?;
    found.last().transpose()
}
