//! Every protocol leads to the same rooms.

use serde_json::{Value, json};

use crate::harness::{Http, LineClient, TestServer, WebSocketClient};

/// The messages that a text client shows, in order.
fn request(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    lines.into_iter().filter(|line| line.contains(": ")).collect()
}

/// The same of a JSON client; its events call the room `place`.
fn published(events: &[Value], place: &str) -> Vec<String> {
    let messages = events.iter().filter(|event| event["type"] == "message");
    messages
        .inspect(|event| assert_eq!(event[place], "lobby", "{event}"))
        .map(|event| format!("{}: {}", event["user"].as_str().unwrap(), event["message"].as_str().unwrap()))
        .collect()
}

#[test]
fn each_protocol_shows_each_message_once_and_in_the_same_order() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "lobby", "Tess");
    let mut json = WebSocketClient::json(&server, "lobby", "Jo");
    let mut topic = WebSocketClient::multi(&server, "Tom");
    topic.ask(json!({"type": "subscribe", "topic": "lobby"}));
    let mut line = LineClient::named(&server, "Lina");
    for round in 0..20 {
        line.say(&format!("line {round}"));
        text.say(&format!("text {round}"));
        json.publish("lobby", &format!("json {round}"));
        topic.command(&json!({"topic": "lobby", "message": format!("topic {round}")}));
    }
    // Each waits for its own message first; the next marker is behind every client's messages.
    let mut by_line = line.settle();
    let mut by_json = json.settle("lobby");
    let mut by_topic = topic.settle("lobby");
    text.say("the end");
    by_line.extend(line.wait_for("Tess: the end"));
    let by_text = request(text.wait_for("Tess: the end"));
    by_json.extend(json.settle("lobby"));
    by_topic.extend(topic.settle("lobby"));

    assert_eq!(by_text.len(), 80);
    let whole: Vec<_> = by_text.iter().cloned().chain(["Tess: the end".to_owned()]).collect();
    assert_eq!(published(&by_json, "room"), whole);
    assert_eq!(published(&by_topic, "topic"), whole);
    let not_its_own: Vec<_> = by_text.into_iter().filter(|line| !line.starts_with("Lina: ")).collect();
    assert_eq!(request(by_line), not_its_own);
}

#[test]
fn a_message_typed_on_the_line_port_is_seen_over_every_other_protocol() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "lobby", "Tess");
    let mut json = WebSocketClient::json(&server, "lobby", "Jo");
    let mut topic = WebSocketClient::multi(&server, "Tom");
    topic.ask(json!({"type": "subscribe", "topic": "lobby"}));
    let mut line = LineClient::named(&server, "Lina");
    line.say("Hello, world!");
    text.wait_for("Lina: Hello, world!");
    let seen = json.wait_for_type("message");
    assert_eq!(
        (&seen["room"], &seen["user"], &seen["message"]),
        (&json!("lobby"), &json!("Lina"), &json!("Hello, world!"))
    );
    let topical = topic.wait_for_type("message");
    assert_eq!((&topical["topic"], &topical["room"]), (&json!("lobby"), &Value::Null));
    assert_eq!((&topical["seq"], &topical["at"]), (&seen["seq"], &seen["at"]));
}

#[test]
fn the_bare_form_joins_first_and_answers_only_what_carries_an_id() {
    let server = TestServer::start();
    let mut reader = WebSocketClient::multi(&server, "Rita");
    reader.ask(json!({"type": "subscribe", "topic": "news"}));
    let mut bare = WebSocketClient::multi(&server, "Bert");
    bare.command(&json!({"topic": "news", "message": "one"}));
    let first = bare.event_of("message");
    assert_eq!((&first["topic"], &first["message"], &first["user"]), (&json!("news"), &json!("one"), &json!("Bert")));
    bare.command(&json!({"topic": "news", "message": "two", "id": 7}));
    let sent = bare.event_of("sent");
    assert_eq!((&sent["id"], &sent["seq"], &sent["topic"]), (&json!(7), &json!(2), &json!("news")));
    bare.event_of("message");
    // The join of a subscriber by the bare form is not announced.
    assert_eq!(reader.event_of("message")["message"], "one");
    assert_eq!(reader.event_of("message")["message"], "two");
}

#[test]
fn a_client_leaves_over_every_protocol_and_others_are_told_once() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::json(&server, "lobby", "Wim");
    let mut line = LineClient::named(&server, "Lina");
    let mut text = WebSocketClient::text(&server, "lobby", "Tess");
    let mut json = WebSocketClient::json(&server, "lobby", "Jo");
    let mut topic = WebSocketClient::multi(&server, "Tom");
    topic.ask(json!({"type": "subscribe", "topic": "lobby"}));

    line.say("/leave");
    line.wait_for("* You left lobby");
    line.say("anybody?");
    line.receives("Error: Join a room first: /join ROOM");
    text.say("/leave");
    text.wait_for("* You left lobby");
    text.say("anybody?");
    text.receives("Error: Join a room first: /join ROOM");
    let left = json.ask(json!({"type": "leave", "room": "lobby"}));
    assert_eq!((&left["type"], &left["room"]), (&json!("left"), &json!("lobby")));
    assert_eq!(json.ask(json!({"type": "message", "room": "lobby", "message": "?"}))["code"], "not_member");
    let left = topic.ask(json!({"type": "unsubscribe", "topic": "lobby"}));
    assert_eq!((&left["type"], &left["topic"]), (&json!("left"), &json!("lobby")));
    assert_eq!(topic.ask(json!({"type": "unsubscribe", "topic": "lobby"}))["code"], "not_member");

    let received = witness.settle("lobby");
    let gone: Vec<_> = received.iter().filter(|event| event["type"] == "leave").collect();
    let named: Vec<_> =
        gone.iter().filter_map(|event| event["user"].as_str()).filter(|user| !user.starts_with("guest")).collect();
    assert_eq!(named, ["Lina", "Tess", "Jo", "Tom"]);
    assert!(received.iter().all(|event| event["type"] != "message" && event["type"] != "presence"));
}

