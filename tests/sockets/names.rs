//! Names are checked once, where they enter.

use serde_json::json;

use crate::harness::{Http, LineClient, TestServer, WebSocketClient, http};

/// The response to `GET /ws` with this query.
fn answer(server: &TestServer, query: &str) -> (u16, String) {
    let (answer, _) = Http::connect(server).upgrade(&format!("/ws?{query}"), "");
    let message = if answer.status == 101 { String::new() } else { answer.json()["error"]["message"].to_string() };
    (answer.status, message)
}

#[test]
fn a_missing_or_empty_room_or_user_is_400() {
    let server = TestServer::start();
    for query in ["room=den", "user=Jo", "room=&user=Jo", "room=den&user=", "room=den&format=json", "user=&format=json"]
    {
        let expected = (400, "\"Missing room or user parameter\"".to_owned());
        assert_eq!(answer(&server, query), expected, "{query}");
    }
    for query in ["room=den&user=Jo", "user=Jo&format=json", "format=json", "", "room=%C3%9Cbung&user=Zo%C3%AB"] {
        assert_eq!(answer(&server, query).0, 101, "{query}");
    }
}

#[test]
fn a_bad_name_or_parameter_in_the_address_is_400() {
    let server = TestServer::start();
    let long = |count: usize| "x".repeat(count);
    for query in [
        "room=a%20b&user=Jo",
        "room=a%2Fb&user=Jo",
        "room=a%3Fb&user=Jo",
        "room=a%23b&user=Jo",
        "room=a%0Ab&user=Jo",
        "room=a%E2%80%8Bb&user=Jo",
        "room=..&user=Jo",
        "room=dm:A:B&user=Jo",
        "room=den&user=a%3Ab",
        "room=den&user=Error",
        &format!("room={}&user=Jo", long(65)),
        &format!("room=den&user={}", long(33)),
        "room=den&user=Jo&format=xml",
        "room=den&user=Jo&history=-1",
        "room=den&user=Jo&echo=perhaps",
    ] {
        assert_eq!(answer(&server, query).0, 400, "{query}");
    }
    assert_eq!(answer(&server, &format!("room={}&user={}", long(64), long(32))).0, 101);
}

#[test]
fn a_name_in_the_address_that_is_not_utf_8_is_400() {
    let server = TestServer::start();
    for query in ["room=den&user=%FF", "room=%FF&user=Jo"] {
        assert_eq!(answer(&server, query).0, 400, "{query}");
    }
}

#[test]
fn a_bad_name_in_a_command_is_refused_and_the_connection_goes_on() {
    let server = TestServer::start();
    let mut json = WebSocketClient::multi(&server, "Jo");
    let long = "x".repeat(65);
    for room in ["", "a b", "a/b", "a?b", "a#b", "a\tb", "..", "dm:Jo:Otto", &long] {
        assert_eq!(json.ask(json!({"type": "join", "room": room}))["code"], "bad_request", "{room:?}");
        assert_eq!(json.ask(json!({"type": "create", "room": room}))["code"], "bad_request", "{room:?}");
        assert_eq!(json.ask(json!({"topic": room, "message": "hi"}))["code"], "bad_request", "{room:?}");
    }
    assert_eq!(json.ask(json!({"type": "private", "to": "a:b", "message": "hi"}))["code"], "bad_request");
    let mut line = LineClient::guest(&server);
    line.say("/join a b");
    line.receives("Error: The name of a room must not hold the character ' '");
    line.say(&format!("/join {long}"));
    line.receives("Error: The name of a room must have 1 to 64 characters");
    line.say("/nick a:b");
    line.receives("Error: The name of a user must not hold the character ':'");
    line.say("/nick");
    line.receives("Error: Usage: /nick NAME");
    assert!(server.engine().hub.len() == 1);
}

#[test]
fn two_ways_of_typing_one_word_are_one_room_and_one_user() {
    let server = TestServer::start();
    // The same word composed and decomposed.
    let mut one = WebSocketClient::open(&server, "/ws?room=caf%C3%A9&user=Zo%C3%AB");
    one.receives("Zo\u{eb} joined the room");
    let mut other = WebSocketClient::multi(&server, "Otto");
    let joined = other.ask(json!({"type": "join", "room": "cafe\u{301}"}));
    assert_eq!((&joined["room"], &joined["members"]), (&json!("caf\u{e9}"), &json!(["Otto", "Zo\u{eb}"])));
    one.receives("Otto joined the room");
    other.ask(json!({"type": "private", "to": "Zoe\u{308}", "message": "hi"}));
    one.receives("[private] Otto: hi");
    let answer = http::post(&server, "/api/v1/rooms/cafe%CC%81/messages", &json!({"message": "hi", "user": "Pia"}));
    assert_eq!(answer.json()["room"], "caf\u{e9}");
    one.receives("Pia: hi");
}

#[test]
fn a_name_can_be_taken_before_the_first_message_only() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::text(&server, "lobby", "Wim");
    let mut line = LineClient::guest(&server);
    let guest = line.name.clone();
    line.say("/nick Lina");
    line.wait_for("Lina joined the room");
    line.say("hi");
    line.say("/nick Lisa");
    line.receives("Error: A name can be taken before the first message only");
    witness.receives(&format!("{guest} joined the room"));
    witness.receives(&format!("{guest} left the room"));
    witness.receives("Lina joined the room");
    witness.receives("Lina: hi");
}

#[test]
fn a_user_who_took_a_name_is_reached_under_it_and_no_longer_under_the_old() {
    let server = TestServer::start();
    let mut line = LineClient::guest(&server);
    let guest = line.name.clone();
    line.say("/nick Lina");
    line.wait_for("Lina joined the room");
    let mut json = WebSocketClient::multi(&server, "Jo");
    assert_eq!(json.ask(json!({"type": "private", "to": guest, "message": "hi"}))["code"], "user_offline");
    json.ask(json!({"type": "private", "to": "Lina", "message": "hi"}));
    line.receives("[private] Jo: hi");
}
