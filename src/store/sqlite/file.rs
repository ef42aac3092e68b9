//! The file of a history: located, identified and opened, or refused with a sentence.
//!
//! Called at start, and by the commands that work on a file. It never replaces or repairs a file: one that is damaged,
//! foreign or newer stays as it is, and the sentence says what to do.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::integrity::Integrity;
use super::lock::{Lock, LockError};
use super::open_error::SqliteOpenError;
use super::schema::{self, FileKind, VERSION};
use super::search_index::TAIL;
use crate::store::rooms::Durability;

/// Names a history that lasts as long as the process.
pub const IN_MEMORY: &str = ":memory:";

/// How long a connection to a file waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(2);
/// How long a connection to a history in memory waits for a lock. There readers and the journal exclude each other, and
/// no other process can hold it: the wait is as long as a transaction.
const BUSY_IN_MEMORY: Duration = Duration::from_secs(60);
/// Bytes of a file up to which all of it is checked at start: a second or so on a slow disk.
const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Pages of the write-ahead log after which it is taken into the file.
const CHECKPOINT_PAGES: u32 = 4_000;
/// Bytes to which the write-ahead log is cut when it had to grow beyond.
const LOG_BYTES: u32 = 64 * 1024 * 1024;

/// Where a history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, by its absolute path.
    File(PathBuf),
    /// The memory of this process, under a name that its connections share.
    Memory(String),
}

