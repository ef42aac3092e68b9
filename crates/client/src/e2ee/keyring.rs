//! What is remembered: the keys of rooms, and the devices of the people met there. A value.
//!
//! A room has one key that is written with, and those before it, which are read with. Of a user the
//! first device that is met is known; each further one is new until the user says otherwise, since a
//! second device and somebody else under that name look the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::device::Kept;
use super::format::{Kid, from_base64, to_base64};
use super::room_secret::{Given, Secret};

/// Keys of one room, at most; beyond it the oldest go.
const KEYS_MAX: usize = 64;
/// Devices of one user, at most; a further one stays new.
const DEVICES_MAX: usize = 32;

/// How a device is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Another device of this user was met before.
    New,
    /// It is the first that was met.
    Known,
    /// Its number was compared, or it is this one.
    Verified,
}

/// What became of a key that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is written with now.
    Now,
    /// It was the one already.
    Same,
    /// It is one that was replaced, and is not taken.
    Older,
    /// The room has another, and it is not taken.
    Other,
}

/// All of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ring {
    /// This device's own keys.
    pub device: Kept,
    rooms: BTreeMap<String, RoomKeys>,
    users: BTreeMap<String, Vec<Known>>,
}

/// The keys of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomKeys {
    /// The one that is written with.
    pub current: Kid,
    /// All of them, in the order in which they came.
    keys: Vec<Held>,
    /// The successor that this device does not have.
    pub superseded_by: Option<Kid>,
    /// The key under which this device made itself known.
    announced: Option<Kid>,
}

/// A key of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Its name.
    pub kid: Kid,
    secret: Secret,
    /// The number of the message that replaced it.
    pub until: Option<u64>,
}

/// Somebody's device: its public keys in base64.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    id: String,
    key: String,
    agreement: Option<String>,
    trust: Trust,
}

impl Held {
    /// Its secret.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl RoomKeys {
    /// The key that is written with.
    pub fn current(&self) -> Option<&Held> {
        self.keys.iter().find(|held| held.kid == self.current)
    }
}

impl Ring {
    /// A device that has met nobody.
    pub fn new(device: Kept) -> Self {
        Self { device, rooms: BTreeMap::new(), users: BTreeMap::new() }
    }

    /// The keys of a room.
    pub fn room(&self, room: &str) -> Option<&RoomKeys> {
        self.rooms.get(room)
    }

    /// See [`super::Encryption::give`].
    pub fn give(&mut self, room: &str, given: &Given, replace: bool) -> Taken {
        let before = self.rooms.get(room);
        for held in before.iter().flat_map(|keys| &keys.keys) {
            if held.secret != given.secret {
                continue;
            }
            let current = before.is_some_and(|keys| keys.current == held.kid && keys.superseded_by.is_none());
            if current {
                return Taken::Same;
            }
            if !replace {
                return Taken::Older;
            }
        }
        let expected = before.and_then(|keys| keys.superseded_by.as_ref());
        let next = match (expected, before) {
            (Some(kid), _) => kid.epoch,
            (None, Some(keys)) => keys.current.epoch.saturating_add(1),
            (None, None) => 1,
        };
        let kid = given.secret.kid(room, given.epoch.unwrap_or(next));
        if before.is_some() && expected != Some(&kid) && !replace {
            return Taken::Other;
        }
        self.write_with(room, Held { kid, secret: given.secret.clone(), until: None });
        Taken::Now
    }

    /// Takes the key that replaces another, if the other is still the one written with. Without a
    /// right secret the room is only known to have it. `until` is the message that says so.
    pub fn replace(&mut self, room: &str, from: &Kid, kid: &Kid, secret: Option<Secret>, until: u64) {
        let Some(keys) = self.rooms.get_mut(room) else { return };
        if keys.current != *from || keys.superseded_by.is_some() {
            return;
        }
        keys.keys.iter_mut().filter(|held| held.kid == *from).for_each(|held| held.until = Some(until));
        match secret.filter(|secret| secret.kid(room, kid.epoch) == *kid) {
            Some(secret) => self.write_with(room, Held { kid: kid.clone(), secret, until: None }),
            None => keys.superseded_by = Some(kid.clone()),
        }
    }

    fn write_with(&mut self, room: &str, held: Held) {
        let current = held.kid.clone();
        let mut old = self.rooms.remove(room).map(|keys| keys.keys).unwrap_or_default();
        old.retain(|other| other.kid != held.kid);
        old.push(held);
        let keys = old.split_off(old.len().saturating_sub(KEYS_MAX));
        self.rooms.insert(room.to_owned(), RoomKeys { current, keys, superseded_by: None, announced: None });
    }

    /// The room's key that a message names, whatever epoch its sender counts.
    pub fn find(&self, room: &str, kid: &Kid) -> Option<&Held> {
        let keys = &self.rooms.get(room)?.keys;
        let named = keys.iter().find(|held| held.kid == *kid);
        named.or_else(|| keys.iter().find(|held| held.secret.kid(room, kid.epoch) == *kid))
    }

    /// Whether this device has yet to make itself known under the room's key; from now on it has.
    pub fn announce(&mut self, room: &str) -> bool {
        let Some(keys) = self.rooms.get_mut(room) else { return false };
        let current = Some(keys.current.clone());
        std::mem::replace(&mut keys.announced, current.clone()) != current
    }

    /// A device has shown itself under this name, with a signature; how it is trusted.
    pub fn meet(&mut self, user: &str, id: &str, key: &[u8], agreement: Option<Vec<u8>>) -> Trust {
        let devices = self.users.entry(user.to_owned()).or_default();
        let agreement = agreement.map(|key| to_base64(&key));
        if let Some(known) = devices.iter_mut().find(|known| known.id == id) {
            known.agreement = agreement.or(known.agreement.take());
            return known.trust;
        }
        let trust = if devices.is_empty() { Trust::Known } else { Trust::New };
        if devices.len() < DEVICES_MAX {
            devices.push(Known { id: id.to_owned(), key: to_base64(key), agreement, trust });
        }
        trust
    }

    /// Whether meeting this device would tell nothing new; then how it is trusted.
    pub fn knows(&self, user: &str, id: &str, agreement: bool) -> Option<Trust> {
        let known = self.users.get(user)?.iter().find(|known| known.id == id)?;
        (known.agreement.is_some() || !agreement).then_some(known.trust)
    }

    /// The public signing keys of a user's devices, and how they are trusted.
    pub fn devices(&self, user: &str) -> impl Iterator<Item = (Option<Vec<u8>>, Trust)> {
        self.users.get(user).into_iter().flatten().map(|known| (from_base64(&known.key), known.trust))
    }

    /// Trusts the devices of a user whose key fits; false if none does.
    pub fn verify(&mut self, user: &str, fits: impl Fn(&[u8]) -> bool) -> bool {
        let devices = self.users.get_mut(user).into_iter().flatten();
        let fitting = devices.filter(|known| from_base64(&known.key).is_some_and(|key| fits(&key)));
        fitting.map(|known| known.trust = Trust::Verified).count() > 0
    }
}
