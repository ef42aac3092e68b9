//! What was typed before, kept from one conversation to the next.
//!
//! One line an entry, in a file that only its user may read; appended to by the keyboard's thread, and cut
//! to its newest lines when a conversation begins. What is said in an encrypted room, and to one user
//! alone, is not written down. Whatever cannot be kept is forgotten: nobody stops talking for that.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Lines that can be gone back to.
pub const LINES_MAX: usize = 1_000;
/// Bytes of the file that are looked at, at most.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// See the module.
pub struct TypedBefore {
    file: Option<File>,
}

impl TypedBefore {
    /// Nothing, and nothing is kept.
    pub fn nowhere() -> Self {
        Self { file: None }
    }

    /// Opens the file, and gives the lines that are in it, oldest first.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<String>)> {
        let mut bytes = Vec::new();
        open_private(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let kept = lines.split_off(lines.len().saturating_sub(LINES_MAX));
        if !lines.is_empty() {
            let new: PathBuf = path.with_extension("new");
            let mut file = open_private(&new)?;
            file.set_len(0)?;
            kept.iter().try_for_each(|line| writeln!(file, "{line}"))?;
            std::fs::rename(new, path)?;
        }
        Ok((Self { file: Some(open_private(path)?) }, kept))
    }

    /// Keeps a line, unless it is for few: `secret` says that the room is encrypted.
    pub fn keep(&mut self, line: &str, secret: bool) {
        let is_private = line.split_whitespace().next() == Some("/msg");
        if secret || is_private || line.contains(['\n', '\r']) || line.trim().is_empty() {
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
    fn lines_are_kept_but_for_those_meant_for_few() {
        let directory = std::env::temp_dir().join(format!("roomd-typed-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("typed");
        let (mut typed, before) = TypedBefore::open(&path).unwrap();
        assert!(before.is_empty());
        for (line, secret) in [("hi", false), ("hush", true), ("/msg Bob psst", false), (" ", false), ("/who", false)] {
            typed.keep(line, secret);
        }
        let (mut typed, before) = TypedBefore::open(&path).unwrap();
        assert_eq!(before, ["hi", "/who"]);
        (0..LINES_MAX + 5).for_each(|i| typed.keep(&i.to_string(), false));
        let (_, before) = TypedBefore::open(&path).unwrap();
        assert_eq!((before.len(), before[0].as_str()), (LINES_MAX, "5"));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), LINES_MAX);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
