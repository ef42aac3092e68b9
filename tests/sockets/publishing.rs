//! Publishing over HTTP.

use serde_json::{Value, json};

use crate::harness::{Http, LineClient, TestServer, WebSocketClient, http};

const JSON: &str = "Content-Type: application/json\r\n";
const MESSAGES: &str = "/api/v1/rooms/den/messages";

#[test]
fn a_posted_message_is_seen_over_every_protocol() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "lobby", "Tess");
    let mut json = WebSocketClient::json(&server, "lobby", "Jo");
    let mut line = LineClient::named(&server, "Lina");
    let answer = http::post(&server, "/api/v1/rooms/lobby/messages", &json!({"user": "Bot", "message": "ding"}));
    assert_eq!(answer.status, 201);
    let sent = answer.json();
    assert_eq!((&sent["type"], &sent["room"], &sent["seq"]), (&json!("sent"), &json!("lobby"), &json!(1)));
    assert_eq!(sent["duplicate"], false);
    text.wait_for("Bot: ding");
    assert_eq!(json.wait_for_type("message")["at"], sent["at"]);
    line.receives("Bot: ding");
    // Without a name the author is a guest.
    http::post(&server, "/api/v1/rooms/lobby/messages", &json!({"message": "dong"}));
    assert!(line.receive().starts_with("guest-"));
}

#[test]
fn a_post_to_a_room_without_members_leaves_no_room() {
    let server = TestServer::start();
    for _ in 0..5 {
        assert_eq!(http::post(&server, MESSAGES, &json!({"message": "hi"})).status, 201);
    }
}

#[test]
fn an_idempotency_key_makes_a_repeat_harmless() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let post = |key: &str| {
        let fields = format!("{JSON}Idempotency-Key: {key}\r\n");
        http::ask(&server, &format!("POST {MESSAGES}"), &fields, r#"{"user":"Bot","message":"once"}"#)
    };
    let (first, second, other) = (post("k1"), post("k1"), post("k2"));
    assert_eq!([first.status, second.status, other.status], [201; 3]);
    assert_eq!((&first.json()["mid"], &first.json()["duplicate"]), (&json!("k1"), &json!(false)));
    assert_eq!((&second.json()["seq"], &second.json()["duplicate"]), (&first.json()["seq"], &json!(true)));
    assert_eq!(other.json()["seq"], 2);
    text.receives("Bot: once");
    text.receives("Bot: once");
    text.say("done");
    text.receives("Tess: done");
    let long = "k".repeat(65);
    assert_eq!([post("").status, post(&long).status], [400, 400]);
}

#[test]
fn a_body_that_is_not_json_or_not_a_message_is_refused() {
    let server = TestServer::with(|settings| settings.limits.message_bytes = 100);
    let post = |fields: &str, body: &str| {
        let answer = http::ask(&server, &format!("POST {MESSAGES}"), fields, body);
        (answer.status, answer.error())
    };
    let fine = r#"{"message":"hi"}"#;
    let (bad, large) = (|| (400, "bad_request".to_owned()), || (413, "too_large".to_owned()));
    assert_eq!(post("Content-Type: multipart/form-data\r\n", fine).0, 415);
    for body in ["", "hi", "[]", "{}", r#"{"message":1}"#, r#"{"message":""}"#, r#"{"message":"x","user":"a:b"}"#] {
        assert_eq!(post(JSON, body), bad(), "{body}");
    }
    assert_eq!(post(JSON, &json!({"message": "x".repeat(101)}).to_string()), large());
    assert_eq!(post(JSON, &"x".repeat(10_000)), large());
    let answer = http::ask(&server, "POST /api/v1/rooms/a%20b/messages", JSON, fine);
    assert_eq!((answer.status, answer.error()), bad());
    let parameters = "Content-Type: Application/JSON; charset=utf-8\r\n";
    assert_eq!(http::ask(&server, &format!("POST {MESSAGES}"), parameters, fine).status, 201);
}

#[test]
fn a_connection_that_posts_too_fast_is_429_and_told_when_to_try_again() {
    let server = TestServer::with(|settings| {
        settings.limits.rate_burst = 2;
        settings.limits.rate_per_s = 1;
    });
    let mut http = Http::connect(&server);
    for _ in 0..10 {
        http.request(&format!("POST {MESSAGES}"), JSON, r#"{"message":"hi"}"#);
    }
    let answers: Vec<_> = (0..10).map(|_| http.answer()).collect();
    assert_eq!([answers[0].status, answers[1].status], [201; 2]);
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 201).collect();
    assert!(!refused.is_empty());
    for answer in refused {
        assert_eq!((answer.status, answer.field("Retry-After")), (429, Some("1")));
        assert_eq!(answer.error(), "rate_limited");
        assert!((1..=1000).contains(&answer.json()["error"]["retry_after_ms"].as_u64().unwrap()));
    }
}

