//! What servers tell each other: which rooms have gone on, and how far. Pure.
//!
//! A note is a JSON object in one notification of PostgreSQL, `{"s":"8f…","heads":[["den",42,3],…]}`. It may be lost, and
//! may come twice or late: whoever hears it compares it with what they know, and reads.

use serde::{Deserialize, Serialize};

use crate::chat::RoomName;

/// Bytes of a note, at most: PostgreSQL takes a notification of less than 8 000.
const BYTES_MAX: usize = 7_800;

/// Where a room stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The room's name.
    pub room: RoomName,
    /// The number of its newest message; 0 together with the version: the room has ended, and begins again.
    pub newest: u64,
    /// Its version.
    pub version: u64,
}

#[derive(Serialize, Deserialize)]
struct Note {
    /// Who writes it.
    s: String,
    heads: Vec<(String, u64, u64)>,
}

/// The notes of a server that say this.
pub fn write(server: i64, heads: impl Iterator<Item = Head>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut open = Note { s: format!("{server:x}"), heads: Vec::new() };
    let mut bytes = 0;
    for Head { room, newest, version } in heads {
        // At most two bytes of JSON for a byte of a name, and what stands around it.
        let more = room.as_str().len() * 2 + 48;
        if bytes + more > BYTES_MAX {
            notes.extend(json(&open));
            (bytes, open.heads) = (0, Vec::new());
        }
        bytes += more;
        open.heads.push((room.as_str().to_owned(), newest, version));
    }
    notes.extend(json(&open).filter(|_| !open.heads.is_empty()));
    notes
}

fn json(note: &Note) -> Option<String> {
    serde_json::to_string(note).ok()
}

/// What another server says; nothing of what this one has written, or of what is no note.
pub fn read(server: i64, note: &str) -> Vec<Head> {
    let Ok(Note { s, heads }) = serde_json::from_str(note) else { return Vec::new() };
    if s == format!("{server:x}") {
        return Vec::new();
    }
    let head = |(room, newest, version): (String, u64, u64)| {
        Some(Head { room: RoomName::parse_known(&room).ok()?, newest, version })
    };
    heads.into_iter().filter_map(head).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_others_in_notes_that_fit() {
        let name = |number: u64| RoomName::parse(&format!("ünïcode-{number}-{}", "x".repeat(40))).unwrap();
        let heads: Vec<_> = (0..500).map(|n| Head { room: name(n), newest: u64::MAX - n, version: n }).collect();
        let notes = write(-7, heads.clone().into_iter());
        assert!(notes.len() > 1 && notes.iter().all(|note| note.len() < 8_000), "{}", notes.len());
        assert_eq!(notes.iter().flat_map(|note| read(8, note)).collect::<Vec<_>>(), heads);
        assert!(notes.iter().all(|note| read(-7, note).is_empty()), "its own");
        assert!(write(1, std::iter::empty()).is_empty());
        for note in ["", "{}", "[]", r#"{"s":"1","heads":[["a/b",1]]}"#, r#"{"s":"1","heads":[["a b\u0000",1,1]]}"#] {
            assert!(read(8, note).is_empty(), "{note}");
        }
    }
}
