//! A message as a room keeps it.
//!
//! Made when the store has numbered it, and shared from then on by the ring and by all who are shown
//! it. It never changes: an edit makes another one of the same number.

use std::sync::Arc;

use super::time::Time;
use roomd_protocol::{RoomName, UserName};

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// UTF-8 text, of at least one character.
    Text(Arc<str>),
    /// A JSON object that the server carries without reading it.
    Cipher(Arc<str>),
    /// Nothing any more: its author took it away.
    Deleted,
}

impl Body {
    /// Its size in bytes, as limits count it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Cipher(text) => text.len(),
            Self::Deleted => 0,
        }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Which other message of its room a message is about. What it says is a message like any other, so it
/// has its number, its `mid` and its place in every replay; only how it is shown differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It answers the message of this number.
    Reply(u64),
    /// It is a sign put to the message of this number, such as an emoji.
    Reaction(u64),
}

impl About {
    /// Bytes of a reaction's text, at most: the longest emoji has 35.
    pub const REACTION_BYTES_MAX: usize = 64;

    /// From the two fields that outside tell it.
    ///
    /// # Errors
    /// A sentence: it is one or the other.
    pub fn read(reply_to: Option<u64>, react_to: Option<u64>) -> Result<Option<Self>, &'static str> {
        match (reply_to, react_to) {
            (Some(_), Some(_)) => Err("A message is a reply or a reaction, not both"),
            (Some(seq), None) => Ok(Some(Self::Reply(seq))),
            (None, react_to) => Ok(react_to.map(Self::Reaction)),
        }
    }

    /// Whether a message may be about another in this way: a reaction is short.
    ///
    /// # Errors
    /// A sentence.
    pub fn fits(about: Option<Self>, body: &Body) -> Result<(), &'static str> {
        match (about, body) {
            (Some(Self::Reaction(_)), Body::Text(text)) if text.len() > Self::REACTION_BYTES_MAX => {
                Err("A reaction may have 64 bytes")
            }
            _ => Ok(()),
        }
    }

    /// The two fields that tell it: `reply_to` and `react_to`.
    #[must_use]
    pub fn fields(about: Option<Self>) -> (Option<u64>, Option<u64>) {
        match about {
            Some(Self::Reply(seq)) => (Some(seq), None),
            Some(Self::Reaction(seq)) => (None, Some(seq)),
            None => (None, None),
        }
    }

    /// The number of the other message.
    #[must_use]
    pub fn seq(self) -> u64 {
        match self {
            Self::Reply(seq) | Self::Reaction(seq) => seq,
        }
    }
}

/// The sender's own name for a message, 1–64 bytes: the same `mid` twice is one message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mid(Arc<str>);

impl Mid {
    /// Bytes of a `mid`, at most.
    pub const BYTES_MAX: usize = 64;

    /// Checks a `mid` that came from outside; `None` when it is empty or too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (1..=Self::BYTES_MAX).contains(&text.len()).then(|| Self(text.into()))
    }

    /// A `mid` that was checked when it entered, as a store gives it back.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The `mid` as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One message of a room, with its place in the room's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The room it was sent to.
    pub room: RoomName,
    /// Who sent it.
    pub user: UserName,
    /// In a private conversation, to whom.
    pub to: Option<UserName>,
    /// What it says.
    pub body: Body,
    /// Which other message it is about, if any.
    pub about: Option<About>,
    /// Its number: 1, 2, 3, … within the room's epoch.
    pub seq: u64,
    /// The sender's name for it.
    pub mid: Option<Mid>,
    /// When the room took it.
    pub at: Time,
    /// When it was last edited, or deleted.
    pub edited: Option<Time>,
}
