//! A search for messages: of one room, or of all rooms that the user may read.
//!
//! Where such a search goes on is a position, which clients have as text and give back as it is.

use std::fmt;
use std::str::FromStr;

use super::refusal::{Code, Refusal};
use super::time::Time;
use roomd_protocol::RoomName;

/// Which messages are searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchScope {
    /// Those of one room, before this number.
    Room(RoomName, u64),
    /// Those of all rooms, before this position if there is one.
    AllRooms(Option<SearchPosition>),
}

/// Where a search in several rooms stands: messages of different rooms have no other order than that of their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchPosition {
    /// When the message was sent.
    pub at: Time,
    /// What the store knows it by.
    pub key: i64,
}

impl fmt::Display for SearchPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.0, self.key)
    }
}

impl FromStr for SearchPosition {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let parts = text.split_once('.').and_then(|(at, key)| Some((at.parse().ok()?, key.parse().ok()?)));
        let refusal = || Refusal::new(Code::BadRequest, "A search goes on from the next of an earlier page");
        parts.map(|(at, key)| Self { at: Time(at), key }).ok_or_else(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        let position = SearchPosition { at: Time(7), key: -3 };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["", "1", "1.", ".2", "1.2.3", "a.b", "-1.2"] {
            assert!(text.parse::<SearchPosition>().is_err(), "{text}");
        }
    }
}
