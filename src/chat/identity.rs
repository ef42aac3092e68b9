//! The identity of a user: the name, how it is authenticated, and the claims of its token.
//!
//! Made where a connection is opened (for a guest, or from a token), held by the session, and passed
//! to each room with its user's requests. A registered name is used by its owner
//! only, so a room may trust an [`Identity`].

use std::sync::Arc;

use super::device::DeviceId;
use super::refusal::{Code, Refusal};
use super::time::Time;
use roomd_protocol::{RoomName, UserName};

/// How a user is authenticated; each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthLevel {
    /// Not authenticated: the name is free for anybody to use.
    #[default]
    Guest,
    /// The owner of the name.
    Registered,
    /// An administrator of the server.
    Admin,
}

impl AuthLevel {
    /// Its name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Registered => "registered",
            Self::Admin => "admin",
        }
    }
}

/// A user with its auth level and claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub user: UserName,
    /// How the user is authenticated.
    pub auth_level: AuthLevel,
    /// The other claims of the token; a guest has none, nor has a program in this process.
    pub claims: Option<Arc<TokenClaims>>,
}

/// The claims of a token, without the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// When the name became its user's.
    pub since: Time,
    /// When the token expires.
    pub expires: Time,
    /// What the user wants to be called, for people to read; at most [`DISPLAY_BYTES_MAX`](roomd_protocol::DISPLAY_BYTES_MAX) bytes.
    pub display: Option<Arc<str>>,
    /// The rooms that the token allows; `None` is all.
    pub rooms: Option<Vec<RoomName>>,
    /// The device that the token was issued to, of a name that was claimed: it can get another one before this one
    /// expires.
    pub device: Option<DeviceId>,
    /// Messages a second that each connection of the user may send, in place of what others may: 1 to
    /// [`TOKEN_RATE_MAX`](super::rate::TOKEN_RATE_MAX).
    pub rate: Option<u32>,
    /// Which of the server's own keys has signed the token; `None`: an issuer's.
    pub key: Option<Arc<str>>,
}

impl Identity {
    /// A guest of this name.
    #[must_use]
    pub fn guest(user: UserName) -> Self {
        Self { user, auth_level: AuthLevel::Guest, claims: None }
    }

    /// Whether the user is not authenticated.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.auth_level == AuthLevel::Guest
    }

    /// When the token expires, if there is one.
    #[must_use]
    pub fn expires(&self) -> Option<Time> {
        self.claims.as_ref().map(|claims| claims.expires)
    }

    /// The device that the token was issued to.
    #[must_use]
    pub fn device(&self) -> Option<DeviceId> {
        self.claims.as_ref()?.device
    }

    /// The key of the server's own that has signed the token.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.claims.as_ref()?.key.as_deref()
    }

    /// Messages a second that the token allows, if it says so.
    #[must_use]
    pub fn rate(&self) -> Option<u32> {
        self.claims.as_ref()?.rate
    }

    /// What the user wants to be called.
    #[must_use]
    pub fn display(&self) -> Option<&Arc<str>> {
        self.claims.as_ref()?.display.as_ref()
    }

    /// When the name became this user's: earlier private messages were for another user.
    #[must_use]
    pub fn since(&self) -> Option<Time> {
        self.claims.as_ref().map(|claims| claims.since)
    }

    /// Whether the token allows the room; the room's policy decides besides.
    #[must_use]
    pub fn may_enter(&self, room: &RoomName) -> bool {
        self.rooms().is_none_or(|rooms| rooms.contains(room))
    }

    /// The rooms that the token is for; `None`: all of them.
    #[must_use]
    pub fn rooms(&self) -> Option<&[RoomName]> {
        self.claims.as_ref().and_then(|claims| claims.rooms.as_deref())
    }

    /// Whether the token is for every room.
    #[must_use]
    pub fn may_enter_all(&self) -> bool {
        self.claims.as_ref().is_none_or(|claims| claims.rooms.is_none())
    }

    /// The same as a refusal.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn allows(&self, room: &RoomName) -> Result<(), Refusal> {
        if self.may_enter(room) {
            return Ok(());
        }
        Err(Refusal::new(Code::Forbidden, format!("The token is not for the room {room}")))
    }
}

impl From<UserName> for Identity {
    fn from(user: UserName) -> Self {
        Self::guest(user)
    }
}
