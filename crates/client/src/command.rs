//! What a program can request, and the frames that are sent to the server.
//!
//! A command is made by the program and kept by the state machine until it has a response. Its frame is
//! printed for each connection on which it is sent, because each has an `id` of its own.

use serde_json::{Map, Value, json};

use super::group::Group;
use super::options::Options;
use super::subscription::Subscription;
use roomd_protocol::{HISTORY_LIMIT_MAX, JOIN_HISTORY_MAX, data};

/// A request. Each has one result: a [`super::Response`] or a [`super::Refusal`].
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Join a room, which is created if it does not exist.
    Join { room: String },
    /// Join a room, and be sent the newest message of each key in place of the newest messages: all of them or none.
    JoinLatest { room: String },
    /// Join a room as a member of a group: of what is published from now on, each message goes to one of them.
    JoinGroup { room: String, group: Group },
    /// Say that the message of this number, which the group has given to this program, is done. The response is
    /// [`super::Response::Other`].
    Done { room: String, seq: u64 },
    /// Leave a room.
    Leave { room: String },
    /// Be given what every topic says whose name matches a pattern: `*` is one level between dots, `>` at the end one or
    /// more. The response is [`super::Response::Other`]. The pattern is subscribed to again on each connection; what its topics
    /// say meanwhile is missed.
    Subscribe { pattern: String },
    /// Be given it no longer. As [`Command::Subscribe`].
    Unsubscribe { pattern: String },
    /// Publish to a room that the client is in: UTF-8 of any length up to the server's limit.
    Publish { room: String, text: String },
    /// Publish bytes to a room that the client is in: at least one, any number up to the server's limit.
    PublishData { room: String, data: Vec<u8> },
    /// Publish to a room if its newest message has the number `if_seq`, 0 for none; otherwise the answer is the refusal
    /// `conflict`.
    PublishIf { room: String, if_seq: u64, text: String },
    /// Publish the newest value of a key of 1 to 64 bytes, or with `None` remove the key; with `if_key_seq` only if the key's
    /// newest message has this number, 0 for none.
    PublishValue { room: String, key: String, text: Option<String>, if_key_seq: Option<u64> },
    /// Publish to those who are in a room: numbered, and kept nowhere. If the connection breaks before the response, it
    /// is sent again, and may then be shown twice under the same message id.
    PublishEphemeral { room: String, text: String },
    /// Publish a ciphertext to a room that the client is in: an object of the program's own, which the
    /// server passes on without reading it. A program that binds it to its message id chooses that id
    /// with [`super::Client::send_with_mid`].
    Encrypted { room: String, cipher: Value },
    /// Publish a reply to the message of this number.
    Reply { room: String, seq: u64, text: String },
    /// Publish a ciphertext as a reply to the message of this number. As [`Command::Encrypted`].
    EncryptedReply { room: String, seq: u64, cipher: Value },
    /// React to the message of this number with a text of at most 64 bytes, such as an emoji. To take it back,
    /// delete the message that this is.
    React { room: String, seq: u64, reaction: String },
    /// Send a message to one user.
    Private { to: String, text: String },
    /// Replace the text of the message of this number, which is the user's own. The response is [`super::Response::Other`].
    Edit { room: String, seq: u64, text: String },
    /// Put a ciphertext in place of the content of the message of this number, which is the user's own. As [`Command::Edit`].
    EncryptedEdit { room: String, seq: u64, cipher: Value },
    /// Delete the message of this number: the user's own, or any for a moderator; `note` says why, in at most 200 bytes. As [`Command::Edit`].
    Delete { room: String, seq: u64, note: Option<String> },
    /// Request the members of a room that the client is in.
    Members { room: String },
    /// Request the list of rooms.
    Rooms,
    /// Request the newest messages of a room that the client is in, 1 to 300 of them.
    History { room: String, limit: usize },
    /// Request the 1 to 300 messages before the one of this number.
    HistoryBefore { room: String, seq: u64, limit: usize },
    /// Request the 1 to 300 messages after the one of this number; after 0 they are the first that there are.
    HistoryAfter { room: String, seq: u64, limit: usize },
    /// Any other command of docs/protocol.md that has a reply: an object with its `type`, without an
    /// `id`. The response is [`super::Response::Other`]. If the connection is lost before that, it is sent
    /// again.
    Other(Map<String, Value>),
}

