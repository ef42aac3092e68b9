//! End-to-end encryption of rooms, as the terminal client has it; `docs/encryption.md` is the format.
//!
//! The same as the page's `e2ee.js`, checked against the same known answers
//! (`tests/page/e2ee_vectors.json`): `format.rs` has the bytes, `room_secret.rs` the keys of rooms,
//! `device.rs` those of devices, `keyring.rs` what is remembered and `key_store.rs` where. Called on the
//! thread of whoever talks. Nothing here knows of a server; it blocks on the keyring's file alone.

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

pub use format::{Cipher, Place, Unreadable};
use format::{Kid, signed_data};
pub use key_store::Keyring;
use keyring::{Ring, RoomKeys};
pub use keyring::{Taken, Trust};
pub use room_secret::{Given, PASSPHRASE_MIN};

/// Marks of messages that are remembered, to notice a repetition; beyond it none is noticed any more.
const SEEN_MAX: usize = 100_000;

/// What becomes of messages between the screen and the server.
pub struct Encryption {
    keyring: Keyring,
    /// By room, user and mark: the number under which a message was shown.
    seen: HashMap<[String; 3], u64>,
}

/// Whether messages to a room are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no key: they are not.
    Plain,
    /// They are.
    Ready,
    /// They would be, but the key was replaced by one that did not reach this device.
    Superseded,
}

/// A message that was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// What it says; `None` when it is not for people.
    pub text: Option<String>,
    /// How its device is trusted.
    pub trust: Trust,
    /// Its device.
    pub device: String,
    /// It was written with a key after that was replaced.
    pub late: bool,
    /// It replaces the room's key; whether this device has the new one and writes with it.
    pub rekey: Option<bool>,
}

/// What a message holds inside.
#[derive(Deserialize)]
struct Body {
    text: Option<String>,
    device: Option<Announced>,
    rekey: Option<device::Rekey>,
}

#[derive(Deserialize)]
struct Announced {
    agreement: String,
}

