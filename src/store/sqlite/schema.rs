//! The schema of the file, version by version.
//!
//! Each step takes a file from one version to the next; a new file goes through all of them. Opening a file for a
//! server runs them inside one transaction, so that an interrupted step has not happened. A released step is never
//! changed: a later one corrects it. The names of tables and columns are part of the file format.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// The application id of our files: `room` in ASCII.
pub const APPLICATION_ID: i32 = 0x726f_6f6d;
/// The version that this program reads and writes.
pub const VERSION: usize = STEPS.len();

/// Step `n` makes version `n + 1`.
const STEPS: [&str; 5] = [HISTORY, SEARCH_AND_RETENTION, NAMES_AND_KEYS, POLICIES, ABOUT];

/// `messages.place` is the key (`message_key.rs`), `kind` is explained in `row.rs`, `friend` is the recipient of a
/// private message. Times are milliseconds since 1970.
///
/// `rooms.pruned` is the number of the newest message that retention deleted, so that numbering continues when none is
/// left. `changed` is the key of the room's newest message when this one was last edited or deleted. A `mid` stays when
/// its message is pruned: a message that was published once is not published again. Each advance of a mark is a row,
/// with its time.
const HISTORY: &str = "
CREATE TABLE rooms (
    room   INTEGER PRIMARY KEY CHECK (room BETWEEN 1 AND 8388607),
    name   TEXT    NOT NULL UNIQUE,
    epoch  TEXT    NOT NULL,
    pruned INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE messages (
    place   INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
    at      INTEGER NOT NULL,
    edited  INTEGER,
    changed INTEGER,
    user    TEXT    NOT NULL,
    friend  TEXT,
    mid     TEXT,
    body    TEXT    NOT NULL
) STRICT;
CREATE INDEX changes ON messages (changed) WHERE changed IS NOT NULL;
CREATE TABLE mids (
    room INTEGER NOT NULL,
    user TEXT    NOT NULL,
    mid  TEXT    NOT NULL,
    seq  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (room, user, mid)
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (
    room    INTEGER NOT NULL,
    user    TEXT    NOT NULL,
    receipt INTEGER NOT NULL CHECK (receipt BETWEEN 0 AND 2),
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (room, user, receipt, seq)
) STRICT, WITHOUT ROWID;
";

/// `words` is the full-text index. It keeps no text of its own, and reads it through `sayings` when it checks itself;
/// what is removed from it is erased from its pages at once. It has the messages of a room up to the number `indexed`.
/// `retain_ms` and `retain_count` are the room's own retention: null is the server's setting, 0 is no bound.
const SEARCH_AND_RETENTION: &str = "
CREATE VIEW sayings (place, body) AS SELECT place, body FROM messages WHERE kind = 0;
CREATE VIRTUAL TABLE words USING fts5 (
    body, content = 'sayings', content_rowid = 'place', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
ALTER TABLE rooms ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN retain_ms INTEGER;
ALTER TABLE rooms ADD COLUMN retain_count INTEGER;
";

/// `names` are the accounts; `likeness` is the folded name (`chat/folded_name.rs`). `keys.until` is when the last token
/// that a key has signed expires; the newest key signs. `letters` are the conversations with undelivered messages for a
/// user (`offline_inbox.rs`).
const NAMES_AND_KEYS: &str = "
CREATE TABLE names (
    likeness TEXT    PRIMARY KEY,
    name     TEXT    NOT NULL,
    since    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE keys (
    key    INTEGER PRIMARY KEY AUTOINCREMENT,
    kid    TEXT    NOT NULL UNIQUE,
    secret BLOB    NOT NULL CHECK (length(secret) = 32),
    made   INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT;
CREATE TABLE letters (
    user TEXT    NOT NULL,
    room INTEGER NOT NULL,
    PRIMARY KEY (user, room)
) STRICT, WITHOUT ROWID;
";

/// Policies and the audit (`policy.rs`): `charters` holds a policy's settings, `people` its members, `sanctions` its
/// bans and mutes. A room that was ended is renamed at once to a name that no room can have, and deleted in slices.
const POLICIES: &str = "
CREATE TABLE charters (
    room         INTEGER PRIMARY KEY,
    private      INTEGER NOT NULL CHECK (private BETWEEN 0 AND 1),
    slow_mode_s  INTEGER NOT NULL DEFAULT 0,
    announcement INTEGER NOT NULL DEFAULT 0 CHECK (announcement BETWEEN 0 AND 1)
) STRICT;
CREATE TABLE people (
    room INTEGER NOT NULL,
    user TEXT    NOT NULL,
    role INTEGER NOT NULL CHECK (role BETWEEN 0 AND 2),
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE sanctions (
    room  INTEGER NOT NULL,
    kind  INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 1),
    user  TEXT    NOT NULL,
    until INTEGER,
    PRIMARY KEY (room, kind, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    room   INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    user   TEXT    NOT NULL,
    what   TEXT    NOT NULL,
    about  TEXT,
    until  INTEGER,
    value  TEXT,
    note   TEXT,
    PRIMARY KEY (room, number)
) STRICT, WITHOUT ROWID;
ALTER TABLE rooms ADD COLUMN ended INTEGER NOT NULL DEFAULT 0 CHECK (ended BETWEEN 0 AND 1);
";

/// The number of the message that this one replies or reacts to. Retention may have deleted it.
const ABOUT: &str = "
ALTER TABLE messages ADD COLUMN reply INTEGER;
ALTER TABLE messages ADD COLUMN reaction INTEGER;
";

/// Who wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Nobody: it is empty.
    Empty,
    /// We did, in this version.
    Ours(usize),
    /// Another program.
    Foreign,
}

/// Reads the application id and the version from the header.
///
/// # Errors
/// It is not a database, or cannot be read.
pub fn identify(connection: &Connection) -> rusqlite::Result<FileKind> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    if application == i64::from(APPLICATION_ID) {
        return Ok(FileKind::Ours(usize::try_from(version).unwrap_or(usize::MAX)));
    }
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(if application == 0 && version == 0 && tables == 0 { FileKind::Empty } else { FileKind::Foreign })
}

/// Migrates a file of version `from` to ours: all steps, or none.
///
/// # Errors
/// The file is unchanged.
pub fn migrate(connection: &mut Connection, from: usize) -> rusqlite::Result<()> {
    if from == VERSION {
        return Ok(());
    }
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    for step in &STEPS[from..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION as i64)?;
    transaction.commit()
}
