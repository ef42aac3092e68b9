//! The offline inbox: private conversations with undelivered messages for a registered user.
//!
//! Each private message to a registered user adds a row, whether or not the user is online. The row is deleted when a
//! socket of the user has taken the newest message: the mark that says so goes through the same journal, one after the
//! other. So a row that stays too long costs a look-up, and none is missing. Where a crash loses a mark, the messages
//! it covered are delivered again.

use rusqlite::{Connection, params};

use super::message_key::RoomId;
use crate::chat::{FoldedName, RoomName, UserName};

/// Notes a message to `user`.
///
/// # Errors
/// The transaction must be rolled back.
pub fn add(connection: &Connection, room: RoomId, user: &UserName) -> rusqlite::Result<()> {
    let sql = "INSERT INTO letters (user, room) SELECT ?1, ?2 \
               WHERE EXISTS (SELECT 1 FROM names WHERE likeness = ?3 AND name = ?1) ON CONFLICT DO NOTHING";
    let folded = FoldedName::of(user);
    connection.prepare_cached(sql)?.execute(params![user.as_str(), room, folded.as_str()]).map(|_| ())
}

/// Notes that a socket of `user` has taken the messages up to the number `seq`.
///
/// # Errors
/// The transaction must be rolled back.
pub fn delivered(connection: &Connection, room: RoomId, user: &UserName, seq: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM letters WHERE user = ?1 AND room = ?2 AND NOT EXISTS \
               (SELECT 1 FROM history WHERE place BETWEEN ?3 AND ?4)";
    let after = room.key(u64::try_from(seq).unwrap_or(0) + 1);
    let values = params![user.as_str(), room, after, room.key(u64::MAX)];
    connection.prepare_cached(sql)?.execute(values).map(|_| ())
}

/// Empties the inbox of a name that was just registered: earlier messages to it were for somebody else.
///
/// # Errors
/// The transaction must be rolled back.
pub fn clear(connection: &Connection, user: &UserName) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM letters WHERE user = ?1")?.execute([user.as_str()]).map(|_| ())
}

/// The conversations with undelivered messages for `user`, oldest conversation first.
pub fn undelivered(connection: &Connection, user: &UserName) -> rusqlite::Result<Vec<RoomName>> {
    let sql = "SELECT rooms.name FROM letters JOIN rooms USING (room) WHERE user = ?1 ORDER BY room";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([user.as_str()])?;
    let mut rooms = Vec::new();
    while let Some(row) = rows.next()? {
        // A name that is no longer valid cannot be joined.
        rooms.extend(RoomName::parse_known(row.get_ref(0)?.as_str()?));
    }
    Ok(rooms)
}
