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
    /// Every connection that reads was in use for too long.
    Busy(PathBuf),
    /// It does not exist.
    Missing(PathBuf),
    /// The log beside it belongs to another state of the file: one of the two was put there.
    ForeignLog(PathBuf),
    /// It was open by another path and not closed: its log is still there.
    LogElsewhere(PathBuf, PathBuf),
    /// It can be read, but not written; why.
    Unwritable(PathBuf, String),
    /// Another file was put in its place while it was open.
    Replaced(PathBuf),
    /// The system refuses: the disk, the permissions, the kind of file system, a thread.
    Unusable(PathBuf, String),
}

impl SqliteOpenError {
    /// The same, found a second time on a fresh connection.
    pub fn twice(self) -> Self {
        match self {
            Self::Damaged(path, what) => Self::Damaged(path, format!("{what}; it was read twice")),
            other => other,
        }
    }

    /// What was found, without what to do.
    pub fn what(&self) -> String {
        match self {
            Self::Damaged(_, what) | Self::Unwritable(_, what) | Self::Unusable(_, what) => what.clone(),
            other => other.to_string(),
        }
    }
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
                "{} is damaged ({what}): nothing was changed. Its newest messages may be in its -wal file: \
                 keep both together. roomd restore FILE puts a backup in its place and keeps them; or start with an \
                 empty history by naming another file with --data",
                path.display()
            ),
            Self::ForeignLog(path) => write!(
                f,
                "{0} is not the file to which the log {0}-wal belongs: one of them was copied here, and together they \
                 would be a mixture of two histories. To go on with the file as it is, without what is in that log, run \
                 roomd restore {0}; or put back the file that was here before. Nothing was changed",
                path.display()
            ),
            Self::LogElsewhere(path, log) => write!(
                f,
                "the newest messages of {} are in {}: it was served by another path and not closed. Name that path with \
                 --data, or move the log beside the file; nothing was changed",
                path.display(),
                log.display()
            ),
            Self::Unwritable(path, what) => write!(
                f,
                "{} cannot be written: {what}. No message could be kept: make it writable, or name another file with \
                 --data",
                path.display()
            ),
            Self::Replaced(path) => write!(
                f,
                "{} is another file than the one that was opened at the start: stop the server, and start it again",
                path.display()
            ),
            Self::Older(path) => {
                write!(
                    f,
                    "{} was written by an older roomd: start the server once, which brings it up to date",
                    path.display()
                )
            }
            Self::Busy(path) => write!(f, "too many read {} at the same time", path.display()),
            Self::Missing(path) => write!(f, "there is no file {}: name it with --data", path.display()),
            Self::Unusable(path, what) => write!(f, "cannot use {}: {what}", path.display()),
        }
    }
}

impl std::error::Error for SqliteOpenError {}
