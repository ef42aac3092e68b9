-- What servers share beside the messages of rooms: who is at work, and what has changed of that which each has in memory.
-- Run at each start.

-- Not logged: after a crash of the database the table is empty, and each server writes its row again with its next heartbeat.
CREATE UNLOGGED TABLE IF NOT EXISTS servers (
    server bigint PRIMARY KEY,                 -- drawn when the server starts; that of its journal
    seen   timestamptz NOT NULL DEFAULT clock_timestamp(), -- later than now: it has stopped, and its users have yet to come back
    about  text NOT NULL                       -- for people
) WITH (fillfactor = 20);
-- How it is, as it says itself: for how long it has run, its open rooms, messages that these had not shown yet, and how long the
-- database took for the heartbeat before.
ALTER TABLE servers ADD COLUMN IF NOT EXISTS up_ms bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS rooms bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS behind bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS answer_ms bigint NOT NULL DEFAULT 0;

-- Those that have not stopped in good order, for a day.
CREATE UNLOGGED TABLE IF NOT EXISTS dead_servers (
    server bigint PRIMARY KEY, seen timestamptz NOT NULL, about text NOT NULL,
    up_ms bigint NOT NULL, rooms bigint NOT NULL, behind bigint NOT NULL, answer_ms bigint NOT NULL
);

-- Until when a lease is good that is granted or renewed now.
CREATE OR REPLACE FUNCTION lease_end_1() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT clock_timestamp() + interval '5 seconds'
$$;

-- Which server delivers to an origin. Not logged: after a crash of the database each lease is lost, and taken again.
CREATE UNLOGGED TABLE IF NOT EXISTS webhook_leases (
    origin text PRIMARY KEY,
    lease  bigint NOT NULL UNIQUE,             -- drawn when it is granted
    server bigint NOT NULL,                    -- whose heartbeat renews it
    until  timestamptz NOT NULL DEFAULT lease_end_1()
) WITH (fillfactor = 20);

-- Who is in which room through which server; each writes its own rows. Not logged, likewise. The room '' is the server itself:
-- who is connected to it.
CREATE UNLOGGED TABLE IF NOT EXISTS attendance (
    server bigint NOT NULL, room text COLLATE "C" NOT NULL, usr text COLLATE "C" NOT NULL,
    stamp  bigint NOT NULL,                    -- counted by the server: greater than those of all rows that it wrote before
    connections int NOT NULL,                  -- 0: the user has gone
    announced boolean NOT NULL, registered boolean NOT NULL, detached boolean NOT NULL,
    kind   smallint NOT NULL,                  -- 1: away by its own word; of one who has gone, the reason
    note   bytea, set_at bigint NOT NULL, last_seen bigint NOT NULL,
    has_written bigint NOT NULL, has_received bigint NOT NULL, has_read bigint NOT NULL, -- messages, up to this one
    written timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (server, room, usr)
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS attendance_stamps ON attendance (server, stamp);

-- Sessions that can be resumed, each by the server that has it, which alone writes its row. Not logged, likewise.
CREATE UNLOGGED TABLE IF NOT EXISTS sessions (
    session bytea PRIMARY KEY,                 -- the SHA-256 of its token
    server  bigint NOT NULL,                   -- who has it
    moved   int NOT NULL DEFAULT 0,            -- how often another server has taken it
    state   text NOT NULL,                     -- whose it is, and where (`session_state.rs`)
    until   timestamptz                        -- when it ends; null: with its server
) WITH (fillfactor = 50);

-- Sessions that were taken from a server, which has yet to let each go.
CREATE UNLOGGED TABLE IF NOT EXISTS handovers (
    server  bigint NOT NULL, session bytea NOT NULL, moved int NOT NULL,
    entered boolean NOT NULL DEFAULT false,    -- whether its rooms are entered through the server that has it now
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (server, session)
);

-- What was said in private conversations in the last minutes, and by which transaction: a server reads what it has not told
-- its users. In the transaction of the message, so there is no row without one.
CREATE TABLE IF NOT EXISTS private_feed (
    room   text COLLATE "C" NOT NULL, seq bigint NOT NULL,
    server bigint NOT NULL,                    -- through which it was said
    said   xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS private_feed_said ON private_feed (said);

-- Signals of calls that are on their way to users of other servers. Not logged: a call that is lost is offered again.
CREATE UNLOGGED TABLE IF NOT EXISTS signals (
    signal  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    usr     text NOT NULL, author text NOT NULL, -- to whom, and by whom
    kind    text NOT NULL, payload bytea NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The newest change of each thing that servers have in memory, by the transaction that made it: a server reads what was
-- changed since its last look, and what was not decided then. Written by triggers, so that it does not matter who changes it.
CREATE TABLE IF NOT EXISTS changes (
    kind    smallint NOT NULL,                 -- 0 the policy of a room, 1 a registered name, 2 a device that has ended, 3 a ban, 4 an announcement, 5 a key
    subject text COLLATE "C" NOT NULL,         -- the name, the number of the device, the ban or the entry, or the id of the key
    changed xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, subject)
);
CREATE INDEX IF NOT EXISTS changes_changed ON changes (changed);

-- Notes a change, and wakes the servers when it is committed.
CREATE OR REPLACE FUNCTION changed_1(p_kind smallint, p_subject text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (kind, subject) VALUES (p_kind, p_subject)
        ON CONFLICT (kind, subject) DO UPDATE SET changed = excluded.changed, at = excluded.at;
    EXECUTE (SELECT format('NOTIFY %I, %L', 'roomd_' || to_hex(seed), 'changes') FROM installation);
END $$;

CREATE OR REPLACE FUNCTION policy_changed_1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM changed_1(0::smallint, name) FROM rooms WHERE room = coalesce(NEW.room, OLD.room);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON policies FOR EACH ROW EXECUTE FUNCTION policy_changed_1();

CREATE OR REPLACE FUNCTION name_changed_1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM changed_1(1::smallint, coalesce(NEW.name, OLD.name));
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER changed AFTER INSERT OR DELETE OR UPDATE OF name, since, display ON names
    FOR EACH ROW EXECUTE FUNCTION name_changed_1();

CREATE OR REPLACE FUNCTION device_changed_1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN PERFORM changed_1(2::smallint, OLD.device::text);
    ELSE PERFORM changed_1(1::smallint, name) FROM names WHERE folded = NEW.folded;
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER changed AFTER INSERT OR DELETE ON devices FOR EACH ROW EXECUTE FUNCTION device_changed_1();
-- That it is used is of no interest to others; that its token was shown for the first time is.
CREATE OR REPLACE TRIGGER changed_again AFTER UPDATE ON devices FOR EACH ROW
    WHEN (OLD.label IS DISTINCT FROM NEW.label OR OLD.seen IS NULL) EXECUTE FUNCTION device_changed_1();

CREATE OR REPLACE FUNCTION key_changed_1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM changed_1(5::smallint, coalesce(NEW.kid, OLD.kid));
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER changed AFTER INSERT OR DELETE ON keys FOR EACH ROW EXECUTE FUNCTION key_changed_1();