#[test]
fn a_message_that_is_not_to_be_stored_reaches_who_is_there_over_every_protocol_and_nobody_later() {
    let server = TestServer::start();
    let mut socket = WebSocketClient::json(&server, "den", "Jo");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    socket.wait_for_type("join");
    let unstored = |number: u64| (json!(false), json!(number), json!(1));
    let told = |event: &Value| (event["store"].clone(), event["number"].clone(), event["seq"].clone());
    let stored = socket.ask(json!({"type": "message", "room": "den", "message": "kept"}));
    assert_eq!((&stored["seq"], &stored["store"]), (&json!(1), &Value::Null));
    text.receives("Jo: kept");
    // Behind what was said before it, whatever of that waits to be stored.
    let message = |text: &str| json!({"type": "message", "room": "den", "message": text, "store": false});
    assert_eq!(told(&socket.ask(message("one"))), unstored(1));
    assert_eq!(told(&socket.ask(json!({"topic": "den", "message": "two", "store": false}))), unstored(2));
    let posted = http::post(&server, MESSAGES, &json!({"message": "three", "store": false, "user": "Bot"}));
    assert_eq!((posted.status, told(&posted.json())), (201, unstored(3)));
    let posted = http::ask(&server, &format!("POST {MESSAGES}?store=false"), "Content-Type: text/plain\r\n", "four");
    assert_eq!((posted.status, told(&posted.json())), (201, unstored(4)));
    ["Jo: one", "Jo: two", "Bot: three"].iter().for_each(|line| text.receives(line));
    let shown = loop {
        let event = socket.wait_for_type("message");
        if event["message"] == "four" {
            break event;
        }
    };
    assert_eq!(told(&shown), unstored(4));
    // Conditions and tombstones are of what is stored, and so is a private message.
    for refused in [
        json!({"type": "message", "room": "den", "message": "x", "store": false, "if_seq": 1}),
        json!({"type": "message", "room": "den", "message": "x", "key": "k", "store": false, "if_key_seq": 0}),
        json!({"type": "message", "room": "den", "key": "k", "deleted": true, "store": false}),
        json!({"type": "private", "to": "Tess", "message": "x", "store": false}),
        json!({"type": "message", "room": "den", "message": "x", "store": 0}),
    ] {
        assert_eq!(socket.ask(refused.clone())["code"], "bad_request", "{refused}");
    }
    let history = socket.ask(json!({"type": "history", "room": "den", "after": 0}));
    assert_eq!((history["messages"].as_array().unwrap().len(), &history["complete"]), (1, &json!(true)));
    let mut late = WebSocketClient::json(&server, "den", "Lee");
    assert_eq!(late.wait_for_type("message")["message"], "kept");
    assert_eq!(socket.ask(json!({"type": "message", "room": "den", "message": "next"}))["seq"], 2);
    assert_eq!(late.wait_for_type("message")["seq"], 2);
}

#[test]
fn on_a_condition_one_of_those_who_publish_at_once_succeeds_over_every_protocol() {
    let server = TestServer::start();
    let mut socket = WebSocketClient::json(&server, "den", "Jo");
    let post = |body: &Value| http::post(&server, MESSAGES, body);
    let told = |refused: &Value| (refused["code"].clone(), refused["room"].clone(), refused["seq"].clone());
    assert_eq!(post(&json!({"message": "one", "if_seq": 0, "mid": "m", "user": "Bot"})).json()["seq"], 1);
    let refused = post(&json!({"message": "one", "if_seq": 0}));
    assert_eq!((refused.status, told(&refused.json()["error"])), (409, (json!("conflict"), json!("den"), json!(1))));
    let refused = socket.ask(json!({"type": "message", "room": "den", "message": "two", "if_seq": 0}));
    assert_eq!(told(&refused), (json!("conflict"), json!("den"), json!(1)));
    assert_eq!(socket.ask(json!({"type": "message", "room": "den", "message": "two", "if_seq": 1}))["seq"], 2);
    // A body of text has its condition in the address; the same `mid` again is a repeat.
    let text =
        |query: &str| http::ask(&server, &format!("POST {MESSAGES}?{query}"), "Content-Type: text/plain\r\n", "x");
    assert_eq!([text("if_seq=1").status, text("if_seq=2").status, text("if_seq=-1").status], [409, 201, 400]);
    let repeat = post(&json!({"message": "one", "if_seq": 0, "mid": "m", "user": "Bot"}));
    assert_eq!((repeat.status, &repeat.json()["seq"], &repeat.json()["duplicate"]), (201, &json!(1), &json!(true)));
    // The bare form, and a private conversation.
    assert_eq!(socket.ask(json!({"topic": "den", "message": "no", "if_seq": 9}))["code"], "conflict");
    let mut subscriber = WebSocketClient::multi(&server, "Sub");
    subscriber.ask(json!({"type": "subscribe", "topic": "den"}));
    let refused = subscriber.ask(json!({"topic": "den", "message": "no", "if_seq": 9}));
    assert_eq!((&refused["code"], &refused["topic"], refused.get("room")), (&json!("conflict"), &json!("den"), None));
    let _to = WebSocketClient::multi(&server, "Kim");
    let private = |if_seq| json!({"type": "private", "to": "Kim", "message": "hi", "if_seq": if_seq});
    assert_eq!(socket.ask(private(4))["seq"], 0, "nothing was said yet");
    assert_eq!(socket.ask(private(0))["seq"], 1);
    assert_eq!(
        socket.ask(json!({"type": "message", "room": "den", "message": "x", "if_seq": "1"}))["code"],
        "bad_request"
    );
}

