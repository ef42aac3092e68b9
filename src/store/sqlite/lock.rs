//! One server per file: advisory locks on the database itself and on a small file `….lock` beside it, held for as long
//! as the server has it open.
//!
//! The lock on the file itself holds whatever path leads to it: two hard links are one file. The one beside it is taken
//! first, so that two servers do not create one file at once; it also has the process id of its holder, and what
//! `file_state.rs` remembers of the history. They are advisory locks, not SQLite's own exclusive mode, so that commands
//! can read the database while a server runs. The kernel releases them when the process ends, however it ends; the file
//! `….lock` stays, since removing it would race with the next server.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::file::beside;
use super::file_state::StateRecord;
use crate::store::administration::ServerProcess;

/// Bytes of the file `….lock`: less than a page, and always as many, so that a write of it is whole or has not happened.
const NOTE_BYTES: usize = 512;

/// The lock of a path: nobody else creates, opens or replaces what is there as a server does.
#[derive(Debug)]
pub struct PathLock {
    path: PathBuf,
    note: File,
    /// What the last server left.
    record: StateRecord,
}

/// Held by the one process that may open the history as a server does.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// The file `….lock`.
    note: File,
    /// The database. It stays open until SQLite has closed it: the kernel gives up all of a process's locks on a file,
    /// SQLite's too, as soon as one descriptor of it is closed.
    database: File,
}

/// Why the lock cannot be taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it; its process id, if that could be read.
    Held(Option<u32>),
    /// This file cannot be opened or locked.
    Io(PathBuf, io::Error),
}

impl PathLock {
    /// Takes the lock of a path, whether or not a database is there. Does not wait.
    ///
    /// # Errors
    /// Another process has it, or it cannot be taken at all.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let name = beside(path, ".lock");
        let failed = |error| LockError::Io(name.clone(), error);
        let mut options = OpenOptions::new();
        // Not truncated: it holds what the last holder wrote.
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut note = options.open(&name).map_err(failed)?;
        let mut text = Vec::new();
        let read = (&mut note).take(4 * NOTE_BYTES as u64).read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        match flock(&note, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockError::Held(holder(&text))),
            Err(error) => return Err(failed(error.into())),
        }
        read.map_err(failed)?;
        Ok(Self { path: path.to_owned(), note, record: StateRecord::parse(&text) })
    }

    /// What the last server left, of whatever file was there.
    pub fn record(&self) -> &StateRecord {
        &self.record
    }

    /// Forgets what the last server left: the next one takes what it finds for another state.
    ///
    /// # Errors
    /// It is not forgotten.
    pub fn forget(&self) -> io::Result<()> {
        write_note(&self.note, &StateRecord::Unknown)?;
        self.note.sync_all()
    }

    /// Takes the lock of the database itself, which exists. Does not wait.
    ///
    /// # Errors
    /// Another process has it, by another path, or it cannot be taken at all.
    pub fn lock_database(self) -> Result<(Lock, StateRecord), LockError> {
        let Self { path, note, record } = self;
        let failed = |error| LockError::Io(path.clone(), error);
        let database = File::open(&path).map_err(failed)?;
        match flock(&database, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockError::Held(None)),
            Err(error) => return Err(failed(error.into())),
        }
        // A full disk must not hide why the file is refused: here the process id is a courtesy. Whoever writes to the
        // database writes the record too, and then it is none.
        _ = write_note(&note, &record);
        Ok((Lock { path, note, database }, record))
    }
}

impl Lock {
    /// Keeps a record for the next server. With `durable` it is on the disk.
    ///
    /// # Errors
    /// It is not kept.
    pub fn write(&self, record: &StateRecord, durable: bool) -> io::Result<()> {
        write_note(&self.note, record)?;
        if durable { self.note.sync_data() } else { Ok(()) }
    }

    /// The number of the file in its file system: that of its inode.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn inode(&self) -> io::Result<u64> {
        Ok(self.database.metadata()?.ino())
    }

    /// The path by which it was locked.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to the file that is locked.
    pub fn is_in_place(&self) -> bool {
        let known = |data: std::fs::Metadata| (data.dev(), data.ino());
        let here = std::fs::metadata(&self.path).map(known);
        here.is_ok_and(|here| self.database.metadata().map(known).is_ok_and(|held| held == here))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave it to a child that this process has just forked, until the child executes another
        // program. If this fails, closing follows.
        _ = flock(&self.database, FlockOperation::Unlock);
        _ = flock(&self.note, FlockOperation::Unlock);
    }
}

/// The process that holds the lock whose file `….lock` this is; `None`: nobody does. Does not wait, and is no obstacle to
/// others who ask; a server that starts in this moment would find the lock held.
///
/// # Errors
/// The file cannot be read, or does not name the process.
pub fn holder_of(name: &Path) -> io::Result<Option<ServerProcess>> {
    let mut note = match File::open(name) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match flock(&note, FlockOperation::NonBlockingLockShared) {
        // It goes with the descriptor.
        Ok(()) => return Ok(None),
        Err(rustix::io::Errno::WOULDBLOCK) => {}
        Err(error) => return Err(error.into()),
    }
    let mut text = String::new();
    (&mut note).take(NOTE_BYTES as u64).read_to_string(&mut text)?;
    let id = holder(&text).ok_or_else(|| io::Error::other("it does not name the process that holds it"))?;
    Ok(Some(ServerProcess { id, lock: name.to_owned() }))
}

/// The process id in the file `….lock`.
fn holder(text: &str) -> Option<u32> {
    text.lines().next()?.trim().parse().ok()
}

fn write_note(note: &File, record: &StateRecord) -> io::Result<()> {
    let mut text = format!("{}\n{record}", std::process::id());
    let padding = NOTE_BYTES.saturating_sub(text.len());
    text.extend(std::iter::repeat_n('\n', padding));
    note.write_all_at(text.as_bytes(), 0)?;
    note.set_len(text.len() as u64)
}
