//! Reading a room's history: where its numbering stands, its newest messages, any page of it, and who has read it.
//!
//! Each function reads through a borrowed connection, inside a snapshot that its caller has begun.

use std::sync::Arc;

use super::link::{DatabaseLink, LinkError};
use super::row::{COLUMNS, number, read, receipt_number, receipt_of};
use super::schema;
use crate::chat::listed_room::ReadPosition;
use crate::chat::{Message, Receipt, ReceiptMark, RoomName, Span, Time, UserName};
use crate::store::columns::{ms, time};
use crate::store::rooms::{ChangesQuery, Page, PageQuery};

/// Where a room's history stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The row's id; 0 while nothing was said or decided in the room.
    pub id: i64,
    /// The history's epoch.
    pub epoch: Arc<str>,
    /// The number of the newest message; 0 before the first.
    pub newest: u64,
    /// How often an edit or a change of the policy was stored.
    pub version: u64,
    /// The newest message that retention has deleted.
    pub pruned: u64,
}

impl Standing {
    /// Whether nothing was said or decided: there may be a row all the same, of a room that has ended and begins again.
    pub fn is_blank(&self) -> bool {
        self.newest == 0 && self.version == 0
    }
}

/// Where the room stands; of one that has no row, with the epoch that it begins with.
pub fn standing(link: &mut DatabaseLink, room: &RoomName) -> Result<Standing, LinkError> {
    let sql = "SELECT room, epoch, newest, version, pruned FROM rooms WHERE name = $1";
    if let Some(row) = link.row(sql, &[&room.as_str()])? {
        let count = |column: usize| row.get::<_, i64>(column).cast_unsigned();
        let (epoch, newest, version, pruned) = (row.get::<_, &str>(1).into(), count(2), count(3), count(4));
        return Ok(Standing { id: row.get(0), epoch, newest, version, pruned });
    }
    let row = link.row("SELECT first_epoch_1($1)", &[&room.as_str()])?;
    let epoch = row.and_then(|row| row.get::<_, Option<String>>(0));
    let epoch = epoch.ok_or_else(schema::no_installation)?;
    Ok(Standing { id: 0, epoch: epoch.into(), newest: 0, version: 0, pruned: 0 })
}

/// The requested page of the room's history; `None`: it has none.
pub fn page(link: &mut DatabaseLink, room: &RoomName, query: PageQuery) -> Result<Option<Page>, LinkError> {
    let found = standing(link, room)?;
    if found.is_blank() {
        return Ok(None);
    }
    let Standing { id, epoch, mut newest, pruned, .. } = found;
    let messages = match query.span {
        Span::Before(before) => self::before(link, id, room, before, query)?,
        Span::After(after) => self::after(link, id, room, after, query)?,
        Span::Latest(after) => {
            let row = link.row("SELECT max(seq) FROM last_values WHERE room = $1", &[&id])?;
            newest = row.and_then(|row| row.get::<_, Option<i64>>(0)).unwrap_or_default().cast_unsigned();
            let condition = "seq IN (SELECT seq FROM last_values WHERE room = $2 AND seq > $3) ORDER BY seq";
            bounded(link, condition, &[id, number(after)], room, (query.count, query.bytes))?
        }
    };
    Ok(Some(Page { epoch, newest, oldest: pruned + 1, messages }))
}

/// The newest messages before the number `before`, oldest first, within the bounds of `query`.
pub fn before(
    link: &mut DatabaseLink,
    id: i64,
    room: &RoomName,
    before: u64,
    query: PageQuery,
) -> Result<Vec<Message>, LinkError> {
    let condition = "seq < $3 ORDER BY seq DESC";
    let mut messages = bounded(link, condition, &[id, number(before)], room, (query.count, query.bytes))?;
    messages.reverse();
    Ok(messages)
}

/// The oldest messages after the number `after`, within the bounds of `query`.
pub fn after(
    link: &mut DatabaseLink,
    id: i64,
    room: &RoomName,
    after: u64,
    query: PageQuery,
) -> Result<Vec<Message>, LinkError> {
    bounded(link, "seq > $3 ORDER BY seq", &[id, number(after)], room, (query.count, query.bytes))
}

/// Messages after the number `after` whose changes a client may have missed.
pub fn changes(
    link: &mut DatabaseLink,
    room: &RoomName,
    after: u64,
    query: ChangesQuery,
) -> Result<Vec<Message>, LinkError> {
    let id = standing(link, room)?.id;
    let condition = "changed >= $4 AND seq > $3 AND seq <= $4 ORDER BY seq";
    bounded(link, condition, &[id, number(after), number(query.seen)], room, (query.count, query.bytes))
}

/// At most so many messages with at most so many bytes of bodies; the first whatever its size. The sum is the database's,
/// so no more is sent than is wanted. `numbers` are the parameters from the second on, the first of them the room.
fn bounded(
    link: &mut DatabaseLink,
    condition: &str,
    numbers: &[i64],
    room: &RoomName,
    (count, bytes): (usize, usize),
) -> Result<Vec<Message>, LinkError> {
    let direction = if condition.ends_with("DESC") { "DESC" } else { "ASC" };
    let bytes_at = numbers.len() + 2;
    let sql = format!(
        "SELECT {COLUMNS} FROM (
            SELECT *, sum(length(body)) OVER (ORDER BY seq {direction}) AS total, row_number() OVER (ORDER BY seq {direction}) AS place
            FROM (SELECT {COLUMNS} FROM messages WHERE room = $2 AND {condition} LIMIT $1) AS found
        ) AS summed WHERE total <= ${bytes_at} OR place = 1 ORDER BY seq {direction}"
    );
    let (count, bytes) = (i64::try_from(count).unwrap_or(i64::MAX), i64::try_from(bytes).unwrap_or(i64::MAX));
    let mut values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = vec![&count];
    values.extend(numbers.iter().map(|number| number as &(dyn tokio_postgres::types::ToSql + Sync)));
    values.push(&bytes);
    link.query(&sql, &values)?.iter().map(|row| read(row, 0, room)).collect()
}

