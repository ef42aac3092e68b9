//! Who opens a room is its operator, whatever the door: the same rights, and the same end of them.

use serde_json::json;

use crate::harness::{IrcClient, LineClient, TestServer, WebSocketClient, free};

fn server() -> TestServer {
    TestServer::with(|settings| settings.irc = Some(free()))
}

fn operators(client: &mut WebSocketClient, room: &str) -> serde_json::Value {
    client.ask(json!({"type": "members", "room": room}))["operators"].clone()
}

#[test]
fn a_guest_who_opens_a_room_is_its_operator_on_every_door() {
    let server = server();
    let mut ann = WebSocketClient::json(&server, "one", "ann");
    let mut bob = WebSocketClient::json(&server, "one", "bob");
    assert_eq!(operators(&mut bob, "one"), json!(["ann"]));
    assert_eq!(ann.ask(json!({"type": "kick", "room": "one", "user": "bob"}))["type"], "ok");
    assert_eq!(bob.wait_for_type("removed")["by"], "ann");

    let mut tim = LineClient::named(&server, "tim");
    tim.say("/join two");
    tim.settle();
    let mut bob = WebSocketClient::json(&server, "two", "bob");
    assert_eq!(operators(&mut bob, "two"), json!(["tim"]));
    tim.say("/ban bob");
    assert_eq!(bob.wait_for_type("removed")["by"], "tim");
    assert_eq!(bob.ask(json!({"type": "join", "room": "two"}))["code"], "forbidden");

    let mut ivy = IrcClient::named(&server, "ivy");
    let joined = ivy.ask("JOIN #three");
    assert!(joined.contains(&":irc.roomd 353 ivy = #three :@ivy".to_owned()), "{joined:?}");
    let mut bob = WebSocketClient::json(&server, "three", "bob");
    assert_eq!(operators(&mut bob, "three"), json!(["ivy"]));
    ivy.ask("MODE #three +o bob");
    assert_eq!(operators(&mut bob, "three"), json!(["bob", "ivy"]));
    assert_eq!(bob.ask(json!({"type": "settings", "room": "three", "announcement": true}))["type"], "ok");
    ivy.wait_for(":bob!~u@irc.roomd MODE #three +m");
}

#[test]
fn nobody_is_an_operator_by_entering_the_lobby_or_a_room_that_somebody_is_in() {
    let server = server();
    let mut ann = WebSocketClient::json(&server, "lobby", "ann");
    assert_eq!(operators(&mut ann, "lobby"), json!(null));
    let mut ann = WebSocketClient::json(&server, "den", "ann");
    // Another guest of the same name.
    let mut other = WebSocketClient::json(&server, "den", "ann");
    let refused = other.ask(json!({"type": "ban", "room": "den", "user": "bob"}));
    assert_eq!(refused["code"], "forbidden", "{refused}");
    assert_eq!(ann.ask(json!({"type": "ban", "room": "den", "user": "bob"}))["type"], "ok");
}

#[test]
fn what_an_operator_decided_ends_with_the_room() {
    let server = server();
    let mut ann = WebSocketClient::json(&server, "den", "ann");
    assert_eq!(ann.ask(json!({"type": "ban", "room": "den", "user": "bob"}))["type"], "ok");
    ann.ask(json!({"type": "leave", "room": "den"}));
    let mut bob = WebSocketClient::json(&server, "den", "bob");
    assert_eq!(operators(&mut bob, "den"), json!(["bob"]));
}
