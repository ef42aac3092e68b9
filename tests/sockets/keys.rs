//! Keys and their last values, over sockets and HTTP.

use std::sync::Arc;

use parking_lot::Mutex;
use roomd::chat::{Body, Key, Message, RoomName, Time, UserName};
use roomd::store::{Memory, Page};
use serde_json::{Value, json};

use crate::harness::fixed_page::FixedPage;
use crate::harness::{TestServer, WebSocketClient, http};

const MESSAGES: &str = "/api/v1/rooms/prices/messages";

/// The keys, texts and numbers of messages.
fn told(messages: &[Value]) -> Vec<(String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    messages.iter().map(|m| (text(&m["key"]), text(&m["message"]), m["seq"].as_u64().unwrap())).collect()
}

fn value(key: &str, text: &str, seq: u64) -> (String, String, u64) {
    (key.to_owned(), text.to_owned(), seq)
}

fn message(seq: u64, text: &str) -> Message {
    let (room, user) = (RoomName::parse("prices").unwrap(), UserName::parse("Ann").unwrap());
    Message::new(room, user, Body::Text(text.into()), seq, Time(0))
}

/// Publishes 1 acme, 2 dull, 3 without a key, 4 acme, 5 new, and 6, which removes dull.
fn fill(server: &TestServer) {
    for body in [
        json!({"message": "11", "key": "acme"}),
        json!({"message": "7", "key": "dull"}),
        json!({"message": "no key"}),
        json!({"message": "12", "key": "acme"}),
        json!({"message": "1", "key": "new"}),
        json!({"key": "dull", "deleted": true}),
    ] {
        assert_eq!(http::post(server, MESSAGES, &body).status, 201, "{body}");
    }
}

#[test]
fn a_latecomer_is_sent_the_newest_message_of_each_key_and_then_what_follows() {
    for server in [TestServer::start(), TestServer::on(Arc::new(Memory))] {
        let server = &server;
        // A room that is not stored lasts as long as somebody is in it.
        let mut first = WebSocketClient::json(server, "prices", "Ann");
        fill(server);
        let mut late = WebSocketClient::multi(server, "Bob");
        let joined = late.ask(json!({"type": "join", "room": "prices", "latest": true}));
        assert_eq!((&joined["seq"], &joined["recovered"]), (&json!(6), &json!(true)));
        let newest = [(); 2].map(|()| late.wait_for_type("message"));
        assert_eq!(told(&newest), [value("acme", "12", 4), value("new", "1", 5)]);
        first.command(&json!({"type": "message", "room": "prices", "message": "13", "key": "acme"}));
        assert_eq!(told(&[late.wait_for_type("message")]), [value("acme", "13", 7)]);
        let removed = json!({"type": "message", "room": "prices", "key": "acme", "deleted": true, "if_key_seq": 7});
        assert_eq!(first.ask(removed.clone())["seq"], 8);
        let tombstone = late.wait_for_type("message");
        let fields = (&tombstone["key"], &tombstone["deleted"], tombstone.get("message"));
        assert_eq!(fields, (&json!("acme"), &json!(true), None), "{tombstone}");
        let refused = first.ask(removed);
        assert_eq!((&refused["code"], &refused["seq"]), (&json!("conflict"), &json!(0)));
        let history = late.ask(json!({"type": "history", "room": "prices", "latest": true}));
        assert_eq!(told(history["messages"].as_array().unwrap()), [value("new", "1", 5)]);
        // Beside a position that can be replayed from, it is a replay.
        let mut back = WebSocketClient::multi(server, "Cem");
        let since = json!({"epoch": joined["epoch"], "seq": 5});
        back.ask(json!({"type": "join", "room": "prices", "latest": true, "since": since}));
        let seqs: Vec<_> = (0..3).map(|_| back.wait_for_type("message")["seq"].clone()).collect();
        assert_eq!(seqs, [6, 7, 8]);
    }
}

