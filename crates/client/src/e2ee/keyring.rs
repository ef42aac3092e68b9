//! The known keys of rooms, and the known devices of users. A value.
//!
//! A room has one current key, which encrypts, and older ones, which only decrypt. The first device that
//! is seen under a name is known; each further one is new until it is verified, because a second device
//! of the user and an impostor look the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::device::DeviceKeys;
use super::format::{EPOCH_MAX, Kid, from_base64, to_base64};
use super::room_secret::{ImportedKey, RoomSecret};

/// Keys of one room, at most; beyond it the oldest are dropped.
const KEYS_MAX: usize = 64;
/// Devices of one user, at most; a further one is not recorded, and stays new.
const DEVICES_MAX: usize = 32;

/// How far a device is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceTrust {
    /// Another device of this user was seen before.
    New,
    /// It is the first device of this user that was seen.
    Known,
    /// Its safety number was compared, or it is this device.
    Verified,
}

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The key is the current one now.
    Adopted,
    /// The key was the current one already.
    Unchanged,
    /// The key was replaced before, and is not adopted.
    Superseded,
    /// The room has another key, and this one is not adopted.
    Conflict,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keyring {
    /// The private keys of this device.
    pub device: DeviceKeys,
    rooms: BTreeMap<String, RoomKeys>,
    users: BTreeMap<String, Vec<KnownDevice>>,
}

/// The keys of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomKeys {
    /// The id of the current key.
    pub current: Kid,
    /// The current key and the older ones, in the order of their adoption.
    keys: Vec<RoomKey>,
    /// The successor of the current key, if this device does not have it.
    pub superseded_by: Option<Kid>,
    /// The key with which this device was last announced.
    announced: Option<Kid>,
}

/// A key of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomKey {
    /// The id of the key.
    pub kid: Kid,
    secret: RoomSecret,
    /// The number of the message that replaced it.
    pub until: Option<u64>,
}

/// A device of some user: its public keys in base64url.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KnownDevice {
    id: String,
    key: String,
    agreement: Option<String>,
    trust: DeviceTrust,
}

impl RoomKey {
    /// The room secret that the key is.
    pub fn secret(&self) -> &RoomSecret {
        &self.secret
    }
}

impl RoomKeys {
    /// The current key.
    pub fn current(&self) -> Option<&RoomKey> {
        self.keys.iter().find(|held| held.kid == self.current)
    }
}

impl Keyring {
    /// The keyring of a new device: no rooms, no users.
    pub fn new(device: DeviceKeys) -> Self {
        Self { device, rooms: BTreeMap::new(), users: BTreeMap::new() }
    }

    /// The keys of a room.
    pub fn room(&self, room: &str) -> Option<&RoomKeys> {
        self.rooms.get(room)
    }

    /// See [`super::Encryption::give`].
    pub fn import_key(&mut self, room: &str, given: &ImportedKey, replace: bool) -> ImportOutcome {
        let before = self.rooms.get(room);
        for held in before.iter().flat_map(|keys| &keys.keys) {
            if held.secret != given.secret {
                continue;
            }
            let current = before.is_some_and(|keys| keys.current == held.kid && keys.superseded_by.is_none());
            if current {
                return ImportOutcome::Unchanged;
            }
            if !replace {
                return ImportOutcome::Superseded;
            }
        }
        let expected = before.and_then(|keys| keys.superseded_by.as_ref());
        let next = match (expected, before) {
            (Some(kid), _) => kid.epoch,
            (None, Some(keys)) => keys.current.epoch.saturating_add(1).min(EPOCH_MAX),
            (None, None) => 1,
        };
        let kid = given.secret.kid(room, given.epoch.unwrap_or(next));
        if before.is_some() && expected != Some(&kid) && !replace {
            return ImportOutcome::Conflict;
        }
        self.set_current(room, RoomKey { kid, secret: given.secret.clone(), until: None });
        ImportOutcome::Adopted
    }

