//! A request id: the client's own number or text for a command.
//!
//! Chosen by a JSON client and carried back by exactly one answer; requests in the text dialect have none.

use serde::{Deserialize, Serialize};

/// A request id: exactly one answer to the request carries it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// An integer.
    Number(i64),
    /// A text of at most [`Id::BYTES_MAX`] bytes.
    Text(Box<str>),
}

impl Id {
    /// Bytes of an `id` that is a text, at most.
    pub const BYTES_MAX: usize = 64;
}
