//! `roomd backup`: a copy of the whole history as it was at one moment, while the server runs.
//!
//! SQLite's online backup in one step: the copy reads in one transaction, which the log lets it do
//! beside the one who writes. In several steps each write in between would make it begin anew. The copy
//! gets its name when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::data_file::{DataFile, DataFileError};
use super::file::beside;

impl DataFile {
    /// Copies the history to `to`, where nothing is yet; returns its size in bytes. Blocks on the disk.
    ///
    /// # Errors
    /// There is no copy.
    pub fn backup(&self, to: &Path) -> Result<u64, DataFileError> {
        let failed = |error| DataFileError::Io(format!("{} could not be written", to.display()), error);
        if to.exists() {
            return Err(DataFileError::Refused(format!("{} is there already: name another file", to.display())));
        }
        let source = self.site.visit(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let draft = beside(to, ".partial");
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
        let copied = copy(&source, &draft);
        if copied.is_err() {
            // It is of no use, and the error that matters is the other.
            _ = fs::remove_file(&draft);
        }
        copied?;
        let size = fs::metadata(&draft).map_err(failed)?.len();
        fs::rename(&draft, to).map_err(failed)?;
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(size)
    }
}

fn copy(source: &Connection, draft: &Path) -> Result<(), DataFileError> {
    let mut copy =
        Connection::open_with_flags(draft, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let backup = Backup::new(source, &mut copy)?;
    match backup.step(-1)? {
        StepResult::Done => Ok(()),
        other => Err(DataFileError::Refused(format!("the history could not be read to its end: {other:?}"))),
    }
}
