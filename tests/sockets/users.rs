//! Typing, presence and private messages.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{LineClient, TestServer, WebSocketClient, until};

fn typing(client: &mut WebSocketClient, typing: bool) {
    client.command(&json!({"type": "typing", "room": "den", "typing": typing}));
}

#[test]
fn typing_is_shown_to_others_only_and_stops_by_itself() {
    let server = TestServer::start();
    let mut otto = WebSocketClient::json(&server, "den", "Otto");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut second = WebSocketClient::json(&server, "den", "Anna");
    otto.settle("den");
    typing(&mut anna, true);
    // A repetition is not shown.
    typing(&mut anna, true);
    let shown = otto.event_of("typing");
    assert_eq!(shown, json!({"type": "typing", "room": "den", "user": "Anna", "username": "Anna", "typing": true}));
    let shown = otto.event_of("typing");
    assert_eq!((&shown["username"], &shown["typing"]), (&json!("Anna"), &json!(false)));
    for client in [&mut anna, &mut second] {
        assert!(client.settle("den").iter().all(|event| event["type"] != "typing"), "typing came back");
    }
    text.say("quiet");
    text.wait_for("Anna joined the room");
    text.receives("Tess: quiet");
}

#[test]
fn typing_ends_on_request_and_is_not_kept() {
    let server = TestServer::start();
    let mut otto = WebSocketClient::json(&server, "den", "Otto");
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    otto.settle("den");
    typing(&mut anna, true);
    assert_eq!(otto.event_of("typing")["typing"], true);
    typing(&mut anna, false);
    typing(&mut anna, false);
    assert_eq!(otto.event_of("typing")["typing"], false);
    anna.publish("den", "hi");
    assert_eq!(otto.event_of("message")["seq"], 1);
    let history = otto.ask(json!({"type": "history", "room": "den"}));
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn presence_is_shown_in_every_room_of_the_user() {
    let server = TestServer::start();
    let mut one = WebSocketClient::json(&server, "one", "Otto");
    let mut two = WebSocketClient::text(&server, "two", "Tess");
    let mut anna = WebSocketClient::multi(&server, "Anna");
    for room in ["one", "two"] {
        anna.ask(json!({"type": "join", "room": room}));
    }
    one.wait_for_type("join");
    two.receives("Anna joined the room");
    anna.command(&json!({"type": "presence", "status": "away", "note": "lunch"}));
    let away = one.event_of("presence");
    assert_eq!((&away["user"], &away["status"], &away["note"]), (&json!("Anna"), &json!("away"), &json!("lunch")));
    assert!(away["lastSeen"].as_str().unwrap().ends_with('Z'));
    two.receives("* Anna is away: lunch");
    anna.command(&json!({"type": "presence", "status": "online"}));
    let back = one.event_of("presence");
    assert_eq!((&back["status"], &back["note"]), (&json!("online"), &Value::Null));
    assert!(back["lastSeen"].as_str() >= away["lastSeen"].as_str());
    two.receives("* Anna is back");
    drop(anna);
    assert_eq!(one.event_of("leave")["user"], "Anna");
    let gone = one.event_of("presence");
    assert_eq!((&gone["user"], &gone["status"]), (&json!("Anna"), &json!("offline")));
    assert!(gone["lastSeen"].as_str() >= back["lastSeen"].as_str());
    two.receives("Anna left the room");
}

#[test]
fn presence_is_online_or_away_and_a_note_is_short() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::multi(&server, "Anna");
    for status in ["offline", "asleep", ""] {
        assert_eq!(anna.ask(json!({"type": "presence", "status": status}))["code"], "bad_request", "{status}");
    }
    let note = "x".repeat(201);
    let refusal = anna.ask(json!({"type": "presence", "status": "away", "note": note}));
    assert_eq!(refusal["code"], "bad_request");
    let mut line = LineClient::named(&server, "Lina");
    line.say(&format!("/away {note}"));
    line.receives("Error: A note may have 200 bytes");
    line.say("/away");
    line.receives("* Lina is away");
    line.say("/back");
    line.receives("* Lina is back");
}

#[test]
fn a_user_who_is_away_joins_a_room_as_away() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let mut anna = WebSocketClient::multi(&server, "Anna");
    anna.command(&json!({"type": "presence", "status": "away"}));
    anna.ask(json!({"type": "join", "room": "den"}));
    text.receives("Anna joined the room");
    text.receives("* Anna is away");
}

