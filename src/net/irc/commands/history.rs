//! CHATHISTORY (IRCv3 draft/chathistory): a part of what was said, in the order of the room.
//!
//! A message is named by its `msgid` or by a time, which is found in the history by bisection. On the reader's thread;
//! each step is a read of the store.

use std::sync::Arc;

use super::messages::place;
use crate::chat::{Cost, End, Message, Refusal, RoomName, Span, Time};
use crate::net::irc::capabilities::CapabilitySet;
use crate::net::irc::client::append;
use crate::net::irc::conversation::Conversation;
use crate::wire::irc::{self, Line, PrintOptions, clean, seq_of_message_id};

/// Messages of one answer, at most.
pub const MESSAGES_MAX: usize = 100;
/// Steps of a bisection, at most: more than any number of messages needs.
const STEPS_MAX: usize = 64;

/// Where a span begins or ends.
#[derive(Clone, Copy)]
enum Reference {
    /// The message of this number.
    Message(u64),
    /// This moment.
    Moment(Time),
}

pub fn chathistory(this: &mut Conversation, line: &Line) -> Option<End> {
    this.paid("CHATHISTORY", Cost::Message, |this| {
        let subcommand = line.param(0).unwrap_or_default().to_ascii_uppercase();
        if subcommand == "TARGETS" {
            targets(this, line);
            return None;
        }
        let references = match subcommand.as_str() {
            "BEFORE" | "AFTER" | "LATEST" | "AROUND" => 1,
            "BETWEEN" => 2,
            _ => {
                let about = clean(&subcommand);
                this.client.fail("CHATHISTORY", "INVALID_PARAMS", &about, "There is no such subcommand");
                return None;
            }
        };
        let limit = line.param(references + 2).and_then(|limit| limit.parse::<usize>().ok());
        let (Some(target), Some(limit)) = (line.param(1), limit) else {
            this.client.fail("CHATHISTORY", "INVALID_PARAMS", &subcommand, "It needs a target, references and a limit");
            return None;
        };
        let Some((room, name)) = readable(this, target) else {
            let about = format!("{subcommand} {}", clean(target));
            this.client.fail("CHATHISTORY", "INVALID_TARGET", &about, "You are not in such a channel or conversation");
            return None;
        };
        let epoch = this.connection.epoch(&room).unwrap_or_default();
        let parse = |at: usize| line.param(at + 2).and_then(|text| reference(text, &room, &epoch));
        let (first, second) = (parse(0), parse(references - 1));
        let is_latest = subcommand == "LATEST" && line.param(2) == Some("*");
        if !is_latest && (first.is_none() || second.is_none()) {
            let about = format!("{subcommand} {name}");
            this.client.fail("CHATHISTORY", "INVALID_PARAMS", &about, "A reference is msgid=ID or timestamp=TIME");
            return None;
        }
        let limit = limit.min(MESSAGES_MAX);
        match read(this, &room, (&subcommand, first, second), limit) {
            Ok(messages) => tell(this, (&name, &epoch), &messages),
            Err(refusal) => this.client.refused(&refusal, "CHATHISTORY", &name),
        }
        None
    })
}

/// The room whose history a client may read by this target: one that it is in, or a conversation.
fn readable(this: &mut Conversation, target: &str) -> Option<(RoomName, String)> {
    // As for a NOTICE, `place` says nothing.
    let (place, name) = place(this, "NOTICE", target)?;
    Some((place.room()?.clone(), name))
}

fn reference(text: &str, room: &RoomName, epoch: &str) -> Option<Reference> {
    if let Some(id) = text.strip_prefix("msgid=") {
        return seq_of_message_id(id, room, epoch).map(Reference::Message);
    }
    Time::parse(text.strip_prefix("timestamp=")?).map(Reference::Moment)
}

/// The channels and conversations whose newest message was said between two times, the oldest first.
fn targets(this: &mut Conversation, line: &Line) {
    let moment = |at: usize| line.param(at)?.strip_prefix("timestamp=").and_then(Time::parse);
    let limit = line.param(3).and_then(|limit| limit.parse::<usize>().ok());
    let (Some(one), Some(other), Some(limit)) = (moment(1), moment(2), limit) else {
        return this.client.fail("CHATHISTORY", "INVALID_PARAMS", "TARGETS", "It needs two times and a limit");
    };
    let (from, to) = (one.min(other), one.max(other));
    let mut rooms: Vec<_> = this.connection.rooms().map(|room| (room.clone(), irc::channel(room))).collect();
    // A guest's conversations are not kept.
    if let Ok(memberships) = this.engine().memberships(this.who()) {
        let listed = memberships.conversations.into_iter();
        rooms.extend(listed.map(|listed| (listed.room, irc::nick(&listed.user).into_owned())));
    }
    let newest = |room: &RoomName| newest(this, room).ok().flatten().map(|message| message.at);
    let mut found: Vec<_> = rooms.iter().filter_map(|(room, name)| Some((newest(room)?, name.clone()))).collect();
    found.retain(|(at, _)| from < *at && *at < to);
    found.sort();
    let batch = this.client.capabilities.has(CapabilitySet::BATCH).then(|| this.client.next_batch());
    if let Some(batch) = &batch {
        this.client.own(&format!("BATCH +{batch} draft/chathistory-targets"), None);
        this.client.tag = format!("batch={batch}");
    }
    for (at, name) in found.iter().take(limit.min(MESSAGES_MAX)) {
        this.client.own(&format!("CHATHISTORY TARGETS {name} {at}"), None);
    }
    this.client.tag.clear();
    if let Some(batch) = &batch {
        this.client.own(&format!("BATCH -{batch}"), None);
    }
}

