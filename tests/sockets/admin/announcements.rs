//! What an admin says to all: on every door, once.

use serde_json::json;

use super::{api, list, server};
use crate::harness::{EventClient, IrcClient, LineClient, WebSocketClient};

#[test]
fn what_is_announced_is_told_on_every_door() {
    let server = server();
    let mut json = WebSocketClient::multi(&server, "Ann");
    let mut text = WebSocketClient::text(&server, "den", "Bob");
    let mut line = LineClient::named(&server, "Tim");
    let mut irc = IrcClient::named(&server, "Ivy");
    let mut stream = EventClient::open(&server, "/api/v1/rooms/den/events?user=Sue");
    // It may have been granted a moment before it can be found.
    crate::harness::until("the stream is there", || list(&server, "connections").len() == 5);
    assert_eq!(api(&server, "POST announcements", Some(json!({"text": "Tea at noon"}))).status, 204);
    let told = json.wait_for_type("announcement");
    assert_eq!([&told["text"], &told["by"]], [&json!("Tea at noon"), &json!("Root")]);
    assert!(told["at"].is_string());
    text.wait_for("* Root announces to all: Tea at noon");
    line.wait_for("* Root announces to all: Tea at noon");
    irc.wait_for("NOTICE * :Root announces to all: Tea at noon");
    // It may come before or behind what the room says.
    let told = std::iter::from_fn(|| stream.next()).find(|event| event["type"] == "announcement").unwrap();
    assert_eq!(told["text"], "Tea at noon");
    assert_eq!(json.ask(json!({"type": "ping"}))["type"], "pong", "it is told once");
    let entry = &list(&server, "audit")[0];
    assert_eq!([&entry["what"], &entry["about"]], [&json!("announced"), &json!("Tea at noon")]);
}

#[test]
fn what_is_no_line_is_not_announced() {
    let server = server();
    for text in ["", " ", "one\ntwo", &"x".repeat(351)] {
        let refused = api(&server, "POST announcements", Some(json!({"text": text})));
        assert_eq!((refused.status, &*refused.error()), (400, "bad_request"), "{text:?}");
    }
    assert_eq!(list(&server, "audit"), [json!(null); 0]);
}
