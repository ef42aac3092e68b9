//! Tokens made by somebody who should not be let in.

use jsonwebtoken::{Algorithm, EncodingKey};
use roomd::auth::jwt::{Issuer, Jwt, TOKEN_BYTES_MAX};
use roomd::auth::{Invalid, Tokens};
use serde_json::{Value, json};

use crate::harness::*;

#[test]
fn a_token_that_says_it_needs_no_signature_is_refused() {
    let server = secret_server();
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let head = part(&json!({"alg": algorithm, "typ": "JWT"}).to_string());
        let says = part(&good().to_string());
        for signature in ["", "AAAA"] {
            refused(&server, &format!("{head}.{says}.{signature}"), Invalid::NotUnderstood);
        }
        refused(&server, &format!("{head}.{says}"), Invalid::NotUnderstood);
    }
    // A good token without its signature.
    let token = hs256(&good());
    let cut = token.rsplit_once('.').unwrap().0;
    refused(&server, &format!("{cut}."), Invalid::NotOurs);
}

#[test]
fn a_public_key_is_no_secret() {
    // What is public is used as the secret of HS256: in PEM, as its bytes stand in the file.
    for public in [RSA_PUBLIC, EC_PUBLIC, ED_PUBLIC] {
        let server = server(Issuer::with_keys(public.as_bytes()).unwrap());
        for key in [public.as_bytes(), public.trim_end().as_bytes()] {
            let token = signed(&header(Algorithm::HS256), &good(), &EncodingKey::from_secret(key));
            refused(&server, &token, Invalid::NotOurs);
        }
    }
}

#[test]
fn a_key_is_for_one_algorithm() {
    let rsa = server(Issuer::with_keys(RSA_PUBLIC.as_bytes()).unwrap());
    let key = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        refused(&rsa, &signed(&header(algorithm), &good(), &key), Invalid::NotOurs);
    }
    let secret = secret_server();
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = signed(&header(algorithm), &good(), &EncodingKey::from_secret(SECRET));
        refused(&secret, &token, Invalid::NotOurs);
    }
    refused(&secret, &signed(&header(Algorithm::RS256), &good(), &key), Invalid::NotOurs);
}

#[test]
fn a_wrong_key_signs_nothing() {
    let server = secret_server();
    let wrong = EncodingKey::from_secret(b"another secret of 32 bytes, yes!");
    refused(&server, &signed(&header(Algorithm::HS256), &good(), &wrong), Invalid::NotOurs);
    refused(&alone().0, &hs256(&good()), Invalid::NotOurs);
}

#[test]
fn each_letter_of_a_token_counts() {
    let server = secret_server();
    let token = hs256(&good());
    assert!(server.read(&token, NOW).is_ok());
    for at in 0..token.len() {
        // The last letter of a part has bits that mean nothing; those must be zero.
        let letter = if token.as_bytes()[at] == b'A' { 'B' } else { 'A' };
        let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
        assert!(server.read(&changed, NOW).is_err(), "letter {at} of {token}");
        assert!(server.read(&token[..at], NOW).is_err(), "{at} letters of {token}");
    }
}

#[test]
fn a_token_lives_from_its_beginning_to_its_end() {
    let server = secret_server();
    for (says, why) in [
        (with("exp", Value::Null), Invalid::NotUnderstood),
        (with("exp", json!(at(-6))), Invalid::Expired),
        (with("exp", json!(0)), Invalid::Expired),
        (with("exp", json!(-1)), Invalid::NotUnderstood),
        (with("exp", json!("2099-01-01")), Invalid::NotUnderstood),
        (with("exp", json!(at(60).to_string())), Invalid::NotUnderstood),
        // Milliseconds: a mistake that would make it live for ever.
        (with("exp", json!(at(60) * 1_000)), Invalid::NotUnderstood),
        (with("exp", json!(1e300)), Invalid::NotUnderstood),
        (with("nbf", json!(at(6))), Invalid::NotYet),
        (with("nbf", json!("soon")), Invalid::NotUnderstood),
        (with("sub", Value::Null), Invalid::NotUnderstood),
        (with("sub", json!("")), Invalid::NotUnderstood),
        (with("sub", json!("a:b")), Invalid::NotUnderstood),
        (with("sub", json!(7)), Invalid::NotUnderstood),
        (with("iss", Value::Null), Invalid::NotForUs),
        (with("iss", json!("https://b.org")), Invalid::NotForUs),
        (with("aud", Value::Null), Invalid::NotForUs),
        (with("aud", json!("mail")), Invalid::NotForUs),
        (with("aud", json!(["mail", "wiki"])), Invalid::NotForUs),
        (with("aud", json!([])), Invalid::NotForUs),
        (with("rate", json!(0)), Invalid::NotUnderstood),
        (with("rate", json!(1_000_001)), Invalid::NotUnderstood),
        (with("rate", json!("60")), Invalid::NotUnderstood),
        (with("rooms", json!(["a/b"])), Invalid::NotUnderstood),
        (with("rooms", json!("den")), Invalid::NotUnderstood),
        (with("admin", json!("yes")), Invalid::NotUnderstood),
        (with("name", json!("x".repeat(129))), Invalid::NotUnderstood),
        (with("name", json!("a\nb")), Invalid::NotUnderstood),
    ] {
        refused(&server, &hs256(&says), why);
    }
    for says in [
        // Clocks differ by some seconds.
        with("exp", json!(at(-4))),
        with("nbf", json!(at(4))),
        with("exp", json!(at(60) as f64 + 0.5)),
        with("aud", json!(["mail", "chat"])),
    ] {
        assert!(server.read(&hs256(&says), NOW).is_ok(), "{says}");
    }
}

