//! What a member, or a non-member, asks of a room.
//!
//! Made by a connection's session or by the engine; the room decides what follows from it.

use std::sync::Arc;

use super::message::{About, Body};
use super::note::Note;
use super::policy::{ModerationRequest, RoomOptions};
use super::presence::Status;
use super::publication::Publication;
use super::receipt::Receipt;
use super::refusal::Refusal;
use super::span::Span;
use roomd_protocol::{DisplayName, UserName};

/// A request to a room.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomRequest {
    /// Publish a message; a `quiet` one is not acknowledged.
    Publish { publication: Publication, quiet: bool },
    /// Edit a message, or delete it: `Body::Deleted`.
    Edit { seq: u64, body: Body },
    /// Mark everything up to a message as received, or read.
    Receipt { receipt: Receipt, seq: u64 },
    /// Tell the member from now on, or no longer, how far others have got with its messages.
    AskReceipts(bool),
    /// A message that the member's group has assigned to it is done.
    Finish { seq: u64 },
    /// Begin or end a typing notice.
    Typing(bool),
    /// Change the user's status.
    Presence { status: Status, note: Option<Note> },
    /// Tell the members what the user is called from now on.
    DisplayName(Option<DisplayName>),
    /// Read a part of the history.
    History { span: Span, limit: usize },
    /// Tell what the room is about.
    About,
    /// List the members.
    Members,
    /// Create the room: it stays when nobody is in it.
    Create(RoomOptions),
    /// Moderate the room; in the name of this connection, if it asks for itself: then it may be an operator.
    Moderate { request: ModerationRequest, note: Option<Note>, connection: Option<u64> },
    /// Read the audit log before the entry of this number.
    Audit { before: u64, count: usize },
    /// Look for one member. Answered as [`RoomRequest::Members`], with this user or nobody.
    Member(UserName),
    /// Tell how far the user has read: an [`Event::Receipt`](super::Event::Receipt), of the message 0 for nothing.
    ReadUpTo,
    /// Forget a user, and put this name in the place of theirs at what is left of their messages.
    Forget { user: UserName, alias: UserName },
    /// Tell how the session can be resumed.
    Session { resume: Option<Arc<str>> },
}

impl RoomRequest {
    /// Publishes a text, which is acknowledged.
    #[must_use]
    pub fn message(text: &str) -> Self {
        Publication::text(text).into()
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

    /// What it publishes, if it does.
    #[must_use]
    pub fn publication(&self) -> Option<&Publication> {
        match self {
            Self::Publish { publication, .. } => Some(publication),
            _ => None,
        }
    }

    /// The content that it gives a message, if it does.
    #[must_use]
    pub fn body(&self) -> Option<&Body> {
        match self {
            Self::Publish { publication, .. } => Some(&publication.body),
            Self::Edit { body, .. } => Some(body),
            _ => None,
        }
    }

    /// The number of the message that it is about, if it is about one that is there.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Publish { publication, .. } => publication.about.map(About::seq),
            Self::Edit { seq, .. } | Self::Receipt { seq, .. } => Some(*seq),
            Self::Moderate { request: ModerationRequest::Pin { seq }, .. } => Some(*seq),
            _ => None,
        }
    }

    /// Whether its parts keep to their limits; `message_bytes` is that of a message.
    ///
    /// # Errors
    /// `bad_request` or `too_large`.
    pub fn check(&self, message_bytes: usize) -> Result<(), Refusal> {
        match self {
            Self::Publish { publication, .. } => publication.check(message_bytes),
            Self::Edit { body, .. } if !body.is_deleted() => body.check(message_bytes),
            _ => Ok(()),
        }
    }
}

impl From<Publication> for RoomRequest {
    /// Publishes it, and is acknowledged.
    fn from(publication: Publication) -> Self {
        Self::Publish { publication, quiet: false }
    }
}
