//! An export as an import reads it: its first line, and then the messages, which continue a room.
//!
//! Called by the imports of the backends, on the thread of the command. A line is bounded, so that no input fills the
//! memory. Messages that the room has already are skipped, so an import can be repeated, and exports of one room can
//! follow each other.

use std::io::{BufRead, Read as _};

use super::administration::{AdministrationError, Imported};
use super::jsonl::{Header, SEQ_MAX, message_of};
use crate::chat::policy::ModerationAction;
use crate::chat::{Message, RoomName, Time, UserName};

/// Bytes of one line, at most: a body of 16 MiB with all its escapes.
const LINE_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// An export whose first line was read.
pub struct ExportReader<'a> {
    /// The room that it is of.
    pub room: RoomName,
    /// Its first line.
    pub header: Header,
    /// What gives the room a policy, if it has none.
    pub changes: Vec<ModerationAction>,
    /// The others: a message each.
    lines: Lines<'a>,
}

/// Who gives an imported room its policy. It is no name that a user can have.
pub fn importer() -> UserName {
    UserName::stored("roomd import")
}

/// A room that an import continues, in a transaction.
pub trait ImportedRoom {
    /// Has the numbers of the room begin after this one.
    ///
    /// # Errors
    /// The transaction must be rolled back.
    fn begin_after(&mut self, seq: u64) -> Result<(), AdministrationError>;

    /// The author and the time of the message of this number; `None`: it is not there any more.
    ///
    /// # Errors
    /// It cannot be read.
    fn stored(&mut self, seq: u64) -> Result<Option<(UserName, Time)>, AdministrationError>;

    /// Inserts a message; `false` when another message has its `mid`.
    ///
    /// # Errors
    /// The transaction must be rolled back.
    fn insert(&mut self, message: &Message) -> Result<bool, AdministrationError>;
}

impl<'a> ExportReader<'a> {
    /// Reads the first line of `input`. Blocks as `input` does.
    ///
    /// # Errors
    /// It is not an export.
    pub fn open(input: &'a mut dyn BufRead) -> Result<Self, AdministrationError> {
        let mut lines = Lines { input, number: 0, bytes: Vec::new() };
        if !lines.next()? {
            return Err(AdministrationError::Refused("there is nothing to import".to_owned()));
        }
        let header = Header::parse(&lines.bytes).map_err(|what| AdministrationError::Line(1, what))?;
        let room = RoomName::parse_known(&header.room);
        let room = room.map_err(|error| AdministrationError::Line(1, format!("names a room that {error}")))?;
        let changes = header.changes().map_err(|what| AdministrationError::Line(1, what))?;
        let changes = changes.into_iter().map(|change| ModerationAction { change, note: None }).collect();
        Ok(Self { room, header, changes, lines })
    }

    /// Inserts the messages into the room, whose newest message has the number `newest`; what was imported, and the
    /// number of the newest message then. Blocks as the input does.
    ///
    /// # Errors
    /// The messages do not continue the room, or are not whole: the transaction must be rolled back.
    pub fn insert_into(
        self,
        target: &mut impl ImportedRoom,
        mut newest: u64,
    ) -> Result<(Imported, u64), AdministrationError> {
        let Self { room, header, mut lines, .. } = self;
        let mut imported = Imported { room, added: 0, known: 0 };
        while lines.next()? {
            let number = lines.number;
            let refused = |what: String| AdministrationError::Line(number, what);
            let message = message_of(&lines.bytes, &imported.room).map_err(refused)?;
            if message.seq <= newest && newest > 0 {
                // Where something was added or removed before it, what follows has other numbers than here.
                let stored = if message.seq == newest { target.stored(newest)? } else { None };
                if stored.is_some_and(|(user, at)| user != message.user || at != message.at) {
                    return Err(refused(format!("is not the message {newest} of the room: it does not continue it")));
                }
                imported.known += 1;
                continue;
            }
            if newest == 0 && message.seq > 1 {
                newest = message.seq - 1;
                target.begin_after(newest)?;
            }
            if message.seq != newest + 1 || message.seq > SEQ_MAX {
                return Err(refused(format!("has the number {}, and {} comes next", message.seq, newest + 1)));
            }
            newest = message.seq;
            if !target.insert(&message)? {
                return Err(refused("has a mid that an earlier message of its user has".to_owned()));
            }
            imported.added += 1;
        }
        if newest == 0 {
            newest = header.newest;
            target.begin_after(newest)?;
        } else if newest < header.newest {
            let sentence = format!(
                "the export ends with the number {newest}, and its room had {}: it is not whole, and nothing was imported",
                header.newest
            );
            return Err(AdministrationError::Refused(sentence));
        }
        Ok((imported, newest))
    }
}

/// Lines of a bounded length, with their numbers.
struct Lines<'a> {
    input: &'a mut dyn BufRead,
    /// The number of the line in `bytes`; the first is 1.
    number: u64,
    /// The line, with its line feed.
    bytes: Vec<u8>,
}

impl Lines<'_> {
    /// Reads the next line into `bytes`; `false` at the end. Empty lines are skipped.
    ///
    /// # Errors
    /// It cannot be read, or is longer than any message.
    fn next(&mut self) -> Result<bool, AdministrationError> {
        loop {
            self.bytes.clear();
            self.number += 1;
            let read = (&mut *self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.bytes);
            let read =
                read.map_err(|error| AdministrationError::Io("the import could not be read".to_owned(), error))?;
            if read == 0 {
                return Ok(false);
            }
            if read as u64 == LINE_BYTES_MAX {
                return Err(AdministrationError::Line(self.number, "is longer than any message".to_owned()));
            }
            if !self.bytes.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }
}
