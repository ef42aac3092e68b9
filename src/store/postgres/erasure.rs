//! Erasing a person: finding what they wrote, and removing what bears their name.
//!
//! Read and written through the pool, a part of the database at a time, since each statement has a deadline. The texts of
//! messages are deleted by their rooms, as any deletion is, so every server learns of it.

use super::link::{DatabaseLink, LinkError};
use super::row::number;
use crate::chat::{RoomName, UserName};
use crate::store::server::{AuthoredPart, HistoryPosition};

/// Messages that are looked at in one part: some tens of milliseconds.
const PART: i64 = 50_000;

/// Where a name stands beside the messages.
const NAMED: [(&str, &str); 8] = [
    ("audit", "usr"),
    ("audit", "about"),
    ("people", "invited_by"),
    ("invitations", "author"),
    ("hooks", "author"),
    ("hooks", "revoker"),
    ("webhooks", "author"),
    ("webhooks", "remover"),
];

/// See [`ServerStore::messages_of`](crate::store::ServerStore::messages_of). In one snapshot.
///
/// # Errors
/// They cannot be read.
pub fn messages_of(
    link: &mut DatabaseLink,
    user: &UserName,
    after: HistoryPosition,
) -> Result<AuthoredPart, LinkError> {
    let (room, seq) = (after.room, number(after.seq));
    let sql = "WITH part AS MATERIALIZED (
            SELECT room, seq, usr, kind FROM messages WHERE (room, seq) > ($1, $2) ORDER BY room, seq LIMIT $4)
        SELECT rooms.name, part.seq FROM part JOIN rooms USING (room)
            WHERE part.usr = $3 AND part.kind <> 2 ORDER BY room, part.seq";
    let rows = link.query(sql, &[&room, &seq, &user.as_str(), &PART])?;
    let message = |row: &tokio_postgres::Row| {
        // What is left of a room that has ended is being deleted.
        let room = RoomName::parse_known(row.get(0)).ok()?;
        Some((room, row.get::<_, i64>(1).cast_unsigned()))
    };
    let messages = rows.iter().filter_map(message).collect();
    let sql = "SELECT room, seq FROM messages WHERE (room, seq) > ($1, $2) ORDER BY room, seq OFFSET $3 LIMIT 1";
    let last = link.row(sql, &[&room, &seq, &(PART - 1)])?;
    let end = last.map(|row| HistoryPosition { room: row.get(0), seq: row.get::<_, i64>(1).cast_unsigned() });
    Ok(AuthoredPart { messages, end })
}

/// See [`ServerStore::rename_deleted`](crate::store::ServerStore::rename_deleted). A message that they deleted as a
/// moderator bears their name as well.
///
/// # Errors
/// Nothing has changed.
pub fn rename_deleted(
    link: &mut DatabaseLink,
    user: &UserName,
    alias: &UserName,
    (after, end): (HistoryPosition, Option<HistoryPosition>),
) -> Result<(), LinkError> {
    let (end_room, end_seq) = end.map_or((i64::MAX, i64::MAX), |end| (end.room, number(end.seq)));
    let sql = "UPDATE messages SET usr = CASE WHEN usr = $5 THEN $6 ELSE usr END, mid = CASE WHEN usr = $5 THEN NULL ELSE mid END,
            editor = CASE WHEN editor = $5 THEN $6 ELSE editor END
        WHERE (room, seq) > ($1, $2) AND (room, seq) <= ($3, $4) AND kind = 2 AND (usr = $5 OR editor = $5)";
    let (user, alias) = (user.as_str(), alias.as_str());
    link.execute(sql, &[&after.room, &number(after.seq), &end_room, &end_seq, &user, &alias]).map(|_| ())
}

/// How many marks of a user there are.
///
/// # Errors
/// They cannot be read.
pub fn marks_of(link: &mut DatabaseLink, user: &UserName) -> Result<u64, LinkError> {
    let row = link.row("SELECT count(*) FROM marks WHERE usr = $1", &[&user.as_str()])?;
    Ok(row.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned()))
}

/// See [`ServerStore::forget`](crate::store::ServerStore::forget). In a transaction.
///
/// # Errors
/// The transaction must be rolled back.
pub fn forget(link: &mut DatabaseLink, user: &UserName, alias: &UserName) -> Result<u64, LinkError> {
    let (user, alias) = (user.as_str(), alias.as_str());
    for table in ["mids", "undelivered", "bookmarks"] {
        link.execute(&format!("DELETE FROM {table} WHERE usr = $1"), &[&user])?;
    }
    for (table, column) in NAMED {
        link.execute(&format!("UPDATE {table} SET {column} = $2 WHERE {column} = $1"), &[&user, &alias])?;
    }
    link.execute("DELETE FROM marks WHERE usr = $1", &[&user])
}
