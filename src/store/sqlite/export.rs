//! `roomd export`: a room's history, written as text.
//!
//! It runs beside a server, and reads a page at a time. How the lines follow each other is `export_writer`'s.

use std::io::Write;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::message_key::{RoomId, seq_of};
use super::sequence::Sequence;
use super::{history, policy};
use crate::chat::{RoomName, Time};
use crate::store::administration::{AdministrationError, ExportStart};
use crate::store::columns::ms;
use crate::store::export_writer::{self, PAGE};
use crate::store::jsonl::Header;

/// Writes the room's history to `out`; returns the number of messages. Blocks as `out` does.
///
/// # Errors
/// Part of it may have been written.
pub fn export(
    connection: &Connection,
    room: &RoomName,
    start: ExportStart,
    out: &mut dyn Write,
) -> Result<u64, AdministrationError> {
    let sequence = history::sequence(connection, room)?.ok_or_else(|| AdministrationError::NoRoom(room.clone()))?;
    let Sequence { room: Some(id), epoch, newest, .. } = sequence else {
        return Err(AdministrationError::NoRoom(room.clone()));
    };
    let private = policy::policy(connection, id)?.is_some_and(|policy| policy.is_private());
    let header = Header::new(room, &epoch, newest, private);
    let last = match start {
        ExportStart::Seq(seq) => seq,
        ExportStart::Time(at) => last_before(connection, id, at)?,
    };
    export_writer::write(out, &header, last, |last| history::after(connection, id, room, last, PAGE))
}

/// The number before the first message that is not older than `at`.
fn last_before(connection: &Connection, room: RoomId, at: Time) -> rusqlite::Result<u64> {
    let sql = "SELECT place FROM history WHERE place BETWEEN ?1 AND ?2 AND at >= ?3 ORDER BY place LIMIT 1";
    let values = params![room.key(0), room.key(u64::MAX), ms(at)];
    let found: Option<i64> = connection.prepare(sql)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(found.map_or(u64::MAX, |key| seq_of(key).saturating_sub(1)))
}
