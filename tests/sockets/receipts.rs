//! Receipts, edits and deletions.

use roomd::chat::RoomName;
use serde_json::{Value, json};

use crate::harness::{TestServer, WebSocketClient, http};

/// The receipts up to one of this user and status.
fn receipts(client: &mut WebSocketClient, user: &str, status: &str) -> Vec<(Value, Value, Value)> {
    let mut all = Vec::new();
    loop {
        let event = client.wait_for_type("receipt");
        all.push((event["user"].clone(), event["status"].clone(), event["seq"].clone()));
        if event["user"] == user && event["status"] == status {
            return all;
        }
    }
}

#[test]
fn an_author_is_told_who_was_sent_received_and_read_a_message() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut tom = WebSocketClient::json(&server, "den", "Tom");
    anna.publish("den", "one");
    tom.wait_for_type("message");
    assert_eq!(receipts(&mut anna, "Tom", "written"), [(json!("Tom"), json!("written"), json!(1))]);
    tom.command(&json!({"type": "received", "room": "den", "seq": 1}));
    assert_eq!(receipts(&mut anna, "Tom", "received"), [(json!("Tom"), json!("received"), json!(1))]);
    tom.command(&json!({"type": "read", "room": "den", "seq": 1}));
    assert_eq!(receipts(&mut anna, "Tom", "read"), [(json!("Tom"), json!("read"), json!(1))]);
    let told = tom.settle("den");
    assert!(told.iter().all(|event| event["type"] != "receipt"), "he wrote nothing: {told:?}");
}

#[test]
fn a_receipt_for_a_message_that_is_not_there_yet_is_refused() {
    let server = TestServer::start();
    let mut tom = WebSocketClient::json(&server, "den", "Tom");
    assert_eq!(tom.ask(json!({"type": "read", "room": "den", "seq": 1}))["code"], "not_found");
    assert_eq!(tom.ask(json!({"type": "read", "room": "yard", "seq": 1}))["code"], "not_member");
}

