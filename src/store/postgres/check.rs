//! `roomd check` on PostgreSQL: whether the rows agree with each other.
//!
//! The database's own pages and indexes are for its own tools (`pg_amcheck`). Read as of one moment, also while a server
//! runs.

use super::link::{DatabaseLink, LinkError};
use crate::store::administration::{Findings, RetentionOverride, RoomFinding};

/// Problems that one check reports, at most.
const PROBLEMS_MAX: usize = 100;

/// Queries that count rows which must not exist, each with what they are.
const ORPHANS: [(&str, &str); 12] = [
    ("messages of a room that is not there", "SELECT count(*) FROM messages WHERE room NOT IN (SELECT room FROM rooms)"),
    ("mids of a room that is not there", "SELECT count(*) FROM mids WHERE room NOT IN (SELECT room FROM rooms)"),
    ("marks of a room that is not there", "SELECT count(*) FROM marks WHERE room NOT IN (SELECT room FROM rooms)"),
    (
        "undelivered messages in a room that is not there",
        "SELECT count(*) FROM undelivered WHERE room NOT IN (SELECT room FROM rooms)",
    ),
    (
        "messages whose mid is not kept",
        "SELECT count(*) FROM messages m JOIN rooms USING (room) WHERE ended IS NULL AND mid IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM mids WHERE mids.room = m.room AND mids.usr = m.usr AND mids.mid = m.mid AND mids.seq = m.seq)",
    ),
    ("mids of a message that never was", "SELECT count(*) FROM mids JOIN rooms USING (room) WHERE seq > newest"),
    ("marks of a message that never was", "SELECT count(*) FROM marks JOIN rooms USING (room) WHERE seq > newest"),
    ("deleted messages that say more than a reason", "SELECT count(*) FROM messages WHERE kind = 2 AND length(body) > 200"),
    (
        "policies of a room that is not there, or has ended",
        "SELECT count(*) FROM policies WHERE room NOT IN (SELECT room FROM rooms WHERE ended IS NULL)",
    ),
    ("members of a room without a policy", "SELECT count(*) FROM people WHERE room NOT IN (SELECT room FROM policies)"),
    (
        "rooms with a gap in their audit",
        "SELECT count(*) FROM (SELECT room FROM audit GROUP BY room HAVING max(number) <> count(*) OR min(number) <> 1) AS gaps",
    ),
    (
        "rooms with more than one owner",
        "SELECT count(*) FROM (SELECT room FROM people WHERE role = 2 GROUP BY room HAVING count(*) > 1) AS owned",
    ),
];

/// Checks the history, inside a snapshot. Blocks for as long as it takes to read all of it.
///
/// # Errors
/// It cannot be read at all.
pub fn check(link: &mut DatabaseLink) -> Result<Findings, LinkError> {
    // All of it may take long, and looks at every row.
    link.limit(std::time::Duration::from_secs(24 * 60 * 60))?;
    link.run("SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on")?;
    let mut findings = Findings::default();
    let sql = "SELECT name, pruned, newest, retain_ms, retain_count, count(seq), min(seq), max(seq)
        FROM rooms LEFT JOIN messages USING (room) WHERE ended IS NULL GROUP BY rooms.room ORDER BY name";
    for row in link.query(sql, &[])? {
        let (name, pruned, newest, count) =
            (row.get::<_, String>(0), row.get::<_, i64>(1), row.get::<_, i64>(2), row.get::<_, i64>(5));
        let ends = row.get::<_, Option<i64>>(6).zip(row.get::<_, Option<i64>>(7));
        if newest - pruned != count || ends.is_some_and(|ends| ends != (pruned + 1, newest)) {
            let expected = newest - pruned;
            findings.problems.push(format!("the room {name} has {count} messages, and its numbers are of {expected}"));
        }
        let retention = RetentionOverride { age_ms: row.get(3), count: row.get(4) };
        findings.rooms.push(RoomFinding { name, ends, retention });
    }
    for (what, sql) in ORPHANS {
        let count = link.row(sql, &[])?.map_or(0, |row| row.get::<_, i64>(0));
        if count > 0 {
            findings.problems.push(format!("{count} {what}"));
        }
    }
    findings.problems.truncate(PROBLEMS_MAX);
    Ok(findings)
}