/// What a user reports of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Receipt {
    /// They have arrived.
    Received,
    /// The user has read them.
    Read,
}

impl Receipt {
    fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Read => "read",
        }
    }
}

impl Command {
    /// The text that it publishes; `None` for a ciphertext and for data, and for what publishes nothing.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Publish { text, .. }
            | Self::PublishIf { text, .. }
            | Self::PublishEphemeral { text, .. }
            | Self::Reply { text, .. }
            | Self::Private { text, .. } => Some(text),
            Self::React { reaction, .. } => Some(reaction),
            Self::PublishValue { text, .. } => Some(text.as_deref().unwrap_or_default()),
            _ => None,
        }
    }

    /// The room that it is about; `None` for what is about none, and for [`Command::Other`].
    #[must_use]
    pub fn room(&self) -> Option<&str> {
        match self {
            Self::Join { room }
            | Self::JoinLatest { room }
            | Self::JoinGroup { room, .. }
            | Self::Done { room, .. }
            | Self::Leave { room }
            | Self::Members { room }
            | Self::Edit { room, .. }
            | Self::EncryptedEdit { room, .. }
            | Self::Delete { room, .. }
            | Self::History { room, .. }
            | Self::HistoryBefore { room, .. }
            | Self::HistoryAfter { room, .. } => Some(room),
            other => other.published_in(),
        }
    }

    /// The room that it publishes to.
    pub(super) fn published_in(&self) -> Option<&str> {
        match self {
            Self::Publish { room, .. }
            | Self::PublishIf { room, .. }
            | Self::PublishValue { room, .. }
            | Self::PublishEphemeral { room, .. }
            | Self::PublishData { room, .. }
            | Self::Encrypted { room, .. }
            | Self::Reply { room, .. }
            | Self::EncryptedReply { room, .. }
            | Self::React { room, .. } => Some(room),
            _ => None,
        }
    }

    /// The size of what it publishes in bytes, as the server counts them; `None` when it publishes nothing.
    pub(super) fn published_bytes(&self) -> Option<usize> {
        match self {
            Self::Encrypted { cipher, .. } | Self::EncryptedReply { cipher, .. } => Some(cipher.to_string().len()),
            Self::PublishData { data, .. } => Some(data.len()),
            other => other.text().map(str::len),
        }
    }

    /// The frame under this `id`, of a client with these options; `mid` is the id of a message.
    pub(super) fn frame(&self, id: u64, mid: &str, options: &Options) -> String {
        let Options { history, receipt_counts, .. } = options;
        let mut value = match self {
            Self::Join { room } => json!({"type": "join", "room": room, "history": history, "id": id}),
            Self::JoinLatest { room } => json!({"type": "join", "room": room, "latest": true, "id": id}),
            Self::JoinGroup { room, group } => join_group(room, group, id),
            Self::Done { room, seq } => json!({"type": "done", "room": room, "seq": seq, "id": id}),
            Self::Leave { room } => json!({"type": "leave", "room": room, "id": id}),
            Self::Subscribe { pattern } => return subscribe(pattern, id),
            Self::Unsubscribe { pattern } => json!({"type": "unsubscribe", "pattern": pattern, "id": id}),
            Self::Publish { room, text } => {
                json!({"type": "message", "room": room, "message": text, "mid": mid, "id": id})
            }
            Self::PublishIf { room, if_seq, text } => {
                json!({"type": "message", "room": room, "message": text, "if_seq": if_seq, "mid": mid, "id": id})
            }
            Self::PublishEphemeral { room, text } => {
                json!({"type": "message", "room": room, "message": text, "store": false, "mid": mid, "id": id})
            }
            Self::PublishValue { room, key, text, if_key_seq } => {
                let mut value = json!({"type": "message", "room": room, "key": key, "mid": mid, "id": id});
                match text {
                    Some(text) => value["message"] = text.as_str().into(),
                    None => value["deleted"] = true.into(),
                }
                if let Some(seq) = if_key_seq {
                    value["if_key_seq"] = (*seq).into();
                }
                value
            }
            Self::PublishData { room, data } => {
                let data = data::to_base64(data);
                json!({"type": "message", "room": room, "data": data, "mid": mid, "id": id})
            }
            Self::Encrypted { room, cipher } => {
                json!({"type": "message", "room": room, "cipher": cipher, "mid": mid, "id": id})
            }
            Self::Reply { room, seq, text } => {
                json!({"type": "message", "room": room, "message": text, "reply_to": seq, "mid": mid, "id": id})
            }
            Self::EncryptedReply { room, seq, cipher } => {
                json!({"type": "message", "room": room, "cipher": cipher, "reply_to": seq, "mid": mid, "id": id})
            }
            Self::React { room, seq, reaction } => {
                json!({"type": "message", "room": room, "message": reaction, "react_to": seq, "mid": mid, "id": id})
            }
            Self::Edit { room, seq, text } => {
                json!({"type": "edit", "room": room, "seq": seq, "message": text, "id": id})
            }
            Self::EncryptedEdit { room, seq, cipher } => {
                json!({"type": "edit", "room": room, "seq": seq, "cipher": cipher, "id": id})
            }
            Self::Delete { room, seq, note } => {
                json!({"type": "delete", "room": room, "seq": seq, "note": note.as_deref().unwrap_or_default(), "id": id})
            }
            Self::Private { to, text } => json!({"type": "private", "to": to, "message": text, "mid": mid, "id": id}),
            Self::Members { room } => json!({"type": "members", "room": room, "id": id}),
            Self::Rooms => json!({"type": "rooms", "id": id}),
            Self::History { room, limit } => history_of(room, *limit, None, id),
            Self::HistoryBefore { room, seq, limit } => history_of(room, *limit, Some(("before", *seq)), id),
            Self::HistoryAfter { room, seq, limit } => history_of(room, *limit, Some(("after", *seq)), id),
            Self::Other(object) => {
                let mut object = object.clone();
                object.insert("id".to_owned(), id.into());
                Value::Object(object)
            }
        };
        if *receipt_counts && matches!(self, Self::Join { .. } | Self::JoinLatest { .. } | Self::JoinGroup { .. }) {
            value["receipt_counts"] = true.into();
        }
        value.to_string()
    }
}

