//! `roomd token` and `roomd keys`, beside a server that runs.

use serde_json::json;

use crate::harness::{Place, bearer};

fn keys(place: &Place) -> Vec<String> {
    let output = place.run(&["keys", "list"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_token_that_was_minted_beside_the_server_is_good_there() {
    let place = Place::new();
    let server = place.serve(&["--guests=off"]);
    let token = place.token(&["--user", "root", "--admin", "--for", "7d", "--name", "The Root"]);
    let who = server.me(&token).unwrap();
    assert_eq!((&who["user"], &who["admin"], &who["name"]), (&json!("root"), &json!(true), &json!("The Root")));
    let room = server.me(&place.token(&["--user", "alice", "--room", "den", "--room", "hall"])).unwrap();
    assert_eq!(room["allowed_rooms"], json!(["den", "hall"]));
    // The name is registered with the token, whether it was used or not.
    let unused = place.token(&["--user", "bob"]);
    let other = place.run(&["token", "--user", "BOB"]);
    assert_eq!(String::from_utf8(other.stderr).unwrap(), "roomd: the name is registered as bob: say --user bob\n");
    server.stop();
    let server = place.serve(&["--claims=open"]);
    assert_eq!(server.ask("POST", "/api/v1/claims", "", "{\"name\":\"Bob\"}").0, 409);
    assert_eq!(server.me(&unused).unwrap()["user"], "bob");
    server.stop();
}

#[test]
fn a_name_that_was_minted_while_the_server_runs_cannot_be_claimed() {
    let place = Place::new();
    let server = place.serve(&[]);
    place.token(&["--user", "bob"]);
    assert_eq!(server.ask("POST", "/api/v1/claims", "", "{\"name\":\"Bob\"}").0, 409);
    server.stop();
}

#[test]
fn a_key_is_rotated_beside_the_server_and_old_tokens_stay_good() {
    let place = Place::new();
    let server = place.serve(&[]);
    let (status, claimed) = server.ask("POST", "/api/v1/claims", "", "{\"name\":\"Alice\"}");
    assert_eq!(status, 201);
    let old = claimed["token"].as_str().unwrap();
    let before = keys(&place);
    assert_eq!(before.len(), 1);
    assert!(place.run(&["keys", "rotate"]).status.success());
    let after = keys(&place);
    assert_eq!((after.len(), after[1].split(' ').next()), (2, before[0].split(' ').next()));
    let new = place.token(&["--user", "bob"]);
    assert_eq!(server.me(old).unwrap()["user"], "Alice");
    assert_eq!(server.me(&new).unwrap()["user"], "bob");
    // What the server signs from now on, the new key signs.
    let renewed = server.ask("POST", "/api/v1/claims", &bearer(old), "{\"name\":\"Alice\"}").1;
    let head = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_eq!(head(renewed["token"].as_str().unwrap()), head(&new));
    assert_ne!(head(&new), head(old));
    server.stop();
    let server = place.serve(&[]);
    assert_eq!(server.me(old).unwrap()["user"], "Alice");
    server.stop();
}

#[test]
fn a_key_that_has_signed_nothing_that_lives_is_forgotten_when_it_is_replaced() {
    let place = Place::new();
    place.serve(&[]).stop();
    let first = keys(&place);
    assert!(place.run(&["keys", "rotate"]).status.success());
    let second = keys(&place);
    assert_eq!((second.len(), first.len()), (1, 1));
    assert_ne!(first, second);
    // Nothing is shown of a key but its name.
    assert!(first[0].ends_with("has signed nothing"), "{first:?}");
    assert_eq!(first[0].split(' ').next().unwrap().len(), 16);
}

#[test]
fn a_key_is_revoked_beside_the_server_unless_it_signs() {
    let place = Place::new();
    place.serve(&[]).stop();
    let old = place.token(&["--user", "alice"]);
    let kid = keys(&place)[0].split(' ').next().unwrap().to_owned();
    let revoke = |key: &str| {
        let output = place.run(&["keys", "revoke", "--key", key]);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (done, why) = revoke(&kid);
    assert!(!done && why.contains("make another one first"), "{why}");
    assert!(place.run(&["keys", "rotate"]).status.success());
    assert_eq!(revoke(&kid), (true, String::new()));
    let (done, why) = revoke(&kid);
    assert!(!done && why.contains("there is no key"), "{why}");
    let server = place.serve(&[]);
    assert_eq!(server.me(&old), Err(401));
    server.stop();
}

#[test]
fn without_a_file_there_is_nothing_to_sign_with() {
    let place = Place::new();
    for arguments in [&["token", "--user", "bob"][..], &["keys", "list"], &["keys", "rotate"]] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("there is no file"), "{arguments:?}");
    }
    assert!(std::fs::read_dir(&place.0).unwrap().next().is_none(), "and none is made");
}
