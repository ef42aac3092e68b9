//! Messages of bytes, over every door: base64 in JSON, binary frames in their sub-protocol, a line for people.

use serde_json::{Value, json};

use crate::harness::{EventClient, Http, IrcClient, LineClient, TestServer, WebSocketClient, http};

const MESSAGES: &str = "/api/v1/rooms/lobby/messages";
const BYTES: &str = "Content-Type: application/octet-stream\r\n";

/// A client that takes and sends binary frames.
fn binary(server: &TestServer, target: &str) -> WebSocketClient {
    let fields = "Sec-WebSocket-Protocol: roomd.v1.binary, roomd.v1.json\r\n";
    let (answer, http) = Http::connect(server).upgrade(target, fields);
    assert_eq!(answer.field("Sec-WebSocket-Protocol"), Some("roomd.v1.binary"));
    WebSocketClient::after(http)
}

/// The content of a binary frame.
fn frame(head: &Value, data: &[u8]) -> Vec<u8> {
    let head = head.to_string();
    [&u32::try_from(head.len()).unwrap().to_be_bytes(), head.as_bytes(), data].concat()
}

/// The head and the data of the next binary frame.
fn message(client: &mut WebSocketClient) -> (Value, Vec<u8>) {
    let frame = client.wait_for_binary();
    let length = u32::from_be_bytes(*frame.first_chunk().unwrap()) as usize;
    let (head, data) = frame[4..].split_at(length);
    (serde_json::from_slice(head).unwrap(), data.to_vec())
}

/// Posts bytes.
fn post(server: &TestServer, target: &str, bytes: &[u8]) -> http::Answer {
    let mut http = Http::connect(server);
    let length = bytes.len();
    http.send(format!("POST {target} HTTP/1.1\r\nHost: roomd.test\r\n{BYTES}Content-Length: {length}\r\n\r\n"));
    http.send(bytes);
    http.answer()
}

#[test]
fn bytes_are_seen_over_every_door() {
    let server = TestServer::with(|settings| settings.irc = Some(crate::harness::free()));
    let mut json = WebSocketClient::json(&server, "lobby", "Jo");
    let mut frames = binary(&server, "/ws?room=lobby&user=Fry");
    frames.wait_for_type("joined");
    let mut text = WebSocketClient::text(&server, "lobby", "Tess");
    let mut line = LineClient::named(&server, "Lina");
    let mut irc = IrcClient::named(&server, "Iris");
    irc.say("JOIN #lobby");
    irc.wait_for("366");
    let mut stream = EventClient::open(&server, "/api/v1/rooms/lobby/events");
    stream.event_of("joined");

    let bytes: Vec<u8> = (0..3072).map(|i| (i % 256) as u8).collect();
    let sent = post(&server, &format!("{MESSAGES}?user=Bot&mid=m1&key=state"), &bytes).json();
    assert_eq!((&sent["type"], &sent["seq"], &sent["mid"]), (&json!("sent"), &json!(1), &json!("m1")));
    let said = json.wait_for_type("message");
    assert_eq!((&said["data"], said.get("message")), (&json!(base64(&bytes)), None));
    assert_eq!((&said["user"], &said["key"]), (&json!("Bot"), &json!("state")));
    let (head, data) = message(&mut frames);
    assert_eq!(data, bytes);
    assert_eq!(head, without_data(&said), "the head is the event without its data");
    text.wait_for("Bot: (binary, 3 KiB)");
    line.wait_for("Bot: (binary, 3 KiB)");
    irc.wait_for("PRIVMSG #lobby :(binary, 3 KiB)");
    assert_eq!(stream.event_of("message")["data"], said["data"]);
    let history = http::get(&server, MESSAGES).json();
    assert_eq!(history["messages"][0]["data"], said["data"]);
}

