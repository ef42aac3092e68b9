//! Issuers that an operator may name, and files that are none.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use roomd::auth::jwt::{Issuer, Jwt};
use roomd::auth::{Invalid, Tokens};
use roomd::chat::RoomName;
use roomd::store::accounts::MemoryAccounts;
use serde_json::{Value, json};

use crate::harness::*;

fn sentence(issuer: Result<Issuer, roomd::auth::jwt::KeyError>) -> String {
    issuer.err().map_or_else(|| "a good key".to_owned(), |error| error.to_string())
}

#[test]
fn a_public_key_accepts_what_its_other_half_has_signed() {
    for (public, algorithm, key) in [
        (RSA_PUBLIC, Algorithm::RS256, EncodingKey::from_rsa_pem(RSA.as_bytes())),
        (EC_PUBLIC, Algorithm::ES256, EncodingKey::from_ec_pem(EC.as_bytes())),
        (ED_PUBLIC, Algorithm::EdDSA, EncodingKey::from_ed_pem(ED.as_bytes())),
    ] {
        let server = server(Issuer::with_keys(public.as_bytes()).unwrap());
        let claims = server.read(&signed(&header(algorithm), &good(), &key.unwrap()), NOW).unwrap();
        assert_eq!((claims.user.as_str(), claims.admin, claims.device), ("alice", false, None));
    }
}

#[test]
fn a_token_says_who_may_do_what() {
    let mut says = good();
    says["name"] = json!("Alice in Wonderland");
    says["admin"] = json!(true);
    says["rooms"] = json!(["den", "lobby"]);
    // Only what the server has signed itself follows from a claim.
    says["claim"] = json!(true);
    let claims = secret_server().read(&hs256(&says), NOW).unwrap();
    assert_eq!(claims.display.as_deref(), Some("Alice in Wonderland"));
    assert_eq!((claims.admin, claims.device), (true, None));
    assert_eq!(claims.rooms, Some(["den", "lobby"].map(|name| RoomName::parse(name).unwrap()).into()));
}

#[test]
fn a_claim_that_an_issuer_knows_nothing_of_is_absent_in_whichever_way_it_says_so() {
    let server = secret_server();
    for absent in [Value::Null, json!("")] {
        for claim in ["name", "admin", "rooms", "nbf"] {
            let mut says = good();
            says[claim] = absent.clone();
            let claims = server.read(&hs256(&says), NOW).unwrap_or_else(|why| panic!("{claim} {absent}: {why:?}"));
            assert_eq!((claims.display, claims.admin, claims.rooms), (None, false, None), "{claim} {absent}");
        }
    }
    let blank = server.read(&hs256(&with("name", json!("  "))), NOW).unwrap();
    assert_eq!(blank.display, None);
    // An empty list is a list: it allows no room.
    assert_eq!(server.read(&hs256(&with("rooms", json!([]))), NOW).unwrap().rooms, Some(Vec::new()));
    // Where no issuer and no audience are set, those may be absent too.
    let any = Jwt::open(Arc::new(MemoryAccounts::default()), Some(Issuer::with_secret(SECRET).unwrap()), NOW).unwrap();
    for absent in [Value::Null, json!(""), json!([])] {
        let mut says = with("aud", Value::Null);
        (says["aud"], says["iss"]) = (absent.clone(), absent.clone());
        assert!(any.read(&hs256(&says), NOW).is_ok(), "{absent}");
    }
}

#[test]
fn another_claim_may_name_the_user_and_the_subject_stands_behind_it() {
    let server = |claim: &str| {
        let issuer = Issuer::with_secret(SECRET).unwrap().named(Some("https://a.org".into()), Some("chat".into()));
        let issuer = issuer.naming_by(Some(claim.to_owned()));
        Jwt::open(Arc::new(MemoryAccounts::default()), Some(issuer), NOW).unwrap()
    };
    let uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let mut says = with("sub", json!(uuid));
    says["preferred_username"] = json!("alice");
    says["https://a.org/nick"] = json!("ally");
    for (claim, name) in [("preferred_username", "alice"), ("https://a.org/nick", "ally")] {
        let claims = server(claim).read(&hs256(&says), NOW).unwrap();
        assert_eq!((claims.user.as_str(), claims.subject.as_deref()), (name, Some(uuid)));
    }
    let server = server("preferred_username");
    for subject in ["1", "auth0|5f7c8ec7c33c6c004bbafe82", &"x".repeat(255), "Ä:/?# ü"] {
        says["sub"] = json!(subject);
        assert_eq!(server.read(&hs256(&says), NOW).unwrap().subject.as_deref(), Some(subject));
    }
    for bad in [json!(""), json!("x".repeat(256)), json!("a\nb"), Value::Null, json!(7)] {
        says["sub"] = bad;
        refused(&server, &hs256(&says), Invalid::NotUnderstood);
    }
    says["sub"] = json!(uuid);
    for bad in [json!(""), json!("x".repeat(33)), json!("two words"), Value::Null, json!(["alice"])] {
        says["preferred_username"] = bad;
        refused(&server, &hs256(&says), Invalid::NotUnderstood);
    }
    // Without the setting the subject is the name, and this one is too long for it.
    refused(&secret_server(), &hs256(&with("sub", json!(uuid))), Invalid::NotUnderstood);
    assert_eq!(secret_server().read(&hs256(&good()), NOW).unwrap().subject, None);
}

