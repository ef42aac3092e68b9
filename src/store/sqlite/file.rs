//! The file of a history: located, identified and opened, or refused with a sentence.
//!
//! Called at start, and by the commands that work on a file. It never replaces or repairs a file: one that is damaged,
//! foreign or newer stays as it is, and the sentence says what to do.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::cause::cause;
use super::checkpoint::{Checkpoints, Extent, checkpoint};
use super::file_state::{self, FoundFile, KnownState, NEW, Serving, StateRecord, Verdict};
use super::integrity::Integrity;
use super::lock::{Lock, LockError, PathLock};
use super::open_error::SqliteOpenError;
use super::schema::{self, FileKind, VERSION, VERSION_WITH_STATE};
use super::search::TAIL;
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
/// How long a start waits for commands that read a file which it migrates.
const READERS: Duration = Duration::from_secs(2);
/// Links that lead to a file that does not exist yet, at most; as many as Linux follows.
const LINKS_MAX: usize = 40;
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
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::File(missing(path).map_err(unusable)?)),
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

    /// Takes the lock of the one server, where other processes could reach the history, and creates the file if there
    /// is none. Does not wait.
    ///
    /// # Errors
    /// Another server has it, or it cannot be taken.
    pub fn lock(&self) -> Result<Option<LockedFile>, SqliteOpenError> {
        let Self::File(path) = self else { return Ok(None) };
        let failed = |error| lock_error(path, error);
        let of_path = PathLock::take(path).map_err(failed)?;
        self.create()?;
        let (lock, record) = of_path.lock_database().map_err(failed)?;
        Ok(Some(LockedFile { lock: Arc::new(lock), record }))
    }

    /// Opens it for the one who writes; migrates it to our version, and has its rooms begin new epochs if it was
    /// restored. What fails is tried once more on a fresh connection: one failed read says nothing about the file.
    ///
    /// # Errors
    /// It is not ours, or cannot be used.
    pub fn open_writer(&self, locked: Option<&LockedFile>, durability: Durability) -> Result<Writer, SqliteOpenError> {
        self.try_open_writer(locked, durability).or_else(|error| {
            let opened = self.try_open_writer(locked, durability);
            if opened.is_ok() {
                log::warn!(error = error.what(); "one attempt to open the history failed, and the next one did not");
            }
            opened.map_err(SqliteOpenError::twice)
        })
    }

    fn try_open_writer(&self, locked: Option<&LockedFile>, durability: Durability) -> Result<Writer, SqliteOpenError> {
        let judged = locked.map(|locked| self.judge(&locked.lock, &locked.record)).transpose()?;
        let verdict = judged.unwrap_or(Verdict::Continues);
        if verdict == Verdict::ForeignLog {
            return Err(SqliteOpenError::ForeignLog(self.path().to_owned()));
        }
        let mut connection = self.connect_to_write()?;
        // A refused file is not written to, not even with what its own log holds.
        let leave_log = |leave| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave);
        leave_log(true).map_err(|error| self.open_error(&error))?;
        let version = self.accepted_version(&connection)?;
        leave_log(false).map_err(|error| self.open_error(&error))?;
        let checkpoints = self.prepare(&mut connection, durability, version).and_then(|()| match locked {
            None => Ok((Checkpoints::none(), true)),
            Some(locked) => begin_state(&mut connection, locked, verdict, version, durability),
        });
        let (checkpoints, writable) = checkpoints.map_err(|error| self.write_error(&error))?;
        Ok(Writer { connection, checkpoints, writable })
    }

    /// Opens it once more for the one who writes, while it is locked: the first connection does not work any more.
    ///
    /// # Errors
    /// Another file is in its place, or it cannot be used.
    pub fn reopen_writer(&self, lock: Option<&Lock>, durability: Durability) -> Result<Connection, SqliteOpenError> {
        if lock.is_some_and(|lock| !lock.is_in_place()) {
            return Err(SqliteOpenError::Replaced(self.path().to_owned()));
        }
        let mut connection = self.connect_to_write()?;
        self.prepare(&mut connection, durability, VERSION).map_err(|error| self.write_error(&error))?;
        Ok(connection)
    }

    /// Connects, but not to a file that can only be read: SQLite would do with that and say nothing, also when one
    /// attempt to open it has failed for another reason.
    fn connect_to_write(&self) -> Result<Connection, SqliteOpenError> {
        for _ in 0..2 {
            let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            if !connection.is_readonly("main").map_err(|error| self.open_error(&error))? {
                return Ok(connection);
            }
        }
        let path = self.path().to_owned();
        let denied = rustix::fs::access(&path, rustix::fs::Access::WRITE_OK).err();
        let what = denied.map_or("the system opens it for reading only".to_owned(), |error| error.to_string());
        Err(SqliteOpenError::Unwritable(path, what))
    }

    /// Whether the file is the one that was served last, in its last state.
    fn judge(&self, lock: &Lock, record: &StateRecord) -> Result<Verdict, SqliteOpenError> {
        let path = self.path();
        let unusable = |error: io::Error| SqliteOpenError::Unusable(path.to_owned(), error.to_string());
        let log = log_bytes(path).map_err(unusable)?;
        let inode = lock.inode().map_err(unusable)?;
        let file = match file_state::read_file(path) {
            Ok(file) => file,
            Err(error)
                if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) =>
            {
                // A checkpoint that was interrupted leaves such a file, and its log has what is missing. If it is not
                // that, it is refused in a moment, with the reason.
                return Ok(Verdict::Continues);
            }
            Err(error) => return Err(self.open_error(&error)),
        };
        let log_elsewhere = file.as_ref().and_then(|file| file.open_at.as_deref()).map(Path::new);
        if let Some(other) = log_elsewhere.filter(|other| *other != path)
            && log_bytes(other).is_ok_and(|bytes| bytes > Some(0))
            && std::fs::metadata(other).map_or(true, |there| there.ino() == inode)
        {
            return Err(SqliteOpenError::LogElsewhere(path.to_owned(), beside(other, "-wal")));
        }
        let boot = Serving::now(Durability::None).boot;
        Ok(file_state::judge(record, &FoundFile { file, log, inode, boot: &boot }))
    }

    /// Whether the log beside the file belongs to another state of it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn has_foreign_log(&self, lock: &Lock, record: &StateRecord) -> Result<bool, SqliteOpenError> {
        Ok(self.judge(lock, record)? == Verdict::ForeignLog)
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

    /// Creates the file if it does not exist: complete under another name, and named then. So an empty file is one that
    /// has lost its content, not a new one.
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
        // Never over something that has appeared meanwhile.
        std::fs::hard_link(&fresh, path).map_err(unusable)?;
        std::fs::remove_file(&fresh).map_err(unusable)?;
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
        let was_there = log_bytes(self.path()).is_ok_and(|bytes| bytes.is_some());
        let connection = self.connect(access)?;
        // The log of a server that was killed belongs to the next one.
        let left = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, was_there);
        left.map_err(|error| self.open_error(&error))?;
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
        // Checkpoints are made in `checkpoint.rs`.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        Checkpoints::watch(connection);
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
            Some(ErrorCode::CannotOpen) => {
                // SQLite keeps the reason to itself; the system may tell it again.
                let denied = rustix::fs::access(&path, rustix::fs::Access::READ_OK).err();
                let what = denied.map_or_else(|| cause(error), |denied| format!("{} ({denied})", cause(error)));
                SqliteOpenError::Unusable(path, what)
            }
            _ => SqliteOpenError::Unusable(path, cause(error)),
        }
    }

    /// What an error of SQLite means that came from the first write.
    fn write_error(&self, error: &rusqlite::Error) -> SqliteOpenError {
        match (self.open_error(error), error.sqlite_error_code()) {
            (SqliteOpenError::Unusable(path, what), Some(ErrorCode::ReadOnly | ErrorCode::DiskFull)) => {
                SqliteOpenError::Unwritable(path, what)
            }
            (SqliteOpenError::Unusable(path, what), Some(ErrorCode::CannotOpen)) => {
                let directory = path.parent().unwrap_or(Path::new("/"));
                let denied = rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).err();
                let denied = denied.map_or(String::new(), |error| format!(" ({}: {error})", directory.display()));
                SqliteOpenError::Unwritable(path, format!("{what}, the log beside it{denied}"))
            }
            (other, _) => other,
        }
    }
}

