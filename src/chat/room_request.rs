//! What a member, or a non-member, asks of a room.
//!
//! Made by a connection's session or by the engine; the room decides what follows from it.

use std::sync::Arc;

use super::message::{About, Body, Mid};
use super::note::Note;
use super::policy::{ModerationRequest, RoomOptions};
use super::presence::Status;
use super::receipt::Receipt;
use super::refusal::Refusal;
use super::span::Span;
use roomd_protocol::UserName;

/// A request to a room.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomRequest {
    /// Publish a message; a `quiet` one is not acknowledged.
    Publish { body: Body, about: Option<About>, mid: Option<Mid>, quiet: bool },
    /// Edit a message, or delete it: `Body::Deleted`.
    Edit { seq: u64, body: Body },
    /// Mark everything up to a message as received, or read.
    Receipt { receipt: Receipt, seq: u64 },
    /// Begin or end a typing notice.
    Typing(bool),
    /// Change the user's status.
    Presence { status: Status, note: Option<Note> },
    /// Read a part of the history.
    History { span: Span, limit: usize },
    /// List the members.
    Members,
    /// Create the room: it stays when nobody is in it.
    Create(RoomOptions),
    /// Moderate the room.
    Moderate { request: ModerationRequest, note: Option<Note> },
    /// Read the audit log before the entry of this number.
    Audit { before: u64, count: usize },
    /// Look for one member. Answered as [`RoomRequest::Members`], with this user or nobody.
    Member(UserName),
    /// Tell how the session can be resumed.
    Session { resume: Option<Arc<str>> },
}

impl RoomRequest {
    /// Publishes a text, which is acknowledged.
    #[must_use]
    pub fn message(text: &str) -> Self {
        Self::Publish { body: Body::Text(text.into()), about: None, mid: None, quiet: false }
    }

    /// A message without its acknowledgement.
    #[must_use]
    pub fn quietly(mut self) -> Self {
        if let Self::Publish { quiet, .. } = &mut self {
            *quiet = true;
        }
        self
    }

    /// Whether it publishes a message.
    #[must_use]
    pub fn publishes(&self) -> bool {
        matches!(self, Self::Publish { .. })
    }

    /// Whether its parts keep to their limits; `message_bytes` is that of a message.
    ///
    /// # Errors
    /// `bad_request` or `too_large`.
    pub fn check(&self, message_bytes: usize) -> Result<(), Refusal> {
        match self {
            Self::Publish { body, about, .. } => {
                body.check(message_bytes)?;
                About::check(*about, body)
            }
            Self::Edit { body, .. } if *body != Body::Deleted => body.check(message_bytes),
            _ => Ok(()),
        }
    }
}
