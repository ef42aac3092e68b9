//! Printing the JSON dialect: one object an event.
//!
//! Called by brokers once an event and encoding, and by readers for answers. It prints straight
//! into the buffer that is sent: no tree in between.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use crate::chat::event::Welcome;
use crate::chat::{Body, Event, Id, Message, Presence, Refusal};

/// Appends the object of `event` to `out`; false when the dialect has no words for it. `place` is
/// what a room is called: `room` or `topic`.
pub fn print(event: &Event, id: Option<&Id>, place: &str, out: &mut Vec<u8>) -> bool {
    let object = |kind: &str, out| Object::begin(kind, id, out);
    match event {
        Event::Entered { .. } | Event::Help => return false,
        Event::Welcome(welcome) => welcome_fields(object("welcome", out), welcome),
        Event::Joined { room, epoch, seq, members, count, recovery } => object("joined", out)
            .field(place, room.as_str())
            .field("epoch", &**epoch)
            .field("seq", seq)
            .field("members", &members.iter().map(|user| user.as_str()).collect::<Vec<_>>())
            .field("count", count)
            .field("recovered", &recovery.reason().is_none())
            .maybe("reason", recovery.reason()),
        Event::Left { room } => object("left", out).field(place, room.as_str()),
        Event::Sent { room, seq, mid, at, duplicate } => object("sent", out)
            .field(place, room.as_str())
            .field("seq", seq)
            .maybe("mid", mid.as_ref().map(|mid| mid.as_str()))
            .shown("at", at)
            .field("duplicate", duplicate),
        Event::History { room, epoch, messages, complete } => object("history", out)
            .field(place, room.as_str())
            .field("epoch", &**epoch)
            .list("messages", messages, |object, message| message_fields(object, message, place))
            .field("complete", complete),
        Event::Members { room, members, count } => object("members", out)
            .field(place, room.as_str())
            .list("members", members, presence_fields)
            .field("count", count),
        Event::Rooms { rooms } => object("rooms", out).list("rooms", rooms, |object, room| {
            object.field("room", room.room.as_str()).field("members", &room.members)
        }),
        Event::Created { room } => object("created", out).field(place, room.as_str()),
        Event::Named { user } => object("named", out).field("user", user.as_str()),
        Event::Pong => object("pong", out),
        Event::Done => object("ok", out),
        Event::Refused(refusal) => refused(object("error", out), refusal),
        Event::Message(message) => message_fields(object(kind_of(message), out), message, place),
        Event::Edit { room, seq, user, body, at } => {
            let kind = if *body == Body::Deleted { "delete" } else { "edit" };
            let object = object(kind, out).field(place, room.as_str()).field("seq", seq).field("user", user.as_str());
            body_field(object, body).shown("at", at)
        }
        Event::Join { room, user, at } => {
            object("join", out).field(place, room.as_str()).field("user", user.as_str()).shown("at", at)
        }
        Event::Leave { room, user, at } => {
            object("leave", out).field(place, room.as_str()).field("user", user.as_str()).shown("at", at)
        }
        Event::Typing { room, user, typing } => {
            object("typing", out).field(place, room.as_str()).field("username", user.as_str()).field("typing", typing)
        }
        Event::Presence(presence) => presence_fields(object("presence", out), presence),
        Event::Lagged { room, missed } => object("lagged", out).field(place, room.as_str()).field("missed", missed),
        Event::Signal { kind, from, payload } => {
            object(kind.as_str(), out).field("from", from.as_str()).raw("payload", payload)
        }
        Event::Goodbye { end, retry_after } => {
            let wait = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
            object("goodbye", out)
                .maybe("code", end.close_code())
                .field("reason", end.word())
                .field("reconnect", &end.reconnect())
                .maybe("retry_after_ms", end.reconnect().then_some(wait))
        }
    }
    .end();
    true
}

