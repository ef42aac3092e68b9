//! Retention: the sweep that deletes old messages, and a room's own bounds.
//!
//! The journal sweeps in slices between transactions, so that no broker waits long. A room is pruned from its oldest
//! message on and without a gap, by count and by age: the first message that is young enough stays, and so do those
//! after it, whatever their times, since a clock may jump and numbers do not. The newest number stays known, and so do
//! `mid`s.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::message_key::{RoomId, seq_of};
use super::row::TEXT;
use super::{insert_buffer, last_values, search_index};
use crate::chat::Epoch;
use crate::chat::{RoomName, Time};
use crate::store::administration::{RetentionChange, RetentionOverride};
use crate::store::columns::ms;
use crate::store::rooms::Retention;

/// Rooms that one slice looks at, at most.
const ROOMS: usize = 200;
/// Messages that one slice deletes, at most.
const MESSAGES: usize = 128;
/// Bytes of bodies after which a slice deletes no further message.
const BYTES: usize = 1024 * 1024;
/// Marks, or `mid`s, that one slice deletes, at most.
const MARKS: i64 = 1_000;

/// How far a sweep has got.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// The rooms up to this one are done.
    done: RoomId,
}

/// The result of a slice of a sweep.
pub struct SweepSlice {
    /// The rest of the sweep; `None`: it is over.
    pub rest: Option<Sweep>,
    /// Rooms that lost messages, and the number up to which.
    pub pruned: Vec<(RoomId, u64)>,
}

/// A room, as the sweep finds it.
struct SweptRoom {
    room: RoomId,
    own: RetentionOverride,
    pruned: u64,
    ended: bool,
}

/// What is too old or too much.
#[derive(Clone, Copy)]
struct Bounds {
    /// Messages before this time go, in milliseconds since 1970; `None`: any age stays.
    cutoff: Option<i64>,
    /// How many stay; `None`: any number.
    count: Option<u64>,
}

impl Bounds {
    /// The bounds of a room on a server with this retention.
    fn of(own: RetentionOverride, server: Retention, now: Time) -> Self {
        let age = own.age_ms.unwrap_or_else(|| i64::try_from(server.age.as_millis()).unwrap_or(i64::MAX));
        let count = own.count.unwrap_or_else(|| i64::try_from(server.count).unwrap_or(i64::MAX));
        let cutoff = (age > 0).then(|| ms(now).saturating_sub(age));
        Self { cutoff, count: u64::try_from(count).ok().filter(|count| *count > 0) }
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
    /// The transaction must be rolled back; the sweep stays where it was.
    pub fn run_slice(self, connection: &Connection, retention: Retention, now: Time) -> rusqlite::Result<SweepSlice> {
        let Self { mut done } = self;
        let mut all_pruned = Vec::new();
        for _ in 0..ROOMS {
            let Some(SweptRoom { room, own, pruned, ended }) = next_room(connection, done)? else {
                return Ok(SweepSlice { rest: None, pruned: all_pruned });
            };
            let bounds = Bounds::of(own, retention, now);
            let complete = if ended {
                delete_ended_room(connection, room, pruned)?
            } else if bounds.cutoff.is_some() || bounds.count.is_some() {
                let Pruned { last, complete } = prune(connection, room, pruned, bounds)?;
                all_pruned.extend(last.map(|last| (room, last)));
                complete
            } else {
                true
            };
            if !complete {
                break;
            }
            done = room;
        }
        Ok(SweepSlice { rest: Some(Self { done }), pruned: all_pruned })
    }
}

/// The room after this one.
fn next_room(connection: &Connection, done: RoomId) -> rusqlite::Result<Option<SweptRoom>> {
    let sql = "SELECT room, retain_ms, retain_count, pruned, ended FROM rooms WHERE room > ?1 ORDER BY room LIMIT 1";
    let next = connection.prepare_cached(sql)?.query_row([done], |row| {
        let own = RetentionOverride { age_ms: row.get(1)?, count: row.get(2)? };
        let pruned = row.get::<_, i64>(3)?.cast_unsigned();
        Ok(SweptRoom { room: row.get(0)?, own, pruned, ended: row.get(4)? })
    });
    next.optional()
}

/// What a slice deleted of a room.
struct Pruned {
    /// The number of the last message, if any.
    last: Option<u64>,
    /// Whether there is no more to delete.
    complete: bool,
}

/// Deletes what is beyond the bounds, or a part of it.
fn prune(connection: &Connection, room: RoomId, pruned: u64, bounds: Bounds) -> rusqlite::Result<Pruned> {
    let nothing = |complete| Pruned { last: None, complete };
    insert_buffer::merge_until(connection, room, u64::MAX)?;
    let sql = "SELECT max(place) FROM messages WHERE place BETWEEN ?1 AND ?2";
    let ends = [room.key(0), room.key(u64::MAX)];
    let newest: Option<i64> = connection.prepare_cached(sql)?.query_row(ends, |row| row.get(0))?;
    let Some(newest) = newest.map(seq_of) else {
        return delete_old_marks(connection, room, pruned).map(nothing);
    };
    let Bounds { cutoff, count } = bounds;
    let surplus = count.map_or(0, |count| newest.saturating_sub(count));
    let indexed = search_index::indexed(connection, room)?;

    let sql = "SELECT place, kind, at, body, length(data) FROM messages
        WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3";
    let limit = i64::try_from(MESSAGES).unwrap_or(i64::MAX);
    let (mut bytes, mut messages, mut last) = (0, 0, None);
    {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![ends[0], ends[1], limit])?;
        while bytes < BYTES
            && let Some(row) = rows.next()?
        {
            let (key, at) = (row.get::<_, i64>(0)?, row.get::<_, i64>(2)?);
            if seq_of(key) > surplus && cutoff.is_none_or(|cutoff| at >= cutoff) {
                break;
            }
            let body = row.get_ref(3)?.as_str()?;
            if row.get::<_, i64>(1)? == TEXT && seq_of(key) <= indexed {
                search_index::remove(connection, key, body)?;
            }
            let data = row.get::<_, Option<u32>>(4)?.unwrap_or(0) as usize;
            (bytes, messages, last) = (bytes + body.len() + data, messages + 1, Some(key));
        }
    }
    let Some(last) = last else { return delete_old_marks(connection, room, pruned).map(nothing) };
    let sql = "DELETE FROM messages WHERE place BETWEEN ?1 AND ?2";
    connection.prepare_cached(sql)?.execute([ends[0], last])?;
    let sql = "UPDATE rooms SET pruned = ?2, indexed = max(indexed, ?2) WHERE room = ?1";
    connection.prepare_cached(sql)?.execute(params![room, seq_of(last).cast_signed()])?;
    last_values::prune(connection, room, seq_of(last))?;
    let complete = messages < MESSAGES && bytes < BYTES && delete_old_marks(connection, room, seq_of(last))?;
    Ok(Pruned { last: Some(seq_of(last)), complete })
}

