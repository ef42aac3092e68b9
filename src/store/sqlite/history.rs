//! Reading a room's history: where its numbering stands, its newest messages, any page of it, and who has read it.
//!
//! Each function reads through a borrowed connection, inside one transaction. Order is that of the numbers, never that
//! of the times: a clock may jump.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::last_values;
use super::message_key::{RoomId, seq_of};
use super::row::{self, COLUMNS};
use super::sequence::{Sequence, receipt_number};
use crate::chat::{Message, RoomName, UserName};
use crate::chat::{Receipt, ReceiptMark, Span};
use crate::store::columns::time;
use crate::store::rooms::{ChangesQuery, Page, PageQuery};

/// Where the room's numbering stands; `None`: the room has no history.
pub fn sequence(connection: &Connection, name: &RoomName) -> rusqlite::Result<Option<Sequence>> {
    let sql = "SELECT room, epoch, pruned FROM rooms WHERE name = ?1";
    let found = connection.prepare_cached(sql)?.query_row([name.as_str()], |row| {
        Ok((row.get::<_, RoomId>(0)?, Arc::<str>::from(row.get_ref(1)?.as_str()?), row.get::<_, i64>(2)?))
    });
    let Some((room, epoch, pruned)) = found.optional()? else { return Ok(None) };
    let last = end_of(connection, room, "max")?;
    let newest = last.unwrap_or(u64::try_from(pruned).unwrap_or(0));
    Ok(Some(Sequence { room: Some(room), name: name.clone(), epoch, newest }))
}

/// The rooms of which messages are kept, without private conversations, by name; of more than `count` the newest.
pub fn rooms(connection: &Connection, count: usize) -> rusqlite::Result<Vec<RoomName>> {
    let sql = "SELECT name FROM rooms WHERE ended = 0 AND name NOT LIKE 'dm:%' AND EXISTS (
        SELECT 1 FROM history WHERE place BETWEEN room << 40 AND (room << 40) + (1 << 40) - 1)
        ORDER BY room DESC LIMIT ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([i64::try_from(count).unwrap_or(i64::MAX)])?;
    let mut rooms = Vec::new();
    while let Some(row) = rows.next()? {
        // A name that is no longer valid cannot be joined.
        rooms.extend(RoomName::parse(row.get_ref(0)?.as_str()?).ok());
    }
    rooms.sort();
    Ok(rooms)
}

/// The number of the room's oldest (`min`) or newest (`max`) message that is kept.
fn end_of(connection: &Connection, room: RoomId, aggregate: &str) -> rusqlite::Result<Option<u64>> {
    // Of each table by itself: of the view it would be computed from all rows.
    let end = |table| format!("SELECT {aggregate}(place) AS place FROM {table} WHERE place BETWEEN ?1 AND ?2");
    let sql = format!("SELECT {aggregate}(place) FROM ({} UNION ALL {})", end("messages"), end("buffered"));
    let ends = params![room.key(0), room.key(u64::MAX)];
    let key: Option<i64> = connection.prepare_cached(&sql)?.query_row(ends, |row| row.get(0))?;
    Ok(key.map(seq_of))
}

/// The requested page of the room's history.
pub fn page(connection: &Connection, name: &RoomName, query: PageQuery) -> rusqlite::Result<Option<Page>> {
    let Some(sequence) = sequence(connection, name)? else { return Ok(None) };
    let Sequence { room: Some(room), epoch, mut newest, .. } = sequence else { return Ok(None) };
    let oldest = end_of(connection, room, "min")?.unwrap_or(newest + 1);
    let messages = match query.span {
        Span::Before(before) => self::before(connection, room, name, before, query)?,
        Span::After(after) => self::after(connection, room, name, after, query)?,
        Span::Latest(after) => {
            newest = last_values::newest(connection, room)?.unwrap_or(0);
            latest(connection, room, name, after, query)?
        }
    };
    Ok(Some(Page { epoch, newest, oldest, messages }))
}

/// The newest messages before the number `before`, oldest first, within the bounds of `query`.
pub fn before(
    connection: &Connection,
    room: RoomId,
    name: &RoomName,
    before: u64,
    query: PageQuery,
) -> rusqlite::Result<Vec<Message>> {
    let sql = format!("SELECT {COLUMNS} FROM history WHERE place BETWEEN ?2 AND ?3 ORDER BY place DESC LIMIT ?1");
    let Some(last) = before.checked_sub(1) else { return Ok(Vec::new()) };
    let mut messages = read_bounded(connection, &sql, [room.key(0), room.key(last)], name, query.count, query.bytes)?;
    messages.reverse();
    Ok(messages)
}

/// The oldest messages after the number `after`, within the bounds of `query`.
pub fn after(
    connection: &Connection,
    room: RoomId,
    name: &RoomName,
    after: u64,
    query: PageQuery,
) -> rusqlite::Result<Vec<Message>> {
    let sql = format!("SELECT {COLUMNS} FROM history WHERE place BETWEEN ?2 AND ?3 ORDER BY place LIMIT ?1");
    let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
    read_bounded(connection, &sql, [room.key(first), room.key(u64::MAX)], name, query.count, query.bytes)
}

