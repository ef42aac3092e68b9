//! `roomd check`: whether the file is intact, and whether its rows agree with each other.
//!
//! SQLite checks its own pages and indexes, the full-text index included; the rest is ours: numbers without a gap, no
//! row of a room that does not exist. It is read in one transaction, also while a server runs.

use rusqlite::Connection;

use crate::store::administration::{Findings, RetentionOverride, RoomFinding};

/// Problems that one check reports, at most.
const PROBLEMS_MAX: usize = 100;

/// Queries that count rows which must not exist, each with what they are.
const ORPHANS: [(&str, &str); 16] = [
    (
        "messages of a room that is not there",
        "SELECT count(*) FROM history WHERE place >> 40 NOT IN (SELECT room FROM rooms)",
    ),
    ("mids of a room that is not there", "SELECT count(*) FROM mids WHERE room NOT IN (SELECT room FROM rooms)"),
    (
        "undelivered messages in a room that is not there",
        "SELECT count(*) FROM letters WHERE room NOT IN (SELECT room FROM rooms)",
    ),
    ("marks of a room that is not there", "SELECT count(*) FROM marks WHERE room NOT IN (SELECT room FROM rooms)"),
    (
        "messages whose mid is not kept",
        "SELECT count(*) FROM messages WHERE mid IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM mids WHERE room = place >> 40 AND mids.user = messages.user AND mids.mid = messages.mid
                AND seq = place & ((1 << 40) - 1))",
    ),
    (
        "mids of a message that never was",
        "SELECT count(*) FROM mids JOIN rooms USING (room) WHERE seq > max(pruned, coalesce((
            SELECT max(place) & ((1 << 40) - 1) FROM messages
            WHERE place BETWEEN rooms.room << 40 AND (rooms.room << 40) + (1 << 40) - 1), 0), coalesce((
            SELECT max(place) & ((1 << 40) - 1) FROM buffered
            WHERE place BETWEEN rooms.room << 40 AND (rooms.room << 40) + (1 << 40) - 1), 0))",
    ),
    (
        "marks of a message that never was",
        "SELECT count(*) FROM marks JOIN rooms USING (room) WHERE seq > max(pruned, coalesce((
            SELECT max(place) & ((1 << 40) - 1) FROM messages
            WHERE place BETWEEN rooms.room << 40 AND (rooms.room << 40) + (1 << 40) - 1), 0), coalesce((
            SELECT max(place) & ((1 << 40) - 1) FROM buffered
            WHERE place BETWEEN rooms.room << 40 AND (rooms.room << 40) + (1 << 40) - 1), 0))",
    ),
    ("messages that are there twice", "SELECT count(*) FROM buffered JOIN messages USING (place)"),
    (
        "deleted messages that say more than a reason",
        "SELECT count(*) FROM messages WHERE kind = 2 AND length(CAST(body AS BLOB)) > 200",
    ),
    (
        "messages of bytes that are something else as well, or nothing",
        "SELECT count(*) FROM history WHERE data IS NOT NULL AND (kind <> 1 OR body <> '' OR length(data) = 0)",
    ),
    (
        "policies of a room that is not there, or has ended",
        "SELECT count(*) FROM charters WHERE room NOT IN (SELECT room FROM rooms WHERE ended = 0)",
    ),
    ("members of a room without a policy", "SELECT count(*) FROM people WHERE room NOT IN (SELECT room FROM charters)"),
    (
        "bans and mutes of a room without a policy",
        "SELECT count(*) FROM sanctions WHERE room NOT IN (SELECT room FROM charters)",
    ),
    (
        "entries in the audit of a room that is not there, or has ended",
        "SELECT count(*) FROM audit WHERE room NOT IN (SELECT room FROM rooms WHERE ended = 0)",
    ),
    (
        "rooms with a gap in their audit",
        "SELECT count(*) FROM (SELECT room FROM audit GROUP BY room HAVING max(number) <> count(*) OR min(number) <> 1)",
    ),
    (
        "rooms with more than one owner",
        "SELECT count(*) FROM (SELECT room FROM people WHERE role = 2 GROUP BY room HAVING count(*) > 1)",
    ),
];

/// Checks the file. Blocks on the disk, for as long as it takes to read all of it.
///
/// # Errors
/// It cannot be read at all.
pub fn check(connection: &Connection) -> rusqlite::Result<Findings> {
    let transaction = connection.unchecked_transaction()?;
    let mut findings = Findings::default();
    let sql = format!("PRAGMA integrity_check({PROBLEMS_MAX})");
    let mut statement = transaction.prepare(&sql)?;
    for line in statement.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            findings.problems.push(line);
        }
    }
    if findings.problems.is_empty() {
        check_numbers(&transaction, &mut findings)?;
        for (what, sql) in ORPHANS {
            let count: i64 = transaction.query_row(sql, [], |row| row.get(0))?;
            if count > 0 {
                findings.problems.push(format!("{count} {what}"));
            }
        }
    }
    Ok(findings)
}

/// Lists the rooms, and the gaps in their numbers.
fn check_numbers(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    // Of each table by itself: a join with the view would read all messages for each room.
    let sql = "SELECT name, pruned, indexed, retain_ms, retain_count, sum(messages),
            min(oldest) & ((1 << 40) - 1), max(newest) & ((1 << 40) - 1)
        FROM (
            SELECT rooms.*, count(place) AS messages, min(place) AS oldest, max(place) AS newest
            FROM rooms LEFT JOIN messages ON place BETWEEN room << 40 AND (room << 40) + (1 << 40) - 1 GROUP BY room
            UNION ALL
            SELECT rooms.*, count(place), min(place), max(place)
            FROM rooms LEFT JOIN buffered ON place BETWEEN room << 40 AND (room << 40) + (1 << 40) - 1 GROUP BY room
        ) WHERE ended = 0 GROUP BY room ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (name, pruned, indexed) = (row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
        let count: i64 = row.get(5)?;
        let ends = row.get::<_, Option<i64>>(6)?.zip(row.get::<_, Option<i64>>(7)?);
        let newest = ends.map_or(pruned, |(_, newest)| newest);
        if let Some((oldest, newest)) = ends
            && (oldest != pruned + 1 || newest - oldest + 1 != count)
        {
            let expected = newest - pruned;
            findings.problems.push(format!("the room {name} has {count} messages, and its numbers are of {expected}"));
        }
        if indexed > newest {
            findings.problems.push(format!("the room {name} has {newest} messages, and {indexed} in its index"));
        }
        let retention = RetentionOverride { age_ms: row.get(3)?, count: row.get(4)? };
        findings.rooms.push(RoomFinding { name, ends, retention });
    }
    findings.problems.truncate(PROBLEMS_MAX);
    Ok(())
}
