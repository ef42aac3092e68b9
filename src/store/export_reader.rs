//! An export as an import reads it: its first line, and then the lines of its messages, one by one.
//!
//! Called by the imports of the backends, on the thread of the command. A line is bounded, so that no input fills the
//! memory.

use std::io::{BufRead, Read as _};

use super::administration::AdministrationError;
use super::jsonl::Header;
use crate::chat::RoomName;

/// Bytes of one line, at most: a body of 16 MiB with all its escapes.
const LINE_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// An export whose first line was read.
pub struct ExportReader<'a> {
    /// The room that it is of.
    pub room: RoomName,
    /// Its first line.
    pub header: Header,
    /// The others: a message each.
    pub lines: Lines<'a>,
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
        Ok(Self { room, header, lines })
    }
}

/// Lines of a bounded length, with their numbers.
pub struct Lines<'a> {
    input: &'a mut dyn BufRead,
    /// The number of the line in `bytes`; the first is 1.
    pub number: u64,
    /// The line, with its line feed.
    pub bytes: Vec<u8>,
}

impl Lines<'_> {
    /// Reads the next line into `bytes`; `false` at the end. Empty lines are skipped.
    ///
    /// # Errors
    /// It cannot be read, or is longer than any message.
    pub fn next(&mut self) -> Result<bool, AdministrationError> {
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
