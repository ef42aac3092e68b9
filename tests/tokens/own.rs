//! Tokens of the server's own keys, which change.

use std::sync::Arc;
use std::time::Duration;

use roomd::auth::jwt::Jwt;
use roomd::auth::{Claims, Invalid, Tokens};
use roomd::chat::Time;
use roomd::chat::device::DeviceId;
use roomd::store::AccountStore;
use roomd::store::accounts::ServerKey;

use crate::harness::*;

#[test]
fn what_the_server_signs_it_reads_again() {
    let (server, key, _) = alone();
    let mut all = claims("Zoë", 60);
    (all.admin, all.device, all.display) = (true, Some(DeviceId(9)), Some("Z".into()));
    all.rate = Some(60);
    all.rooms = Some(vec![roomd::chat::RoomName::parse("den").unwrap()]);
    for claims in [claims("alice", 60), all] {
        let token = server.sign(&claims, NOW).unwrap();
        assert_eq!(server.read(&token, NOW), Ok(Claims { key: Some(Arc::clone(&key.kid)), ..claims }));
    }
}

#[test]
fn a_token_of_ours_ends() {
    let (server, ..) = alone();
    let token = server.sign(&claims("alice", 60), NOW).unwrap();
    assert!(server.read(&token, NOW.after(Duration::from_secs(64))).is_ok());
    assert_eq!(server.read(&token, NOW.after(Duration::from_secs(65))), Err(Invalid::Expired));
}

#[test]
fn a_key_that_was_added_beside_the_server_signs_and_the_old_one_is_still_good() {
    let (server, _, registry) = alone();
    let old = server.sign(&claims("alice", 60), NOW).unwrap();
    let key = ServerKey::draw(NOW).unwrap();
    registry.add_key(&key).unwrap();
    // Minted by hand with the new key, and shown to a server that has not heard of it.
    let later = NOW.after(Duration::from_secs(2));
    let minted = Jwt::signed_by(&key, &claims("bob", 60), NOW).unwrap();
    assert_eq!(server.read(&minted, later).map(|claims| claims.user.to_string()), Ok("bob".to_owned()));
    assert!(server.read(&old, later).is_ok());
    let new = server.sign(&claims("cleo", 60), later).unwrap();
    assert_ne!(new.split('.').next(), old.split('.').next());
    assert_eq!(new.split('.').next(), minted.split('.').next());
}

#[test]
fn keys_that_nobody_has_are_not_asked_for_again_and_again() {
    let (server, _, registry) = alone();
    let awaiting_auth = ServerKey::draw(NOW).unwrap();
    let token = Jwt::signed_by(&awaiting_auth, &claims("bob", 60), NOW).unwrap();
    let at = |ms| NOW.after(Duration::from_millis(ms));
    assert_eq!(server.read(&token, at(2_000)), Err(Invalid::NotOurs));
    registry.add_key(&awaiting_auth).unwrap();
    assert_eq!(server.read(&token, at(2_500)), Err(Invalid::NotOurs));
    assert!(server.read(&token, at(3_000)).is_ok());
}

#[test]
fn a_key_knows_when_its_last_token_ends() {
    let (server, _, registry) = alone();
    assert_eq!(registry.keys().unwrap()[0].until, Time(0));
    server.sign(&claims("alice", 600), NOW).unwrap();
    server.sign(&claims("bob", 60), NOW).unwrap();
    let until = registry.keys().unwrap()[0].until;
    assert_eq!(until, NOW.after(Duration::from_secs(605)));
}

#[test]
fn a_key_is_never_shown() {
    let (_, key, _) = alone();
    assert_eq!(format!("{key:?}"), format!("the key {}", key.kid));
}
