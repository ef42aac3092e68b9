//! `roomd restore`: a backup is put in the place of the history, and what was there is kept under another name.
//!
//! The copy is complete, checked and marked before anything changes, and it takes the place of the history in one step:
//! at each moment either of them is there. The mark has the next server begin new epochs (`file_state.rs`). A file that
//! is in its place already, because it was copied there by hand, is marked where it is.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::SystemTime;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::backup;
use super::cause::cause;
use super::file::{Location, beside, lock_error};
use super::file_state::{self, StateRecord};
use super::lock::{Lock, PathLock};
use super::open_error::SqliteOpenError;
use super::schema::{self, FileKind, VERSION};
use crate::chat::Time;
use crate::store::administration::{AdministrationError, Restored};
use crate::store::columns::time;

/// Puts the history of `from` at `path`, which `location` names. Blocks on the disk.
///
/// # Errors
/// The history is as it was.
pub fn restore(location: &Location, path: &Path, from: &Path) -> Result<Restored, AdministrationError> {
    let unread = |error| AdministrationError::Io(format!("cannot read {}", from.display()), error);
    let source = fs::metadata(from).map_err(unread)?;
    let lock = PathLock::take(path).map_err(|error| lock_error(path, error))?;
    let identity = |data: &fs::Metadata| (data.dev(), data.ino());
    let there = fs::metadata(path).ok();
    let suffix = format!(".replaced-{}", name_of(Time::from(SystemTime::now())));
    if there.as_ref().is_some_and(|there| identity(there) == identity(&source)) {
        let in_place = lock.record().clone();
        return mark_in_place(location, path, lock, &in_place, &suffix);
    }
    let fresh = beside(path, ".restored");
    let restored = copy_checked(from, &fresh).inspect_err(|_| remove_all(&fresh))?;
    let kept = there.as_ref().map(|_| beside(path, &suffix));
    replace(path, lock, &fresh, there.as_ref(), &beside(path, &suffix)).inspect_err(|_| remove_all(&fresh))?;
    Ok(Restored { path: path.to_owned(), kept, ..restored })
}

/// Gives the complete copy `fresh` the place of the history, whose file gets the name `kept`.
fn replace(
    path: &Path,
    lock: PathLock,
    fresh: &Path,
    there: Option<&fs::Metadata>,
    kept: &Path,
) -> Result<(), AdministrationError> {
    let failed = |what: &Path| {
        let what = format!("{} could not be written", what.display());
        move |error| AdministrationError::Io(what, error)
    };
    let note = beside(path, ".lock");
    // From here on the file without its log is another state, should this end half way.
    let _held = match there {
        None => {
            lock.forget().map_err(failed(&note))?;
            Held::Path(lock)
        }
        Some(there) => {
            // Another server may have it by another path.
            let (held, _) = lock.lock_database().map_err(|error| lock_error(path, error))?;
            // The one who serves it can read it as before; where that is not allowed, the next start says so.
            _ = std::os::unix::fs::chown(fresh, Some(there.uid()), Some(there.gid()));
            _ = fs::set_permissions(fresh, fs::Permissions::from_mode(there.mode() & 0o777));
            fs::hard_link(path, kept).map_err(failed(kept))?;
            held.write(&StateRecord::Unknown, true).map_err(failed(&note))?;
            Held::Database(held)
        }
    };
    let log = beside(path, "-wal");
    if log.exists() {
        let to = beside(kept, "-wal");
        fs::rename(&log, &to).map_err(failed(&to))?;
    }
    // An index of that log; SQLite makes it anew.
    _ = fs::remove_file(beside(path, "-shm"));
    fs::rename(fresh, path).map_err(failed(path))?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed(directory))
}

/// Keeps servers away until it is dropped.
enum Held {
    #[expect(dead_code, reason = "it is only dropped")]
    Path(PathLock),
    #[expect(dead_code, reason = "it is only dropped")]
    Database(Lock),
}

