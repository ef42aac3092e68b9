//! Moderation over the sockets: what the users concerned see, on every device, and after a restart.

use std::fs;

use roomd::chat::UserName;
use serde_json::{Value, json};

use crate::harness::{LineClient, TestServer, WebSocketClient, http, until};

/// Registers a name, and returns its token.
fn claim(server: &TestServer, name: &str) -> String {
    server.engine().claim(&UserName::parse(name).unwrap(), None).unwrap_or_else(|refusal| panic!("{refusal}")).token
}

/// A connection of the user that the token names.
fn enter(server: &TestServer, token: &str) -> WebSocketClient {
    let mut client = WebSocketClient::open(server, &format!("/ws?format=json&token={token}"));
    client.event_of("welcome");
    client
}

fn ok(client: &mut WebSocketClient, command: Value) {
    let answer = client.ask(command);
    assert!(["ok", "created", "joined"].contains(&answer["type"].as_str().unwrap()), "{answer}");
}

fn join(client: &mut WebSocketClient, room: &str) -> Value {
    client.ask(json!({"type": "join", "room": room}))
}

/// Ann's private room `den`, with Bob on its list.
fn den(server: &TestServer) -> (WebSocketClient, String) {
    let (ann, bob) = (claim(server, "Ann"), claim(server, "Bob"));
    let mut client = enter(server, &ann);
    ok(&mut client, json!({"type": "create", "room": "den", "private": true, "members": ["Bob"]}));
    ok(&mut client, json!({"type": "join", "room": "den"}));
    (client, bob)
}

#[test]
fn a_removed_user_is_out_on_every_device_and_keeps_the_other_rooms() {
    let server = TestServer::start();
    let (mut ann, bob) = den(&server);
    let mut devices = [enter(&server, &bob), enter(&server, &bob)];
    for device in &mut devices {
        ok(device, json!({"type": "join", "room": "den"}));
        ok(device, json!({"type": "join", "room": "yard"}));
    }
    ann.command(&json!({"type": "remove", "room": "den", "user": "Bob", "note": "moving out"}));
    let seen = ann.settle("den");
    let of = |kind: &str| seen.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("{kind}: {seen:?}"));
    let gone = of("removed");
    assert_eq!((&gone["user"], &gone["by"], &gone["reason"]), (&json!("Bob"), &json!("Ann"), &json!("removed")));
    assert_eq!((&gone["note"], &of("leave")["user"]), (&json!("moving out"), &json!("Bob")));
    ann.publish("den", "only us");
    for device in &mut devices {
        assert_eq!(device.wait_for_type("removed")["room"], "den");
        for command in ["message", "members", "history", "leave"] {
            let refused = device.ask(json!({"type": command, "room": "den", "message": "hi"}));
            assert_eq!(refused["code"], "not_member", "{command}: {refused}");
        }
        assert_eq!(join(device, "den")["code"], "forbidden");
        let received = device.settle("yard");
        assert!(received.iter().all(|event| event["room"] != "den" || event["type"] == "error"), "{received:?}");
    }
    let seen = ann.settle("den");
    assert!(seen.iter().all(|event| event["message"] != "hi"), "{seen:?}");
}

#[test]
fn a_user_who_was_removed_while_disconnected_is_told_at_the_return() {
    let server = TestServer::with(|settings| settings.limits.grace = std::time::Duration::from_secs(60));
    let (mut ann, bob) = den(&server);
    let mut first = WebSocketClient::open(&server, &format!("/ws?format=json&token={bob}"));
    let resume = first.event_of("welcome")["resume"].clone();
    ok(&mut first, json!({"type": "join", "room": "den"}));
    ok(&mut first, json!({"type": "join", "room": "yard"}));
    drop(first);
    until("the session waits", || server.engine().sessions.detached() == 1);
    ok(&mut ann, json!({"type": "kick", "room": "den", "user": "Bob"}));
    let mut second = enter(&server, &bob);
    let resumed = second.ask(json!({"type": "resume", "resume": resume}));
    assert_eq!(resumed["rooms"]["den"], json!({"recovered": false, "missed": 0, "reason": "removed"}));
    assert_eq!(resumed["rooms"]["yard"]["recovered"], true);
    assert_eq!(join(&mut second, "den")["type"], "joined");
}

#[test]
fn an_invited_user_is_told_on_every_connection() {
    let server = TestServer::start();
    let (mut ann, _) = den(&server);
    let cleo = claim(&server, "Cleo");
    let mut cleo = enter(&server, &cleo);
    assert_eq!(ann.ask(json!({"type": "invite", "room": "den", "user": "Nobody"}))["code"], "not_found");
    // Every spelling of a name is the same name.
    ok(&mut ann, json!({"type": "invite", "room": "den", "user": "CLEO"}));
    let invited = cleo.event_of("invited");
    assert_eq!((&invited["room"], &invited["user"], &invited["by"]), (&json!("den"), &json!("Cleo"), &json!("Ann")));
    ok(&mut cleo, json!({"type": "join", "room": "den"}));
}

