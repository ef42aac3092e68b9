//! The key of a message: what it says something new about.
//!
//! Of the messages with one key the newest is its last value, whatever was said in between; the author chooses the key.

use std::sync::Arc;

use super::refusal::Refusal;

/// A key, 1–64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Bytes of a key, at most.
    pub const BYTES_MAX: usize = 64;

    /// Checks a key from outside.
    ///
    /// # Errors
    /// `bad_request`: it is empty or too long.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if (1..=Self::BYTES_MAX).contains(&text.len()) {
            return Ok(Self(text.into()));
        }
        Err(Refusal::bad_request(format!("A key has 1 to {} bytes", Self::BYTES_MAX)))
    }

    /// A key that was checked when it entered, as a store returns it.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
