//! A scenario of three users in a room, and what must hold whatever fails.
//!
//! Ann and Cy have good connections; Bob's may fail. A user without a connection publishes as well. All requests are
//! sent from one thread, so a room receives them in this order.

use std::sync::Arc;

use roomd::chat::{End, Event, RoomName, RoomRequest, UserName};
use serde_json::{Value, json};

use crate::client::Client;
use crate::fault::{Fault, at_every_use};
use crate::server::{Faults, TestServer};
use crate::wire::{Trouble, Wire};

/// The room and users of one run, so that nothing of one run is in the next.
#[derive(Clone, Copy)]
pub struct Cast {
    pub room: &'static str,
    pub names: [&'static str; 3],
}

pub const FIRST: Cast = Cast { room: "den", names: ["Ann", "Bob", "Cy"] };
pub const SECOND: Cast = Cast { room: "pub", names: ["Dan", "Eve", "Flo"] };
pub const USERS: [&str; 6] = ["Ann", "Bob", "Cy", "Dan", "Eve", "Flo"];

/// Runs the scenario, the second user over this wire; how many requests were refused.
pub fn play(server: &TestServer, cast: Cast, wire: Arc<Wire>) -> usize {
    let Cast { room, names: [ann, bob, cy] } = cast;
    let [mut ann, mut bob, mut cy] =
        [(ann, Wire::good()), (bob, wire), (cy, Wire::good())].map(|(name, wire)| server.enter(name, wire));
    let say = |client: &mut Client, text: &str, mid: &str| {
        client.ask(json!({"type": "message", "room": room, "message": text, "mid": mid}));
    };
    for client in [&mut ann, &mut bob, &mut cy] {
        client.join(&json!({"type": "join", "room": room}));
    }
    say(&mut ann, "one", "1");
    say(&mut bob, "two", "1");
    bob.send(&json!({"type": "typing", "room": room, "typing": true}));
    cy.ask(json!({"type": "leave", "room": room}));
    say(&mut bob, "three", "2");
    say(&mut ann, "one again", "1");
    let since = json!({"epoch": epoch(&cy), "seq": shown(&cy, room).len()});
    cy.join(&json!({"type": "join", "room": room, "since": since}));
    let published = publish_as_non_member(server, room);
    say(&mut cy, "four", "1");
    cy.ask(json!({"type": "private", "to": ann.name, "message": "psst"}));
    ann.ask(json!({"type": "private", "to": cy.name, "message": "what"}));
    say(&mut ann, "five", "2");
    bob.ask(json!({"type": "members", "room": room}));
    // As when the server stops: each gets what its rooms have taken.
    for client in [&mut ann, &mut bob, &mut cy] {
        client.close(End::Closing);
    }
    let whole = !bob.wire.is_broken();
    let private = private(ann.name, cy.name);
    for (client, room, whole) in
        [(&ann, room, true), (&bob, room, whole), (&cy, room, true), (&ann, &private, true), (&cy, &private, true)]
    {
        check_shown(server, room, client, whole);
    }
    let answers =
        [(&ann, true), (&bob, whole), (&cy, true)].map(|(client, whole)| check_answers(server, client, whole));
    answers.iter().sum::<usize>() + usize::from(!published)
}

/// A user without a connection publishes a message; whether it was accepted.
fn publish_as_non_member(server: &TestServer, room: &str) -> bool {
    let request = RoomRequest::message("ding");
    let answer =
        server.engine.hub.ask(&RoomName::parse(room).unwrap(), UserName::parse("Vic").unwrap().into(), request);
    let taken = matches!(answer, Ok(Event::Sent { .. }));
    assert!(taken || matches!(answer, Ok(Event::Refused(_)) | Err(_)), "{answer:?}");
    assert_eq!(server.stored(room).iter().any(|(_, text)| text == "ding"), taken);
    taken
}

/// The room of two users.
fn private(one: &str, other: &str) -> String {
    RoomName::private(&UserName::parse(one).unwrap(), &UserName::parse(other).unwrap()).as_str().to_owned()
}

fn epoch(client: &Client) -> Value {
    let joined = client.events().into_iter().rfind(|event| event["type"] == "joined");
    joined.map_or(json!("none"), |joined| joined["epoch"].clone())
}

/// The messages that a client was shown, in its order.
fn shown(client: &Client, room: &str) -> Vec<(u64, String)> {
    let events = client.events().into_iter();
    let messages = events.filter(|event| event["room"] == room && event["type"] != "sent" && event["seq"].is_u64());
    let messages = messages.filter(|event| event["message"].is_string());
    messages.map(|event| (event["seq"].as_u64().unwrap(), event["message"].as_str().unwrap().to_owned())).collect()
}

/// Checks that the stored messages were shown, once and in order, and nothing else; to a client whose connection broke,
/// up to then.
fn check_shown(server: &TestServer, room: &str, client: &Client, whole: bool) {
    let stored = server.stored(room);
    assert!((1..).zip(&stored).all(|(number, (seq, _))| number == *seq), "numbers have gaps: {stored:?}");
    let shown = shown(client, room);
    assert!(stored.starts_with(&shown), "{} was shown {shown:?} of {stored:?}", client.name);
    assert!(!whole || shown.len() == stored.len(), "{} was shown only {shown:?} of {stored:?}", client.name);
}

/// Checks that each command was answered once, to its sender, and that what was acknowledged is stored and what was
/// refused is not.
fn check_answers(server: &TestServer, client: &Client, whole: bool) -> usize {
    for event in client.events() {
        let ours = event["id"].as_str().is_none_or(|id| client.asked.contains_key(id));
        assert!(ours && (event["type"] != "error" || event["id"].is_string()), "not asked by {}: {event}", client.name);
    }
    let mut refused = 0;
    for (id, command) in &client.asked {
        let answers = client.answers(id);
        assert!(answers.len() == 1 || (answers.is_empty() && !whole), "{command} was answered {answers:?}");
        let Some(answer) = answers.first() else { continue };
        refused += usize::from(answer["type"] == "error");
        let Some(text) = command["message"].as_str() else { continue };
        let room = command["to"]
            .as_str()
            .map_or_else(|| command["room"].as_str().unwrap().to_owned(), |to| private(client.name, to));
        let stored = server.stored(&room);
        let found = stored.iter().find(|(_, other)| other == text).map(|(seq, _)| *seq);
        match answer["type"].as_str().unwrap() {
            "sent" if answer["duplicate"] == true => assert_eq!(found, None, "a repeat is not stored"),
            "sent" => assert_eq!(found, answer["seq"].as_u64(), "{answer}"),
            "error" => assert_eq!(found, None, "{answer} to {command}, which is stored"),
            _ => panic!("{answer} to {command}"),
        }
    }
    refused
}

/// Runs the scenario with a fault, and once more without; how many requests were refused the first time.
pub fn play_twice(faults: &Faults, wire: Arc<Wire>) -> usize {
    let server = TestServer::new(faults);
    let refused = play(&server, FIRST, wire);
    faults.end();
    assert_eq!(play(&server, SECOND, Wire::good()), 0, "a fault that is over is felt");
    server.close(&USERS);
    refused
}

#[test]
fn without_a_fault_nothing_is_refused() {
    assert_eq!(play_twice(&Faults::none(), Wire::good()), 0);
}

#[test]
fn a_connection_that_breaks_at_any_moment_affects_no_other() {
    at_every_use(|fault| {
        assert_eq!(play_twice(&Faults::none(), Wire::new(Trouble::Breaks, fault, usize::MAX)), 0);
    });
}

#[test]
fn a_connection_that_is_full_at_any_moment_misses_nothing() {
    at_every_use(|fault| {
        assert_eq!(play_twice(&Faults::none(), Wire::new(Trouble::Full, fault, usize::MAX)), 0);
    });
}

#[test]
fn a_connection_that_takes_little_at_once_misses_nothing() {
    for at_once in [1, 2, 7, 64, 200] {
        let wire = Wire::new(Trouble::Breaks, &Fault::never(), at_once);
        assert_eq!(play_twice(&Faults::none(), wire), 0);
    }
}

#[test]
fn a_message_that_cannot_be_stored_is_refused_to_its_author_and_shown_to_nobody() {
    at_every_use(|fault| {
        let refused = play_twice(&Faults { append: Arc::clone(fault), ..Faults::none() }, Wire::good());
        assert_eq!(refused > 0, fault.has_struck(), "a failure is told, and only a failure");
    });
}

#[test]
fn a_room_whose_history_cannot_be_read_does_not_open_and_the_next_attempt_does() {
    at_every_use(|fault| {
        let refused = play_twice(&Faults { open: Arc::clone(fault), ..Faults::none() }, Wire::good());
        assert!(refused <= 1, "one opening failed, and {refused} commands were refused");
    });
}
