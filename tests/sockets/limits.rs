//! Limits: exceeding one gets the error or the close of the protocol, and affects no other client.

use serde_json::{Value, json};

use crate::harness::{LineClient, TestServer, WebSocketClient, http};

fn slow_rate(burst: u32, offences: u32) -> TestServer {
    TestServer::with(|settings| {
        settings.limits.rate_burst = burst;
        settings.limits.rate_per_s = 1;
        settings.limits.rate_offences_max = offences;
    })
}

#[test]
fn a_text_client_that_is_too_fast_is_told_so_and_its_refused_messages_are_not_shown() {
    let server = slow_rate(3, 1000);
    let mut witness = WebSocketClient::json(&server, "den", "Wim");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    for number in 0..30 {
        text.say(&number.to_string());
    }
    let received: Vec<_> = (0..30).map(|_| text.receive()).collect();
    let refused = |line: &'_ String| line.strip_prefix("Error: Rate limit exceeded; not sent: ").map(str::to_owned);
    let refused: Vec<_> = received.iter().filter_map(refused).collect();
    let shown: Vec<_> = received.iter().filter_map(|line| line.strip_prefix("Tess: ")).collect();
    assert_eq!(refused.len() + shown.len(), 30, "{received:?}");
    assert!(!refused.is_empty() && shown[..3] == ["0", "1", "2"], "{received:?}");
    assert!(refused.iter().all(|text| !shown.contains(&&**text)), "each refusal names its message: {received:?}");
    let seen = witness.settle("den");
    let seen: Vec<_> = seen.iter().filter(|event| event["type"] == "message").collect();
    assert_eq!(seen.len(), shown.len());
    assert!(seen.iter().zip(&shown).all(|(event, text)| event["message"] == **text));
}

#[test]
fn a_json_client_that_is_too_fast_is_told_when_to_try_again() {
    let server = slow_rate(2, 1000);
    let mut client = WebSocketClient::json(&server, "den", "Jo");
    for id in 0..20 {
        client.command(&json!({"type": "message", "room": "den", "message": "hi", "id": id}));
    }
    // A refusal comes from the connection, an acknowledgement from the room: they may overtake each other.
    let (mut answered, mut refused) = (Vec::new(), Vec::new());
    while answered.len() < 20 {
        let event = client.event();
        let Some(id) = event["id"].as_i64() else { continue };
        answered.push(id);
        if event["type"] == "error" {
            assert_eq!((&event["code"], &event["message"]), (&json!("rate_limited"), &json!("Rate limit exceeded")));
            assert!(event["room"].is_null(), "{event}");
            assert!((1..=1000).contains(&event["retry_after_ms"].as_u64().unwrap()), "{event}");
            refused.push(id);
        }
    }
    answered.sort();
    assert_eq!(answered, (0..20).collect::<Vec<_>>(), "each has one answer");
    assert!(!refused.is_empty() && !refused.contains(&0) && !refused.contains(&1), "{refused:?}");
}

#[test]
fn every_kind_of_message_counts_and_other_commands_have_a_limit_of_their_own() {
    let server = slow_rate(1, 1000);
    let mut client = WebSocketClient::multi(&server, "Jo");
    let _otto = WebSocketClient::multi(&server, "Otto");
    for _ in 0..10 {
        client.command(&json!({"topic": "news", "message": "hi", "id": "t"}));
        client.command(&json!({"type": "private", "to": "Otto", "message": "hi", "id": "p"}));
    }
    client.command(&json!({"type": "ping", "id": "end"}));
    let mut refused = Vec::new();
    loop {
        let event = client.event();
        match (event["id"].as_str(), event["code"].as_str()) {
            (Some("end"), code) => break assert_eq!(code, None, "a ping is no message"),
            (Some(id), Some("rate_limited")) => refused.push(id.to_owned()),
            _ => {}
        }
    }
    assert!(refused.contains(&"t".to_owned()) && refused.contains(&"p".to_owned()), "{refused:?}");
    for _ in 0..100 {
        client.command(&json!({"type": "ping"}));
    }
    client.wait_for_type("error");
}

