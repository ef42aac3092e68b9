//! `roomd import`: a room's history, read from text.
//!
//! One transaction: all of it, or nothing. It needs the lock, so no server has the file open. A room that exists
//! continues if it has the same epoch and the export continues it: messages that are there already are skipped, so an
//! import can be repeated, and exports of one room can follow each other.

use rusqlite::{Connection, params};

use super::message_key::{RoomId, SEQ_MAX};
use super::row::{about_columns, columns_of, ms};
use super::search_index;
use super::sequence::Sequence;
use super::{history, insert_buffer, last_values, policy};
use crate::chat::{Key, Message, Mid, RoomName, UserName};
use crate::store::administration::{AdministrationError, Imported};
use crate::store::export_reader::ExportReader;
use crate::store::jsonl::{Header, message_of};

/// Reads the rest of an export into the history. Blocks as its input does.
///
/// # Errors
/// The transaction must be rolled back.
pub fn import(export: ExportReader<'_>, connection: &Connection) -> Result<Imported, AdministrationError> {
    let ExportReader { room: name, header, mut lines } = export;
    // A server that was killed has left some.
    insert_buffer::merge_all(connection)?;
    let (room, mut newest) = find_room(connection, &name, &header)?;
    if header.private {
        // Its list is empty until an administrator adds members: what was private stays private.
        policy::make_private(connection, room)?;
    }
    let mut imported = Imported { room: name, added: 0, known: 0 };
    while lines.next()? {
        let number = lines.number;
        let refused = |what: String| AdministrationError::Line(number, what);
        let message = message_of(&lines.bytes, &imported.room).map_err(refused)?;
        if message.seq <= newest && newest > 0 {
            imported.known += 1;
            continue;
        }
        if newest == 0 && message.seq > 1 {
            newest = message.seq - 1;
            begin_after(connection, room, newest)?;
        }
        if message.seq != newest + 1 || message.seq > SEQ_MAX {
            return Err(refused(format!("has the number {}, and {} comes next", message.seq, newest + 1)));
        }
        newest = message.seq;
        insert(connection, room, &message)?
            .then_some(())
            .ok_or_else(|| refused("has a mid that an earlier message of its user has".to_owned()))?;
        imported.added += 1;
    }
    if newest == 0 {
        begin_after(connection, room, header.newest)?;
    } else if newest < header.newest {
        let sentence = format!(
            "the export ends with the number {newest}, and its room had {}: it is not whole, and nothing was imported",
            header.newest
        );
        return Err(AdministrationError::Refused(sentence));
    }
    last_values::rebuild(connection, room)?;
    while !search_index::index(connection, room, 10_000, usize::MAX)?.complete {}
    Ok(imported)
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

/// Has the numbers of the room begin after this one.
fn begin_after(connection: &Connection, room: RoomId, seq: u64) -> rusqlite::Result<()> {
    let sql = "UPDATE rooms SET pruned = ?2, indexed = ?2 WHERE room = ?1";
    connection.execute(sql, params![room, seq.cast_signed()]).map(|_| ())
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
    let sql = "INSERT INTO messages (place, kind, at, edited, user, friend, mid, body, reply, reaction, key) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let (kind, body) = columns_of(&message.body);
    let to = message.to.as_ref().map(UserName::as_str);
    let (reply, reaction) = about_columns(message.about);
    let (key, at, edited) = (room.key(message.seq), ms(message.at), message.edited.map(ms));
    let own_key = message.key.as_ref().map(Key::as_str);
    let values = params![key, kind, at, edited, user, to, mid, body, reply, reaction, own_key];
    connection.prepare_cached(sql)?.execute(values).map(|_| true)
}