/// Deletes what is left of a room that was ended; returns whether that was all.
fn delete_ended_room(connection: &Connection, room: RoomId, pruned: u64) -> rusqlite::Result<bool> {
    // No message is young enough.
    let everything = Bounds { cutoff: Some(i64::MAX), count: None };
    if !prune(connection, room, pruned, everything)?.complete {
        return Ok(false);
    }
    for (table, key) in [("mids", "user, mid"), ("marks", "user, receipt, seq")] {
        let sql = format!(
            "DELETE FROM {table} WHERE (room, {key}) IN (SELECT room, {key} FROM {table} WHERE room = ?1 LIMIT ?2)"
        );
        let deleted = connection.prepare_cached(&sql)?.execute(params![room, MARKS])?;
        if i64::try_from(deleted) == Ok(MARKS) {
            return Ok(false);
        }
    }
    connection.prepare_cached("DELETE FROM rooms WHERE room = ?1")?.execute([room])?;
    Ok(true)
}

/// Deletes marks that only say when deleted messages were reached; the newest of each user and receipt stays. Returns
/// whether those were all.
fn delete_old_marks(connection: &Connection, room: RoomId, pruned: u64) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM marks WHERE (room, user, receipt, seq) IN (
        SELECT room, user, receipt, seq FROM marks AS old WHERE room = ?1 AND seq <= ?2 AND EXISTS (
            SELECT 1 FROM marks WHERE room = ?1 AND user = old.user AND receipt = old.receipt AND seq > old.seq)
        LIMIT ?3)";
    let deleted = connection.prepare_cached(sql)?.execute(params![room, pruned.cast_signed(), MARKS])?;
    Ok(i64::try_from(deleted) != Ok(MARKS))
}

/// Changes the room's own bounds, and returns them. The room is inserted if it does not exist.
///
/// # Errors
/// The transaction must be rolled back.
pub fn change_override(
    connection: &Connection,
    room: &RoomName,
    change: RetentionChange,
) -> rusqlite::Result<RetentionOverride> {
    let sql = "SELECT retain_ms, retain_count FROM rooms WHERE name = ?1";
    let found = connection
        .prepare(sql)?
        .query_row([room.as_str()], |row| Ok(RetentionOverride { age_ms: row.get(0)?, count: row.get(1)? }));
    let before = found.optional()?.unwrap_or_default();
    let after = before.changed(change);
    if after != before {
        let drawn = getrandom::u64().map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let sql = "INSERT INTO rooms (name, epoch, retain_ms, retain_count) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (name) DO UPDATE SET retain_ms = ?3, retain_count = ?4";
        let epoch = Epoch(drawn).to_string();
        connection.execute(sql, params![room.as_str(), epoch, after.age_ms, after.count])?;
    }
    Ok(after)
}