#[test]
fn a_client_that_breaks_the_rate_limit_repeatedly_is_closed_with_4429() {
    let server = slow_rate(1, 5);
    let mut witness = WebSocketClient::json(&server, "den", "Wim");
    let mut client = WebSocketClient::json(&server, "den", "Jo");
    for _ in 0..10 {
        client.publish("den", "hi");
    }
    let ending = client.ending();
    assert_eq!((ending.code, &*ending.reason), (Some(4429), "too_fast"));
    let goodbye = ending.goodbye();
    assert_eq!(
        (&goodbye["type"], &goodbye["code"], &goodbye["reconnect"]),
        (&json!("goodbye"), &json!(4429), &json!(true))
    );
    assert!(goodbye["retry_after_ms"].as_u64().unwrap() > 0);
    let refused = ending.received.iter().filter(|text| text.contains("rate_limited")).count();
    assert_eq!(refused, 5);
    witness.wait_for_type("leave");
}

#[test]
fn a_line_client_that_breaks_the_rate_limit_repeatedly_is_told_why_it_ends() {
    let server = slow_rate(1, 5);
    let mut line = LineClient::named(&server, "Lina");
    line.send("hi\n".repeat(10).as_bytes());
    let received = line.ending();
    assert_eq!(received.iter().filter(|line| *line == "Error: Rate limit exceeded; not sent: hi").count(), 5);
    assert_eq!(received.last().unwrap(), "* Rate limit exceeded again and again");
}

#[test]
fn a_message_that_is_too_large_is_refused_and_the_connection_stays() {
    let server = TestServer::with(|settings| settings.limits.message_bytes = 100);
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let (fits, large) = ("é".repeat(50), "x".repeat(101));
    assert_eq!(json.ask(json!({"type": "message", "room": "den", "message": large}))["code"], "too_large");
    assert_eq!(json.ask(json!({"topic": "den", "message": large}))["code"], "too_large");
    assert_eq!(json.ask(json!({"type": "message", "room": "den", "cipher": {"ct": large}}))["code"], "too_large");
    assert_eq!(json.ask(json!({"type": "private", "to": "Tess", "message": large}))["code"], "too_large");
    assert_eq!(json.ask(json!({"type": "offer", "to": "Tess", "payload": large}))["code"], "too_large");
    text.say(&large);
    text.receives("Error: A message may have 100 bytes");
    text.say(&fits);
    text.receives(&format!("Tess: {fits}"));
    assert_eq!(json.ask(json!({"type": "message", "room": "den", "message": fits}))["seq"], 2);
}

#[test]
fn an_empty_message_is_refused() {
    let server = TestServer::start();
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    assert_eq!(json.ask(json!({"type": "message", "room": "den", "message": ""}))["code"], "bad_request");
    assert_eq!(json.ask(json!({"type": "message", "room": "den", "message": "", "mid": "m"}))["code"], "bad_request");
    assert_eq!(json.ask(json!({"type": "message", "room": "den", "message": "x", "mid": ""}))["code"], "bad_request");
    let long = "m".repeat(65);
    assert_eq!(json.ask(json!({"type": "message", "room": "den", "message": "x", "mid": long}))["code"], "bad_request");
    json.command(&json!({"type": "ping", "id": long}));
    assert_eq!(json.refused("bad_request")["id"], Value::Null);
}

#[test]
fn a_line_that_is_too_long_is_an_error_and_the_connection_goes_on() {
    let server = TestServer::with(|settings| settings.limits.line_bytes = 32);
    let mut other = WebSocketClient::text(&server, "lobby", "Otto");
    let mut line = LineClient::named(&server, "Lina");
    line.say(&"x".repeat(33));
    line.receives("Error: A line may have 32 bytes");
    line.say(&"x".repeat(1_000_000));
    line.receives("Error: A line may have 32 bytes");
    let fits = "y".repeat(32);
    line.send(format!("{fits}\r\n").as_bytes());
    other.wait_for(&format!("Lina: {fits}"));
}

#[test]
fn a_line_that_is_not_utf_8_is_an_error_and_the_connection_goes_on() {
    let server = TestServer::start();
    let mut other = WebSocketClient::text(&server, "lobby", "Otto");
    let mut line = LineClient::named(&server, "Lina");
    line.send(b"\xff\xfe\nfine\n");
    line.receives("Error: A line must be UTF-8");
    other.wait_for("Lina: fine");
}

