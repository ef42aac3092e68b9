-- A file of the first version of the schema: one room with two messages, the second deleted.
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
PRAGMA application_id = 1919905645;
PRAGMA user_version = 1;
INSERT INTO rooms (room, name, epoch) VALUES (1, 'den', 'e1');
INSERT INTO messages (place, kind, at, edited, changed, user, mid, body) VALUES
    ((1 << 40) + 1, 0, 1000, NULL, NULL, 'Anna', 'm1', 'hello world'),
    ((1 << 40) + 2, 2, 2000, 3000, (1 << 40) + 2, 'Otto', NULL, '');
INSERT INTO mids (room, user, mid, seq, at) VALUES (1, 'Anna', 'm1', 1, 1000);
