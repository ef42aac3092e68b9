//! What a program may ask for, and how that is said to the server.
//!
//! Made by the program, kept by the core until it is answered, and printed anew for each connection
//! on which it is said: only then is known under which `id`.

use serde_json::{Map, Value, json};

use roomd_protocol::{HISTORY_LIMIT_MAX, JOIN_HISTORY_MAX};

/// Something to ask for. Each has one answer: an [`super::Answer`] or a [`super::Refusal`].
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Enter a room, which is opened if it is not there.
    Join { room: String },
    /// Leave a room.
    Leave { room: String },
    /// Publish to a room one is in. UTF-8 of any length up to the server's limit.
    Publish { room: String, text: String },
    /// Publish a ciphertext to a room one is in: an object of the program's own, which the server passes
    /// on without reading it. What it is bound to is up to the program, which gives it a mark of its own
    /// with [`super::Client::send_as`].
    Encrypted { room: String, cipher: Value },
    /// Say something to one user, who is connected.
    Private { to: String, text: String },
    /// Ask who is in a room one is in.
    Members { room: String },
    /// Ask which rooms there are.
    Rooms,
    /// Ask for the newest messages of a room one is in, 1 to 300.
    History { room: String, limit: usize },
    /// Ask for anything else of docs/protocol.md that has a reply: an object with its `type`, without an
    /// `id`. Its answer is [`super::Answer::Other`]. When a connection breaks before the answer it is
    /// asked for again.
    Other(Map<String, Value>),
}

impl Command {
    /// The text that it publishes; not of what is encrypted.
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

    /// Bytes of what it publishes, as the server counts them; `None` when it publishes nothing.
    pub(super) fn bytes(&self) -> Option<usize> {
        match self {
            Self::Encrypted { cipher, .. } => Some(cipher.to_string().len()),
            other => other.text().map(str::len),
        }
    }

    /// As the server reads it. `history` is for a join, `mid` for what publishes.
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

/// Enters a room again: all since the last message seen, or else as much as a join may ask for.
pub(super) fn rejoin(room: &str, since: Option<(&str, u64)>, id: u64) -> String {
    let mut value = json!({"type": "join", "room": room, "history": JOIN_HISTORY_MAX, "id": id});
    if let Some((epoch, seq)) = since {
        value["since"] = json!({"epoch": epoch, "seq": seq});
    }
    value.to_string()
}

/// Leaves a room that nobody asked for.
pub(super) fn leave(room: &str) -> String {
    json!({"type": "leave", "room": room}).to_string()
}

/// Takes a session up again that a broken connection left.
pub(super) fn resume<'a>(token: &str, rooms: impl Iterator<Item = (&'a str, &'a str, u64)>, id: u64) -> String {
    let rooms: Map<String, Value> =
        rooms.map(|(room, epoch, seq)| (room.to_owned(), json!({"epoch": epoch, "seq": seq}))).collect();
    json!({"type": "resume", "resume": token, "rooms": rooms, "id": id}).to_string()
}

/// Asks for a sign of life.
pub(super) fn ping(id: u64) -> String {
    json!({"type": "ping", "id": id}).to_string()
}

/// Says that one is typing, or no longer.
pub(super) fn typing(room: &str, typing: bool) -> String {
    json!({"type": "typing", "room": room, "typing": typing}).to_string()
}

/// Says that one is away, with or without a note; `None` is back.
pub(super) fn presence(away: Option<&str>) -> String {
    match away {
        None => json!({"type": "presence", "status": "online"}),
        Some("") => json!({"type": "presence", "status": "away"}),
        Some(note) => json!({"type": "presence", "status": "away", "note": note}),
    }
    .to_string()
}