#[test]
#[cfg(feature = "sqlite")]
fn the_receipts_of_a_message_are_the_same_over_http() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut tom = WebSocketClient::json(&server, "den", "Tom");
    anna.publish("den", "one");
    tom.wait_for_type("message");
    tom.command(&json!({"type": "read", "room": "den", "seq": 1}));
    receipts(&mut anna, "Tom", "read");
    let receipts_of = || http::get(&server, "/api/v1/rooms/den/messages/1/receipts").json()["receipts"].clone();
    let of_tom = |receipts: Value| {
        let all = receipts.as_array().unwrap().iter().filter(|receipt| receipt["user"] == "Tom");
        all.map(|receipt| receipt["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    crate::harness::until("the marks are kept", || of_tom(receipts_of()) == ["written", "received", "read"]);
    let missing = http::get(&server, "/api/v1/rooms/den/messages/2/receipts");
    assert_eq!((missing.status, missing.error()), (404, "not_found".to_owned()));
}

#[test]
#[cfg(all(feature = "sqlite", feature = "jwt"))]
fn the_receipts_of_a_private_conversation_are_for_its_two_users() {
    use crate::harness::{Http, issuer};

    let server = TestServer::start();
    let tokens = ["Anna", "Tom", "Eve"].map(|name| issuer::claim(&server, name));
    let receipts_of = |token: Option<&str>, seq: u64| {
        let fields = token.map(issuer::bearer).unwrap_or_default();
        let mut http = Http::connect(&server);
        http.request(&format!("GET /api/v1/rooms/dm%3AAnna%3ATom/messages/{seq}/receipts"), &fields, "");
        http.answer()
    };
    let [mut anna, mut tom] = [0, 1].map(|user| issuer::welcomed(&server, &tokens[user]).0);
    assert_eq!(receipts_of(Some(&tokens[0]), 1).status, 404, "nothing is said yet");
    anna.ask(json!({"type": "private", "to": "Tom", "message": "hi"}));
    tom.wait_for_type("private");
    tom.command(&json!({"type": "read", "room": "dm:Anna:Tom", "seq": 1}));
    let read = |token: &str| {
        let answer = receipts_of(Some(token), 1).json()["receipts"].clone();
        let all = answer.as_array().cloned().unwrap_or_default();
        all.iter().any(|receipt| receipt["user"] == "Tom" && receipt["status"] == "read")
    };
    crate::harness::until("both are told", || read(&tokens[0]) && read(&tokens[1]));
    for (token, seq) in [(Some(&*tokens[2]), 1), (None, 1), (Some(&*tokens[0]), 2)] {
        let answer = receipts_of(token, seq);
        assert_eq!((answer.status, answer.error()), (404, "not_found".to_owned()), "{token:?} {seq}");
    }
}

#[test]
fn in_a_large_room_there_are_no_receipts() {
    let server = TestServer::with(|settings| settings.limits.receipts_members_max = 1);
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut tom = WebSocketClient::json(&server, "den", "Tom");
    anna.publish("den", "one");
    tom.command(&json!({"type": "read", "room": "den", "seq": 0}));
    tom.settle("den");
    assert_eq!(server.engine().hub.list()[0].room, RoomName::parse("den").unwrap());
    let told = anna.settle("den");
    assert!(told.iter().all(|event| event["type"] != "receipt"), "{told:?}");
}

#[test]
fn what_is_read_on_one_device_is_read_on_the_others() {
    for members_max in [50, 1] {
        let server = TestServer::with(|settings| settings.limits.receipts_members_max = members_max);
        let mut anna = WebSocketClient::json(&server, "den", "Anna");
        let mut phone = WebSocketClient::json(&server, "den", "Tom");
        let mut desk = WebSocketClient::json(&server, "den", "Tom");
        anna.publish("den", "one");
        anna.publish("den", "two");
        while phone.wait_for_type("message")["seq"] != 2 {}
        phone.command(&json!({"type": "read", "room": "den", "seq": 2}));
        let told = desk.wait_for_type("receipt");
        assert_eq!((&told["user"], &told["status"], &told["seq"]), (&json!("Tom"), &json!("read"), &json!(2)));
        let shown = phone.settle("den");
        assert!(shown.iter().all(|event| event["type"] != "receipt"), "it knows: {shown:?}");
        let mut tablet = WebSocketClient::multi(&server, "Tom");
        assert_eq!(tablet.ask(json!({"type": "join", "room": "den"}))["read"], 2);
        assert_eq!(anna.ask(json!({"type": "join", "room": "yard"}))["read"], 0);
    }
}

#[test]
fn what_is_read_of_a_private_conversation_is_read_on_the_other_devices() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::multi(&server, "Anna");
    let mut phone = WebSocketClient::multi(&server, "Tom");
    anna.ask(json!({"type": "private", "to": "Tom", "message": "hi"}));
    phone.wait_for_type("private");
    // It has connected since, and nothing was said to it.
    let mut desk = WebSocketClient::multi(&server, "Tom");
    phone.command(&json!({"type": "read", "room": "dm:Anna:Tom", "seq": 1}));
    let told = desk.wait_for_type("receipt");
    assert_eq!((&told["user"], &told["status"], &told["seq"]), (&json!("Tom"), &json!("read"), &json!(1)));
}

#[test]
fn an_author_can_edit_and_delete_a_message_and_every_member_is_told() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut tom = WebSocketClient::json(&server, "den", "Tom");
    anna.publish("den", "helo");
    tom.wait_for_type("message");
    assert_eq!(anna.ask(json!({"type": "edit", "room": "den", "seq": 1, "message": "hello"}))["type"], "ok");
    let edit = tom.wait_for_type("edit");
    assert_eq!((&edit["seq"], &edit["user"], &edit["message"]), (&json!(1), &json!("Anna"), &json!("hello")));
    assert_eq!(tom.ask(json!({"type": "delete", "room": "den", "seq": 1}))["code"], "forbidden");
    assert_eq!(tom.ask(json!({"type": "delete", "room": "den", "seq": 2}))["code"], "not_found");
    let history = tom.ask(json!({"type": "history", "room": "den"}));
    assert_eq!((&history["messages"][0]["message"], &history["messages"][0]["seq"]), (&json!("hello"), &json!(1)));
    assert_eq!(anna.ask(json!({"type": "delete", "room": "den", "seq": 1}))["type"], "ok");
    let gone = tom.wait_for_type("delete");
    assert_eq!((&gone["seq"], &gone["message"]), (&json!(1), &Value::Null));
    assert_eq!(anna.ask(json!({"type": "edit", "room": "den", "seq": 1, "message": "x"}))["code"], "not_found");
    let history = tom.ask(json!({"type": "history", "room": "den"}));
    assert_eq!((&history["messages"][0]["message"], &history["messages"][0]["deleted"]), (&Value::Null, &json!(true)));
}

#[test]
fn the_history_can_be_read_over_http_page_by_page() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    for number in 1..=5 {
        anna.publish("den", &number.to_string());
    }
    anna.settle("den");
    let page = |query: &str| {
        let page = http::get(&server, &format!("/api/v1/rooms/den/messages?{query}")).json();
        let texts: Vec<_> =
            page["messages"].as_array().unwrap().iter().map(|message| message["message"].clone()).collect();
        (json!(texts), page["next"].clone(), page["complete"].clone())
    };
    assert_eq!(page("limit=2"), (json!(["4", "5"]), json!(4), json!(false)));
    assert_eq!(page("limit=2&before=4"), (json!(["2", "3"]), json!(2), json!(false)));
    assert_eq!(page("limit=2&before=2"), (json!(["1"]), Value::Null, json!(true)));
    assert_eq!(page("after=3"), (json!(["4", "5"]), Value::Null, json!(true)));
    for (query, status) in [("before=x", 400), ("before=1&after=1", 400), ("limit=-1", 400)] {
        assert_eq!(http::get(&server, &format!("/api/v1/rooms/den/messages?{query}")).status, status, "{query}");
    }
    assert_eq!(http::get(&server, "/api/v1/rooms/nowhere/messages").status, 404);
}
