//! The protocols that a client can speak: where it connects, and the commands that it sends.
//!
//! The clients of a load take the protocols of the plan in turn. A protocol is a value: it makes texts, and the client
//! puts them into frames or lines. What the server sends back is parsed in `server_event.rs`.

use std::fmt;

use serde_json::json;

/// What the group of each room is called.
const GROUP: &str = "load";
/// Messages that a member of a group may have: one that it keeps, and one on its way.
const PREFETCH: u32 = 4;
/// A message stays a member's for as long as a load may take.
const VISIBILITY_S: u32 = 43_200;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The JSON dialect over WebSocket: every message is acknowledged.
    Json,
    /// The JSON dialect, with the short form that subscribes to a topic and publishes in one command.
    Topic,
    /// The text dialect over WebSocket.
    Text,
    /// The text dialect in lines over TCP.
    Lines,
}

/// A message as it is published.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingMessage<'a> {
    pub room: &'a str,
    pub number: u32,
    /// The number of its run, with which it can be sent again and is one message; in [`Protocol::Json`] alone.
    pub run_id: Option<u16>,
    /// Its key, in [`Protocol::Json`] alone.
    pub key: Option<usize>,
    pub text: &'a [u8],
}

impl Protocol {
    /// In the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Json, Self::Topic, Self::Text, Self::Lines];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Topic => "topic",
            Self::Text => "text",
            Self::Lines => "lines",
        }
    }

    /// Whether it runs over a WebSocket; otherwise it is lines.
    #[must_use]
    pub fn is_websocket(self) -> bool {
        self != Self::Lines
    }

    /// Whether it is the JSON dialect, which has the server's numbers.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Topic)
    }

    /// Whether each message is acknowledged to its sender.
    #[must_use]
    pub fn acknowledges(self) -> bool {
        self == Self::Json
    }

    /// Whether a sender receives its own messages.
    #[must_use]
    pub fn echoes(self) -> bool {
        self != Self::Lines
    }

    /// The path of the handshake's request.
    #[must_use]
    pub fn path(self, room: &str, user: &str) -> String {
        match self {
            Self::Json | Self::Topic => format!("/ws?user={user}&format=json"),
            Self::Text | Self::Lines => format!("/ws?room={room}&user={user}&history=0"),
        }
    }

    /// The command that joins a room; `since` is the epoch and the last number that the client received. `latest`: the
    /// client wants the newest message of each key first.
    #[must_use]
    pub fn join(self, room: &str, since: Option<(&str, u64)>, latest: bool) -> String {
        if !self.is_json() {
            return format!("/join {room}");
        }
        let kind = if self == Self::Topic { "subscribe" } else { "join" };
        let mut command = json!({"type": kind, self.room_field(): room});
        if latest {
            command["latest"] = true.into();
        } else {
            command["history"] = 0.into();
        }
        if let Some((epoch, seq)) = since {
            command["since"] = json!({"epoch": epoch, "seq": seq});
        }
        command.to_string()
    }

    /// The command that joins the group of a room.
    #[must_use]
    pub fn join_group(room: &str) -> String {
        let (prefetch, visibility) = (PREFETCH, VISIBILITY_S);
        json!({"type": "join", "room": room, "group": GROUP, "prefetch": prefetch, "visibility_s": visibility})
            .to_string()
    }

    /// The command that subscribes to all topics that a pattern matches.
    #[must_use]
    pub fn subscribe(pattern: &str) -> String {
        json!({"type": "subscribe", "pattern": pattern}).to_string()
    }

    /// The command that says that a message of the group is done; its `number` identifies it in the answer.
    #[must_use]
    pub fn done(room: &str, number: u32, seq: u64) -> String {
        json!({"type": "done", "id": number, "room": room, "seq": seq}).to_string()
    }

    /// The command that resumes a session after its connection broke.
    #[must_use]
    pub fn resume(token: &str, room: &str, (epoch, seq): (&str, u64)) -> String {
        json!({"type": "resume", "resume": token, "rooms": {room: {"epoch": epoch, "seq": seq}}}).to_string()
    }

    /// The command that leaves a room.
    #[must_use]
    pub fn leave(self, room: &str) -> String {
        match self {
            Self::Json => json!({"type": "leave", "room": room}).to_string(),
            Self::Topic => json!({"type": "unsubscribe", "topic": room}).to_string(),
            Self::Text | Self::Lines => "/leave".to_owned(),
        }
    }

    /// Appends the command that publishes `text`, which needs no escapes; `number` identifies it in
    /// the acknowledgement, where there is one.
    pub fn publish(self, message: &OutgoingMessage<'_>, out: &mut Vec<u8>) {
        let OutgoingMessage { room, number, run_id, key, text } = *message;
        let (before, after) = match self {
            Self::Json => {
                let mid = run_id.map(|run_id| format!(r#""mid":"{run_id:04x}-{number}","#)).unwrap_or_default();
                let key = key.map(|key| format!(r#""key":"{key}","#)).unwrap_or_default();
                (format!(r#"{{"type":"message","id":{number},"room":"{room}",{mid}{key}"message":""#), r#""}"#)
            }
            Self::Topic => (format!(r#"{{"topic":"{room}","message":""#), r#""}"#),
            Self::Text | Self::Lines => (String::new(), ""),
        };
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(text);
        out.extend_from_slice(after.as_bytes());
    }

    fn room_field(self) -> &'static str {
        if self == Self::Topic { "topic" } else { "room" }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_published_to_in_the_bare_form() {
        let mut out = Vec::new();
        let message = OutgoingMessage { room: "test", number: 3, run_id: None, key: None, text: b"hi" };
        Protocol::Topic.publish(&message, &mut out);
        assert_eq!(out, br#"{"topic":"test","message":"hi"}"#);
        out.clear();
        Protocol::Json.publish(&OutgoingMessage { run_id: Some(0x2a), key: Some(1), ..message }, &mut out);
        let sent: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let all = json!({"type": "message", "id": 3, "mid": "002a-3", "key": "1", "room": "test", "message": "hi"});
        assert_eq!(sent, all);
    }

    #[test]
    fn a_client_that_rejoins_says_what_it_has_received() {
        let join: serde_json::Value = serde_json::from_str(&Protocol::Json.join("r", Some(("e1", 41)), false)).unwrap();
        assert_eq!(join, json!({"type": "join", "room": "r", "history": 0, "since": {"epoch": "e1", "seq": 41}}));
        let join: serde_json::Value = serde_json::from_str(&Protocol::Json.join("r", None, true)).unwrap();
        assert_eq!(join, json!({"type": "join", "room": "r", "latest": true}));
        let resume: serde_json::Value = serde_json::from_str(&Protocol::resume("t", "r", ("e1", 41))).unwrap();
        assert_eq!(resume["rooms"], json!({"r": {"epoch": "e1", "seq": 41}}));
    }
}
