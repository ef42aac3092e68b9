-- roomd in PostgreSQL (14 or later): version 2 of the tables. They lie in one schema, which is first in the search path
-- of roomd's connections. Times are milliseconds since 1970, unless they are timestamptz. Names compare by their bytes,
-- as in the rest of roomd. Bodies and mids are bytes, since a text here cannot have a zero byte; both are UTF-8.

-- One row: which database this is.
CREATE TABLE installation (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    version    int    NOT NULL,           -- of these tables
    seed       bigint NOT NULL            -- drawn once: the epoch of a room in which nothing was said comes from it
);

-- Where each running journal stands. The row is written in the transaction that stores a batch, so who asks again after
-- a broken connection learns what became of it. Its lock makes the second wait for the first.
CREATE TABLE journals (
    journal  bigint PRIMARY KEY,             -- drawn when the journal's thread starts
    batch    bigint   NOT NULL DEFAULT 0,
    outcomes bigint[] DEFAULT '{}', -- of that batch: number, time, kind for each draft; NULL: all were stored
    epochs   text[]   NOT NULL DEFAULT '{}', -- of that batch: the epochs of rooms that it ended
    states   bigint[] NOT NULL DEFAULT '{}', -- of that batch: index, newest number, version and id of each room before it
    used     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20);

-- A room is here when something was said or decided in it. `newest` numbers messages; `version` numbers edits and changes
-- of the policy; both only under this row's lock, so they become visible in their order.
CREATE TABLE rooms (
    room     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text COLLATE "C" NOT NULL UNIQUE, -- '/17' once the room has ended: a name that no room can have
    epoch    text   NOT NULL,
    newest   bigint NOT NULL DEFAULT 0,
    version  bigint NOT NULL DEFAULT 0,
    moderated bigint NOT NULL DEFAULT 0,       -- the version of the newest change of the policy
    audited  bigint NOT NULL DEFAULT 0,        -- entries of the audit
    pruned   bigint NOT NULL DEFAULT 0,        -- the newest message that retention has deleted
    retain_ms bigint, retain_count bigint,     -- its own retention; NULL: the server's
    ended    jsonb                             -- {by, at, note, epoch}
) WITH (fillfactor = 50);

-- The private conversations of the second of two users; those of the first have its name at their beginning.
CREATE INDEX conversations ON rooms (split_part(name, ':', 3)) WHERE name >= 'dm:' AND name < 'dm;';

CREATE TABLE messages (
    room bigint NOT NULL, seq bigint NOT NULL,
    kind smallint NOT NULL,                    -- 0 text, 1 ciphertext, 2 deleted, 3 bytes
    at bigint NOT NULL,
    edited bigint, editor text COLLATE "C",
    changed bigint,                            -- the room's newest number when it was last changed
    version bigint,                            -- the version that this change has
    usr text COLLATE "C" NOT NULL, recipient text COLLATE "C", mid bytea,
    body bytea NOT NULL, words tsvector,       -- the words of a text: see `words.rs`
    reply bigint, reaction bigint, key bytea,
    PRIMARY KEY (room, seq)
);
-- The newest message of each key, unless that was deleted.
CREATE TABLE last_values (room bigint NOT NULL, key bytea NOT NULL, seq bigint NOT NULL, PRIMARY KEY (room, key));
CREATE INDEX messages_versions ON messages (room, version) WHERE version IS NOT NULL;
CREATE INDEX messages_changed ON messages (room, changed) WHERE changed IS NOT NULL;
CREATE INDEX messages_words ON messages USING gin (words) WHERE words IS NOT NULL;

CREATE TABLE mids (
    room bigint NOT NULL, usr text COLLATE "C" NOT NULL, mid bytea NOT NULL,
    seq bigint NOT NULL, at bigint NOT NULL,
    PRIMARY KEY (room, usr, mid)
);
CREATE TABLE marks (
    room bigint NOT NULL, usr text COLLATE "C" NOT NULL, receipt smallint NOT NULL, seq bigint NOT NULL, at bigint NOT NULL,
    PRIMARY KEY (room, usr, receipt, seq)
);
-- What waits for a registered user. `seq` makes the row's own lock enough: a mark removes the row only if nothing was
-- said after what it marks.
CREATE TABLE undelivered (usr text COLLATE "C" NOT NULL, room bigint NOT NULL, seq bigint NOT NULL, PRIMARY KEY (usr, room));

