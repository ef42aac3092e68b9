//! Invitations: one to a user who is away waits for them, and a code admits whoever shows it.

use roomd::chat::{RoomName, UserName};
use serde_json::{Value, json};

use crate::harness::http::ask;
use crate::harness::issuer::{bearer, claim, welcomed};
use crate::harness::{Answer, LineClient, TestServer, WebSocketClient, until};

const JSON: &str = "Content-Type: application/json\r\n";

fn api(server: &TestServer, request: &str, token: &str, body: Value) -> Answer {
    let bearer = if token.is_empty() { String::new() } else { bearer(token) };
    let (media, body) = if body.is_null() { ("", String::new()) } else { (JSON, body.to_string()) };
    ask(server, request, &format!("{bearer}{media}"), &body)
}

/// A private room of Ann's.
fn with_room(server: &mut TestServer, members: Value) -> (WebSocketClient, String) {
    let token = claim(server, "Ann");
    let (mut ann, _) = welcomed(server, &token);
    let room = json!({"type": "create", "room": "plans", "private": true, "members": members});
    assert_eq!(ann.ask(room)["type"], "created");
    (ann, token)
}

fn code_of(made: &Value) -> String {
    assert_eq!(made["type"], "invitation", "{made}");
    made["code"].as_str().unwrap().to_owned()
}

fn enter(server: &TestServer, token: &str, code: &str, name: Option<&str>) -> Answer {
    api(server, "POST /api/v1/rooms/plans/members", token, json!({"invitation": code, "name": name}))
}

#[test]
fn an_invitation_waits_until_the_user_enters_on_any_device() {
    let mut server = TestServer::start();
    let [bob, cleo] = ["Bob", "Cleo"].map(|name| claim(&server, name));
    let (mut ann, _) = with_room(&mut server, json!(["Bob"]));
    assert_eq!(ann.ask(json!({"type": "invite", "room": "plans", "user": "Cleo"}))["type"], "ok");
    for token in [&bob, &cleo] {
        for _ in 0..2 {
            let (mut client, _) = welcomed(&server, token);
            let invited = client.event_of("invited");
            assert_eq!((&invited["room"], &invited["by"]), (&json!("plans"), &json!("Ann")));
            let listed = client.ask(json!({"type": "memberships"}))["rooms"][0].clone();
            assert_eq!((&listed["room"], &listed["role"]), (&json!("plans"), &json!("member")));
            assert_eq!((&listed["private"], &listed["invited_by"]), (&json!(true), &json!("Ann")));
        }
    }
    let (mut client, _) = welcomed(&server, &bob);
    client.event_of("invited");
    assert_eq!(client.ask(json!({"type": "join", "room": "plans"}))["type"], "joined");
    // What came before it is done.
    assert_eq!(client.ask(json!({"type": "ping"}))["type"], "pong");
    let (mut again, _) = welcomed(&server, &bob);
    let listed = again.ask(json!({"type": "memberships"}));
    assert_eq!(listed["type"], "memberships", "nothing before it: {listed}");
    assert_eq!((&listed["rooms"][0]["room"], &listed["rooms"][0]["invited_by"]), (&json!("plans"), &Value::Null));
    // Who declines is off the list.
    let (mut client, _) = welcomed(&server, &cleo);
    client.event_of("invited");
    assert_eq!(client.ask(json!({"type": "remove", "room": "plans", "user": "Cleo"}))["type"], "ok");
    let (mut again, _) = welcomed(&server, &cleo);
    assert_eq!(again.ask(json!({"type": "memberships"}))["rooms"], json!([]));
}

#[test]
fn who_is_connected_is_told_of_a_room_that_begins_with_them() {
    let mut server = TestServer::start();
    let (mut bob, _) = welcomed(&server, &claim(&server, "Bob"));
    let mut line = LineClient::guest(&server);
    line.say(&format!("/auth {}", claim(&server, "Cleo")));
    line.wait_for("Cleo joined the room");
    with_room(&mut server, json!(["Bob", "Cleo"]));
    assert_eq!(bob.event_of("invited")["by"], "Ann");
    line.wait_for("* Ann invited Cleo to plans");
    line.say("/unread");
    line.receives("* Ann invited you to plans: /join plans");
    line.say("/join plans");
    line.wait_for("Cleo joined the room");
    line.say("/unread");
    line.wait_for("* Nothing is unread");
}

