//! What is kept, and the sweep that takes the rest away.
//!
//! The journal sweeps in slices between transactions, so that nobody waits long. A room is pruned from
//! its oldest message on and without a gap, by count and by age: the first message that is young
//! enough stays, and all after it, whatever their times say, since a clock may jump and numbers do
//! not. The newest number stays known, and so do `mid`s.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::message_key::{RoomId, seq_of};
use super::row::{TEXT, ms};
use super::search_index;
use crate::chat::Time;
use crate::store::Retention;

/// Rooms that one slice looks at, at most.
const ROOMS: usize = 200;
/// Messages that one slice takes away, at most.
const MESSAGES: usize = 128;
/// Bytes of bodies after which a slice takes no further message away.
const BYTES: usize = 1024 * 1024;
/// Marks that one slice takes away, at most.
const MARKS: i64 = 1_000;

/// How far a sweep has got.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// All rooms up to this one are done.
    done: RoomId,
}

/// What a slice of a sweep came to.
pub struct Slice {
    /// What is left of the sweep; `None`: it is over.
    pub rest: Option<Sweep>,
    /// Rooms that lost messages, and the number up to which.
    pub pruned: Vec<(RoomId, u64)>,
}

/// What the room itself says of its retention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionOverride {
    /// Milliseconds. `None` leaves it to the server; 0 is any age.
    pub age_ms: Option<i64>,
    /// `None` leaves it to the server; 0 is all.
    pub count: Option<i64>,
}

impl RetentionOverride {
    /// What holds for the room on a server with this retention: milliseconds and messages, 0 is no
    /// bound.
    pub fn in_force(self, server: Retention) -> (i64, i64) {
        let age = || i64::try_from(server.age.as_millis()).unwrap_or(i64::MAX);
        let count = || i64::try_from(server.count).unwrap_or(i64::MAX);
        (self.age_ms.unwrap_or_else(age), self.count.unwrap_or_else(count))
    }
}

impl Sweep {
    /// A sweep that begins with the first room.
    pub fn begin() -> Self {
        Self { done: RoomId(0) }
    }

    /// Does a slice of it, inside the journal's transaction.
    ///
    /// # Errors
    /// The transaction is to be given up; the sweep stays where it was.
    pub fn slice(self, connection: &Connection, retention: Retention, now: Time) -> rusqlite::Result<Slice> {
        let Self { mut done } = self;
        let mut gone = Vec::new();
        for _ in 0..ROOMS {
            let sql =
                "SELECT room, retain_ms, retain_count, pruned, ended FROM rooms WHERE room > ?1 ORDER BY room LIMIT 1";
            let next = connection.prepare_cached(sql)?.query_row([done], |row| {
                let word = RetentionOverride { age_ms: row.get(1)?, count: row.get(2)? };
                Ok((row.get::<_, RoomId>(0)?, word, row.get::<_, i64>(3)?.cast_unsigned(), row.get::<_, bool>(4)?))
            });
            let Some((room, word, pruned, ended)) = next.optional()? else {
                return Ok(Slice { rest: None, pruned: gone });
            };
            if ended {
                if !bury(connection, room, pruned)? {
                    return Ok(Slice { rest: Some(Self { done }), pruned: gone });
                }
                done = room;
                continue;
            }
            let (age, count) = word.in_force(retention);
            let cutoff = (age > 0).then(|| ms(now).saturating_sub(age));
            let count = u64::try_from(count).ok().filter(|count| *count > 0);
            if cutoff.is_some() || count.is_some() {
                let Pruned { last, whole } = prune(connection, room, pruned, cutoff, count)?;
                gone.extend(last.map(|last| (room, last)));
                if !whole {
                    return Ok(Slice { rest: Some(Self { done }), pruned: gone });
                }
            }
            done = room;
        }
        Ok(Slice { rest: Some(Self { done }), pruned: gone })
    }
}

/// What was taken away of a room.
struct Pruned {
    /// The number of the last message, if any.
    last: Option<u64>,
    /// Whether there is no more to take.
    whole: bool,
}

