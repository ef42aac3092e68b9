//! The claims of a token, and the trait that reads and signs tokens.
//!
//! Called on the engine's login worker and on connections' threads. The reason of a refusal is a fixed sentence: it contains
//! nothing of the token.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::chat::admin::KeyInfo;
use crate::chat::device::DeviceId;
use crate::chat::{RoomName, StoreFailed, Time, UserName};
use crate::store::accounts::ServerKey;

/// Reads and signs tokens.
pub trait Tokens: Send + Sync {
    /// The claims of a token that is valid at `now`. May ask the store for a new key.
    ///
    /// # Errors
    /// Why it is not valid.
    fn read(&self, token: &str, now: Time) -> Result<Claims, Invalid>;

    /// A token with these claims. Waits for the store.
    ///
    /// # Errors
    /// The key cannot be read, or its use cannot be noted.
    fn sign(&self, claims: &Claims, now: Time) -> Result<String, StoreFailed>;

    /// The claims of an ID token that is what it has to be, and valid at `now`. Does not block.
    ///
    /// # Errors
    /// Why it is not believed.
    fn read_id_token(&self, token: &str, rules: &IdTokenRules<'_>, now: Time) -> Result<IdTokenClaims, Disbelieved>;

    /// The server's own keys, the one that signs first. Waits for the store.
    ///
    /// # Errors
    /// They cannot be read.
    fn keys(&self) -> Result<Vec<KeyInfo>, StoreFailed>;

    /// Makes a new key, which signs from now on, and forgets those whose tokens have all expired. Waits for the store.
    ///
    /// # Errors
    /// The key that signed before still does.
    fn rotate(&self, now: Time) -> Result<KeyInfo, StoreFailed>;

    /// Forgets a key, so that no token that it has signed is valid any more; whether there was one of this id. Waits for the
    /// store.
    ///
    /// # Errors
    /// Nothing has changed.
    fn revoke(&self, key: &str) -> Result<bool, StoreFailed>;

    /// Takes over what the store has as the key of this id; `None`: it is gone. Does not block.
    fn take_over(&self, id: &str, key: Option<ServerKey>);

    /// Whether no key of this id is known any more. Does not block.
    fn is_revoked(&self, key: &str) -> bool;
}

/// What an ID token has to be (OpenID Connect Core 1.0 §3.1.3.7).
#[derive(Clone, Copy, Debug)]
pub struct IdTokenRules<'a> {
    /// The provider's keys: a JSON Web Key Set.
    pub keys: &'a [u8],
    /// Who has to have issued it.
    pub issuer: &'a str,
    /// Whom it has to be for.
    pub client: &'a str,
    /// Which login it has to be of.
    pub nonce: &'a str,
}

/// Why an ID token is not believed, in words for the operator, which reveal nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disbelieved {
    /// The second half of a sentence about the token.
    pub why: Cow<'static, str>,
    /// Whether newer keys may make a difference.
    pub is_key_unknown: bool,
}

/// The texts in a claim that is one, or a list of them.
#[must_use]
pub fn texts(claim: Option<&Value>) -> Vec<&str> {
    match claim {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The claims of an ID token that is believed.
pub type IdTokenClaims = Map<String, Value>;

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user that it names.
    pub user: UserName,
    /// When it expires.
    pub expires: Time,
    /// Whether the user is an administrator.
    pub admin: bool,
    /// The user's display name.
    pub display: Option<Arc<str>>,
    /// The rooms that the user may join; `None`: all.
    pub rooms: Option<Vec<RoomName>>,
    /// The device that it was issued to, of a name that was claimed; only such a token can be renewed.
    pub device: Option<DeviceId>,
    /// The issuer's own, lasting name for the user, where another claim names the user here; it stays when that
    /// claim changes hands.
    pub subject: Option<Arc<str>>,
    /// Messages a second that each connection of the user may send; `None`: as many as others.
    pub rate: Option<u32>,
    /// For which registration of the name it was issued, if for one alone: when that was.
    pub registered: Option<Time>,
    /// Which of the server's own keys has signed it; `None`: an issuer's, or it is not signed yet.
    pub key: Option<Arc<str>>,
}

impl Claims {
    /// A user and an expiry, and nothing else.
    #[must_use]
    pub fn of(user: UserName, expires: Time) -> Self {
        let (display, rooms, device, subject, key) = (None, None, None, None, None);
        Self { user, expires, admin: false, display, rooms, device, subject, rate: None, registered: None, key }
    }
}

/// Why a token is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Too long, not a token, or with claims that make no sense.
    NotUnderstood,
    /// No known key has signed it, or not with the key's own algorithm.
    NotOurs,
    /// It has another audience or another issuer.
    NotForUs,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYet,
}

impl Invalid {
    /// The reason, for people.
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
