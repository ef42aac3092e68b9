//! What is in the file, version by version.
//!
//! Each step takes a file from one version to the next; a new file goes through all of them. `open`
//! has them done at start, inside one transaction, so that a step that is interrupted has not
//! happened. Steps are never changed once they are released: a later one mends an earlier.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// What marks a file as ours: `room` in ASCII.
pub const APPLICATION_ID: i32 = 0x726f_6f6d;
/// The version that this program reads and writes.
pub const VERSION: usize = STEPS.len();

/// Step `n` makes version `n + 1`.
const STEPS: [&str; 5] = [HISTORY, SEARCH_AND_RETENTION, NAMES_AND_KEYS, CHARTERS, ABOUT];

/// `messages.key`: see `message_key.rs`; `kind`: see `row.rs`. Times are milliseconds since 1970.
///
/// `rooms.pruned` is the number of the newest message that retention took away, so that numbering
/// goes on after the last one went. `changed` is the place of the room's newest message when this
/// one was last edited or deleted. A `mid` stays when its message was pruned: what was published once
/// is not published again. A mark's time is that of its advance, so every advance is a row.
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

/// `words` keeps no text of its own, but finds it through `sayings` when it checks itself; what is taken
/// out of it is gone from its pages at once. It has all of a room up to the number `indexed`.
/// `retain_ms` and `retain_count` are the room's own word on retention: null leaves it to the server,
/// 0 is no bound.
const SEARCH_AND_RETENTION: &str = "
CREATE VIEW sayings (place, body) AS SELECT place, body FROM messages WHERE kind = 0;
CREATE VIRTUAL TABLE words USING fts5 (
    body, content = 'sayings', content_rowid = 'place', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
ALTER TABLE rooms ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN retain_ms INTEGER;
ALTER TABLE rooms ADD COLUMN retain_count INTEGER;
";

/// `names.folded` is what all spellings of a name have in common (`chat/folded.rs`). `keys.until` is when
/// the last token ends that a key has signed; the newest key signs. `offline_messages` names the conversations in
/// which something waits for a user: see `offline_inbox.rs`.
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

/// Who may do what, and what was decided: see `policy.rs`. A room that was ended gives its name up
/// at once, for one that no room can have, and goes in slices.
const CHARTERS: &str = "
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

/// The number of the message that one replies to, or is a reaction to. It may have gone by retention.
const ABOUT: &str = "
ALTER TABLE messages ADD COLUMN reply INTEGER;
ALTER TABLE messages ADD COLUMN reaction INTEGER;
";

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing is in it.
    Empty,
    /// Ours, of this version.
    Ours(usize),
    /// A database of another program.
    Foreign,
}

/// Looks at what the file says of itself.
///
/// # Errors
/// It is no database, or cannot be read.
pub fn nature(connection: &Connection) -> rusqlite::Result<FileKind> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    if application == i64::from(APPLICATION_ID) {
        return Ok(FileKind::Ours(usize::try_from(version).unwrap_or(usize::MAX)));
    }
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(if application == 0 && version == 0 && tables == 0 { FileKind::Empty } else { FileKind::Foreign })
}

/// Brings a file of version `from` to ours: all steps, or none.
///
/// # Errors
/// The file is as it was.
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
