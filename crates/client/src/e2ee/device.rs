//! Devices: the keys that sign messages and receive new room keys, and safety numbers.
//!
//! A device has two key pairs on P-256, since one key must not both sign and agree; the signing key
//! identifies the device. They are generated once, and stored in the keyring.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{Aad, Nonce};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

use super::format::{DecryptError, VERSION, aead, encode_fields, from_base64, to_base64};
use super::room_secret::{RoomSecret, hkdf};

const ID_BYTES: usize = 16;

/// A device's private keys as they are stored: PKCS #8, and a bare scalar, in base64url.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceKeys {
    signing: String,
    agreement: String,
}

/// This device, with its private keys.
pub struct Device {
    signing: EcdsaKeyPair,
    agreement: PrivateKey,
}

/// The part of a message that replaces the room's key.
#[derive(Debug, Deserialize)]
pub struct Rekey {
    /// The id of the new key.
    pub kid: String,
    from: String,
    to: BTreeMap<String, String>,
}

impl DeviceKeys {
    /// Generates the keys of a new device.
    ///
    /// # Panics
    /// The system gives no randomness.
    pub fn generate() -> Self {
        let drawn = || -> Result<Self, Unspecified> {
            let signing = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
            let agreement: EcPrivateKeyBin<'_> = PrivateKey::generate(&ECDH_P256)?.as_be_bytes()?;
            Ok(Self { signing: to_base64(signing.as_ref()), agreement: to_base64(agreement.as_ref()) })
        };
        drawn().expect("the system gives randomness")
    }
}

impl Device {
    /// The device with these keys; `None` if they are invalid.
    pub fn new(kept: &DeviceKeys) -> Option<Self> {
        let signing = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &from_base64(&kept.signing)?).ok()?;
        Self::of(signing, &from_base64(&kept.agreement)?)
    }

    pub(super) fn of(signing: EcdsaKeyPair, agreement: &[u8]) -> Option<Self> {
        Some(Self { signing, agreement: PrivateKey::from_private_key(&ECDH_P256, agreement).ok()? })
    }

    /// Its public signing key, which identifies it.
    pub fn signing_public(&self) -> Vec<u8> {
        self.signing.public_key().as_ref().to_vec()
    }

    /// The public key for sending it a new room key.
    pub fn agreement_public(&self) -> Vec<u8> {
        let public = self.agreement.compute_public_key().expect("a private key has a public one");
        public.as_ref().to_vec()
    }

    /// Its id, see [`id`].
    pub fn id(&self) -> String {
        id(self.signing.public_key().as_ref())
    }

    /// Signs data.
    ///
    /// # Panics
    /// The system gives no randomness.
    pub fn sign(&self, data: &[u8]) -> Vec<u8> {
        let signature = self.signing.sign(&SystemRandom::new(), data).expect("the system gives randomness");
        signature.as_ref().to_vec()
    }

    /// The room secret that a rekey holds for this device; `None` if it holds none, or it does not decrypt.
    pub fn unwrap_secret(&self, room: &str, rekey: &Rekey) -> Option<RoomSecret> {
        let id = self.id();
        let (from, mut wrapped) = (from_base64(&rekey.from)?, from_base64(rekey.to.get(&id)?)?);
        let info = [b"wrap", room.as_bytes(), rekey.kid.as_bytes(), &from, id.as_bytes()];
        let theirs = agreement::UnparsedPublicKey::new(&ECDH_P256, &from);
        let key =
            agreement::agree(&self.agreement, theirs, Unspecified, |shared| Ok(hkdf::<32>(shared, &info))).ok()?;
        // Each key is used once, so the IV may be constant.
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let secret = aead(&key).open_in_place(nonce, Aad::empty(), &mut wrapped).ok()?;
        Some(RoomSecret::new((&*secret).try_into().ok()?))
    }
}

/// The id of the device with this public signing key: base64url of half its SHA-256.
pub fn id(key: &[u8]) -> String {
    to_base64(&digest(&SHA256, key).as_ref()[..ID_BYTES])
}

/// Verifies a signature of the device with this public signing key.
///
/// # Errors
/// [`DecryptError::Forged`].
pub fn verify(key: &[u8], signature: &[u8], data: &[u8]) -> Result<(), DecryptError> {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(data, signature).map_err(|_| DecryptError::Forged)
}

/// The safety number of two devices: 60 digits in groups of five, the same on both. Each argument is a
/// user's name and the device's public signing key.
pub fn safety_number(one: (&str, &[u8]), other: (&str, &[u8])) -> String {
    let mut halves = [one, other].map(half);
    halves.sort();
    halves.join(" ")
}

fn half((user, key): (&str, &[u8])) -> String {
    let data = encode_fields(&[VERSION.as_bytes(), b"safety number", user.as_bytes(), key]);
    let hash = digest(&SHA512, &data);
    let group = |bytes: &[u8]| {
        let number = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        format!("{:05}", number % 100_000)
    };
    hash.as_ref()[..30].chunks(5).map(group).collect::<Vec<_>>().join(" ")
}
