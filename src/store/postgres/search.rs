//! The search for messages, in one room and in all rooms.
//!
//! On the asker's thread, through connections on which the database stops a statement after a second. An edited message is
//! found by its new words at once: the words are a column of the message.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::history::standing;
use super::link::{DatabaseLink, LinkError};
use super::row::{COLUMNS, number, read};
use super::words::query_of;
use crate::chat::{RoomName, SearchPosition, Time};
use crate::store::columns::{ms, time};
use crate::store::rooms::{Found, FoundInRooms};
use crate::store::search_terms::Match;

/// How long a statement of a search may take.
pub const LIMIT: Duration = Duration::from_secs(1);
/// Messages with the whole words from which on a search does not look for longer words too.
const WHOLE_ENOUGH: i64 = 100;
/// Matches that are read at a time where many rooms are searched.
const PART: i64 = 500;
/// Bits of a message's key that are its number; those above are its room's.
const SEQ_BITS: u32 = 40;

/// The newest messages of the room before the number `before` that contain each word of `text`, oldest first.
pub fn search(
    link: &mut DatabaseLink,
    room: &RoomName,
    wanted: &str,
    before: u64,
    count: usize,
) -> Result<Found, LinkError> {
    let id = standing(link, room)?.id;
    let Some(query) = choose(link, wanted, Some(id))?.filter(|_| id != 0 && count > 0) else {
        return Ok(Found { messages: Vec::new(), complete: true });
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE room = $1 AND seq < $2 AND words @@ $3::text::tsquery
         ORDER BY seq DESC LIMIT $4"
    );
    let rows = link.query(&sql, &[&id, &number(before), &query, &i64::try_from(count).unwrap_or(i64::MAX)])?;
    let messages: Result<_, _> = rows.iter().rev().map(|row| read(row, 0, room)).collect();
    Ok(Found { messages: messages?, complete: true })
}

/// The newest messages before a position, of whatever room is readable, that contain each word of `text`; the newest
/// first. `readable` tells from when on the messages of a room may be read.
pub fn search_rooms(
    link: &mut DatabaseLink,
    wanted: &str,
    before: Option<SearchPosition>,
    count: usize,
    readable: &dyn Fn(&RoomName) -> Option<Time>,
) -> Result<FoundInRooms, LinkError> {
    let Some(query) = choose(link, wanted, None)? else {
        return Ok(FoundInRooms { complete: true, ..Default::default() });
    };
    let sql = format!(
        "SELECT room, name, {COLUMNS} FROM messages JOIN rooms USING (room)
         WHERE ended IS NULL AND words @@ $1::text::tsquery AND (at, (room << {SEQ_BITS}) | seq) < ($2, $3)
         ORDER BY at DESC, (room << {SEQ_BITS}) | seq DESC LIMIT $4"
    );
    let (began, mut rooms) = (Instant::now(), HashMap::<i64, Option<(RoomName, Time)>>::new());
    let (mut found, mut position) =
        (Vec::new(), before.map_or((i64::MAX, i64::MAX), |before| (ms(before.at), before.key)));
    loop {
        let rows = match link.query(&sql, &[&query, &position.0, &position.1, &PART]) {
            Err(error) if error.is_timeout() => return Ok(part_of(found, count, false)),
            rows => rows?,
        };
        for row in &rows {
            let (id, seq, at) = (row.get::<_, i64>(0), row.get::<_, i64>(2), row.get::<_, i64>(4));
            position = (at, id << SEQ_BITS | seq);
            let room = rooms.entry(id).or_insert_with(|| {
                let name = RoomName::parse_known(row.get(1)).ok();
                name.and_then(|name| readable(&name).map(|since| (name, since)))
            });
            let Some((name, since)) = room else { continue };
            if time(at) >= *since {
                found.push((SearchPosition { at: time(at), key: position.1 }, read(row, 2, name)?));
            }
        }
        let is_all = i64::try_from(rows.len()).is_ok_and(|rows| rows < PART);
        if is_all || found.len() > count || began.elapsed() > LIMIT {
            return Ok(part_of(found, count, is_all));
        }
    }
}

/// The first `count` of what was found; `is_all`: nothing else would have been.
fn part_of(mut found: Vec<(SearchPosition, crate::chat::Message)>, count: usize, is_all: bool) -> FoundInRooms {
    let complete = is_all && found.len() <= count;
    found.truncate(count);
    let next = found.last().map(|(position, _)| *position).filter(|_| !complete);
    FoundInRooms { messages: found.into_iter().map(|(_, message)| message).collect(), complete, next }
}

/// The query for a text: for whole words where enough messages have them, in this room or in all, and otherwise also for
/// longer words that begin with them. `None`: there is no word in it.
fn choose(link: &mut DatabaseLink, wanted: &str, id: Option<i64>) -> Result<Option<String>, LinkError> {
    let whole = query_of(wanted, Match::Whole);
    if whole.is_empty() {
        return Ok(None);
    }
    let sql = "SELECT count(*) FROM (SELECT 1 FROM messages
        WHERE ($1::bigint IS NULL OR room = $1) AND words @@ $2::text::tsquery LIMIT $3) AS found";
    let row = link.row(sql, &[&id, &whole, &WHOLE_ENOUGH])?;
    let is_enough = row.is_some_and(|row| row.get::<_, i64>(0) >= WHOLE_ENOUGH);
    Ok(Some(if is_enough { whole } else { query_of(wanted, Match::Beginning) }))
}
