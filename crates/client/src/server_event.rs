//! Parses what the server says: one JSON object a frame.
//!
//! Pure and total. An event of an unknown type is `Other` and reaches the program whole, so that a newer
//! server breaks nothing; unknown fields are ignored. What is no event, or lacks the fields of its type,
//! is `Malformed`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::message::Message;
use super::presence::Presence;
use super::refusal::Refusal;
use super::response::{History, Joined, Members, RoomSummary, Sent};

/// What a frame of the server says; the variants are the types of docs/protocol.md.
#[derive(Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most events are messages")]
pub enum ServerEvent {
    Welcome(Welcome),
    Resumed(Resumed),
    Joined(Joined),
    Left {
        room: String,
    },
    Sent(Sent),
    Members(Members),
    Rooms(Vec<RoomSummary>),
    History(History),
    Pong,
    Refused(Refusal),
    Message(Message),
    Join {
        room: String,
        user: String,
        at: String,
    },
    Leave {
        room: String,
        user: String,
        at: String,
    },
    Typing {
        room: String,
        user: String,
        typing: bool,
    },
    Presence(Presence),
    Lagged {
        room: String,
        missed: u64,
        conflated: u64,
    },
    /// A user was removed from a room, or, without a user, everybody was; `value` is the whole object.
    Removed {
        room: String,
        user: Option<String>,
        reason: String,
        value: Value,
    },
    Goodbye(Goodbye),
    Other(Value),
    /// The text of a frame that is not an event.
    Malformed(String),
}

impl ServerEvent {
    /// The reply to a command of the program's own: the whole object, also where this version knows its type. A room
    /// that was joined or left is noted as ever, and so is a refusal.
    pub fn into_reply(self, text: &str) -> Self {
        match self {
            Self::Sent(_) | Self::Members(_) | Self::Rooms(_) | Self::History(_) | Self::Pong => {
                serde_json::from_str(text).map_or_else(|_| Self::Malformed(text.to_owned()), Self::Other)
            }
            other => other,
        }
    }
}

/// The first event of a connection.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Welcome {
    pub user: String,
    pub resume: Option<String>,
    #[serde(default)]
    pub limits: Limits,
}

/// The limits of the server that a client has to know.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Limits {
    pub message_bytes: Option<usize>,
    pub rate: Option<Rate>,
    /// What all clients of a room may say together, if there is a limit.
    pub room_rate: Option<Rate>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Rate {
    pub per_s: u32,
}

/// The session was resumed.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Resumed {
    /// A new token, if the old one is used up.
    pub resume: Option<String>,
    #[serde(default)]
    pub rooms: BTreeMap<String, ResumedRoom>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct ResumedRoom {
    pub recovered: bool,
    #[serde(default)]
    pub missed: u64,
    pub reason: Option<String>,
    pub epoch: Option<String>,
    pub seq: Option<u64>,
    #[serde(default)]
    pub read: u64,
}

/// The last event of a connection.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Goodbye {
    pub code: Option<u16>,
    #[serde(default)]
    pub reason: String,
    #[serde(default = "yes")]
    pub reconnect: bool,
    pub retry_after_ms: Option<u64>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct RoomFields {
    #[serde(alias = "topic")]
    room: String,
    #[serde(default, alias = "username")]
    user: String,
    #[serde(default)]
    at: String,
    #[serde(default)]
    typing: bool,
    #[serde(default)]
    missed: u64,
    #[serde(default)]
    conflated: u64,
}

#[derive(Deserialize)]
struct Removal {
    #[serde(alias = "topic")]
    room: String,
    user: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Rooms {
    rooms: Vec<RoomSummary>,
}

/// Parses a frame; the first of the pair is the `id` of our frame that it answers.
pub fn parse(text: &str) -> (Option<u64>, ServerEvent) {
    let malformed = || ServerEvent::Malformed(text.to_owned());
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return (None, malformed()) };
    let id = value.get("id").and_then(Value::as_u64);
    let Some(kind) = value.get("type").and_then(Value::as_str).map(str::to_owned) else { return (id, malformed()) };
    if let "private" | "typing" | "history" = &*kind {
        name_author_once(&mut value);
    }
    let event = match &*kind {
        "welcome" => read(&value, ServerEvent::Welcome),
        "resumed" => read(&value, ServerEvent::Resumed),
        "joined" => read(&value, ServerEvent::Joined),
        "left" => read(&value, |RoomFields { room, .. }| ServerEvent::Left { room }),
        "sent" => read(&value, ServerEvent::Sent),
        "members" => read(&value, ServerEvent::Members),
        "rooms" => read(&value, |Rooms { rooms }| ServerEvent::Rooms(rooms)),
        "history" => read(&value, ServerEvent::History),
        "pong" => Some(ServerEvent::Pong),
        "error" => read(&value, ServerEvent::Refused),
        "message" | "private" => read(&value, ServerEvent::Message),
        "join" => read(&value, |RoomFields { room, user, at, .. }| ServerEvent::Join { room, user, at }),
        "leave" => read(&value, |RoomFields { room, user, at, .. }| ServerEvent::Leave { room, user, at }),
        "typing" => read(&value, |RoomFields { room, user, typing, .. }| ServerEvent::Typing { room, user, typing }),
        "presence" => read(&value, ServerEvent::Presence),
        "lagged" => read(&value, |fields: RoomFields| {
            let RoomFields { room, missed, conflated, .. } = fields;
            ServerEvent::Lagged { room, missed, conflated }
        }),
        "removed" | "ended" => read(&value, |Removal { room, user, reason }| {
            let value = value.clone();
            ServerEvent::Removed { room, user, reason: reason.unwrap_or_else(|| "ended".to_owned()), value }
        }),
        "goodbye" => read(&value, ServerEvent::Goodbye),
        _ => return (id, ServerEvent::Other(value)),
    };
    (id, event.unwrap_or_else(malformed))
}