fn welcome_fields<'a>(object: Object<'a>, welcome: &Welcome) -> Object<'a> {
    let Welcome { user, session, limits } = welcome;
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let limits_object = serde_json::json!({
        "message_bytes": limits.message_bytes,
        "rooms": limits.rooms_per_connection,
        "rate": {"burst": limits.rate_burst, "per_s": limits.rate_per_s},
    });
    object
        .field("server", concat!("roomd/", env!("CARGO_PKG_VERSION")))
        .field("user", user.as_str())
        .shown("session", format_args!("s-{session:x}"))
        .field("guest", &true)
        .field("limits", &limits_object)
        .field("ping_ms", &ms(limits.ping))
        .field("pong_timeout_ms", &ms(limits.pong_timeout))
}

/// The body of an HTTP error: `{"error":{"code","message"}}`.
#[must_use]
pub fn error_body(refusal: &Refusal) -> Vec<u8> {
    let mut out = b"{\"error\":".to_vec();
    refused(Object::bare(&mut out), refusal).end();
    out.push(b'}');
    out
}

fn refused<'a>(object: Object<'a>, refusal: &Refusal) -> Object<'a> {
    let wait = refusal.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
    object.field("code", refusal.code.as_str()).field("message", &*refusal.message).maybe("retry_after_ms", wait)
}

fn kind_of(message: &Message) -> &'static str {
    if message.to.is_some() { "private" } else { "message" }
}

fn message_fields<'a>(object: Object<'a>, message: &Message, place: &str) -> Object<'a> {
    let Message { room, user, to, body, seq, mid, at, edited } = message;
    let object = object.field(place, room.as_str());
    let object = match to {
        None => object.field("user", user.as_str()),
        Some(to) => object.field("from", user.as_str()).field("to", to.as_str()),
    };
    let object = body_field(object, body).field("seq", seq).maybe("mid", mid.as_ref().map(|mid| mid.as_str()));
    let object = object.shown("at", at);
    match edited {
        Some(at) if *body == Body::Deleted => object.field("deleted", &true).shown("edited", at),
        Some(at) => object.shown("edited", at),
        None => object,
    }
}

fn body_field<'a>(object: Object<'a>, body: &Body) -> Object<'a> {
    match body {
        Body::Text(text) => object.field("message", &**text),
        Body::Cipher(json) => object.raw("cipher", json),
        Body::Deleted => object,
    }
}

fn presence_fields<'a>(object: Object<'a>, presence: &Presence) -> Object<'a> {
    object
        .field("user", presence.user.as_str())
        .field("status", &presence.status)
        .maybe("note", presence.note.as_deref())
        .shown("lastSeen", presence.last_seen)
}

/// An object that is being written.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    fn begin(kind: &str, id: Option<&Id>, out: &'a mut Vec<u8>) -> Self {
        Self::bare(out).field("type", kind).maybe("id", id)
    }

    fn bare(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    fn field<T: Serialize + ?Sized>(self, name: &str, value: &T) -> Self {
        let object = self.key(name);
        serde_json::to_writer(&mut *object.out, value).expect("a vector takes every byte, and every key is a text");
        object
    }

    fn maybe<T: Serialize>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.field(name, &value),
            None => self,
        }
    }

    /// A value as its `Display` shows it, which needs no escapes.
    fn shown(self, name: &str, value: impl Display) -> Self {
        use std::io::Write as _;
        let object = self.key(name);
        write!(object.out, "\"{value}\"").expect("a vector takes every byte");
        object
    }

    /// A value that is JSON already.
    fn raw(self, name: &str, json: &str) -> Self {
        let object = self.key(name);
        object.out.extend_from_slice(json.as_bytes());
        object
    }

    /// A list of objects, each written by `fields`.
    fn list<T>(self, name: &str, items: &[T], fields: impl for<'b> Fn(Object<'b>, &T) -> Object<'b>) -> Self {
        let object = self.key(name);
        object.out.push(b'[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                object.out.push(b',');
            }
            fields(Object::bare(object.out), item).end();
        }
        object.out.push(b']');
        object
    }

    fn key(self, name: &str) -> Self {
        if !self.empty {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        Self { empty: false, ..self }
    }

    fn end(self) {
        self.out.push(b'}');
    }
}
