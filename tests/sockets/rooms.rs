//! A room opens with its first member and closes with its last.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use crate::harness::{LineClient, TestServer, WebSocketClient, http, until};

#[test]
fn two_joins_at_once_make_one_room() {
    const ROUNDS: usize = 20;
    let server = TestServer::start();
    let start = Barrier::new(2);
    let join = |user: &str| {
        let mut client = WebSocketClient::multi(&server, user);
        let mut epochs = Vec::new();
        for round in 0..ROUNDS {
            start.wait();
            let joined = client.ask(json!({"type": "join", "room": format!("fresh-{round}")}));
            epochs.push(joined["epoch"].as_str().unwrap().to_owned());
        }
        (client, epochs)
    };
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(|| join("Otto"));
        (join("Anna"), other.join().unwrap())
    });
    assert_eq!(one.1, other.1);
    assert_eq!(server.engine().hub.len(), ROUNDS);
    let (mut one, mut other) = (one.0, other.0);
    for round in 0..ROUNDS {
        one.publish(&format!("fresh-{round}"), "hello");
        let seen = other.wait_for_type("message");
        assert_eq!((&seen["room"], &seen["seq"]), (&json!(format!("fresh-{round}")), &json!(1)));
    }
}

#[test]
fn two_leaves_at_once_close_the_room() {
    let server = TestServer::start();
    for _ in 0..20 {
        let (one, other) =
            (WebSocketClient::text(&server, "den", "Anna"), WebSocketClient::text(&server, "den", "Otto"));
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| (start.wait(), drop(one)));
            scope.spawn(|| (start.wait(), drop(other)));
        });
        until("the room is gone", || server.engine().hub.is_empty());
    }
}

#[test]
fn members_are_told_who_joins_and_who_leaves() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    text.receives("Jo joined the room");
    let guest = WebSocketClient::text(&server, "den", "Gus");
    text.receives("Gus joined the room");
    let event = json.event_of("join");
    assert_eq!((&event["room"], &event["user"]), (&json!("den"), &json!("Gus")));
    guest.leave();
    text.receives("Gus left the room");
    assert_eq!(json.event_of("leave")["user"], "Gus");
}

#[test]
fn a_user_with_two_connections_joins_and_leaves_once() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::text(&server, "den", "Wim");
    let one = WebSocketClient::text(&server, "den", "Anna");
    let two = WebSocketClient::text(&server, "den", "Anna");
    one.leave();
    two.leave();
    witness.receives("Anna joined the room");
    witness.receives("Anna left the room");
    witness.say("quiet");
    witness.receives("Wim: quiet");
}

#[test]
fn a_member_can_ask_for_the_members() {
    let server = TestServer::start();
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let _second = WebSocketClient::text(&server, "den", "Tess");
    text.say("/who");
    text.receives("* In den: Jo, Tess");
    text.say("/away");
    text.wait_for("* Tess is away");
    text.say("/who");
    text.receives("* In den: Jo, Tess (away)");
    let members = json.ask(json!({"type": "members", "room": "den"}));
    assert_eq!((&members["type"], &members["count"]), (&json!("members"), &json!(2)));
    let status = |at: usize| (&members["members"][at]["user"], &members["members"][at]["status"]);
    assert_eq!(status(0), (&json!("Jo"), &json!("online")));
    assert_eq!(status(1), (&json!("Tess"), &json!("away")));
    assert!(members["members"][0]["lastSeen"].as_str().unwrap().ends_with('Z'));
    assert_eq!(json.ask(json!({"type": "members", "room": "other"}))["code"], "not_member");
}

#[test]
fn a_join_is_answered_with_the_members_of_the_room() {
    let server = TestServer::start();
    let _text = WebSocketClient::text(&server, "den", "Tess");
    let mut json = WebSocketClient::multi(&server, "Jo");
    let joined = json.ask(json!({"type": "join", "room": "den"}));
    assert_eq!((&joined["members"], &joined["count"]), (&json!(["Jo", "Tess"]), &json!(2)));
    assert_eq!(joined["recovered"], true);
    assert_eq!(json.ask(json!({"type": "join", "room": "den"}))["code"], "bad_request");
}