/// An author is called `user`, and in older events also `from` or `username`: one of them is enough.
fn name_author_once(value: &mut Value) {
    if let Some(fields) = value.as_object_mut().filter(|fields| fields.contains_key("user")) {
        ["from", "username"].iter().for_each(|name| _ = fields.remove(*name));
    }
    if let Some(messages) = value.get_mut("messages").and_then(Value::as_array_mut) {
        messages.iter_mut().for_each(name_author_once);
    }
}

fn read<T: DeserializeOwned>(value: &Value, into: impl FnOnce(T) -> ServerEvent) -> Option<ServerEvent> {
    T::deserialize(value).ok().map(into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_message_is_a_message_with_a_recipient() {
        let frame = r#"{"type":"private","room":"dm:A:B","from":"A","to":"B","message":"hi","seq":7,"at":"t","new":1}"#;
        let (id, ServerEvent::Message(message)) = parse(frame) else { panic!("{frame}") };
        assert_eq!((id, &*message.user, message.to.as_deref(), message.seq), (None, "A", Some("B"), 7));
    }

    #[test]
    fn an_author_may_have_several_fields() {
        let message = |author: &str| {
            format!(r#"{{"type":"private","room":"dm:A:B",{author},"to":"B","message":"hi","seq":7,"at":"t"}}"#)
        };
        for author in [r#""from":"A""#, r#""user":"A""#, r#""user":"A","from":"A""#] {
            let ServerEvent::Message(private) = parse(&message(author)).1 else { panic!("{author}") };
            let history = format!(r#"{{"type":"history","room":"dm:A:B","messages":[{}]}}"#, message(author));
            let ServerEvent::History(history) = parse(&history).1 else { panic!("{author}") };
            assert_eq!((&*private.user, &*history.messages[0].user), ("A", "A"));
        }
        for author in [r#""username":"A""#, r#""user":"A""#, r#""user":"A","username":"A""#] {
            let (_, typing) = parse(&format!(r#"{{"type":"typing","room":"r",{author},"typing":true}}"#));
            assert_eq!(typing, ServerEvent::Typing { room: "r".to_owned(), user: "A".to_owned(), typing: true });
        }
    }

    #[test]
    fn a_topic_is_a_room() {
        let (id, event) = parse(r#"{"type":"sent","id":3,"topic":"t","seq":1,"mid":"m","at":"","duplicate":true}"#);
        let ServerEvent::Sent(sent) = event else { panic!("{event:?}") };
        assert_eq!((id, &*sent.room, sent.duplicate), (Some(3), "t", true));
    }

    #[test]
    fn an_unknown_event_is_passed_on_whole() {
        let frame = r#"{"type":"receipt","room":"r","user":"B","status":"read","seq":4}"#;
        assert_eq!(parse(frame), (None, ServerEvent::Other(serde_json::from_str(frame).unwrap())));
    }

    #[test]
    fn what_is_no_event_is_malformed() {
        let deep = format!("{{\"type\":\"message\",\"cipher\":{}", "[".repeat(1_000_000));
        for (frame, id) in [
            (r#"{"type":"message","room":"r","without":"a user"}"#, None),
            (r#"{"type":"joined","id":7,"room":["r"]}"#, Some(7)),
            (r#"{"type":"sent","id":8,"room":"r","seq":-1}"#, Some(8)),
            (r#"{"type":["pong"],"id":9}"#, Some(9)),
            (r#"{"no":"type"}"#, None),
            ("[1]", None),
            ("7", None),
            ("", None),
            ("hi", None),
            (&deep, None),
        ] {
            assert_eq!(parse(frame), (id, ServerEvent::Malformed(frame.to_owned())));
        }
    }
}