#[test]
fn a_control_character_other_than_tab_is_refused_in_text() {
    let server = TestServer::start();
    let mut line = LineClient::named(&server, "Lina");
    let mut text = WebSocketClient::text(&server, "lobby", "Tess");
    line.wait_for("Tess joined the room");
    line.say("bell\u{7}");
    line.receives("Error: A line must not hold the character '\\u{7}'");
    text.say("\u{1b}[2J");
    text.receives("Error: A line must not hold the character '\\u{1b}'");
    line.say("a\ttab");
    text.receives("Lina: a\ttab");
}

#[test]
fn no_message_can_pass_for_another_or_command_a_terminal() {
    let server = TestServer::start();
    let mut line = LineClient::named(&server, "Lina");
    let mut json = WebSocketClient::json(&server, "lobby", "Jo");
    line.wait_for("Jo joined the room");
    let message = "one\r\nLina: two\n* three\u{1b}[2J";
    json.publish("lobby", message);
    // A JSON client gets it as it is; a text client in lines that begin with no name.
    assert_eq!(json.wait_for_type("message")["message"], message);
    line.receives("Jo: one");
    line.receives("    Lina: two");
    line.receives("    * three\u{fffd}[2J");
}

#[test]
fn a_connection_is_in_so_many_rooms_and_leaving_one_makes_room() {
    let server = TestServer::with(|settings| settings.limits.rooms_per_connection = 2);
    let mut json = WebSocketClient::multi(&server, "Jo");
    for room in ["one", "two"] {
        assert_eq!(json.ask(json!({"type": "join", "room": room}))["type"], "joined");
    }
    assert_eq!(json.ask(json!({"type": "join", "room": "three"}))["code"], "too_many_rooms");
    assert_eq!(json.ask(json!({"topic": "three", "message": "hi"}))["code"], "too_many_rooms");
    json.ask(json!({"type": "leave", "room": "one"}));
    assert_eq!(json.ask(json!({"type": "join", "room": "three"}))["type"], "joined");
}

#[test]
fn a_text_client_can_change_rooms_with_a_limit_of_one_room() {
    let server = TestServer::with(|settings| settings.limits.rooms_per_connection = 1);
    let mut text = WebSocketClient::text(&server, "one", "Tess");
    text.say("/join two");
    text.wait_for("* You left one");
    text.say("here");
    text.receives("Tess: here");
}

#[test]
fn the_server_has_so_many_rooms() {
    let server = TestServer::with(|settings| settings.limits.rooms_max = 1);
    let mut json = WebSocketClient::json(&server, "one", "Jo");
    assert_eq!(json.ask(json!({"type": "join", "room": "two"}))["code"], "too_many_rooms");
    let mut text = WebSocketClient::open(&server, "/ws?room=two&user=Tess");
    text.receives("Error: The server has 1 rooms, which is its limit");
    text.say("/join one");
    text.receives("Tess joined the room");
    let answer = http::post(&server, "/api/v1/rooms/two/messages", &json!({"message": "hi"}));
    assert_eq!((answer.status, answer.error()), (503, "too_many_rooms".to_owned()));
    assert!(answer.field("Retry-After").is_some());
    // Refused joins leave no room behind, and the existing room goes on.
    assert_eq!(json.ask(json!({"type": "message", "room": "one", "message": "hi"}))["seq"], 1);
}

#[test]
fn a_bare_message_to_a_room_that_cannot_be_entered_is_refused_under_its_id() {
    let server = TestServer::with(|settings| settings.limits.rooms_max = 1);
    let _jo = WebSocketClient::json(&server, "one", "Jo");
    let mut bare = WebSocketClient::multi(&server, "Bert");
    bare.command(&json!({"topic": "two", "message": "hi", "id": 7}));
    assert_eq!(bare.refused("too_many_rooms")["id"], 7);
}

