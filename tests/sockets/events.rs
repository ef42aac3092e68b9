//! Streams of events over HTTP: what they show, how they are resumed, and how they end.

use std::time::Duration;

use roomd::Settings;
use roomd::chat::{Identity, RoomName, Slow, UserName};
use roomd::engine::rooms::moderation::NewRoom;
use serde_json::{Value, json};

use crate::harness::{EventClient, Http, TestServer, WebSocketClient, connected, http, until};

const DEN: &str = "/api/v1/rooms/den/events";

fn publish(server: &TestServer, room: &str, text: &str) -> u64 {
    let answer =
        http::post(server, &format!("/api/v1/rooms/{room}/messages"), &json!({"user": "Bot", "message": text}));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["seq"].as_u64().unwrap()
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// A server on which a test sees pings.
fn pinging() -> TestServer {
    TestServer::with(|settings| settings.limits.ping = Duration::from_millis(20))
}

#[test]
fn a_stream_tells_the_verdict_then_the_newest_messages_and_then_what_is_said() {
    let server = TestServer::start();
    (1..=3).for_each(|number| _ = publish(&server, "den", &number.to_string()));
    let mut stream = EventClient::open(&server, &format!("{DEN}?history=2"));
    assert_eq!(stream.answer.field("Content-Type"), Some("text/event-stream"));
    assert_eq!(stream.answer.field("Cache-Control"), Some("no-store"));
    assert_eq!((stream.answer.field("Content-Length"), stream.answer.field("Connection")), (None, Some("close")));
    let joined = stream.event_of("joined");
    assert_eq!((&joined["recovered"], &joined["seq"], &joined["count"]), (&json!(true), &json!(3), &json!(0)));
    let epoch = joined["epoch"].as_str().unwrap().to_owned();
    assert_eq!(stream.last_id, format!("{epoch}.1"));
    assert_eq!(stream.numbers(2), [2, 3]);
    assert_eq!(stream.last_id, format!("{epoch}.3"));
    assert!((1_000..5_000).contains(&stream.retry.unwrap()));
    let mut speaker = WebSocketClient::json(&server, "den", "Ann");
    assert_eq!(stream.event_of("join")["user"], "Ann");
    assert_eq!(stream.last_id, format!("{epoch}.3"));
    speaker.publish("den", "line one\nline two");
    let message = stream.event_of("message");
    assert_eq!((&message["user"], &message["message"]), (&json!("Ann"), &json!("line one\nline two")));
    assert_eq!(stream.last_id, format!("{epoch}.4"));
}

#[test]
fn a_stream_with_latest_begins_with_the_newest_message_of_each_key() {
    let server = TestServer::start();
    let post = |body: Value| http::post(&server, "/api/v1/rooms/den/messages", &body);
    for (key, text) in [("acme", "11"), ("dull", "7"), ("acme", "12")] {
        assert_eq!(post(json!({"message": text, "key": key})).status, 201);
    }
    let mut stream = EventClient::open(&server, &format!("{DEN}?latest"));
    assert_eq!(stream.event_of("joined")["recovered"], true);
    assert_eq!(stream.numbers(2), [2, 3]);
    assert!(stream.last_id.ends_with(".3"), "{}", stream.last_id);
}

#[test]
fn a_stream_of_json_lines_has_the_same_objects() {
    let server = pinging();
    let mut events = EventClient::open(&server, DEN);
    let mut lines = EventClient::open_with(&server, DEN, "Accept: application/x-ndjson\r\n");
    assert_eq!(lines.answer.field("Content-Type"), Some("application/x-ndjson"));
    publish(&server, "den", "hi");
    let mut next_line = || std::iter::from_fn(|| lines.line()).find(|line| line["type"] != "ping").unwrap();
    for kind in ["joined", "message"] {
        assert_eq!(events.event_of(kind), next_line());
    }
    assert!(std::iter::from_fn(|| lines.line()).any(|line| line == json!({"type": "ping"})));
}

#[test]
fn json_that_was_sent_in_several_lines_is_one_event() {
    let server = TestServer::start();
    let mut events = EventClient::open(&server, DEN);
    let mut lines = EventClient::open_with(&server, DEN, "Accept: application/x-ndjson\r\n");
    events.event_of("joined");
    let mut speaker = WebSocketClient::json(&server, "den", "Ann");
    events.event_of("join");
    let forged = r#"{"a":[1,
        {"b":"\n"}],

"data: {}":"#;
    speaker.say(&format!(r#"{{"type":"message","room":"den","cipher":{forged}2}}}}"#));
    let cipher = json!({"a": [1, {"b": "\n"}], "data: {}": 2});
    assert_eq!(events.event_of("message")["cipher"], cipher);
    let line = std::iter::from_fn(|| lines.line()).find(|line| line["type"] == "message").unwrap();
    assert_eq!(line["cipher"], cipher);
}

#[test]
fn a_ping_is_a_comment() {
    let server = pinging();
    let mut stream = EventClient::open(&server, DEN);
    assert!(std::iter::from_fn(|| stream.block()).any(|block| block == ":"));
}

#[test]
fn a_client_that_connects_again_gets_each_message_once_however_often_it_is_cut_off() {
    let server = TestServer::start();
    let mut stream = EventClient::open(&server, DEN);
    stream.event_of("joined");
    let mut all = Vec::new();
    for turn in 0..12 {
        (0..5).for_each(|number| _ = publish(&server, "den", &number.to_string()));
        stream = stream.again(&server, DEN);
        assert_eq!(stream.event_of("joined")["recovered"], true, "{turn}");
        // It reads some of what there is, and is cut off.
        all.extend(stream.numbers(turn % 6));
    }
    stream = stream.again(&server, DEN);
    stream.event_of("joined");
    all.extend(stream.numbers(60 - all.len()));
    assert_eq!(all, (1..=60).collect::<Vec<_>>());
}

#[test]
fn a_stream_of_several_rooms_is_resumed_in_each_of_them() {
    let server = TestServer::start();
    let path = "/api/v1/events?room=den&room=attic&room=cellar&history=0";
    publish(&server, "den", "one");
    let mut stream = EventClient::open(&server, path);
    let joined: Vec<_> = (0..3).map(|_| stream.event_of("joined")).collect();
    let epochs: Vec<_> = joined.iter().map(|joined| joined["epoch"].as_str().unwrap().to_owned()).collect();
    let at = |positions: [u64; 3]| {
        let ids = epochs.iter().zip(positions).map(|(epoch, seq)| format!("{epoch}.{seq}"));
        ids.collect::<Vec<_>>().join(",")
    };
    assert_eq!(stream.last_id, at([1, 0, 0]));
    publish(&server, "cellar", "one");
    publish(&server, "attic", "one");
    publish(&server, "den", "two");
    stream.numbers(3);
    assert_eq!(stream.last_id, at([2, 1, 1]));
    for (room, count) in [("den", 3), ("cellar", 2)] {
        (0..count).for_each(|_| _ = publish(&server, room, "missed"));
    }
    let mut stream = stream.again(&server, path);
    let mut seen = Vec::new();
    while seen.len() < 8 {
        let event = stream.next().unwrap();
        assert_ne!(event["recovered"], false);
        seen.push((event["room"].as_str().unwrap().to_owned(), event["seq"].as_u64().unwrap()));
    }
    let expected =
        [("den", 5), ("den", 3), ("den", 4), ("den", 5), ("attic", 1), ("cellar", 3), ("cellar", 2), ("cellar", 3)];
    assert_eq!(seen, expected.map(|(room, seq)| (room.to_owned(), seq)));
    assert_eq!(stream.last_id, at([5, 1, 3]));
}

#[test]
fn a_client_that_is_cut_off_before_it_has_all_rooms_gets_the_others_anew() {
    let server = TestServer::start();
    ["den", "attic"].iter().for_each(|room| _ = publish(&server, room, "one"));
    let path = "/api/v1/events?room=den&room=attic";
    let mut stream = EventClient::open(&server, path);
    stream.event_of("joined");
    assert!(stream.last_id.ends_with(".0,-"), "{}", stream.last_id);
    let mut stream = stream.again(&server, path);
    for _ in 0..2 {
        assert_eq!(stream.event_of("joined")["recovered"], true);
        assert_eq!(stream.numbers(1), [1]);
    }
}

#[test]
fn a_stream_that_cannot_be_resumed_says_why_and_shows_the_newest_messages() {
    let server = TestServer::start();
    (0..5).for_each(|_| _ = publish(&server, "den", "hi"));
    let mut stream = EventClient::open(&server, &format!("{DEN}?since=e0.3&history=2"));
    let joined = stream.event_of("joined");
    assert_eq!((&joined["recovered"], &joined["reason"]), (&json!(false), &json!("epoch_changed")));
    let epoch = joined["epoch"].as_str().unwrap().to_owned();
    assert_eq!(stream.last_id, format!("{epoch}.3"));
    assert_eq!(stream.numbers(2), [4, 5]);
    // What a browser has seen counts, and not what its address says.
    let address = format!("{DEN}?since={epoch}.1");
    let mut stream = EventClient::open_with(&server, &address, &format!("Last-Event-ID: {epoch}.4\r\n"));
    assert_eq!(stream.event_of("joined")["recovered"], true);
    assert_eq!(stream.numbers(1), [5]);
    let mut stream = EventClient::open_with(&server, &address, "Last-Event-ID:\r\n");
    stream.event_of("joined");
    assert_eq!(stream.numbers(4), [2, 3, 4, 5]);
}

#[test]
fn a_quiet_stream_is_told_to_nobody_and_an_announced_one_is() {
    let server = TestServer::start();
    let mut ann = WebSocketClient::json(&server, "den", "Ann");
    let members = |ann: &mut WebSocketClient| ann.ask(json!({"type": "members", "room": "den"}))["count"].clone();
    let mut quiet = EventClient::open(&server, &format!("{DEN}?user=Eve"));
    quiet.event_of("joined");
    assert_eq!(members(&mut ann), 1);
    let private = json!({"type": "private", "to": "Eve", "message": "psst"});
    assert_eq!(ann.ask(private.clone())["code"], "user_offline");
    ann.publish("den", "hi");
    assert_eq!(quiet.numbers(1), [1]);
    drop(quiet);
    let mut open = EventClient::open(&server, &format!("{DEN}?user=Bob&announce=true"));
    let told = ann.wait_for_type("join");
    assert_eq!(told["user"], "Bob");
    open.event_of("joined");
    open.event_of("message");
    assert_eq!(members(&mut ann), 2);
    ann.command(&json!({"type": "private", "to": "Bob", "message": "hello"}));
    let private = open.event_of("private");
    assert_eq!((&private["user"], &private["message"]), (&json!("Ann"), &json!("hello")));
    // It is no message of a room of the stream.
    assert!(open.last_id.ends_with(".1"), "{}", open.last_id);
    drop(open);
    assert_eq!(ann.wait_for_type("leave")["user"], "Bob");
}

#[test]
fn a_stream_whose_room_has_ended_ends() {
    let server = pinging();
    let owner = Identity { auth_level: roomd::chat::AuthLevel::Registered, ..UserName::parse("Olga").unwrap().into() };
    server.engine().create(&owner, NewRoom::public(room("den"), true)).unwrap();
    let mut stream = EventClient::open(&server, DEN);
    stream.event_of("joined");
    let ended = roomd::chat::policy::ModerationRequest::End;
    server.engine().moderate(&owner, &room("den"), ended, None).unwrap();
    stream.event_of("ended");
    assert_eq!(stream.next(), None);
}

#[test]
fn a_server_that_stops_says_when_to_connect_again() {
    let server = TestServer::start();
    let mut stream = EventClient::open(&server, DEN);
    stream.event_of("joined");
    let first = stream.retry.take();
    let stopping = std::thread::spawn(move || server.stop());
    let goodbye = stream.event_of("goodbye");
    assert_eq!((&goodbye["reason"], &goodbye["reconnect"]), (&json!("closing"), &json!(true)));
    assert_eq!(goodbye["retry_after_ms"].as_u64(), stream.retry);
    assert!(stream.retry.is_some() && first.is_some());
    assert_eq!(stream.next(), None);
    stopping.join().unwrap();
}

#[test]
fn a_client_of_a_stream_that_does_not_read_is_disconnected_or_misses_what_it_is_told_of() {
    for slow in [Slow::Disconnect, Slow::Drop, Slow::Latest] {
        let server = TestServer::with(|settings: &mut Settings| {
            settings.limits.slow = slow;
            settings.limits.outbox_bytes = 256 * 1024;
        });
        let mut stream = EventClient::open(&server, DEN);
        stream.event_of("joined");
        let mut speaker = WebSocketClient::open(&server, "/ws?room=den&user=Paul&echo=false");
        let text = "x".repeat(60_000);
        // More than the socket's buffers and the outbox hold.
        for _ in 0..400 {
            speaker.say(&text);
        }
        speaker.say("/time");
        while !speaker.receive().starts_with("* ") {}
        let (mut messages, mut missed, mut goodbye) = (0, 0, Value::Null);
        while messages + missed < 400 {
            let Some(event) = stream.next() else { break };
            match event["type"].as_str().unwrap() {
                "message" => messages += 1,
                "lagged" => missed += event["missed"].as_u64().unwrap(),
                "goodbye" => goodbye = event,
                _ => {}
            }
        }
        match slow {
            // None of the messages has a key.
            Slow::Drop | Slow::Latest => assert!(missed > 0 && goodbye.is_null(), "{messages} {missed}"),
            // Where the goodbye did not fit either, the stream breaks.
            Slow::Disconnect => assert!(missed == 0 && messages < 400, "{messages} {missed} {goodbye}"),
        }
    }
}

#[test]
fn what_is_no_request_for_a_stream_is_refused_before_it_begins() {
    let server = TestServer::with(|settings| settings.limits.rooms_per_connection = 2);
    let ask = |line: &str, fields: &str| http::ask(&server, line, fields, "").status;
    for (path, status) in [
        ("/api/v1/events", 400),
        ("/api/v1/events?room=", 400),
        ("/api/v1/events?room=a%20b", 400),
        ("/api/v1/events?room=dm:a:b", 400),
        ("/api/v1/events?room=a&room=a", 400),
        ("/api/v1/events?room=a&room=b&room=c", 400),
        ("/api/v1/events?room=a&since=e1.1,e2.2", 400),
        ("/api/v1/events?room=a&since=7", 400),
        ("/api/v1/events?room=a&history=x", 400),
        ("/api/v1/events?room=a&announce=maybe", 400),
        ("/api/v1/events?room=a&user=a:b", 400),
        ("/api/v1/events?room=a&ticket=x", 401),
        ("/api/v1/events?room=a&token=x", 401),
        ("/api/v1/rooms//events", 404),
        ("/api/v1/rooms/a/b/events", 404),
    ] {
        assert_eq!(ask(&format!("GET {path}"), ""), status, "{path}");
    }
    assert_eq!(ask(&format!("GET {DEN}"), "Accept: application/json\r\n"), 406);
    assert_eq!(ask(&format!("GET {DEN}"), "Last-Event-ID: x\r\n"), 400);
    assert_eq!(http::ask(&server, &format!("GET {DEN}"), "", "hello").status, 400);
    for method in ["POST", "HEAD", "DELETE"] {
        let answer = http::ask(&server, &format!("{method} {DEN}"), "", "");
        assert_eq!((answer.status, answer.field("Allow")), (405, Some("GET, OPTIONS")), "{method}");
    }
    // Nothing was opened for them.
    assert!(server.engine().hub.is_empty());
    let strict = TestServer::with(|settings| settings.guests = Some(false));
    assert_eq!(http::get(&strict, DEN).status, 401);
}

#[test]
fn a_refusal_of_one_room_leaves_the_others() {
    let server = TestServer::with(|settings| settings.limits.room_members_max = 1);
    let mut ann = WebSocketClient::json(&server, "attic", "Ann");
    let mut http = Http::connect(&server);
    http.request("GET /api/v1/events?room=den&room=attic", "", "");
    let refused = http.answer();
    assert_eq!((refused.status, &*refused.error()), (503, "room_full"));
    until("the other room is left", || !server.engine().hub.has(&room("den")));
    // The connection goes on.
    http.request("GET /api/v1/time", "", "");
    assert_eq!(http.answer().status, 200);
    assert_eq!(ann.ask(json!({"type": "members", "room": "attic"}))["count"], 1);
}

#[test]
fn what_follows_the_request_for_a_stream_ends_it() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    http.request(&format!("GET {DEN}"), "", "");
    http.request("GET /healthz", "", "");
    assert_eq!(http.answer().status, 200);
    let rest = String::from_utf8(http.rest()).unwrap();
    assert!(rest.contains("joined") && !rest.contains("HTTP/1.1"), "{rest}");
}

#[test]
fn a_stream_over_a_socket_of_http_1_0_ends_with_its_connection() {
    let server = TestServer::start();
    let mut http = Http::over(connected(server.http_socket()));
    http.send(format!("GET {DEN} HTTP/1.0\r\n\r\n"));
    assert_eq!(http.answer().status, 200);
    publish(&server, "den", "hi");
    http.finish();
    let rest = String::from_utf8(http.rest()).unwrap();
    assert!(rest.contains("joined"), "{rest}");
}

#[test]
fn a_page_on_the_list_may_read_a_stream_and_another_may_not() {
    let server = TestServer::with(|settings: &mut Settings| settings.origins = vec!["https://chat.example".to_owned()]);
    let stream = EventClient::open_with(&server, DEN, "Origin: https://chat.example\r\n");
    assert_eq!(stream.answer.field("Access-Control-Allow-Origin"), Some("https://chat.example"));
    let fields = "Origin: https://chat.example\r\nAccept: text/html\r\n";
    let refused = http::ask(&server, &format!("GET {DEN}"), fields, "");
    assert_eq!((refused.status, refused.field("Access-Control-Allow-Origin")), (406, Some("https://chat.example")));
    assert_eq!(http::ask(&server, &format!("GET {DEN}"), "Origin: https://evil.example\r\n", "").status, 403);
    let asks = "Origin: https://chat.example\r\nAccess-Control-Request-Method: GET\r\n\
        Access-Control-Request-Headers: last-event-id\r\n";
    let preflight = http::ask(&server, &format!("OPTIONS {DEN}"), asks, "");
    assert_eq!((preflight.status, preflight.field("Access-Control-Allow-Methods")), (204, Some("GET, OPTIONS")));
    assert!(preflight.field("Access-Control-Allow-Headers").unwrap().contains("Last-Event-ID"));
}
