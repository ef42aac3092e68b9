//! The file that the history is in: found, looked at, and opened, or refused with a sentence.
//!
//! Called at start, and by the commands that work on a file. Nothing is ever replaced or repaired
//! here: a file that is damaged, foreign or newer stays as it is, and the sentence says what to do.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::lock::{Lock, LockError};
use super::schema::{self, FileKind, VERSION};
use super::search_index::TAIL;
use crate::store::Durability;

/// What is said for a database that lives and dies with the process.
pub const IN_MEMORY: &str = ":memory:";

/// How long one connection waits for another that is at work in another process.
pub const BUSY: Duration = Duration::from_secs(2);
/// Bytes of a file up to which the whole of it is checked at start: a second or so on a slow disk.
const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Pages of the write-ahead log after which it is taken into the file.
const CHECKPOINT_PAGES: u32 = 4_000;
/// Bytes to which the write-ahead log is cut when it had to grow beyond.
const LOG_BYTES: u32 = 64 * 1024 * 1024;

/// Where the history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, by its whole path.
    File(PathBuf),
    /// The memory of this process, under a name that all its connections share.
    Memory(String),
}

/// Why a history cannot be opened. Each is a sentence that says what to do.
#[derive(Debug)]
pub enum OpenError {
    /// Another server has it.
    Held(PathBuf, Option<u32>),
    /// A newer program wrote it.
    Newer(PathBuf, usize),
    /// Another program wrote it.
    Foreign(PathBuf),
    /// It is no database any more.
    Damaged(PathBuf, String),
    /// An older program wrote it, and no server of this version has had it yet.
    Older(PathBuf),
    /// There is none.
    Missing(PathBuf),
    /// The system does not let us: the disk, the rights, the kind of file system, a thread.
    Unusable(PathBuf, String),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held(path, holder) => {
                write!(f, "{} is in use by another roomd", path.display())?;
                holder.map_or(Ok(()), |process| write!(f, " (process {process})"))?;
                f.write_str(": stop that one, or name another file with --data")
            }
            Self::Newer(path, version) => write!(
                f,
                "{} was written by a newer roomd (version {version} of the schema, and this one knows {VERSION}): \
                 run that one, or name another file with --data",
                path.display()
            ),
            Self::Foreign(path) => {
                write!(f, "{} is a database of another program: name another file with --data", path.display())
            }
            Self::Damaged(path, what) => write!(
                f,
                "{} is damaged ({what}): move it away together with its -wal file and put a backup in its place, or \
                 start with an empty history by naming another file with --data; nothing was changed",
                path.display()
            ),
            Self::Older(path) => {
                write!(
                    f,
                    "{} was written by an older roomd: start the server once, which brings it up to date",
                    path.display()
                )
            }
            Self::Missing(path) => write!(f, "there is no file {}: name it with --data", path.display()),
            Self::Unusable(path, what) => write!(f, "cannot use {}: {what}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {}

impl Location {
    /// The place that `data` names; a relative path begins in the working directory.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn named(data: &str) -> Result<Self, OpenError> {
        if data == IN_MEMORY {
            let drawn = getrandom::u64().map_err(|error| OpenError::Unusable(data.into(), error.to_string()))?;
            return Ok(Self::Memory(format!("file:/roomd-{drawn:016x}?vfs=memdb")));
        }
        // SQLite keeps its log beside what a link leads to; the lock belongs there too.
        let path = Path::new(data);
        let unusable = |error: io::Error| OpenError::Unusable(path.to_owned(), error.to_string());
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

    /// Its name in sentences.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Memory(_) => Path::new(IN_MEMORY),
        }
    }

    /// Takes the lock of the one who writes, where others could reach it. Does not wait.
    ///
    /// # Errors
    /// Another has it, or it cannot be had.
    pub fn lock(&self) -> Result<Option<Lock>, OpenError> {
        let Self::File(path) = self else { return Ok(None) };
        Lock::take(path).map(Some).map_err(|error| match error {
            LockError::Held(holder) => OpenError::Held(path.clone(), holder),
            LockError::Io(name, error) => OpenError::Unusable(name, error.to_string()),
        })
    }

