//! A build without a database: no history outlives the last member.

use serde_json::json;

use crate::harness::{TestServer, WebSocketClient, until};

#[test]
fn a_room_without_members_begins_anew() {
    let server = TestServer::start();
    let mut client = WebSocketClient::multi(&server, "Anna");
    let first = client.ask(json!({"type": "join", "room": "den"}));
    client.publish("den", "hello");
    client.ask(json!({"type": "leave", "room": "den"}));
    until("the room is gone", || server.engine().hub.is_empty());
    let second = client.ask(json!({"type": "join", "room": "den"}));
    assert_eq!((&first["seq"], &second["seq"]), (&json!(0), &json!(0)));
    assert_ne!(first["epoch"], second["epoch"]);
}
