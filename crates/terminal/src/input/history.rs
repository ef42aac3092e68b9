//! The input history, kept from one conversation to the next.
//!
//! One line an entry, in a file that only its user can read. The keyboard's thread appends to it, and cuts
//! it to the newest lines when a conversation begins. Lines for an encrypted room or for one user are
//! not written. An entry that cannot be written is dropped: the conversation goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Entries, at most.
pub const ENTRIES_MAX: usize = 1_000;
/// Bytes of the file that are read, at most.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// See the module.
pub struct InputHistory {
    file: Option<File>,
}

impl InputHistory {
    /// A history that keeps nothing.
    pub fn disabled() -> Self {
        Self { file: None }
    }

    /// Opens the file, and returns its entries, oldest first. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<String>)> {
        let mut bytes = Vec::new();
        open_private(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let kept = lines.split_off(lines.len().saturating_sub(ENTRIES_MAX));
        if !lines.is_empty() {
            let new: PathBuf = path.with_extension("new");
            let mut file = open_private(&new)?;
            file.set_len(0)?;
            kept.iter().try_for_each(|line| writeln!(file, "{line}"))?;
            std::fs::rename(new, path)?;
        }
        Ok((Self { file: Some(open_private(path)?) }, kept))
    }

    /// Appends a line, unless it is confidential: a private message, or `encrypted` by its room. Blocks on the
    /// disk.
    pub fn append(&mut self, line: &str, encrypted: bool) {
        let is_private = line.split_whitespace().next() == Some("/msg");
        if encrypted || is_private || line.contains(['\n', '\r']) || line.trim().is_empty() {
            return;
        }
        let written = self.file.as_mut().map(|file| file.write_all(format!("{line}\n").as_bytes()));
        if written.is_some_and(|result| result.is_err()) {
            self.file = None;
        }
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_unless_they_are_confidential() {
        let directory = std::env::temp_dir().join(format!("roomd-history-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("typed");
        let (mut history, before) = InputHistory::open(&path).unwrap();
        assert!(before.is_empty());
        for (line, encrypted) in
            [("hi", false), ("hush", true), ("/msg Bob psst", false), (" ", false), ("/who", false)]
        {
            history.append(line, encrypted);
        }
        let (mut history, before) = InputHistory::open(&path).unwrap();
        assert_eq!(before, ["hi", "/who"]);
        (0..ENTRIES_MAX + 5).for_each(|i| history.append(&i.to_string(), false));
        let (_, before) = InputHistory::open(&path).unwrap();
        assert_eq!((before.len(), before[0].as_str()), (ENTRIES_MAX, "5"));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), ENTRIES_MAX);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
