//! A room of another server's archive as an export, which `import` reads like its own.
//!
//! The epoch is made from what identifies the room there, so that the same archive twice changes nothing, and a later
//! archive of the same server continues its rooms. Pure.

use std::fmt::Write as _;

use roomd_archives::{About as ArchivedAbout, Message as ArchivedMessage, Room, RoomKind};
use sha2::{Digest as _, Sha256};

use super::jsonl::{Header, line_of};
use crate::chat::policy::{DESCRIPTION_BYTES_MAX, SUBJECT_BYTES_MAX};
use crate::chat::{About, Body, Message, Mid, Time};

/// The export of a room of such an archive. `source` tells kinds of archives apart.
#[must_use]
pub fn export_of(source: &str, room: &Room) -> Vec<u8> {
    let private = matches!(room.kind, RoomKind::Private(_));
    let newest = room.messages.len() as u64;
    let mut header = Header::new(&room.name, &epoch_of(source, &room.id), newest, private);
    if let RoomKind::Private(members) = &room.kind {
        header.members = members.iter().map(ToString::to_string).collect();
    }
    let line = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    header.subject = room.subject.as_ref().map(|text| cut(&line(text), SUBJECT_BYTES_MAX));
    header.description = room.description.as_ref().map(|text| cut(text.trim(), DESCRIPTION_BYTES_MAX));
    let header = serde_json::to_string(&header).expect("a header has texts and numbers");
    let mut export = header + "\n";
    for (message, seq) in room.messages.iter().zip(1..) {
        let line = line_of(&message_of(room, message, seq)).expect("a message of an archive has texts and numbers");
        export += &line;
        export.push('\n');
    }
    export.into_bytes()
}

fn message_of(room: &Room, message: &ArchivedMessage, seq: u64) -> Message {
    let ArchivedMessage { user, at_ms, edited_ms, text, about, id } = message;
    let to = match &room.kind {
        RoomKind::Conversation(one, other) => Some(if user == one { other } else { one }.clone()),
        RoomKind::Public | RoomKind::Private(_) => None,
    };
    Message {
        to,
        about: about.map(|about| match about {
            ArchivedAbout::Reply(seq) => About::Reply(seq),
            ArchivedAbout::Reaction(seq) => About::Reaction(seq),
        }),
        mid: id.as_deref().and_then(|id| Mid::parse(id).ok()),
        edited: edited_ms.map(Time),
        ..Message::new(room.name.clone(), user.clone(), Body::Text(text.as_str().into()), seq, Time(*at_ms))
    }
}

fn epoch_of(source: &str, id: &str) -> String {
    let digest = Sha256::digest(format!("{source}/{id}"));
    digest[..8].iter().fold(format!("{source}-"), |mut epoch, byte| {
        _ = write!(epoch, "{byte:02x}");
        epoch
    })
}

/// At most so many bytes of a text, with an ellipsis where it was longer.
fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let ellipsis = "…";
    let end = (0..=bytes_max - ellipsis.len()).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{ellipsis}", &text[..end])
}
