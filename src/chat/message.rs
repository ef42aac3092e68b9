//! A message as a room keeps it.
//!
//! Made when the store has numbered it, and shared from then on by the ring and by all recipients of
//! its event. It never changes: an edit makes another one of the same number.

use std::sync::Arc;

use super::key::Key;
use super::note::Note;
use super::refusal::{Code, Refusal};
use super::time::Time;
use roomd_protocol::{RoomName, UserName, shows_something};

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// UTF-8 text, of at least one byte.
    Text(Arc<str>),
    /// A JSON object that the server carries without reading it.
    Cipher(Arc<str>),
    /// Bytes that the server carries without reading them, at least one.
    Data(Arc<[u8]>),
    /// The message was deleted, with a reason or without.
    Deleted(Option<Note>),
}

impl Body {
    /// Its size in bytes, as limits count it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Cipher(text) => text.len(),
            Self::Data(bytes) => bytes.len(),
            Self::Deleted(note) => note.as_ref().map_or(0, |note| note.len()),
        }
    }

    /// Whether the message was deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        matches!(self, Self::Deleted(_))
    }

    /// Why the message was deleted.
    #[must_use]
    pub fn note(&self) -> Option<&Note> {
        match self {
            Self::Deleted(note) => note.as_ref(),
            Self::Text(_) | Self::Cipher(_) | Self::Data(_) => None,
        }
    }

    /// Its bytes, if it is no text.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Self::Data(bytes) => Some(bytes),
            Self::Text(_) | Self::Cipher(_) | Self::Deleted(_) => None,
        }
    }

    /// Whether it has no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it may be published, or put in place of another.
    ///
    /// # Errors
    /// `bad_request`: it is empty, or shows nothing; `too_large`: it has more than `bytes_max` bytes.
    pub fn check(&self, bytes_max: usize) -> Result<(), Refusal> {
        if self.is_empty() {
            let what = if self.data().is_some() { "data must have a byte" } else { "A message must say something" };
            return Err(Refusal::bad_request(what));
        }
        if self.len() > bytes_max {
            return Err(Refusal::message_too_large(bytes_max));
        }
        if matches!(self, Self::Text(text) if !shows_something(text)) {
            return Err(Refusal::bad_request("A message must show something"));
        }
        Ok(())
    }
}

/// The relation of a message to another of its room. The message is one like any other, so it
/// has its number, its `mid` and its place in every replay; only how it is shown differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It answers the message of this number.
    Reply(u64),
    /// It is a reaction to the message of this number, such as an emoji.
    Reaction(u64),
}

impl About {
    /// Bytes of a reaction's text, at most: the longest emoji has 35.
    pub const REACTION_BYTES_MAX: usize = 64;

    /// From the two fields of a request or a file.
    ///
    /// # Errors
    /// `bad_request`: both are given.
    pub fn parse(reply_to: Option<u64>, react_to: Option<u64>) -> Result<Option<Self>, Refusal> {
        match (reply_to, react_to) {
            (Some(_), Some(_)) => Err(Refusal::bad_request("A message is a reply or a reaction, not both")),
            (Some(seq), None) => Ok(Some(Self::Reply(seq))),
            (None, react_to) => Ok(react_to.map(Self::Reaction)),
        }
    }

    /// Checks the limits on a reaction: it is a text, and short.
    ///
    /// # Errors
    /// `bad_request` or `too_large`.
    pub fn check(about: Option<Self>, body: &Body) -> Result<(), Refusal> {
        match (about, body) {
            (Some(Self::Reaction(_)), Body::Data(_)) => Err(Refusal::bad_request("A reaction is a text")),
            (Some(Self::Reaction(_)), Body::Text(text)) if text.len() > Self::REACTION_BYTES_MAX => {
                let message = format!("A reaction may have {} bytes", Self::REACTION_BYTES_MAX);
                Err(Refusal::new(Code::TooLarge, message))
            }
            _ => Ok(()),
        }
    }

    /// The fields `reply_to` and `react_to`.
    #[must_use]
    pub fn fields(about: Option<Self>) -> (Option<u64>, Option<u64>) {
        match about {
            Some(Self::Reply(seq)) => (Some(seq), None),
            Some(Self::Reaction(seq)) => (None, Some(seq)),
            None => (None, None),
        }
    }

    /// What the fields `reply_to` and `react_to` said when the message entered, as a store returns them.
    #[must_use]
    pub fn stored(reply: Option<u64>, reaction: Option<u64>) -> Option<Self> {
        reply.map(Self::Reply).or(reaction.map(Self::Reaction))
    }

    /// The number of the other message.
    #[must_use]
    pub fn seq(self) -> u64 {
        match self {
            Self::Reply(seq) | Self::Reaction(seq) => seq,
        }
    }
}

/// The id that an author gives a message, 1–64 bytes: the same `mid` twice is one message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mid(Arc<str>);

impl Mid {
    /// Bytes of a `mid`, at most.
    pub const BYTES_MAX: usize = 64;

    /// Checks a `mid` from outside.
    ///
    /// # Errors
    /// `bad_request`: it is empty or too long.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if (1..=Self::BYTES_MAX).contains(&text.len()) {
            return Ok(Self(text.into()));
        }
        Err(Refusal::bad_request(format!("A mid has 1 to {} bytes", Self::BYTES_MAX)))
    }

    /// A `mid` that was checked when it entered, as a store returns it.
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
    /// The room it was published to.
    pub room: RoomName,
    /// Its author.
    pub user: UserName,
    /// In a private conversation, the other user.
    pub to: Option<UserName>,
    /// Its content.
    pub body: Body,
    /// Its relation to another message, if any.
    pub about: Option<About>,
    /// Its number: 1, 2, 3, … within the room's epoch; of an ephemeral message, that of the stored one behind which it
    /// stands, 0 before the first.
    pub seq: u64,
    /// Of an ephemeral message, its number among those of its room since the room was opened: 1, 2, 3, …
    pub ephemeral: Option<u64>,
    /// The id that its author gave it.
    pub mid: Option<Mid>,
    /// What it is the newest value of; deleted, it is a tombstone: the key has no value.
    pub key: Option<Key>,
    /// When the room accepted it.
    pub at: Time,
    /// When it was last edited, or deleted.
    pub edited: Option<Time>,
}

impl Message {
    /// A message of a room, without a `mid`, a key or a relation, that is stored and was never edited.
    #[must_use]
    pub fn new(room: RoomName, user: UserName, body: Body, seq: u64, at: Time) -> Self {
        Self { room, user, to: None, body, about: None, seq, ephemeral: None, mid: None, key: None, at, edited: None }
    }
}
