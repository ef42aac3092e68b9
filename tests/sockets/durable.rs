//! Durability: a room's messages and numbers outlive its last member and the server.

use roomd::{Server, Settings};
use serde_json::{Value, json};

use crate::harness::place::Place;
use crate::harness::{TestServer, WebSocketClient, free, until};

fn join(server: &TestServer, room: &str, more: &Value) -> (Value, Vec<String>) {
    let mut client = WebSocketClient::multi(server, "Late");
    let mut command = json!({"type": "join", "room": room});
    command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let joined = client.ask(command);
    let shown = client.settle(room);
    let messages = shown.iter().filter(|event| event["type"] == "message");
    (joined, messages.map(|event| event["message"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn a_room_without_members_continues_its_numbers_with_the_next_member() {
    let server = TestServer::start();
    let mut client = WebSocketClient::multi(&server, "Anna");
    let first = client.ask(json!({"type": "join", "room": "den"}));
    client.publish("den", "hello");
    client.ask(json!({"type": "leave", "room": "den"}));
    until("the room is gone", || server.engine().hub.is_empty());
    let second = client.ask(json!({"type": "join", "room": "den"}));
    assert_eq!((&first["seq"], &second["seq"]), (&json!(0), &json!(1)));
    assert_eq!(first["epoch"], second["epoch"]);
}

#[test]
fn a_restart_keeps_a_rooms_numbers_and_messages() {
    let place = Place::new("restart");
    let server = place.server(|_| ());
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    for number in 1..=3 {
        let message =
            json!({"type": "message", "room": "den", "message": format!("{number}"), "mid": format!("m{number}")});
        assert_eq!(anna.ask(message)["seq"], json!(number));
    }
    drop(anna);
    let (before, _) = join(&server, "den", &json!({}));
    drop(server);

    let server = place.server(|_| ());
    let (after, shown) = join(&server, "den", &json!({"since": {"epoch": before["epoch"], "seq": 1}}));
    assert_eq!((&after["epoch"], &after["seq"]), (&before["epoch"], &json!(3)));
    assert_eq!((&after["recovered"], shown), (&json!(true), vec!["2".to_owned(), "3".to_owned()]));
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let again = anna.ask(json!({"type": "message", "room": "den", "message": "2", "mid": "m2"}));
    assert_eq!((&again["seq"], &again["duplicate"]), (&json!(2), &json!(true)));
    let next = anna.ask(json!({"type": "message", "room": "den", "message": "4", "mid": "m4"}));
    assert_eq!((&next["seq"], &next["duplicate"]), (&json!(4), &json!(false)));
}

#[test]
fn a_private_conversation_is_kept_too() {
    let place = Place::new("private");
    for seq in 1..=2 {
        let server = place.server(|_| ());
        let mut anna = WebSocketClient::multi(&server, "Anna");
        let mut otto = WebSocketClient::multi(&server, "Otto");
        let sent = anna.ask(json!({"type": "private", "to": "Otto", "message": "psst"}));
        assert_eq!(sent["seq"], json!(seq));
        assert_eq!(otto.wait_for_type("private")["seq"], json!(seq));
    }
}

#[test]
fn a_second_server_on_the_same_file_is_refused() {
    let place = Place::new("second");
    let first = place.server(|_| ());
    let data = place.0.join("room.db").to_str().unwrap().to_owned();
    let settings = Settings { listen: free(), lines: None, data, ..Settings::default() };
    let refusal = Server::start(settings, |_| ()).err().unwrap().to_string();
    assert!(refusal.contains("room.db is in use by another roomd (process "), "{refusal}");
    drop(first);
    drop(place.server(|_| ()));
}
