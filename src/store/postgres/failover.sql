-- How servers notice that the database is another one than that which they wrote to: a standby that was promoted, or a backup that
-- was restored. Run at each start, before the other functions.

ALTER TABLE installation
    ADD COLUMN IF NOT EXISTS system bigint,    -- which database this was when a journal connected last, and on which timeline
    ADD COLUMN IF NOT EXISTS timeline bigint,
    ADD COLUMN IF NOT EXISTS since xid8,       -- the first transaction of a journal after that had changed
    ADD COLUMN IF NOT EXISTS synchronous boolean NOT NULL DEFAULT false, -- whether a commit waited for a standby then
    ADD COLUMN IF NOT EXISTS generation bigint NOT NULL DEFAULT 0;       -- how often all epochs have changed

-- The epoch that follows this one in that generation.
CREATE OR REPLACE FUNCTION next_epoch_1(p_epoch text, p_generation bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'e' || lpad(to_hex(hashtextextended(p_epoch, p_generation)), 16, '0')
$$;

-- Whether a commit that is acknowledged is on a standby, where journals wait for commits at all (p_waits).
CREATE OR REPLACE FUNCTION is_synchronous_1(p_waits boolean) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT p_waits AND current_setting('synchronous_standby_names') <> ''
$$;

-- Begins new epochs in all rooms: what was acknowledged may be lost, and its numbers are given again. Versions and ids go on
-- behind those that may be lost, since servers compare them; so do those of policies, which servers read again.
CREATE OR REPLACE FUNCTION begin_epochs_1(p_generation bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rooms SET epoch = next_epoch_1(epoch, p_generation), version = version + 4294967296, moderated = version + 4294967296;
    PERFORM setval(pg_get_serial_sequence('rooms', 'room'), nextval(pg_get_serial_sequence('rooms', 'room')) + 1000000);
    UPDATE deliveries SET epoch = next_epoch_1(epoch, p_generation) WHERE delivered IS NULL;
    INSERT INTO changes (kind, subject) SELECT 0, name FROM rooms JOIN policies USING (room)
        ON CONFLICT (kind, subject) DO UPDATE SET changed = excluded.changed, at = excluded.at;
END $$;

-- Which database this is, and on which timeline.
CREATE OR REPLACE FUNCTION database_1(OUT o_system bigint, OUT o_timeline bigint) LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        SELECT system_identifier INTO o_system FROM pg_control_system();
    EXCEPTION WHEN insufficient_privilege THEN   -- a provider may keep it from us: then by the timeline alone
        o_system := 0;
    END;
    -- The control file has it from the next checkpoint on only.
    o_timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
END $$;

-- Notes whether commits wait for a standby now, for a failover to come. Not where there has been one that no journal has recognized
-- yet: it is judged by what was so before.
CREATE OR REPLACE FUNCTION note_synchronous_1(p_waits boolean) RETURNS void LANGUAGE sql AS $$
    UPDATE installation SET synchronous = is_synchronous_1(p_waits) FROM database_1()
        WHERE synchronous <> is_synchronous_1(p_waits) AND system = o_system AND timeline = o_timeline
$$;

-- Recognizes the database at the beginning of each connection of a journal, whose newest acknowledged batch is p_batch. If it has
-- failed over and may have lost what was acknowledged, because no commit waited for a standby, or if it has lost this batch, all
-- rooms have new epochs. It fails on a standby.
CREATE OR REPLACE FUNCTION recognize_1(
    p_journal bigint, p_batch bigint, p_waits boolean,
    OUT o_system bigint, OUT o_timeline bigint, OUT o_is_new boolean, OUT o_lost boolean
) LANGUAGE plpgsql AS $$
DECLARE l installation;
BEGIN
    SELECT d.o_system, d.o_timeline INTO o_system, o_timeline FROM database_1() d;
    SELECT * INTO l FROM installation FOR UPDATE;
    o_is_new := l.system IS NOT NULL AND (l.system <> o_system OR l.timeline <> o_timeline);
    o_lost := o_is_new AND NOT l.synchronous OR EXISTS (SELECT 1 FROM journals WHERE journal = p_journal AND batch < p_batch);
    IF o_lost THEN PERFORM begin_epochs_1(l.generation + 1); END IF;
    IF l.system IS NULL OR o_is_new OR o_lost OR l.synchronous <> is_synchronous_1(p_waits) THEN
        UPDATE installation SET system = o_system, timeline = o_timeline, synchronous = is_synchronous_1(p_waits),
            since = CASE WHEN o_is_new OR o_lost THEN pg_current_xact_id() ELSE since END, generation = l.generation + o_lost::int;
    END IF;
END $$;
