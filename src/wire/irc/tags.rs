//! The tags of lines: when something was said, and which message it was.
//!
//! A message's id is its number, and a hash of its room and the room's epoch beside it: the same on every connection and
//! in every replay, and another one in another room, or when a room begins again.

use std::fmt::Write as _;

use super::names::nick;
use super::traits::Traits;
use crate::chat::{Message, Time};
use roomd_protocol::{RoomName, UserName};

/// The id of a message; `epoch` is that of its room.
#[must_use]
pub fn message_id(room: &RoomName, epoch: &str, seq: u64) -> String {
    format!("{seq}-{:016x}", hash(room, epoch))
}

/// The number of the message of this id, if it is one of this room's.
#[must_use]
pub fn seq_of_message_id(id: &str, room: &RoomName, epoch: &str) -> Option<u64> {
    let seq = id.split_once('-')?.0.parse().ok()?;
    (seq > 0 && message_id(room, epoch, seq) == id).then_some(seq)
}

/// The tag `time`, if the client takes it.
pub(super) fn time(at: Time, traits: Traits) -> String {
    if traits.has(Traits::TIME) { format!("time={at}") } else { String::new() }
}

/// The tags of a message's first line; those of the others have no id, and an ephemeral message has none.
pub(super) fn of_message(message: &Message, epoch: &str, traits: Traits) -> String {
    let mut tags = time(message.at, traits);
    if traits.has(Traits::TAGS) && message.ephemeral.is_none() {
        push(&mut tags, "msgid", &message_id(&message.room, epoch, message.seq));
    }
    tags
}

/// Adds a tag, and escapes its value.
pub fn push(tags: &mut String, key: &str, value: &str) {
    if !tags.is_empty() {
        tags.push(';');
    }
    tags.push_str(key);
    if value.is_empty() {
        return;
    }
    tags.push('=');
    for c in value.chars() {
        match c {
            ';' => tags.push_str("\\:"),
            ' ' => tags.push_str("\\s"),
            '\\' => tags.push_str("\\\\"),
            '\r' => tags.push_str("\\r"),
            '\n' => tags.push_str("\\n"),
            '\0' => {}
            // A string takes every character.
            c => _ = tags.write_char(c),
        }
    }
}

/// The tag `account` of a user who has one.
pub(super) fn account(user: &UserName) -> String {
    let mut tags = String::new();
    push(&mut tags, "account", &nick(user));
    tags
}

/// Adds tags that are escaped already.
pub(super) fn join(tags: &mut String, others: &str) {
    if !tags.is_empty() && !others.is_empty() {
        tags.push(';');
    }
    tags.push_str(others);
}

/// FNV-1a: stable for good, unlike the standard library's.
fn hash(room: &RoomName, epoch: &str) -> u64 {
    // No name holds the separator.
    let bytes = room.as_str().bytes().chain([0]).chain(epoch.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_by_its_id_in_its_room_and_epoch_alone() {
        let (a, b) = (RoomName::parse("a").expect("a name"), RoomName::parse("b").expect("a name"));
        let id = message_id(&a, "e1", 7);
        assert_eq!(seq_of_message_id(&id, &a, "e1"), Some(7));
        assert_eq!((seq_of_message_id(&id, &b, "e1"), seq_of_message_id(&id, &a, "e2")), (None, None));
        let hash = id.strip_prefix("7-").expect("the number comes first");
        assert_eq!(hash.len(), 16);
        for bad in
            ["", "7", "7-", &format!("-{hash}"), &format!("0-{hash}"), &format!("+7-{hash}"), &format!("x-{hash}")]
        {
            assert_eq!(seq_of_message_id(bad, &a, "e1"), None, "{bad}");
        }
    }

    #[test]
    fn a_value_is_escaped() {
        let mut tags = "a=b".to_owned();
        push(&mut tags, "c", "x; y\\\r\n");
        push(&mut tags, "d", "");
        assert_eq!(tags, "a=b;c=x\\:\\sy\\\\\\r\\n;d");
    }
}
