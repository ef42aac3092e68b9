//! What a client asks for, after parsing: every name valid, every number in its bounds.
//!
//! Made by `wire` from either dialect, handled by a `SessionState`.

use std::sync::Arc;

use super::bookmark::BookmarkRequest;
use super::device::DeviceRequest;
use super::display_names::DisplayNameRequest;
use super::id::Id;
use super::join_options::JoinOptions;
use super::message::Body;
use super::note::Note;
use super::pattern::Pattern;
use super::policy::{InvitationOptions, ModerationRequest, RoomOptions};
use super::position::Position;
use super::presence::Status;
use super::publication::Publication;
use super::room_request::RoomRequest;
use super::search::SearchScope;
use super::server_query::ServerQuery;
use super::signal::Signal;
use super::span::Span;
use roomd_protocol::{RoomName, Secret, UserName};

/// A command with its request id, and what its row in the table of commands says.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The request id, if the client gave one.
    pub id: Option<Id>,
    /// The command.
    pub command: Command,
    /// The bucket that pays for it.
    pub cost: Cost,
    /// Whether a client that has yet to authenticate may send it.
    pub before_auth: bool,
}

/// The bucket that pays for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// That of messages.
    Message,
    /// That of all other commands, which is ten times as large.
    Other,
    /// None.
    Free,
}

/// What a client that resumes its session has seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// The last message of each room; of a room that is not listed, nothing since it was joined.
    Rooms(Vec<(RoomName, Position)>),
    /// The last message of a text client's current room.
    Current(u64),
}

/// What a moderator asks of a room's invitations. One is revoked by a [`ModerationRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvitationRequest {
    /// Make one.
    Create { options: InvitationOptions, note: Option<Note> },
    /// List them.
    List,
}

/// What a client asks of its patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternRequest {
    /// Be given what all topics say that match one.
    Subscribe(Pattern),
    /// Be given it no longer.
    Unsubscribe(Pattern),
}

/// A command. `room: None` is the text dialect's current room.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Join a room, which is opened if it is not there.
    Join { room: RoomName, options: JoinOptions },
    /// Leave a room, perhaps with a last word.
    Leave { room: Option<RoomName>, note: Option<Note> },
    /// Subscribe to the topics that a pattern matches, or no longer.
    Patterns(PatternRequest),
    /// Ask something of a room that the client is in, or of a private conversation of its user's.
    ToRoom { room: Option<RoomName>, request: RoomRequest },
    /// The bare form: subscribe if needed, then publish.
    Topic { room: RoomName, request: RoomRequest },
    /// Publish to the conversation with one user.
    Private { to: UserName, request: RoomRequest },
    /// Change one's status, in every room that the client is in.
    Presence { status: Status, note: Option<Note> },
    /// Read a part of a room's history.
    History { room: Option<RoomName>, span: Span, limit: usize },
    /// Search for messages with these words.
    Search { text: Box<str>, scope: SearchScope, limit: usize },
    /// List the rooms.
    Rooms,
    /// Read or change the user's bookmarks.
    Bookmarks(BookmarkRequest),
    /// List, add or end the devices on which the user is signed in.
    Devices(DeviceRequest),
    /// Set one's own display name, or ask for those of others.
    DisplayNames(DisplayNameRequest),
    /// Create a room that stays when nobody is in it; a `durable` one keeps its history.
    Create { room: RoomName, durable: bool, options: RoomOptions },
    /// Moderate a room, which the client need not be in.
    Moderate { room: Option<RoomName>, request: ModerationRequest, note: Option<Note> },
    /// Make invitations to a room, or list them.
    Invitations { room: Option<RoomName>, request: InvitationRequest },
    /// List the user's rooms and private conversations, and how far the user has read.
    Memberships,
    /// Call signalling; `payload` is JSON.
    Signal { kind: Signal, to: UserName, payload: Arc<str> },
    /// Take another name, before the first message.
    Nick { name: UserName },
    /// Authenticate, before the first room or message.
    Auth { token: Secret },
    /// Show a token that is good for longer.
    Refresh { token: Secret },
    /// Give one's registered name up, which is named so that nobody does it by mistake.
    Unclaim { name: UserName },
    /// Resume an interrupted session.
    Resume { token: Box<str>, seen: Seen },
    /// Tell from now on, or no longer, who has received and read the user's messages.
    Receipts { on: bool },
    /// Tell how this session can be resumed.
    Session,
    /// Ask what the session answers by itself.
    Query(ServerQuery),
    /// Leave the server.
    Quit,
}

impl Command {
    /// The content that it gives a message, if it does.
    #[must_use]
    pub fn body(&self) -> Option<&Body> {
        match self {
            Self::ToRoom { request, .. } | Self::Topic { request, .. } | Self::Private { request, .. } => {
                request.body()
            }
            _ => None,
        }
    }

    /// The message that it publishes, if it does.
    #[must_use]
    pub fn publication(&self) -> Option<&Publication> {
        match self {
            Self::ToRoom { request, .. } | Self::Topic { request, .. } | Self::Private { request, .. } => {
                request.publication()
            }
            _ => None,
        }
    }
}
