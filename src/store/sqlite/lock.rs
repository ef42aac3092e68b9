//! One server per file: a lock file beside the history, held for as long as the server has it open.
//!
//! It is an advisory lock of the whole of a small file `….lock`, not SQLite's own exclusive mode, so that commands can
//! read the database while a server runs. The kernel releases it when the process ends, however it ends; the file
//! stays, since removing it would race with the next server.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::file::beside;

/// Held by the one process that may open the history as a server does.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Why the lock cannot be taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it; its process id, if that could be read.
    Held(Option<u32>),
    /// The lock file cannot be created or locked.
    Io(PathBuf, io::Error),
}

impl Lock {
    /// Takes the lock of the database at `path`. Does not wait.
    ///
    /// # Errors
    /// Another process has it, or it cannot be taken at all.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let name = beside(path, ".lock");
        let failed = |error| LockError::Io(name.clone(), error);
        let mut options = OpenOptions::new();
        // Not truncated: it holds the process id of the holder.
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&name).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // The process id only makes the sentence better.
                _ = file.read_to_string(&mut text);
                return Err(LockError::Held(text.trim().parse().ok()));
            }
            Err(error) => return Err(failed(error.into())),
        }
        // A full disk must not stop a server that would only read: the process id is a courtesy.
        _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave it to a child that this process has just forked, until the child executes another
        // program. If this fails, closing follows.
        _ = flock(&self.file, FlockOperation::Unlock);
    }
}
