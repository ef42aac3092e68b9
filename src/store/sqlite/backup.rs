//! `roomd backup`: a copy of the whole history as it was at one moment, while the server runs.
//!
//! SQLite's online backup in one step: it reads in one transaction, which the write-ahead log allows beside the writer.
//! In several steps each write in between would restart it. The copy is marked as one,
//! and gets its name once it is complete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::file::beside;
use super::file_state::{self, FileState};
use crate::store::administration::AdministrationError;

/// Refuses a target that exists.
///
/// # Errors
/// It exists.
pub fn check_target(to: &Path) -> Result<(), AdministrationError> {
    // Also a link that leads nowhere: it would be replaced.
    if to.symlink_metadata().is_ok() {
        let sentence = format!("{} is there already: name another file", to.display());
        return Err(AdministrationError::Refused(sentence));
    }
    Ok(())
}

/// Copies the history to `to`; returns its size in bytes. Blocks on the disk.
///
/// # Errors
/// There is no copy.
pub fn backup(source: &Connection, to: &Path) -> Result<u64, AdministrationError> {
    let failed = |error| AdministrationError::Io(format!("{} could not be written", to.display()), error);
    let partial = beside(to, ".partial");
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(failed)?;
    let copied = copy(source, &partial).and_then(mark);
    if copied.is_err() {
        // It is of no use, and the error that matters is the other one.
        _ = fs::remove_file(&partial);
    }
    copied?;
    let size = fs::metadata(&partial).map_err(failed)?.len();
    // Never over something that has appeared meanwhile.
    fs::hard_link(&partial, to).map_err(failed)?;
    fs::remove_file(&partial).map_err(failed)?;
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(size)
}

/// Copies a history to a file that exists and is empty.
///
/// # Errors
/// There is no copy.
pub fn copy(source: &Connection, partial: &Path) -> Result<Connection, AdministrationError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(partial, flags)?;
    let done = Backup::new(source, &mut copy)?.step(-1)?;
    match done {
        StepResult::Done => Ok(copy),
        other => Err(AdministrationError::Refused(format!("the history could not be read to its end: {other:?}"))),
    }
}

/// Marks a copy, so that the next server knows that it is none of the states that it has seen, and closes it.
///
/// # Errors
/// It is not marked.
pub fn mark(copy: Connection) -> Result<(), AdministrationError> {
    file_state::write(&copy, &FileState { id: file_state::draw()?, copied: true, open_at: None })?;
    copy.close().map_err(|(_, error)| error.into())
}