#[test]
fn a_body_that_is_announced_is_waited_for_and_one_that_does_not_come_is_408() {
    let server = TestServer::with(|settings| settings.limits.head_timeout = std::time::Duration::from_millis(300));
    let mut http = Http::connect(&server);
    http.send(format!("POST {MESSAGES} HTTP/1.1\r\nHost: a\r\n{JSON}Content-Length: 16\r\n\r\n{{\"mess"));
    http.send("age\":\"hi\"}");
    assert_eq!(http.answer().status, 201);
    http.send(format!("POST {MESSAGES} HTTP/1.1\r\nHost: a\r\n{JSON}Content-Length: 16\r\n\r\n{{\"mess"));
    let answer = http.answer();
    assert_eq!((answer.status, answer.field("Connection")), (408, Some("close")));
    assert!(http.rest().is_empty());
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    let head = format!("POST {MESSAGES} HTTP/1.1\r\nHost: a\r\n{JSON}Content-Length: 16\r\n");
    http.send(format!("{head}Expect: 100-continue\r\n\r\n"));
    assert_eq!(http.answer().status, 100);
    http.send(r#"{"message":"hi"}"#);
    assert_eq!(http.answer().status, 201);
    http.send(format!("{head}Expect: a miracle\r\n\r\n"));
    assert_eq!(http.answer().status, 417);
}

#[test]
fn another_origin_may_not_post() {
    let server = TestServer::with(|settings| settings.origins = vec!["https://friend.test".to_owned()]);
    let post = |origin: &str| {
        let fields = format!("{JSON}Origin: {origin}\r\n");
        let body = json!({"message": "hi", "room": "hall"}).to_string();
        http::ask(&server, &format!("POST {MESSAGES}"), &fields, &body).status
    };
    assert_eq!(post("https://evil.test"), 403);
    assert_eq!(post("null"), 403);
    assert_eq!(post("http://roomd.test"), 201);
    assert_eq!(post("https://friend.test"), 201);
    let fields = format!("{JSON}Origin: https://evil.test\r\n");
    let answer = http::ask(&server, "POST /api/v1/rooms", &fields, r#"{"room":"hall"}"#);
    assert_eq!((answer.status, answer.error()), (403, "forbidden".to_owned()));
    let rooms = http::get(&server, "/api/v1/rooms").json()["rooms"].clone();
    assert!(rooms.as_array().unwrap().iter().all(|room| room["room"] != "hall"), "{rooms}");
}

#[test]
fn a_reply_and_a_reaction_name_their_message_over_every_protocol() {
    let server = TestServer::start();
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    http::post(&server, MESSAGES, &json!({"user": "Bot", "message": "ding"}));
    json.ask(json!({"type": "message", "room": "den", "message": "dong", "reply_to": 1}));
    json.ask(json!({"type": "message", "room": "den", "message": "\u{1f44d}", "react_to": 2}));
    text.wait_for("Jo: dong");
    text.receives("Jo: \u{1f44d}");
    let posted = http::post(&server, MESSAGES, &json!({"user": "Bot", "message": "yes", "reply_to": 2}));
    assert_eq!(posted.status, 201);
    let history = http::get(&server, MESSAGES).json();
    let about = |seq: usize| {
        (history["messages"][seq - 1]["reply_to"].clone(), history["messages"][seq - 1]["react_to"].clone())
    };
    assert_eq!(
        [about(1), about(2), about(3), about(4)],
        [(Value::Null, Value::Null), (json!(1), Value::Null), (Value::Null, json!(2)), (json!(2), Value::Null)]
    );
    for (fields, code, status) in [
        (json!({"message": "x", "reply_to": 1, "react_to": 1}), "bad_request", 400),
        (json!({"message": "x", "reply_to": 99}), "not_found", 404),
        (json!({"message": "x", "react_to": 0}), "not_found", 404),
        (json!({"message": "x".repeat(65), "react_to": 1}), "too_large", 413),
    ] {
        let answer = http::post(&server, MESSAGES, &fields);
        assert_eq!((answer.status, &*answer.error()), (status, code), "{fields}");
        let mut command = fields.clone();
        command["type"] = json!("message");
        command["room"] = json!("den");
        command["id"] = json!(9);
        json.command(&command);
        assert_eq!(json.wait_for_type("error")["code"], code, "{fields}");
    }
}

#[test]
fn what_a_script_has_said_it_edits_and_deletes_and_every_protocol_sees_it() {
    let server = TestServer::start();
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let change = |method: &str, of: &str, fields: &str, body: &str| {
        http::ask(&server, &format!("{method} {MESSAGES}/{of}"), fields, body)
    };
    for message in ["one", "two"] {
        http::post(&server, MESSAGES, &json!({"user": "cron", "message": message}));
    }
    assert_eq!(change("PUT", "1?user=cron", "", "uno\n").status, 204);
    let edit = json.wait_for_type("edit");
    assert_eq!((&edit["seq"], &edit["user"], &edit["message"]), (&json!(1), &json!("cron"), &json!("uno")));
    assert_eq!(change("PUT", "1", JSON, r#"{"user":"cron","message":"eins"}"#).status, 204);
    assert_eq!(json.wait_for_type("edit")["message"], "eins");
    assert_eq!(change("PUT", "1", JSON, r#"{"user":"cron","cipher":{"ct":"x"}}"#).status, 204);
    assert_eq!(json.wait_for_type("edit")["cipher"], json!({"ct": "x"}));
    assert_eq!(change("DELETE", "2?user=cron&note=wrong%20room", "", "").status, 204);
    let deleted = json.wait_for_type("delete");
    assert_eq!(
        (&deleted["seq"], &deleted["user"], &deleted["note"]),
        (&json!(2), &json!("cron"), &json!("wrong room"))
    );
    text.wait_for("* cron deleted a message: wrong room");
    for (method, of, fields, body, expected) in [
        ("PUT", "1?user=Jo", "", "mine", (403, "forbidden")),
        ("DELETE", "1", "", "", (403, "forbidden")),
        ("PUT", "2?user=cron", "", "back", (404, "not_found")),
        ("PUT", "3?user=cron", "", "three", (404, "not_found")),
        ("PUT", "0?user=cron", "", "none", (404, "not_found")),
        ("PUT", "x?user=cron", "", "none", (400, "bad_request")),
        ("PUT", "1?user=cron", "", "", (400, "bad_request")),
        ("PUT", "1", JSON, "{}", (400, "bad_request")),
        ("PUT", "1", JSON, r#"{"message":"a","cipher":{}}"#, (400, "bad_request")),
        ("DELETE", "1?user=cron&note=%00", "", "", (400, "bad_request")),
    ] {
        let answer = change(method, of, fields, body);
        assert_eq!((answer.status, &*answer.error()), expected, "{method} {of} {body}");
    }
    // A room that there is not is not opened for it.
    let nowhere = http::ask(&server, "DELETE /api/v1/rooms/nowhere/messages/1?user=cron", "", "");
    assert_eq!((nowhere.status, &*nowhere.error()), (404, "not_found"));
}

#[test]
fn a_script_says_a_ciphertext() {
    let server = TestServer::start();
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    assert_eq!(http::post(&server, MESSAGES, &json!({"user": "cron", "cipher": {"ct": "x"}})).status, 201);
    assert_eq!(json.wait_for_type("message")["cipher"], json!({"ct": "x"}));
    let both = http::post(&server, MESSAGES, &json!({"user": "cron", "cipher": {"ct": "x"}, "message": "hi"}));
    assert_eq!((both.status, &*both.error()), (400, "bad_request"));
    assert_eq!(http::post(&server, MESSAGES, &json!({"user": "cron", "cipher": "x"})).error(), "bad_request");
}