/// Of the newest message of each key, the oldest after the number `after`, within the bounds of `query`.
fn latest(
    connection: &Connection,
    room: RoomId,
    name: &RoomName,
    after: u64,
    query: PageQuery,
) -> rusqlite::Result<Vec<Message>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM history WHERE place IN (
            SELECT (room << 40) + seq FROM last_values WHERE room = ?2 AND seq > ?3) ORDER BY place LIMIT ?1"
    );
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    read_bounded(connection, &sql, [room.0, after], name, query.count, query.bytes)
}

/// Messages after the number `after` whose changes a client may have missed.
pub fn changes(
    connection: &Connection,
    name: &RoomName,
    after: u64,
    query: ChangesQuery,
) -> rusqlite::Result<Vec<Message>> {
    let Some(Sequence { room: Some(room), .. }) = sequence(connection, name)? else { return Ok(Vec::new()) };
    // Changes are few beside messages: through their own index, whatever SQLite guesses. None is buffered.
    let sql = format!(
        "SELECT {COLUMNS} FROM messages INDEXED BY changes
         WHERE changed BETWEEN ?3 AND ?4 AND place BETWEEN ?2 AND ?3 ORDER BY place LIMIT ?1"
    );
    let keys = [room.key(after.saturating_add(1)), room.key(query.seen), room.key(u64::MAX)];
    read_bounded(connection, &sql, keys, name, query.count, query.bytes)
}

/// At most `count` messages with at most `bytes` of bodies; the first whatever its size. The statement's first
/// parameter is the count, the others are `keys`.
fn read_bounded<const N: usize>(
    connection: &Connection,
    sql: &str,
    keys: [i64; N],
    name: &RoomName,
    count: usize,
    bytes: usize,
) -> rusqlite::Result<Vec<Message>> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter([count].into_iter().chain(keys)))?;
    let (mut messages, mut left) = (Vec::new(), bytes);
    while let Some(found) = rows.next()? {
        let message = row::read(found, name)?;
        let bytes = message.body.len();
        if bytes > left && !messages.is_empty() {
            break;
        }
        left = left.saturating_sub(bytes);
        messages.push(message);
    }
    Ok(messages)
}

/// The newest mark of each user and receipt.
pub fn newest_marks(connection: &Connection, room: RoomId) -> rusqlite::Result<Vec<ReceiptMark>> {
    marks_from(connection, room, "max", 0)
}

/// For each user and receipt, the first mark that covers `seq`; `None` when there is no such message.
pub fn receipts(connection: &Connection, name: &RoomName, seq: u64) -> rusqlite::Result<Option<Vec<ReceiptMark>>> {
    let sequence = sequence(connection, name)?;
    let Some(Sequence { room: Some(room), newest, .. }) = sequence else { return Ok(None) };
    if seq > newest {
        return Ok(None);
    }
    let sql = "SELECT 1 FROM history WHERE place = ?1";
    if !connection.prepare_cached(sql)?.exists([room.key(seq)])? {
        return Ok(None);
    }
    marks_from(connection, room, "min", seq).map(Some)
}

/// For each user and receipt, the mark with the least (`min`) or greatest (`max`) number from `seq` on. It steps from
/// user to user through the index, and skips the marks in between.
fn marks_from(connection: &Connection, room: RoomId, aggregate: &str, seq: u64) -> rusqlite::Result<Vec<ReceiptMark>> {
    let sql = format!(
        "WITH RECURSIVE readers (user) AS (
             SELECT min(user) FROM marks WHERE room = ?1
             UNION ALL
             SELECT (SELECT min(user) FROM marks WHERE room = ?1 AND user > readers.user)
             FROM readers WHERE readers.user IS NOT NULL
         ), receipts (receipt) AS (VALUES (0), (1), (2))
         SELECT marks.user, marks.receipt, marks.seq, marks.at
         FROM readers CROSS JOIN receipts CROSS JOIN marks
         WHERE readers.user IS NOT NULL
             AND marks.room = ?1 AND marks.user = readers.user AND marks.receipt = receipts.receipt
             AND marks.seq = (SELECT {aggregate}(seq) FROM marks
                 WHERE room = ?1 AND user = readers.user AND receipt = receipts.receipt AND seq >= ?2)
         ORDER BY marks.user, marks.receipt"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let marks = statement.query_map(params![room, i64::try_from(seq).unwrap_or(i64::MAX)], mark)?;
    marks.collect()
}

fn mark(row: &Row<'_>) -> rusqlite::Result<ReceiptMark> {
    let number: i64 = row.get(1)?;
    let receipt = [Receipt::Written, Receipt::Received, Receipt::Read]
        .into_iter()
        .find(|receipt| receipt_number(*receipt) == number)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))?;
    let seq = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
    Ok(ReceiptMark { user: UserName::stored(row.get_ref(0)?.as_str()?), receipt, seq, at: time(row.get(3)?) })
}