#[test]
fn a_text_client_that_may_not_enter_another_room_stays_where_it_is() {
    let server = TestServer::with(|settings| settings.limits.room_members_max = 1);
    let mut other = WebSocketClient::text(&server, "full", "Otto");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    text.say("/join full");
    text.receives("Error: The room full is full");
    text.say("still here");
    text.receives("Tess: still here");
    other.say("alone");
    other.receives("Otto: alone");
}

#[test]
fn a_room_has_so_many_members_and_a_leave_makes_room() {
    let server = TestServer::with(|settings| settings.limits.room_members_max = 2);
    let mut one = WebSocketClient::json(&server, "den", "Jo");
    let two = WebSocketClient::text(&server, "den", "Tess");
    let mut third = WebSocketClient::multi(&server, "Otto");
    assert_eq!(third.ask(json!({"type": "join", "room": "den"}))["code"], "room_full");
    two.leave();
    one.wait_for_type("leave");
    assert_eq!(third.ask(json!({"type": "join", "room": "den"}))["type"], "joined");
}

#[test]
fn what_not_everybody_could_read_is_refused_where_it_enters() {
    let server = TestServer::start();
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    let _otto = WebSocketClient::json(&server, "den", "Otto");
    json.settle("den");
    let deep = format!("{}1{}", "{\"a\":".repeat(130), "}".repeat(130));
    for value in [&*deep, r#"{"a":1e999}"#, r#"{"a":"\ud800"}"#] {
        for command in [
            format!(r#"{{"type":"message","id":1,"room":"den","cipher":{value}}}"#),
            format!(r#"{{"type":"private","id":1,"to":"Otto","cipher":{value}}}"#),
            format!(r#"{{"type":"edit","id":1,"room":"den","seq":1,"cipher":{value}}}"#),
            format!(r#"{{"type":"offer","id":1,"to":"Otto","payload":{value}}}"#),
        ] {
            json.say(&command);
            let refused = json.refused("bad_request");
            let message = refused["message"].as_str().unwrap();
            assert!(message.contains("could not be read by everybody"), "{command}: {message}");
        }
    }
    for command in [
        r#"["zed"]"#,
        r#"{"type":"message","id":1,"room":"den","cipher":["zed"]}"#,
        r#"{"type":"join","id":1,"room":"yard","since":["e1",0]}"#,
        r#"{"type":"resume","id":1,"resume":"x","rooms":{"den":["e1",0]}}"#,
        r#"{"type":"presence","id":1,"status":{"away":null}}"#,
    ] {
        json.say(command);
        json.refused("bad_request");
    }
    assert_eq!(json.ask(json!({"type": "message", "room": "den", "cipher": {"v": [1]}}))["seq"], 1);
}

#[test]
fn what_shows_nothing_is_refused_in_every_protocol() {
    let server = TestServer::start();
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let mut line = LineClient::named(&server, "Lina");
    json.publish("den", "one");
    text.wait_for("Jo: one");
    for nothing in ["\u{200b}", " \u{2060}\u{feff}", "\u{2800}", "\u{3164}\u{fe0f}", "   "] {
        for command in [
            json!({"type": "message", "room": "den", "message": nothing}),
            json!({"topic": "den", "message": nothing}),
            json!({"type": "private", "to": "Tess", "message": nothing}),
            json!({"type": "edit", "room": "den", "seq": 1, "message": nothing}),
            json!({"type": "message", "room": "den", "message": nothing, "react_to": 1}),
            json!({"type": "presence", "status": "away", "note": nothing}),
        ] {
            json.command(&command);
            json.wait_for_type("error");
        }
        text.say(nothing);
        text.receives("Error: A message must show something");
        line.say(&format!("a{nothing}"));
        line.say(&format!("\u{200b}{nothing}"));
        line.receives("Error: A message must show something");
        let answer = http::post(&server, "/api/v1/rooms/den/messages", &json!({"message": nothing}));
        assert_eq!((answer.status, answer.error()), (400, "bad_request".to_owned()));
    }
    let kept = json.ask(json!({"type": "history", "room": "den"}))["messages"].clone();
    assert_eq!(kept.as_array().unwrap().len(), 1, "{kept}");
    json.command(&json!({"type": "presence", "status": "away", "note": ""}));
    assert_eq!(text.receive(), "* Jo is away");
}
