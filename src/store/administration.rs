//! What the operator's commands do to a history: export, import, backup, restore, check, retention, keys and tokens.
//!
//! Each command calls one method on the main thread, whether or not a server has the history open. What a backend
//! cannot do it refuses with [`AdministrationError::Unsupported`]; it never does less than it was asked.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use super::accounts::{Account, ServerKey};
use super::cluster::Cluster;
use super::webhooks::WebhookStore;
use crate::chat::hook::{Hook, HookDigest, NewHook};
use crate::chat::{RoomName, Time, UserName};

/// The webhooks of a history, as a command has them.
pub type WebhookAdministration<'a> = Box<dyn WebhookStore<Error = AdministrationError> + 'a>;

/// See the module.
pub trait Administration: Send + Sync {
    /// Writes the room's history to `out`: a header line, then one JSON object per message. Returns the number of
    /// messages. Blocks as `out` does.
    ///
    /// # Errors
    /// Part of it may have been written.
    fn export(&self, room: &RoomName, start: ExportStart, out: &mut dyn Write) -> Result<u64, AdministrationError>;

    /// Reads a room's history, as `export` wrote it, from `input`. No server may have the history open. Blocks as
    /// `input` does.
    ///
    /// # Errors
    /// Nothing was imported.
    fn import(&self, input: &mut dyn BufRead) -> Result<Imported, AdministrationError>;

    /// Copies the whole history, as it is at one moment, to `to`, which must not exist; returns the copy's size in
    /// bytes. Blocks on the disk.
    ///
    /// # Errors
    /// There is no copy.
    fn backup(&self, to: &Path) -> Result<u64, AdministrationError>;

    /// Puts the backup `from` in the place of the history, and keeps what was there under another name. No server may
    /// have the history open. Blocks on the disk, for as long as it takes to read and write all of it.
    ///
    /// # Errors
    /// The history is as it was.
    fn restore(&self, from: &Path) -> Result<Restored, AdministrationError>;

    /// The servers that have the history together.
    ///
    /// # Errors
    /// They cannot be read, or there is one at most.
    fn cluster(&self) -> Result<Cluster, AdministrationError>;

    /// The process that has the history open as a server does; `None`: none has. Does not wait.
    ///
    /// # Errors
    /// It cannot be told.
    fn server(&self) -> Result<Option<ServerProcess>, AdministrationError>;

    /// Checks that the history is intact. Blocks for as long as it takes to read all of it.
    ///
    /// # Errors
    /// It cannot be read at all.
    fn check(&self) -> Result<Findings, AdministrationError>;

    /// Changes the room's own retention and returns it. A room that does not exist is created, without messages, unless
    /// nothing changes. A running server follows it from its next sweep on.
    ///
    /// # Errors
    /// Nothing has changed.
    fn retain(&self, room: &RoomName, change: RetentionChange) -> Result<RetentionOverride, AdministrationError>;

    /// The keys that sign tokens, the newest first: it is the one that signs.
    ///
    /// # Errors
    /// They cannot be read.
    fn keys(&self) -> Result<Vec<ServerKey>, AdministrationError>;

    /// Makes `key` the one that signs from now on, also in a running server, and deletes those whose tokens have all
    /// expired. Returns the number of old keys that are still valid.
    ///
    /// # Errors
    /// Nothing has changed.
    fn rotate_keys(&self, key: &ServerKey) -> Result<usize, AdministrationError>;

    /// Removes a key, so that the tokens that it has signed are void, in a running server soon; whether there was one of this id.
    ///
    /// # Errors
    /// Nothing has changed.
    fn revoke_key(&self, kid: &str) -> Result<bool, AdministrationError>;

    /// Adds a hook whose token has this digest; its number. `None`: the room has as many as it may have.
    ///
    /// # Errors
    /// It is not added.
    fn add_hook(&self, hook: &NewHook, digest: &HookDigest) -> Result<Option<u64>, AdministrationError>;

    /// The hooks of a room, those that were revoked too, in the order in which they were made.
    ///
    /// # Errors
    /// They cannot be read.
    fn hooks(&self, room: &RoomName) -> Result<Vec<Hook>, AdministrationError>;

    /// Revokes a hook of a room; false: it has none of this number in force.
    ///
    /// # Errors
    /// Nothing has changed.
    fn revoke_hook(&self, room: &RoomName, number: u64, at: Time) -> Result<bool, AdministrationError>;