#[test]
fn a_client_sends_bytes_in_json_and_in_frames() {
    let server = TestServer::start();
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    let mut frames = binary(&server, "/ws?room=den&user=Fry");
    frames.wait_for_type("joined");

    let command = json!({"type": "message", "room": "den", "data": "AAH/", "mid": "m1", "if_seq": 0});
    assert_eq!(json.ask(command)["seq"], 1);
    assert_eq!(json.wait_for_type("message")["data"], "AAH/");
    let (head, data) = message(&mut frames);
    assert_eq!((&head["type"], &head["mid"], &data[..]), (&json!("message"), &json!("m1"), &[0, 1, 0xff][..]));

    let reply = json!({"type": "message", "room": "den", "reply_to": 1, "store": false, "id": 7});
    frames.say_binary(frame(&reply, &[9]));
    assert_eq!(frames.event_of("sent")["id"], 7, "what has no data is a text frame");
    let said = json.wait_for_type("message");
    assert_eq!((&said["data"], &said["reply_to"], &said["store"]), (&json!("CQ=="), &json!(1), &json!(false)));
    assert_eq!(message(&mut frames).1, [9]);

    // A repeat of a `mid` is one message, whatever its form.
    let mut other = binary(&server, "/ws?user=Jo&format=json");
    other.wait_for_type("welcome");
    other.ask(json!({"type": "join", "room": "den", "history": 0}));
    other.say_binary(frame(&json!({"type": "message", "room": "den", "mid": "m1", "id": 8}), &[0, 1, 0xff]));
    assert_eq!(other.wait_for_type("sent")["duplicate"], true);

    // To edit is to put one content in the place of the other.
    assert_eq!(json.ask(json!({"type": "edit", "room": "den", "seq": 1, "data": "AQ=="}))["type"], "ok");
    assert_eq!(json.wait_for_type("edit")["data"], "AQ==");
    let (head, data) = message(&mut frames);
    assert_eq!((&head["type"], &data[..]), (&json!("edit"), &[1][..]));
    json.ask(json!({"type": "edit", "room": "den", "seq": 1, "message": "a text"}));
    assert_eq!(frames.wait_for_type("edit")["message"], "a text");

    // Histories are lists: their data is base64 for everybody.
    frames.say_binary(frame(&json!({"type": "publish", "room": "den"}), &[2, 3]));
    assert_eq!(message(&mut frames).1, [2, 3]);
    let history = frames.ask(json!({"type": "history", "room": "den"}));
    assert_eq!(history["messages"][1]["data"], "AgM=");
}

#[test]
fn topics_private_messages_and_groups_have_bytes_too() {
    let server = TestServer::start();
    let [mut ann, mut bob] = ["Ann", "Bob"].map(|user| {
        let mut client = binary(&server, &format!("/ws?user={user}"));
        client.wait_for_type("welcome");
        client
    });
    bob.ask(json!({"type": "subscribe", "topic": "jobs", "group": "agents"}));
    ann.say_binary(frame(&json!({"topic": "jobs", "id": 1}), &[1]));
    assert_eq!(ann.wait_for_type("sent")["seq"], 1);
    let (head, data) = message(&mut bob);
    assert_eq!((&head["topic"], &head["group"], &data[..]), (&json!("jobs"), &json!("agents"), &[1][..]));
    assert_eq!(message(&mut ann).0["topic"], "jobs");
    ann.say_binary(frame(&json!({"type": "private", "to": "Bob", "id": 2}), &[4, 5]));
    ann.wait_for_type("sent");
    for client in [&mut ann, &mut bob] {
        let (head, data) = message(client);
        assert_eq!((&head["type"], &head["to"], &data[..]), (&json!("private"), &json!("Bob"), &[4, 5][..]));
    }
    // By a pattern, and replayed.
    bob.ask(json!({"type": "subscribe", "pattern": "prices.*"}));
    ann.say_binary(frame(&json!({"topic": "prices.eur"}), &[6]));
    assert_eq!(message(&mut bob).1, [6]);
    let mut late = binary(&server, "/ws?room=prices.eur&user=Cem");
    assert_eq!(message(&mut late).1, [6]);
}

