//! A room's history as text, one JSON object per line: the format that `export` writes and `import` reads.
//!
//! The first line describes the room, each further line is a message, in ascending order and without a gap. Pure; the
//! fields have the names of the protocol.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chat::policy::{Description, ModerationChange};
use crate::chat::{About, Body, Key, Message, Mid, Note, RoomName, Time, UserName};
use roomd_protocol::data;

/// The value of `roomd` in the first line.
const KIND: &str = "history";
/// The version of the format.
const VERSION: u32 = 1;
/// The greatest number that a message can have, in any backend: at a thousand a second, thirty-four years of one room.
pub const SEQ_MAX: u64 = (1 << 40) - 1;

/// The first line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    roomd: String,
    version: u32,
    /// The room's name.
    pub room: String,
    /// The history's epoch.
    pub epoch: String,
    /// The number of its newest message.
    pub newest: u64,
    /// Whether the room is private; its list of members is not exported.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Who owns the room, and who may read it if it is private: of a room that comes from another server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// What the room is about, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Header {
    /// The header of this room.
    pub fn new(room: &RoomName, epoch: &str, newest: u64, private: bool) -> Self {
        let (roomd, room, epoch) = (KIND.to_owned(), room.to_string(), epoch.to_owned());
        let (owner, members, subject, description) = (None, Vec::new(), None, None);
        Self { roomd, version: VERSION, room, epoch, newest, private, owner, members, subject, description }
    }

    /// What gives a room the policy of the header. Nothing: it is public, and has none.
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub fn changes(&self) -> Result<Vec<ModerationChange>, String> {
        let name = |text: &String| UserName::parse(text).map_err(|error| format!("names a user that {error}"));
        let mut changes = Vec::new();
        if self.private || self.owner.is_some() || !self.members.is_empty() {
            let members = self.members.iter().map(name).collect::<Result<_, _>>()?;
            let owner = self.owner.as_ref().map(name).transpose()?;
            changes.push(ModerationChange::Created { private: self.private, owner, members });
        }
        if self.subject.is_some() || self.description.is_some() {
            let described = Description::parse(self.subject.as_deref(), self.description.as_deref());
            let described = described.map_err(|refusal| format!("is refused: {}", refusal.message))?;
            changes.push(ModerationChange::Described(described));
        }
        Ok(changes)
    }

    /// # Errors
    /// What is wrong with the line: the rest of a sentence that begins with its number.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let header = serde_json::from_slice::<Self>(line).ok().filter(|header| header.roomd == KIND);
        let header = header.ok_or("is not the first of an export of roomd")?;
        if header.version != VERSION {
            return Err(format!("is of version {} of the form, and this roomd knows {VERSION}", header.version));
        }
        if header.epoch.is_empty() || header.epoch.len() > 64 || header.newest > SEQ_MAX {
            return Err("has an epoch or a number that no room has".to_owned());
        }
        Ok(header)
    }
}

/// A message's line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    seq: u64,
    at: String,
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    react_to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    /// Why it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cipher: Option<&'a RawValue>,
    /// Bytes, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

/// The line of a message, without the line feed.
pub fn line_of(message: &Message) -> serde_json::Result<String> {
    let (mut text, mut cipher, mut data, mut note) = (None, None, None, None);
    match &message.body {
        Body::Text(body) => text = Some(body.to_string()),
        Body::Cipher(json) => cipher = Some(serde_json::from_str(json)?),
        Body::Data(bytes) => data = Some(data::to_base64(bytes)),
        Body::Deleted(why) => note = why.as_deref().map(str::to_owned),
    }
    let (reply_to, react_to) = About::fields(message.about);
    serde_json::to_string(&Line {
        reply_to,
        react_to,
        seq: message.seq,
        at: message.at.to_string(),
        user: message.user.to_string(),
        to: message.to.as_ref().map(UserName::to_string),
        mid: message.mid.as_ref().map(|mid| mid.as_str().to_owned()),
        key: message.key.as_ref().map(|key| key.as_str().to_owned()),
        edited: message.edited.map(|at| at.to_string()),
        deleted: message.body.is_deleted(),
        note,
        message: text,
        cipher,
        data,
    })
}

