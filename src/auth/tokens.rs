//! What a token says, and whoever can read and sign one.
//!
//! A token is read on the thread of the connection that shows it. Why one is refused is told in few
//! words, which hold nothing of the token.

use std::sync::Arc;

use crate::chat::{RoomName, StoreFailed, Time, UserName};

/// Reads and signs tokens.
pub trait Tokens: Send + Sync {
    /// What a token says that is good at `now`. May ask the store for a key that is new.
    ///
    /// # Errors
    /// Why it is not good.
    fn read(&self, token: &str, now: Time) -> Result<Claims, Invalid>;

    /// A token that says this. Waits for the store.
    ///
    /// # Errors
    /// The key cannot be had, or its use cannot be noted.
    fn sign(&self, claims: &Claims, now: Time) -> Result<String, StoreFailed>;
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whom it names.
    pub user: UserName,
    /// When it ends.
    pub expires: Time,
    /// Whether that is an administrator.
    pub admin: bool,
    /// What the user wants to be called, for people to read.
    pub display: Option<Arc<str>>,
    /// The rooms that may be entered; `None` is all.
    pub rooms: Option<Vec<RoomName>>,
    /// Whether it was given for a claim, and another may follow it.
    pub renewable: bool,
}

impl Claims {
    /// A name, and nothing else.
    #[must_use]
    pub fn of(user: UserName, expires: Time) -> Self {
        Self { user, expires, admin: false, display: None, rooms: None, renewable: false }
    }
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Too long to be one of ours, not a token, or a token that says what makes no sense.
    NotUnderstood,
    /// No key of ours has signed it, or not in the way that the key is for.
    NotOurs,
    /// It is for somebody else: another audience, another issuer.
    NotForUs,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
}

impl Invalid {
    /// For people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotUnderstood => "The token is not understood",
            Self::NotOurs => "The token is signed by nobody who is known here",
            Self::NotForUs => "The token is not for this server",
            Self::Expired => "The token has expired",
            Self::NotYet => "The token is not valid yet",
        }
    }
}
