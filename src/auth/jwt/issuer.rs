//! Tokens of an issuer that the operator names: a secret, a public key, or a set of them.
//!
//! Read at start, and again when the settings are, on the main thread. Each key is for one algorithm: HS256 for a secret, and for
//! a public key what its kind says, RS256, ES256 or EdDSA. Nothing in a token chooses another.

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};

use super::super::{Claims, Invalid};
use super::claims::{Refused, TokenFields};
use super::{Audience, Verifier, verify};
use crate::chat::Time;

/// Bytes of a secret, at least: what HS256 needs (RFC 7518 §3.2).
const SECRET_BYTES_MIN: usize = 32;
/// Keys of an issuer, at most.
const KEYS_MAX: usize = 32;

/// See the module.
pub struct Issuer {
    keys: Vec<Key>,
    name: Option<String>,
    audience: Option<String>,
    /// The claim that names the user; `None` is `sub`.
    name_claim: Option<String>,
}

struct Key {
    /// The key's id; a token that names none is tried with each key.
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Why a key cannot be used: the second half of a sentence that begins with its file.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

impl Issuer {
    /// An issuer that shares a secret with us: the bytes of a file, without the end of its line.
    ///
    /// # Errors
    /// It is too short.
    pub fn with_secret(bytes: &[u8]) -> Result<Self, KeyError> {
        let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        if secret.len() < SECRET_BYTES_MIN {
            let sentence = format!("holds {} bytes, and HS256 needs at least {SECRET_BYTES_MIN}", secret.len());
            return Err(KeyError(sentence));
        }
        let key = Key { kid: None, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) };
        Ok(Self { keys: vec![key], name: None, audience: None, name_claim: None })
    }

    /// An issuer whose public keys are in a file: one key in PEM, or a set of them in JSON (RFC 7517).
    ///
    /// # Errors
    /// No key in it can be used.
    pub fn with_keys(bytes: &[u8]) -> Result<Self, KeyError> {
        let keys = match serde_json::from_slice::<JwkSet>(bytes) {
            Ok(set) => from_set(&set)?,
            Err(_) if bytes.trim_ascii_start().starts_with(b"{") => {
                return Err(KeyError("is not a set of keys: {\"keys\":[…]}".to_owned()));
            }
            Err(_) => vec![from_pem(bytes)?],
        };
        Ok(Self { keys, name: None, audience: None, name_claim: None })
    }

    /// An issuer with the keys of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.keys.extend(other.keys);
        self
    }

    /// With the name that its tokens must have in `iss`, and our name in `aud`. Without an audience a token that has
    /// one is refused.
    #[must_use]
    pub fn named(self, name: Option<String>, audience: Option<String>) -> Self {
        Self { name, audience, ..self }
    }

    /// With the claim that names its users; `None` is `sub`.
    #[must_use]
    pub fn naming_by(self, name_claim: Option<String>) -> Self {
        Self { name_claim, ..self }
    }

    /// The claims of a token of the issuer.
    pub(super) fn read(&self, token: &str, header: &Header, now: Time) -> Result<Claims, Refused> {
        let audience = self.audience.as_deref().map_or(Audience::None, Audience::Named);
        let fields = self.verify(token, header, audience, now)?;
        let claims = fields.claims(self.name_claim.as_deref())?;
        // Only a token of our own can be renewed, or is for one registration of its name.
        Ok(Claims { device: None, registered: None, ..claims })
    }

    /// The claims of a token that one of the keys has signed, as they are.
    pub(super) fn verify(
        &self,
        token: &str,
        header: &Header,
        audience: Audience<'_>,
        now: Time,
    ) -> Result<TokenFields, Refused> {
        let mut refused = Refused::new(Invalid::NotOurs, "no known key has the id that it names");
        for Key { kid, algorithm, key } in &self.keys {
            let other = |kid: &String| header.kid.as_ref().is_some_and(|named| named != kid);
            if kid.as_ref().is_some_and(other) {
                continue;
            }
            let verifier = Verifier { key, algorithm: *algorithm, issuer: self.name.as_deref(), audience };
            match verify(token, header, &verifier, now) {
                Ok(fields) => return Ok(fields),
                // Another key may have signed it, unless one has.
                Err(next) if next.invalid == Invalid::NotOurs && refused.invalid != Invalid::NotOurs => {}
                Err(next) => refused = next,
            }
        }
        Err(refused)
    }
}

fn from_set(set: &JwkSet) -> Result<Vec<Key>, KeyError> {
    let signing = set
        .keys
        .iter()
        .filter(|key| key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature));
    let keys: Vec<_> = signing.filter_map(|jwk| from_jwk(jwk).transpose()).collect::<Result<_, _>>()?;
    match keys.len() {
        0 => Err(KeyError("holds no key for RS256, ES256 or EdDSA".to_owned())),
        1..=KEYS_MAX => Ok(keys),
        count => Err(KeyError(format!("holds {count} keys, and {KEYS_MAX} is the limit"))),
    }
}

/// `None`: for an algorithm that is not accepted here.
fn from_jwk(jwk: &Jwk) -> Result<Option<Key>, KeyError> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        // A secret in a set of public keys is a mistake.
        AlgorithmParameters::OctetKey(_) => {
            return Err(KeyError("holds a secret: name it with --jwt-secret-file".to_owned()));
        }
        _ => return Ok(None),
    };
    if jwk.common.key_algorithm.as_ref().is_some_and(|named| *named != algorithm.1) {
        return Ok(None);
    }
    let key =
        DecodingKey::from_jwk(jwk).map_err(|error| KeyError(format!("holds a key that cannot be read: {error}")))?;
    Ok(Some(Key { kid: jwk.common.key_id.clone(), algorithm: algorithm.0, key }))
}

fn from_pem(bytes: &[u8]) -> Result<Key, KeyError> {
    if bytes.windows(PRIVATE.len()).any(|window| window == PRIVATE) {
        return Err(KeyError("holds a private key, and a server needs the public one".to_owned()));
    }
    if let Ok(key) = DecodingKey::from_rsa_pem(bytes) {
        return Ok(Key { kid: None, algorithm: Algorithm::RS256, key });
    }
    if let Ok(key) = DecodingKey::from_ec_pem(bytes) {
        if key.try_get_as_bytes().map(<[u8]>::len) != Ok(POINT_BYTES) {
            return Err(KeyError("holds a key on another curve than P-256".to_owned()));
        }
        return Ok(Key { kid: None, algorithm: Algorithm::ES256, key });
    }
    if let Ok(key) = DecodingKey::from_ed_pem(bytes) {
        return Ok(Key { kid: None, algorithm: Algorithm::EdDSA, key });
    }
    Err(KeyError("holds neither a public key in PEM nor a set of them in JSON".to_owned()))
}

/// Bytes of a point of P-256, uncompressed (SEC 1 §2.3.3).
const POINT_BYTES: usize = 65;
const PRIVATE: &[u8] = b"PRIVATE KEY-----";
