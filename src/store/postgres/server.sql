-- What admins have decided for the whole server: bans, and the audit. Run at each start.

CREATE TABLE IF NOT EXISTS bans (
    ban     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    smallint NOT NULL,                 -- 0 a name, 1 a network
    subject text NOT NULL,
    until   bigint,                            -- milliseconds since 1970; null: until it is lifted
    note    text,
    author  text NOT NULL,
    at      bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS server_audit (
    entry  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what   text NOT NULL,
    about  text,
    until  bigint,
    note   text,
    author text NOT NULL,
    at     bigint NOT NULL
);

-- Every server has the bans in memory.
CREATE OR REPLACE FUNCTION ban_changed_1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM changed_1(3::smallint, coalesce(NEW.ban, OLD.ban)::text);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER changed AFTER INSERT OR DELETE ON bans FOR EACH ROW EXECUTE FUNCTION ban_changed_1();

-- What is said to all is said by every server.
CREATE OR REPLACE FUNCTION announced_1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM changed_1(4::smallint, NEW.entry::text);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER announced AFTER INSERT ON server_audit FOR EACH ROW WHEN (NEW.what = 'announced')
    EXECUTE FUNCTION announced_1();
