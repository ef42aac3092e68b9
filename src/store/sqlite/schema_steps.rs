//! The steps of the schema, from one version of the file to the next.
//!
//! Run by `schema.rs`. A released step is never changed: a later one corrects it. The names of tables and columns are
//! part of the file format.

/// Step `n` makes version `n + 1`.
pub const STEPS: [&str; 22] = [
    HISTORY,
    SEARCH_AND_RETENTION,
    NAMES_AND_KEYS,
    POLICIES,
    ABOUT,
    BOOKMARKS,
    STATE,
    SUBJECTS,
    DESCRIPTIONS,
    TERMS,
    USES,
    DEVICES,
    INVITATIONS,
    INSERT_BUFFER,
    HOOKS,
    DISPLAY_NAMES,
    KEYS,
    WEBHOOKS,
    LIMITS,
    SERVER,
    VOICE,
    DATA,
];

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

/// The bookmarks of registered users (`bookmarks.rs`); a room need not exist.
const BOOKMARKS: &str = "
CREATE TABLE bookmarks (
    user   TEXT    NOT NULL,
    room   TEXT    NOT NULL,
    notify INTEGER NOT NULL CHECK (notify BETWEEN 0 AND 2),
    PRIMARY KEY (user, room)
) STRICT, WITHOUT ROWID;
";

/// Which state of its history the file holds (`file_state.rs`): one row.
const STATE: &str = "
CREATE TABLE state (
    id      TEXT    NOT NULL,
    copied  INTEGER NOT NULL CHECK (copied BETWEEN 0 AND 1),
    open_at TEXT
) STRICT;
INSERT INTO state (id, copied) VALUES ('new', 0);
";

