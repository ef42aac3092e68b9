//! The encoding of messages: how fields are joined, and the layout of a ciphertext.
//!
//! Everything that is hashed, signed or authenticated is a list of fields, each behind its length, so
//! that no two lists are the same bytes. Pure, but for the random initialisation vector.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The label that begins every list of fields.
pub const VERSION: &str = "roomd e2ee v1";

/// Digits of an epoch, at most.
pub const EPOCH_DIGITS_MAX: usize = 9;
/// The greatest epoch: it has that many digits.
pub const EPOCH_MAX: u32 = 999_999_999;
const IV_BYTES: usize = 12;
const KEY_BYTES: usize = 65;
const SIGNATURE_BYTES: usize = 64;
/// The first byte of a plaintext.
const LAYOUT: u8 = 1;
const HEAD_BYTES: usize = 1 + KEY_BYTES + SIGNATURE_BYTES;
/// A body is padded to a multiple of it.
const BLOCK_BYTES: usize = 64;
/// Characters of the id in a `kid`: 16 bytes as base64.
const ID_CHARS: usize = 22;

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecryptError {
    /// It was encrypted with a key that this device does not have.
    NoKey,
    /// It does not decrypt: it was changed, or moved to another context.
    Damaged,
    /// Its signature is not that of its device.
    Forged,
    /// It was decrypted under another number before.
    Replayed,
}

impl DecryptError {
    /// The reason for programs, as docs/encryption.md names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::Damaged => "damaged",
            Self::Forged => "forged",
            Self::Replayed => "repeated",
        }
    }
}

/// What a message is bound to: all of it is authenticated and signed.
#[derive(Clone, Copy, Debug)]
pub struct MessageContext<'a> {
    /// The room, as the server spells it.
    pub room: &'a str,
    /// The author.
    pub user: &'a str,
    /// The message id.
    pub mid: &'a str,
    /// Whether it is an edit of the message with this id.
    pub edit: bool,
}

impl MessageContext<'_> {
    fn kind(self) -> &'static str {
        if self.edit { "edit" } else { "message" }
    }
}

/// The id of a key: `EPOCH.ID`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kid {
    /// The number of the key by its author's count, from 1 to `EPOCH_MAX`.
    pub epoch: u32,
    /// 16 bytes in base64url.
    pub id: String,
}

impl Kid {
    /// Parses `EPOCH.ID`; the epoch has one to nine digits and no leading zero.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, id) = text.split_once('.')?;
        let digits = (1..=EPOCH_DIGITS_MAX).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
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
        Self::parse(&text).ok_or("not the id of a key")
    }
}

/// Joins fields: each is its length (four bytes, big-endian) and its bytes.
pub fn encode_fields(values: &[&[u8]]) -> Vec<u8> {
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

/// Decodes base64url; only the canonical text for the bytes is accepted.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The bytes that a device signs.
pub fn signature_input(context: MessageContext<'_>, kid: &Kid, key: &[u8], body: &[u8]) -> Vec<u8> {
    let MessageContext { room, user, mid, .. } = context;
    let kid = kid.to_string();
    let texts = [VERSION, "signature", context.kind(), room, user, mid, &kid].map(str::as_bytes);
    encode_fields(&[&texts[..], &[key, body]].concat())
}

fn additional_data(context: MessageContext<'_>, kid: &Kid) -> Vec<u8> {
    let MessageContext { room, user, mid, .. } = context;
    encode_fields(&[VERSION, context.kind(), room, user, mid, &kid.to_string()].map(str::as_bytes))
}

/// A body as JSON, padded with spaces to a whole block, so that its length says little.
pub fn pad_body(body: &Value) -> Vec<u8> {
    let mut bytes = body.to_string().into_bytes();
    bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), b' ');
    bytes
}

/// The `cipher` of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Ciphertext {
    /// The id of the key.
    pub kid: Kid,
    iv: [u8; IV_BYTES],
    ct: Vec<u8>,
}

/// The parts of a plaintext.
pub struct SignedBody<'a> {
    /// The device's public signing key.
    pub key: &'a [u8],
    /// The device's signature.
    pub signature: &'a [u8],
    /// The padded body.
    pub body: &'a [u8],
}

/// What [`Ciphertext::decrypt`] returns.
pub struct Plaintext(Vec<u8>);

impl Plaintext {
    /// Splits it; the length was checked.
    pub fn signed_body(&self) -> SignedBody<'_> {
        let (key, rest) = self.0[1..].split_at(KEY_BYTES);
        let (signature, body) = rest.split_at(SIGNATURE_BYTES);
        SignedBody { key, signature, body }
    }
}

impl Ciphertext {
    /// Parses the `cipher` of a message.
    ///
    /// # Errors
    /// It is not a ciphertext of this format.
    pub fn parse(value: &Value) -> Result<Self, DecryptError> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let parsed = || {
            let kid = Kid::parse(text("kid")?)?;
            let iv = from_base64(text("iv")?)?.try_into().ok()?;
            let ct = from_base64(text("ct")?)?;
            (text("alg")? == "A256GCM").then_some(Self { kid, iv, ct })
        };
        parsed().ok_or(DecryptError::Damaged)
    }

    /// The `cipher` of a message, as it is sent to the server.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::json!({"alg": "A256GCM", "kid": self.kid.to_string(),
            "iv": to_base64(&self.iv), "ct": to_base64(&self.ct)})
    }

    /// Encrypts a signed body.
    pub fn encrypt(context: MessageContext<'_>, kid: &Kid, key: &[u8; 32], signed: SignedBody<'_>) -> Self {
        let mut iv = [0; IV_BYTES];
        getrandom::fill(&mut iv).expect("the system gives randomness");
        let mut ct = [&[LAYOUT], signed.key, signed.signature, signed.body].concat();
        let (nonce, aad) = (Nonce::assume_unique_for_key(iv), Aad::from(additional_data(context, kid)));
        aead(key).seal_in_place_append_tag(nonce, aad, &mut ct).expect("a message is shorter than 64 GiB");
        Self { kid: kid.clone(), iv, ct }
    }

    /// Decrypts it.
    ///
    /// # Errors
    /// It belongs to another context or key, or is incomplete.
    pub fn decrypt(mut self, context: MessageContext<'_>, key: &[u8; 32]) -> Result<Plaintext, DecryptError> {
        let (nonce, aad) = (Nonce::assume_unique_for_key(self.iv), Aad::from(additional_data(context, &self.kid)));
        let plain = aead(key).open_in_place(nonce, aad, &mut self.ct).map_err(|_| DecryptError::Damaged)?;
        if plain.len() < HEAD_BYTES || plain[0] != LAYOUT {
            return Err(DecryptError::Damaged);
        }
        let length = plain.len();
        self.ct.truncate(length);
        Ok(Plaintext(self.ct))
    }
}

/// AES-256-GCM with this key.
pub fn aead(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of AES-256 has 32 bytes"))
}