    /// Makes `kid` the current key, if `from` still is. Without the right secret the room is only marked as
    /// having a successor. `until` is the number of the message that replaces the key.
    pub fn replace(&mut self, room: &str, from: &Kid, kid: &Kid, secret: Option<RoomSecret>, until: u64) {
        let Some(keys) = self.rooms.get_mut(room) else { return };
        if keys.current != *from || keys.superseded_by.is_some() {
            return;
        }
        keys.keys.iter_mut().filter(|held| held.kid == *from).for_each(|held| held.until = Some(until));
        match secret.filter(|secret| secret.kid(room, kid.epoch) == *kid) {
            Some(secret) => self.set_current(room, RoomKey { kid: kid.clone(), secret, until: None }),
            None => keys.superseded_by = Some(kid.clone()),
        }
    }

    fn set_current(&mut self, room: &str, held: RoomKey) {
        let current = held.kid.clone();
        let mut old = self.rooms.remove(room).map(|keys| keys.keys).unwrap_or_default();
        old.retain(|other| other.kid != held.kid);
        old.push(held);
        let keys = old.split_off(old.len().saturating_sub(KEYS_MAX));
        self.rooms.insert(room.to_owned(), RoomKeys { current, keys, superseded_by: None, announced: None });
    }

    /// The room's key that a message names, whatever epoch its author counts.
    pub fn find(&self, room: &str, kid: &Kid) -> Option<&RoomKey> {
        let keys = &self.rooms.get(room)?.keys;
        let named = keys.iter().find(|held| held.kid == *kid);
        named.or_else(|| keys.iter().find(|held| held.secret.kid(room, kid.epoch) == *kid))
    }

    /// Whether this device has not been announced with the current key yet; marks it as announced.
    pub fn announce(&mut self, room: &str) -> bool {
        let Some(keys) = self.rooms.get_mut(room) else { return false };
        let current = Some(keys.current.clone());
        std::mem::replace(&mut keys.announced, current.clone()) != current
    }

    /// Records a device that has signed a message under this name; returns how far it is trusted.
    pub fn record_device(&mut self, user: &str, id: &str, key: &[u8], agreement: Option<Vec<u8>>) -> DeviceTrust {
        let devices = self.users.entry(user.to_owned()).or_default();
        let agreement = agreement.map(|key| to_base64(&key));
        if let Some(known) = devices.iter_mut().find(|known| known.id == id) {
            known.agreement = agreement.or(known.agreement.take());
            return known.trust;
        }
        let trust = if devices.is_empty() { DeviceTrust::Known } else { DeviceTrust::New };
        if devices.len() < DEVICES_MAX {
            devices.push(KnownDevice { id: id.to_owned(), key: to_base64(key), agreement, trust });
        }
        trust
    }

    /// The trust of a recorded device; `None` if recording it would add something.
    pub fn known_trust(&self, user: &str, id: &str, agreement: bool) -> Option<DeviceTrust> {
        let known = self.users.get(user)?.iter().find(|known| known.id == id)?;
        (known.agreement.is_some() || !agreement).then_some(known.trust)
    }

    /// The public signing key and the trust of each device of a user.
    pub fn devices(&self, user: &str) -> impl Iterator<Item = (Option<Vec<u8>>, DeviceTrust)> {
        self.users.get(user).into_iter().flatten().map(|known| (from_base64(&known.key), known.trust))
    }

    /// Marks the devices of a user whose key matches as verified; false if there is none.
    pub fn verify(&mut self, user: &str, matches: impl Fn(&[u8]) -> bool) -> bool {
        let devices = self.users.get_mut(user).into_iter().flatten();
        let fitting = devices.filter(|known| from_base64(&known.key).is_some_and(|key| matches(&key)));
        fitting.map(|known| known.trust = DeviceTrust::Verified).count() > 0
    }
}
