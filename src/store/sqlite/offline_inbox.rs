//! Private conversations in which something waits for a user to whom a name belongs.
//!
//! A row is made with each private message to such a user, whether they are there or not, and goes when
//! a socket of theirs has taken the newest: the mark that says so is kept by the same journal, which does
//! one after the other. So a row that is there too long costs a look, and none is missing. A mark that a
//! crash took gives what it marked once more.

use rusqlite::{Connection, params};

use super::message_key::RoomId;
use crate::chat::{FoldedName, RoomName, UserName};

/// Something is said to `user`.
///
/// # Errors
/// The transaction is to be given up.
pub fn wait(connection: &Connection, room: RoomId, user: &UserName) -> rusqlite::Result<()> {
    let sql = "INSERT INTO letters (user, room) SELECT ?1, ?2 \
               WHERE EXISTS (SELECT 1 FROM names WHERE likeness = ?3 AND name = ?1) ON CONFLICT DO NOTHING";
    let folded = FoldedName::of(user);
    connection.prepare_cached(sql)?.execute(params![user.as_str(), room, folded.as_str()]).map(|_| ())
}

/// A socket of `user` has taken all up to the number `seq`.
///
/// # Errors
/// The transaction is to be given up.
pub fn written(connection: &Connection, room: RoomId, user: &UserName, seq: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM letters WHERE user = ?1 AND room = ?2 AND NOT EXISTS \
               (SELECT 1 FROM messages WHERE place BETWEEN ?3 AND ?4)";
    let after = room.key(u64::try_from(seq).unwrap_or(0) + 1);
    let values = params![user.as_str(), room, after, room.key(u64::MAX)];
    connection.prepare_cached(sql)?.execute(values).map(|_| ())
}

/// The name belongs to somebody from now on: what was said to it before was said to somebody else.
///
/// # Errors
/// The transaction is to be given up.
pub fn begin(connection: &Connection, user: &UserName) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM letters WHERE user = ?1")?.execute([user.as_str()]).map(|_| ())
}

/// The conversations in which something waits for `user`, the oldest first.
pub fn waiting(connection: &Connection, user: &UserName) -> rusqlite::Result<Vec<RoomName>> {
    let sql = "SELECT rooms.name FROM letters JOIN rooms USING (room) WHERE user = ?1 ORDER BY room";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([user.as_str()])?;
    let mut rooms = Vec::new();
    while let Some(row) = rows.next()? {
        // What is no name any more cannot be entered.
        rooms.extend(RoomName::parse_known(row.get_ref(0)?.as_str()?));
    }
    Ok(rooms)
}