#[test]
fn a_code_admits_so_many_users_to_a_private_room() {
    let mut server = TestServer::start();
    let (mut ann, _) = with_room(&mut server, json!([]));
    let code = code_of(&ann.ask(json!({"type": "invitation", "room": "plans", "for_s": 60, "uses": 2})));
    assert_eq!(ann.ask(json!({"type": "join", "room": "plans"}))["type"], "joined");
    let (mut bob, _) = welcomed(&server, &claim(&server, "Bob"));
    let join = json!({"type": "join", "room": "plans", "invitation": code});
    assert_eq!(bob.ask(json!({"type": "join", "room": "plans", "invitation": "wrong"}))["code"], "unauthorized");
    assert_eq!(bob.ask(json!({"type": "join", "room": "plans", "invitation": 7}))["code"], "bad_request");
    assert_eq!(bob.ask(join.clone())["type"], "joined");
    let admitted = ann.event_of("admitted");
    assert_eq!(
        (&admitted["user"], &admitted["invitation"], &admitted["code"]),
        (&json!("Bob"), &json!(1), &Value::Null)
    );
    // A guest has no place on the list.
    let mut guest = WebSocketClient::multi(&server, "Gus");
    assert_eq!(guest.ask(join.clone())["code"], "unauthorized");
    let listed = ann.ask(json!({"type": "invitations", "room": "plans"}))["invitations"].clone();
    assert_eq!((&listed[0]["used"], &listed[0]["uses"], &listed[0]["code"]), (&json!(1), &json!(2), &json!(code)));
    let mut line = LineClient::guest(&server);
    line.say(&format!("/auth {}", claim(&server, "Cleo")));
    line.wait_for("Cleo joined the room");
    line.say(&format!("/join plans {code}"));
    line.wait_for("Cleo joined the room");
    assert_eq!(ann.ask(json!({"type": "invitations", "room": "plans"}))["invitations"], json!([]));
    let (mut dan, _) = welcomed(&server, &claim(&server, "Dan"));
    assert_eq!(dan.ask(join)["code"], "unauthorized", "it is used up");
}

#[test]
fn who_opens_a_link_gives_a_name_and_is_in() {
    let mut server = TestServer::start();
    let (_ann, token) = with_room(&mut server, json!([]));
    let made = api(&server, "POST /api/v1/rooms/plans/invitations", &token, json!({"uses": 3}));
    assert_eq!((made.status, &made.json()["uses"], &made.json()["used"]), (201, &json!(3), &json!(0)));
    let code = made.json()["code"].as_str().unwrap().to_owned();
    let described = api(&server, "POST /api/v1/codes", "", json!({"room": "plans", "code": code}));
    assert_eq!((described.status, &described.json()["room"]), (200, &json!("plans")));
    assert_eq!((&described.json()["by"], described.json()["until"].is_string()), (&json!("Ann"), true));
    for wrong in [json!({"room": "plans", "code": "wrong"}), json!({"room": "other", "code": code})] {
        assert_eq!(api(&server, "POST /api/v1/codes", "", wrong).status, 401);
    }
    assert_eq!(enter(&server, "", "wrong", Some("Gus")).status, 401);
    assert_eq!(enter(&server, "", &code, None).status, 401, "a name is needed");
    assert_eq!(enter(&server, "", &code, Some("a b")).status, 400);
    assert_eq!(enter(&server, "", &code, Some("ann")).status, 409);
    let answer = enter(&server, "", &code, Some("Gus"));
    assert_eq!((answer.status, &answer.json()["user"]), (201, &json!("Gus")));
    let (mut gus, _) = welcomed(&server, answer.json()["token"].as_str().unwrap());
    assert_eq!(gus.ask(json!({"type": "join", "room": "plans"}))["type"], "joined");
    let bob = claim(&server, "Bob");
    for _ in 0..2 {
        let answer = enter(&server, &bob, &code, None);
        assert_eq!((answer.status, answer.json()), (200, json!({"room": "plans", "user": "Bob"})));
    }
    let listed = api(&server, "GET /api/v1/rooms/plans/invitations", &token, Value::Null).json();
    assert_eq!((&listed["invitations"][0]["used"], &listed["invitations"][0]["by"]), (&json!(2), &json!("Ann")));
    let audit = api(&server, "GET /api/v1/rooms/plans/audit", &token, Value::Null);
    let whats: Vec<_> = audit.json()["entries"].as_array().unwrap().iter().map(|entry| entry["what"].clone()).collect();
    assert_eq!(whats, ["founded", "invitation", "admitted", "admitted"]);
    assert!(!audit.body.contains(&code), "the code is the moderators' alone");
}

