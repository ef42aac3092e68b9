//! An issuer of tokens of the usual kind: its subjects are no names, another claim is, and what is wrong with a token
//! is in the log.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::harness::Place;

const SECRET: &str = "the secret of an issuer of tokens";

/// A token that is valid for an hour, unless `says` has another `exp`.
fn token(mut says: Value) -> String {
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(3_600);
    if says.get("exp").is_none() {
        says["exp"] = end.as_secs().into();
    }
    encode(&Header::default(), &says, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn user(sub: &str, name: &str) -> String {
    token(json!({"sub": sub, "preferred_username": name}))
}

const ALICE: &str = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
const OTHER: &str = "0c6e1d9a-3a4f-4c1e-9a52-5f0b8f0f1a11";

#[test]
fn a_name_belongs_to_the_subject_that_came_with_it_first_also_after_a_restart() {
    let place = Place::new();
    std::fs::write(place.0.join("secret"), SECRET).unwrap();
    let flags = ["--jwt-secret-file=secret", "--jwt-name-claim=preferred_username"];
    let server = place.serve(&flags);
    assert_eq!(server.me(&user(ALICE, "alice")).unwrap()["user"], "alice");
    assert_eq!(server.me(&user(OTHER, "alice")), Err(401));
    assert_eq!(server.me(&user(OTHER, "bob")).unwrap()["user"], "bob");
    let log = server.stop();
    assert!(log.contains("token refused: another subject of the issuer has had this name before user=alice"), "{log}");
    let server = place.serve(&flags);
    assert_eq!(server.me(&user(OTHER, "alice")), Err(401));
    assert_eq!(server.me(&user(ALICE, "alice")).unwrap()["user"], "alice");
    server.stop();
}

#[test]
fn the_log_says_why_a_token_was_refused_and_not_what_was_in_it() {
    let place = Place::new();
    std::fs::write(place.0.join("secret"), SECRET).unwrap();
    let server = place.serve(&["--jwt-secret-file=secret"]);
    let tokens = [
        (
            user(ALICE, "alice"),
            "its sub, which names the user, must have 1 to 32 characters, and has 36; see --jwt-name-claim",
        ),
        (token(json!({"sub": "alice", "exp": 1_000})), "it expired "),
        (token(json!({"sub": "alice", "aud": "wiki"})), "it has an aud, and there is no --jwt-audience"),
        (token(json!({"sub": "alice", "admin": "precious"})), "its admin is neither true nor false"),
        (format!("{}x", user("alice", "alice")), "no known key has signed it"),
        ("precious".to_owned(), "it is no JSON Web Token"),
    ];
    for (token, _) in &tokens {
        assert_eq!(server.me(token), Err(401));
    }
    let log = server.stop();
    for (token, why) in tokens {
        assert!(log.contains(&format!("token refused: {why}")), "{why}:\n{log}");
        for part in token.split('.').skip(1).filter(|part| part.len() > 8) {
            assert!(!log.contains(part), "a token is in the log:\n{log}");
        }
    }
    assert!(!log.contains("precious") && !log.contains(ALICE), "{log}");
}
