//! `roomd export`: a room's history, written as text.
//!
//! It reads a page at a time, each in a transaction of its own, so that a long export delays nobody. Messages that
//! arrive while it runs are exported too, up to the end that it finds.

use std::io::{self, Write};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::message_key::{RoomId, seq_of};
use super::row::ms;
use super::sequence::Sequence;
use super::{history, policy};
use crate::chat::Span;
use crate::chat::{RoomName, Time};
use crate::store::administration::{AdministrationError, ExportStart};
use crate::store::jsonl::{Header, line_of};
use crate::store::rooms::PageQuery;

/// What is read in one transaction.
const PAGE: PageQuery = PageQuery { span: Span::After(0), count: 1_000, bytes: 4 * 1024 * 1024 };

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
    let failed = |error| AdministrationError::Io("the export could not be written".to_owned(), error);
    let json = |error: serde_json::Error| failed(io::Error::other(error));
    let private = policy::policy(connection, id)?.is_some_and(|policy| policy.is_private());
    let header = serde_json::to_string(&Header::new(room, &epoch, newest, private)).map_err(json)?;
    writeln!(out, "{header}").map_err(failed)?;
    let mut last = match start {
        ExportStart::Seq(seq) => seq,
        ExportStart::Time(at) => last_before(connection, id, at)?,
    };
    let mut count = 0_u64;
    loop {
        let messages = history::after(connection, id, room, last, PAGE)?;
        let Some(first) = messages.first() else { break };
        if count > 0 && first.seq != last + 1 {
            let sentence = format!("retention deleted the messages after {last} while they were exported");
            return Err(AdministrationError::Refused(sentence));
        }
        for message in &messages {
            writeln!(out, "{}", line_of(message).map_err(json)?).map_err(failed)?;
            last = message.seq;
            count += 1;
        }
    }
    out.flush().map_err(failed)?;
    Ok(count)
}

/// The number before the first message that is not older than `at`.
fn last_before(connection: &Connection, room: RoomId, at: Time) -> rusqlite::Result<u64> {
    let sql = "SELECT place FROM history WHERE place BETWEEN ?1 AND ?2 AND at >= ?3 ORDER BY place LIMIT 1";
    let values = params![room.key(0), room.key(u64::MAX), ms(at)];
    let found: Option<i64> = connection.prepare(sql)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(found.map_or(u64::MAX, |key| seq_of(key).saturating_sub(1)))
}
