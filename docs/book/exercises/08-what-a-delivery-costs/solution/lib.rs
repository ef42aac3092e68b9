//! The end of a round: what was said goes to each member.

use std::ops::Range;

/// What was said in a round.
#[derive(Clone, Debug)]
pub struct Event {
    /// The number of the member who said it.
    pub author: usize,
    /// What it said.
    pub text: String,
}

/// A socket: one call of `write` is one system call, which writes the parts one after the other (`writev`).
pub trait Socket {
    /// Writes all parts.
    fn write(&mut self, parts: &[&[u8]]);
}

/// A member of the room.
pub struct Member {
    /// Its number.
    pub number: usize,
    /// Whether it is given what it has said itself.
    pub echo: bool,
    /// Where it is given that.
    pub socket: Box<dyn Socket>,
}

/// Gives each member the events that are for it, in their order. `encode` prints an event as bytes, behind what is in the
/// buffer.
pub fn deliver(events: &[Event], members: &mut [Member], mut encode: impl FnMut(&Event, &mut Vec<u8>)) {
    let mut buffer = Vec::new();
    let places: Vec<_> = events
        .iter()
        .map(|event| {
            let begin = buffer.len();
            encode(event, &mut buffer);
            begin..buffer.len()
        })
        .collect();
    for member in members {
        let mut ranges = Vec::new();
        for (event, place) in events.iter().zip(&places) {
            if is_for(event, member) {
                add(&mut ranges, place.clone());
            }
        }
        let parts: Vec<_> = ranges.into_iter().map(|range| &buffer[range]).collect();
        if !parts.is_empty() {
            member.socket.write(&parts);
        }
    }
}

/// Whether a member is given this event.
fn is_for(event: &Event, member: &Member) -> bool {
    member.echo || event.author != member.number
}

/// Adds a part to those that are written, and makes one of two that lie next to each other.
pub fn add(parts: &mut Vec<Range<usize>>, part: Range<usize>) {
    match parts.last_mut() {
        Some(last) if last.end == part.start => last.end = part.end,
        _ => parts.push(part),
    }
}
