//! A token that a client shows to prove who its user is.
//!
//! Held by clients and by the server between reading it and checking it. Its `Debug` output never
//! contains the text, so that no log or panic message can leak it.

use std::fmt;

/// A token as its bearer shows it. Never shown again: not in a log, not in an error.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Box<str>);

impl Secret {
    /// What stands in the token.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret")
    }
}
