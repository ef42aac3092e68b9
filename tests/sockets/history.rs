//! The history that a client is shown when it joins, or asks for.

use roomd::chat::{RoomName, UserName};
use roomd::engine::rooms::moderation::NewRoom;
use serde_json::{Value, json};

use crate::harness::{LineClient, TestServer, WebSocketClient};

/// A member that has sent 1, 2, … to a room, and keeps it open.
fn told(server: &TestServer, room: &str, count: usize) -> WebSocketClient {
    let mut client = WebSocketClient::json(server, room, "Anna");
    for number in 1..=count {
        client.publish(room, &number.to_string());
    }
    client.settle(room);
    client
}

/// Makes a room that keeps no history beyond its ring.
fn keep_in_memory(server: &mut TestServer, room: &str) {
    let plan = NewRoom::public(RoomName::parse(room).unwrap(), false);
    server.engine().create(&UserName::parse("Vic").unwrap().into(), plan).unwrap();
    server.created += 1;
}

fn texts(events: &[Value]) -> Vec<&str> {
    events.iter().filter(|event| event["type"] == "message").map(|event| event["message"].as_str().unwrap()).collect()
}

/// The reply to a join with these fields, and the messages behind it.
fn join(server: &TestServer, fields: &Value) -> (Value, Vec<Value>) {
    let mut client = WebSocketClient::multi(server, "Otto");
    let mut command = json!({"type": "join", "room": "den"});
    command.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let joined = client.ask(command);
    let messages = client.settle("den");
    (joined, messages)
}

