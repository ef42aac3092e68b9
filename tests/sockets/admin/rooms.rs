//! The rooms of a server, as its admins see and change them.

use serde_json::{Value, json};

use super::{admin, api, list, server};
use crate::harness::issuer::{claim, welcomed};
use crate::harness::{TestServer, WebSocketClient};

fn room(server: &TestServer, name: &str) -> Value {
    list(server, "rooms").into_iter().find(|room| room["room"] == name).unwrap_or_default()
}

#[test]
fn rooms_are_listed_with_size_policy_and_last_word_and_come_in_parts() {
    let mut server = server();
    server.created = 1;
    let (mut ann, _) = welcomed(&server, &claim(&server, "Ann"));
    ann.ask(json!({"type": "create", "room": "den", "private": true}));
    ann.ask(json!({"type": "join", "room": "den"}));
    ann.ask(json!({"type": "settings", "room": "den", "slow_mode_s": 5}));
    ann.ask(json!({"type": "message", "room": "den", "message": "hello"}));
    let _bob = WebSocketClient::json(&server, "hall", "Bob");
    let mut den = room(&server, "den");
    assert!(den["last_at"].as_str().is_some());
    den.as_object_mut().unwrap().remove("last_at");
    let expected = json!({"room": "den", "members": 1, "private": true, "owner": "Ann", "listed": 1, "slow_mode_s": 5,
        "announcement": false, "seq": 1, "last_by": "Ann"});
    assert_eq!(den, expected);
    let hall = room(&server, "hall");
    assert_eq!((&hall["members"], &hall["private"], &hall["seq"]), (&json!(1), &json!(false), &Value::Null));
    let first = api(&server, "GET rooms?limit=1", None).json();
    assert_eq!((&first["rooms"][0]["room"], &first["next"]), (&json!("den"), &json!("den")));
    let rest = api(&server, "GET rooms?limit=1&after=den", None).json();
    assert_eq!((&rest["rooms"][0]["room"], &rest["next"]), (&json!("hall"), &Value::Null));
    ann.ask(json!({"type": "end", "room": "den"}));
    server.created = 0;
}

#[test]
fn an_admin_creates_hands_over_and_ends_a_room_and_the_server_remembers_it() {
    let server = server();
    let (mut ann, _) = welcomed(&server, &claim(&server, "Ann"));
    claim(&server, "Bob");
    let made = api(&server, "POST rooms", Some(json!({"room": "den", "private": true, "owner": "Ann"})));
    assert_eq!(made.status, 204, "{made:?}");
    assert_eq!((&room(&server, "den")["owner"], &room(&server, "den")["private"]), (&json!("Ann"), &json!(true)));
    assert_eq!(ann.ask(json!({"type": "join", "room": "den"}))["type"], "joined");
    assert_eq!(api(&server, "PUT rooms/den/owner", Some(json!({"user": "Nobody"}))).status, 404);
    assert_eq!(api(&server, "PUT rooms/den/owner", Some(json!({"user": "Bob"}))).status, 204);
    assert_eq!(room(&server, "den")["owner"], "Bob");
    assert_eq!(api(&server, "DELETE rooms/den", None).status, 204);
    assert_eq!(ann.wait_for_type("ended")["by"], "Root");
    assert_eq!(api(&server, "DELETE rooms/den", None).status, 404);
    let twice = api(&server, "POST rooms", Some(json!({"room": "den", "owner": "Nobody"})));
    assert_eq!((twice.status, &*twice.error()), (404, "not_found"));
    let said: Vec<_> = list(&server, "audit").iter().map(|entry| entry["what"].clone()).collect();
    assert_eq!(said[0], "room_ended");
    assert_eq!(said[said.len() - 1], "room_created");
    assert!(said.contains(&json!("room_handed_over")));
}

#[test]
fn what_an_admin_decides_in_a_room_as_an_admin_alone_is_in_the_audit_of_the_server() {
    let server = server();
    let (mut ann, _) = welcomed(&server, &claim(&server, "Ann"));
    ann.ask(json!({"type": "create", "room": "den"}));
    ann.ask(json!({"type": "settings", "room": "den", "slow_mode_s": 5}));
    let (mut root, _) = welcomed(&server, &admin());
    root.ask(json!({"type": "join", "room": "den"}));
    assert_eq!(list(&server, "audit").len(), 0, "the owner does what is the owner's");
    root.ask(json!({"type": "mute", "room": "den", "user": "Bob"}));
    assert_eq!(root.ask(json!({"type": "kick", "room": "den", "user": "Nobody"}))["code"], "not_found");
    root.ask(json!({"type": "create", "room": "own"}));
    root.ask(json!({"type": "settings", "room": "own", "slow_mode_s": 5}));
    root.ask(json!({"type": "end", "room": "own"}));
    root.ask(json!({"type": "end", "room": "den"}));
    let said: Vec<_> = list(&server, "audit").iter().map(|entry| entry["about"].clone()).collect();
    assert_eq!(said[0], "den ended");
    assert_eq!(said[said.len() - 1], "den muted Bob");
    assert!(said.iter().all(|about| !about.as_str().unwrap().starts_with("own")), "{said:?}");
}

#[test]
#[cfg(feature = "sqlite")]
fn an_admin_says_how_much_of_a_room_is_kept() {
    let server = server();
    let mut ann = WebSocketClient::json(&server, "den", "Ann");
    ann.ask(json!({"type": "message", "room": "den", "message": "hello"}));
    let retain = |body: Value| {
        let answer = api(&server, "PUT rooms/den/retention", Some(body));
        (answer.status, answer.json())
    };
    assert_eq!(retain(json!({})), (200, json!({"room": "den"})));
    let kept = json!({"room": "den", "age_s": 86_400, "messages": 10});
    assert_eq!(retain(json!({"age_s": 86_400, "messages": 10})), (200, kept.clone()));
    assert_eq!(retain(json!({})), (200, kept));
    assert_eq!(retain(json!({"age_s": "server", "messages": 0})), (200, json!({"room": "den", "messages": 0})));
    // A number is whole however it is written.
    assert_eq!(retain(json!({"age_s": 60.0})), (200, json!({"room": "den", "age_s": 60, "messages": 0})));
    let too_much = 9_007_199_254_741_u64;
    for wrong in [
        json!({"age_s": "day"}),
        json!({"messages": -1}),
        json!({"messages": 1.5}),
        json!({"age_s": too_much}),
        json!({"messages": too_much}),
    ] {
        assert_eq!(retain(wrong.clone()).0, 400, "{wrong}");
    }
    assert_eq!(api(&server, "PUT rooms/nowhere/retention", Some(json!({}))).status, 404);
}
