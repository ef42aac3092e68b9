//! Connections: which there are, on every door, and ending one.

use std::time::Duration;

use roomd::chat::{RoomName, UserName};
use roomd::engine::clients::member::Member;
use roomd::engine::clients::recipient::ChannelRecipient;
use serde_json::{Value, json};

use super::{api, bob_and_a_lost_session, list, server};
use crate::harness::issuer::{self, good, welcomed};
use crate::harness::{EventClient, IrcClient, LineClient, WebSocketClient, until};

/// The number of the only connection of a user.
fn number(found: &[Value], user: &str) -> u64 {
    let ours: Vec<_> = found.iter().filter(|entry| entry["user"] == user).collect();
    assert_eq!(ours.len(), 1, "{found:?}");
    ours[0]["connection"].as_u64().unwrap()
}

#[test]
fn who_is_connected_is_listed_with_door_address_and_rooms() {
    let server = server();
    let mut ann = WebSocketClient::json(&server, "den", "Ann");
    ann.ask(json!({"type": "join", "room": "hall"}));
    // A reply may come a moment before the change is shown, and the next request is handled after it.
    ann.ask(json!({"type": "ping"}));
    let mut tim = LineClient::named(&server, "Tim");
    tim.settle();
    let mut ivy = IrcClient::named(&server, "Ivy");
    ivy.ask("JOIN #den");
    let _stream = EventClient::open(&server, "/api/v1/rooms/den/events?user=Sue");
    let (_root, _) = welcomed(&server, &good("Olga"));
    let (sender, _events) = crossbeam_channel::bounded(64);
    let room = RoomName::parse("bots").unwrap();
    let bot = UserName::parse("bot").unwrap();
    let _bot =
        Member::join(server.engine(), &room, bot, std::sync::Arc::new(ChannelRecipient::new(sender)), 0).unwrap();
    // A stream is in its rooms a moment before its client is told, and shows them a moment after.
    until("the stream shows its room", || list(&server, "connections?room=den").len() == 3);
    let found = list(&server, "connections");
    let seen = |user: &str, field: &str| found.iter().find(|entry| entry["user"] == user).unwrap()[field].clone();
    for (user, level, door, rooms) in [
        ("Ann", "guest", "websocket-json", json!(["den", "hall"])),
        ("Tim", "guest", "lines", json!(["lobby"])),
        ("Ivy", "guest", "irc", json!(["den"])),
        ("Sue", "guest", "sse", json!(["den"])),
        ("Olga", "registered", "websocket-json", json!([])),
        ("bot", "guest", "in-process", json!(["bots"])),
    ] {
        let shown = [seen(user, "level"), seen(user, "door"), seen(user, "rooms")];
        assert_eq!(shown, [json!(level), json!(door), rooms], "{user}");
        assert!(seen(user, "since").is_string() && seen(user, "waiting") == 0, "{user}");
        let address = if user == "bot" { Value::Null } else { json!("127.0.0.1") };
        assert_eq!(seen(user, "address"), address, "{user}");
    }
    assert_eq!(found.len(), 6);
    ann.ask(json!({"type": "leave", "room": "den"}));
    ann.ask(json!({"type": "ping"}));
    let users = |query: &str| -> Vec<String> {
        let found = list(&server, &format!("connections?{query}"));
        found.iter().map(|entry| entry["user"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(users("user=ANN"), ["Ann"]);
    assert_eq!(users("room=den"), ["Ivy", "Sue"]);
    assert_eq!(users("room=hall&door=websocket-json"), ["Ann"]);
    assert_eq!(users("door=irc"), ["Ivy"]);
    assert_eq!(users("address=127.0.0.0/8").len(), 5);
    assert_eq!(users("address=192.0.2.7"), [""; 0]);
    let wrong = api(&server, "GET connections?address=here", None);
    assert_eq!((wrong.status, &*wrong.error()), (400, "bad_request"));
}

#[test]
fn a_long_list_comes_in_parts_each_connection_once() {
    let server = server();
    let clients: Vec<_> = (0..7).map(|i| WebSocketClient::json(&server, "den", &format!("user-{i}"))).collect();
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let part = api(&server, &format!("GET connections?limit=3&after={after}"), None).json();
        let entries = part["connections"].as_array().unwrap();
        assert!(entries.len() <= 3);
        found.extend(entries.iter().map(|entry| entry["connection"].as_u64().unwrap()));
        match part["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(found.len(), clients.len());
    assert!(found.is_sorted_by(|one, other| one < other), "{found:?}");
}

#[test]
fn a_connection_that_is_ended_is_told_why_and_the_others_stay() {
    let server = server();
    let mut ann = WebSocketClient::json(&server, "den", "Ann");
    let mut tim = LineClient::named(&server, "Tim");
    let mut ivy = IrcClient::named(&server, "Ivy");
    let mut other = WebSocketClient::json(&server, "den", "Ann");
    let found = list(&server, "connections");
    let of_ann: Vec<_> = found.iter().filter(|entry| entry["user"] == "Ann").collect();
    let first = of_ann[0]["connection"].as_u64().unwrap();
    for number in [first, number(&found, "Tim"), number(&found, "Ivy")] {
        assert_eq!(api(&server, &format!("DELETE connections/{number}"), None).status, 204);
    }
    let goodbye = ann.wait_for_type("goodbye");
    assert_eq!((&goodbye["reason"], &goodbye["reconnect"]), (&json!("ended_by_admin"), &json!(false)));
    let ending = ann.ending();
    assert_eq!((ending.code, &*ending.reason), (Some(4403), "ended_by_admin"));
    assert!(tim.ending().iter().any(|line| line.contains("An admin of the server has ended this connection")));
    assert!(ivy.ending().iter().any(|line| line.contains("An admin of the server has ended this connection")));
    assert_eq!(other.ask(json!({"type": "ping"}))["type"], "pong");
    until("it is gone", || list(&server, "connections").len() == 1);
    let again = api(&server, &format!("DELETE connections/{first}"), None);
    assert_eq!((again.status, &*again.error()), (404, "not_found"));
    assert_eq!(api(&server, "DELETE connections/first", None).status, 400);
}

#[test]
fn a_session_whose_connection_is_lost_is_listed_and_ended_and_cannot_be_resumed() {
    let server = issuer::server(|settings| settings.limits.grace = Duration::from_secs(600));
    let (mut bob, welcome) = bob_and_a_lost_session(&server);
    let found = list(&server, "connections?user=Ann");
    assert_eq!((&found[0]["detached"], &found[0]["rooms"]), (&json!(true), &json!(["den"])));
    assert_eq!(api(&server, &format!("DELETE connections/{}", number(&found, "Ann")), None).status, 204);
    assert_eq!(bob.wait_for_type("leave")["user"], "Ann");
    assert_eq!(server.engine().sessions.detached(), 0);
    let (mut again, _) = welcomed(&server, &good("Ann"));
    assert_eq!(again.ask(json!({"type": "resume", "resume": welcome["resume"]}))["code"], "session_expired");
}

#[test]
fn a_resumed_session_is_listed_with_the_client_that_has_it_now() {
    let server = issuer::server(|settings| settings.limits.grace = Duration::from_secs(600));
    let (mut ann, welcome) = welcomed(&server, &good("Ann"));
    ann.ask(json!({"type": "join", "room": "den"}));
    drop(ann);
    until("its session waits", || server.engine().sessions.detached() == 1);
    let (mut ann, _) = welcomed(&server, &good("Ann"));
    ann.command(&json!({"type": "resume", "resume": welcome["resume"]}));
    ann.wait_for_type("resumed");
    let found = list(&server, "connections?user=Ann");
    let shown: Vec<_> = found.iter().map(|entry| (&entry["detached"], &entry["rooms"])).collect();
    assert_eq!(shown, [(&Value::Null, &json!(["den"]))]);
}