impl Encryption {
    /// With what a keyring holds.
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        Self { keyring, seen: HashMap::new() }
    }

    /// Takes a key that the user gives. Another one than the room has is taken only if `replace`
    /// says so: whoever can make somebody write with their own key can read along.
    ///
    /// # Errors
    /// The keyring cannot be written.
    pub fn give(&mut self, room: &str, given: &Given, replace: bool) -> io::Result<Taken> {
        self.keyring.change(|ring| ring.give(room, given, replace))
    }

    /// Whether messages to a room are encrypted.
    #[must_use]
    pub fn standing(&self, room: &str) -> Standing {
        match self.keyring.ring().room(room) {
            None => Standing::Plain,
            Some(RoomKeys { superseded_by: Some(_), .. }) => Standing::Superseded,
            Some(_) => Standing::Ready,
        }
    }

    /// Encrypts a text. `None` when the room has no key to write with.
    #[must_use]
    pub fn seal(&self, place: Place<'_>, text: &str) -> Option<Cipher> {
        self.seal_body(place, &json!({"text": text}))
    }

    /// Makes this device known to the room, so that it can be given a new key: a message without text.
    /// `None` when that was done already, or the room has no key.
    ///
    /// # Errors
    /// The keyring cannot be written.
    pub fn announce(&mut self, place: Place<'_>) -> io::Result<Option<Cipher>> {
        if !self.keyring.change(|ring| ring.announce(place.room))? {
            return Ok(None);
        }
        let agreement = format::to_base64(&self.keyring.device().agreement_public());
        Ok(self.seal_body(place, &json!({"device": {"agreement": agreement}})))
    }

    /// Opens a message that stands under this number. Messages of a room are opened in their order, so
    /// that a new key is there for what comes after it.
    ///
    /// # Errors
    /// Why it cannot be read; the keyring's own failures are none: what it cannot keep it forgets.
    pub fn open(&mut self, place: Place<'_>, seq: u64, cipher: &Value) -> Result<Opened, Unreadable> {
        let cipher = Cipher::parse(cipher)?;
        let held = self.keyring.ring().find(place.room, &cipher.kid).ok_or(Unreadable::NoKey)?;
        let until = held.until;
        let (held_kid, key) = (held.kid.clone(), held.secret().sender_key(place.room, cipher.kid.epoch, place.user));
        let kid = cipher.kid.clone();
        let plain = cipher.open(place, &key)?;
        let inside = plain.inside();
        device::verify(inside.key, inside.signature, &signed_data(place, &kid, inside.key, inside.body))?;
        self.notice(place, seq)?;
        let body: Body = serde_json::from_slice(inside.body).map_err(|_| Unreadable::Damaged)?;
        let id = device::id(inside.key);
        let agreement = body.device.and_then(|announced| format::from_base64(&announced.agreement));
        let own = id == self.keyring.device().id();
        let trust = if own { Trust::Verified } else { self.meet(place.user, &id, inside.key, agreement) };
        let rekey = body.rekey.map(|rekey| self.rekey(place, seq, (&kid, &held_kid), trust, &rekey));
        let late = until.is_some_and(|until| seq > until);
        Ok(Opened { text: body.text, trust, device: id, late, rekey })
    }

    /// The devices of a user, each with the number to compare and how it is trusted. `me` is the
    /// reader's name.
    #[must_use]
    pub fn safety_numbers(&self, me: &str, user: &str) -> Vec<(String, Trust)> {
        let own = self.keyring.device().signing_public();
        let devices = self.keyring.ring().devices(user);
        devices.filter_map(|(key, trust)| Some((device::safety_number((me, &own), (user, &key?)), trust))).collect()
    }

    /// The device whose number was compared is trusted from now on; false if there is none.
    ///
    /// # Errors
    /// The keyring cannot be written.
    pub fn verified(&mut self, me: &str, user: &str, number: &str) -> io::Result<bool> {
        let own = self.keyring.device().signing_public();
        let fits = |key: &[u8]| device::safety_number((me, &own), (user, key)) == number;
        self.keyring.change(|ring| ring.verify(user, fits))
    }

    fn seal_body(&self, place: Place<'_>, body: &Value) -> Option<Cipher> {
        let keys = self.keyring.ring().room(place.room).filter(|keys| keys.superseded_by.is_none())?;
        let held = keys.current()?;
        let device = self.keyring.device();
        let body = format::print_body(body);
        let signature = device.sign(&signed_data(place, &held.kid, &device.signing_public(), &body));
        let key = held.secret().sender_key(place.room, held.kid.epoch, place.user);
        Some(Cipher::seal(place, &held.kid, &key, (&device.signing_public(), &signature, &body)))
    }

    /// A new key counts if it follows on the one that is written with here, and comes from a device
    /// that was not met under somebody's name just now.
    fn rekey(
        &mut self,
        place: Place<'_>,
        seq: u64,
        (sealed, held): (&Kid, &Kid),
        trust: Trust,
        rekey: &device::Rekey,
    ) -> bool {
        let Some(next) = Kid::parse(&rekey.kid).filter(|next| next.epoch == sealed.epoch + 1) else { return false };
        if trust != Trust::New {
            let secret = self.keyring.device().unwrap(place.room, rekey);
            let change = |ring: &mut Ring| ring.replace(place.room, held, &next, secret, seq);
            // Without a file the new key lives as long as the program.
            _ = self.keyring.change(change);
        }
        self.keyring.ring().room(place.room).is_some_and(|keys| keys.current == next)
    }

    fn meet(&mut self, user: &str, id: &str, key: &[u8], agreement: Option<Vec<u8>>) -> Trust {
        if let Some(trust) = self.keyring.ring().knows(user, id, agreement.is_some()) {
            return trust;
        }
        // One that cannot be kept is met for the first time again.
        self.keyring.change(|ring| ring.meet(user, id, key, agreement)).unwrap_or(Trust::New)
    }

    /// The same message under another number was shown again by the server, not written again.
    fn notice(&mut self, place: Place<'_>, seq: u64) -> Result<(), Unreadable> {
        if place.edit || self.seen.len() >= SEEN_MAX {
            return Ok(());
        }
        let name = [place.room, place.user, place.mid].map(str::to_owned);
        let first = *self.seen.entry(name).or_insert(seq);
        if first == seq { Ok(()) } else { Err(Unreadable::Repeated) }
    }
}
