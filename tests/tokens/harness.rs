//! Issuers of the tests, and tokens made by hand, right or wrong.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use roomd::auth::jwt::{Issuer, Jwt};
use roomd::auth::{Claims, Invalid, Tokens};
use roomd::chat::{Time, UserName};
use roomd::store::AccountStore;
use roomd::store::accounts::{MemoryAccounts, ServerKey};
use serde_json::{Value, json};

pub const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";
pub const RSA: &str = include_str!("keys/rsa.pem");
pub const RSA_PUBLIC: &str = include_str!("keys/rsa.pub.pem");
pub const EC: &str = include_str!("keys/ec.pem");
pub const EC_PUBLIC: &str = include_str!("keys/ec.pub.pem");
pub const ED: &str = include_str!("keys/ed.pem");
pub const ED_PUBLIC: &str = include_str!("keys/ed.pub.pem");

/// 2026-11-20T18:00:00Z.
pub const NOW: Time = Time(1_795_197_600_000);

/// So many seconds from now.
pub fn at(seconds: i64) -> i64 {
    (NOW.0 / 1_000) as i64 + seconds
}

/// What a good token of an issuer says.
pub fn good() -> Value {
    json!({"sub": "alice", "exp": at(60), "iss": "https://a.org", "aud": "chat"})
}

/// The same with one thing changed; null takes it away.
pub fn with(name: &str, value: Value) -> Value {
    let mut says = good();
    match value {
        Value::Null => drop(says.as_object_mut().unwrap().remove(name)),
        value => says[name] = value,
    }
    says
}

pub fn header(algorithm: Algorithm) -> Header {
    Header::new(algorithm)
}

/// A token with this key.
pub fn signed(header: &Header, says: &Value, key: &EncodingKey) -> String {
    encode(header, says, key).unwrap()
}

pub fn hs256(says: &Value) -> String {
    signed(&header(Algorithm::HS256), says, &EncodingKey::from_secret(SECRET))
}

/// A server whose issuer it is, of `https://a.org` for `chat`.
pub fn server(issuer: Issuer) -> Jwt {
    let issuer = issuer.named(Some("https://a.org".into()), Some("chat".into()));
    Jwt::open(Arc::new(MemoryAccounts::default()), Some(issuer), NOW).unwrap()
}

pub fn secret_server() -> Jwt {
    server(Issuer::with_secret(SECRET).unwrap())
}

/// A server without an issuer, and its key.
pub fn alone() -> (Jwt, ServerKey, Arc<MemoryAccounts>) {
    let registry = Arc::new(MemoryAccounts::default());
    let server = Jwt::open(Arc::clone(&registry) as _, None, NOW).unwrap();
    let key = registry.keys().unwrap().remove(0);
    (server, key, registry)
}

pub fn claims(user: &str, seconds: i64) -> Claims {
    let expires = Time(u64::try_from(at(seconds)).unwrap() * 1_000);
    Claims::of(UserName::parse(user).unwrap(), expires)
}

/// Why a token is refused.
#[track_caller]
pub fn refused(server: &Jwt, token: &str, why: Invalid) {
    assert_eq!(server.read(token, NOW), Err(why), "{token:.200}");
}

/// A part of a token by hand.
pub fn part(json: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in json.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(LETTERS[(bits >> (18 - 6 * at) & 63) as usize].into());
        }
    }
    text
}
