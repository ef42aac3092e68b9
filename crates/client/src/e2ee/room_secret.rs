//! Room secrets: where they come from, what they are called, and the keys that come out of them.
//!
//! A secret is 32 bytes that all members of a room share. Pure: nothing is drawn or kept here.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::pbkdf2;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::format::{Kid, VERSION, fields, from_base64, to_base64};

/// PBKDF2 rounds of a passphrase; part of the format.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("it is not zero");
/// Characters of a passphrase, at least: what keeps out a slip of the hand, not what makes it strong.
pub const PASSPHRASE_MIN: usize = 8;
const SECRET_BYTES: usize = 32;
const ID_BYTES: usize = 16;
const DIGITS_MAX: usize = 9;

/// A room's secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret([u8; SECRET_BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        to_base64(&secret.0)
    }
}

impl TryFrom<String> for Secret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        from_base64(&text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or("not a secret")
    }
}

/// A key that a user gives for a room. Without an epoch it comes after the one there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub(super) secret: Secret,
    pub(super) epoch: Option<u32>,
}

impl Given {
    /// The key in a link, or in the part of it that begins with `#key=`.
    ///
    /// # Errors
    /// A sentence's second half: what it must be.
    pub fn link(text: &str) -> Result<Self, &'static str> {
        let parsed = || {
            let (_, key) = text.trim().rsplit_once("#key=")?;
            let (number, secret) = key.split_once('.')?;
            let digits = (1..=DIGITS_MAX).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            let epoch = number.parse().ok().filter(|_| digits && !number.starts_with('0'))?;
            Some(Self { secret: secret.to_owned().try_into().ok()?, epoch: Some(epoch) })
        };
        parsed().ok_or("must be a link to an encrypted room, or its part from #key= on")
    }

    /// The key of a passphrase. Takes some tenths of a second, which is what slows down somebody who
    /// guesses. White space at the ends does not count.
    ///
    /// # Errors
    /// A sentence's second half: it is too short.
    pub fn passphrase(room: &str, passphrase: &str) -> Result<Self, String> {
        let text: String = passphrase.trim().nfc().collect();
        if text.chars().count() < PASSPHRASE_MIN {
            return Err(format!("must have at least {PASSPHRASE_MIN} characters"));
        }
        let salt = fields(&[VERSION, "passphrase", room].map(str::as_bytes));
        let mut secret = [0; SECRET_BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, text.as_bytes(), &mut secret);
        Ok(Self { secret: Secret(secret), epoch: None })
    }
}

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    #[cfg(test)]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What it is called in a room.
    pub fn kid(&self, room: &str, epoch: u32) -> Kid {
        let id: [u8; ID_BYTES] = hkdf(&self.0, &[b"key id", room.as_bytes(), epoch.to_string().as_bytes()]);
        Kid { epoch, id: to_base64(&id) }
    }

    /// The key that one user's messages are encrypted with.
    pub fn sender_key(&self, room: &str, epoch: u32, user: &str) -> [u8; 32] {
        hkdf(&self.0, &[b"sender key", room.as_bytes(), epoch.to_string().as_bytes(), user.as_bytes()])
    }
}

/// HKDF-SHA-256 without a salt; `info` follows on the label of the version.
pub fn hkdf<const N: usize>(secret: &[u8], info: &[&[u8]]) -> [u8; N] {
    let info = fields(&[&[VERSION.as_bytes()], info].concat());
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