#[test]
fn a_user_too_fast_for_slow_mode_is_told_that_it_is_the_room() {
    let server = TestServer::start();
    let (mut ann, bob) = den(&server);
    ok(&mut ann, json!({"type": "settings", "room": "den", "slow_mode_s": 60}));
    let mut bob = enter(&server, &bob);
    for room in ["den", "lobby"] {
        ok(&mut bob, json!({"type": "join", "room": room}));
    }
    let mut say = |room: &str, id| bob.ask(json!({"type": "message", "room": room, "message": "hi", "id": id}));
    assert_eq!(say("den", 11)["type"], "sent");
    let refused = say("den", 12);
    assert_eq!((&refused["code"], &refused["room"]), (&json!("rate_limited"), &json!("den")));
    assert!((1..=60_000).contains(&refused["retry_after_ms"].as_u64().unwrap()), "{refused}");
    assert_eq!(say("lobby", 13)["type"], "sent");
}

#[test]
fn a_policy_and_a_ban_survive_a_restart() {
    let directory = std::env::temp_dir().join(format!("roomd-test-{}-ruling", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let data = directory.join("room.db").to_str().unwrap().to_owned();
    let server = TestServer::with(|settings| settings.data = data.clone());
    let (mut ann, bob) = den(&server);
    ok(&mut ann, json!({"type": "settings", "room": "den", "slow_mode_s": 60}));
    ok(&mut ann, json!({"type": "ban", "room": "den", "user": "Bob", "for_s": 3600, "note": "spam"}));
    ann.publish("den", "kept");
    ann.wait_for_type("sent");
    drop(ann);
    drop(server);
    let server = TestServer::with(|settings| settings.data = data);
    let mut bob = enter(&server, &bob);
    let refused = join(&mut bob, "den");
    assert_eq!(refused["code"], "forbidden");
    assert!(refused["retry_after_ms"].as_u64().unwrap() <= 3_600_000, "{refused}");
    // It has no members, and exists for those who may see it; Bob is on no list any more.
    assert_eq!(http::get(&server, "/api/v1/rooms/den").status, 404);
    assert_eq!(bob.ask(json!({"type": "rooms"}))["rooms"], json!([]));
    drop(bob);
    drop(server);
    _ = fs::remove_dir_all(&directory);
}

#[test]
fn the_audit_log_names_the_moderator_the_action_the_user_and_the_reason() {
    let server = TestServer::start();
    let (ann, bob) = (claim(&server, "Ann"), claim(&server, "Bob"));
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let ask = |token: &str, line: &str, body: &str| {
        let json = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        http::ask(&server, line, &format!("{}{json}", bearer(token)), body)
    };
    assert_eq!(ask(&ann, "POST /api/v1/rooms", r#"{"room":"den","private":true}"#).status, 201);
    let body = r#"{"role":"moderator","note":"trusted"}"#;
    assert_eq!(ask(&ann, "PUT /api/v1/rooms/den/members/Bob", body).status, 204);
    assert_eq!(ask(&bob, "PUT /api/v1/rooms/den/members/Bob", r#"{"role":"owner"}"#).status, 403);
    let room = ask(&bob, "GET /api/v1/rooms/den", "").json();
    assert_eq!(
        room,
        json!({"room": "den", "members": 0, "private": true, "owner": "Ann", "slow_mode_s": 0, "members_max": 0, "open_subject": false,
        "announcement": false, "pinned": [], "role": "moderator"})
    );
    let members = ask(&bob, "GET /api/v1/rooms/den/members", "").json();
    assert_eq!(members["people"], json!([{"user": "Ann", "role": "owner"}, {"user": "Bob", "role": "moderator"}]));
    let audit = ask(&bob, "GET /api/v1/rooms/den/audit", "").json();
    let entries = audit["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!((&entries[0]["what"], &entries[0]["private"]), (&json!("founded"), &json!(true)));
    let second = &entries[1];
    assert_eq!((&second["what"], &second["by"], &second["user"]), (&json!("role"), &json!("Ann"), &json!("Bob")));
    assert_eq!(
        (&second["role"], &second["note"], &second["number"]),
        (&json!("moderator"), &json!("trusted"), &json!(2))
    );
    let last = ask(&bob, "GET /api/v1/rooms/den/audit?limit=1", "").json();
    assert_eq!((&last["entries"][0]["number"], &last["next"]), (&json!(2), &json!(2)));
    // A page of another origin may not moderate.
    let fields = format!("{}Origin: http://evil.example\r\n", bearer(&ann));
    assert_eq!(http::ask(&server, "DELETE /api/v1/rooms/den", &fields, "").status, 403);
    assert_eq!(http::ask(&server, "DELETE /api/v1/rooms/den", &bearer(&ann), "").status, 204);
    assert_eq!(ask(&ann, "GET /api/v1/rooms/den", "").status, 404);
    assert_eq!(ask(&bob, "POST /api/v1/rooms", r#"{"room":"den"}"#).status, 201);
}

#[test]
fn a_room_that_ends_tells_its_members_and_the_next_has_another_history() {
    let server = TestServer::start();
    let (mut ann, bob) = den(&server);
    let mut bob = enter(&server, &bob);
    let before = join(&mut bob, "den");
    bob.publish("den", "secret");
    bob.wait_for_type("sent");
    ok(&mut ann, json!({"type": "end", "room": "den"}));
    assert_eq!(bob.wait_for_type("ended")["by"], "Ann");
    let mut gus = WebSocketClient::multi(&server, "Gus");
    let joined = gus.ask(json!({"type": "join", "room": "den", "history": 5}));
    assert_eq!((&joined["seq"], &joined["members"]), (&json!(0), &json!(["Gus"])));
    assert_ne!(joined["epoch"], before["epoch"]);
    let late = join(&mut bob, "den");
    assert_eq!((&late["type"], &late["count"]), (&json!("joined"), &json!(2)));
}

#[test]
fn a_room_is_moderated_in_plain_lines() {
    let server = TestServer::start();
    let (ann, bob) = (claim(&server, "Ann"), claim(&server, "Bob"));
    let lines = |token: &str, name: &str| {
        let mut client = LineClient::guest(&server);
        client.say(&format!("/auth {token}"));
        client.wait_for(&format!("{name} joined the room"));
        client
    };
    let (mut ann, mut bob) = (lines(&ann, "Ann"), lines(&bob, "Bob"));
    ann.say("/create den private");
    ann.wait_for("* The room den is made");
    ann.say("/join den");
    ann.wait_for("Ann joined the room");
    ann.say("/invite Bob");
    ann.wait_for("* Ann invited Bob to den");
    bob.wait_for("* Ann invited Bob to den");
    bob.say("/join den");
    bob.wait_for("* You left lobby");
    ann.say("/mute Bob 10m too loud");
    let muted = bob.receive();
    assert!(muted.starts_with("* Ann muted Bob until ") && muted.ends_with(": too loud"), "{muted}");
    bob.say("HELLO");
    assert!(bob.receive().starts_with("Error: You are muted in this room until "));
    ann.say("/kick Bob");
    bob.wait_for("* Ann put Bob out of den");
    bob.say("hello?");
    bob.wait_for("Error: Join a room first: /join ROOM");
    ann.wait_for("Bob left the room");
}

#[test]
fn a_guest_that_is_banned_from_a_public_room_cannot_return() {
    let server = TestServer::start();
    let ann = claim(&server, "Ann");
    let mut ann = enter(&server, &ann);
    ok(&mut ann, json!({"type": "create", "room": "yard"}));
    let mut gus = WebSocketClient::text(&server, "yard", "Gus");
    gus.say("good day");
    gus.receives("Gus: good day");
    ok(&mut ann, json!({"type": "ban", "room": "yard", "user": "Gus", "for_s": 60}));
    let banned = gus.receive();
    assert!(banned.starts_with("* Ann banned Gus from yard until "), "{banned}");
    gus.say("/join yard");
    assert!(gus.receive().starts_with("Error: You are banned from this room until "));
    let answer = http::post(&server, "/api/v1/rooms/yard/messages", &json!({"user": "Gus", "message": "hi"}));
    assert_eq!((answer.status, answer.error()), (403, "forbidden".to_owned()));
    // Nor does what they have said become something else.
    let answer = http::ask(&server, "PUT /api/v1/rooms/yard/messages/1?user=Gus", "", "buy my tea");
    assert_eq!((answer.status, answer.error()), (403, "forbidden".to_owned()));
}

#[test]
fn who_is_muted_may_delete_a_message_without_a_word_about_it() {
    let server = TestServer::start();
    let (mut ann, bob) = den(&server);
    let mut bob = enter(&server, &bob);
    ok(&mut bob, json!({"type": "join", "room": "den"}));
    let sent = bob.ask(json!({"type": "message", "room": "den", "message": "buy my tea"}));
    ok(&mut ann, json!({"type": "mute", "room": "den", "user": "Bob"}));
    let mut delete = json!({"type": "delete", "room": "den", "seq": sent["seq"], "note": "and my coffee"});
    assert_eq!(bob.ask(delete.clone())["code"], "muted");
    delete["note"] = json!("");
    ok(&mut bob, delete);
    let gone = ann.wait_for_type("delete");
    assert_eq!((&gone["user"], &gone["note"]), (&json!("Bob"), &Value::Null));
}
