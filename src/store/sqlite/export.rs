//! `roomd export`: a room's history, written out.
//!
//! It reads in pieces, each a transaction of its own, so that an export that takes long holds nothing
//! up; what is said while it runs is exported too, up to the end that it finds.

use std::io::{self, Write};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::data_file::{DataFile, DataFileError};
use super::jsonl::{Header, line_of};
use super::message_key::{RoomId, seq_of};
use super::row::ms;
use super::sequence::Sequence;
use super::{history, policy};
use crate::chat::{RoomName, Span, Time};
use crate::store::PageQuery;

/// What is read at once.
const PIECE: PageQuery = PageQuery { span: Span::After(0), count: 1_000, bytes: 4 * 1024 * 1024 };

/// Where an export begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// After the message of this number.
    Seq(u64),
    /// With the first message that is not older.
    Time(Time),
}

impl DataFile {
    /// Writes the room's history to `out`, a line a message after a line that tells of the room; returns
    /// how many messages. Blocks as `out` does.
    ///
    /// # Errors
    /// Part of it may have been written.
    pub fn export(&self, room: &RoomName, since: Since, out: &mut impl Write) -> Result<u64, DataFileError> {
        let connection = self.site.visit(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let sequence = history::sequence(&connection, room)?.ok_or_else(|| DataFileError::NoRoom(room.clone()))?;
        let Sequence { room: Some(id), epoch, newest, .. } = sequence else {
            return Err(DataFileError::NoRoom(room.clone()));
        };
        let written = |error| DataFileError::Io("the export could not be written".to_owned(), error);
        let json = |error: serde_json::Error| written(io::Error::other(error));
        let private = policy::policy(&connection, id)?.is_some_and(|policy| policy.is_private());
        let header = serde_json::to_string(&Header::new(room, &epoch, newest, private)).map_err(json)?;
        writeln!(out, "{header}").map_err(written)?;
        let mut last = match since {
            Since::Seq(seq) => seq,
            Since::Time(at) => before(&connection, id, at)?,
        };
        let mut count = 0_u64;
        loop {
            let messages = history::after(&connection, id, room, last, PIECE)?;
            let Some(first) = messages.first() else { break };
            if count > 0 && first.seq != last + 1 {
                let sentence = format!("the messages after {last} went by retention while they were exported");
                return Err(DataFileError::Refused(sentence));
            }
            for message in &messages {
                writeln!(out, "{}", line_of(message).map_err(json)?).map_err(written)?;
                last = message.seq;
                count += 1;
            }
        }
        out.flush().map_err(written)?;
        Ok(count)
    }
}

/// The number before that of the first message which is not older than `at`.
fn before(connection: &Connection, room: RoomId, at: Time) -> rusqlite::Result<u64> {
    let sql = "SELECT place FROM messages WHERE place BETWEEN ?1 AND ?2 AND at >= ?3 ORDER BY place LIMIT 1";
    let values = params![room.key(0), room.key(u64::MAX), ms(at)];
    let found: Option<i64> = connection.prepare(sql)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(found.map_or(u64::MAX, |key| seq_of(key).saturating_sub(1)))
}