/// Takes away what is beyond the bounds, or a part of it.
fn prune(
    connection: &Connection,
    room: RoomId,
    pruned: u64,
    cutoff: Option<i64>,
    count: Option<u64>,
) -> rusqlite::Result<Pruned> {
    let none = |trimmed| Pruned { last: None, whole: trimmed };
    let sql = "SELECT max(place) FROM messages WHERE place BETWEEN ?1 AND ?2";
    let ends = [room.key(0), room.key(u64::MAX)];
    let newest: Option<i64> = connection.prepare_cached(sql)?.query_row(ends, |row| row.get(0))?;
    let Some(newest) = newest.map(seq_of) else {
        return trim_marks(connection, room, pruned).map(none);
    };
    let beyond = count.map_or(0, |count| newest.saturating_sub(count));
    let indexed = search_index::indexed(connection, room)?;

    let sql = "SELECT place, kind, at, body FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3";
    let limit = i64::try_from(MESSAGES).unwrap_or(i64::MAX);
    let (mut bytes, mut gone, mut last) = (0, 0, None);
    {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![ends[0], ends[1], limit])?;
        while bytes < BYTES
            && let Some(row) = rows.next()?
        {
            let (key, at) = (row.get::<_, i64>(0)?, row.get::<_, i64>(2)?);
            if seq_of(key) > beyond && cutoff.is_none_or(|cutoff| at >= cutoff) {
                break;
            }
            let body = row.get_ref(3)?.as_str()?;
            if row.get::<_, i64>(1)? == TEXT && seq_of(key) <= indexed {
                search_index::forget(connection, key, body)?;
            }
            (bytes, gone, last) = (bytes + body.len(), gone + 1, Some(key));
        }
    }
    let Some(last) = last else { return trim_marks(connection, room, pruned).map(none) };
    let sql = "DELETE FROM messages WHERE place BETWEEN ?1 AND ?2";
    connection.prepare_cached(sql)?.execute([ends[0], last])?;
    let sql = "UPDATE rooms SET pruned = ?2, indexed = max(indexed, ?2) WHERE room = ?1";
    connection.prepare_cached(sql)?.execute(params![room, seq_of(last).cast_signed()])?;
    let whole = gone < MESSAGES && bytes < BYTES && trim_marks(connection, room, seq_of(last))?;
    Ok(Pruned { last: Some(seq_of(last)), whole })
}

/// Takes away what is left of a room that was ended; returns whether that was all.
fn bury(connection: &Connection, room: RoomId, pruned: u64) -> rusqlite::Result<bool> {
    // No message is young enough.
    if !prune(connection, room, pruned, Some(i64::MAX), None)?.whole {
        return Ok(false);
    }
    for (table, key) in [("mids", "user, mid"), ("marks", "user, receipt, seq")] {
        let sql = format!(
            "DELETE FROM {table} WHERE (room, {key}) IN (SELECT room, {key} FROM {table} WHERE room = ?1 LIMIT ?2)"
        );
        let gone = connection.prepare_cached(&sql)?.execute(params![room, MARKS])?;
        if i64::try_from(gone) == Ok(MARKS) {
            return Ok(false);
        }
    }
    connection.prepare_cached("DELETE FROM rooms WHERE room = ?1")?.execute([room])?;
    Ok(true)
}

/// Takes away marks that only say when messages that are gone were reached; the newest of each user
/// and receipt stays. Returns whether those were all.
fn trim_marks(connection: &Connection, room: RoomId, pruned: u64) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM marks WHERE (room, user, receipt, seq) IN (
        SELECT room, user, receipt, seq FROM marks AS old WHERE room = ?1 AND seq <= ?2 AND EXISTS (
            SELECT 1 FROM marks WHERE room = ?1 AND user = old.user AND receipt = old.receipt AND seq > old.seq)
        LIMIT ?3)";
    let gone = connection.prepare_cached(sql)?.execute(params![room, pruned.cast_signed(), MARKS])?;
    Ok(i64::try_from(gone) != Ok(MARKS))
}
