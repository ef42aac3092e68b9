//! Server-Sent Events, WHATWG HTML §9.2: blocks of fields, each of which ends with an empty line.
//!
//! An event is one `data` field, since JSON as it is printed has no line break, and before it the `id`: the position
//! of the client once it has the event. Rooms print the position in the one room alone, for all their members at once;
//! for a client of several rooms [`Positions`] puts that of each room in its place.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::{Event, Position, Refusal};

/// What is sent at a ping: a comment, which clients ignore.
pub const COMMENT: &[u8] = b":\n\n";
/// What begins the field with the position. JSON cannot contain it behind the end of a line.
const ID: &[u8] = b"id: ";
/// The position in a room of which the client has nothing yet.
const NOTHING: &str = "-";
/// Bytes of an epoch, at most: more than one has.
const EPOCH_BYTES_MAX: usize = 64;

/// Appends the data of an event.
pub(super) fn append(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}

/// Appends the fields that precede the data of `event` in a room of this epoch.
pub(super) fn append_fields(event: &Event, epoch: Option<&str>, out: &mut Vec<u8>) {
    let position = match (event, epoch) {
        (Event::Joined { epoch, after, .. }, _) => Some((&**epoch, *after)),
        // A private conversation is no room of the stream.
        (Event::Message(message), Some(epoch)) if message.to.is_none() => Some((epoch, message.seq)),
        _ => None,
    };
    if let Some((epoch, seq)) = position {
        _ = writeln!(out, "id: {epoch}.{seq}"); // Memory takes every byte.
    }
    if let Event::Goodbye { end, retry_after } = event
        && end.reconnect()
    {
        append_retry(retry_after.as_millis(), out);
    }
}

/// Appends the field that says after how many milliseconds the client is to connect again.
fn append_retry(ms: u128, out: &mut Vec<u8>) {
    _ = writeln!(out, "retry: {ms}"); // Memory takes every byte.
}

/// The block that begins a stream: when to connect again if it breaks.
#[must_use]
pub fn beginning(retry_after: Duration) -> Vec<u8> {
    let mut block = Vec::new();
    append_retry(retry_after.as_millis(), &mut block);
    block.push(b'\n');
    block
}

/// The position of a client in each room of its stream, in the order in which it has named them.
#[derive(Debug)]
pub struct Positions {
    rooms: Vec<Option<Position>>,
    joining: usize,
}

impl Positions {
    /// The positions that the client has named; `None` for a room of which it has nothing.
    #[must_use]
    pub fn new(rooms: Vec<Option<Position>>) -> Self {
        Self { rooms, joining: 0 }
    }

    /// From now on an epoch that is not known is that of the room with this index.
    pub fn join(&mut self, room: usize) {
        self.joining = room;
    }

    /// The same events, each with the position in all rooms where it had that in its own.
    ///
    /// `events` is whole blocks, as an encoder makes them.
    pub fn merge(&mut self, events: &[u8]) -> Vec<u8> {
        let mut merged = Vec::with_capacity(events.len());
        for line in events.split_inclusive(|byte| *byte == b'\n') {
            let position = line.strip_prefix(ID).and_then(|rest| position(std::str::from_utf8(rest).ok()?.trim_end()));
            match position {
                Some(position) => {
                    self.advance(position);
                    _ = writeln!(merged, "id: {self}"); // Memory takes every byte.
                }
                None => merged.extend_from_slice(line),
            }
        }
        merged
    }

    fn advance(&mut self, position: Position) {
        let known = |room: &Option<Position>| room.as_ref().is_some_and(|room| room.epoch == position.epoch);
        let room = self.rooms.iter().position(known).unwrap_or(self.joining);
        if let Some(room) = self.rooms.get_mut(room) {
            *room = Some(position);
        }
    }
}

impl std::fmt::Display for Positions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, room) in self.rooms.iter().enumerate() {
            if i > 0 {
                f.write_char(',')?;
            }
            match room {
                Some(Position { epoch, seq }) => write!(f, "{epoch}.{seq}")?,
                None => f.write_str(NOTHING)?,
            }
        }
        Ok(())
    }
}

/// The positions that a client names in `count` rooms: `EPOCH.SEQ`, or `-` where it has nothing, separated by commas.
///
/// # Errors
/// `bad_request`: it is something else.
pub fn parse_positions(text: &str, count: usize) -> Result<Vec<Option<Position>>, Refusal> {
    let bad = || {
        let form = "since and Last-Event-ID are EPOCH.SEQ for each room in the order of the address, or -";
        Refusal::bad_request(format!("{form}, separated by commas: here {count}"))
    };
    let parts: Vec<_> = text.split(',').map(str::trim).collect();
    if parts.len() != count {
        return Err(bad());
    }
    let parsed = |part: &str| if part == NOTHING { Ok(None) } else { position(part).map(Some).ok_or_else(bad) };
    parts.into_iter().map(parsed).collect()
}

fn position(text: &str) -> Option<Position> {
    let (epoch, seq) = text.rsplit_once('.')?;
    let is_epoch =
        (1..=EPOCH_BYTES_MAX).contains(&epoch.len()) && epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_number = seq.bytes().all(|byte| byte.is_ascii_digit());
    if !is_epoch || !is_number {
        return None;
    }
    Some(Position { epoch: Arc::from(epoch), seq: seq.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(positions: &mut Positions, events: &str) -> String {
        String::from_utf8(positions.merge(events.as_bytes())).unwrap()
    }

    #[test]
    fn each_position_is_in_all_rooms() {
        let since = parse_positions("ea.3,-, eb.9", 3).unwrap();
        assert_eq!(since[0].as_ref().map(|position| position.seq), Some(3));
        let mut positions = Positions::new(since);
        let joined = merged(&mut positions, "id: ea.3\ndata: {}\n\nid: ea.4\ndata: {\"a\":1}\n\n");
        assert_eq!(joined, "id: ea.3,-,eb.9\ndata: {}\n\nid: ea.4,-,eb.9\ndata: {\"a\":1}\n\n");
        positions.join(1);
        assert_eq!(merged(&mut positions, "id: ec.0\ndata: {}\n\n:\n\n"), "id: ea.4,ec.0,eb.9\ndata: {}\n\n:\n\n");
        positions.join(2);
        // The history of the third room is another one than the client knew.
        assert_eq!(merged(&mut positions, "id: ed.7\n\nid: ea.5\n\n"), "id: ea.4,ec.0,ed.7\n\nid: ea.5,ec.0,ed.7\n\n");
        let id = positions.to_string();
        assert_eq!(parse_positions(&id, 3).unwrap(), positions.rooms);
    }

    #[test]
    fn what_is_no_list_of_positions_is_refused() {
        for (text, count) in [("", 1), ("e1", 1), ("e1.", 1), ("e1.-1", 1), ("e1.1", 2), ("e1.1,e2.2", 1), ("e 1.1", 1)]
        {
            assert!(parse_positions(text, count).is_err(), "{text:?}");
        }
        assert!(parse_positions(&format!("e1.{}", u128::MAX), 1).is_err());
        assert!(parse_positions(&format!("{}.1", "e".repeat(65)), 1).is_err());
    }
}
