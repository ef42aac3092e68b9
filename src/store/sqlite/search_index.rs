//! The full-text index, and what the journal and the sweep write to it.
//!
//! The index lags: the journal adds to it in slices while no request waits. Measured with 64 rooms this costs 2 µs of
//! CPU per message, where indexing in each transaction costs 18; with 8 rooms 8, and 26. A search (`search.rs`) indexes
//! what is missing itself. An edited or deleted message leaves the index in the same transaction. It has the terms of a
//! text (`search_terms.rs`), not the text.

use rusqlite::{Connection, params};

use super::insert_buffer;
use super::message_key::{RoomId, seq_of};
use super::row::TEXT;
use crate::store::search_terms::terms_of;

/// What a slice added to the index.
#[derive(Clone, Copy, Debug)]
pub struct IndexSlice {
    /// Messages, also those without text.
    pub messages: usize,
    /// Bytes of their bodies.
    pub bytes: usize,
    /// Whether no message of the room is missing from the index any more.
    pub complete: bool,
}

/// Adds the oldest messages of the room that are not in the index: at most `count`, and none after `bytes`.
pub fn index(connection: &Connection, room: RoomId, count: usize, bytes: usize) -> rusqlite::Result<IndexSlice> {
    let sql = "SELECT place, kind, body FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3";
    let indexed = indexed(connection, room)?;
    insert_buffer::merge_until(connection, room, indexed.saturating_add(count as u64))?;
    let mut select = connection.prepare_cached(sql)?;
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    let mut rows = select.query(params![room.key(indexed + 1), room.key(u64::MAX), limit])?;
    let mut slice = IndexSlice { messages: 0, bytes: 0, complete: false };
    let mut last = None;
    while slice.bytes < bytes
        && let Some(found) = rows.next()?
    {
        let (key, body) = (found.get(0)?, found.get_ref(2)?.as_str()?);
        if found.get::<_, i64>(1)? == TEXT {
            add(connection, key, body)?;
        }
        (slice.messages, slice.bytes, last) = (slice.messages + 1, slice.bytes + body.len(), Some(key));
    }
    if let Some(last) = last {
        let sql = "UPDATE rooms SET indexed = ?2 WHERE room = ?1";
        connection.prepare_cached(sql)?.execute(params![room, seq_of(last).cast_signed()])?;
    }
    slice.complete = slice.messages < count && slice.bytes < bytes;
    Ok(slice)
}

/// The number up to which the room's messages are in the index.
pub fn indexed(connection: &Connection, room: RoomId) -> rusqlite::Result<u64> {
    let sql = "SELECT indexed FROM rooms WHERE room = ?1";
    let seq: i64 = connection.prepare_cached(sql)?.query_row([room], |row| row.get(0))?;
    Ok(seq.cast_unsigned())
}

/// Removes a message with this body from the index, where it is.
pub fn remove(connection: &Connection, key: i64, body: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO words (words, rowid, body) VALUES ('delete', ?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![key, terms_of(body)]).map(|_| ())
}

/// Adds a message with this body to the index.
pub fn add(connection: &Connection, key: i64, body: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO words (rowid, body) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![key, terms_of(body)]).map(|_| ())
}