/// Copies, brings up to date, checks and marks the backup.
fn copy_checked(from: &Path, fresh: &Path) -> Result<Restored, AdministrationError> {
    remove_all(fresh);
    let what = format!("{} could not be written", fresh.display());
    let create = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh);
    create.map_err(|error| AdministrationError::Io(what, error))?;
    let source = open_source(from)?;
    let version = match schema::identify(&source).map_err(|error| Location::File(from.to_owned()).open_error(&error))? {
        FileKind::Ours(version) if version <= VERSION => version,
        FileKind::Ours(version) => return Err(SqliteOpenError::Newer(from.to_owned(), version).into()),
        FileKind::Empty => return Err(SqliteOpenError::Damaged(from.to_owned(), "it is empty".to_owned()).into()),
        FileKind::Foreign => return Err(SqliteOpenError::Foreign(from.to_owned()).into()),
    };
    let mut copy = backup::copy(&source, fresh)?;
    drop(source);
    let damaged = |what| SqliteOpenError::Damaged(from.to_owned(), what);
    schema::migrate(&mut copy, version).map_err(|error| damaged(cause(&error)))?;
    check(&copy).map_err(damaged)?;
    let restored = describe(&copy, from)?;
    backup::mark(copy)?;
    Ok(restored)
}

/// Opens a backup to read it. One without a log is read as it is: nothing is created beside it.
fn open_source(from: &Path) -> Result<Connection, AdministrationError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let has_log = fs::metadata(beside(from, "-wal")).is_ok_and(|log| log.len() > 0);
    let absolute = from.canonicalize();
    let absolute =
        absolute.map_err(|error| AdministrationError::Io(format!("cannot read {}", from.display()), error))?;
    let opened = match has_log {
        true => Connection::open_with_flags(&absolute, flags),
        false => Connection::open_with_flags(file_state::immutable(&absolute), flags),
    };
    opened.map_err(|error| Location::File(from.to_owned()).open_error(&error).into())
}

/// The file is in its place already: it is marked, and a log that is not its own is moved away.
fn mark_in_place(
    location: &Location,
    path: &Path,
    lock: PathLock,
    record: &StateRecord,
    suffix: &str,
) -> Result<Restored, AdministrationError> {
    let (held, _) = lock.lock_database().map_err(|error| lock_error(path, error))?;
    let failed =
        |what: &Path, error| AdministrationError::Io(format!("{} could not be written", what.display()), error);
    let mut kept_log = None;
    if location.has_foreign_log(&held, record)? {
        let to = beside(&beside(path, suffix), "-wal");
        held.write(&StateRecord::Unknown, true).map_err(|error| failed(&beside(path, ".lock"), error))?;
        fs::rename(beside(path, "-wal"), &to).map_err(|error| failed(&to, error))?;
        _ = fs::remove_file(beside(path, "-shm"));
        kept_log = Some(to);
    }
    let connection = location.open_beside(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    check(&connection).map_err(|what| SqliteOpenError::Damaged(path.to_owned(), what))?;
    let restored = describe(&connection, path)?;
    backup::mark(connection)?;
    held.write(&StateRecord::Unknown, true).map_err(|error| failed(&beside(path, ".lock"), error))?;
    Ok(Restored { kept_log, ..restored })
}

/// Checks all of a history; an error is the first thing that is wrong with it.
fn check(history: &Connection) -> Result<(), String> {
    let findings = super::check::check(history).map_err(|error| cause(&error))?;
    findings.problems.into_iter().next().map_or(Ok(()), Err)
}

/// What is in the history.
fn describe(connection: &Connection, path: &Path) -> Result<Restored, AdministrationError> {
    let count = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
    let newest = "SELECT at FROM history ORDER BY at DESC LIMIT 1";
    let newest: Option<i64> = connection.query_row(newest, [], |row| row.get(0)).optional()?;
    Ok(Restored {
        path: path.to_owned(),
        rooms: count("SELECT count(*) FROM rooms WHERE ended = 0")?,
        messages: count("SELECT count(*) FROM history")?,
        newest: newest.map(time),
        kept: None,
        kept_log: None,
    })
}

/// A time as a part of a file's name.
fn name_of(at: Time) -> String {
    at.to_string().chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Removes a copy that is of no use, with what SQLite keeps beside it.
fn remove_all(fresh: &Path) {
    for path in [fresh.to_owned(), beside(fresh, "-wal"), beside(fresh, "-shm"), beside(fresh, "-journal")] {
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!(file:% = path.display(), error:%; "file not removed");
        }
    }
}
