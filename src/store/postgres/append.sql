-- What stores the drafts of a journal. Run at each start, behind the other functions.

-- NULL: all drafts of the batch were stored, one behind the other.
ALTER TABLE journals ALTER COLUMN outcomes DROP NOT NULL;

-- Where rooms stood before a batch, as journals keep it.
CREATE OR REPLACE FUNCTION states_1(p_states bigint[]) RETURNS SETOF fact_1 LANGUAGE sql IMMUTABLE AS $$
    SELECT p_states[4*i-3]::int, 4::smallint, p_states[4*i-2], p_states[4*i-1], p_states[4*i], NULL::smallint, NULL::bigint, NULL::bigint,
        NULL::text, NULL::text, NULL::bytea, NULL::bytea, NULL::bigint, NULL::bigint, NULL::bytea
        FROM generate_series(1, cardinality(p_states) / 4) AS i
$$;

-- What became of the drafts of a batch, as journals keep it.
CREATE OR REPLACE FUNCTION outcomes_1(p_outcomes bigint[], p_epochs text[]) RETURNS SETOF fact_1 LANGUAGE sql IMMUTABLE AS $$
    SELECT i, 0::smallint, p_outcomes[3*i-2], p_outcomes[3*i-1], p_outcomes[3*i], NULL::smallint, NULL::bigint, NULL::bigint,
        p_epochs[i], NULL::text, NULL::bytea, NULL::bytea, NULL::bigint, NULL::bigint, NULL::bytea
        FROM generate_series(1, cardinality(p_outcomes) / 3) AS i
$$;

-- The same of a batch whose drafts were all stored: each in its place behind where its room stood.
CREATE OR REPLACE FUNCTION stored_1(p_states bigint[], d_room int[], d_place bigint[], d_at bigint[]) RETURNS SETOF fact_1 LANGUAGE sql IMMUTABLE AS $$
    SELECT * FROM states_1(p_states) UNION ALL
    SELECT n::int, 0::smallint, p_states[4*room-2] + place, at, 1, NULL::smallint, NULL::bigint, NULL::bigint,
        NULL::text, NULL::text, NULL::bytea, NULL::bytea, NULL::bigint, NULL::bigint, NULL::bytea
        FROM unnest(d_room, d_place, d_at) WITH ORDINALITY AS t (room, place, at, n)
$$;

