//! The server's own keys: HMAC with SHA-256 (RFC 7518 §3.2) and 256 random bits each.
//!
//! Nobody else verifies what the server signs, so a key pair would gain nothing. The newest key signs; older ones are
//! valid until their last token has expired. One mutex over the keys, a leaf: it is not held while the store is asked,
//! which for unknown keys happens at most once a second.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use parking_lot::Mutex;

use super::super::Claims;
use super::claims::{OwnClaims, Refused};
use super::{LEEWAY_MS, Verifier, verify};
use crate::chat::{StoreFailed, Time};
use crate::store::AccountStore;
use crate::store::accounts::ServerKey;

/// The issuer of our own tokens, and their audience.
const ISSUER: &str = "roomd";
/// The prefix of our key ids in tokens, so that no issuer's key is taken for one of ours.
const KID: &str = "roomd-";
/// How often the store is asked for an unknown key, at most, in milliseconds.
const ASK_EVERY_MS: u64 = 1_000;

/// See the module.
pub struct ServerKeys {
    accounts: Arc<dyn AccountStore>,
    state: Mutex<State>,
}

struct State {
    keys: Vec<ServerKey>,
    /// When the store was last asked.
    asked: Time,
}

impl ServerKeys {
    /// The keys of the store, the first of which is created if there is none.
    pub fn open(accounts: Arc<dyn AccountStore>, now: Time) -> Result<Self, StoreFailed> {
        let mut keys = accounts.keys()?;
        if keys.is_empty() {
            let key = ServerKey::draw(now).map_err(|_| StoreFailed)?;
            accounts.add_key(&key)?;
            keys.push(key);
        }
        Ok(Self { accounts, state: Mutex::new(State { keys, asked: Time::default() }) })
    }

    /// The key that a token names, if it is one of ours.
    pub fn key(&self, header: &Header, now: Time) -> Option<ServerKey> {
        let kid = header.kid.as_deref()?.strip_prefix(KID)?;
        let find = |keys: &[ServerKey]| keys.iter().find(|key| *key.kid == *kid).cloned();
        {
            let mut state = self.state.lock();
            if let Some(key) = find(&state.keys) {
                return Some(key);
            }
            if now.0.abs_diff(state.asked.0) < ASK_EVERY_MS {
                return None;
            }
            state.asked = now;
        }
        // A key that cannot be read now is unknown; the next token with it asks again.
        let keys = self.accounts.keys().ok()?;
        let found = find(&keys);
        self.state.lock().keys = keys;
        found
    }

    /// A token that the newest key signs.
    pub fn sign(&self, claims: &Claims, now: Time) -> Result<String, StoreFailed> {
        // The newest in the store, which may have been rotated by hand.
        let keys = self.accounts.keys()?;
        let key = keys.first().cloned().ok_or(StoreFailed)?;
        self.state.lock().keys = keys;
        self.accounts.extend_key(&key.kid, claims.expires.after(std::time::Duration::from_millis(LEEWAY_MS)))?;
        sign(&key, claims, now).map_err(|error| {
            log::error!(error:%; "token not signed");
            StoreFailed
        })
    }
}

/// A token that this key signs.
pub fn sign(key: &ServerKey, claims: &Claims, now: Time) -> Result<String, jsonwebtoken::errors::Error> {
    let header = Header { kid: Some(format!("{KID}{}", key.kid)), ..Header::new(Algorithm::HS256) };
    encode(&header, &OwnClaims::of(claims, ISSUER, now), &EncodingKey::from_secret(&key.secret))
}

/// The claims of a token that names this key.
pub fn read(token: &str, header: &Header, key: &ServerKey, now: Time) -> Result<Claims, Refused> {
    let key = &DecodingKey::from_secret(&key.secret);
    let verifier = Verifier { key, algorithm: Algorithm::HS256, issuer: Some(ISSUER), audience: Some(ISSUER) };
    verify(token, header, &verifier, now)?.claims(None)
}