/// The newest mark of each user and receipt, in that order.
pub fn newest_marks(link: &mut DatabaseLink, id: i64) -> Result<Vec<ReceiptMark>, LinkError> {
    let sql = "SELECT DISTINCT ON (usr, receipt) usr, receipt, seq, at FROM marks WHERE room = $1
        ORDER BY usr, receipt, seq DESC";
    marks(link.query(sql, &[&id])?)
}

/// For each user and receipt, the first mark that covers `seq`; `None` when there is no such message.
pub fn receipts(link: &mut DatabaseLink, room: &RoomName, seq: u64) -> Result<Option<Vec<ReceiptMark>>, LinkError> {
    let id = standing(link, room)?.id;
    let seq = number(seq);
    if link.row("SELECT 1 FROM messages WHERE room = $1 AND seq = $2", &[&id, &seq])?.is_none() {
        return Ok(None);
    }
    let sql = "SELECT DISTINCT ON (usr, receipt) usr, receipt, seq, at FROM marks WHERE room = $1 AND seq >= $2
        ORDER BY usr, receipt, seq";
    marks(link.query(sql, &[&id, &seq])?).map(Some)
}

fn marks(rows: Vec<tokio_postgres::Row>) -> Result<Vec<ReceiptMark>, LinkError> {
    let mark = |row: &tokio_postgres::Row| {
        let (user, seq) = (UserName::stored(row.get(0)), row.get::<_, i64>(2).cast_unsigned());
        Ok(ReceiptMark { user, receipt: receipt_of(row.get(1))?, seq, at: time(row.get(3)) })
    };
    rows.iter().map(mark).collect()
}

/// The rooms of which messages are kept, without private conversations, by name; of more than `count` the newest.
pub fn rooms(link: &mut DatabaseLink, count: usize) -> Result<Vec<RoomName>, LinkError> {
    let sql = "SELECT name FROM rooms WHERE ended IS NULL AND newest > pruned AND name NOT LIKE 'dm:%'
        ORDER BY room DESC LIMIT $1";
    let rows = link.query(sql, &[&i64::try_from(count).unwrap_or(i64::MAX)])?;
    // A name that is no longer valid cannot be joined.
    let mut rooms: Vec<_> = rows.iter().filter_map(|row| RoomName::parse(row.get(0)).ok()).collect();
    rooms.sort();
    Ok(rooms)
}

/// The conversations with undelivered messages for `user`, oldest conversation first.
pub fn undelivered(link: &mut DatabaseLink, user: &UserName) -> Result<Vec<RoomName>, LinkError> {
    let sql = "SELECT name FROM undelivered JOIN rooms USING (room) WHERE usr = $1 ORDER BY room";
    let rows = link.query(sql, &[&user.as_str()])?;
    Ok(rows.iter().filter_map(|row| RoomName::parse_known(row.get(0)).ok()).collect())
}

/// The private conversations of a user with a message newer than `since`, the newest conversation first.
pub fn conversations(
    link: &mut DatabaseLink,
    user: &UserName,
    since: Time,
    count: usize,
) -> Result<Vec<RoomName>, LinkError> {
    let sql = "SELECT name FROM (
            SELECT room, name, newest FROM rooms WHERE name >= 'dm:' || $1 || ':' AND name < 'dm:' || $1 || ';'
            UNION
            SELECT room, name, newest FROM rooms WHERE name >= 'dm:' AND name < 'dm;' AND split_part(name, ':', 3) = $1
        ) AS theirs WHERE EXISTS (
            SELECT 1 FROM messages WHERE messages.room = theirs.room AND seq = theirs.newest AND at > $2
        ) ORDER BY room DESC LIMIT $3";
    let rows = link.query(sql, &[&user.as_str(), &ms(since), &i64::try_from(count).unwrap_or(i64::MAX)])?;
    // A name that is no longer valid cannot be joined.
    Ok(rows.iter().filter_map(|row| RoomName::parse_known(row.get(0)).ok()).collect())
}

/// How far a user has read in each of these rooms; `None`: it has no history.
pub fn read_positions(
    link: &mut DatabaseLink,
    user: &UserName,
    rooms: &[RoomName],
) -> Result<Vec<Option<ReadPosition>>, LinkError> {
    let sql = "SELECT newest, (SELECT max(seq) FROM marks WHERE marks.room = rooms.room AND usr = $2 AND receipt = $3)
        FROM unnest($1::text[]) WITH ORDINALITY AS asked (name, place) LEFT JOIN rooms ON rooms.name = asked.name
            AND (rooms.newest > 0 OR rooms.version > 0) ORDER BY place";
    let names: Vec<_> = rooms.iter().map(RoomName::as_str).collect();
    let rows = link.query(sql, &[&names, &user.as_str(), &receipt_number(Receipt::Read)])?;
    let position = |row: &tokio_postgres::Row| {
        let read = row.get::<_, Option<i64>>(1).unwrap_or_default().cast_unsigned();
        row.get::<_, Option<i64>>(0).map(|newest| ReadPosition { newest: newest.cast_unsigned(), read })
    };
    Ok(rows.iter().map(position).collect())
}
