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

/// What is said in a room.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomRequest {
    /// A message. `quiet`: no `sent` is wanted.
    Publish { body: Body, about: Option<About>, mid: Option<Mid>, quiet: bool },
    /// Replaces what an own message says, or takes it away: `Body::Deleted`.
    Edit { seq: u64, body: Body },
    /// Has received, or read, everything up to a message.
    Receipt { receipt: Receipt, seq: u64 },
    /// Is typing, or no longer.
    Typing(bool),
    /// Is here or away.
    Presence { status: Status, note: Option<Note> },
    /// A question about the history.
    History { span: Span, limit: usize },
    /// Who is here?
    Members,
    /// The room is to be there from now on, also when nobody is in it.
    Create(RoomOptions),
    /// Something is to be changed.
    Moderate { request: ModerationRequest, note: Option<Note> },
    /// What was decided before the entry of this number?
    Audit { before: u64, count: usize },
    /// Is this user here? Answered as [`RoomRequest::Members`], with this one or nobody.
    Member(UserName),
    /// How could the session be taken up again?
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
