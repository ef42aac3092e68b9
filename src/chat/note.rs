//! A short text that goes with a status or with a moderation action.
//!
//! Parsed where a request enters, so that whoever holds one need not look at its length.

use std::ops::Deref;
use std::sync::Arc;

use super::refusal::Refusal;
use roomd_protocol::shows_something;

/// UTF-8 text of at most [`Note::BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(Arc<str>);

impl Note {
    /// Bytes of a note, at most.
    pub const BYTES_MAX: usize = 200;

    /// Checks a note from outside.
    ///
    /// # Errors
    /// `bad_request`: it is too long, or shows nothing.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if !shows_something(text) {
            return Err(Refusal::bad_request("A note must show something"));
        }
        if text.len() > Self::BYTES_MAX {
            return Err(Refusal::bad_request(format!("A note may have {} bytes", Self::BYTES_MAX)));
        }
        Ok(Self(text.into()))
    }

    /// A note that was checked when it entered, as a store returns it.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }
}

impl Deref for Note {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