#[test]
fn what_is_wrong_with_bytes_is_said_and_the_connection_goes_on() {
    let server = TestServer::with(|settings| settings.limits.message_bytes = 64);
    let mut client = binary(&server, "/ws?room=den&user=Fry");
    client.wait_for_type("joined");
    let publish = json!({"type": "message", "room": "den"});
    let with = |field: &str, value: Value| {
        let mut command = publish.clone();
        command[field] = value;
        command
    };
    for (command, code, message) in [
        (with("data", json!("AAE")), "bad_request", "data must be base64, with padding (RFC 4648, section 4)"),
        (with("data", json!("A-E=")), "bad_request", "data must be base64, with padding (RFC 4648, section 4)"),
        (with("data", json!("")), "bad_request", "data must have a byte"),
        (with("data", json!([1, 2])), "bad_request", "Not a command: invalid type: array, expected a string"),
        (with("data", json!(base64(&[0; 65]))), "too_large", "A message may have 64 bytes"),
        (
            json!({"type": "message", "room": "den", "data": "AA==", "message": "x"}),
            "bad_request",
            "A message is one of message, cipher and data",
        ),
        (
            json!({"type": "message", "room": "den", "data": "AA==", "react_to": 1}),
            "bad_request",
            "A reaction is a text",
        ),
        (
            json!({"type": "message", "room": "den", "data": "AA==", "key": "k", "deleted": true}),
            "bad_request",
            "What removes a key has no message",
        ),
    ] {
        let refused = client.ask(command.clone());
        assert_eq!(refused["code"], code, "{command}");
        assert!(refused["message"].as_str().unwrap().starts_with(message), "{refused}");
    }
    for (frame, code, message) in [
        (vec![], "bad_request", "A binary frame begins with four bytes"),
        (vec![0, 0, 1], "bad_request", "A binary frame begins with four bytes"),
        (vec![0, 0, 0, 3, b'{', b'}'], "bad_request", "A binary frame is shorter than it says its head is"),
        (vec![0, 0, 0, 1, 0xff], "bad_request", "The head of a binary frame is not UTF-8"),
        (vec![0, 0, 0, 1, b'{', 7], "bad_request", "Not a command: EOF"),
        (frame(&publish, &[]), "bad_request", "data must have a byte"),
        (frame(&publish, &[0; 65]), "too_large", "A message may have 64 bytes"),
        (frame(&with("message", json!("x")), &[1]), "bad_request", "A message is one of message, cipher and data"),
        (frame(&with("data", json!("AA==")), &[1]), "bad_request", "The data of a binary frame is behind its head"),
        (frame(&json!({"type": "ping", "id": 1}), &[1]), "bad_request", "A binary frame is a message with data"),
        (frame(&json!({"type": "nonsense", "id": 1}), &[1]), "unknown_type", "There is no command of this type"),
    ] {
        client.say_binary(frame);
        let refused = client.wait_for_type("error");
        assert_eq!(refused["code"], code, "{message}");
        assert!(refused["message"].as_str().unwrap().starts_with(message), "{refused}");
    }
    client.say_binary(frame(&with("id", json!("last")), &[0; 64]));
    assert_eq!(client.event_of("sent")["seq"], 1, "nothing of all that was stored");
}

#[test]
fn a_binary_frame_without_the_sub_protocol_closes_the_connection() {
    let server = TestServer::start();
    for path in ["/ws?room=den&user=Ann&format=json", "/ws?room=den&user=Bob"] {
        let mut client = WebSocketClient::open(&server, path);
        client.say_binary(frame(&json!({"type": "message", "room": "den"}), &[1]));
        let ending = client.ending();
        assert_eq!((ending.code, &*ending.reason), (Some(1003), "binary"));
    }
}

#[test]
fn a_post_of_bytes_is_refused_with_the_reason() {
    let server = TestServer::with(|settings| settings.limits.message_bytes = 64);
    for (bytes, status, sentence) in
        [(&[][..], 400, "data must have a byte"), (&[0; 65], 413, "A message may have 64 bytes")]
    {
        let answer = post(&server, MESSAGES, bytes);
        assert_eq!((answer.status, &answer.json()["error"]["message"]), (status, &json!(sentence)));
    }
    // Byte by byte: a byte order mark and a line break are bytes like others.
    let bytes = b"\xef\xbb\xbfhi\r\n";
    assert_eq!(post(&server, &format!("{MESSAGES}?user=Bot"), bytes).status, 201);
    assert_eq!(http::get(&server, MESSAGES).json()["messages"][0]["data"], base64(bytes));
    for (body, status, sentence) in [
        (json!({"data": "AAE"}), 400, "data must be base64, with padding (RFC 4648, section 4)"),
        (json!({"data": "AAE=", "message": "x"}), 400, "A message is one of message, cipher and data"),
        (json!({"data": "AAE=", "key": "k", "deleted": true}), 400, "What removes a key has no message"),
    ] {
        let answer = http::post(&server, MESSAGES, &body);
        assert_eq!((answer.status, &answer.json()["error"]["message"]), (status, &json!(sentence)), "{body}");
    }
    assert_eq!(http::post(&server, MESSAGES, &json!({"data": "AAE="})).json()["seq"], 2);
}

/// RFC 4648 §4, digit by digit.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        for digit in 0..4 {
            let at = (bits >> (18 - 6 * digit)) as usize % 64;
            text.push(if digit <= group.len() { char::from(DIGITS[at]) } else { '=' });
        }
    }
    text
}

fn without_data(event: &Value) -> Value {
    let mut event = event.clone();
    event.as_object_mut().unwrap().remove("data");
    event
}