-- Numbers drafts of several rooms and stores them: all or none, in one statement and so in one transaction.
--   p_rooms: ids; 0 where the broker knows of no row, which is inserted. p_names: their names. p_epochs: the epochs that the
--   brokers know. p_version: the versions that they know.
--   d_room: the index of the room. d_place: the draft's place among those of its room.
--   d_deed: 0 publish, 1 edit (d_about: the number; d_rules: it may be another's), 2 change the policy, 3 end the room
--   (d_body: the new epoch), in the order of the drafts.
--   d_if_seq: a message is stored only behind the one of this number, unless it is a repeat; NULL: behind any. d_key: what it
--   is the newest value of, unless there are d_keys_max others; d_if_key_seq: the same as d_if_seq of the key's newest message.
--   Outcomes: 1 stored, 2 a repeat, 3 stale (the policy has changed: decide again), 4 changed, 5 missing, 6 foreign, 7 ended,
--   8 a conflict (the newest message is another one: the outcome's number), 9 the same of the key, 10 too many keys, 11 the
--   room is of another epoch, or gone.
CREATE OR REPLACE FUNCTION append_3(
    p_journal bigint, p_batch bigint, p_rooms bigint[], p_names text[], p_epochs text[], p_version bigint[],
    d_room int[], d_place bigint[], d_deed smallint[], d_usr text[], d_recipient text[], d_kind smallint[], d_at bigint[],
    d_mid bytea[], d_body bytea[], d_words tsvector[], d_reply bigint[], d_reaction bigint[], d_about bigint[], d_rules boolean[],
    d_change text[], d_if_seq bigint[], d_key bytea[], d_if_key_seq bigint[], d_keys_max bigint[]
) RETURNS SETOF fact_1 LANGUAGE plpgsql AS $$
DECLARE
    l_batch bigint; l_outcomes bigint[]; l_epochs text[]; l_states bigint[]; l_kept bigint[] := '{}'; l_id bigint[]; l_newest bigint[]; l_first bigint[]; l_version bigint[];
    l_before bigint[]; l_moderated bigint[]; l_stale boolean[]; l_out bigint[] := '{}'; l_drawn text[] := '{}'; d record;
    l_gone boolean[]; m record; i int; l_seq bigint; l_at bigint; l_what bigint; l_refused bigint; l_value bigint; l_epoch text; l_era text[]; l_delivery bigint; l_change jsonb;
BEGIN
    SELECT batch, outcomes, epochs, states INTO l_batch, l_outcomes, l_epochs, l_states FROM journals WHERE journal = p_journal FOR UPDATE;
    IF NOT FOUND THEN   -- its first batch, or the first for a day
        INSERT INTO journals (journal) VALUES (p_journal) ON CONFLICT DO NOTHING;
        SELECT batch, outcomes, epochs, states INTO l_batch, l_outcomes, l_epochs, l_states FROM journals WHERE journal = p_journal FOR UPDATE;
    END IF;
    IF l_batch >= p_batch THEN   -- it was done, and the answer was lost
        IF l_outcomes IS NULL THEN
            RETURN QUERY SELECT * FROM stored_1(l_states, d_room, d_place, d_at);
        ELSE
            RETURN QUERY SELECT * FROM states_1(l_states) UNION ALL SELECT * FROM outcomes_1(l_outcomes, l_epochs);
        END IF;
        RETURN;
    END IF;
    IF 0 = ANY (p_rooms) THEN
        INSERT INTO rooms (name, epoch) SELECT w.name, first_epoch_1(w.name) FROM unnest(p_rooms, p_names) AS w (room, name)
            WHERE w.room = 0 ORDER BY w.name ON CONFLICT (name) DO NOTHING;
    END IF;
    -- Locked in ascending order by everybody: no deadlock. One that the database has lost has no id.
    WITH locked AS MATERIALIZED (
        SELECT w.i, x.room, x.epoch, x.newest, x.version, x.moderated, x.ended IS NOT NULL AS ended
        FROM unnest(p_rooms, p_names) WITH ORDINALITY AS w (id, n, i)
        JOIN rooms x ON x.room = CASE WHEN w.id = 0 THEN (SELECT y.room FROM rooms y WHERE y.name = w.n) ELSE w.id END
        ORDER BY x.room FOR UPDATE OF x)
    SELECT array_agg(l.room ORDER BY w.i), array_agg(coalesce(l.newest, 0) ORDER BY w.i), array_agg(coalesce(l.version, 0) ORDER BY w.i),
        array_agg(l.moderated ORDER BY w.i), array_agg(l.epoch ORDER BY w.i), array_agg(l.room IS NULL OR l.epoch <> w.epoch ORDER BY w.i),
        array_agg(l.ended OR l.moderated > w.version ORDER BY w.i)
        INTO l_id, l_newest, l_version, l_moderated, l_era, l_gone, l_stale
        FROM unnest(p_epochs, p_version) WITH ORDINALITY AS w (epoch, version, i) LEFT JOIN locked l USING (i);
    l_first := l_newest; l_before := l_version;
    FOR i IN 1 .. cardinality(p_rooms) LOOP
        l_kept := l_kept || ARRAY[i, l_newest[i], l_version[i], coalesce(l_id[i], 0)];
    END LOOP;
    IF EXISTS (SELECT 1 FROM webhooks) THEN l_delivery := lock_webhooks_1(); END IF;

    RETURN QUERY SELECT * FROM states_1(l_kept);
    FOR d IN SELECT * FROM unnest(d_room, d_deed, d_usr, d_recipient, d_kind, d_at, d_mid, d_body, d_words, d_reply, d_reaction, d_about, d_rules, d_change, d_if_seq, d_key, d_if_key_seq, d_keys_max)
             WITH ORDINALITY AS t (room, deed, usr, recipient, kind, at, mid, body, words, reply, reaction, about, rules, change, if_seq, key, if_key_seq, keys_max, n) LOOP
        i := d.room; l_seq := l_newest[i] + 1; l_at := d.at; l_what := 1; l_epoch := NULL;
        IF l_gone[i] THEN
            l_what := 11; l_seq := 0;
        ELSIF l_stale[i] THEN
            l_what := 3;
        ELSIF d.deed = 0 THEN
            l_refused := 0;
            IF d.if_seq <> l_newest[i] THEN
                l_refused := 8; l_value := l_newest[i];
            ELSIF d.key IS NOT NULL THEN
                SELECT seq INTO l_value FROM last_values WHERE room = l_id[i] AND key = d.key;
                IF d.if_key_seq <> coalesce(l_value, 0) THEN
                    l_refused := 9; l_value := coalesce(l_value, 0);
                ELSIF l_value IS NULL AND d.kind <> 2
                    AND (SELECT count(*) FROM last_values WHERE room = l_id[i]) >= d.keys_max THEN
                    l_refused := 10; l_value := 0;
                END IF;
            END IF;
            IF l_refused > 0 THEN
                SELECT seq, at INTO l_seq, l_at FROM mids WHERE room = l_id[i] AND usr = d.usr AND mid = d.mid;
                l_what := 2;
                IF NOT FOUND THEN l_seq := l_value; l_at := d.at; l_what := l_refused; END IF;
            ELSIF d.mid IS NOT NULL THEN
                INSERT INTO mids VALUES (l_id[i], d.usr, d.mid, l_seq, d.at) ON CONFLICT DO NOTHING;
                IF NOT FOUND THEN
                    SELECT seq, at INTO l_seq, l_at FROM mids WHERE room = l_id[i] AND usr = d.usr AND mid = d.mid;
                    l_what := 2;
                END IF;
            END IF;
            IF l_what = 1 THEN
                INSERT INTO messages (room, seq, kind, at, usr, recipient, mid, body, words, reply, reaction, key)
                    VALUES (l_id[i], l_seq, d.kind, d.at, d.usr, d.recipient, d.mid, d.body, d.words, d.reply, d.reaction, d.key);
                l_newest[i] := l_seq;
                IF d.key IS NOT NULL AND d.kind = 2 THEN
                    DELETE FROM last_values WHERE room = l_id[i] AND key = d.key;
                ELSIF d.key IS NOT NULL THEN
                    INSERT INTO last_values VALUES (l_id[i], d.key, l_seq) ON CONFLICT (room, key) DO UPDATE SET seq = excluded.seq;
                END IF;
                IF p_names[i] LIKE 'dm:%' THEN
                    INSERT INTO private_feed (room, seq, server) VALUES (p_names[i], l_seq, p_journal);
                END IF;
                IF d.recipient IS NOT NULL THEN
                    INSERT INTO undelivered SELECT d.recipient, l_id[i], l_seq WHERE EXISTS (SELECT 1 FROM names WHERE name = d.recipient)
                        ON CONFLICT (usr, room) DO UPDATE SET seq = excluded.seq;
                END IF;
            END IF;
        ELSIF d.deed = 1 THEN
            SELECT usr, kind, key INTO m FROM messages WHERE room = l_id[i] AND seq = d.about;
            IF NOT FOUND OR m.kind = 2 THEN l_what := 5;
            ELSIF m.usr <> d.usr AND NOT d.rules THEN l_what := 6;
            ELSE
                l_what := 4; l_seq := d.about; l_version[i] := l_version[i] + 1;
                UPDATE messages SET kind = d.kind, body = d.body, words = d.words, edited = d.at, editor = d.usr,
                    changed = l_newest[i], version = l_version[i] WHERE room = l_id[i] AND seq = d.about;
                IF d.kind = 2 AND m.key IS NOT NULL THEN
                    DELETE FROM last_values WHERE room = l_id[i] AND key = m.key AND seq = d.about;
                END IF;
                IF m.usr <> d.usr THEN
                    UPDATE rooms SET audited = audited + 1 WHERE room = l_id[i] RETURNING audited INTO l_seq;
                    INSERT INTO audit VALUES (l_id[i], l_seq, 0, l_newest[i], d.at, d.usr, 'deleted', m.usr, NULL, convert_to(d.about::text, 'UTF8'), nullif(d.body, ''));
                    l_seq := d.about;
                END IF;
            END IF;
        ELSIF d.deed = 2 THEN
            l_what := 4; l_version[i] := l_version[i] + 1; l_moderated[i] := l_version[i]; l_seq := l_version[i];
            PERFORM change_1(l_id[i], d.usr, d.at, l_newest[i], l_version[i], d.change::jsonb);
        ELSE
            l_what := 7; l_seq := 0; l_epoch := convert_from(d.body, 'UTF8');
            UPDATE rooms SET newest = l_newest[i] WHERE room = l_id[i];
            l_id[i] := end_1(l_id[i], d.usr, d.at, l_version[i] + 1, l_epoch, d.change::jsonb);
            l_newest[i] := 0; l_first[i] := 0; l_version[i] := 0; l_before[i] := 0; l_moderated[i] := 0;
            l_kept := l_kept || ARRAY[i, 0, 0, l_id[i]];
            RETURN NEXT (i, 4, 0, 0, l_id[i], NULL, NULL, NULL, l_epoch, NULL, NULL, NULL, NULL, NULL, NULL)::fact_1;
        END IF;
        IF l_delivery IS NOT NULL AND l_what IN (1, 4, 7) AND p_names[i] NOT LIKE 'dm:%' THEN
            l_change := d.change::jsonb;
            IF d.deed = 1 AND d.kind = 2 THEN   -- nothing of it is told any more, or counts; what is behind is not counted yet
                UPDATE webhooks w SET bytes = bytes - n.size
                    FROM (SELECT webhook, coalesce(sum(length(body)), 0) AS size FROM deliveries
                          WHERE room = p_names[i] AND seq = d.about AND epoch = l_era[i] AND delivered IS NULL AND delivery <= l_delivery
                          GROUP BY webhook) n
                    WHERE w.webhook = n.webhook;
                UPDATE deliveries SET kind = 2, body = '' WHERE room = p_names[i] AND seq = d.about AND epoch = l_era[i];
            END IF;
            PERFORM tell_1(CASE d.deed WHEN 0 THEN 0 WHEN 1 THEN CASE d.kind WHEN 2 THEN 2 ELSE 1 END WHEN 3 THEN 6
                ELSE CASE l_change->>'what' WHEN 'founded' THEN 5 ELSE 7 END END,
                p_names[i], l_era[i], CASE d.deed WHEN 0 THEN l_seq WHEN 1 THEN d.about END, d.at, d.usr,
                CASE WHEN d.deed < 2 THEN d.kind END, CASE WHEN d.deed < 2 THEN d.body END, d.mid, d.reply, d.reaction, l_change);
            IF d.deed = 3 THEN
                PERFORM end_webhooks_1(p_names[i], d.at, d.usr);
                l_era[i] := l_epoch;
            END IF;
        END IF;
        l_out := l_out || ARRAY[l_seq, l_at, l_what]; l_drawn := l_drawn || l_epoch;
        RETURN NEXT (d.n, 0, l_seq, l_at, l_what, NULL, NULL, NULL, l_epoch, NULL, NULL, NULL, NULL, NULL, NULL)::fact_1;
    END LOOP;
    UPDATE rooms x SET newest = w.newest, version = w.version, moderated = w.moderated
        FROM unnest(l_id, l_newest, l_version, l_moderated, l_first, l_before) AS w (room, newest, version, moderated, first, before)
        WHERE x.room = w.room AND (w.newest > w.first OR w.version > w.before);
    IF l_delivery IS NOT NULL AND count_told_1(l_delivery) THEN   -- something waits for a webhook
        RETURN NEXT (1, 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::fact_1;
    END IF;
    UPDATE journals SET batch = p_batch, outcomes = l_out, epochs = l_drawn, states = l_kept, used = now() WHERE journal = p_journal;
END $$;

-- Whether there are webhooks, in a function because each statement of one sees what was committed before it, and so behind a lock
-- that the statement which calls it has waited for.
CREATE OR REPLACE FUNCTION has_webhooks_1() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN EXISTS (SELECT FROM webhooks); END $$;

-- Stores messages about which nothing has to be decided: without a key or a condition, for nobody in particular, in rooms that have a
-- row. All in one statement, which takes half of the time of `append_3`. Returns where rooms stood before (index, newest number,
-- version and id of each); NULL: nothing was stored, and `append_3` has to decide, since something else has happened: the batch was stored
-- before, a room was changed, a message is a repeat, or there are webhooks.
--   Parameters as of `append_3`, and p_drafts: how many drafts each room has. The locks as well, and in the same order.
CREATE OR REPLACE FUNCTION store_messages_1(
    p_journal bigint, p_batch bigint, p_rooms bigint[], p_epochs text[], p_version bigint[], p_drafts bigint[],
    d_room int[], d_place bigint[], d_usr text[], d_kind smallint[], d_at bigint[],
    d_mid bytea[], d_body bytea[], d_words tsvector[], d_reply bigint[], d_reaction bigint[]
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE l_states bigint[];
BEGIN
    WITH mine AS MATERIALIZED (SELECT FROM journals WHERE journal = p_journal AND batch < p_batch FOR UPDATE),
    locked AS MATERIALIZED (
        SELECT w.i, x.room, x.newest, x.version, x.epoch = w.epoch AND x.ended IS NULL AND x.moderated <= w.version AS is_known
        FROM mine, unnest(p_rooms, p_epochs, p_version) WITH ORDINALITY AS w (id, epoch, version, i) JOIN rooms x ON x.room = w.id
        ORDER BY x.room FOR UPDATE OF x),
    decided AS MATERIALIZED (
        SELECT array_agg(l.room ORDER BY l.i) AS rooms, array_agg(l.newest ORDER BY l.i) AS newest
        FROM locked l HAVING count(*) = cardinality(p_rooms) AND bool_and(l.is_known) AND NOT has_webhooks_1()),
    drafts AS MATERIALIZED (
        SELECT s.rooms[d.room] AS room, s.newest[d.room] + d.place AS seq, d.kind, d.at, d.usr, d.mid, d.body, d.words, d.reply, d.reaction
        FROM decided s, unnest(d_room, d_place, d_kind, d_at, d_usr, d_mid, d_body, d_words, d_reply, d_reaction)
            AS d (room, place, kind, at, usr, mid, body, words, reply, reaction)),
    identified AS (
        INSERT INTO mids (room, usr, mid, seq, at) SELECT d.room, d.usr, d.mid, d.seq, d.at FROM drafts d WHERE d.mid IS NOT NULL),
    stored AS (
        INSERT INTO messages (room, seq, kind, at, usr, mid, body, words, reply, reaction)
        SELECT d.room, d.seq, d.kind, d.at, d.usr, d.mid, d.body, d.words, d.reply, d.reaction FROM drafts d),
    numbered AS (UPDATE rooms x SET newest = l.newest + p_drafts[l.i] FROM decided, locked l WHERE x.room = l.room)
    UPDATE journals j SET batch = p_batch, outcomes = NULL, epochs = '{}', used = now(),
        states = (SELECT array_agg(s.state ORDER BY l.i, s.n)
                  FROM locked l, unnest(ARRAY[l.i, l.newest, l.version, l.room]) WITH ORDINALITY AS s (state, n))
        FROM decided WHERE j.journal = p_journal RETURNING j.states INTO l_states;
    RETURN l_states;
EXCEPTION WHEN unique_violation THEN   -- of the mids
    RETURN NULL;
END $$;