/// The message in a line.
///
/// # Errors
/// What is wrong with the line: the rest of a sentence that begins with its number.
pub fn message_of(line: &[u8], room: &RoomName) -> Result<Message, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| format!("is no message: {error}"))?;
    let name = |text: &str| UserName::parse(text).map_err(|error| format!("names a user that {error}"));
    if line.note.is_some() && !line.deleted {
        return Err("has a note, which is the reason of a deletion, and is not deleted".to_owned());
    }
    let note =
        |text: &str| Note::parse(text).map_err(|refusal| format!("has a note that is none: {}", refusal.message));
    let body = match (line.message, line.cipher, line.data, line.deleted) {
        (Some(text), None, None, false) if !text.is_empty() => Body::Text(text.into()),
        (None, Some(cipher), None, false) if cipher.get().starts_with('{') => Body::Cipher(cipher.get().into()),
        (None, None, Some(data), false) if !data.is_empty() => {
            Body::Data(data::from_base64(&data).ok_or("has data that is not base64")?.into())
        }
        (None, None, None, true) => Body::Deleted(line.note.as_deref().map(note).transpose()?),
        _ => return Err("must have one of message, cipher, data and deleted".to_owned()),
    };
    Ok(Message {
        room: room.clone(),
        user: name(&line.user)?,
        to: line.to.as_deref().map(name).transpose()?,
        body,
        about: About::parse(line.reply_to, line.react_to).map_err(|_| "is a reply and a reaction at once")?,
        seq: line.seq,
        ephemeral: None,
        mid: line
            .mid
            .as_deref()
            .map(|mid| Mid::parse(mid).map_err(|_| "has a mid of more than 64 bytes"))
            .transpose()?,
        key: line
            .key
            .as_deref()
            .map(|key| Key::parse(key).map_err(|_| "has a key of more than 64 bytes"))
            .transpose()?,
        at: time_of(&line.at)?,
        edited: line.edited.as_deref().map(time_of).transpose()?,
    })
}

/// Parses a time in UTC (RFC 3339).
///
/// # Errors
/// As `message_of`.
fn time_of(text: &str) -> Result<Time, String> {
    humantime::parse_rfc3339(text).map(Time::from).map_err(|error| format!("has a time {text:?} that is none: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: Body) -> Message {
        let user = |name| UserName::parse(name).unwrap();
        let (at, edited) = (Time(1_795_197_600_007), Some(Time(1_795_197_600_008)));
        let (room, mid) = (RoomName::parse("den").unwrap(), Mid::parse("m1").ok());
        Message {
            room,
            user: user("Anna"),
            to: Some(user("Otto")),
            body,
            about: Some(About::Reply(3)),
            seq: 7,
            ephemeral: None,
            mid,
            key: Key::parse("k1").ok(),
            at,
            edited,
        }
    }

    #[test]
    fn a_message_survives_its_line() {
        for body in [
            Body::Text("a\n\"b\" \u{1f600}".into()),
            Body::Cipher("{\"n\": [1, 2.50]}".into()),
            Body::Data([0, 1, 0xff].as_slice().into()),
            Body::Deleted(None),
            Body::Deleted(Note::parse("off topic").ok()),
        ] {
            let message = message(body);
            let line = line_of(&message).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(message_of(line.as_bytes(), &message.room), Ok(message));
        }
    }

    #[test]
    fn an_invalid_line_is_refused_with_the_reason() {
        let room = RoomName::parse("den").unwrap();
        for (line, what) in [
            ("", "is no message: "),
            ("{}", "is no message: "),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A"}"#, "must have one of"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A","message":""}"#, "must have one of"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A","message":"x","deleted":true}"#, "must have one of"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A","cipher":[]}"#, "must have one of"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A","data":""}"#, "must have one of"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A","message":"x","data":"AA=="}"#, "must have one of"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A","data":"AA"}"#, "has data that is not base64"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A","message":"x","note":"y"}"#, "has a note"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A","deleted":true,"note":" "}"#, "has a note"),
            (r#"{"seq":1,"at":"yesterday","user":"A","message":"x"}"#, "has a time"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A:B","message":"x"}"#, "names a user"),
            (r#"{"seq":1,"at":"2026-11-20T18:00:00Z","user":"A","message":"x","more":1}"#, "is no message: "),
        ] {
            let problem = message_of(line.as_bytes(), &room).unwrap_err();
            assert!(problem.starts_with(what), "{line}: {problem}");
        }
    }
}