/// The subject of an issuer that a name belongs to (`--jwt-name-claim`); `likeness` is the folded name.
const SUBJECTS: &str = "
CREATE TABLE subjects (
    likeness TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    subject  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What rooms are about (`policy.rs`): null is nothing.
const DESCRIPTIONS: &str = "
ALTER TABLE charters ADD COLUMN subject TEXT;
ALTER TABLE charters ADD COLUMN description TEXT;
CREATE TABLE pins (
    room INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
";

/// The index has the terms of a text (`search_terms.rs`), and a mark belongs to the letter that it stands on. It is made
/// anew, in slices like that of new messages.
const TERMS: &str = "
DROP TABLE words;
CREATE VIRTUAL TABLE words USING fts5 (
    body, content = 'sayings', content_rowid = 'place', columnsize = 0,
    tokenize = \"unicode61 remove_diacritics 2 categories 'L* N* Co M*'\");
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
UPDATE rooms SET indexed = pruned;
";

/// When the owner of a name last showed a token for it, to a day; null: not since it was registered.
const USES: &str = "
ALTER TABLE names ADD COLUMN used INTEGER;
";

/// The devices of claimed names (`devices.rs`); `seen` is null for one whose token was never shown. A name that could be
/// claimed so far has the device of the tokens that name none.
pub const DEVICES: &str = "
CREATE TABLE devices (
    likeness TEXT    NOT NULL,
    device   INTEGER NOT NULL,
    label    TEXT,
    created  INTEGER NOT NULL,
    seen     INTEGER,
    PRIMARY KEY (likeness, device)
) STRICT, WITHOUT ROWID;
INSERT INTO devices (likeness, device, created) SELECT likeness, 0, since FROM names;
";

/// Who invited a user that has not entered yet, and invitations that admit whoever shows them (`invitations.rs`);
/// `charters.invitations` counts all that there ever were. The index finds the private conversations of the second of
/// two users; those of the first have its name at their beginning.
const INVITATIONS: &str = "
ALTER TABLE people ADD COLUMN invited_by TEXT;
ALTER TABLE people ADD COLUMN invited_at INTEGER;
ALTER TABLE charters ADD COLUMN invitations INTEGER NOT NULL DEFAULT 0;
CREATE TABLE invitations (
    room   INTEGER NOT NULL,
    number INTEGER NOT NULL,
    code   TEXT    NOT NULL,
    author TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    uses   INTEGER NOT NULL,
    used   INTEGER NOT NULL,
    PRIMARY KEY (room, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations ON rooms (substr(name, 4 + instr(substr(name, 4), ':')))
    WHERE name >= 'dm:' AND name < 'dm;';
";

/// The newest messages of all rooms, in the order in which they were stored, before they are merged into `messages` and
/// `mids` (`insert_buffer.rs`). `history` is all messages; SQLite reads it as it reads a table as long as a column has the
/// same affinity in both.
const INSERT_BUFFER: &str = "
CREATE TABLE buffered (
    position INTEGER PRIMARY KEY,
    place    INTEGER NOT NULL UNIQUE,
    kind     INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
    at       INTEGER NOT NULL,
    user     TEXT    NOT NULL,
    friend   TEXT,
    mid      TEXT,
    body     TEXT    NOT NULL,
    reply    INTEGER,
    reaction INTEGER
) STRICT;
CREATE VIEW history AS
    SELECT place, kind, at, edited, user, friend, mid, body, reply, reaction FROM messages
    UNION ALL
    SELECT place, kind, at, CAST(NULL AS INTEGER), user, friend, mid, body, reply, reaction FROM buffered;
";

/// The hooks of rooms (`hooks.rs`), with the SHA-256 of each token; `author` and `revoker` are null for the operator. A
/// room need not exist.
const HOOKS: &str = "
CREATE TABLE hooks (
    hook    INTEGER PRIMARY KEY AUTOINCREMENT,
    digest  BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    room    TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    author  TEXT,
    created INTEGER NOT NULL,
    revoked INTEGER,
    revoker TEXT
) STRICT;
CREATE INDEX hooks_of_room ON hooks (room);
";

/// What the owner of a name wants to be called; null: nothing else.
const DISPLAY_NAMES: &str = "
ALTER TABLE names ADD COLUMN display TEXT;
";

/// The key of a message, and the newest message of each key of a room (`last_values.rs`).
const KEYS: &str = "
ALTER TABLE messages ADD COLUMN key TEXT;
ALTER TABLE buffered ADD COLUMN key TEXT;
DROP VIEW history;
CREATE VIEW history AS
    SELECT place, kind, at, edited, user, friend, mid, body, reply, reaction, key FROM messages
    UNION ALL
    SELECT place, kind, at, CAST(NULL AS INTEGER), user, friend, mid, body, reply, reaction, key FROM buffered;
CREATE TABLE last_values (
    room INTEGER NOT NULL,
    key  TEXT    NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (room, key)
) STRICT, WITHOUT ROWID;
";

/// Webhooks (`webhooks.rs`), with the secrets that sign their deliveries, and the deliveries that wait or were made
/// (`deliveries.rs`). `room` is null for all rooms; `events` has a bit for each; `author` and `remover` are null for the
/// operator. `waiting` and `bytes` are the deliveries that wait and their bodies. An event is a message, a movement, or
/// an entry of an audit.
const WEBHOOKS: &str = "
CREATE TABLE webhooks (
    webhook  INTEGER PRIMARY KEY AUTOINCREMENT,
    url      TEXT    NOT NULL,
    secret   TEXT    NOT NULL,
    room     TEXT,
    events   INTEGER NOT NULL,
    author   TEXT,
    created  INTEGER NOT NULL,
    waiting  INTEGER NOT NULL DEFAULT 0,
    bytes    INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    failing  INTEGER,
    due      INTEGER NOT NULL DEFAULT 0,
    off      INTEGER,
    reason   TEXT,
    removed  INTEGER,
    remover  TEXT,
    ended    INTEGER NOT NULL DEFAULT 0 CHECK (ended BETWEEN 0 AND 1)
) STRICT;
CREATE TABLE deliveries (
    delivery  INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook   INTEGER NOT NULL,
    id        TEXT    NOT NULL,
    event     INTEGER NOT NULL,
    room      TEXT    NOT NULL,
    epoch     TEXT    NOT NULL,
    seq       INTEGER,
    at        INTEGER NOT NULL,
    user      TEXT    NOT NULL,
    kind      INTEGER,
    body      TEXT,
    mid       TEXT,
    reply     INTEGER,
    reaction  INTEGER,
    what      TEXT,
    about     TEXT,
    until     INTEGER,
    value     TEXT,
    note      TEXT,
    attempts  INTEGER NOT NULL DEFAULT 0,
    tried     INTEGER,
    outcome   TEXT,
    delivered INTEGER
) STRICT;
CREATE INDEX deliveries_of_webhook ON deliveries (webhook, delivery);
CREATE INDEX deliveries_that_wait ON deliveries (webhook, delivery) WHERE delivered IS NULL;
CREATE INDEX deliveries_made ON deliveries (delivered) WHERE delivered IS NOT NULL;
CREATE INDEX deliveries_of_message ON deliveries (room, seq) WHERE seq IS NOT NULL;
";

/// To how many users a room is limited, 0 for no limit, and whether everybody may set its subject.
const LIMITS: &str = "
ALTER TABLE charters ADD COLUMN members_max INTEGER NOT NULL DEFAULT 0;
ALTER TABLE charters ADD COLUMN open_subject INTEGER NOT NULL DEFAULT 0 CHECK (open_subject BETWEEN 0 AND 1);
";

/// Bans from the whole server (`server.rs`), by name (`kind` 0) or network (1), and the audit of what admins did: the newest
/// entries.
const SERVER: &str = "
CREATE TABLE bans (
    ban     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 1),
    subject TEXT    NOT NULL,
    until   INTEGER,
    note    TEXT,
    author  TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE TABLE server_audit (
    entry  INTEGER PRIMARY KEY AUTOINCREMENT,
    what   TEXT    NOT NULL,
    about  TEXT,
    until  INTEGER,
    note   TEXT,
    author TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
";

/// A role more: `people.role` is explained in `policy.rs`, and a constraint cannot be changed in place.
pub const VOICE: &str = "
CREATE TABLE listed (
    room       INTEGER NOT NULL,
    user       TEXT    NOT NULL,
    role       INTEGER NOT NULL CHECK (role BETWEEN 0 AND 3),
    invited_by TEXT,
    invited_at INTEGER,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;
INSERT INTO listed (room, user, role, invited_by, invited_at)
    SELECT room, user, role, invited_by, invited_at FROM people;
DROP TABLE people;
ALTER TABLE listed RENAME TO people;
";

/// The bytes of a message that is no text, of the kind of ciphertext (`row.rs`): a constraint cannot be changed in place.
pub const DATA: &str = "
ALTER TABLE messages ADD COLUMN data BLOB;
ALTER TABLE buffered ADD COLUMN data BLOB;
ALTER TABLE deliveries ADD COLUMN data BLOB;
DROP VIEW history;
CREATE VIEW history AS
    SELECT place, kind, at, edited, user, friend, mid, body, reply, reaction, key, data FROM messages
    UNION ALL
    SELECT place, kind, at, CAST(NULL AS INTEGER), user, friend, mid, body, reply, reaction, key, data FROM buffered;
";
