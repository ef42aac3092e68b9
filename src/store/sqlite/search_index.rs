//! Finding messages by their words.
//!
//! The index lags: the journal adds to it in slices when nobody waits. With 64 rooms that was measured
//! to cost 2 µs of CPU a message, and 18 when each transaction adds its own; with 8 rooms 8, and 26.
//! What is not in it yet is indexed by the one who searches, in the memory of its own connection, so a
//! search finds what was stored before it began and never waits for the journal. What is changed or
//! taken away leaves the index in the same transaction.

use rusqlite::{Connection, params};

use super::message_key::{RoomId, seq_of};
use super::row::{self, COLUMNS, TEXT};
use crate::chat::{Message, RoomName};

/// Words of a search that count; those behind them do not.
const WORDS_MAX: usize = 32;
/// The newest messages that a search looks through when they are not in the index yet. Ordinarily the
/// index lags by a thousand at most.
const TAIL_MAX: i64 = 10_000;

/// Made on each connection that searches: an index in its own memory, empty between searches.
pub const TAIL: &str = "CREATE VIRTUAL TABLE temp.tail USING fts5 (
    body, content = '', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2')";

/// What a slice of the index took in.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Messages.
    pub messages: usize,
    /// Bytes of what they say.
    pub bytes: usize,
    /// Whether the index has all of the room now.
    pub whole: bool,
}

/// Adds the oldest messages of the room that are not in the index: at most `count`, and none after
/// `bytes`.
pub fn index(connection: &Connection, room: RoomId, count: usize, bytes: usize) -> rusqlite::Result<Slice> {
    let sql = "SELECT place, kind, body FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3";
    let mut select = connection.prepare_cached(sql)?;
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    let mut rows = select.query(params![room.key(indexed(connection, room)? + 1), room.key(u64::MAX), limit])?;
    let mut slice = Slice { messages: 0, bytes: 0, whole: false };
    let mut last = None;
    while slice.bytes < bytes
        && let Some(found) = rows.next()?
    {
        let (key, body) = (found.get(0)?, found.get_ref(2)?.as_str()?);
        if found.get::<_, i64>(1)? == TEXT {
            learn(connection, key, body)?;
        }
        (slice.messages, slice.bytes, last) = (slice.messages + 1, slice.bytes + body.len(), Some(key));
    }
    if let Some(last) = last {
        let sql = "UPDATE rooms SET indexed = ?2 WHERE room = ?1";
        connection.prepare_cached(sql)?.execute(params![room, seq_of(last).cast_signed()])?;
    }
    slice.whole = slice.messages < count && slice.bytes < bytes;
    Ok(slice)
}

/// Up to which number the room's messages are in the index.
pub fn indexed(connection: &Connection, room: RoomId) -> rusqlite::Result<u64> {
    let sql = "SELECT indexed FROM rooms WHERE room = ?1";
    let seq: i64 = connection.prepare_cached(sql)?.query_row([room], |row| row.get(0))?;
    Ok(seq.cast_unsigned())
}

/// Takes the message at `key`, which is in the index and says `body`, out of it.
pub fn forget(connection: &Connection, key: i64, body: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO words (words, rowid, body) VALUES ('delete', ?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![key, body]).map(|_| ())
}

/// Puts the message at `key` into the index.
pub fn learn(connection: &Connection, key: i64, body: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO words (rowid, body) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![key, body]).map(|_| ())
}

/// The newest messages before the number `before` that hold all words of `text`, oldest first. The
/// transaction is to be rolled back: it holds the tail.
pub fn search(
    connection: &Connection,
    (room, name): (RoomId, &RoomName),
    text: &str,
    before: u64,
    count: usize,
) -> rusqlite::Result<Vec<Message>> {
    let query = query_of(text);
    let Some(last) = before.checked_sub(1).filter(|_| !query.is_empty() && count > 0) else { return Ok(Vec::new()) };
    let indexed = indexed(connection, room)?;
    let ends = (room.key(indexed + 1), room.key(last));
    let mut places = Vec::new();
    if ends.0 <= ends.1 {
        let sql = "INSERT INTO temp.tail (rowid, body) SELECT place, body FROM messages \
                   WHERE place BETWEEN ?1 AND ?2 AND kind = 0 ORDER BY place DESC LIMIT ?3";
        connection.prepare_cached(sql)?.execute(params![ends.0, ends.1, TAIL_MAX])?;
        places = matching(connection, "tail", &query, ends, count)?;
    }
    let rest = count - places.len();
    if rest > 0 {
        let ends = (room.key(0), room.key(last.min(indexed)));
        places.extend(matching(connection, "words", &query, ends, rest)?);
    }
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE place = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    places.iter().rev().map(|key| statement.query_row([key], |found| row::read(found, name))).collect()
}

/// The places between these ends that match, the greatest first.
fn matching(
    connection: &Connection,
    index: &str,
    query: &str,
    (first, last): (i64, i64),
    count: usize,
) -> rusqlite::Result<Vec<i64>> {
    let sql = format!(
        "SELECT rowid FROM {index} WHERE {index} MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid DESC LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    statement.query_map(params![query, first, last, count], |row| row.get(0))?.collect()
}

/// The search in FTS5's own language: each word quoted, all of them wanted. A word that holds
/// nothing but punctuation is wanted by nobody.
fn query_of(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.filter(|word| word.chars().any(char::is_alphanumeric)).take(WORDS_MAX);
    words.map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_types_is_never_a_query_of_its_own() {
        for (text, query) in [
            ("", ""),
            (" !! ?", ""),
            ("hello  world", "\"hello\" \"world\""),
            ("a OR b*", "\"a\" \"OR\" \"b*\""),
            ("say \"hi", "\"say\" \"\"\"hi\""),
            ("nul\0byte", "\"nul\" \"byte\""),
            ("body:x ^y", "\"body:x\" \"^y\""),
        ] {
            assert_eq!(query_of(text), query, "{text:?}");
        }
        assert_eq!(query_of(&"w ".repeat(100)).split(' ').count(), WORDS_MAX);
    }
}