#[test]
fn a_message_that_was_sent_before_a_leave_is_seen_before_it() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::text(&server, "lobby", "Wim");
    let mut line = LineClient::named(&server, "Lina");
    line.send(b"last word\n/quit\n");
    line.ending();
    witness.wait_for("Lina joined the room");
    witness.receives("Lina: last word");
    witness.receives("Lina left the room");
}

#[test]
fn a_client_that_asks_for_no_echo_gets_all_but_its_own() {
    let server = TestServer::start();
    let mut other = WebSocketClient::text(&server, "den", "Olga");
    let mut mute = WebSocketClient::open(&server, "/ws?room=den&user=Max&echo=false");
    mute.receives("Max joined the room");
    mute.say("one");
    other.wait_for("Max: one");
    other.say("two");
    other.receives("Olga: two");
    mute.receives("Olga: two");
}

#[test]
fn a_line_without_its_end_is_read_when_the_client_stops_sending() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::text(&server, "lobby", "Wim");
    let mut line = LineClient::named(&server, "Lina");
    line.send(b"first\r\nsecond");
    line.finish();
    witness.wait_for("Lina: first");
    witness.receives("Lina: second");
    witness.receives("Lina left the room");
}

#[test]
fn two_slashes_are_one_and_an_empty_line_is_no_message() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    text.say("");
    text.say("//join me");
    text.receives("Tess: /join me");
    text.say("/dance");
    text.receives("Error: There is no such command: /help lists them");
}

#[test]
fn a_text_client_that_joins_another_room_leaves_the_first() {
    let server = TestServer::start();
    let mut old = WebSocketClient::text(&server, "old", "Olga");
    let mut new = WebSocketClient::text(&server, "new", "Nora");
    let mut text = WebSocketClient::text(&server, "old", "Tess");
    text.say("/join new");
    text.wait_for("* You left old");
    text.say("here");
    text.receives("Tess: here");
    new.wait_for("Tess: here");
    old.wait_for("Tess joined the room");
    old.receives("Tess left the room");
    old.say("still here");
    old.receives("Olga: still here");
    text.say("there");
    text.receives("Tess: there");
}

#[test]
fn a_sub_protocol_chooses_the_dialect_and_the_answer_names_exactly_one() {
    let server = TestServer::start();
    for (offered, chosen) in [
        ("roomd.v1.json", Some("roomd.v1.json")),
        ("roomd.v1.text", Some("roomd.v1.text")),
        ("soap, roomd.v1.text, roomd.v1.json", Some("roomd.v1.text")),
        ("soap", None),
    ] {
        let fields = format!("Sec-WebSocket-Protocol: {offered}\r\n");
        let (answer, http) = Http::connect(&server).upgrade("/ws?room=den&user=Pia", &fields);
        assert_eq!((answer.status, answer.field("Sec-WebSocket-Protocol")), (101, chosen), "{offered}");
        let first = WebSocketClient::after(http).receive();
        assert_eq!(first.starts_with('{'), chosen == Some("roomd.v1.json"), "{offered}: {first}");
    }
}

#[test]
fn a_client_without_parameters_is_a_json_guest_and_is_told_the_limits() {
    let server = TestServer::with(|settings| {
        settings.limits.rate_burst = 12;
        settings.limits.rate_per_s = 34;
        settings.limits.message_bytes = 56;
        settings.limits.rooms_per_connection = 7;
    });
    let mut client = WebSocketClient::open(&server, "/ws");
    let welcome = client.event_of("welcome");
    assert!(welcome["user"].as_str().unwrap().starts_with("guest-"));
    assert_eq!(welcome["guest"], true);
    assert_eq!(welcome["server"], concat!("roomd/", env!("CARGO_PKG_VERSION")));
    assert_eq!(welcome["limits"], json!({"message_bytes": 56, "rooms": 7, "rate": {"burst": 12, "per_s": 34}}));
    assert_eq!((&welcome["ping_ms"], &welcome["pong_timeout_ms"]), (&json!(54_000), &json!(60_000)));
    assert_eq!(client.ask(json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn an_invalid_command_is_refused_under_its_id() {
    let server = TestServer::start();
    let mut client = WebSocketClient::multi(&server, "Pia");
    for (text, id, code) in [
        ("hello", Value::Null, "bad_request"),
        ("[]", Value::Null, "bad_request"),
        (r#"{"id":1}"#, json!(1), "bad_request"),
        (r#"{"type":"dance","id":"x"}"#, json!("x"), "unknown_type"),
        (r#"{"type":"join","id":2}"#, json!(2), "bad_request"),
        (r#"{"type":"join","room":5,"id":3}"#, json!(3), "bad_request"),
        (r#"{"type":"message","room":"den","message":"hi","id":4}"#, json!(4), "not_member"),
        (r#"{"type":"typing","room":"den","typing":true,"id":5}"#, json!(5), "not_member"),
    ] {
        client.say(text);
        assert_eq!(client.refused(code)["id"], id, "{text}");
    }
    client.command(&json!({"type": "ping", "id": 9, "of no": "meaning"}));
    assert_eq!(client.event_of("pong")["id"], 9);
}