#[test]
fn the_list_of_rooms_is_the_same_over_every_protocol() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "alpha", "Tess");
    let mut json = WebSocketClient::json(&server, "beta", "Jo");
    json.ask(json!({"type": "join", "room": "alpha"}));
    text.wait_for("Jo joined the room");
    let mut line = LineClient::guest(&server);
    let expected = json!([
        {"room": "alpha", "members": 2}, {"room": "beta", "members": 1}, {"room": "lobby", "members": 1}
    ]);
    // Rooms report their number of members a little later than the joins.
    until("the numbers are told", || json.ask(json!({"type": "rooms"}))["rooms"] == expected);
    text.say("/rooms");
    text.receives("* Rooms: alpha (2), beta (1), lobby (1)");
    line.say("/rooms");
    line.receives("* Rooms: alpha (2), beta (1), lobby (1)");
    let answer = http::get(&server, "/api/v1/rooms");
    assert_eq!((answer.status, &answer.json()["rooms"]), (200, &expected));
}

#[test]
fn people_are_counted_and_not_their_connections() {
    let server = TestServer::start();
    let mut ann = WebSocketClient::json(&server, "den", "Ann");
    let _second = WebSocketClient::text(&server, "den", "Ann");
    let _third = WebSocketClient::text(&server, "den", "Ann");
    let _bob = WebSocketClient::text(&server, "den", "Bob");
    assert_eq!(ann.ask(json!({"type": "rooms"}))["rooms"], json!([{"room": "den", "members": 2}]));
    ann.say(&json!({"type": "members", "room": "den"}).to_string());
    assert_eq!(ann.wait_for_type("members")["count"], 2);
    assert_eq!(http::get(&server, "/api/v1/rooms/den").json()["members"], 2);
}

#[cfg(feature = "sqlite")]
#[test]
fn a_room_with_a_history_is_listed_when_nobody_is_in_it() {
    let server = TestServer::start();
    let mut ann = WebSocketClient::json(&server, "den", "Ann");
    ann.ask(json!({"type": "message", "room": "den", "message": "hi"}));
    ann.ask(json!({"type": "join", "room": "silent"}));
    let _bob = WebSocketClient::multi(&server, "Bob");
    assert_eq!(ann.ask(json!({"type": "private", "to": "Bob", "message": "hi"}))["type"], "sent");
    for room in ["den", "silent"] {
        ann.ask(json!({"type": "leave", "room": room}));
    }
    until("its last member is out", || {
        ann.ask(json!({"type": "rooms"}))["rooms"] == json!([{"room": "den", "members": 0}])
    });
    assert_eq!(http::get(&server, "/api/v1/rooms").json()["rooms"], json!([{"room": "den", "members": 0}]));
}

#[test]
fn a_private_conversation_is_in_no_list() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::multi(&server, "Anna");
    let mut otto = WebSocketClient::multi(&server, "Otto");
    anna.ask(json!({"type": "private", "to": "Otto", "message": "hi"}));
    otto.event_of("private");
    assert_eq!(anna.ask(json!({"type": "rooms"}))["rooms"], json!([]));
    assert_eq!(anna.ask(json!({"type": "join", "room": "dm:Anna:Otto"}))["code"], "bad_request");
}

#[test]
fn a_created_room_outlives_its_last_member() {
    let mut server = TestServer::start();
    server.created = 2;
    let mut json = WebSocketClient::multi(&server, "Jo");
    let created = json.ask(json!({"type": "create", "room": "hall"}));
    assert_eq!((&created["type"], &created["room"]), (&json!("created"), &json!("hall")));
    assert_eq!(json.ask(json!({"type": "create", "room": "hall"}))["code"], "name_taken");
    let answer = http::post(&server, "/api/v1/rooms", &json!({"room": "yard"}));
    assert_eq!((answer.status, &answer.json()["room"]), (201, &json!("yard")));
    let again = http::post(&server, "/api/v1/rooms", &json!({"room": "yard"}));
    assert_eq!((again.status, again.error()), (409, "name_taken".to_owned()));
    let first = json.ask(json!({"type": "join", "room": "hall"}));
    json.publish("hall", "hello");
    json.ask(json!({"type": "leave", "room": "hall"}));
    let second = json.ask(json!({"type": "join", "room": "hall"}));
    assert_eq!((&second["seq"], &second["epoch"]), (&json!(1), &first["epoch"]));
}

#[test]
fn a_guest_cannot_create_a_private_room() {
    let server = TestServer::start();
    let mut json = WebSocketClient::multi(&server, "Jo");
    let refusal = json.ask(json!({"type": "create", "room": "hall", "private": true}));
    assert_eq!(refusal["code"], "unauthorized");
    let answer = http::post(&server, "/api/v1/rooms", &json!({"room": "hall", "private": true}));
    assert_eq!((answer.status, answer.error()), (401, "unauthorized".to_owned()));
    assert!(server.engine().hub.is_empty());
    assert_eq!(http::get(&server, "/api/v1/rooms/hall").status, 404);
}