impl Location {
    /// The location that `data` names; a relative path begins in the working directory.
    ///
    /// # Errors
    /// The directory does not exist.
    pub fn parse(data: &str) -> Result<Self, SqliteOpenError> {
        if data == IN_MEMORY {
            let drawn = getrandom::u64().map_err(|error| SqliteOpenError::Unusable(data.into(), error.to_string()))?;
            return Ok(Self::Memory(format!("file:/roomd-{drawn:016x}?vfs=memdb")));
        }
        // SQLite keeps its log beside the target of a link; the lock belongs there too.
        let path = Path::new(data);
        let unusable = |error: io::Error| SqliteOpenError::Unusable(path.to_owned(), error.to_string());
        match path.canonicalize() {
            Ok(path) => Ok(Self::File(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = path.file_name().ok_or_else(|| unusable(error))?;
                let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
                let directory = directory.unwrap_or(Path::new(".")).canonicalize().map_err(unusable)?;
                Ok(Self::File(directory.join(name)))
            }
            Err(error) => Err(unusable(error)),
        }
    }

    /// What messages call it.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Memory(_) => Path::new(IN_MEMORY),
        }
    }

    /// Takes the lock of the one server, where other processes could reach the history. Does not wait.
    ///
    /// # Errors
    /// Another server has it, or it cannot be taken.
    pub fn lock(&self) -> Result<Option<Lock>, SqliteOpenError> {
        let Self::File(path) = self else { return Ok(None) };
        Lock::take(path).map(Some).map_err(|error| match error {
            LockError::Held(holder) => SqliteOpenError::Held(path.clone(), holder),
            LockError::Io(name, error) => SqliteOpenError::Unusable(name, error.to_string()),
        })
    }

    /// Opens it for the journal; creates it if it does not exist, and migrates it to our version.
    ///
    /// # Errors
    /// It is not ours, or cannot be used.
    pub fn open_writer(&self, durability: Durability) -> Result<Connection, SqliteOpenError> {
        self.create()?;
        let mut connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // A refused file is not written to, not even with what its own log holds.
        let leave_log = |leave| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave);
        leave_log(true).map_err(|error| self.open_error(&error))?;
        let version = self.accepted_version(&connection)?;
        leave_log(false).map_err(|error| self.open_error(&error))?;
        self.prepare(&mut connection, durability, version).map_err(|error| self.open_error(&error))?;
        Ok(connection)
    }

    /// Opens it for a reader of the pool. It exists, in our version.
    ///
    /// # Errors
    /// As `open_writer`.
    pub fn open_reader(&self) -> Result<Connection, SqliteOpenError> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.set_prepared_statement_cache_capacity(32);
        // A search keeps its own index there.
        let temporary = format!("PRAGMA temp_store = MEMORY; {TAIL}");
        connection.execute_batch(&temporary).map_err(|error| self.open_error(&error))?;
        Ok(connection)
    }

    /// Creates the file if it does not exist: complete under another name, and renamed then. So an empty file is one
    /// that has lost its content, not a new one.
    fn create(&self) -> Result<(), SqliteOpenError> {
        let Self::File(path) = self else { return Ok(()) };
        let unusable = |error: io::Error| SqliteOpenError::Unusable(path.clone(), error.to_string());
        if path.try_exists().map_err(unusable)? {
            return Ok(());
        }
        let log = beside(path, "-wal");
        if log.exists() {
            let what = format!("it is gone, but its log {} is there", log.display());
            return Err(SqliteOpenError::Damaged(path.clone(), what));
        }
        let fresh = beside(path, ".new");
        for left in [fresh.clone(), beside(&fresh, "-journal")] {
            match std::fs::remove_file(left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
                _ => {}
            }
        }
        // Only the server's own user may read messages.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(unusable)?;
        Connection::open_with_flags(&fresh, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .and_then(|mut connection| schema::migrate(&mut connection, 0))
            .map_err(|error| self.open_error(&error))?;
        std::fs::rename(&fresh, path).map_err(unusable)?;
        let directory = path.parent().unwrap_or(Path::new("/"));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(unusable)
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection, SqliteOpenError> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match self {
            Self::File(path) => Connection::open_with_flags(path, flags),
            // The first connection creates it.
            Self::Memory(name) => Connection::open_with_flags(
                name,
                OpenFlags::SQLITE_OPEN_READ_WRITE
                    | OpenFlags::SQLITE_OPEN_CREATE
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX
                    | OpenFlags::SQLITE_OPEN_URI,
            ),
        };
        opened.and_then(|connection| self.configure(connection)).map_err(|error| self.open_error(&error))
    }

    /// Opens it for a command, beside a server or without one.
    ///
    /// # Errors
    /// As `open_writer`; or it does not exist, or is not of our version.
    pub fn open_beside(&self, access: OpenFlags) -> Result<Connection, SqliteOpenError> {
        let connection = self.connect(access)?;
        match schema::identify(&connection).map_err(|error| self.open_error(&error))? {
            FileKind::Ours(VERSION) => Ok(connection),
            FileKind::Ours(version) if version < VERSION => Err(SqliteOpenError::Older(self.path().to_owned())),
            _ => self.accepted_version(&connection).map(|_| connection),
        }
    }

    /// The version of a file that is ours; 0 for a new history in memory.
    fn accepted_version(&self, connection: &Connection) -> Result<usize, SqliteOpenError> {
        match schema::identify(connection).map_err(|error| self.open_error(&error))? {
            FileKind::Empty if matches!(self, Self::Memory(_)) => Ok(0),
            // A file that we create is never empty: see `create`.
            FileKind::Empty => Err(SqliteOpenError::Damaged(self.path().to_owned(), "it is empty".to_owned())),
            FileKind::Foreign => Err(SqliteOpenError::Foreign(self.path().to_owned())),
            FileKind::Ours(version) if version > VERSION => {
                Err(SqliteOpenError::Newer(self.path().to_owned(), version))
            }
            FileKind::Ours(version) => {
                self.check(connection)?;
                Ok(version)
            }
        }
    }

    /// Checks all of a small file; of a large one its header, its length and its table of rooms. The rest of a large
    /// file is for `roomd check`.
    fn check(&self, connection: &Connection) -> Result<(), SqliteOpenError> {
        let Self::File(path) = self else { return Ok(()) };
        let unusable = |what: String| SqliteOpenError::Unusable(path.clone(), what);
        let bytes = std::fs::metadata(path).map_err(|error| unusable(error.to_string()))?.len();
        let sql = if bytes <= CHECKED_BYTES_MAX { "PRAGMA quick_check(1)" } else { "PRAGMA quick_check(rooms)" };
        let result = connection.query_row(sql, [], |row| row.get::<_, String>(0));
        match Integrity::of(&result.map_err(|error| self.open_error(&error))?) {
            Integrity::Intact => Ok(()),
            Integrity::Unreadable(what) => Err(unusable(what)),
            Integrity::Damaged(what) => Err(SqliteOpenError::Damaged(path.clone(), what)),
        }
    }

    fn prepare(&self, connection: &mut Connection, durability: Durability, version: usize) -> rusqlite::Result<()> {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
        if mode != "wal" && matches!(self, Self::File(_)) {
            let message = "its file system cannot hold a write-ahead log".to_owned();
            return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(1), Some(message)));
        }
        let synchronous = match durability {
            Durability::Fsync => "FULL",
            Durability::Os => "NORMAL",
            Durability::None => "OFF",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        // What is deleted is overwritten.
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
        connection.set_prepared_statement_cache_capacity(64);
        schema::migrate(connection, version)
    }

    /// Has the connection wait for a lock, and plan a statement once, whatever is bound to it.
    fn configure(&self, connection: Connection) -> rusqlite::Result<Connection> {
        let timeout = match self {
            Self::File(_) => BUSY,
            Self::Memory(_) => BUSY_IN_MEMORY,
        };
        connection.busy_timeout(timeout)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(connection)
    }

    /// What an error of SQLite means for the history.
    pub fn open_error(&self, error: &rusqlite::Error) -> SqliteOpenError {
        let path = self.path().to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => SqliteOpenError::Damaged(path, "it is not a database".to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => {
                SqliteOpenError::Damaged(path, "its pages do not fit together".to_owned())
            }
            Some(ErrorCode::CannotOpen) if !path.exists() => SqliteOpenError::Missing(path),
            _ => SqliteOpenError::Unusable(path, error.to_string()),
        }
    }
}

/// The path of a file beside another: its name with a suffix.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
