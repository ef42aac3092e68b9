//! Why a request was not carried out: the protocol's `error`, as data.
//!
//! Sent by the server, or made by the client for a request that no server would accept.

use std::fmt;

use serde::Deserialize;

/// A request that was not carried out, or anything else that the server rejects.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Refusal {
    /// The reason for programs: `too_large`, `not_member`, … (docs/protocol.md, "Errors and closes").
    pub code: String,
    /// The reason for people; may be empty.
    #[serde(default)]
    pub message: String,
    /// After how many milliseconds a retry can succeed; `None` if waiting does not help.
    pub retry_after_ms: Option<u64>,
    /// The room, when the refusal concerns that room alone.
    #[serde(default)]
    pub room: Option<String>,
    /// Of a `conflict`: the number of the newest message, 0 for none.
    #[serde(default)]
    pub seq: Option<u64>,
}

impl Refusal {
    /// A refusal that comes from this side of the connection, with a code of the protocol.
    #[must_use]
    pub fn local(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), retry_after_ms: None, room: None, seq: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.message.is_empty() { &self.code } else { &self.message })
    }
}

impl std::error::Error for Refusal {}