#[test]
fn a_private_message_is_seen_on_the_connections_of_both_users_alone() {
    let server = TestServer::start();
    let mut anna = [WebSocketClient::json(&server, "den", "Anna"), WebSocketClient::multi(&server, "Anna")];
    let mut otto = [WebSocketClient::json(&server, "den", "Otto"), WebSocketClient::multi(&server, "Otto")];
    let mut line = LineClient::named(&server, "Otto");
    let mut carl = WebSocketClient::json(&server, "den", "Carl");
    carl.settle("den");
    for client in anna.iter_mut().chain(&mut otto) {
        client.ask(json!({"type": "ping"}));
    }
    anna[0].command(&json!({"type": "private", "to": "Otto", "message": "psst", "id": 1}));
    let sent = anna[0].wait_for_type("sent");
    assert_eq!((&sent["id"], &sent["seq"]), (&json!(1), &json!(1)));
    for client in anna.iter_mut().chain(&mut otto) {
        let event = client.wait_for_type("private");
        assert_eq!((&event["from"], &event["to"], &event["message"]), (&json!("Anna"), &json!("Otto"), &json!("psst")));
        assert_eq!((&event["room"], &event["seq"]), (&json!("dm:Anna:Otto"), &json!(1)));
    }
    line.receives("[private] Anna: psst");
    // The reply belongs to the same conversation.
    line.say("/msg Anna what?");
    // A line client is not sent its own line.
    assert_eq!(line.settle(), [""; 0]);
    for client in anna.iter_mut().chain(&mut otto) {
        let event = client.event_of("private");
        assert_eq!((&event["from"], &event["seq"]), (&json!("Otto"), &json!(2)));
    }
    assert!(carl.settle("den").is_empty());
}

#[test]
fn a_private_message_to_an_unknown_user_or_to_its_author_is_refused() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::multi(&server, "Anna");
    let refusal = anna.ask(json!({"type": "private", "to": "Nemo", "message": "hi"}));
    assert_eq!((&refusal["code"], &refusal["message"]), (&json!("user_offline"), &json!("Nemo is not online")));
    assert_eq!(anna.ask(json!({"type": "private", "to": "Anna", "message": "hi"}))["code"], "bad_request");
    assert_eq!(anna.ask(json!({"type": "private", "message": "hi"}))["code"], "bad_request");
    let mut line = LineClient::named(&server, "Lina");
    line.say("/msg Nemo hi");
    line.receives("Error: Nemo is not online");
    line.say("/msg Nemo");
    line.receives("Error: Usage: /msg USER TEXT");
}

#[test]
fn who_is_away_with_a_note_is_so_to_everybody_over_a_lost_connection_and_in_every_room() {
    let server = TestServer::with(|settings| settings.limits.grace = Duration::from_secs(60));
    let mut otto = WebSocketClient::json(&server, "den", "Otto");
    let mut anna = WebSocketClient::open(&server, "/ws?user=Anna&format=json");
    let token = anna.event_of("welcome")["resume"].clone();
    anna.ask(json!({"type": "join", "room": "den"}));
    anna.ask(json!({"type": "private", "to": "Otto", "message": "before"}));
    anna.command(&json!({"type": "presence", "status": "away", "note": "lunch"}));
    anna.ask(json!({"type": "history", "room": "dm:Anna:Otto"}));
    drop(anna);
    until("her session waits", || server.engine().sessions.detached() == 1);
    let mut anna = WebSocketClient::multi(&server, "nobody");
    assert_eq!(anna.ask(json!({"type": "resume", "resume": token}))["type"], "resumed");
    anna.ask(json!({"type": "private", "to": "Otto", "message": "after"}));
    let mut shown = Vec::new();
    while shown.last().is_none_or(|event: &Value| event["message"] != "after") {
        shown.push(otto.event());
    }
    let presences: Vec<_> = shown.iter().filter(|event| event["type"] == "presence").collect();
    assert!(!presences.is_empty(), "{shown:?}");
    for event in presences {
        assert_eq!((&event["status"], &event["note"]), (&json!("away"), &json!("lunch")), "{event}");
    }
    let members = otto.ask(json!({"type": "members", "room": "den"}))["members"].clone();
    assert_eq!((&members[0]["status"], &members[0]["note"]), (&json!("away"), &json!("lunch")), "{members}");
    // A room that is joined later, and a conversation that begins later, know it too.
    otto.ask(json!({"type": "join", "room": "yard"}));
    anna.ask(json!({"type": "join", "room": "yard"}));
    let came = otto.wait_for_type("presence");
    assert_eq!((&came["status"], &came["note"]), (&json!("away"), &json!("lunch")), "{came}");
    let mut pia = WebSocketClient::multi(&server, "Pia");
    pia.ask(json!({"type": "private", "to": "Anna", "message": "hi"}));
    drop(anna);
    until("her session waits again", || server.engine().sessions.detached() == 1);
    let mut anna = WebSocketClient::multi(&server, "nobody");
    anna.ask(json!({"type": "resume", "resume": token}));
    anna.ask(json!({"type": "private", "to": "Pia", "message": "back"}));
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Value| event["message"] != "back") {
        events.push(pia.event());
    }
    assert!(events.iter().all(|event| event["status"] != "online"), "{events:?}");
}
