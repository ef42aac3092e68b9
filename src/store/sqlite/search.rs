//! The search: in one room, and in all rooms that somebody may read.
//!
//! It reads through a connection of the pool for searches, inside one transaction. What is not in the index yet it
//! indexes in the memory of its own connection, so it finds what was stored before it began and never waits for the
//! journal; the transaction must be rolled back, for it holds that index. A search that is interrupted, because its time
//! is over, returns what it has found until then: matches come the newest first.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use super::message_key::RoomId;
use super::row::{self, COLUMNS};
use super::search_index::indexed;

use crate::chat::{Message, RoomName, SearchPosition, Time};
use crate::store::jsonl::SEQ_MAX;
use crate::store::rooms::{Found, FoundInRooms};
use crate::store::search_terms::{Match, query_of, terms_of};

/// The newest messages without an index that a search looks through, at most. Ordinarily the index lags by two thousand.
const TAIL_MAX: i64 = 10_000;
/// Messages with the whole words from which on a search does not look for longer words too.
const WHOLE_ENOUGH: usize = 100;

/// Created on each connection that searches: an index in its own memory, empty between searches.
pub const TAIL: &str = "CREATE VIRTUAL TABLE temp.tail USING fts5 (
    body, content = '', columnsize = 0, tokenize = \"unicode61 remove_diacritics 2 categories 'L* N* Co M*'\")";

/// The keys of messages that match, the greatest first.
struct Matches {
    keys: Vec<i64>,
    /// Whether there may be more, for which there was no time.
    interrupted: bool,
}

/// The newest messages before the number `before` that contain each word of `text`, oldest first.
pub fn search(
    connection: &Connection,
    room: RoomId,
    name: &RoomName,
    text: &str,
    before: u64,
    count: usize,
) -> rusqlite::Result<Found> {
    let nothing = Found { messages: Vec::new(), complete: true };
    let Some(last) = before.checked_sub(1).filter(|_| count > 0) else { return Ok(nothing) };
    let indexed = indexed(connection, room)?;
    fill_tail(connection, room.key(indexed + 1)..=room.key(SEQ_MAX))?;
    let all = room.key(0)..=room.key(SEQ_MAX);
    let Some(query) = choose(connection, text, &all)? else { return Ok(nothing) };
    let Matches { mut keys, mut interrupted } =
        matching(connection, "tail", &query, room.key(indexed + 1)..=room.key(last), count)?;
    if !interrupted && keys.len() < count {
        let rest =
            matching(connection, "words", &query, room.key(0)..=room.key(last.min(indexed)), count - keys.len())?;
        keys.extend(rest.keys);
        interrupted = rest.interrupted;
    }
    take_time_off(connection)?;
    let sql = format!("SELECT {COLUMNS} FROM history WHERE place = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let messages = keys.iter().rev().map(|key| statement.query_row([key], |found| row::read(found, name)));
    Ok(Found { messages: messages.collect::<rusqlite::Result<_>>()?, complete: !interrupted })
}

/// The newest messages before a position, of whatever room is readable, that contain each word of `text`; the newest
/// first. `readable` tells from when on the messages of a room may be read.
pub fn search_rooms(
    connection: &Connection,
    text: &str,
    before: Option<SearchPosition>,
    count: usize,
    readable: &dyn Fn(&RoomName) -> Option<Time>,
) -> rusqlite::Result<FoundInRooms> {
    let mut interrupted = fill_tails(connection)?;
    let Some(query) = choose(connection, text, &(0..=i64::MAX))? else {
        return Ok(FoundInRooms { messages: Vec::new(), complete: true, next: None });
    };
    let mut rooms = Rooms { connection, readable, known: HashMap::new() };
    let mut found = Vec::new();
    for index in ["tail", "words"] {
        interrupted |= collect(&mut rooms, index, &query, before, count, &mut found)?;
    }
    take_time_off(connection)?;
    found.sort_by_key(|(position, _)| std::cmp::Reverse(*position));
    let complete = found.len() <= count && !interrupted;
    found.truncate(count);
    let next = found.last().map(|(position, _)| *position).filter(|_| !complete);
    Ok(FoundInRooms { messages: found.into_iter().map(|(_, message)| message).collect(), complete, next })
}

/// Adds the newest matches of each readable room; returns whether it was interrupted.
fn collect(
    rooms: &mut Rooms<'_>,
    index: &str,
    query: &str,
    before: Option<SearchPosition>,
    count: usize,
    found: &mut Vec<(SearchPosition, Message)>,
) -> rusqlite::Result<bool> {
    let connection = rooms.connection;
    let sql = format!("SELECT rowid FROM {index} WHERE {index} MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC");
    let mut statement = connection.prepare_cached(&sql)?;
    let columns = format!("SELECT {COLUMNS} FROM history WHERE place = ?1");
    let mut select = connection.prepare_cached(&columns)?;
    let mut upper = i64::MAX;
    // One turn a room: what it has beyond the wanted number is skipped.
    'rooms: loop {
        let mut rows = statement.query(params![query, upper])?;
        let mut current: Option<(RoomId, usize)> = None;
        loop {
            let key: i64 = match rows.next() {
                Ok(Some(row)) => row.get(0)?,
                Ok(None) => return Ok(false),
                Err(error) if is_interrupt(&error) => return Ok(true),
                Err(error) => return Err(error),
            };
            let room = RoomId::of(key);
            let (_, taken) = match current.filter(|(current, _)| *current == room) {
                Some(known) => known,
                None => (room, 0),
            };
            let Some((name, since)) = rooms.room(room)?.filter(|_| taken <= count) else {
                upper = room.key(0);
                continue 'rooms;
            };
            let read = select.query_row([key], |found| row::read(found, &name)).optional();
            let message = match read {
                Ok(Some(message)) => message,
                Ok(None) => continue,
                Err(error) if is_interrupt(&error) => return Ok(true),
                Err(error) => return Err(error),
            };
            let position = SearchPosition { at: message.at, key };
            let wanted = message.at >= since && before.is_none_or(|before| position < before);
            current = Some((room, taken + usize::from(wanted)));
            if wanted {
                found.push((position, message));
            }
        }
    }
}

