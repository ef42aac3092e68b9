//! Who somebody is, and how much a name of theirs is worth.
//!
//! Made where somebody comes in (a guest, or whoever a token names), held by the session, and told
//! to each room with whatever its user does. A name that is registered is only ever used by whom it
//! belongs to: a room may take an [`Identity`] for granted.

use std::sync::Arc;

use super::refusal::{Code, Refusal};
use super::time::Time;
use roomd_protocol::{RoomName, UserName};

/// How much a name is worth; each is more than those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthLevel {
    /// Whoever uses the name today.
    #[default]
    Guest,
    /// The one to whom the name belongs.
    Registered,
    /// One who may do everything, everywhere on this server.
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

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub user: UserName,
    /// What it is worth.
    pub auth_level: AuthLevel,
    /// What a token says beside that; a guest has none, nor has a program in this process.
    pub claims: Option<Arc<TokenClaims>>,
}

/// What a token says beside a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// Since when the name belongs to its user.
    pub since: Time,
    /// When the token ends.
    pub expires: Time,
    /// What the user wants to be called, for people to read; at most [`DISPLAY_BYTES_MAX`](roomd_protocol::DISPLAY_BYTES_MAX) bytes.
    pub display: Option<Arc<str>>,
    /// The rooms that may be entered; `None` is all.
    pub rooms: Option<Vec<RoomName>>,
    /// Whether the one who claimed the name may have another token before this one ends.
    pub renewable: bool,
}

impl Identity {
    /// One who uses a name without owning it.
    #[must_use]
    pub fn guest(user: UserName) -> Self {
        Self { user, auth_level: AuthLevel::Guest, claims: None }
    }

    /// Whether the name is only used, and not owned.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.auth_level == AuthLevel::Guest
    }

    /// When it has to be shown anew.
    #[must_use]
    pub fn expires(&self) -> Option<Time> {
        self.claims.as_ref().map(|claims| claims.expires)
    }

    /// What the user wants to be called.
    #[must_use]
    pub fn display(&self) -> Option<&Arc<str>> {
        self.claims.as_ref()?.display.as_ref()
    }

    /// Since when what is said to this name is said to this user.
    #[must_use]
    pub fn since(&self) -> Option<Time> {
        self.claims.as_ref().map(|claims| claims.since)
    }

    /// Whether the token allows the room. What the room says to it is another question.
    #[must_use]
    pub fn may_enter(&self, room: &RoomName) -> bool {
        let rooms = self.claims.as_ref().and_then(|claims| claims.rooms.as_ref());
        rooms.is_none_or(|rooms| rooms.contains(room))
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