#[test]
fn what_is_said_while_the_newest_of_each_key_is_read_comes_behind_it() {
    let acme = Message { key: Some(Key::parse("acme").unwrap()), ..message(2, "12") };
    let page = Page { epoch: "e1".into(), newest: 2, oldest: 1, messages: vec![acme] };
    let first = Arc::new(Mutex::new(None::<WebSocketClient>));
    let store = FixedPage::new(Ok(Some(page))).after({
        let first = Arc::clone(&first);
        // Somebody speaks, and all members have it before the store answers.
        move || {
            if let Some(mut first) = first.lock().take() {
                first.publish("prices", "meanwhile");
                first.settle("prices");
            }
        }
    });
    let server = TestServer::on(Arc::new(store));
    let mut ann = WebSocketClient::json(&server, "prices", "Ann");
    let _stays = WebSocketClient::json(&server, "prices", "Cem");
    ann.publish("prices", "one");
    ann.publish("prices", "two");
    ann.settle("prices");
    let mut late = WebSocketClient::multi(&server, "Bob");
    *first.lock() = Some(ann);
    late.command(&json!({"type": "join", "room": "prices", "latest": true}));
    let kinds = ["joined", "message", "message"].map(|kind| late.event_of(kind)["seq"].clone());
    assert_eq!(kinds, [2, 2, 3]);
}

#[test]
fn the_newest_of_each_key_is_read_a_page_at_a_time() {
    let server = TestServer::start();
    let _stays = WebSocketClient::json(&server, "prices", "Ann");
    let read = |query: &str| http::get(&server, &format!("{MESSAGES}?{query}")).json();
    fill(&server);
    let all = read("latest");
    assert_eq!((told(all["messages"].as_array().unwrap()).len(), &all["complete"]), (2, &json!(true)));
    let page = read("latest=true&limit=1");
    assert_eq!(told(page["messages"].as_array().unwrap()), [value("acme", "12", 4)]);
    let page = read(&format!("latest&limit=1&after={}", page["next"]));
    assert_eq!(
        (told(page["messages"].as_array().unwrap()), &page["complete"]),
        (vec![value("new", "1", 5)], &json!(true))
    );
    assert_eq!(read("latest=false")["messages"].as_array().unwrap().len(), 6);
    for query in ["latest&before=3", "latest=maybe", "latest&q=12"] {
        assert_eq!(read(query)["error"]["code"], "bad_request", "{query}");
    }
}

#[test]
fn what_makes_no_sense_of_a_key_is_refused_and_a_room_has_so_many() {
    let server = TestServer::with(|settings| settings.limits.keys_max = 1);
    let mut ann = WebSocketClient::json(&server, "prices", "Ann");
    let mut ask = |more: Value| {
        let mut command = json!({"type": "message", "room": "prices"});
        command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = ann.ask(command);
        answer["code"].as_str().unwrap_or("sent").to_owned()
    };
    for wrong in [
        json!({"message": "x", "key": ""}),
        json!({"message": "x", "key": "k".repeat(65)}),
        json!({"message": "x", "key": 7}),
        json!({"message": "x", "if_key_seq": 0}),
        json!({"deleted": true}),
        json!({"message": "x", "key": "k", "deleted": true}),
        json!({"key": "k", "deleted": true, "reply_to": 1}),
        json!({"key": "k"}),
    ] {
        assert_eq!(ask(wrong.clone()), "bad_request", "{wrong}");
    }
    assert_eq!(ask(json!({"message": "x", "key": "k".repeat(64)})), "sent");
    assert_eq!(ask(json!({"message": "x", "key": "other"})), "room_full");
    assert_eq!(ask(json!({"key": "k".repeat(64), "deleted": true})), "sent");
    assert_eq!(ask(json!({"message": "x", "key": "other"})), "sent");
    let post = |body: Value| http::post(&server, MESSAGES, &body).status;
    let statuses =
        [json!({"key": "k"}), json!({"deleted": true}), json!({"message": "x", "deleted": true, "key": "k"})];
    assert_eq!(statuses.map(post), [400; 3]);
    assert_eq!(http::post(&server, MESSAGES, &json!({"message": "x", "key": "third"})).status, 503);
}