    /// Opens it for the one who writes; makes it if it is not there, and brings it to our version.
    ///
    /// # Errors
    /// It is not ours to use, or cannot be used.
    pub fn open(&self, durability: Durability) -> Result<Connection, OpenError> {
        self.make()?;
        let mut connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // A file that is refused is not written to, not even with what its own log holds.
        let leave_log = |leave| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave);
        leave_log(true).map_err(|error| self.refusal(&error))?;
        let version = self.judge(&connection)?;
        leave_log(false).map_err(|error| self.refusal(&error))?;
        self.prepare(&mut connection, durability, version).map_err(|error| self.refusal(&error))?;
        Ok(connection)
    }

    /// Opens it for one who only reads. It is there, and of our version.
    ///
    /// # Errors
    /// As `open`.
    pub fn read(&self) -> Result<Connection, OpenError> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.set_prepared_statement_cache_capacity(32);
        // What a search puts there is for its own moment.
        let temporary = format!("PRAGMA temp_store = MEMORY; {TAIL}");
        connection.execute_batch(&temporary).map_err(|error| self.refusal(&error))?;
        Ok(connection)
    }

    /// Makes the file if it is not there: whole, under another name, and then gives it its own. So a
    /// file that is empty has lost what was in it, and is not taken for a new one.
    fn make(&self) -> Result<(), OpenError> {
        let Self::File(path) = self else { return Ok(()) };
        if path.exists() {
            return Ok(());
        }
        let unusable = |error: io::Error| OpenError::Unusable(path.clone(), error.to_string());
        let log = beside(path, "-wal");
        if log.exists() {
            let what = format!("it is gone, but its log {} is there", log.display());
            return Err(OpenError::Damaged(path.clone(), what));
        }
        let draft = beside(path, ".new");
        for left in [draft.clone(), beside(&draft, "-journal")] {
            match std::fs::remove_file(left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
                _ => {}
            }
        }
        // What people say is for nobody else to read.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(unusable)?;
        Connection::open_with_flags(&draft, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .and_then(|mut connection| schema::migrate(&mut connection, 0))
            .map_err(|error| self.refusal(&error))?;
        std::fs::rename(&draft, path).map_err(unusable)?;
        let directory = path.parent().unwrap_or(Path::new("/"));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(unusable)
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection, OpenError> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match self {
            Self::File(path) => Connection::open_with_flags(path, flags),
            // The first to come makes it.
            Self::Memory(name) => Connection::open_with_flags(
                name,
                OpenFlags::SQLITE_OPEN_READ_WRITE
                    | OpenFlags::SQLITE_OPEN_CREATE
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX
                    | OpenFlags::SQLITE_OPEN_URI,
            ),
        };
        opened.and_then(tuned).map_err(|error| self.refusal(&error))
    }

    /// Opens it for a command, beside a server or without one.
    ///
    /// # Errors
    /// As `open`; and there is none, or it is not of our version.
    pub fn visit(&self, access: OpenFlags) -> Result<Connection, OpenError> {
        let connection = self.connect(access)?;
        match schema::nature(&connection).map_err(|error| self.refusal(&error))? {
            FileKind::Ours(VERSION) => Ok(connection),
            FileKind::Ours(version) if version < VERSION => Err(OpenError::Older(self.path().to_owned())),
            _ => self.judge(&connection).map(|_| connection),
        }
    }

    /// The version of a file that is ours, or empty: then 0.
    fn judge(&self, connection: &Connection) -> Result<usize, OpenError> {
        match schema::nature(connection).map_err(|error| self.refusal(&error))? {
            FileKind::Empty if matches!(self, Self::Memory(_)) => Ok(0),
            // What we make is never empty: see `make`.
            FileKind::Empty => Err(OpenError::Damaged(self.path().to_owned(), "it is empty".to_owned())),
            FileKind::Foreign => Err(OpenError::Foreign(self.path().to_owned())),
            FileKind::Ours(version) if version > VERSION => Err(OpenError::Newer(self.path().to_owned(), version)),
            FileKind::Ours(version) => {
                self.check(connection)?;
                Ok(version)
            }
        }
    }

    /// The whole of a small file; of a great one its header, its length and its table of rooms. The
    /// rest of a great one is for `roomd check`.
    fn check(&self, connection: &Connection) -> Result<(), OpenError> {
        let small = match self {
            Self::File(path) => std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES_MAX),
            Self::Memory(_) => return Ok(()),
        };
        let sql = if small { "PRAGMA quick_check(1)" } else { "PRAGMA quick_check(rooms)" };
        let verdict = connection.query_row(sql, [], |row| row.get::<_, String>(0));
        match verdict.map_err(|error| self.refusal(&error))? {
            verdict if verdict == "ok" => Ok(()),
            verdict => {
                let what = verdict.trim_start_matches("*** in database main ***").trim().replace('\n', " ");
                Err(OpenError::Damaged(self.path().to_owned(), what))
            }
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

    /// What an error at the opening means.
    pub fn refusal(&self, error: &rusqlite::Error) -> OpenError {
        let path = self.path().to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::Damaged(path, "it is not a database".to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged(path, "its pages do not fit together".to_owned()),
            Some(ErrorCode::CannotOpen) if !path.exists() => OpenError::Missing(path),
            _ => OpenError::Unusable(path, error.to_string()),
        }
    }
}

/// Waits for another process that is at work; and plans a statement once, whatever is bound to it.
fn tuned(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// A file beside another, of its name and more.
pub fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}