/// The rooms that a search has met.
struct Rooms<'a> {
    connection: &'a Connection,
    readable: &'a dyn Fn(&RoomName) -> Option<Time>,
    known: HashMap<i64, Option<(RoomName, Time)>>,
}

impl Rooms<'_> {
    /// The name of the room, and from when on it may be read; `None`: not at all.
    fn room(&mut self, room: RoomId) -> rusqlite::Result<Option<(RoomName, Time)>> {
        if let Some(known) = self.known.get(&room.0) {
            return Ok(known.clone());
        }
        let sql = "SELECT name FROM rooms WHERE room = ?1 AND ended = 0";
        let name = self.connection.prepare_cached(sql)?.query_row([room], |row| row.get::<_, String>(0)).optional()?;
        let name = name.and_then(|name| RoomName::parse_known(&name).ok());
        let readable = name.and_then(|name| (self.readable)(&name).map(|since| (name, since)));
        self.known.insert(room.0, readable.clone());
        Ok(readable)
    }
}

/// The query for a text: for whole words where enough messages in this range have them, and otherwise also for longer
/// words that begin with them. `None`: there is no word in it. It is decided by all messages of the range, so it is the
/// same for each page of the results.
fn choose(connection: &Connection, text: &str, range: &RangeInclusive<i64>) -> rusqlite::Result<Option<String>> {
    let whole = query_of(text, Match::Whole);
    if whole.is_empty() {
        return Ok(None);
    }
    let mut count = 0;
    for index in ["tail", "words"] {
        let Matches { keys, interrupted } = matching(connection, index, &whole, range.clone(), WHOLE_ENOUGH - count)?;
        count += keys.len();
        if count >= WHOLE_ENOUGH || interrupted {
            return Ok(Some(whole));
        }
    }
    Ok(Some(query_of(text, Match::Beginning)))
}

/// Indexes the messages in this range, the newest if they are too many.
fn fill_tail(connection: &Connection, range: RangeInclusive<i64>) -> rusqlite::Result<()> {
    let sql = "SELECT place, body FROM history WHERE place BETWEEN ?1 AND ?2 AND kind = 0 ORDER BY place DESC LIMIT ?3";
    let mut select = connection.prepare_cached(sql)?;
    let mut insert = connection.prepare_cached("INSERT INTO temp.tail (rowid, body) VALUES (?1, ?2)")?;
    let mut rows = select.query(params![range.start(), range.end(), TAIL_MAX])?;
    while let Some(row) = rows.next()? {
        insert.execute(params![row.get::<_, i64>(0)?, terms_of(row.get_ref(1)?.as_str()?)])?;
    }
    Ok(())
}

/// The same for every room whose index lags; returns whether it was interrupted.
fn fill_tails(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT room, indexed FROM rooms WHERE ended = 0 AND EXISTS (
        SELECT 1 FROM history WHERE place BETWEEN (room << 40) + indexed + 1 AND (room << 40) + (1 << 40) - 1)";
    let mut lagging = connection.prepare_cached(sql)?;
    let lagging = lagging.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())));
    let lagging: Vec<(RoomId, u64)> = match lagging?.collect() {
        Err(error) if is_interrupt(&error) => return Ok(true),
        lagging => lagging?,
    };
    for (room, indexed) in lagging {
        fill_tail(connection, room.key(indexed + 1)..=room.key(SEQ_MAX))?;
    }
    Ok(false)
}

/// The keys in this range that match, the greatest first.
fn matching(
    connection: &Connection,
    index: &str,
    query: &str,
    range: RangeInclusive<i64>,
    count: usize,
) -> rusqlite::Result<Matches> {
    let mut matches = Matches { keys: Vec::new(), interrupted: false };
    if range.is_empty() {
        return Ok(matches);
    }
    let sql = format!(
        "SELECT rowid FROM {index} WHERE {index} MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid DESC LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![query, range.start(), range.end(), count])?;
    loop {
        match rows.next() {
            Ok(Some(row)) => matches.keys.push(row.get(0)?),
            Ok(None) => return Ok(matches),
            Err(error) if is_interrupt(&error) => {
                matches.interrupted = true;
                return Ok(matches);
            }
            Err(error) => return Err(error),
        }
    }
}

/// What was found is read without a limit: it is not much.
fn take_time_off(connection: &Connection) -> rusqlite::Result<()> {
    connection.progress_handler(0, None::<fn() -> bool>)
}

fn is_interrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_ordered_by_time_and_then_by_key() {
        let position = |at, key| SearchPosition { at: Time(at), key };
        assert!(position(1, 9) < position(2, 0) && position(2, 0) < position(2, 1));
        assert_eq!(RoomId::of(RoomId(7).key(3)), RoomId(7));
    }
}
