//! A request that is not carried out, and why.
//!
//! Data, not an error of the server: made by whoever decides (a parser, a session, a room, the engine)
//! and printed by `wire` as an `error` event, an error line or an HTTP error.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use roomd_protocol::RoomName;

/// The error codes of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Cannot be understood.
    BadRequest,
    /// A `type` that there is not.
    UnknownType,
    /// Over a limit of size.
    TooLarge,
    /// Not authenticated.
    Unauthorized,
    /// Not allowed.
    Forbidden,
    /// Does not exist.
    NotFound,
    /// Only for members of the room.
    NotMember,
    /// The session no longer exists.
    SessionExpired,
    /// The name is in use.
    NameTaken,
    /// The room has as many members as it may have.
    RoomFull,
    /// The connection or the server has as many rooms as it may have.
    TooManyRooms,
    /// The condition of a message does not hold.
    Conflict,
    /// Too fast.
    RateLimited,
    /// Muted in this room.
    Muted,
    /// The user is not connected.
    UserOffline,
    /// Temporarily impossible.
    Unavailable,
    /// The server is shutting down.
    Draining,
    /// A defect of the server.
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::BadRequest,
        Self::UnknownType,
        Self::TooLarge,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::NotMember,
        Self::SessionExpired,
        Self::NameTaken,
        Self::RoomFull,
        Self::TooManyRooms,
        Self::Conflict,
        Self::RateLimited,
        Self::Muted,
        Self::UserOffline,
        Self::Unavailable,
        Self::Draining,
        Self::Internal,
    ];

    /// Its name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnknownType => "unknown_type",
            Self::TooLarge => "too_large",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::NotMember => "not_member",
            Self::SessionExpired => "session_expired",
            Self::NameTaken => "name_taken",
            Self::RoomFull => "room_full",
            Self::TooManyRooms => "too_many_rooms",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::Muted => "muted",
            Self::UserOffline => "user_offline",
            Self::Unavailable => "unavailable",
            Self::Draining => "draining",
            Self::Internal => "internal",
        }
    }
}

/// A request that is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error code, for programs.
    pub code: Code,
    /// The reason, for people.
    pub message: Cow<'static, str>,
    /// When to try again, if that would help.
    pub retry_after: Option<Duration>,
    /// The room whose limit was reached; `None` when it is the connection's.
    pub room: Option<RoomName>,
    /// Of a condition that does not hold: the number of the newest message, 0 for none.
    pub seq: Option<u64>,
    /// The message that came too fast, where no id of a request says which it was.
    pub unsent: Option<Box<UnsentMessage>>,
}

/// By what an author recognizes a message that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsentMessage {
    /// The id that its author gave it.
    pub mid: Option<Box<str>>,
    /// Its first words.
    pub excerpt: Option<Box<str>>,
}

impl Refusal {
    /// A refusal that no waiting will change.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after: None, room: None, seq: None, unsent: None }
    }

    /// A request that is wrong in itself.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// A command that does not exist.
    pub fn unknown_type(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::UnknownType, message)
    }

    /// A message, or the payload of a call, beyond the limit of bytes.
    #[must_use]
    pub fn message_too_large(bytes_max: usize) -> Self {
        Self::new(Code::TooLarge, format!("A message may have {bytes_max} bytes"))
    }

    /// The rate limit's refusal.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Code::RateLimited, "Rate limit exceeded") }
    }

    /// The refusal of a room in slow mode.
    #[must_use]
    pub fn slow_mode(room: &RoomName, every: Duration, retry_after: Duration) -> Self {
        let message = format!("This room takes one message of each user in {} s", every.as_secs());
        Self { retry_after: Some(retry_after), ..Self::new(Code::RateLimited, message) }.about(room)
    }

    /// The refusal of a room whose members say too much together.
    #[must_use]
    pub fn room_rate(room: &RoomName, retry_after: Duration) -> Self {
        let message = "The members of this room say more than it takes";
        Self { retry_after: Some(retry_after), ..Self::new(Code::RateLimited, message) }.about(room)
    }

    /// A message that was to be stored only behind another one than `newest`.
    #[must_use]
    pub fn conflict(room: &RoomName, newest: u64) -> Self {
        let message = match newest {
            0 => format!("The room {room} has no message yet"),
            newest => format!("The newest message of {room} is {newest}"),
        };
        Self { seq: Some(newest), ..Self::new(Code::Conflict, message) }.about(room)
    }

    /// A message that was to be stored only behind another one of its key than `newest`.
    #[must_use]
    pub fn key_conflict(room: &RoomName, newest: u64) -> Self {
        let message = match newest {
            0 => format!("The key has no value in {room}"),
            newest => format!("The newest message of the key is {newest}"),
        };
        Self { message: message.into(), ..Self::conflict(room, newest) }
    }

    /// A message with a further key than the room may have.
    #[must_use]
    pub fn too_many_keys(room: &RoomName) -> Self {
        Self::new(Code::RoomFull, format!("The room {room} has as many keys as it may have")).about(room)
    }

    /// With what names the message, if it came too fast.
    #[must_use]
    pub fn of_message(self, unsent: Option<UnsentMessage>) -> Self {
        Self { unsent: unsent.filter(|_| self.code == Code::RateLimited).map(Box::new), ..self }
    }

    /// With the room, which alone is refused.
    #[must_use]
    pub fn about(self, room: &RoomName) -> Self {
        Self { room: Some(room.clone()), ..self }
    }

    /// An invitation that admits nobody, or is for another room.
    #[must_use]
    pub fn void_invitation() -> Self {
        Self::new(Code::Unauthorized, "The invitation is not valid: it has ended, was used up, or was revoked")
    }

    /// For a room that does not exist, or that the client may not know of.
    #[must_use]
    pub fn no_room(room: &RoomName) -> Self {
        Self::new(Code::NotFound, format!("There is no room {room}"))
    }

    /// For a room that the client is not in.
    #[must_use]
    pub fn not_member(room: &RoomName) -> Self {
        Self::new(Code::NotMember, format!("Not a member of {room}"))
    }

    /// For a room whose broker has failed.
    #[must_use]
    pub fn room_failed(room: &RoomName) -> Self {
        Self::new(Code::Internal, format!("The room {room} failed"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
