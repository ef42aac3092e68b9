//! Events as lines for programs: one JSON object each, in the terms of docs/protocol.md.
//!
//! Pure; called on the main thread. What the client itself reports has types of its own: `online`,
//! `offline`, `paused`, `rejoined`, `removed`, `gap`, `malformed`, `dropped`. An event of an unknown type is passed on as it came.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::escape::escape_json;
use super::protection::Protection;
use roomd_client::{Event, Gap, Joined, Message, Presence, Refusal, Response};
use roomd_protocol::data;

/// The line of an event, without its line end; `None` for a response that the events around it make
/// superfluous.
pub fn event(event: &Event, protections: &[Protection]) -> Option<String> {
    let value = match event {
        Event::Online { user } => json!({"type": "online", "user": user}),
        Event::Offline { reason, retry_in } => {
            json!({"type": "offline", "reason": reason, "retry_in_ms": ms(*retry_in)})
        }
        Event::Throttled { room, reason, retry_in } => {
            json!({"type": "paused", "room": room, "message": reason, "retry_in_ms": ms(*retry_in)})
        }
        Event::Rejoined(joined) => joined_object("rejoined", joined),
        Event::Removed { room, refusal } => {
            json!({"type": "removed", "room": room, "code": refusal.code, "message": refusal.message})
        }
        Event::Gap(Gap { room, missed, conflated, reason }) => {
            let conflated = (*conflated > 0).then_some(conflated);
            without_null(
                json!({"type": "gap", "room": room, "missed": missed, "conflated": conflated, "reason": reason}),
            )
        }
        Event::Message(message) => message_object(message, protections.first().copied().unwrap_or(Protection::None)),
        Event::Join { room, user, at } => json!({"type": "join", "room": room, "user": user, "at": at}),
        Event::Leave { room, user, at } => json!({"type": "leave", "room": room, "user": user, "at": at}),
        Event::Typing { room, user, typing } => {
            json!({"type": "typing", "room": room, "username": user, "typing": typing})
        }
        Event::Presence(Presence { user, status, note, last_seen }) => without_null(
            json!({"type": "presence", "user": user, "status": status, "note": note, "lastSeen": last_seen}),
        ),
        Event::Response(_, Ok(Response::Joined(joined))) => joined_object("joined", joined),
        Event::Response(_, Ok(Response::Sent(sent))) => without_null(json!({"type": "sent", "room": sent.room,
            "seq": sent.seq, "store": sent.ephemeral.map(|_| false), "number": sent.ephemeral, "mid": sent.mid, "at": sent.at,
            "duplicate": sent.duplicate})),
        Event::Response(_, Err(refusal)) | Event::Refused(refusal) => refused(refusal, None),
        Event::Other(value) => match protections.first() {
            Some(protection) => with_protection(value.clone(), *protection),
            None => value.clone(),
        },
        Event::Malformed(frame) => json!({"type": "malformed", "frame": frame}),
        Event::Dropped(count) => json!({"type": "dropped", "count": count}),
        _ => return None,
    };
    Some(escape_json(&value.to_string()))
}

/// The line of a response that a script has asked for.
pub fn response(response: &Response, protections: &[Protection]) -> String {
    let presence = |presence: &Presence| {
        let Presence { user, status, note, last_seen } = presence;
        without_null(json!({"user": user, "status": status, "note": note, "lastSeen": last_seen}))
    };
    let value = match response {
        Response::Joined(joined) => joined_object("joined", joined),
        Response::Left(room) => json!({"type": "left", "room": room}),
        Response::Sent(sent) => json!({"type": "sent", "room": sent.room, "seq": sent.seq,
            "mid": sent.mid, "at": sent.at, "duplicate": sent.duplicate}),
        Response::Members(members) => json!({"type": "members", "room": members.room, "count": members.count,
            "members": members.members.iter().map(presence).collect::<Vec<_>>()}),
        Response::Rooms(rooms) => {
            let rooms = rooms.iter().map(|room| json!({"room": room.room, "members": room.members}));
            json!({"type": "rooms", "rooms": rooms.collect::<Vec<_>>()})
        }
        Response::History(history) => {
            let protected = protections.iter().copied().chain(std::iter::repeat(Protection::None));
            let messages =
                history.messages.iter().zip(protected).map(|(message, known)| message_object(message, known));
            json!({"type": "history", "room": history.room, "complete": history.complete,
                "messages": messages.collect::<Vec<_>>()})
        }
        Response::Other(value) => value.clone(),
    };
    escape_json(&value.to_string())
}

/// A line with the id that a script has given its command, or none.
pub fn with_id(line: String, id: Option<&Value>) -> String {
    match serde_json::from_str::<Map<String, Value>>(&line) {
        Ok(mut object) => {
            // A reply of the server's carries the client's own.
            _ = object.remove("id");
            object.extend(id.map(|id| ("id".to_owned(), id.clone())));
            escape_json(&Value::Object(object).to_string())
        }
        Err(_) => line,
    }
}

/// The line of a refusal; `of` is the message that was not sent, empty if it was something else.
pub fn refusal(refusal: &Refusal, of: &str) -> String {
    escape_json(&refused(refusal, (!of.is_empty()).then_some(of)).to_string())
}

fn refused(refusal: &Refusal, of: Option<&str>) -> Value {
    without_null(json!({"type": "error", "code": refusal.code, "message": refusal.message,
        "retry_after_ms": refusal.retry_after_ms, "seq": refusal.seq, "of": of}))
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn joined_object(kind: &str, joined: &Joined) -> Value {
    let Joined { room, epoch, seq, read, members, missed, .. } = joined;
    json!({"type": kind, "room": room, "epoch": epoch, "seq": seq, "read": read, "members": members, "missed": missed})
}

fn message_object(message: &Message, protection: Protection) -> Value {
    let Message { room, user, to, text, note, cipher, data, seq, ephemeral, mid, key, at, edited, .. } = message;
    let Message { reply_to, react_to, replayed, own, group, redelivered, missed, .. } = message;
    let (redelivered, missed) = (redelivered.then_some(true), (*missed > 0).then_some(missed));
    let (store, data) = (ephemeral.map(|_| false), data.as_deref().map(data::to_base64));
    let reason = protection.reason();
    let (kind, author) = if to.is_some() { ("private", "from") } else { ("message", "user") };
    without_null(
        json!({"type": kind, "room": room, author: user, "to": to, "message": text, "note": note, "cipher": cipher, "data": data,
        "seq": seq, "store": store, "number": ephemeral, "mid": mid, "key": key, "at": at, "edited": edited, "reply_to": reply_to, "react_to": react_to,
        "group": group, "redelivered": redelivered, "missed": missed,
        "replayed": replayed, "own": own, "protection": protection.word(), "reason": reason}),
    )
}

/// An edit, with how it is protected.
fn with_protection(mut edit: Value, protection: Protection) -> Value {
    edit["protection"] = protection.word().into();
    edit["reason"] = protection.reason().into();
    without_null(edit)
}

fn without_null(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}
