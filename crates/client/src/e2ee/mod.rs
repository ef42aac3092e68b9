//! End-to-end encryption of rooms; `docs/encryption.md` describes the format and what it protects.
//!
//! Compatible with the page's `e2ee.js`, and checked against the same test vectors
//! (`tests/page/e2ee_vectors.json`): `format.rs` has the bytes, `room_secret.rs` the keys of rooms,
//! `device.rs` those of devices, `keyring.rs` the known keys and devices, and `key_store.rs` their file.
//! Called on the thread of the program. It knows nothing of a server, and blocks only on that file.

mod device;
mod format;
mod key_store;
mod keyring;
mod room_secret;
#[cfg(test)]
mod vectors;

use std::collections::HashMap;
use std::io;

use serde::Deserialize;
use serde_json::{Value, json};

pub use format::{Ciphertext, DecryptError, MessageContext};
use format::{Kid, SignedBody, signature_input};
pub use key_store::KeyStore;
pub use keyring::{DeviceTrust, ImportOutcome};
use keyring::{Keyring, RoomKeys};
pub use room_secret::{ImportedKey, PASSPHRASE_MIN};

/// Message ids that are remembered to detect replays; beyond it no further replay is detected.
const SEEN_MAX: usize = 100_000;

/// Encrypts and decrypts the messages of one user.
pub struct Encryption {
    key_store: KeyStore,
    /// By room, user and message id: the number under which a message was decrypted first.
    seen: HashMap<[String; 3], u64>,
}

/// Whether messages to a room are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionState {
    /// They are not: the room has no key.
    Off,
    /// They are.
    On,
    /// Nothing can be sent: the key was replaced, and this device does not have the new one.
    KeyReplaced,
}

/// A message that was decrypted, and whose signature is valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Decrypted {
    /// The text; `None` for a message that only devices need.
    pub text: Option<String>,
    /// How far the device that wrote it is trusted.
    pub trust: DeviceTrust,
    /// The id of that device.
    pub device: String,
    /// Whether it was written with a key that had been replaced.
    pub late: bool,
    /// For a message that replaces the room's key: whether this device writes with the new one.
    pub rekey: Option<bool>,
}

/// The plaintext of a message. Unknown members are ignored.
#[derive(Deserialize)]
struct Body {
    text: Option<String>,
    device: Option<DeviceAnnouncement>,
    rekey: Option<device::Rekey>,
}

#[derive(Deserialize)]
struct DeviceAnnouncement {
    agreement: String,
}

impl Encryption {
    /// Uses the keys and devices of this store.
    #[must_use]
    pub fn new(key_store: KeyStore) -> Self {
        Self { key_store, seen: HashMap::new() }
    }

    /// Adopts a key that the user provides. If the room has another key it is adopted only with `replace`:
    /// whoever can make somebody write with a key of theirs can read the messages. Blocks on the key store.
    ///
    /// # Errors
    /// The key store cannot be written.
    pub fn import_key(&mut self, room: &str, given: &ImportedKey, replace: bool) -> io::Result<ImportOutcome> {
        self.key_store.change(|keyring| keyring.import_key(room, given, replace))
    }

    /// Whether messages to a room are encrypted.
    #[must_use]
    pub fn state(&self, room: &str) -> EncryptionState {
        match self.key_store.keyring().room(room) {
            None => EncryptionState::Off,
            Some(RoomKeys { superseded_by: Some(_), .. }) => EncryptionState::KeyReplaced,
            Some(_) => EncryptionState::On,
        }
    }

    /// Encrypts and signs a text (UTF-8) as a message of this context. `None` if the room has no key to write with.
    #[must_use]
    pub fn encrypt(&self, context: MessageContext<'_>, text: &str) -> Option<Ciphertext> {
        self.encrypt_body(context, &json!({"text": text}))
    }

    /// The message that announces this device to the room, so that it can be sent a new key. `None` if it was
    /// announced already, or the room has no key. Blocks on the key store.
    ///
    /// # Errors
    /// The key store cannot be written.
    pub fn announce(&mut self, context: MessageContext<'_>) -> io::Result<Option<Ciphertext>> {
        if !self.key_store.change(|keyring| keyring.announce(context.room))? {
            return Ok(None);
        }
        let agreement = format::to_base64(&self.key_store.device().agreement_public());
        Ok(self.encrypt_body(context, &json!({"device": {"agreement": agreement}})))
    }

