//! Why a history cannot be opened.
//!
//! Each variant prints as a sentence for the operator, which says what to do; at start `assemble` prints it, in a
//! command `cli::data`.

use std::path::PathBuf;

use super::schema::VERSION;

/// Why a history cannot be opened. Each prints as a sentence that says what to do.
#[derive(Debug)]
pub enum SqliteOpenError {
    /// Another server has it: its process id, where that is known.
    Held(PathBuf, Option<u32>),
    /// A newer program wrote it.
    Newer(PathBuf, usize),
    /// Another program wrote it.
    Foreign(PathBuf),
    /// It is damaged, and how.
    Damaged(PathBuf, String),
    /// An older program wrote it, and no server of this version has migrated it yet.
    Older(PathBuf),
    /// It does not exist.
    Missing(PathBuf),
    /// The system refuses: the disk, the permissions, the kind of file system, a thread.
    Unusable(PathBuf, String),
}

impl std::fmt::Display for SqliteOpenError {
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

impl std::error::Error for SqliteOpenError {}
