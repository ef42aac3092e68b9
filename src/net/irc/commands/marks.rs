//! MARKREAD (IRCv3 draft/read-marker): how far the user has read, the same on every device and door.
//!
//! IRC names a message by its time, and a room by its number: the mark is at the newest message that is not younger.

use std::collections::VecDeque;

use super::history::{last_until, newest};
use super::messages::place;
use crate::chat::{Command, End, Receipt, RoomName, RoomRequest, Span, Time};
use crate::net::irc::capabilities::CapabilitySet;
use crate::net::irc::conversation::Conversation;
use crate::wire::irc::{self, Line, clean};

pub fn markread(this: &mut Conversation, line: &Line) -> Option<End> {
    let Some(target) = line.param(0) else {
        this.client.fail("MARKREAD", "NEED_MORE_PARAMS", "", "Missing parameters");
        return None;
    };
    // As for a NOTICE, `place` says nothing.
    let found = place(this, "NOTICE", target);
    let Some((room, name)) = found.and_then(|(place, name)| Some((place.room()?.clone(), name))) else {
        if line.param(1).is_none() {
            // Nothing is known of it.
            this.client.own(&format!("MARKREAD {} *", clean(target)), None);
            return None;
        }
        this.client.fail("MARKREAD", "INVALID_PARAMS", &clean(target), "You are not in such a channel or conversation");
        return None;
    };
    let mut end = None;
    if let Some(text) = line.param(1) {
        let Some(time) = text.strip_prefix("timestamp=").and_then(Time::parse) else {
            let about = format!("{name} {}", clean(text));
            this.client.fail("MARKREAD", "INVALID_PARAMS", &about, "It is timestamp=YYYY-MM-DDThh:mm:ss.sssZ");
            return None;
        };
        end = mark(this, &room, time);
    }
    tell_mark(this, &room, &name);
    end
}

/// The times that a client has given its marks, of the rooms where it has moved them last: it is told them again as long
/// as they name the same message, or none.
#[derive(Default)]
pub struct MarkTimes(VecDeque<MarkTime>);

struct MarkTime {
    room: RoomName,
    seq: u64,
    time: Time,
}

/// Rooms of which a time is remembered, at most.
const TIMES_MAX: usize = 64;

impl MarkTimes {
    fn of(&self, room: &RoomName, seq: u64) -> Option<Time> {
        self.0.iter().find(|mark| mark.room == *room && mark.seq == seq).map(|mark| mark.time)
    }

    /// A mark is at the message of this number, and the client has said this time; the later of two counts.
    fn set(&mut self, room: &RoomName, seq: u64, time: Time) {
        let time = self.of(room, seq).map_or(time, |before| before.max(time));
        self.0.retain(|mark| mark.room != *room);
        self.0.truncate(TIMES_MAX - 1);
        self.0.push_front(MarkTime { room: room.clone(), seq, time });
    }
}

/// Moves the mark to the newest message that was said by then; never back.
fn mark(this: &mut Conversation, room: &RoomName, time: Time) -> Option<End> {
    let seq = match newest(this, room) {
        Ok(Some(message)) if message.at <= time => message.seq,
        Ok(Some(_)) => last_until(this, room, time).unwrap_or(0),
        _ => 0,
    };
    let read = this.connection.read_up_to(room).unwrap_or_default();
    // What is said later is not read by then.
    if seq >= read && time <= this.engine().clock.now().at {
        this.marks.set(room, seq, time);
    }
    if read >= seq {
        return None;
    }
    let request = RoomRequest::Receipt { receipt: Receipt::Read, seq };
    // What is refused is seen in the mark, which is told next.
    let context = this.client.context("NOTICE", "");
    let end = this.request(Command::ToRoom { room: Some(room.clone()), request }, &context);
    this.connection.flush(room);
    end
}

/// Tells the mark of a room, or conversation.
fn tell_mark(this: &mut Conversation, room: &RoomName, name: &str) {
    let read_up_to = this.connection.read_up_to(room);
    let time = read_up_to.and_then(|seq| match (this.marks.of(room, seq), seq) {
        (Some(time), _) => Ok(Some(time)),
        (None, 0) => Ok(None),
        (None, seq) => {
            let page = this.connection.page(room, Span::After(seq - 1), 1);
            page.map(|messages| messages.first().map(|message| message.at))
        }
    });
    match time {
        Ok(time) => {
            let time = time.map_or_else(|| "*".to_owned(), |time| format!("timestamp={time}"));
            this.client.own(&format!("MARKREAD {name} {time}"), None);
        }
        Err(refusal) => this.client.fail("MARKREAD", "INTERNAL_ERROR", name, &refusal.to_string()),
    }
}

/// Tells a client that has just joined a room how far its user has read, if it wants to know.
pub fn tell_mark_of_joined(this: &mut Conversation, room: &RoomName) {
    if this.client.capabilities.has(CapabilitySet::READ_MARKER) {
        tell_mark(this, room, &irc::channel(room));
    }
}