CREATE TABLE policies (
    room bigint PRIMARY KEY, private boolean NOT NULL, slow_mode_s bigint NOT NULL DEFAULT 0,
    announcement boolean NOT NULL DEFAULT false, subject bytea, description bytea,
    invitations bigint NOT NULL DEFAULT 0      -- how many there ever were
);
-- Who is on the list, and who invited a user that has not entered yet.
CREATE TABLE people (
    room bigint NOT NULL, usr text COLLATE "C" NOT NULL, role smallint NOT NULL,
    invited_by text COLLATE "C", invited_at bigint,
    PRIMARY KEY (room, usr)
);
CREATE TABLE invitations (
    room bigint NOT NULL, number bigint NOT NULL, code text NOT NULL, author text COLLATE "C" NOT NULL, at bigint NOT NULL,
    until bigint NOT NULL, uses bigint NOT NULL, used bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (room, number)
);
CREATE TABLE sanctions (room bigint NOT NULL, kind smallint NOT NULL, usr text COLLATE "C" NOT NULL, until bigint, PRIMARY KEY (room, kind, usr));
CREATE TABLE pins (room bigint NOT NULL, seq bigint NOT NULL, PRIMARY KEY (room, seq));
CREATE TABLE audit (
    room bigint NOT NULL, number bigint NOT NULL,
    version bigint NOT NULL,                   -- 0: no change of the policy (a moderator deleted a message)
    after bigint NOT NULL,                     -- the room's newest number: the change stands behind it
    at bigint NOT NULL, usr text COLLATE "C" NOT NULL, what text NOT NULL, about text, until bigint, value bytea, note bytea,
    PRIMARY KEY (room, number)
);

CREATE TABLE names (folded text COLLATE "C" PRIMARY KEY, name text COLLATE "C" NOT NULL, since bigint NOT NULL, used bigint, display text);
CREATE TABLE subjects (folded text COLLATE "C" PRIMARY KEY, name text COLLATE "C" NOT NULL, subject bytea NOT NULL);
CREATE TABLE devices (
    folded text COLLATE "C" NOT NULL, device bigint NOT NULL, label text,
    created bigint NOT NULL, seen bigint,      -- NULL: its token was never shown
    PRIMARY KEY (folded, device)
);
-- With the SHA-256 of each token; `author` and `revoker` are null for the operator. A room need not exist.
CREATE TABLE hooks (
    hook bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    room text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, author text COLLATE "C",
    created bigint NOT NULL, revoked bigint, revoker text COLLATE "C"
);
CREATE INDEX hooks_of_room ON hooks (room);
-- With the secrets that sign their deliveries. `room` is null for all rooms; `events` has a bit for each; `author` and
-- `remover` are null for the operator; `waiting` and `bytes` are the deliveries that wait and their bodies.
CREATE TABLE webhooks (
    webhook bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, url text NOT NULL, secret text NOT NULL,
    room text COLLATE "C", events int NOT NULL, author text COLLATE "C", created bigint NOT NULL,
    waiting bigint NOT NULL DEFAULT 0, bytes bigint NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0, failing bigint, due bigint NOT NULL DEFAULT 0, off bigint, reason text,
    removed bigint, remover text COLLATE "C", ended boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
-- What waits for a webhook, or was delivered: a message, a movement, or an entry of an audit.
CREATE TABLE deliveries (
    delivery bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, webhook bigint NOT NULL, id text NOT NULL, event smallint NOT NULL,
    room text COLLATE "C" NOT NULL, epoch text NOT NULL, seq bigint, at bigint NOT NULL, usr text COLLATE "C" NOT NULL,
    kind smallint, body bytea, mid bytea, reply bigint, reaction bigint,
    what text, about text, until bigint, value bytea, note bytea,
    attempts int NOT NULL DEFAULT 0, tried bigint, outcome text, delivered bigint
);
CREATE INDEX deliveries_of_webhook ON deliveries (webhook, delivery);
CREATE INDEX deliveries_that_wait ON deliveries (webhook, delivery) WHERE delivered IS NULL;
CREATE INDEX deliveries_made ON deliveries (delivered) WHERE delivered IS NOT NULL;
CREATE INDEX deliveries_of_message ON deliveries (room, seq) WHERE seq IS NOT NULL;
CREATE TABLE keys (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kid text NOT NULL UNIQUE,
    secret bytea NOT NULL CHECK (length(secret) = 32), made bigint NOT NULL, until bigint NOT NULL
);
CREATE TABLE bookmarks (usr text COLLATE "C" NOT NULL, room text COLLATE "C" NOT NULL, notify smallint NOT NULL, PRIMARY KEY (usr, room));
