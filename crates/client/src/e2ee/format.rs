//! The bytes: how fields are joined, and what is inside a ciphertext.
//!
//! Everything that is hashed, signed or authenticated is a list of fields, each behind its length, so
//! that no two lists are the same bytes. Pure but for the initialisation vector, which is drawn.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The label that begins every list of fields.
pub const VERSION: &str = "roomd e2ee v1";

const IV_BYTES: usize = 12;
const KEY_BYTES: usize = 65;
const SIGNATURE_BYTES: usize = 64;
/// The first byte inside a ciphertext.
const LAYOUT: u8 = 1;
const HEAD_BYTES: usize = 1 + KEY_BYTES + SIGNATURE_BYTES;
/// Bodies are padded to a multiple of it.
const BLOCK_BYTES: usize = 64;
/// Characters of the id in a `kid`: 16 bytes as base64.
const ID_CHARS: usize = 22;

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It was written with a key that this device does not have.
    NoKey,
    /// It does not decrypt here: it was changed, or moved.
    Damaged,
    /// Its signature is not its device's.
    Forged,
    /// It was shown under another number already.
    Repeated,
}

impl Unreadable {
    /// The reason for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::Damaged => "damaged",
            Self::Forged => "forged",
            Self::Repeated => "repeated",
        }
    }
}

/// Where a message stands: all of it is authenticated and signed.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The room, as the server writes it.
    pub room: &'a str,
    /// The sender.
    pub user: &'a str,
    /// The sender's mark on the message.
    pub mid: &'a str,
    /// Whether it replaces what the message said before.
    pub edit: bool,
}

impl Place<'_> {
    fn kind(self) -> &'static str {
        if self.edit { "edit" } else { "message" }
    }
}

/// The name of a key: `EPOCH.ID`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kid {
    /// How many keys its sender counts, from 1.
    pub epoch: u32,
    /// Base64 of 16 bytes.
    pub id: String,
}

impl Kid {
    /// The name in a text.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, id) = text.split_once('.')?;
        let digits = (1..=9).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !digits || number.starts_with('0') || !plain || id.len() != ID_CHARS {
            return None;
        }
        Some(Self { epoch: number.parse().ok()?, id: id.to_owned() })
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.id)
    }
}

impl From<Kid> for String {
    fn from(kid: Kid) -> Self {
        kid.to_string()
    }
}

impl TryFrom<String> for Kid {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not the name of a key")
    }
}

/// Joins fields: each is its length (four bytes, big-endian) and its bytes.
pub fn fields(values: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for value in values {
        let length = u32::try_from(value.len()).expect("a message has less than 4 GiB");
        joined.extend_from_slice(&length.to_be_bytes());
        joined.extend_from_slice(value);
    }
    joined
}

/// Base64url without padding (RFC 4648 §5).
pub fn to_base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of the one base64url text for them.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// What a device signs.
pub fn signed_data(place: Place<'_>, kid: &Kid, key: &[u8], body: &[u8]) -> Vec<u8> {
    let Place { room, user, mid, .. } = place;
    let kid = kid.to_string();
    let texts = [VERSION, "signature", place.kind(), room, user, mid, &kid].map(str::as_bytes);
    fields(&[&texts[..], &[key, body]].concat())
}

fn additional_data(place: Place<'_>, kid: &Kid) -> Vec<u8> {
    let Place { room, user, mid, .. } = place;
    fields(&[VERSION, place.kind(), room, user, mid, &kid.to_string()].map(str::as_bytes))
}

/// A body's bytes: JSON, and spaces up to a whole block, so that its length says little.
pub fn print_body(body: &Value) -> Vec<u8> {
    let mut bytes = body.to_string().into_bytes();
    bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), b' ');
    bytes
}

/// The `cipher` of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Cipher {
    /// The key's name.
    pub kid: Kid,
    iv: [u8; IV_BYTES],
    ct: Vec<u8>,
}

/// What is inside, of a ciphertext that was opened in place.
pub struct Inside<'a> {
    pub key: &'a [u8],
    pub signature: &'a [u8],
    pub body: &'a [u8],
}

/// What [`Cipher::open`] has decrypted.
pub struct Plain(Vec<u8>);

impl Plain {
    /// Its parts; their lengths were checked.
    pub fn inside(&self) -> Inside<'_> {
        let (key, rest) = self.0[1..].split_at(KEY_BYTES);
        let (signature, body) = rest.split_at(SIGNATURE_BYTES);
        Inside { key, signature, body }
    }
}

impl Cipher {
    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(value: &Value) -> Result<Self, Unreadable> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let parsed = || {
            let kid = Kid::parse(text("kid")?)?;
            let iv = from_base64(text("iv")?)?.try_into().ok()?;
            let ct = from_base64(text("ct")?)?;
            (text("alg")? == "A256GCM").then_some(Self { kid, iv, ct })
        };
        parsed().ok_or(Unreadable::Damaged)
    }

    /// As it goes to the server.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::json!({"alg": "A256GCM", "kid": self.kid.to_string(),
            "iv": to_base64(&self.iv), "ct": to_base64(&self.ct)})
    }

    /// Encrypts a body with its device's public key and signature.
    pub fn seal(place: Place<'_>, kid: &Kid, key: &[u8; 32], (signer, signature, body): (&[u8], &[u8], &[u8])) -> Self {
        let mut iv = [0; IV_BYTES];
        getrandom::fill(&mut iv).expect("the system gives randomness");
        let mut ct = [&[LAYOUT], signer, signature, body].concat();
        let (nonce, aad) = (Nonce::assume_unique_for_key(iv), Aad::from(additional_data(place, kid)));
        aead(key).seal_in_place_append_tag(nonce, aad, &mut ct).expect("a message is shorter than 64 GiB");
        Self { kid: kid.clone(), iv, ct }
    }

    /// Decrypts it.
    ///
    /// # Errors
    /// It was written elsewhere, or with another key, or is not whole.
    pub fn open(mut self, place: Place<'_>, key: &[u8; 32]) -> Result<Plain, Unreadable> {
        let (nonce, aad) = (Nonce::assume_unique_for_key(self.iv), Aad::from(additional_data(place, &self.kid)));
        let plain = aead(key).open_in_place(nonce, aad, &mut self.ct).map_err(|_| Unreadable::Damaged)?;
        if plain.len() < HEAD_BYTES || plain[0] != LAYOUT {
            return Err(Unreadable::Damaged);
        }
        let length = plain.len();
        self.ct.truncate(length);
        Ok(Plain(self.ct))
    }
}

/// AES-256-GCM under a key.
pub fn aead(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of AES-256 has 32 bytes"))
}