#[test]
fn without_an_audience_a_token_that_has_one_is_for_somebody_else() {
    let issuer = Issuer::with_secret(SECRET).unwrap();
    let server =
        Jwt::open(std::sync::Arc::new(roomd::store::accounts::MemoryAccounts::default()), Some(issuer), NOW).unwrap();
    refused(&server, &hs256(&good()), Invalid::NotForUs);
    assert!(server.read(&hs256(&with("aud", Value::Null)), NOW).is_ok());
}

#[test]
fn what_must_be_understood_and_is_not_makes_it_no_token() {
    let critical = jsonwebtoken::Header { crit: Some(vec!["exp".into()]), ..header(Algorithm::HS256) };
    refused(&secret_server(), &signed(&critical, &good(), &EncodingKey::from_secret(SECRET)), Invalid::NotUnderstood);
}

#[test]
fn a_token_of_great_length_is_not_looked_at() {
    let server = secret_server();
    for token in ["a".repeat(100 * 1024), ".".repeat(100 * 1024), format!("{}.e30.", "A".repeat(100 * 1024))] {
        refused(&server, &token, Invalid::NotUnderstood);
    }
    let long = with("note", json!("x".repeat(TOKEN_BYTES_MAX)));
    refused(&server, &hs256(&long), Invalid::NotUnderstood);
    for token in ["", ".", "..", "...", "a.b.c", "a.b.c.d", "e30.e30.e30", "\u{0}.\u{0}.\u{0}", "ä.ö.ü", "=.=.="] {
        refused(&server, token, Invalid::NotUnderstood);
    }
}

#[test]
fn the_name_of_a_key_finds_that_key_or_none() {
    let (server, key, _) = alone();
    let sign = |kid: &str, secret: &[u8]| {
        let head = jsonwebtoken::Header { kid: Some(kid.into()), ..header(Algorithm::HS256) };
        let says = json!({"sub": "alice", "exp": at(60), "iss": "roomd", "aud": "roomd"});
        signed(&head, &says, &EncodingKey::from_secret(secret))
    };
    let ours = format!("roomd-{}", key.kid);
    assert!(server.read(&sign(&ours, &key.secret), NOW).is_ok());
    for kid in [
        "",
        "roomd-",
        "../../../../dev/null",
        "roomd-../../../../dev/null",
        "roomd-' OR 1=1 --",
        "roomd-%00",
        "https://evil.example/keys.json",
        &*key.kid,
        &ours.to_uppercase(),
    ] {
        // An empty file, an empty row: what a look-up that was led astray would find.
        refused(&server, &sign(kid, b""), Invalid::NotOurs);
        refused(&server, &sign(kid, &key.secret), Invalid::NotOurs);
    }
}

#[test]
fn a_token_cannot_bring_its_own_key() {
    let head = part(
        &json!({"alg": "HS256", "typ": "JWT", "jku": "https://evil.example/keys.json", "x5u": "https://evil.example/c",
                "jwk": {"kty": "oct", "k": part("evil")}})
        .to_string(),
    );
    let evil = signed(&header(Algorithm::HS256), &good(), &EncodingKey::from_secret(b"evil"));
    let rest = evil.split_once('.').unwrap().1;
    refused(&secret_server(), &format!("{head}.{rest}"), Invalid::NotOurs);
}