type Query<'a> = (&'a str, Option<Reference>, Option<Reference>);

fn read(
    this: &Conversation,
    room: &RoomName,
    (subcommand, first, second): Query<'_>,
    limit: usize,
) -> Result<Vec<Arc<Message>>, Refusal> {
    let page = |span, limit| this.connection.page(room, span, limit);
    // The first message that is not before a reference, and the last that is not after it.
    let not_before = |reference| match reference {
        Reference::Message(seq) => Ok(seq),
        Reference::Moment(time) => first_since(this, room, time),
    };
    let not_after = |reference| match reference {
        Reference::Message(seq) => Ok(seq),
        Reference::Moment(time) => last_until(this, room, time),
    };
    match (subcommand, first, second) {
        ("BEFORE", Some(reference), _) => page(Span::Before(not_before(reference)?), limit),
        ("AFTER", Some(reference), _) => page(Span::After(not_after(reference)?), limit),
        ("AROUND", Some(reference), _) => {
            let middle = not_before(reference)?;
            let mut messages = page(Span::Before(middle), limit / 2)?;
            messages.extend(page(Span::After(middle.saturating_sub(1)), limit - limit / 2)?);
            Ok(messages)
        }
        ("BETWEEN", Some(from), Some(to)) => {
            let (lower, upper) = (not_after(from)?, not_before(to)?);
            if lower <= upper {
                let mut messages = page(Span::After(lower), limit)?;
                messages.retain(|message| message.seq < upper);
                return Ok(messages);
            }
            let (lower, upper) = (not_after(to)?, not_before(from)?);
            let mut messages = page(Span::Before(upper), limit)?;
            messages.retain(|message| message.seq > lower);
            Ok(messages)
        }
        (_, after, _) => {
            let mut messages = page(Span::NEWEST, limit)?;
            if let Some(after) = after {
                let after = not_after(after)?;
                messages.retain(|message| message.seq > after);
            }
            Ok(messages)
        }
    }
}

/// The number of the first message that was not said before this time; one more than the newest if there is none.
fn first_since(this: &Conversation, room: &RoomName, time: Time) -> Result<u64, Refusal> {
    let page = |span| this.connection.page(room, span, 1).map(|messages| messages.first().cloned());
    let (Some(oldest), Some(newest)) = (page(Span::After(0))?, page(Span::NEWEST)?) else { return Ok(1) };
    let (mut low, mut high) = (oldest.seq, newest.seq + 1);
    for _ in 0..STEPS_MAX {
        if low >= high {
            break;
        }
        let middle = low + (high - low) / 2;
        match page(Span::After(middle - 1))? {
            Some(message) if message.at < time => low = message.seq + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The number of the last message that was said by this time; one less than the oldest if there is none.
pub fn last_until(this: &Conversation, room: &RoomName, time: Time) -> Result<u64, Refusal> {
    first_since(this, room, Time(time.0.saturating_add(1))).map(|seq| seq - 1)
}

/// The newest message.
pub fn newest(this: &Conversation, room: &RoomName) -> Result<Option<Arc<Message>>, Refusal> {
    this.connection.page(room, Span::NEWEST, 1).map(|messages| messages.first().cloned())
}

/// Tells messages, in a batch if the client knows batches.
fn tell(this: &mut Conversation, (name, epoch): (&str, &str), messages: &[Arc<Message>]) {
    let batch = this.client.capabilities.has(CapabilitySet::BATCH).then(|| this.client.next_batch());
    if let Some(batch) = &batch {
        this.client.own(&format!("BATCH +{batch} chathistory {name}"), None);
    }
    let tag = batch.as_ref().map(|batch| format!("batch={batch}")).unwrap_or_default();
    let (traits, authors) = (this.client.capabilities.traits(), this.engine().authors.clone());
    // What was deleted is not shown, and a reaction is no message to a client that asks for messages.
    let is_shown = |message: &&Arc<Message>| {
        !message.body.is_deleted() && !matches!(message.about, Some(crate::chat::About::Reaction(_)))
    };
    for message in messages.iter().filter(is_shown) {
        let out = &mut this.client.out;
        let options = PrintOptions { traits, epoch, authors: &authors };
        irc::message(message, &tag, options, |line| append(line, out));
    }
    if let Some(batch) = &batch {
        this.client.own(&format!("BATCH -{batch}"), None);
    }
}