#[test]
fn a_code_that_was_revoked_admits_nobody_and_tells_nothing() {
    let mut server = TestServer::start();
    let (mut ann, token) = with_room(&mut server, json!([]));
    let code = code_of(&ann.ask(json!({"type": "invitation", "room": "plans"})));
    for (number, code) in [(json!(9), "not_found"), (json!("1"), "bad_request"), (Value::Null, "bad_request")] {
        assert_eq!(ann.ask(json!({"type": "revoke", "room": "plans", "invitation": number}))["code"], code);
    }
    assert_eq!(api(&server, "DELETE /api/v1/rooms/plans/invitations/1", &token, Value::Null).status, 204);
    let void = enter(&server, "", &code, Some("Gus"));
    let nowhere = api(&server, "POST /api/v1/rooms/nowhere/members", "", json!({"invitation": code, "name": "Gus"}));
    assert_eq!((void.status, &void.body), (401, &nowhere.body));
    assert!(!server.engine().registered(&UserName::parse("Gus").unwrap()), "no name is registered for it");
    for body in [json!({"for_s": 0}), json!({"for_s": 40_000_000}), json!({"uses": 0}), json!({"uses": 10_001})] {
        assert_eq!(api(&server, "POST /api/v1/rooms/plans/invitations", &token, body.clone()).status, 400, "{body}");
    }
}

#[test]
fn an_address_tries_so_many_codes() {
    let server = TestServer::with(|settings| {
        settings.limits.address_logins_per_min = 3;
        settings.address_exempt = Vec::new();
    });
    let statuses = [0; 5].map(|_| enter(&server, "", "wrong", Some("Gus")).status);
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    let mut guest = WebSocketClient::multi(&server, "Gus");
    assert_eq!(guest.ask(json!({"type": "join", "room": "plans", "invitation": "x"}))["code"], "rate_limited");
    assert!(!server.engine().hub.has(&RoomName::parse("plans").unwrap()));
}

#[test]
fn a_device_that_has_just_connected_learns_what_is_unread() {
    let mut server = TestServer::start();
    let bob = claim(&server, "Bob");
    let (mut ann, _) = with_room(&mut server, json!(["Bob"]));
    assert_eq!(ann.ask(json!({"type": "join", "room": "plans"}))["type"], "joined");
    for text in ["one", "two", "three"] {
        assert_eq!(ann.ask(json!({"type": "message", "room": "plans", "message": text}))["type"], "sent");
    }
    assert_eq!(ann.ask(json!({"type": "private", "to": "Bob", "message": "psst"}))["type"], "sent");
    let (mut first, _) = welcomed(&server, &bob);
    assert_eq!(first.ask(json!({"type": "bookmark", "room": "news"}))["type"], "ok");
    assert_eq!(first.ask(json!({"type": "join", "room": "plans"}))["type"], "joined");
    first.command(&json!({"type": "read", "room": "plans", "seq": 2}));
    assert_eq!(first.ask(json!({"type": "ping"}))["type"], "pong");
    first.leave();
    let asked = || api(&server, "GET /api/v1/memberships", &bob, Value::Null).json();
    until("the mark is in the store", || asked()["rooms"][1]["read"] == 2);
    let (mut second, _) = welcomed(&server, &bob);
    let listed = second.ask(json!({"type": "memberships"}));
    let over_http = asked();
    assert_eq!((&listed["rooms"], &listed["conversations"]), (&over_http["rooms"], &over_http["conversations"]));
    assert_eq!(listed["rooms"][0], json!({"room": "news"}));
    assert_eq!(listed["rooms"][1], json!({"room": "plans", "role": "member", "private": true, "seq": 3, "read": 2}));
    assert_eq!(listed["conversations"], json!([{"room": "dm:Ann:Bob", "user": "Ann", "seq": 1, "read": 0}]));
    assert_eq!(api(&server, "GET /api/v1/memberships", "", Value::Null).status, 401);
    let mut guest = WebSocketClient::multi(&server, "Gus");
    assert_eq!(guest.ask(json!({"type": "memberships"}))["code"], "unauthorized");
}
