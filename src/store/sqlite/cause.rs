//! What an error of SQLite says about its cause: which operation the system has refused.
//!
//! SQLite's own sentence ("disk I/O error") leaves out what was tried; its extended code has it. Used wherever an error
//! is logged or printed. Pure.

use rusqlite::{Error, ErrorCode, ffi};

/// What was tried when an extended code of SQLite is returned.
const TRIED: [(i32, &str); 20] = [
    (ffi::SQLITE_IOERR_READ, "reading"),
    (ffi::SQLITE_IOERR_SHORT_READ, "reading, where the file ended too early"),
    (ffi::SQLITE_IOERR_CORRUPTFS, "reading, which the device or the file system refused"),
    (ffi::SQLITE_IOERR_DATA, "reading"),
    (ffi::SQLITE_IOERR_WRITE, "writing"),
    (ffi::SQLITE_IOERR_FSYNC, "waiting for the disk (fsync)"),
    (ffi::SQLITE_IOERR_DIR_FSYNC, "waiting for the disk (fsync of the directory)"),
    (ffi::SQLITE_IOERR_TRUNCATE, "cutting a file"),
    (ffi::SQLITE_IOERR_FSTAT, "asking for the size of a file"),
    (ffi::SQLITE_IOERR_LOCK, "locking"),
    (ffi::SQLITE_IOERR_RDLOCK, "locking"),
    (ffi::SQLITE_IOERR_UNLOCK, "unlocking"),
    (ffi::SQLITE_IOERR_DELETE, "deleting a file"),
    (ffi::SQLITE_IOERR_ACCESS, "looking for a file"),
    (ffi::SQLITE_IOERR_SHMOPEN, "opening the -shm file"),
    (ffi::SQLITE_IOERR_SHMSIZE, "enlarging the -shm file"),
    (ffi::SQLITE_IOERR_SHMLOCK, "locking the -shm file"),
    (ffi::SQLITE_IOERR_SHMMAP, "mapping the -shm file"),
    (ffi::SQLITE_IOERR_MMAP, "mapping the file"),
    (ffi::SQLITE_IOERR_NOMEM, "getting memory"),
];

/// The error in words, with what was tried where SQLite tells.
pub fn cause(error: &Error) -> String {
    let Some(code) = error.sqlite_error().map(|error| error.extended_code) else { return error.to_string() };
    match TRIED.iter().find(|(known, _)| *known == code) {
        Some((_, tried)) => format!("{error} while {tried}"),
        None if code & 0xff == code => error.to_string(),
        None => format!("{error} (code {code} of SQLite)"),
    }
}

/// Whether the disk, the file or the system has failed, and not what was asked for.
pub fn is_of_the_file(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::DiskFull
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseBusy
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// Whether another connection to the file may succeed where this one has failed.
pub fn may_pass_on_another_connection(error: &Error) -> bool {
    is_of_the_file(error) && !matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_was_tried() {
        let error = |code| Error::SqliteFailure(ffi::Error::new(code), Some("disk I/O error".to_owned()));
        assert_eq!(cause(&error(ffi::SQLITE_IOERR_READ)), "disk I/O error while reading");
        assert_eq!(cause(&error(ffi::SQLITE_IOERR_FSYNC)), "disk I/O error while waiting for the disk (fsync)");
        assert_eq!(cause(&error(ffi::SQLITE_IOERR)), "disk I/O error");
        assert_eq!(cause(&error(ffi::SQLITE_IOERR | 99 << 8)), "disk I/O error (code 25354 of SQLite)");
        assert!(is_of_the_file(&error(ffi::SQLITE_IOERR_READ)) && !is_of_the_file(&error(ffi::SQLITE_CONSTRAINT)));
    }
}
