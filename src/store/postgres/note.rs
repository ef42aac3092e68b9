//! What servers tell each other: which rooms have gone on, and how far; who types; who is signalled; which sessions they have
//! taken; and that who is in rooms has changed. Pure.
//!
//! A note is a JSON object in one notification of PostgreSQL or one message of Redis, `{"s":"8f…","heads":[["den",42,3],…],"attendance":true}`. It may be lost, and
//! may come twice or late: whoever hears it compares it with what they know, and reads.

use serde::{Deserialize, Serialize};

use super::hexadecimal;
use crate::chat::{RoomName, ServerId, UserName};
use crate::store::shared_sessions::{Handover, SessionKey};

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

/// Somebody types in a room, or has stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typing {
    pub room: RoomName,
    pub user: UserName,
    pub typing: bool,
}

/// A signal is stored for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalNotice {
    pub number: i64,
    pub to: UserName,
}

/// What a server tells the others.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Who is signalled.
    pub signals: Vec<SignalNotice>,
    /// Who types. Before the rooms: a message ends its author's notice.
    pub typing: Vec<Typing>,
    /// The rooms that have gone on.
    pub heads: Vec<Head>,
    /// The sessions that it has taken. Behind what is to be read of who is in their rooms.
    pub taken: Vec<Handover>,
    /// Whether there is something to read of who is in rooms through it.
    pub attendance: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct Note {
    /// Who writes it.
    s: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    typing: Vec<(String, String, bool)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    signals: Vec<(i64, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    taken: Vec<(String, String, u32)>,
    heads: Vec<(String, u64, u64)>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    attendance: bool,
}

/// The notes of a server that say this.
pub fn write(server: i64, News { signals, typing, heads, taken, attendance }: News) -> Vec<String> {
    let mut notes = Pieces { server, notes: Vec::new(), open: Note { attendance, ..Note::default() }, bytes: 0 };
    for SignalNotice { number, to } in signals {
        notes.reserve(to.as_str().len());
        notes.open.signals.push((number, to.as_str().to_owned()));
    }
    for Handover { key, from, moved } in taken {
        let key = hexadecimal::write(&key.0);
        notes.reserve(key.len());
        notes.open.taken.push((key, format!("{:x}", from.0), moved));
    }
    for Typing { room, user, typing } in typing {
        notes.reserve(room.as_str().len() + user.as_str().len());
        notes.open.typing.push((room.as_str().to_owned(), user.as_str().to_owned(), typing));
    }
    for Head { room, newest, version } in heads {
        notes.reserve(room.as_str().len());
        notes.open.heads.push((room.as_str().to_owned(), newest, version));
    }
    notes.close();
    notes.notes
}

/// Notes of which each fits.
struct Pieces {
    server: i64,
    notes: Vec<String>,
    /// What is added to.
    open: Note,
    /// Its bytes, at most.
    bytes: usize,
}

impl Pieces {
    /// There is space for an entry whose names have so many bytes.
    fn reserve(&mut self, names: usize) {
        // At most two bytes of JSON for a byte of a name, and what stands around it.
        let more = names * 2 + 56;
        if self.bytes + more > BYTES_MAX {
            self.close();
        }
        self.bytes += more;
    }

    fn close(&mut self) {
        let note = Note { s: format!("{:x}", self.server), ..std::mem::take(&mut self.open) };
        let says =
            !(note.signals.is_empty() && note.typing.is_empty() && note.heads.is_empty() && note.taken.is_empty());
        if note.attendance || says {
            self.notes.extend(serde_json::to_string(&note).ok());
        }
        self.bytes = 0;
    }
}

/// Which other server says what; `None`: this one has written it, or it is no note.
pub fn read(server: i64, note: &str) -> Option<(i64, News)> {
    let Note { s, typing, signals, taken, heads, attendance } = serde_json::from_str(note).ok()?;
    let from = number(&s).filter(|from| *from != server)?;
    let head = |(room, newest, version): (String, u64, u64)| {
        Some(Head { room: RoomName::parse_known(&room).ok()?, newest, version })
    };
    let types = |(room, user, typing): (String, String, bool)| {
        Some(Typing { room: RoomName::parse_known(&room).ok()?, user: UserName::parse(&user).ok()?, typing })
    };
    let (typing, heads) =
        (typing.into_iter().filter_map(types).collect(), heads.into_iter().filter_map(head).collect());
    let signalled = |(number, to): (i64, String)| Some(SignalNotice { number, to: UserName::parse(&to).ok()? });
    let signals = signals.into_iter().filter_map(signalled).collect();
    let handover = |(key, from, moved): (String, String, u32)| {
        let key = SessionKey(hexadecimal::read(&key)?.try_into().ok()?);
        Some(Handover { key, from: ServerId(number(&from)?.cast_unsigned()), moved })
    };
    let taken = taken.into_iter().filter_map(handover).collect();
    Some((from, News { signals, typing, heads, taken, attendance }))
}

/// The number of a server.
fn number(digits: &str) -> Option<i64> {
    u64::from_str_radix(digits, 16).ok().map(u64::cast_signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_others_in_notes_that_fit() {
        let name = |number: u64| RoomName::parse(&format!("ünïcode-{number}-{}", "x".repeat(40))).unwrap();
        let heads: Vec<_> = (0..500).map(|n| Head { room: name(n), newest: u64::MAX - n, version: n }).collect();
        let typing =
            |n: u64| Typing { room: name(n), user: UserName::parse("Ann").unwrap(), typing: n.is_multiple_of(2) };
        let types: Vec<_> = (0..100).map(typing).collect();
        let signal = |n: i64| SignalNotice { number: n, to: UserName::parse("Bob").unwrap() };
        let signals: Vec<_> = (i64::MAX - 300..i64::MAX).map(signal).collect();
        let session = |n: u8| Handover { key: SessionKey([n; 32]), from: ServerId(u64::MAX - 1), moved: u32::from(n) };
        let taken: Vec<_> = (0..200).map(session).collect();
        let news = News {
            signals: signals.clone(),
            typing: types.clone(),
            heads: heads.clone(),
            taken: taken.clone(),
            attendance: true,
        };
        let notes = write(-7, news);
        assert!(notes.len() > 1 && notes.iter().all(|note| note.len() < 8_000), "{}", notes.len());
        let mut all = News::default();
        for (from, mut news) in notes.iter().map(|note| read(8, note).unwrap()) {
            assert_eq!(from, -7);
            all.signals.append(&mut news.signals);
            all.typing.append(&mut news.typing);
            all.heads.append(&mut news.heads);
            all.taken.append(&mut news.taken);
            all.attendance |= news.attendance;
        }
        assert_eq!(all, News { signals, typing: types, heads, taken, attendance: true });
        assert!(notes.iter().all(|note| read(-7, note).is_none()), "its own");
        assert!(write(1, News::default()).is_empty());
        let bare = write(1, News { attendance: true, ..News::default() });
        assert_eq!(bare.iter().map(|note| read(8, note).unwrap().1.attendance).collect::<Vec<_>>(), [true]);
        for note in ["", "{}", "[]", r#"{"s":"x","heads":[]}"#, r#"{"s":"1","heads":[["a/b",1]]}"#] {
            assert_eq!(read(8, note), None, "{note}");
        }
        let later = r#"{"s":"1","heads":[["a b\u0000",1,1]],"taken":[["00","2",1]]}"#;
        assert_eq!(read(8, later), Some((1, News::default())), "names that are none here");
    }
}