/// What a lock that cannot be taken means for the history at `path`.
pub fn lock_error(path: &Path, error: LockError) -> SqliteOpenError {
    match error {
        LockError::Held(holder) => SqliteOpenError::Held(path.to_owned(), holder),
        LockError::Io(name, error) => SqliteOpenError::Unusable(name, error.to_string()),
    }
}

/// A file that one server may write, before it is opened.
pub struct LockedFile {
    /// The locks.
    pub lock: Arc<Lock>,
    /// What the last server left.
    pub record: StateRecord,
}

/// What writes a history.
pub struct Writer {
    /// The connection.
    pub connection: Connection,
    /// The checkpoints that are to be made through it.
    pub checkpoints: Checkpoints,
    /// Whether it could be written; otherwise the disk is full.
    pub writable: bool,
}

/// Has the history enter a new state, so that what is served from now on is told from any copy that was made before;
/// and, if it was restored, its rooms begin new epochs. It is the first write: a file that cannot be written is noticed
/// here. `false`: nothing was written, since the disk is full.
fn begin_state(
    connection: &mut Connection,
    locked: &LockedFile,
    verdict: Verdict,
    version: usize,
    durability: Durability,
) -> rusqlite::Result<(Checkpoints, bool)> {
    let durable = durability == Durability::Fsync;
    let error = |error: io::Error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    if version < VERSION_WITH_STATE {
        // The file must have an id before the record names one.
        if let Verdict::Restored(_) = verdict {
            locked.lock.write(&StateRecord::Unknown, true).map_err(error)?;
        }
        if !checkpoint(connection, Extent::All(READERS))? {
            let message = "another program reads it while it is brought up to date; try again".to_owned();
            return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(5), Some(message)));
        }
    }
    let id = match version < VERSION_WITH_STATE {
        true => NEW.to_owned(),
        false => file_state::read(connection)?.map_or(NEW.to_owned(), |state| state.id),
    };
    let inode = locked.lock.inode().map_err(error)?;
    let mut ids = match &locked.record {
        StateRecord::Known(known) if verdict == Verdict::Continues => known.ids.clone(),
        _ => Vec::new(),
    };
    ids.retain(|known| *known != id);
    ids.push(id);
    let mut checkpoints = Checkpoints::new(Arc::clone(&locked.lock), KnownState { ids, inode, serving: None }, durable);
    checkpoints.serve(Serving::now(durability));
    let entered = checkpoints.enter_next_state(connection, |history| match verdict {
        Verdict::Restored(_) => file_state::begin_new_epochs(history),
        Verdict::Continues | Verdict::ForeignLog => Ok(0),
    });
    let rooms = match entered {
        // The journal recovers by itself when there is space again, and until then the history can be read.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) && verdict == Verdict::Continues => {
            log::error!("the disk is full: the history can be read, and messages are refused until there is space");
            return Ok((checkpoints, false));
        }
        entered => entered?,
    };
    if let Verdict::Restored(reason) = verdict {
        log::warn!(rooms; "the file was restored ({reason}): its rooms begin new epochs, and clients read afresh");
    }
    match checkpoints.run(connection, Extent::All(Duration::ZERO)) {
        // What is in the log is served from there.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
            log::error!("the disk is full: the log could not be taken into the history");
            Ok((checkpoints, false))
        }
        taken => taken.map(|_| (checkpoints, true)),
    }
}

/// The path of a file that does not exist, behind all links that lead to it.
fn missing(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).canonicalize()?;
        let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
        let place = directory.join(name);
        match std::fs::read_link(&place) {
            // A relative target begins where the link is.
            Ok(target) => path = directory.join(target),
            Err(_) => return Ok(place),
        }
    }
    Err(io::Error::other("too many links lead to it"))
}

/// Bytes of the log beside the file; `None` when there is none.
fn log_bytes(path: &Path) -> io::Result<Option<u64>> {
    match std::fs::metadata(beside(path, "-wal")) {
        Ok(log) => Ok(Some(log.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path of a file beside another: its name with a suffix.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
