//! Erasing a person: finding what they wrote, and removing what bears their name.
//!
//! Found through the pool, a part of the file at a time; changed by the journal, in transactions of their own. The texts of
//! messages are deleted by their rooms, as any deletion is.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::message_key::{RoomId, seq_of};
use super::{bookmarks, offline_inbox};
use crate::chat::{RoomName, UserName};
use crate::store::server::{AuthoredPart, HistoryPosition};

/// Messages that are looked at in one part: some tens of milliseconds.
const PART: i64 = 50_000;

/// Where a name stands beside the messages.
const NAMED: [(&str, &str); 8] = [
    ("audit", "user"),
    ("audit", "about"),
    ("people", "invited_by"),
    ("invitations", "author"),
    ("hooks", "author"),
    ("hooks", "revoker"),
    ("webhooks", "author"),
    ("webhooks", "remover"),
];

/// See [`ServerStore::messages_of`](crate::store::ServerStore::messages_of).
///
/// # Errors
/// They cannot be read.
pub fn messages_of(connection: &Connection, user: &UserName, after: HistoryPosition) -> rusqlite::Result<AuthoredPart> {
    let sql = "SELECT place, user = ?2 AND kind <> 2 FROM history WHERE place > ?1 ORDER BY place LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![key_of(after), user.as_str(), PART])?;
    let (mut keys, mut last, mut seen) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        (last, seen) = (row.get(0)?, seen + 1);
        if row.get(1)? {
            keys.push(last);
        }
    }
    let mut names = HashMap::new();
    let mut messages = Vec::with_capacity(keys.len());
    for key in keys {
        let room = RoomId::of(key);
        let name = match names.get(&room.0) {
            Some(name) => Option::clone(name),
            None => names.entry(room.0).or_insert(name_of(connection, room)?).clone(),
        };
        // What is left of a room that has ended is being deleted.
        messages.extend(name.map(|name| (name, seq_of(key))));
    }
    let end = (seen == PART).then(|| HistoryPosition { room: RoomId::of(last).0, seq: seq_of(last) });
    Ok(AuthoredPart { messages, end })
}

/// See [`ServerStore::rename_deleted`](crate::store::ServerStore::rename_deleted).
///
/// # Errors
/// The transaction must be rolled back.
pub fn rename_deleted(
    connection: &Connection,
    user: &UserName,
    alias: &UserName,
    (after, end): (HistoryPosition, Option<HistoryPosition>),
) -> rusqlite::Result<()> {
    let (after, end) = (key_of(after), end.map_or(i64::MAX, key_of));
    for table in ["messages", "buffered"] {
        let sql = format!(
            "UPDATE {table} SET user = ?4, mid = NULL WHERE place > ?1 AND place <= ?2 AND user = ?3 AND kind = 2"
        );
        connection.prepare_cached(&sql)?.execute(params![after, end, user.as_str(), alias.as_str()])?;
    }
    Ok(())
}

/// How many marks of a user there are.
///
/// # Errors
/// They cannot be read.
pub fn marks_of(connection: &Connection, user: &UserName) -> rusqlite::Result<u64> {
    // Through the rooms: the marks of a room are in the order of their users.
    let sql = "SELECT count(*) FROM marks WHERE room IN (SELECT room FROM rooms) AND user = ?1";
    connection.prepare_cached(sql)?.query_row([user.as_str()], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// See [`ServerStore::forget`](crate::store::ServerStore::forget).
///
/// # Errors
/// The transaction must be rolled back.
pub fn forget(connection: &Connection, user: &UserName, alias: &UserName) -> rusqlite::Result<u64> {
    let remove = |table: &str| {
        let sql = format!("DELETE FROM {table} WHERE room IN (SELECT room FROM rooms) AND user = ?1");
        connection.prepare_cached(&sql)?.execute([user.as_str()])
    };
    let marks = remove("marks")?;
    remove("mids")?;
    offline_inbox::clear(connection, user)?;
    bookmarks::clear(connection, user)?;
    for (table, column) in NAMED {
        let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {column} = ?1");
        connection.prepare_cached(&sql)?.execute([user.as_str(), alias.as_str()])?;
    }
    Ok(marks as u64)
}

fn key_of(position: HistoryPosition) -> i64 {
    RoomId(position.room).key(position.seq)
}

/// The name of a room; `None`: one that can be joined no more.
fn name_of(connection: &Connection, room: RoomId) -> rusqlite::Result<Option<RoomName>> {
    let mut statement = connection.prepare_cached("SELECT name FROM rooms WHERE room = ?1")?;
    let name = statement.query_row([room], |row| Ok(RoomName::parse_known(row.get_ref(0)?.as_str()?).ok()));
    Ok(name.optional()?.flatten())
}