fn history_of(room: &str, limit: usize, bound: Option<(&str, u64)>, id: u64) -> Value {
    let mut value = json!({"type": "history", "room": room, "limit": limit.clamp(1, HISTORY_LIMIT_MAX), "id": id});
    if let Some((bound, seq)) = bound {
        value[bound] = seq.into();
    }
    value
}

fn join_group(room: &str, Group { name, prefetch, visibility_s }: &Group, id: u64) -> Value {
    json!({"type": "join", "room": room, "group": name, "prefetch": prefetch, "visibility_s": visibility_s, "id": id})
}

/// Joins a room again: in the same group; or with everything since the position, or without one with as much as a join
/// may request.
pub(super) fn rejoin(room: &str, subscription: &Subscription, id: u64, options: &Options) -> String {
    let mut value = match &subscription.group {
        Some(group) => join_group(room, group, id),
        None => json!({"type": "join", "room": room, "history": JOIN_HISTORY_MAX, "id": id}),
    };
    if let (None, Some((epoch, seq))) = (&subscription.group, subscription.position()) {
        value["since"] = json!({"epoch": epoch, "seq": seq});
    }
    if options.receipt_counts {
        value["receipt_counts"] = true.into();
    }
    value.to_string()
}

/// Subscribes to a pattern, also again.
pub(super) fn subscribe(pattern: &str, id: u64) -> String {
    json!({"type": "subscribe", "pattern": pattern, "id": id}).to_string()
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

/// Says that the user has received, or read, all messages up to this number.
pub(super) fn receipt(room: &str, receipt: Receipt, seq: u64) -> String {
    json!({"type": receipt.as_str(), "room": room, "seq": seq}).to_string()
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
