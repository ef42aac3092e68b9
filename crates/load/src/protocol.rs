//! The protocols that a client can speak: where it connects, and the commands that it sends.
//!
//! The clients of a load take the protocols of the plan in turn. A protocol is a value: it makes texts, and the client
//! puts them into frames or lines. What the server sends back is parsed in `server_event.rs`.

use std::fmt;

use serde_json::json;

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

    /// The command that joins a room; `since` is the epoch and the last number that the client received.
    #[must_use]
    pub fn join(self, room: &str, since: Option<(&str, u64)>) -> String {
        let kind = if self == Self::Topic { "subscribe" } else { "join" };
        match (self, since) {
            (Self::Text | Self::Lines, _) => format!("/join {room}"),
            (_, None) => json!({"type": kind, self.room_field(): room, "history": 0}).to_string(),
            (_, Some((epoch, seq))) => {
                let since = json!({"epoch": epoch, "seq": seq});
                json!({"type": kind, self.room_field(): room, "history": 0, "since": since}).to_string()
            }
        }
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
    /// the acknowledgement, where there is one. With the number of its run it can be sent again, and is one message.
    pub fn publish(self, room: &str, number: u32, run_id: Option<u16>, text: &[u8], out: &mut Vec<u8>) {
        let (before, after) = match (self, run_id) {
            (Self::Json, Some(run_id)) => (
                format!(
                    r#"{{"type":"message","id":{number},"mid":"{run_id:04x}-{number}","room":"{room}","message":""#
                ),
                r#""}"#,
            ),
            _ => self.around(room, number),
        };
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(text);
        out.extend_from_slice(after.as_bytes());
    }

    /// What stands before and behind a text that is published.
    fn around(self, room: &str, number: u32) -> (String, &'static str) {
        match self {
            Self::Json => (format!(r#"{{"type":"message","id":{number},"room":"{room}","message":""#), r#""}"#),
            Self::Topic => (format!(r#"{{"topic":"{room}","message":""#), r#""}"#),
            Self::Text | Self::Lines => (String::new(), ""),
        }
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
        Protocol::Topic.publish("test", 3, None, b"Message from client 17 ", &mut out);
        assert_eq!(out, br#"{"topic":"test","message":"Message from client 17 "}"#);
        out.clear();
        Protocol::Json.publish("r", 3, Some(0x2a), b"hi", &mut out);
        let sent: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(sent, json!({"type": "message", "id": 3, "mid": "002a-3", "room": "r", "message": "hi"}));
    }

    #[test]
    fn a_client_that_rejoins_says_what_it_has_received() {
        let join: serde_json::Value = serde_json::from_str(&Protocol::Json.join("r", Some(("e1", 41)))).unwrap();
        assert_eq!(join, json!({"type": "join", "room": "r", "history": 0, "since": {"epoch": "e1", "seq": 41}}));
        let resume: serde_json::Value = serde_json::from_str(&Protocol::resume("t", "r", ("e1", 41))).unwrap();
        assert_eq!(resume["rooms"], json!({"r": {"epoch": "e1", "seq": 41}}));
    }
}
