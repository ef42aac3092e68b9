//! The bookmarks of registered users, as rows.
//!
//! Read through the pool, written by the journal in transactions of their own, on behalf of `accounts.rs`.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::sequence::receipt_number;
use crate::chat::bookmark::{BOOKMARKS_MAX, Bookmark, NotificationLevel};
use crate::chat::{Receipt, RoomName, UserName};

/// The bookmarks of a user, in the order of the rooms' names, with how far the user has read.
///
/// # Errors
/// They cannot be read.
pub fn of_user(connection: &Connection, user: &UserName) -> rusqlite::Result<Vec<Bookmark>> {
    let sql = "SELECT bookmarks.room, notify, (SELECT max(seq) FROM marks JOIN rooms USING (room)
        WHERE rooms.name = bookmarks.room AND marks.user = ?1 AND receipt = ?2)
        FROM bookmarks WHERE user = ?1 ORDER BY bookmarks.room";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![user.as_str(), receipt_number(Receipt::Read)])?;
    let mut bookmarks = Vec::new();
    while let Some(row) = rows.next()? {
        // A name that is no longer valid cannot be joined.
        if let Ok(room) = RoomName::parse_known(row.get_ref(0)?.as_str()?) {
            let read = row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned);
            bookmarks.push(Bookmark { room, notify: level_of(row.get(1)?)?, read });
        }
    }
    Ok(bookmarks)
}

/// Adds a bookmark or changes its level, and returns the level; `None`: the user has too many.
///
/// # Errors
/// The transaction must be rolled back.
pub fn set(
    connection: &Connection,
    user: &UserName,
    room: &RoomName,
    notify: Option<NotificationLevel>,
) -> rusqlite::Result<Option<NotificationLevel>> {
    let sql = "SELECT notify FROM bookmarks WHERE user = ?1 AND room = ?2";
    let known = connection.prepare_cached(sql)?.query_row([user.as_str(), room.as_str()], |row| row.get(0));
    let known = known.optional()?.map(level_of).transpose()?;
    if known.is_none() {
        let sql = "SELECT count(*) FROM bookmarks WHERE user = ?1";
        let count: i64 = connection.prepare_cached(sql)?.query_row([user.as_str()], |row| row.get(0))?;
        if usize::try_from(count).is_ok_and(|count| count >= BOOKMARKS_MAX) {
            return Ok(None);
        }
    }
    let level = notify.or(known).unwrap_or_default();
    let sql = "INSERT INTO bookmarks (user, room, notify) VALUES (?1, ?2, ?3)
        ON CONFLICT (user, room) DO UPDATE SET notify = ?3";
    connection.prepare_cached(sql)?.execute(params![user.as_str(), room.as_str(), number_of(level)])?;
    Ok(Some(level))
}

/// Removes a bookmark; whether there was one.
///
/// # Errors
/// The transaction must be rolled back.
pub fn remove(connection: &Connection, user: &UserName, room: &RoomName) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM bookmarks WHERE user = ?1 AND room = ?2";
    Ok(connection.prepare_cached(sql)?.execute([user.as_str(), room.as_str()])? > 0)
}

/// Removes all bookmarks of a user.
///
/// # Errors
/// The transaction must be rolled back.
pub fn clear(connection: &Connection, user: &UserName) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM bookmarks WHERE user = ?1")?.execute([user.as_str()]).map(|_| ())
}

/// The column `bookmarks.notify`.
fn number_of(level: NotificationLevel) -> i64 {
    match level {
        NotificationLevel::All => 0,
        NotificationLevel::Mentions => 1,
        NotificationLevel::Nothing => 2,
    }
}

fn level_of(number: i64) -> rusqlite::Result<NotificationLevel> {
    let level = NotificationLevel::ALL.into_iter().find(|level| number_of(*level) == number);
    level.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))
}
