//! Call signalling between users who are connected to different servers.

use serde_json::{Value, json};

use super::{ok, server};
use crate::harness::postgres::Database;
use crate::harness::{WebSocketClient, until};

#[test]
fn signalling_reaches_every_connection_of_a_user_in_a_common_room_and_nobody_else() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let mut anna = WebSocketClient::json(&servers[0], "den", "Anna");
    let mut otto = [0, 1].map(|at| WebSocketClient::multi(&servers[at], "Otto"));
    let mut carl = WebSocketClient::json(&servers[1], "den", "Carl");
    let mut dora = WebSocketClient::json(&servers[1], "other", "Dora");
    ok(&mut otto[1], json!({"type": "join", "room": "den"}));
    let members = |client: &mut WebSocketClient| client.ask(json!({"type": "members", "room": "den"}))["count"].clone();
    until("they know of each other", || members(&mut anna) == 3 && members(&mut otto[1]) == 3);
    // An offer is larger than a note of the database can be.
    let payload = json!({"sdp": "v=0\r\n".repeat(4_000), "n": [1, {"deep": null}]});
    for kind in ["offer", "ice-candidate", "ice-candidate", "hangup"] {
        anna.command(&json!({"type": kind, "to": "Otto", "payload": payload}));
        for client in &mut otto {
            let event = client.wait_for_type(kind);
            assert_eq!(event, json!({"type": kind, "user": "Anna", "from": "Anna", "payload": payload}));
        }
    }
    otto[1].command(&json!({"type": "answer", "to": "Anna", "payload": {}}));
    assert_eq!(anna.wait_for_type("answer")["from"], "Otto");
    assert_eq!(anna.ask(json!({"type": "offer", "to": "Dora", "payload": {}}))["code"], "user_offline");
    let strange =
        |event: &Value| ["offer", "answer", "ice-candidate", "hangup"].contains(&event["type"].as_str().unwrap());
    assert!(!carl.settle("den").iter().any(strange), "signalling was seen by another");
    assert!(!dora.settle("other").iter().any(strange), "signalling was seen by another");
}
