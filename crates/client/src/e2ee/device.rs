//! Devices: the keys that sign messages and receive new room keys, and the numbers people compare.
//!
//! Two pairs on P-256, since one key may not both sign and agree: the first names the device. They
//! are made once and live in the keyring.

use std::collections::BTreeMap;

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

use super::format::{Unreadable, VERSION, aead, fields, from_base64, to_base64};
use super::room_secret::{Secret, hkdf};
use aws_lc_rs::aead::{Aad, Nonce};

const ID_BYTES: usize = 16;

/// A device's private keys, as they are kept: PKCS #8, and a bare scalar, in base64.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    signing: String,
    agreement: String,
}

/// This device.
pub struct Device {
    signing: EcdsaKeyPair,
    agreement: PrivateKey,
}

/// What a message that changes the key holds.
#[derive(Debug, Deserialize)]
pub struct Rekey {
    /// The new key's name.
    pub kid: String,
    from: String,
    to: BTreeMap<String, String>,
}

impl Kept {
    /// New ones.
    ///
    /// # Panics
    /// The system gives no randomness.
    pub fn draw() -> Self {
        let drawn = || -> Result<Self, Unspecified> {
            let signing = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
            let agreement: EcPrivateKeyBin<'_> = PrivateKey::generate(&ECDH_P256)?.as_be_bytes()?;
            Ok(Self { signing: to_base64(signing.as_ref()), agreement: to_base64(agreement.as_ref()) })
        };
        drawn().expect("the system gives randomness")
    }
}

impl Device {
    /// The device of these keys; `None` if they are none.
    pub fn new(kept: &Kept) -> Option<Self> {
        let signing = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &from_base64(&kept.signing)?).ok()?;
        Self::of(signing, &from_base64(&kept.agreement)?)
    }

    pub(super) fn of(signing: EcdsaKeyPair, agreement: &[u8]) -> Option<Self> {
        Some(Self { signing, agreement: PrivateKey::from_private_key(&ECDH_P256, agreement).ok()? })
    }

    /// Its public signing key, which names it.
    pub fn signing_public(&self) -> Vec<u8> {
        self.signing.public_key().as_ref().to_vec()
    }

    /// The public key under which it can be given a new room key.
    pub fn agreement_public(&self) -> Vec<u8> {
        let public = self.agreement.compute_public_key().expect("a private key has a public one");
        public.as_ref().to_vec()
    }

    /// Its name.
    pub fn id(&self) -> String {
        id(self.signing.public_key().as_ref())
    }

    /// A signature.
    ///
    /// # Panics
    /// The system gives no randomness.
    pub fn sign(&self, data: &[u8]) -> Vec<u8> {
        let signature = self.signing.sign(&SystemRandom::new(), data).expect("the system gives randomness");
        signature.as_ref().to_vec()
    }

    /// The secret that a rekey has for this device.
    pub fn unwrap(&self, room: &str, rekey: &Rekey) -> Option<Secret> {
        let id = self.id();
        let (from, mut wrapped) = (from_base64(&rekey.from)?, from_base64(rekey.to.get(&id)?)?);
        let info = [b"wrap", room.as_bytes(), rekey.kid.as_bytes(), &from, id.as_bytes()];
        let theirs = agreement::UnparsedPublicKey::new(&ECDH_P256, &from);
        let key =
            agreement::agree(&self.agreement, theirs, Unspecified, |shared| Ok(hkdf::<32>(shared, &info))).ok()?;
        // The key is used once, so the IV need not differ.
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let secret = aead(&key).open_in_place(nonce, Aad::empty(), &mut wrapped).ok()?;
        Some(Secret::new((&*secret).try_into().ok()?))
    }
}

/// The name of the device with this public signing key.
pub fn id(key: &[u8]) -> String {
    to_base64(&digest(&SHA256, key).as_ref()[..ID_BYTES])
}

/// Whether a device signed it.
///
/// # Errors
/// It did not.
pub fn verify(key: &[u8], signature: &[u8], data: &[u8]) -> Result<(), Unreadable> {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(data, signature).map_err(|_| Unreadable::Forged)
}

/// The number that two people compare: 60 digits in groups of five, the same on both devices. Each is
/// a user with a device's public signing key.
pub fn safety_number(one: (&str, &[u8]), other: (&str, &[u8])) -> String {
    let mut halves = [one, other].map(half);
    halves.sort();
    halves.join(" ")
}

fn half((user, key): (&str, &[u8])) -> String {
    let data = fields(&[VERSION.as_bytes(), b"safety number", user.as_bytes(), key]);
    let hash = digest(&SHA512, &data);
    let group = |bytes: &[u8]| {
        let number = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        format!("{:05}", number % 100_000)
    };
    hash.as_ref()[..30].chunks(5).map(group).collect::<Vec<_>>().join(" ")
}
