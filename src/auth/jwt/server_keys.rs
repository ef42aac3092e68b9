//! The server's own keys: HMAC with SHA-256 (RFC 7518 §3.2) and 256 random bits each.
//!
//! Nobody else verifies what the server signs, so a key pair would gain nothing. The newest key signs; older ones are
//! valid until their last token has expired, unless they are revoked. One mutex over the keys, a leaf: it is not held while the store is
//! asked, which for unknown keys happens at most once a second, and otherwise every half minute, since a command may have revoked one. Of
//! what other servers of the store do the engine tells.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use parking_lot::Mutex;

use super::super::Claims;
use super::claims::{OwnClaims, Refused};
use super::{Audience, LEEWAY_MS, Verifier, verify};
use crate::chat::admin::KeyInfo;
use crate::chat::{StoreFailed, Time};
use crate::store::AccountStore;
use crate::store::accounts::ServerKey;

/// The issuer of our own tokens, and their audience.
const ISSUER: &str = "roomd";
/// The prefix of our key ids in tokens, so that no issuer's key is taken for one of ours.
const KID: &str = "roomd-";
/// How often the store is asked for an unknown key, at most, in milliseconds.
const ASK_EVERY_MS: u64 = 1_000;
/// How long a known key is good without asking whether it was revoked, in milliseconds.
const FRESH_MS: u64 = 30_000;

/// See the module.
pub struct ServerKeys {
    accounts: Arc<dyn AccountStore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Vec<ServerKey>,
    /// When the store was last asked.
    asked: Time,
    /// How often somebody has begun to ask the store, or has heard of a key.
    asks: u64,
    /// Which of these `keys` is from.
    from: u64,
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
        Ok(Self { accounts, state: Mutex::new(State { keys, ..State::default() }) })
    }

    /// The key that a token names, if it is one of ours.
    pub fn key(&self, header: &Header, now: Time) -> Option<ServerKey> {
        let kid = header.kid.as_deref()?.strip_prefix(KID)?;
        let find = |state: &State| state.keys.iter().find(|key| *key.kid == *kid).cloned();
        {
            let mut state = self.state.lock();
            let known = find(&state);
            let pause = if known.is_some() { FRESH_MS } else { ASK_EVERY_MS };
            if now.0.abs_diff(state.asked.0) < pause {
                return known;
            }
            state.asked = now;
        }
        // While the store cannot be read, what was known holds; an unknown key is asked for again by the next token with it.
        _ = self.ask();
        find(&self.state.lock())
    }

    /// What there is of the keys, the one that signs first.
    pub fn list(&self) -> Result<Vec<KeyInfo>, StoreFailed> {
        Ok(self.ask()?.iter().enumerate().map(|(at, key)| info(key, at == 0)).collect())
    }

    /// Makes a new key, which signs from now on, and forgets those whose tokens have all expired.
    pub fn rotate(&self, now: Time) -> Result<KeyInfo, StoreFailed> {
        let new = ServerKey::draw(now).map_err(|_| StoreFailed)?;
        self.accounts.add_key(&new)?;
        let made = info(&new, true);
        self.take_over(&made.key, Some(new));
        for old in self.ask()?.iter().filter(|key| key.kid != made.key && key.until < now) {
            self.accounts.remove_key(&old.kid)?;
            self.take_over(&old.kid, None);
        }
        Ok(made)
    }

    /// Forgets a key, and what it has signed is void; whether there was one of this id.
    pub fn revoke(&self, kid: &str) -> Result<bool, StoreFailed> {
        let was_there = self.accounts.remove_key(kid)?;
        self.take_over(kid, None);
        Ok(was_there)
    }

    /// Takes over what the store has as the key of this id; `None`: it is gone. Does not block.
    pub fn take_over(&self, kid: &str, key: Option<ServerKey>) {
        let mut state = self.state.lock();
        state.asks += 1;
        state.from = state.asks;
        state.keys.retain(|known| &*known.kid != kid);
        state.keys.extend(key);
    }

    /// Whether no key of this id is known any more. Does not block.
    pub fn is_revoked(&self, kid: &str) -> bool {
        !self.state.lock().keys.iter().any(|key| &*key.kid == kid)
    }

    /// The keys of the store, the newest first. They take the place of those that were known, unless somebody who asked later has
    /// put there what there was then: or a key that is made or revoked meanwhile would be forgotten again.
    fn ask(&self) -> Result<Vec<ServerKey>, StoreFailed> {
        let ask = {
            let mut state = self.state.lock();
            state.asks += 1;
            state.asks
        };
        let keys = self.accounts.keys()?;
        let mut state = self.state.lock();
        if state.from < ask {
            (state.from, state.keys) = (ask, keys.clone());
        }
        Ok(keys)
    }

    /// A token that the newest key signs.
    pub fn sign(&self, claims: &Claims, now: Time) -> Result<String, StoreFailed> {
        // The newest in the store, which may have been rotated by hand.
        let key = self.ask()?.into_iter().next().ok_or(StoreFailed)?;
        self.accounts.extend_key(&key.kid, claims.expires.after(std::time::Duration::from_millis(LEEWAY_MS)))?;
        sign(&key, claims, now).map_err(|error| {
            log::error!(error:%; "token not signed");
            StoreFailed
        })
    }
}

fn info(key: &ServerKey, signs: bool) -> KeyInfo {
    let until = Some(key.until).filter(|until| *until > Time(0));
    KeyInfo { key: Arc::clone(&key.kid), made: key.made, until, signs }
}

/// A token that this key signs.
pub fn sign(key: &ServerKey, claims: &Claims, now: Time) -> Result<String, jsonwebtoken::errors::Error> {
    let header = Header { kid: Some(format!("{KID}{}", key.kid)), ..Header::new(Algorithm::HS256) };
    encode(&header, &OwnClaims::of(claims, ISSUER, now), &EncodingKey::from_secret(&key.secret))
}

/// The claims of a token that names this key.
pub fn read(token: &str, header: &Header, key: &ServerKey, now: Time) -> Result<Claims, Refused> {
    let secret = &DecodingKey::from_secret(&key.secret);
    let (issuer, audience) = (Some(ISSUER), Audience::Named(ISSUER));
    let verifier = Verifier { key: secret, algorithm: Algorithm::HS256, issuer, audience };
    let claims = verify(token, header, &verifier, now)?.claims(None)?;
    Ok(Claims { key: Some(Arc::clone(&key.kid)), ..claims })
}
