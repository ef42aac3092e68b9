-- What roomd's journal and readers call. A function is named with its version, so that servers of two versions can run
-- at once. None of them leaves a lock behind its statement.

-- The epoch of a room of this name that has no row. The row of a room that begins again has an epoch of its own.
CREATE OR REPLACE FUNCTION first_epoch_1(p_name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'e' || lpad(to_hex(hashtextextended(p_name, seed # generation)), 16, '0') FROM installation
$$;

-- A row of the answers. what: 0 the outcome of draft i (a: its number, b: the time of that, c: see `append_3`; usr: the
-- new epoch of a room that has ended); 1 a message (a: number); 2 an edit (a: number, b: behind which number, c: version);
-- 3 a change of the policy (a: behind which number, b: until, c: version); 4 the state of room i (a: newest, b: version,
-- c: its id; usr: epoch; body: how it ended); 5 something waits for a webhook.
DO $$ BEGIN
    IF to_regtype('fact_1') IS NULL THEN
        CREATE TYPE fact_1 AS (
            i int, what smallint, a bigint, b bigint, c bigint, kind smallint, at bigint, edited bigint, usr text,
            recipient text, mid bytea, body bytea, reply bigint, reaction bigint, key bytea
        );
    END IF;
END $$;

-- What policies have had since the tables were first made; a roomd that does not know of it leaves it as it is.
ALTER TABLE policies ADD COLUMN IF NOT EXISTS members_max bigint NOT NULL DEFAULT 0;
ALTER TABLE policies ADD COLUMN IF NOT EXISTS open_subject boolean NOT NULL DEFAULT false;

-- Applies a change to a room's policy, and records it. p_change: {what, about, until, private, slow_mode_s, announcement,
-- members_max, open_subject, put: {user: role}, invite, enter, drop, demote, sanction, lift, pin, unpin, invitation, code, uses, revoke, admit}; texts that may have a zero byte are in hexadecimal:
-- {value, note, subject, description}.
CREATE OR REPLACE FUNCTION change_1(p_room bigint, p_by text, p_at bigint, p_after bigint, p_version bigint, p_change jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE l_number bigint; l_about text := p_change->>'about';
BEGIN
    INSERT INTO policies (room, private) VALUES (p_room, coalesce((p_change->>'private')::boolean, false)) ON CONFLICT DO NOTHING;
    UPDATE policies SET
        slow_mode_s = coalesce((p_change->>'slow_mode_s')::bigint, slow_mode_s),
        announcement = coalesce((p_change->>'announcement')::boolean, announcement),
        members_max = coalesce((p_change->>'members_max')::bigint, members_max),
        open_subject = coalesce((p_change->>'open_subject')::boolean, open_subject),
        subject = CASE WHEN p_change ? 'subject' THEN nullif(decode(p_change->>'subject', 'hex'), '') ELSE subject END,
        description = CASE WHEN p_change ? 'description' THEN nullif(decode(p_change->>'description', 'hex'), '') ELSE description END
        WHERE room = p_room;
    IF p_change ? 'demote' THEN UPDATE people SET role = 1 WHERE room = p_room AND role = 2; END IF;
    IF p_change ? 'drop' THEN DELETE FROM people WHERE room = p_room AND usr = l_about; END IF;
    IF p_change ? 'invite' THEN INSERT INTO people VALUES (p_room, l_about, 0, p_by, p_at) ON CONFLICT DO NOTHING; END IF;
    IF p_change ? 'put' THEN   -- who is on the list already has no new invitation
        INSERT INTO people SELECT p_room, key, value::smallint, p_by, p_at FROM jsonb_each_text(p_change->'put')
            ON CONFLICT (room, usr) DO UPDATE SET role = excluded.role;
    END IF;
    IF p_change ? 'invitation' THEN
        DELETE FROM invitations WHERE room = p_room AND until <= p_at;
        UPDATE policies SET invitations = (p_change->>'invitation')::bigint WHERE room = p_room;
        INSERT INTO invitations VALUES (p_room, (p_change->>'invitation')::bigint, p_change->>'code', p_by, p_at,
            (p_change->>'until')::bigint, (p_change->>'uses')::bigint, 0);
    END IF;
    IF p_change ? 'revoke' THEN DELETE FROM invitations WHERE room = p_room AND number = (p_change->>'revoke')::bigint; END IF;
    IF p_change ? 'admit' THEN
        INSERT INTO people VALUES (p_room, l_about, 0) ON CONFLICT DO NOTHING;
        UPDATE invitations SET used = used + 1 WHERE room = p_room AND number = (p_change->>'admit')::bigint;
        DELETE FROM invitations WHERE room = p_room AND used >= uses;
    END IF;
    IF p_change ? 'enter' THEN UPDATE people SET invited_by = NULL, invited_at = NULL WHERE room = p_room AND usr = l_about; END IF;
    IF p_change ? 'sanction' THEN
        DELETE FROM sanctions WHERE room = p_room AND kind = (p_change->>'sanction')::smallint AND until <= p_at;
        INSERT INTO sanctions VALUES (p_room, (p_change->>'sanction')::smallint, l_about, (p_change->>'until')::bigint)
            ON CONFLICT (room, kind, usr) DO UPDATE SET until = excluded.until;
    END IF;
    IF p_change ? 'lift' THEN DELETE FROM sanctions WHERE room = p_room AND kind = (p_change->>'lift')::smallint AND usr = l_about; END IF;
    IF p_change ? 'pin' THEN INSERT INTO pins VALUES (p_room, (p_change->>'pin')::bigint) ON CONFLICT DO NOTHING; END IF;
    IF p_change ? 'unpin' THEN DELETE FROM pins WHERE room = p_room AND seq = (p_change->>'unpin')::bigint; END IF;
    UPDATE rooms SET audited = audited + 1 WHERE room = p_room RETURNING audited INTO l_number;
    INSERT INTO audit VALUES (p_room, l_number, p_version, p_after, p_at, p_by, p_change->>'what', l_about,
        (p_change->>'until')::bigint, decode(p_change->>'value', 'hex'), decode(p_change->>'note', 'hex'));
END $$;

-- Ends a room: its name is free at once, for another history of another epoch; the rest is deleted in slices. Returns the
-- id of the room that has the name now.
CREATE OR REPLACE FUNCTION end_1(p_room bigint, p_by text, p_at bigint, p_version bigint, p_epoch text, p_change jsonb)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE l_name text; l_room bigint;
BEGIN
    DELETE FROM policies WHERE room = p_room; DELETE FROM people WHERE room = p_room; DELETE FROM sanctions WHERE room = p_room;
    DELETE FROM invitations WHERE room = p_room; DELETE FROM pins WHERE room = p_room; DELETE FROM audit WHERE room = p_room;
    DELETE FROM last_values WHERE room = p_room;
    SELECT name INTO l_name FROM rooms WHERE room = p_room;
    UPDATE rooms SET name = '/' || p_room, version = p_version, moderated = p_version,
        ended = jsonb_build_object('by', p_by, 'at', p_at, 'note', p_change->>'note', 'epoch', p_epoch) WHERE room = p_room;
    INSERT INTO rooms (name, epoch) VALUES (l_name, p_epoch) RETURNING room INTO l_room;
    RETURN l_room;
END $$;

-- Locks the webhooks, in their order, as everybody does who writes deliveries: no deadlock. Returns the newest delivery.
CREATE OR REPLACE FUNCTION lock_webhooks_1() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM webhooks ORDER BY webhook FOR UPDATE;
    RETURN coalesce((SELECT max(delivery) FROM deliveries), 0);
END $$;

-- Writes a delivery for each webhook that is told of this.
CREATE OR REPLACE FUNCTION tell_1(
    p_event int, p_room text, p_epoch text, p_seq bigint, p_at bigint, p_usr text, p_kind smallint, p_body bytea, p_mid bytea,
    p_reply bigint, p_reaction bigint, p_change jsonb
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE l_id text := 'msg_' || replace(gen_random_uuid()::text, '-', '');
BEGIN
    INSERT INTO deliveries (webhook, id, event, room, epoch, seq, at, usr, kind, body, mid, reply, reaction, what, about, until, value, note)
        SELECT w.webhook, l_id, p_event, p_room, p_epoch, p_seq, p_at, p_usr, p_kind, p_body, p_mid, p_reply, p_reaction,
            p_change->>'what', p_change->>'about', (p_change->>'until')::bigint, decode(p_change->>'value', 'hex'), decode(p_change->>'note', 'hex')
        FROM webhooks w WHERE removed IS NULL AND off IS NULL AND coalesce(w.room = p_room, true) AND (w.events >> p_event) & 1 = 1
        ORDER BY w.webhook;
END $$;

-- Removes the webhooks of a room that ends. What waits is delivered.
CREATE OR REPLACE FUNCTION end_webhooks_1(p_room text, p_at bigint, p_by text) RETURNS void LANGUAGE sql AS $$
    UPDATE webhooks SET removed = coalesce(removed, p_at), remover = CASE WHEN removed IS NULL THEN p_by ELSE remover END, ended = true
        WHERE room = p_room AND NOT ended
$$;

-- Counts the deliveries behind p_before, and switches off the webhooks for which too much waits; whether there are any.
CREATE OR REPLACE FUNCTION count_told_1(p_before bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE webhooks w SET waiting = waiting + n.told, bytes = bytes + n.size,
        off = CASE WHEN waiting + n.told >= 10000 OR bytes + n.size >= 67108864 THEN coalesce(off, n.at) ELSE off END,
        reason = CASE WHEN off IS NULL AND (waiting + n.told >= 10000 OR bytes + n.size >= 67108864) THEN 'full' ELSE reason END
        FROM (SELECT webhook, count(*) AS told, coalesce(sum(length(body)), 0) AS size, max(at) AS at
              FROM deliveries WHERE delivery > p_before GROUP BY webhook) n
        WHERE w.webhook = n.webhook;
    RETURN FOUND;
END $$;

-- What is new in a room, as of one moment: its state; messages after p_known, at most p_page and p_bytes; then every edit
-- and every change of the policy after p_version. Who reads merges them: a change stands behind the message of its number.
CREATE OR REPLACE FUNCTION news_1(p_room bigint, p_known bigint, p_version bigint, p_page int, p_bytes bigint)
RETURNS SETOF fact_1 LANGUAGE plpgsql STABLE AS $$
DECLARE r record;
BEGIN
    SELECT * INTO r FROM rooms WHERE room = p_room;
    IF NOT FOUND THEN RETURN; END IF;
    RETURN NEXT (1, 4, r.newest, r.version, r.room, NULL, NULL, NULL, r.epoch, NULL, NULL, convert_to(r.ended::text, 'UTF8'), NULL, NULL, NULL)::fact_1;
    IF r.newest > p_known THEN
        RETURN QUERY SELECT 1, 1::smallint, x.seq, NULL::bigint, x.version, x.kind, x.at, x.edited, x.usr, x.recipient, x.mid, x.body, x.reply, x.reaction, x.key
            FROM (SELECT m.*, sum(length(m.body)) OVER (ORDER BY m.seq) - length(m.body) AS earlier
                  FROM (SELECT * FROM messages WHERE room = r.room AND seq > p_known ORDER BY seq LIMIT p_page) m) x
            WHERE x.earlier < p_bytes ORDER BY x.seq;
    END IF;
    IF r.version = p_version THEN RETURN; END IF;
    RETURN QUERY SELECT 1, 2::smallint, m.seq, m.changed, m.version, m.kind, m.edited, NULL::bigint, m.editor, NULL, NULL::bytea, m.body, NULL::bigint, NULL::bigint, NULL::bytea
        FROM messages m WHERE m.room = r.room AND m.version > p_version ORDER BY m.version;
    RETURN QUERY SELECT 1, 3::smallint, a.after, a.until, a.version, 0::smallint, a.at, NULL::bigint, a.usr,
        a.what || ' ' || coalesce(a.about, (SELECT code FROM invitations n WHERE n.room = a.room AND a.what = 'invitation'
            AND n.number = split_part(convert_from(a.value, 'UTF8'), ' ', 1)::bigint), ''), a.note, a.value, NULL::bigint, NULL::bigint, NULL::bytea
        FROM audit a WHERE a.room = r.room AND a.version > p_version ORDER BY a.version;
END $$;

-- Keeps marks, and removes what they say was delivered from the offline inboxes. No room is locked for a mark.
CREATE OR REPLACE FUNCTION mark_1(p_room bigint[], p_usr text[], p_receipt smallint[], p_seq bigint[], p_at bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE w record;
BEGIN
    FOR w IN SELECT * FROM unnest(p_room, p_usr, p_receipt, p_seq, p_at) AS t (room, usr, receipt, seq, at) LOOP
        INSERT INTO marks SELECT w.room, w.usr, w.receipt, w.seq, w.at
            WHERE EXISTS (SELECT 1 FROM rooms r WHERE r.room = w.room AND r.newest >= w.seq)   -- the database may have lost what it is about
            AND NOT EXISTS (SELECT 1 FROM marks m WHERE m.room = w.room AND m.usr = w.usr AND m.receipt = w.receipt AND m.seq >= w.seq)
            ON CONFLICT DO NOTHING;
        IF w.receipt = 0 THEN DELETE FROM undelivered u WHERE u.usr = w.usr AND u.room = w.room AND u.seq <= w.seq; END IF;
    END LOOP;
END $$;

-- Deletes the oldest messages of a room that are beyond its bounds, a slice at a time: those before p_cutoff, and all but
-- the newest p_count (NULL: no bound), up to the first that stays. Returns the newest number that was deleted, and whether
-- there is no more to delete.
CREATE OR REPLACE FUNCTION prune_1(p_room bigint, p_cutoff bigint, p_count bigint, p_limit int, OUT o_last bigint, OUT o_complete boolean)
LANGUAGE plpgsql AS $$
DECLARE l_newest bigint; l_pruned bigint; l_stays bigint; l_end bigint; l_looked bigint;
BEGIN
    SELECT newest, pruned INTO l_newest, l_pruned FROM rooms WHERE room = p_room FOR UPDATE;
    SELECT min(x.seq) FILTER (WHERE (p_count IS NULL OR x.seq > l_newest - p_count) AND (p_cutoff IS NULL OR x.at >= p_cutoff)),
        max(x.seq), count(*) INTO l_stays, l_end, l_looked
        FROM (SELECT seq, at FROM messages WHERE room = p_room ORDER BY seq LIMIT p_limit) x;
    o_last := coalesce(l_stays - 1, l_end);
    o_complete := l_stays IS NOT NULL OR l_looked < p_limit;
    IF o_last > l_pruned THEN
        DELETE FROM messages WHERE room = p_room AND seq <= o_last;
        DELETE FROM last_values WHERE room = p_room AND seq <= o_last;
        UPDATE rooms SET pruned = o_last WHERE room = p_room;
    ELSE
        o_last := NULL;
    END IF;
    -- Marks that only say when deleted messages were reached; the newest of each user and receipt stays.
    DELETE FROM marks k WHERE k.room = p_room AND k.seq <= greatest(l_pruned, o_last) AND EXISTS (
        SELECT 1 FROM marks n WHERE n.room = p_room AND n.usr = k.usr AND n.receipt = k.receipt AND n.seq > k.seq);
END $$;

-- Deletes a slice of what a room that has ended has left behind; returns whether that was all. Its row stays until p_before,
-- for servers that have not heard of its end.
CREATE OR REPLACE FUNCTION bury_1(p_room bigint, p_before bigint, p_limit int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE l_deleted bigint;
BEGIN
    DELETE FROM messages WHERE (room, seq) IN (SELECT room, seq FROM messages WHERE room = p_room LIMIT p_limit);
    GET DIAGNOSTICS l_deleted = ROW_COUNT; IF l_deleted = p_limit THEN RETURN false; END IF;
    DELETE FROM mids WHERE (room, usr, mid) IN (SELECT room, usr, mid FROM mids WHERE room = p_room LIMIT p_limit);
    GET DIAGNOSTICS l_deleted = ROW_COUNT; IF l_deleted = p_limit THEN RETURN false; END IF;
    DELETE FROM marks WHERE (room, usr, receipt, seq) IN (SELECT room, usr, receipt, seq FROM marks WHERE room = p_room LIMIT p_limit);
    GET DIAGNOSTICS l_deleted = ROW_COUNT; IF l_deleted = p_limit THEN RETURN false; END IF;
    DELETE FROM undelivered WHERE room = p_room;
    DELETE FROM rooms WHERE room = p_room AND (ended->>'at')::bigint < p_before;
    RETURN true;
END $$;

-- A server's heartbeat, with how it is, which renews its leases; and who is there: itself, of which o_is_new says whether others did not
-- know of it or do no longer, and the others. All by one clock, the database's.
CREATE OR REPLACE FUNCTION beat_2(p_server bigint, p_about text, p_up_ms bigint, p_rooms bigint, p_behind bigint, p_answer_ms bigint, p_waits boolean)
RETURNS TABLE (o_server bigint, o_about text, o_is_new boolean) LANGUAGE plpgsql AS $$
DECLARE l_is_new boolean;
BEGIN
    -- Whether a failover would lose anything is to be known before it.
    PERFORM note_synchronous_1(p_waits);
    UPDATE servers SET seen = clock_timestamp(), up_ms = p_up_ms, rooms = p_rooms, behind = p_behind, answer_ms = p_answer_ms
        WHERE server = p_server;
    l_is_new := NOT FOUND;
    IF l_is_new THEN
        -- One that it has given up waiting for may be under way on another connection.
        INSERT INTO servers (server, about) VALUES (p_server, p_about) ON CONFLICT (server) DO UPDATE SET seen = clock_timestamp();
    END IF;
    UPDATE webhook_leases SET until = lease_end_1() WHERE webhook_leases.server = p_server;
    WITH dead AS (
        DELETE FROM servers WHERE server IN (
            SELECT server FROM servers WHERE seen < clock_timestamp() - interval '5 seconds' FOR UPDATE SKIP LOCKED) RETURNING servers.*)
    INSERT INTO dead_servers SELECT server, seen, about, up_ms, rooms, behind, answer_ms FROM dead WHERE about NOT LIKE '%, stopped'
        ON CONFLICT (server) DO UPDATE SET seen = excluded.seen;
    DELETE FROM dead_servers WHERE server = p_server OR seen < clock_timestamp() - interval '1 day';
    RETURN QUERY SELECT p_server, p_about, l_is_new UNION ALL
        SELECT server, about, false FROM servers WHERE server <> p_server AND seen >= clock_timestamp() - interval '5 seconds';
END $$;

-- Has the server take a session, if another has it: whose it was, how often it has been moved, and what it is. No row: there is none.
CREATE OR REPLACE FUNCTION take_session_1(p_session bytea, p_server bigint)
RETURNS TABLE (o_server bigint, o_moved int, o_state text) LANGUAGE plpgsql AS $$
BEGIN
    SELECT server, moved, state INTO o_server, o_moved, o_state FROM sessions
        WHERE session = p_session AND (until IS NULL OR until > clock_timestamp()) FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    IF o_server <> p_server THEN
        o_moved := o_moved + 1;
        UPDATE sessions SET server = p_server, moved = o_moved, until = NULL WHERE session = p_session;
        INSERT INTO handovers (server, session, moved) VALUES (o_server, p_session, o_moved)
            ON CONFLICT (server, session) DO UPDATE SET moved = excluded.moved, entered = false, at = excluded.at;
    END IF;
    RETURN NEXT;
END $$;

-- The rooms of a session that was taken from a server are entered: it is to let it go, and has to be told so. A server that has stopped
-- (it counts as there for a while: `seen`) lets nothing go: the user is in these rooms once less through it. If another server has
-- taken the session meanwhile, this one finds that with its next look.
CREATE OR REPLACE FUNCTION release_session_1(p_server bigint, p_from bigint, p_session bytea, p_moved int, p_usr text, p_rooms text[])
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE l_stamp bigint;
BEGIN
    INSERT INTO handovers (server, session, moved, entered)
        SELECT p_server, session, moved, true FROM sessions WHERE session = p_session AND server <> p_server
        ON CONFLICT (server, session) DO UPDATE SET moved = excluded.moved, entered = true, at = excluded.at;
    UPDATE handovers SET entered = true WHERE server = p_from AND session = p_session AND moved = p_moved;
    PERFORM FROM servers WHERE server = p_from AND seen > clock_timestamp() FOR UPDATE;
    IF NOT FOUND THEN RETURN true; END IF;
    DELETE FROM handovers WHERE server = p_from AND session = p_session AND moved = p_moved;
    IF NOT FOUND THEN RETURN false; END IF;
    SELECT max(stamp) INTO l_stamp FROM attendance WHERE server = p_from;
    UPDATE attendance a SET stamp = l_stamp + n.i, connections = a.connections - 1, kind = CASE a.connections WHEN 1 THEN 1 ELSE a.kind END,
        written = clock_timestamp()
        FROM unnest(p_rooms) WITH ORDINALITY AS n (room, i)
        WHERE a.server = p_from AND a.room = n.room AND a.usr = p_usr AND a.connections > 0;
    RETURN false;
END $$;
