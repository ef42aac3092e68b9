//! `roomd import`: a room's history, read from text.
//!
//! One transaction: all of it, or nothing. It needs the lock, so no server has the file open. A room that exists
//! continues if it has the same epoch and the export continues it.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::message_key::RoomId;
use super::row::columns_of;
use super::search_index;
use super::sequence::Sequence;
use super::{history, insert_buffer, last_values, policy};
use crate::chat::{Key, Message, Mid, RoomName, Time, UserName};
use crate::store::administration::{AdministrationError, Imported};
use crate::store::columns::{about_columns, ms, time};
use crate::store::export_reader::{ExportReader, ImportedRoom, importer};
use crate::store::jsonl::Header;

/// Reads the rest of an export into the history. Blocks as its input does.
///
/// # Errors
/// The transaction must be rolled back.
pub fn import(export: ExportReader<'_>, connection: &Connection) -> Result<Imported, AdministrationError> {
    // A server that was killed has left some.
    insert_buffer::merge_all(connection)?;
    let (room, newest) = find_room(connection, &export.room, &export.header)?;
    if policy::policy(connection, room)?.is_none() {
        // What was private stays private: without members until an administrator adds some.
        let now = Time::from(SystemTime::now());
        export.changes.iter().try_for_each(|change| policy::moderate(connection, room, &importer(), change, now))?;
    }
    let (imported, _) = export.insert_into(&mut Target { connection, room }, newest)?;
    last_values::rebuild(connection, room)?;
    while !search_index::index(connection, room, 10_000, usize::MAX)?.complete {}
    Ok(imported)
}

/// The room that is imported into.
struct Target<'a> {
    connection: &'a Connection,
    room: RoomId,
}

impl ImportedRoom for Target<'_> {
    fn begin_after(&mut self, seq: u64) -> Result<(), AdministrationError> {
        let sql = "UPDATE rooms SET pruned = ?2, indexed = ?2 WHERE room = ?1";
        Ok(self.connection.execute(sql, params![self.room, seq.cast_signed()]).map(|_| ())?)
    }

    fn stored(&mut self, seq: u64) -> Result<Option<(UserName, Time)>, AdministrationError> {
        let found = self.connection.query_row(
            "SELECT user, at FROM messages WHERE place = ?1",
            params![self.room.key(seq)],
            |row| Ok((UserName::stored(row.get_ref(0)?.as_str()?), time(row.get(1)?))),
        );
        Ok(found.optional()?)
    }

    fn insert(&mut self, message: &Message) -> Result<bool, AdministrationError> {
        Ok(insert(self.connection, self.room, message)?)
    }
}

/// The room's id, new if the room is new, and the number of its newest message.
fn find_room(connection: &Connection, name: &RoomName, header: &Header) -> Result<(RoomId, u64), AdministrationError> {
    match history::sequence(connection, name)? {
        Some(Sequence { room: Some(room), epoch, newest, .. }) if *epoch == *header.epoch || newest == 0 => {
            connection.execute("UPDATE rooms SET epoch = ?2 WHERE room = ?1", params![room, header.epoch])?;
            Ok((room, newest))
        }
        Some(Sequence { epoch, newest, .. }) => Err(AdministrationError::Refused(format!(
            "the room {name} has another history (epoch {epoch}, {newest} messages): import into another file; \
             nothing was imported"
        ))),
        None => {
            let sql = "INSERT INTO rooms (name, epoch) VALUES (?1, ?2) RETURNING room";
            let room = connection.query_row(sql, [name.as_str(), &header.epoch], |row| row.get(0))?;
            Ok((room, 0))
        }
    }
}

/// Inserts a message; `false` when another message has its `mid`.
fn insert(connection: &Connection, room: RoomId, message: &Message) -> rusqlite::Result<bool> {
    let (user, mid, seq) = (message.user.as_str(), message.mid.as_ref().map(Mid::as_str), message.seq.cast_signed());
    if let Some(mid) = mid {
        let sql = "INSERT INTO mids (room, user, mid, seq, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        if connection.prepare_cached(sql)?.execute(params![room, user, mid, seq, ms(message.at)])? == 0 {
            return Ok(false);
        }
    }
    let sql = "INSERT INTO messages (place, kind, at, edited, user, friend, mid, body, reply, reaction, key, data) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let (kind, body, data) = columns_of(&message.body);
    let to = message.to.as_ref().map(UserName::as_str);
    let (reply, reaction) = about_columns(message.about);
    let (key, at, edited) = (room.key(message.seq), ms(message.at), message.edited.map(ms));
    let own_key = message.key.as_ref().map(Key::as_str);
    let values = params![key, kind, at, edited, user, to, mid, body, reply, reaction, own_key, data];
    connection.prepare_cached(sql)?.execute(values).map(|_| true)
}
