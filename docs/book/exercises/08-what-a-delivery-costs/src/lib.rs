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
    for event in events {
        for member in members.iter_mut() {
            if is_for(event, member) {
                let mut buffer = Vec::new();
                encode(event, &mut buffer);
                member.socket.write(&[&buffer]);
            }
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
