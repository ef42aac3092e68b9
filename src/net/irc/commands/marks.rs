//! MARKREAD (IRCv3 draft/read-marker): how far the user has read, the same on every device and door.
//!
//! IRC names a message by its time, and a room by its number: the mark is at the newest message that is not younger.

use super::history::{last_until, newest};
use super::messages::place;
use crate::chat::{Command, End, Receipt, RoomName, RoomRequest, Span, Time};
use crate::net::irc::capabilities::CapabilitySet;
use crate::net::irc::conversation::Conversation;
use crate::wire::irc::{self, Line, SERVER, clean};

pub fn markread(this: &mut Conversation, line: &Line) -> Option<End> {
    let Some(target) = line.param(0) else {
        this.client.fail("MARKREAD", "NEED_MORE_PARAMS", "", "Missing parameters");
        return None;
    };
    // As for a NOTICE, `place` says nothing.
    let found = place(this, "NOTICE", target);
    let Some((room, name)) = found.and_then(|(place, name)| Some((place.room()?.clone(), name))) else {
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

/// Moves the mark to the newest message that was said by then; never back.
fn mark(this: &mut Conversation, room: &RoomName, time: Time) -> Option<End> {
    let seq = match newest(this, room) {
        Ok(Some(message)) if message.at <= time => message.seq,
        Ok(Some(_)) => last_until(this, room, time).unwrap_or(0),
        _ => 0,
    };
    if seq == 0 || this.connection.read_up_to(room).is_ok_and(|read| read >= seq) {
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
    let message = match this.connection.read_up_to(room) {
        Ok(0) => Ok(None),
        Ok(seq) => this.connection.page(room, Span::After(seq - 1), 1).map(|messages| messages.first().cloned()),
        Err(refusal) => Err(refusal),
    };
    match message {
        Ok(message) => {
            let time = message.map_or_else(|| "*".to_owned(), |message| format!("timestamp={}", message.at));
            this.client.line(SERVER, &format!("MARKREAD {name} {time}"), None);
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
