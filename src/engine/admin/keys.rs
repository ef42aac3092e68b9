//! The keys that sign the server's tokens: listing them, making another one, and revoking one.
//!
//! Blocks on the store. A key is gone first, and then its connections are looked for; a connection enters the directory first, and looks
//! then whether its key is gone (`Auth::is_signed_in`): so of two at the same moment one sees the other. Where servers share a store, each
//! hears of the keys of the others (`rooms/subscriber.rs`) and does the same.

use super::bans::unavailable;
use super::check;
use crate::auth::Tokens;
use crate::chat::admin::{KeyInfo, ServerActionKind};
use crate::chat::{Code, End, Identity, Refusal};
use crate::engine::Engine;
use crate::store::accounts::ServerKey;

impl Engine {
    /// The keys, the one that signs first. Waits for the store.
    ///
    /// # Errors
    /// Who asks is no admin, or they cannot be read now.
    pub fn keys(&self, who: &Identity) -> Result<Vec<KeyInfo>, Refusal> {
        check(who)?;
        self.tokens()?.keys().map_err(|_| unavailable())
    }

    /// Makes a new key, which signs from now on; the old ones are good until their last token expires. Waits for the store.
    ///
    /// # Errors
    /// Who asks is no admin, or it is not stored.
    pub fn rotate_keys(&self, who: &Identity) -> Result<KeyInfo, Refusal> {
        check(who)?;
        let tokens = self.tokens()?;
        let signing = tokens.keys().map_err(|_| unavailable())?.into_iter().find(|key| key.signs);
        self.record(who, ServerActionKind::KeyRotated, signing.as_ref().map_or("none", |key| &*key.key))?;
        let key = tokens.rotate(self.clock.now().at).map_err(|_| unavailable())?;
        log::info!(key = &*key.key, by = who.user.as_str(); "another key signs the server's tokens");
        Ok(key)
    }

    /// Revokes a key that signs no longer: what it has signed is void, and the connections that came with it end. Waits for the store,
    /// and for the rooms of sessions that are detached.
    ///
    /// # Errors
    /// Who asks is no admin, there is no such key, it is the one that signs, or nothing is stored.
    pub fn revoke_key(&self, who: &Identity, key: &str) -> Result<(), Refusal> {
        check(who)?;
        let tokens = self.tokens()?;
        let known = tokens.keys().map_err(|_| unavailable())?;
        match known.iter().find(|known| &*known.key == key) {
            None => return Err(no_such(key)),
            Some(known) if known.signs => {
                return Err(Refusal::new(Code::Conflict, "This key signs: make another one first"));
            }
            Some(_) => {}
        }
        self.record(who, ServerActionKind::KeyRevoked, key)?;
        if !tokens.revoke(key).map_err(|_| unavailable())? {
            return Err(no_such(key));
        }
        log::info!(key, by = who.user.as_str(); "a key of the server's tokens is revoked");
        self.end_signed_by(key);
        Ok(())
    }

    /// Takes over a key that another server has made, or a command; `None`: one that was revoked.
    pub(in crate::engine) fn key_changed(&self, id: &str, key: Option<ServerKey>) {
        let Some(tokens) = self.auth.tokens() else { return };
        let is_gone = key.is_none();
        tokens.take_over(id, key);
        if is_gone {
            self.end_signed_by(id);
        }
    }

    /// Ends the connections that came with a token of this key. Blocks on the rooms of sessions that are detached.
    fn end_signed_by(&self, key: &str) {
        let mut connections = self.directory.all();
        connections.retain(|connection| connection.who.key() == Some(key));
        self.end_all(&connections, End::SignedOut);
    }

    fn tokens(&self) -> Result<&dyn Tokens, Refusal> {
        self.auth.tokens().ok_or_else(|| Refusal::new(Code::NotFound, "There are no tokens on this server"))
    }
}

fn no_such(key: &str) -> Refusal {
    Refusal::new(Code::NotFound, format!("There is no key {key}"))
}
