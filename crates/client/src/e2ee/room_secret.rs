//! Room secrets: how they are imported and identified, and the keys that are derived from them.
//!
//! A secret is 32 bytes that all members of a room share. Pure: nothing here is random or stored.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::pbkdf2;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::format::{EPOCH_DIGITS_MAX, Kid, VERSION, encode_fields, from_base64, to_base64};

/// PBKDF2 rounds for a passphrase; part of the format.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("it is not zero");
/// Characters of a passphrase, at least: this prevents a typing mistake, and does not make it strong.
pub const PASSPHRASE_MIN: usize = 8;
const SECRET_BYTES: usize = 32;
const ID_BYTES: usize = 16;

/// The secret of a room.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomSecret([u8; SECRET_BYTES]);

impl fmt::Debug for RoomSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomSecret(…)")
    }
}

impl From<RoomSecret> for String {
    fn from(secret: RoomSecret) -> Self {
        to_base64(&secret.0)
    }
}

impl TryFrom<String> for RoomSecret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        from_base64(&text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or("not a secret")
    }
}

/// A key that the user provides for a room. Without an epoch it follows the current key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedKey {
    pub(super) secret: RoomSecret,
    pub(super) epoch: Option<u32>,
}

impl ImportedKey {
    /// Parses a link, or the part of it that begins with `#key=`.
    ///
    /// # Errors
    /// What it must be: the second half of a sentence.
    pub fn from_link(text: &str) -> Result<Self, &'static str> {
        let parsed = || {
            let (_, key) = text.trim().rsplit_once("#key=")?;
            let (number, secret) = key.split_once('.')?;
            let digits =
                (1..=EPOCH_DIGITS_MAX).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            let epoch = number.parse().ok().filter(|_| digits && !number.starts_with('0'))?;
            Some(Self { secret: secret.to_owned().try_into().ok()?, epoch: Some(epoch) })
        };
        parsed().ok_or("must be a link to an encrypted room, or its part from #key= on")
    }

    /// Derives the key from a passphrase (UTF-8), without the white space at its ends. Takes some tenths of a
    /// second of CPU time, which is what slows down guessing.
    ///
    /// # Errors
    /// It is too short: the second half of a sentence.
    pub fn from_passphrase(room: &str, passphrase: &str) -> Result<Self, String> {
        let text: String = passphrase.trim().nfc().collect();
        if text.chars().count() < PASSPHRASE_MIN {
            return Err(format!("must have at least {PASSPHRASE_MIN} characters"));
        }
        let salt = encode_fields(&[VERSION, "passphrase", room].map(str::as_bytes));
        let mut secret = [0; SECRET_BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, text.as_bytes(), &mut secret);
        Ok(Self { secret: RoomSecret(secret), epoch: None })
    }
}

impl RoomSecret {
    /// The secret with these bytes.
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    #[cfg(test)]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id of this secret as a key of a room.
    pub fn kid(&self, room: &str, epoch: u32) -> Kid {
        let id: [u8; ID_BYTES] = hkdf(&self.0, &[b"key id", room.as_bytes(), epoch.to_string().as_bytes()]);
        Kid { epoch, id: to_base64(&id) }
    }

    /// The key that the messages of one author are encrypted with.
    pub fn sender_key(&self, room: &str, epoch: u32, user: &str) -> [u8; 32] {
        hkdf(&self.0, &[b"sender key", room.as_bytes(), epoch.to_string().as_bytes(), user.as_bytes()])
    }
}

/// HKDF-SHA-256 (RFC 5869) without a salt; `info` follows the label of the version.
pub fn hkdf<const N: usize>(secret: &[u8], info: &[&[u8]]) -> [u8; N] {
    let info = encode_fields(&[&[VERSION.as_bytes()], info].concat());
    let mut out = [0; N];
    let prk = Salt::new(HKDF_SHA256, &[]).extract(secret);
    let filled = prk.expand(&[&info], Length(N)).and_then(|okm| okm.fill(&mut out));
    filled.expect("so few bytes can be derived");
    out
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