/// The public key of `keys/ec.pem` as a JSON Web Key: the last 64 bytes of its PEM.
fn ec_jwk(kid: &str) -> Value {
    let text: String = EC_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = from_base64(&text);
    let point = &bytes[bytes.len() - 64..];
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": url(&point[..32]), "y": url(&point[32..])})
}

fn from_base64(text: &str) -> Vec<u8> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |letter| LETTERS.find(letter).unwrap() as u32;
    let offline_messages: Vec<u32> = text.chars().filter(|letter| *letter != '=').map(value).collect();
    let bytes = |four: &[u32]| {
        let bits = four.iter().fold(0, |bits, six| bits << 6 | six) << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    offline_messages.chunks(4).flat_map(bytes).collect()
}

fn url(bytes: &[u8]) -> String {
    // Each byte as the character of its number: `part` takes text.
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).for_each(|at| text.push(LETTERS[(bits >> (18 - 6 * at) & 63) as usize].into()));
    }
    text
}

#[test]
fn a_set_of_keys_finds_the_one_that_a_token_names() {
    let set = json!({"keys": [ec_jwk("new"), {"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"}]});
    let server = server(Issuer::with_keys(set.to_string().as_bytes()).unwrap());
    let key = EncodingKey::from_ec_pem(EC.as_bytes()).unwrap();
    let named = |kid: Option<&str>| {
        let head = Header { kid: kid.map(str::to_owned), ..header(Algorithm::ES256) };
        signed(&head, &good(), &key)
    };
    assert!(server.read(&named(Some("new")), NOW).is_ok());
    assert!(server.read(&named(None), NOW).is_ok());
    refused(&server, &named(Some("old")), Invalid::NotOurs);
    refused(&server, &named(Some("enc")), Invalid::NotOurs);
}

#[test]
fn a_file_that_holds_no_public_key_is_refused_with_a_sentence() {
    let keys = |text: &str| sentence(Issuer::with_keys(text.as_bytes()));
    for private in [RSA, EC, ED] {
        assert_eq!(keys(private), "holds a private key, and a server needs the public one");
    }
    let neither = "holds neither a public key in PEM nor a set of them in JSON";
    assert_eq!(keys(""), neither);
    assert_eq!(keys("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), neither);
    assert_eq!(keys(include_str!("keys/p384.pub.pem")), "holds a key on another curve than P-256");
    assert_eq!(keys("{\"keys\":7}"), "is not a set of keys: {\"keys\":[…]}");
    assert_eq!(keys("{\"keys\":[]}"), "holds no key for RS256, ES256 or EdDSA");
    let secret = "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}";
    assert_eq!(keys(secret), "holds a secret: name it with --jwt-secret-file");
    let short = sentence(Issuer::with_secret(b"short\n"));
    assert_eq!(short, "holds 5 bytes, and HS256 needs at least 32");
}

#[test]
fn an_issuer_may_sign_with_a_secret_and_with_keys() {
    let both = Issuer::with_secret(SECRET).unwrap().and(Issuer::with_keys(ED_PUBLIC.as_bytes()).unwrap());
    let server = server(both);
    assert!(server.read(&hs256(&good()), NOW).is_ok());
    let key = EncodingKey::from_ed_pem(ED.as_bytes()).unwrap();
    assert!(server.read(&signed(&header(Algorithm::EdDSA), &good(), &key), NOW).is_ok());
    // Each key still has its own algorithm.
    refused(
        &server,
        &signed(&header(Algorithm::HS256), &good(), &EncodingKey::from_secret(ED_PUBLIC.as_bytes())),
        Invalid::NotOurs,
    );
}
