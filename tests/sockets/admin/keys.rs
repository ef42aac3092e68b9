//! The keys that sign the server's tokens: listing them, making another one, and revoking one.

use serde_json::{Value, json};

use super::{api, list, server};
use crate::harness::http::ask;
use crate::harness::issuer::{bearer, claim, welcomed};

/// The ids of the keys, the one that signs first.
fn ids(keys: &[Value]) -> Vec<String> {
    keys.iter().map(|key| key["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn keys_are_listed_without_their_secrets_and_another_one_signs() {
    let server = server();
    let first = list(&server, "keys");
    assert_eq!((first.len(), &first[0]["signs"], &first[0]["until"]), (1, &json!(true), &Value::Null));
    claim(&server, "Ann");
    assert!(list(&server, "keys")[0]["until"].is_string(), "it has signed a token");
    let made = api(&server, "POST keys", None);
    assert_eq!((made.status, &made.json()["signs"]), (201, &json!(true)));
    let keys = list(&server, "keys");
    assert_eq!(ids(&keys), [made.json()["key"].as_str().unwrap(), first[0]["key"].as_str().unwrap()]);
    assert_eq!([&keys[0]["signs"], &keys[1]["signs"]], [true, false]);
    let fields: Vec<_> = keys[1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["key", "made", "signs", "until"]);
    let entry = &list(&server, "audit")[0];
    assert_eq!([&entry["what"], &entry["about"]], [&json!("key_rotated"), &first[0]["key"]]);
}

#[test]
fn what_a_revoked_key_has_signed_is_void_and_its_connections_end() {
    let server = server();
    let old = claim(&server, "Ann");
    let (mut ann, _) = welcomed(&server, &old);
    let key = ids(&list(&server, "keys")).remove(0);
    let refused = api(&server, &format!("DELETE keys/{key}"), None);
    assert_eq!((refused.status, &*refused.error()), (409, "conflict"), "it signs");
    assert_eq!(api(&server, "POST keys", None).status, 201);
    let new = claim(&server, "Bob");
    let (mut bob, _) = welcomed(&server, &new);
    assert_eq!(ann.ask(json!({"type": "ping"}))["type"], "pong");
    assert_eq!(api(&server, &format!("DELETE keys/{key}"), None).status, 204);
    assert_eq!(ann.ending().code, Some(4401));
    assert_eq!(ask(&server, "GET /api/v1/me", &bearer(&old), "").status, 401);
    assert_eq!(ask(&server, "GET /api/v1/me", &bearer(&new), "").status, 200);
    assert_eq!(bob.ask(json!({"type": "ping"}))["type"], "pong");
    assert_eq!(api(&server, &format!("DELETE keys/{key}"), None).status, 404);
    let entry = &list(&server, "audit")[0];
    assert_eq!([&entry["what"], &entry["about"]], [&json!("key_revoked"), &json!(key)]);
}
