//! How far a user has read, and in which private conversations the user is.
//!
//! Each function reads through a borrowed connection. A conversation's name has its two users, in the order of their
//! names: those of the first are a range of the names, those of the second are found by the index `conversations`.

use rusqlite::{Connection, params};

use super::history::sequence;
use super::message_key::RoomId;
use super::sequence::{Sequence, receipt_number};
use crate::chat::listed_room::ReadPosition;
use crate::chat::{Receipt, RoomName, Time, UserName};
use crate::store::columns::ms;

/// How far a user has read in a room; `None`: it has no history.
///
/// # Errors
/// It cannot be read.
pub fn of(connection: &Connection, user: &UserName, room: &RoomName) -> rusqlite::Result<Option<ReadPosition>> {
    let Some(Sequence { room: Some(room), newest, .. }) = sequence(connection, room)? else { return Ok(None) };
    let sql = "SELECT coalesce(max(seq), 0) FROM marks WHERE room = ?1 AND user = ?2 AND receipt = ?3";
    let values = params![room, user.as_str(), receipt_number(Receipt::Read)];
    let read: i64 = connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    Ok(Some(ReadPosition { newest, read: read.cast_unsigned() }))
}

/// The private conversations of a user with a message newer than `since`, the newest conversation first.
///
/// # Errors
/// They cannot be read.
pub fn conversations(
    connection: &Connection,
    user: &UserName,
    since: Time,
    count: usize,
) -> rusqlite::Result<Vec<RoomName>> {
    let sql = "SELECT room, name FROM rooms WHERE name >= 'dm:' || ?1 || ':' AND name < 'dm:' || ?1 || ';'
        UNION
        SELECT room, name FROM rooms
        WHERE name >= 'dm:' AND name < 'dm;' AND substr(name, 4 + instr(substr(name, 4), ':')) = ?1
        ORDER BY room DESC";
    let newest = "SELECT at FROM history WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1";
    let (mut statement, mut newest) = (connection.prepare_cached(sql)?, connection.prepare_cached(newest)?);
    let mut rows = statement.query([user.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()?.filter(|_| found.len() < count) {
        let room: RoomId = row.get(0)?;
        let mut newest = newest.query([room.key(0), room.key(u64::MAX)])?;
        let is_new = newest.next()?.map(|row| row.get::<_, i64>(0)).transpose()?.is_some_and(|at| at > ms(since));
        if is_new {
            // A name that is no longer valid cannot be joined.
            found.extend(RoomName::parse_known(row.get_ref(1)?.as_str()?));
        }
    }
    Ok(found)
}
