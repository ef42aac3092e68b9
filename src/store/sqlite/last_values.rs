//! The newest message of each key of a room: a row each, beside the messages.
//!
//! Called by the journal inside its transaction, for messages with a key alone. A tombstone, and the deletion of the newest
//! message of a key, remove the row; retention removes those of the messages that it deletes.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::message_key::RoomId;
use crate::chat::{Body, Key, Outcome, Publication};

/// Why a message of this key is not stored, if it is not: its condition does not hold, or it would be one key too many.
///
/// # Errors
/// The transaction must be rolled back.
pub fn refuses(
    connection: &Connection,
    room: RoomId,
    publication: &Publication,
    keys_max: usize,
) -> rusqlite::Result<Option<Outcome>> {
    let Some(key) = &publication.key else { return Ok(None) };
    let sql = "SELECT seq FROM last_values WHERE room = ?1 AND key = ?2";
    let newest = connection.prepare_cached(sql)?.query_row(params![room, key.as_str()], |row| row.get::<_, i64>(0));
    let newest = newest.optional()?.map(i64::cast_unsigned);
    if publication.if_key_seq.is_some_and(|seq| seq != newest.unwrap_or(0)) {
        return Ok(Some(Outcome::KeyConflict { newest: newest.unwrap_or(0) }));
    }
    if newest.is_some() || publication.body.is_deleted() {
        return Ok(None);
    }
    let sql = "SELECT count(*) FROM last_values WHERE room = ?1";
    let count: i64 = connection.prepare_cached(sql)?.query_row([room], |row| row.get(0))?;
    Ok(usize::try_from(count).is_ok_and(|count| count >= keys_max).then_some(Outcome::TooManyKeys))
}

/// The message `seq` of this key was stored.
///
/// # Errors
/// The transaction must be rolled back.
pub fn put(connection: &Connection, room: RoomId, key: &Key, seq: u64, body: &Body) -> rusqlite::Result<()> {
    if body.is_deleted() {
        let sql = "DELETE FROM last_values WHERE room = ?1 AND key = ?2";
        return connection.prepare_cached(sql)?.execute(params![room, key.as_str()]).map(|_| ());
    }
    let sql = "INSERT INTO last_values (room, key, seq) VALUES (?1, ?2, ?3) \
               ON CONFLICT (room, key) DO UPDATE SET seq = excluded.seq";
    connection.prepare_cached(sql)?.execute(params![room, key.as_str(), seq.cast_signed()]).map(|_| ())
}

/// The message `seq` of this key was deleted: the key has no value if it was that.
///
/// # Errors
/// The transaction must be rolled back.
pub fn deleted(connection: &Connection, room: RoomId, key: &str, seq: u64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM last_values WHERE room = ?1 AND key = ?2 AND seq = ?3";
    connection.prepare_cached(sql)?.execute(params![room, key, seq.cast_signed()]).map(|_| ())
}

/// Retention has deleted the messages up to this number, or the room has ended: all of them.
///
/// # Errors
/// The transaction must be rolled back.
pub fn prune(connection: &Connection, room: RoomId, seq: u64) -> rusqlite::Result<()> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let sql = "DELETE FROM last_values WHERE room = ?1 AND seq <= ?2";
    connection.prepare_cached(sql)?.execute(params![room, seq]).map(|_| ())
}

/// Reads all of the room's anew from its messages, which were imported.
///
/// # Errors
/// The transaction must be rolled back.
pub fn rebuild(connection: &Connection, room: RoomId) -> rusqlite::Result<()> {
    prune(connection, room, u64::MAX)?;
    // Of max(), SQLite takes the other columns from the row that has it.
    let sql = "INSERT INTO last_values (room, key, seq)
        SELECT ?1, key, seq FROM (
            SELECT key, kind, max(place) - ?2 AS seq FROM history WHERE place BETWEEN ?2 AND ?3 AND key IS NOT NULL GROUP BY key
        ) WHERE kind <> 2";
    connection.prepare(sql)?.execute(params![room, room.key(0), room.key(u64::MAX)]).map(|_| ())
}

/// The number of the newest of them; `None`: no key has a value.
///
/// # Errors
/// It cannot be read.
pub fn newest(connection: &Connection, room: RoomId) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT max(seq) FROM last_values WHERE room = ?1";
    let newest: Option<i64> = connection.prepare_cached(sql)?.query_row([room], |row| row.get(0))?;
    Ok(newest.map(i64::cast_unsigned))
}