    /// Decrypts the `cipher` of a message with this number, and verifies its signature. Messages of a room have
    /// to be decrypted in their order, so that a new key is known before it is used. Blocks on the key
    /// store when the message brings a new device or key.
    ///
    /// # Errors
    /// Why it cannot be read. A key store that cannot be written is no error here: what it cannot keep is
    /// forgotten.
    pub fn decrypt(
        &mut self,
        context: MessageContext<'_>,
        seq: u64,
        cipher: &Value,
    ) -> Result<Decrypted, DecryptError> {
        let cipher = Ciphertext::parse(cipher)?;
        let held = self.key_store.keyring().find(context.room, &cipher.kid).ok_or(DecryptError::NoKey)?;
        let until = held.until;
        let (held_kid, key) =
            (held.kid.clone(), held.secret().sender_key(context.room, cipher.kid.epoch, context.user));
        let kid = cipher.kid.clone();
        let plain = cipher.decrypt(context, &key)?;
        let signed = plain.signed_body();
        device::verify(signed.key, signed.signature, &signature_input(context, &kid, signed.key, signed.body))?;
        self.check_replay(context, seq)?;
        let body: Body = serde_json::from_slice(signed.body).map_err(|_| DecryptError::Damaged)?;
        let id = device::id(signed.key);
        let agreement = body.device.and_then(|announced| format::from_base64(&announced.agreement));
        let own = id == self.key_store.device().id();
        let trust =
            if own { DeviceTrust::Verified } else { self.record_device(context.user, &id, signed.key, agreement) };
        let rekey = body.rekey.map(|rekey| {
            // A new key counts if it follows the one of its message, from a device that is not new.
            let Some(next) = Kid::parse(&rekey.kid).filter(|next| next.epoch == kid.epoch + 1) else { return false };
            if trust != DeviceTrust::New {
                self.adopt(context.room, &held_kid, &next, &rekey, seq);
            }
            self.key_store.keyring().room(context.room).is_some_and(|keys| keys.current == next)
        });
        let late = until.is_some_and(|until| seq > until);
        Ok(Decrypted { text: body.text, trust, device: id, late, rekey })
    }

    /// The safety number and the trust of each known device of `user`; `me` is the name of this one's. A
    /// number is 60 digits in groups of five.
    #[must_use]
    pub fn safety_numbers(&self, me: &str, user: &str) -> Vec<(String, DeviceTrust)> {
        let own = self.key_store.device().signing_public();
        let devices = self.key_store.keyring().devices(user);
        devices.filter_map(|(key, trust)| Some((device::safety_number((me, &own), (user, &key?)), trust))).collect()
    }

    /// Marks the device of `user` with this safety number as verified; false if there is none. Blocks on the
    /// key store.
    ///
    /// # Errors
    /// The key store cannot be written.
    pub fn mark_verified(&mut self, me: &str, user: &str, number: &str) -> io::Result<bool> {
        let own = self.key_store.device().signing_public();
        let fits = |key: &[u8]| device::safety_number((me, &own), (user, key)) == number;
        self.key_store.change(|keyring| keyring.verify(user, fits))
    }

    fn encrypt_body(&self, context: MessageContext<'_>, body: &Value) -> Option<Ciphertext> {
        let keys = self.key_store.keyring().room(context.room).filter(|keys| keys.superseded_by.is_none())?;
        let held = keys.current()?;
        let device = self.key_store.device();
        let body = format::pad_body(body);
        let signature = device.sign(&signature_input(context, &held.kid, &device.signing_public(), &body));
        let key = held.secret().sender_key(context.room, held.kid.epoch, context.user);
        let signed = SignedBody { key: &device.signing_public(), signature: &signature, body: &body };
        Some(Ciphertext::encrypt(context, &held.kid, &key, signed))
    }

    /// Replaces the current key of a room, if it is still `from`, by the key that the message `seq` brings.
    fn adopt(&mut self, room: &str, from: &Kid, next: &Kid, rekey: &device::Rekey, seq: u64) {
        let secret = self.key_store.device().unwrap_secret(room, rekey);
        // If it cannot be written, the key is adopted again with the next program.
        _ = self.key_store.change(|keyring: &mut Keyring| keyring.replace(room, from, next, secret, seq));
    }

    fn record_device(&mut self, user: &str, id: &str, key: &[u8], agreement: Option<Vec<u8>>) -> DeviceTrust {
        if let Some(trust) = self.key_store.keyring().known_trust(user, id, agreement.is_some()) {
            return trust;
        }
        // A device that cannot be recorded is new again the next time.
        self.key_store.change(|keyring| keyring.record_device(user, id, key, agreement)).unwrap_or(DeviceTrust::New)
    }

    /// The same message id under another number: the server replays a message, its author did not repeat it.
    fn check_replay(&mut self, context: MessageContext<'_>, seq: u64) -> Result<(), DecryptError> {
        if context.edit || self.seen.len() >= SEEN_MAX {
            return Ok(());
        }
        let name = [context.room, context.user, context.mid].map(str::to_owned);
        let first = *self.seen.entry(name).or_insert(seq);
        if first == seq { Ok(()) } else { Err(DecryptError::Replayed) }
    }
}