    /// The webhooks, and what is to be delivered to them.
    ///
    /// # Errors
    /// Nothing is kept here.
    fn webhooks(&self) -> Result<WebhookAdministration<'_>, AdministrationError>;

    /// Prepares a token of `user` that expires at `until`: registers the name if it is free, creates a key if there is
    /// none, and notes how long the key's tokens are valid.
    ///
    /// # Errors
    /// Nothing has changed.
    fn prepare_token(&self, user: &UserName, now: Time, until: Time) -> Result<PreparedToken, AdministrationError>;
}

/// A process that has a history open as a server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerProcess {
    /// Its id, as it has it itself: in a container it is another outside.
    pub id: u32,
    /// A file that the process has open.
    pub lock: PathBuf,
}

/// Why a command failed.
#[derive(Debug)]
pub enum AdministrationError {
    /// The history cannot be opened: a sentence that says what to do.
    Open(Box<dyn Error + Send + Sync>),
    /// The history has no such room.
    NoRoom(RoomName),
    /// The database failed.
    Database(Box<dyn Error + Send + Sync>),
    /// What is read from or written to, beside the database, failed: what was tried, and why it failed.
    Io(String, io::Error),
    /// This line of the import is invalid, and why.
    Line(u64, String),
    /// This backend, or this build, cannot do it; a sentence.
    Unsupported(String),
    /// It was refused, for the reason in this sentence.
    Refused(String),
}

impl fmt::Display for AdministrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::NoRoom(room) => write!(f, "there is no room {room} in the history"),
            Self::Database(error) => write!(f, "the database failed: {error}"),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::Line(line, what) => write!(f, "line {line} {what}; nothing was imported"),
            Self::Unsupported(sentence) | Self::Refused(sentence) => f.write_str(sentence),
        }
    }
}

impl Error for AdministrationError {}

/// Where an export begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportStart {
    /// After the message of this number.
    Seq(u64),
    /// With the first message that is not older.
    Time(Time),
}

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The room that has the messages now.
    pub room: RoomName,
    /// Messages that are new.
    pub added: u64,
    /// Messages of the export that were there already.
    pub known: u64,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The history that is in place now.
    pub path: PathBuf,
    /// Its rooms, which begin new epochs at the next start.
    pub rooms: u64,
    /// Its messages.
    pub messages: u64,
    /// When the newest of them was sent; `None` when there is none.
    pub newest: Option<Time>,
    /// Where the history is that was there before; `None` when there was none, or when it is the same file.
    pub kept: Option<PathBuf>,
    /// Where the log is that did not belong to the file; `None` when there was none.
    pub kept_log: Option<PathBuf>,
}

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The rooms, by name.
    pub rooms: Vec<RoomFinding>,
    /// The problems, a sentence each; none when the history is intact.
    pub problems: Vec<String>,
}

/// A room of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomFinding {
    /// The room's name.
    pub name: String,
    /// The numbers of its oldest and its newest message; `None` when it has none.
    pub ends: Option<(i64, i64)>,
    /// Its own retention.
    pub retention: RetentionOverride,
}

/// A room's own retention, in the place of the server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionOverride {
    /// Milliseconds. `None`: the server's setting; 0: any age.
    pub age_ms: Option<i64>,
    /// Messages. `None`: the server's setting; 0: any number.
    pub count: Option<i64>,
}

/// A change of a room's own retention; `None` leaves a bound as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionChange {
    /// Milliseconds.
    pub age_ms: Option<BoundChange>,
    /// Messages.
    pub count: Option<BoundChange>,
}

/// What becomes of one bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundChange {
    /// The server's setting applies.
    Clear,
    /// The room has its own: milliseconds, or messages; 0 is no bound.
    Set(i64),
}

impl RetentionOverride {
    /// These bounds after a change.
    #[must_use]
    pub fn changed(self, change: RetentionChange) -> Self {
        let apply = |bound, change| match change {
            None => bound,
            Some(BoundChange::Clear) => None,
            Some(BoundChange::Set(value)) => Some(value),
        };
        Self { age_ms: apply(self.age_ms, change.age_ms), count: apply(self.count, change.count) }
    }
}

/// What a token needs before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedToken {
    /// The name as it is registered, perhaps in another spelling.
    pub owner: Account,
    /// The key that is to sign.
    pub key: ServerKey,
}
