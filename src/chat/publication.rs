//! What an author asks to be published: a message before it has a number.
//!
//! Parsed by `wire` and `net`, or made by the engine; a room makes a draft of it, and the store decides what becomes of it.

use super::id::Id;
use super::key::Key;
use super::message::{About, Body, Mid};
use super::refusal::{Refusal, UnsentMessage};

/// Characters of an excerpt, at most.
const EXCERPT_CHARS: usize = 32;

/// A message to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Its content.
    pub body: Body,
    /// Its relation to another message, if any.
    pub about: Option<About>,
    /// The id that its author gives it.
    pub mid: Option<Mid>,
    /// It is stored only if the room's newest message has this number, 0 for none; a repeat is a repeat all the same.
    pub if_seq: Option<u64>,
    /// What it is the newest value of. A deleted body is a tombstone: it removes the key.
    pub key: Option<Key>,
    /// It is stored only if the key's newest message has this number, 0 for none.
    pub if_key_seq: Option<u64>,
    /// Whether it is stored. Otherwise it is ephemeral: shown to who is in the room, and kept nowhere.
    pub store: bool,
}

impl Publication {
    /// A message without a relation, a `mid`, a key or a condition, which is stored.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { body, about: None, mid: None, if_seq: None, key: None, if_key_seq: None, store: true }
    }

    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::new(Body::Text(text.into()))
    }

    /// By what its author recognizes it in a refusal; `None` where the id of the request says which message it was.
    #[must_use]
    pub fn unsent(&self, id: Option<&Id>) -> Option<UnsentMessage> {
        let mid = || self.mid.as_ref().map(|mid| mid.as_str().into());
        id.is_none().then(|| UnsentMessage { mid: mid(), excerpt: self.excerpt() })
    }

    /// The first words of its text, by which its author recognizes it; `None` if it has none.
    #[must_use]
    pub fn excerpt(&self) -> Option<Box<str>> {
        let Body::Text(text) = &self.body else { return None };
        let mut excerpt = String::new();
        let mut left = EXCERPT_CHARS;
        for word in text.split_whitespace() {
            let separator = if excerpt.is_empty() { "" } else { " " };
            // Counted only as far as it may fit: a word may be as long as a message.
            let chars = word.chars().take(left + 1).count() + separator.len();
            if chars > left {
                // A single word that is too long is cut.
                if excerpt.is_empty() {
                    excerpt.extend(word.chars().take(left));
                }
                excerpt.push('…');
                break;
            }
            excerpt.push_str(separator);
            excerpt.push_str(word);
            left -= chars;
        }
        Some(excerpt.into())
    }

    /// Whether its parts keep to their limits; `bytes_max` is that of the content.
    ///
    /// # Errors
    /// `bad_request` or `too_large`.
    pub fn check(&self, bytes_max: usize) -> Result<(), Refusal> {
        if self.if_key_seq.is_some() && self.key.is_none() {
            return Err(Refusal::bad_request("if_key_seq is about a key, which is missing"));
        }
        if !self.store && (self.if_seq.is_some() || self.if_key_seq.is_some()) {
            return Err(Refusal::bad_request("A message that is not stored has no condition"));
        }
        if !self.store && self.body.is_deleted() {
            return Err(Refusal::bad_request("What removes a key is stored"));
        }
        if self.body.is_deleted() {
            return match (&self.key, self.about) {
                (Some(_), None) => Ok(()),
                (Some(_), Some(_)) => Err(Refusal::bad_request("What removes a key is no reply and no reaction")),
                (None, _) => Err(Refusal::bad_request("deleted removes a key, which is missing")),
            };
        }
        self.body.check(bytes_max)?;
        About::check(self.about, &self.body)
    }
}

impl From<&str> for Publication {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_the_first_words_on_one_line() {
        let long = "x".repeat(100);
        for (text, excerpt) in [
            ("hi", "hi"),
            ("  hello\n  you\tthere ", "hello you there"),
            ("these are the first words of what was said", "these are the first words of…"),
            ("12345678901234567890123456789012", "12345678901234567890123456789012"),
            ("1234567890 123456789 1234567890 1", "1234567890 123456789 1234567890…"),
            (&long, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"),
        ] {
            assert_eq!(Publication::text(text).excerpt().as_deref(), Some(excerpt), "{text:?}");
        }
        assert_eq!(Publication::new(Body::Deleted(None)).excerpt(), None);
    }
}
