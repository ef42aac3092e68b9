//! Events as lines for programs: one JSON object each, in the terms of docs/protocol.md.
//!
//! Pure; called on the main thread. What the client itself reports has types of its own: `online`,
//! `offline`, `paused`, `rejoined`, `removed`, `gap`, `malformed`, `dropped`. An event of an unknown type is passed on as it came.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::escape::escape_json;
use super::protection::Protection;
use roomd_client::{Event, Gap, Joined, Message, Presence, Refusal, Response};

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
        Event::Gap(Gap { room, missed, reason }) => {
            without_null(json!({"type": "gap", "room": room, "missed": missed, "reason": reason}))
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
        Event::Response(_, Ok(Response::Sent(sent))) => json!({"type": "sent", "room": sent.room, "seq": sent.seq,
            "mid": sent.mid, "at": sent.at, "duplicate": sent.duplicate}),
        Event::Response(_, Err(refusal)) | Event::Refused(refusal) => refused(refusal, None),
        Event::Other(value) => value.clone(),
        Event::Malformed(frame) => json!({"type": "malformed", "frame": frame}),
        Event::Dropped(count) => json!({"type": "dropped", "count": count}),
        _ => return None,
    };
    Some(escape_json(&value.to_string()))
}

/// The line of a refusal; `of` is the message that was not sent, empty if it was something else.
pub fn refusal(refusal: &Refusal, of: &str) -> String {
    escape_json(&refused(refusal, (!of.is_empty()).then_some(of)).to_string())
}

fn refused(refusal: &Refusal, of: Option<&str>) -> Value {
    without_null(json!({"type": "error", "code": refusal.code, "message": refusal.message,
        "retry_after_ms": refusal.retry_after_ms, "of": of}))
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn joined_object(kind: &str, joined: &Joined) -> Value {
    let Joined { room, epoch, seq, members, missed, .. } = joined;
    json!({"type": kind, "room": room, "epoch": epoch, "seq": seq, "members": members, "missed": missed})
}

fn message_object(message: &Message, protection: Protection) -> Value {
    let Message { room, user, to, text, cipher, seq, mid, at, edited, reply_to, react_to, replayed, own } = message;
    let reason = match protection {
        Protection::Unreadable(reason) => Some(reason),
        _ => None,
    };
    let (kind, author) = if to.is_some() { ("private", "from") } else { ("message", "user") };
    without_null(json!({"type": kind, "room": room, author: user, "to": to, "message": text, "cipher": cipher,
        "seq": seq, "mid": mid, "at": at, "edited": edited, "reply_to": reply_to, "react_to": react_to,
        "replayed": replayed, "own": own, "protection": protection.word(), "reason": reason}))
}

fn without_null(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}
