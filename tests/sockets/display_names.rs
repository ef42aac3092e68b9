//! Display names: what users want to be called, beside the names that identify them.

use serde_json::{Value, json};

use crate::harness::issuer::{claim, connect, welcomed};
use crate::harness::{TestServer, WebSocketClient};

fn set(client: &mut WebSocketClient, name: &str) -> Value {
    client.ask(json!({"type": "display_name", "name": name}))
}

fn names(client: &mut WebSocketClient, users: &[&str]) -> Value {
    client.ask(json!({"type": "display_names", "users": users}))["names"].clone()
}

#[test]
fn a_display_name_is_told_to_who_shares_a_room_and_to_ones_other_connections_and_to_whoever_asks() {
    let server = TestServer::start();
    let (chloe, bob) = (claim(&server, "chloe"), claim(&server, "Bob"));
    let ((mut desk, _), (mut phone, _), (mut bob, _)) =
        (welcomed(&server, &chloe), welcomed(&server, &chloe), welcomed(&server, &bob));
    let mut stranger = WebSocketClient::multi(&server, "Stranger");
    for client in [&mut bob, &mut desk] {
        assert_eq!(client.ask(json!({"type": "join", "room": "den"}))["type"], "joined");
    }
    assert_eq!(bob.event()["type"], "join");
    assert_eq!(set(&mut desk, " Chloé   Nguyễn ")["type"], "ok");
    let told = json!({"type": "display_name", "user": "chloe", "name": "Chloé Nguyễn"});
    assert_eq!((bob.event(), phone.event()), (told.clone(), told));
    assert_eq!(names(&mut stranger, &["Bob", "chloe", "nobody"]), json!([{"user": "chloe", "name": "Chloé Nguyễn"}]));
    let (_, welcome) = welcomed(&server, &chloe);
    assert_eq!(welcome["name"], "Chloé Nguyễn");
    assert_eq!(set(&mut desk, "")["type"], "ok");
    assert_eq!(bob.event(), json!({"type": "display_name", "user": "chloe"}));
    assert_eq!(names(&mut stranger, &["chloe"]), json!([]));
}

#[test]
fn a_display_name_shows_something_and_is_no_registered_name_of_another() {
    let server = TestServer::start();
    let (ann, _) = (claim(&server, "Ann"), claim(&server, "Bob"));
    let (mut ann, _) = welcomed(&server, &ann);
    for bad in ["\u{200b}", "a\u{202e}b", "a\nb", &"x".repeat(65)] {
        assert_eq!(set(&mut ann, bad)["code"], "bad_request", "{bad:?}");
    }
    for taken in ["Bob", "bOB", "ＢＯＢ"] {
        assert_eq!(set(&mut ann, taken)["code"], "name_taken", "{taken}");
    }
    assert_eq!(set(&mut ann, "ann")["type"], "ok");
    assert_eq!(ann.ask(json!({"type": "display_name"}))["code"], "bad_request");
    let many = vec!["Bob"; 301];
    assert_eq!(ann.ask(json!({"type": "display_names", "users": many}))["code"], "bad_request");
    assert_eq!(ann.ask(json!({"type": "display_names", "users": ["a b"]}))["code"], "bad_request");
    let mut guest = WebSocketClient::multi(&server, "Guest");
    assert_eq!(set(&mut guest, "A Guest")["code"], "unauthorized");
}

#[test]
fn the_text_dialect_sets_shows_and_is_told_display_names() {
    let server = TestServer::start();
    let token = claim(&server, "chloe");
    let mut bob = WebSocketClient::text(&server, "den", "Bob");
    let mut chloe = connect(&server, "/ws?room=den&format=text", &token);
    bob.receives("chloe joined the room");
    chloe.wait_for("chloe joined the room");
    chloe.say("/display Chloé Nguyễn");
    bob.receives("* chloe wants to be called Chloé Nguyễn");
    bob.say("/whois chloe");
    bob.receives("* chloe wants to be called Chloé Nguyễn");
    chloe.say("/display -");
    bob.receives("* chloe has no display name any more");
    bob.say("/whois chloe");
    bob.receives("* There is no display name");
}
