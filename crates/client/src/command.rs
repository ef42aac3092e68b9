//! What a program can request, and the frames that are sent to the server.
//!
//! A command is made by the program and kept by the state machine until it has a response. Its frame is
//! printed for each connection on which it is sent, because each has an `id` of its own.

use serde_json::{Map, Value, json};

use roomd_protocol::{HISTORY_LIMIT_MAX, JOIN_HISTORY_MAX};

/// A request. Each has one result: a [`super::Response`] or a [`super::Refusal`].
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Join a room, which is created if it does not exist.
    Join { room: String },
    /// Leave a room.
    Leave { room: String },
    /// Publish to a room that the client is in: UTF-8 of any length up to the server's limit.
    Publish { room: String, text: String },
    /// Publish a ciphertext to a room that the client is in: an object of the program's own, which the
    /// server passes on without reading it. A program that binds it to its message id chooses that id
    /// with [`super::Client::send_with_mid`].
    Encrypted { room: String, cipher: Value },
    /// Send a message to one user.
    Private { to: String, text: String },
    /// Request the members of a room that the client is in.
    Members { room: String },
    /// Request the list of rooms.
    Rooms,
    /// Request the newest messages of a room that the client is in, 1 to 300 of them.
    History { room: String, limit: usize },
    /// Any other command of docs/protocol.md that has a reply: an object with its `type`, without an
    /// `id`. The response is [`super::Response::Other`]. If the connection is lost before that, it is sent
    /// again.
    Other(Map<String, Value>),
}

impl Command {
    /// The text that it publishes; `None` for a ciphertext, and for what publishes nothing.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Publish { text, .. } | Self::Private { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The room that it publishes to.
    pub(super) fn published_in(&self) -> Option<&str> {
        match self {
            Self::Publish { room, .. } | Self::Encrypted { room, .. } => Some(room),
            _ => None,
        }
    }

    /// The size of what it publishes in bytes, as the server counts them; `None` when it publishes nothing.
    pub(super) fn published_bytes(&self) -> Option<usize> {
        match self {
            Self::Encrypted { cipher, .. } => Some(cipher.to_string().len()),
            other => other.text().map(str::len),
        }
    }

    /// The frame under this `id`. `history` is the number of messages that a join requests, `mid` the id of a
    /// message.
    pub(super) fn frame(&self, id: u64, mid: &str, history: usize) -> String {
        let value = match self {
            Self::Join { room } => json!({"type": "join", "room": room, "history": history, "id": id}),
            Self::Leave { room } => json!({"type": "leave", "room": room, "id": id}),
            Self::Publish { room, text } => {
                json!({"type": "message", "room": room, "message": text, "mid": mid, "id": id})
            }
            Self::Encrypted { room, cipher } => {
                json!({"type": "message", "room": room, "cipher": cipher, "mid": mid, "id": id})
            }
            Self::Private { to, text } => json!({"type": "private", "to": to, "message": text, "mid": mid, "id": id}),
            Self::Members { room } => json!({"type": "members", "room": room, "id": id}),
            Self::Rooms => json!({"type": "rooms", "id": id}),
            Self::History { room, limit } => {
                json!({"type": "history", "room": room, "limit": (*limit).clamp(1, HISTORY_LIMIT_MAX), "id": id})
            }
            Self::Other(object) => {
                let mut object = object.clone();
                object.insert("id".to_owned(), id.into());
                Value::Object(object)
            }
        };
        value.to_string()
    }
}

/// Joins a room again: with everything since the position, or without one with as much as a join may
/// request.
pub(super) fn rejoin(room: &str, position: Option<(&str, u64)>, id: u64) -> String {
    let mut value = json!({"type": "join", "room": room, "history": JOIN_HISTORY_MAX, "id": id});
    if let Some((epoch, seq)) = position {
        value["since"] = json!({"epoch": epoch, "seq": seq});
    }
    value.to_string()
}

/// Leaves a room that the program has not joined.
pub(super) fn leave(room: &str) -> String {
    json!({"type": "leave", "room": room}).to_string()
}

/// Resumes the session of a lost connection, with the position in each room.
pub(super) fn resume<'a>(token: &str, rooms: impl Iterator<Item = (&'a str, &'a str, u64)>, id: u64) -> String {
    let rooms: Map<String, Value> =
        rooms.map(|(room, epoch, seq)| (room.to_owned(), json!({"epoch": epoch, "seq": seq}))).collect();
    json!({"type": "resume", "resume": token, "rooms": rooms, "id": id}).to_string()
}

/// Asks the server for a pong.
pub(super) fn ping(id: u64) -> String {
    json!({"type": "ping", "id": id}).to_string()
}

/// Says that the user is typing, or no longer.
pub(super) fn typing(room: &str, typing: bool) -> String {
    json!({"type": "typing", "room": room, "typing": typing}).to_string()
}

/// Says that the user is away, with a note that may be empty, or with `None` back.
pub(super) fn presence(away: Option<&str>) -> String {
    match away {
        None => json!({"type": "presence", "status": "online"}),
        Some("") => json!({"type": "presence", "status": "away"}),
        Some(note) => json!({"type": "presence", "status": "away", "note": note}),
    }
    .to_string()
}
