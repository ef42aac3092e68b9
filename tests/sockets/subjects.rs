//! What rooms are about: a subject, a description and pinned messages, through every door.

use serde_json::{Value, json};

use crate::harness::issuer::{bearer, claim, welcomed};
use crate::harness::{Http, LineClient, TestServer, WebSocketClient};

/// A room of Ann's with two messages, her client in it, and her token.
fn den(server: &TestServer) -> (WebSocketClient, String) {
    let token = claim(server, "Ann");
    let (mut ann, _) = welcomed(server, &token);
    assert_eq!(ann.ask(json!({"type": "create", "room": "den"}))["type"], "created");
    assert_eq!(ann.ask(json!({"type": "join", "room": "den"}))["type"], "joined");
    for text in ["one", "two"] {
        assert_eq!(ann.ask(json!({"type": "message", "room": "den", "message": text}))["type"], "sent");
    }
    (ann, token)
}

fn about(client: &mut WebSocketClient) -> Value {
    let mut about = client.ask(json!({"type": "about", "room": "den"}));
    about.as_object_mut().unwrap().retain(|name, _| name != "id");
    about
}

fn put(server: &TestServer, token: &str, method: &str, path: &str, body: &str) -> u16 {
    let mut http = Http::connect(server);
    let fields = format!("Content-Type: application/json\r\n{}", bearer(token));
    http.request(&format!("{method} /api/v1/rooms/den/{path}"), &fields, body);
    http.answer().status
}

#[test]
fn a_subject_is_set_told_to_all_and_to_who_joins_later_and_survives_a_restart() {
    let data = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("subjects.db");
    _ = std::fs::remove_file(&data);
    let data = data.to_str().unwrap().to_owned();
    let server = TestServer::with(|settings| settings.data = data.clone());
    let (mut ann, token) = den(&server);
    let mut bob = WebSocketClient::json(&server, "den", "Bob");
    assert_eq!(about(&mut bob), json!({"type": "about", "room": "den", "pinned": []}));
    ann.ask(json!({"type": "describe", "room": "den", "subject": " Tea ", "description": "Green\nor black"}));
    let told = bob.event_of("described");
    let expected = (&json!("Tea"), &json!("Green\nor black"), &json!("Ann"));
    assert_eq!((&told["subject"], &told["description"], &told["by"]), expected);
    ann.ask(json!({"type": "pin", "room": "den", "seq": 2}));
    let told = bob.event_of("pinned");
    assert_eq!((&told["seq"], &told["by"]), (&json!(2), &json!("Ann")));
    assert_eq!(put(&server, &token, "PUT", "pins/1", ""), 204);
    assert_eq!(bob.event_of("pinned")["seq"], 1);
    // What is given changes, and nothing else.
    assert_eq!(put(&server, &token, "PUT", "about", r#"{"subject":"Coffee"}"#), 204);
    let told = bob.event_of("described");
    assert_eq!((&told["subject"], told.get("description")), (&json!("Coffee"), None));
    let all = json!({"type": "about", "room": "den", "subject": "Coffee", "description": "Green\nor black", "pinned": [1, 2]});
    assert_eq!(about(&mut ann), all);
    let mut cleo = WebSocketClient::json(&server, "den", "Cleo");
    assert_eq!(cleo.wait_for_type("about"), all);
    drop((ann, bob, cleo));
    server.stop();
    let server = TestServer::with(|settings| settings.data = data);
    let mut dora = WebSocketClient::json(&server, "den", "Dora");
    assert_eq!(dora.wait_for_type("about"), all);
    assert_eq!(put(&server, &token, "DELETE", "pins/1", ""), 204);
    assert_eq!(dora.event_of("unpinned")["seq"], 1);
    assert_eq!(put(&server, &token, "PUT", "about", r#"{"subject":"","description":""}"#), 204);
    assert_eq!(about(&mut dora), json!({"type": "about", "room": "den", "pinned": [2]}));
    let mut http = Http::connect(&server);
    http.request("GET /api/v1/rooms/den/audit", &bearer(&token), "");
    let entries = http.answer().json()["entries"].clone();
    let what: Vec<_> = entries.as_array().unwrap().iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["founded", "described", "pinned", "pinned", "described", "unpinned", "described"]);
    assert_eq!((&entries[1]["subject"], &entries[2]["seq"]), (&json!("Tea"), &json!(2)));
}

#[test]
fn what_cannot_be_a_subject_or_be_pinned_is_refused() {
    let server = TestServer::with(|settings| settings.data = ":memory:".to_owned());
    let (mut ann, token) = den(&server);
    let (long, longer) = ("x".repeat(201), "x".repeat(2_001));
    for (command, code) in [
        (json!({"type": "describe", "room": "den"}), "bad_request"),
        (json!({"type": "describe", "room": "den", "subject": long}), "bad_request"),
        (json!({"type": "describe", "room": "den", "subject": "two\nlines"}), "bad_request"),
        (json!({"type": "describe", "room": "den", "description": longer}), "bad_request"),
        (json!({"type": "pin", "room": "den", "seq": 3}), "not_found"),
        (json!({"type": "pin", "room": "den", "seq": 0}), "not_found"),
        (json!({"type": "unpin", "room": "den", "seq": 0}), "not_found"),
        (json!({"type": "pin", "room": "den"}), "bad_request"),
        (json!({"type": "about", "room": "hall"}), "not_member"),
    ] {
        assert_eq!(ann.ask(command.clone())["code"], code, "{command}");
    }
    assert_eq!(put(&server, &token, "PUT", "pins/first", ""), 400);
    // What is so already is no change.
    assert_eq!(ann.ask(json!({"type": "unpin", "room": "den", "seq": 1}))["type"], "ok");
    for _ in 0..60 {
        ann.ask(json!({"type": "message", "room": "den", "message": "more"}));
    }
    let pinned = (1..=51).map(|seq| ann.ask(json!({"type": "pin", "room": "den", "seq": seq}))["type"].clone());
    let refused: Vec<_> = pinned.enumerate().filter(|(_, kind)| kind != "ok").map(|(i, _)| i).collect();
    assert_eq!(refused, [50]);
    assert_eq!(ann.ask(json!({"type": "pin", "room": "den", "seq": 51}))["code"], "room_full");
    let mut bob = WebSocketClient::json(&server, "den", "Bob");
    assert_eq!(bob.ask(json!({"type": "pin", "room": "den", "seq": 1}))["code"], "forbidden");
}

#[test]
fn a_line_client_sees_the_topic_and_sets_it() {
    let server = TestServer::with(|settings| settings.data = ":memory:".to_owned());
    let (mut ann, token) = den(&server);
    ann.ask(json!({"type": "describe", "room": "den", "subject": "Tea", "description": "Green\nor black"}));
    let mut line = LineClient::guest(&server);
    line.say(&format!("/auth {token}"));
    line.wait_for("* You are now Ann");
    line.say("/join den");
    line.wait_for("* Topic: Tea");
    line.receives("* Green");
    line.receives("    or black");
    line.say("/topic Coffee");
    line.wait_for("* Ann set the topic to: Coffee");
    line.say("/pin 1");
    line.wait_for("* Ann pinned message 1");
    line.say("/topic -");
    line.wait_for("* Ann removed the topic");
    line.say("/topic");
    line.wait_for("* This room has no topic");
    line.receives("* Green");
    line.receives("    or black");
    line.receives("* Pinned messages: 1");
}