#[test]
fn a_join_shows_the_last_messages_before_its_own_notice() {
    let server = TestServer::start();
    let _anna = told(&server, "den", 30);
    let mut text = WebSocketClient::open(&server, "/ws?room=den&user=Tess&history=3");
    for line in ["Anna: 28", "Anna: 29", "Anna: 30", "Tess joined the room"] {
        text.receives(line);
    }
    // Twenty by default.
    let mut json = WebSocketClient::open(&server, "/ws?room=den&user=Jo&format=json");
    json.event_of("welcome");
    assert_eq!(json.event_of("joined")["seq"], 30);
    let shown = json.settle("den");
    assert_eq!(texts(&shown), (11..=30).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_join_shows_as_many_messages_as_it_asks_for_and_the_room_keeps() {
    let mut server = TestServer::with(|settings| settings.limits.history = 5);
    keep_in_memory(&mut server, "den");
    let _anna = told(&server, "den", 8);
    for (wish, count) in [(0, 0), (2, 2), (5, 5), (1_000_000, 5)] {
        let (joined, shown) = join(&server, &json!({"history": wish}));
        assert_eq!((&joined["seq"], texts(&shown).len()), (&json!(8), count));
    }
    let mut text = WebSocketClient::open(&server, "/ws?room=den&user=Tess&history=0");
    text.receives("Tess joined the room");
}

#[test]
fn a_line_client_that_joins_is_shown_the_last_messages() {
    let server = TestServer::start();
    let _anna = told(&server, "den", 2);
    let mut line = LineClient::guest(&server);
    line.say("/join den");
    line.receives("Anna: 1");
    line.receives("Anna: 2");
    let name = line.name.clone();
    line.receives(&format!("{name} joined the room"));
    line.say("/history 1");
    line.wait_for("Anna: 2");
}

#[test]
fn a_join_with_the_last_number_seen_brings_exactly_what_was_missed() {
    let server = TestServer::start();
    let mut anna = told(&server, "den", 3);
    let (joined, _) = join(&server, &json!({}));
    let since = |seq: u64| json!({"since": {"epoch": joined["epoch"], "seq": seq}});
    for number in 4..=40 {
        anna.publish("den", &number.to_string());
    }
    anna.settle("den");
    for seq in [0, 3, 39, 40] {
        let (joined, shown) = join(&server, &since(seq));
        assert_eq!((&joined["recovered"], &joined["seq"]), (&json!(true), &json!(40)));
        assert_eq!(texts(&shown), (seq + 1..=40).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn an_incomplete_recovery_says_why_and_shows_the_newest_messages() {
    let mut server = TestServer::with(|settings| settings.limits.history = 5);
    keep_in_memory(&mut server, "den");
    let _anna = told(&server, "den", 10);
    let epoch = join(&server, &json!({})).0["epoch"].clone();
    for (since, reason) in [
        (json!({"epoch": epoch, "seq": 4}), "too_old"),
        (json!({"epoch": "e0", "seq": 9}), "epoch_changed"),
        (json!({"epoch": epoch, "seq": 11}), "epoch_changed"),
    ] {
        let (joined, shown) = join(&server, &json!({"since": since, "history": 2}));
        assert_eq!((&joined["recovered"], &joined["reason"]), (&json!(false), &json!(reason)), "{since}");
        assert_eq!(texts(&shown), ["9", "10"], "{since}");
    }
    let (joined, shown) = join(&server, &json!({"since": {"epoch": epoch, "seq": 5}}));
    assert_eq!((&joined["recovered"], texts(&shown)), (&json!(true), vec!["6", "7", "8", "9", "10"]));
}

#[test]
fn a_part_of_the_history_can_be_asked_for() {
    let mut server = TestServer::with(|settings| settings.limits.history = 50);
    keep_in_memory(&mut server, "den");
    let mut anna = told(&server, "den", 60);
    let mut ask = |fields: Value| {
        let mut command = json!({"type": "history", "room": "den"});
        command.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = anna.ask(command);
        let messages = answer["messages"].as_array().unwrap();
        let seqs: Vec<_> = messages.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
        (seqs.first().copied(), seqs.last().copied(), seqs.len(), answer["complete"] == true)
    };
    assert_eq!(ask(json!({})), (Some(29), Some(60), 32, false));
    assert_eq!(ask(json!({"before": 20, "limit": 5})), (Some(15), Some(19), 5, false));
    assert_eq!(ask(json!({"after": 57})), (Some(58), Some(60), 3, true));
    assert_eq!(ask(json!({"after": 0, "limit": 2})), (Some(11), Some(12), 2, false));
    assert_eq!(ask(json!({"after": 60})), (None, None, 0, true));
    assert_eq!(ask(json!({"limit": 1000})), (Some(11), Some(60), 50, false));
    assert_eq!(anna.ask(json!({"type": "history", "room": "den", "before": 3, "after": 4}))["code"], "bad_request");
    assert_eq!(anna.ask(json!({"type": "history", "room": "other"}))["code"], "not_member");
}

#[test]
fn a_number_that_no_message_can_have_is_answered_with_an_empty_history() {
    let server = TestServer::start();
    let mut anna = told(&server, "den", 3);
    for after in [4, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
        let answer = anna.ask(json!({"type": "history", "room": "den", "after": after}));
        assert_eq!(answer["messages"], json!([]), "{after}");
    }
    let answer = anna.ask(json!({"type": "history", "room": "den", "before": 0}));
    assert_eq!((&answer["messages"], &answer["complete"]), (&json!([]), &json!(true)));
    let (joined, _) = join(&server, &json!({"since": {"epoch": "e", "seq": u64::MAX}}));
    assert_eq!(joined["recovered"], false);
}

#[test]
fn a_text_client_reads_the_history_too() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    text.say("/history");
    text.receives("* No messages");
    for number in 1..=3 {
        text.say(&number.to_string());
        text.receives(&format!("Tess: {number}"));
    }
    text.say("/history 2");
    text.receives("Tess: 2");
    text.receives("Tess: 3");
    text.say("/history 0");
    text.receives("Error: Usage: /history [1 to 300]");
}

#[test]
fn a_message_with_a_known_mid_is_acknowledged_and_not_shown_again() {
    let server = TestServer::start();
    let mut other = WebSocketClient::json(&server, "den", "Otto");
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let message = json!({"type": "message", "room": "den", "message": "once", "mid": "m1"});
    let first = anna.ask(message.clone());
    let second = anna.ask(message.clone());
    assert_eq!((&first["duplicate"], &second["duplicate"]), (&json!(false), &json!(true)));
    assert_eq!((&first["seq"], &first["at"], &first["mid"]), (&second["seq"], &second["at"], &json!("m1")));
    // The same `mid` of another user is another message.
    assert_eq!(other.ask(message)["duplicate"], false);
    let (_, shown) = join(&server, &json!({}));
    assert_eq!(texts(&shown), ["once", "once"]);
    assert!(shown.iter().all(|event| event["mid"] == "m1"));
}

#[test]
fn a_cipher_is_carried_as_it_came() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let cipher = json!({"alg": "A256GCM", "iv": "AAAA", "ct": "b2hv", "n": [1, 2.5, null]});
    anna.command(&json!({"type": "message", "room": "den", "cipher": cipher}));
    assert_eq!(anna.wait_for_type("message")["cipher"], cipher);
    text.receives("Anna: (encrypted)");
    anna.command(&json!({"type": "message", "room": "den", "cipher": cipher, "message": "both"}));
    anna.refused("bad_request");
    anna.command(&json!({"type": "message", "room": "den", "cipher": "no object"}));
    anna.refused("bad_request");
}
