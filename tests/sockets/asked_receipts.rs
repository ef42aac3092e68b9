//! Receipts in lines, for who has asked for them with `/receipts on`.

use serde_json::json;

use crate::harness::{LineClient, TestServer, WebSocketClient};

const ON: &str = "* You are told who has received and read your last message, as far as their programs say it";
const OFF: &str = "* You are no longer told who has received and read your messages";

fn reports(client: &mut WebSocketClient, status: &str, room: &str, seq: u64) {
    client.command(&json!({"type": status, "room": room, "seq": seq}));
}

#[test]
fn a_line_client_that_has_asked_is_told_who_has_received_and_read_its_last_line() {
    let server = TestServer::start();
    let mut bob = WebSocketClient::json(&server, "lobby", "Bob");
    let mut ann = LineClient::connect(&server);
    ann.greeted();
    ann.say("/receipts on");
    ann.wait_for(ON);
    // The name changes, and what was asked for stays.
    ann.say("/nick Ann");
    ann.wait_for("Ann joined the room");
    ann.say("one");
    ann.say("two");
    while bob.wait_for_type("message")["seq"] != 2 {}
    reports(&mut bob, "received", "lobby", 2);
    ann.receives("* Bob has received your last 2 messages");
    reports(&mut bob, "read", "lobby", 2);
    ann.receives("* Bob has read your last 2 messages");
    ann.say("/join den");
    ann.wait_for("Ann joined the room");
    bob.ask(json!({"type": "join", "room": "den"}));
    ann.say("three");
    bob.wait_for_type("message");
    reports(&mut bob, "read", "den", 1);
    ann.wait_for("* Bob has read it");
    ann.say("/msg Bob psst");
    assert_eq!(bob.wait_for_type("private")["seq"], 1);
    reports(&mut bob, "read", "dm:Ann:Bob", 1);
    ann.wait_for("* Bob has read your private message");
    ann.say("/receipts off");
    ann.wait_for(OFF);
    ann.say("/receipts");
    ann.receives("Error: Usage: /receipts on|off");
}

#[test]
fn a_text_client_is_told_what_it_has_asked_for_and_no_line_more() {
    let server = TestServer::start();
    let mut ann = WebSocketClient::text(&server, "den", "Ann");
    let mut asks = WebSocketClient::text(&server, "den", "Ann");
    asks.say("/receipts on");
    asks.wait_for(ON);
    let mut others = ["Bob", "Cy", "Dan", "Eve", "Fay"].map(|user| WebSocketClient::json(&server, "den", user));
    asks.say("hello");
    ann.wait_for("Ann: hello");
    for other in &mut others {
        assert_eq!(other.wait_for_type("message")["seq"], 1);
    }
    for other in &mut others {
        reports(other, "read", "den", 1);
    }
    // They are gathered: one line or several, and each user is in one of them.
    let mut told = 0;
    while told < others.len() {
        let line = asks.receive();
        if line.ends_with(" read it") {
            let named = ["Bob", "Cy", "Dan", "Eve", "Fay"].iter().filter(|user| line.contains(**user)).count();
            told += named + if line.contains(" and 2 more ") { 2 } else { 0 };
        }
    }
    ann.say("/who");
    let before = ann.wait_for("* In den: Ann, Bob, Cy, Dan, Eve, Fay");
    assert!(before.iter().all(|line| !line.contains("read it")), "the other device has not asked: {before:?}");
}

#[test]
fn in_a_large_room_authors_who_have_asked_are_told_counts_in_either_dialect() {
    let server = TestServer::with(|settings| settings.limits.receipts_members_max = 2);
    let mut ann = LineClient::named(&server, "Ann");
    ann.say("/receipts on");
    ann.wait_for(ON);
    let mut joe = WebSocketClient::multi(&server, "Joe");
    joe.ask(json!({"type": "join", "room": "lobby", "receipt_counts": true}));
    let mut others = ["Bob", "Cy"].map(|user| WebSocketClient::json(&server, "lobby", user));
    ann.say("one");
    for other in others.iter_mut().chain([&mut joe]) {
        assert_eq!(other.wait_for_type("message")["seq"], 1);
    }
    reports(&mut others[0], "received", "lobby", 1);
    reports(&mut others[1], "read", "lobby", 1);
    // What comes within a moment is gathered, and that moment may end before all of it is here.
    ann.wait_for("* Sent to 3, received by 2, read by 1");
    joe.publish("lobby", "two");
    for other in &mut others {
        assert_eq!(other.wait_for_type("message")["seq"], 2);
        reports(other, "read", "lobby", 2);
    }
    loop {
        let counts = joe.wait_for_type("receipt_counts");
        assert_eq!((&counts["room"], &counts["seq"]), (&json!("lobby"), &json!(2)));
        if counts["written"] == 3 && counts["received"] == 2 && counts["read"] == 2 {
            break;
        }
    }
    let told = others[0].settle("lobby");
    assert!(told.iter().all(|event| event["type"] != "receipt_counts"), "they have not asked: {told:?}");
}
