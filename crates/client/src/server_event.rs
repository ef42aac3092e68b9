//! Reading what the server says: one JSON object a frame.
//!
//! Pure and total: a type that is not known, and a known one in a shape that is not, are `Other`
//! and reach the program whole, so that a newer server breaks nothing. Unknown fields are ignored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::event::{History, Joined, Members, Message, Presence, Refusal, RoomSummary, Sent};

/// What a frame says.
#[derive(Debug, PartialEq)]
pub enum Incoming {
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
    },
    /// A user was put out of a room, or all were: then there is no user. The value is the whole of it.
    PutOut {
        room: String,
        user: Option<String>,
        reason: String,
        value: Value,
    },
    Goodbye(Goodbye),
    Other(Value),
}

/// The first word of a server.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Welcome {
    pub user: String,
    pub resume: Option<String>,
    #[serde(default)]
    pub limits: Limits,
}

/// Those bounds of a server that a client has to know.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Limits {
    pub message_bytes: Option<usize>,
    pub rate: Option<Rate>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Rate {
    pub per_s: u32,
}

/// A session was taken up again.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Resumed {
    /// A new secret, if the old one is spent.
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
}

/// The last word of a server.
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
struct Place {
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
}

#[derive(Deserialize)]
struct Parting {
    #[serde(alias = "topic")]
    room: String,
    user: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Rooms {
    rooms: Vec<RoomSummary>,
}

/// Reads a frame, and the `id` of ours that it answers. What is no JSON is `Other` with the text.
pub fn parse(text: &str) -> (Option<u64>, Incoming) {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return (None, Incoming::Other(Value::String(text.to_owned())));
    };
    let id = value.get("id").and_then(Value::as_u64);
    let known = match value.get("type").and_then(Value::as_str).unwrap_or_default() {
        "welcome" => read(&value, Incoming::Welcome),
        "resumed" => read(&value, Incoming::Resumed),
        "joined" => read(&value, Incoming::Joined),
        "left" => read(&value, |Place { room, .. }| Incoming::Left { room }),
        "sent" => read(&value, Incoming::Sent),
        "members" => read(&value, Incoming::Members),
        "rooms" => read(&value, |Rooms { rooms }| Incoming::Rooms(rooms)),
        "history" => read(&value, Incoming::History),
        "pong" => Some(Incoming::Pong),
        "error" => read(&value, Incoming::Refused),
        "message" | "private" => read(&value, Incoming::Message),
        "join" => read(&value, |Place { room, user, at, .. }| Incoming::Join { room, user, at }),
        "leave" => read(&value, |Place { room, user, at, .. }| Incoming::Leave { room, user, at }),
        "typing" => read(&value, |Place { room, user, typing, .. }| Incoming::Typing { room, user, typing }),
        "presence" => read(&value, Incoming::Presence),
        "lagged" => read(&value, |Place { room, missed, .. }| Incoming::Lagged { room, missed }),
        "removed" | "ended" => read(&value, |Parting { room, user, reason }| {
            let value = value.clone();
            Incoming::PutOut { room, user, reason: reason.unwrap_or_else(|| "ended".to_owned()), value }
        }),
        "goodbye" => read(&value, Incoming::Goodbye),
        _ => None,
    };
    (id, known.unwrap_or(Incoming::Other(value)))
}

fn read<T: DeserializeOwned>(value: &Value, into: impl FnOnce(T) -> Incoming) -> Option<Incoming> {
    T::deserialize(value).ok().map(into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_message_is_a_message_with_an_addressee() {
        let frame = r#"{"type":"private","room":"dm:A:B","from":"A","to":"B","message":"hi","seq":7,"at":"t","new":1}"#;
        let (id, Incoming::Message(message)) = parse(frame) else { panic!("{frame}") };
        assert_eq!((id, &*message.user, message.to.as_deref(), message.seq), (None, "A", Some("B"), 7));
    }

    #[test]
    fn a_topic_is_a_room() {
        let (id, incoming) = parse(r#"{"type":"sent","id":3,"topic":"t","seq":1,"mid":"m","at":"","duplicate":true}"#);
        let Incoming::Sent(sent) = incoming else { panic!("{incoming:?}") };
        assert_eq!((id, &*sent.room, sent.duplicate), (Some(3), "t", true));
    }

    #[test]
    fn what_is_not_known_is_passed_on_whole() {
        for frame in [
            r#"{"type":"receipt","room":"r","user":"B","status":"read","seq":4}"#,
            r#"{"type":"message","room":"r","without":"a user"}"#,
            r#"{"no":"type"}"#,
            "[1]",
            "7",
        ] {
            let value: Value = serde_json::from_str(frame).unwrap();
            assert_eq!(parse(frame), (None, Incoming::Other(value)));
        }
        assert_eq!(parse("hi"), (None, Incoming::Other(Value::String("hi".to_owned()))));
    }
}
