//! Offline messages: kept for a registered user who is away, and delivered to the next connection.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use roomd::Settings;
use serde_json::{Value, json};

use crate::harness::issuer::{claim, connect, welcomed};
use crate::harness::place::Place;
use crate::harness::{LineClient, TestServer, WebSocketClient, until};

fn tell(from: &mut WebSocketClient, to: &str, message: &str) -> Value {
    from.ask(json!({"type": "private", "to": to, "message": message}))
}

/// The messages that were delivered to a new connection before its first reply.
fn given(client: &mut WebSocketClient) -> Vec<(u64, String)> {
    client.command(&json!({"type": "ping", "id": "given"}));
    let mut offline_messages = Vec::new();
    loop {
        let event = client.event();
        match event["type"].as_str().unwrap() {
            "private" => {
                offline_messages.push((event["seq"].as_u64().unwrap(), event["message"].as_str().unwrap().to_owned()));
            }
            "pong" => return offline_messages,
            _ => {}
        }
    }
}

/// Waits until the author is told that the other user's socket has taken the messages up to this number.
fn written(author: &mut WebSocketClient, user: &str, seq: u64) {
    loop {
        let receipt = author.wait_for_type("receipt");
        if receipt["user"] == user && receipt["seq"].as_u64() >= Some(seq) {
            return;
        }
    }
}

fn numbered(seqs: impl Iterator<Item = u64>) -> Vec<(u64, String)> {
    seqs.map(|seq| (seq, seq.to_string())).collect()
}

#[test]
fn messages_to_an_offline_user_are_delivered_at_the_next_connection_in_order_and_once() {
    let server = TestServer::start();
    let token = claim(&server, "Bob");
    let mut alice = WebSocketClient::multi(&server, "alice");
    for seq in 1..=3 {
        let sent = tell(&mut alice, "Bob", &seq.to_string());
        assert_eq!((&sent["type"], &sent["seq"], &sent["room"]), (&json!("sent"), &json!(seq), &json!("dm:Bob:alice")));
    }
    assert_eq!(tell(&mut alice, "Nobody", "hi")["code"], "user_offline");
    let (mut bob, _) = welcomed(&server, &token);
    assert_eq!(given(&mut bob), numbered(1..=3));
    written(&mut alice, "Bob", 3);
    // Both continue from there, and another device is given no message.
    let (mut second, _) = welcomed(&server, &token);
    assert_eq!(given(&mut second), []);
    tell(&mut alice, "bOB", "4");
    assert_eq!([bob.event_of("private")["seq"].clone(), second.event_of("private")["seq"].clone()], [4, 4]);
}

#[test]
fn a_line_client_gets_its_offline_messages_too() {
    let server = TestServer::start();
    let token = claim(&server, "Bob");
    let mut alice = LineClient::named(&server, "alice");
    alice.say("/msg Bob are you there?");
    alice.say("/msg Bob no?");
    alice.settle();
    let mut bob = LineClient::guest(&server);
    bob.say(&format!("/auth {token}"));
    bob.receives("* You are now Bob");
    bob.receives("[private] alice: are you there?");
    bob.receives("[private] alice: no?");
}

#[test]
fn names_tokens_and_offline_messages_survive_a_restart() {
    let place = Place::new("restart");
    let server = place.server(|_| ());
    let token = claim(&server, "Bob");
    let mut alice = WebSocketClient::multi(&server, "alice");
    tell(&mut alice, "Bob", "1");
    alice.leave();
    drop(server);
    let server = place.server(|_| ());
    let mut alice = WebSocketClient::multi(&server, "alice");
    tell(&mut alice, "Bob", "2");
    let (mut bob, welcome) = welcomed(&server, &token);
    assert_eq!(welcome["user"], "Bob");
    assert_eq!(given(&mut bob), numbered(1..=2));
    written(&mut alice, "Bob", 2);
    bob.leave();
    alice.leave();
    drop(server);
    // What was delivered is not delivered again.
    let server = place.server(|_| ());
    assert_eq!(given(&mut welcomed(&server, &token).0), []);
}

#[test]
fn more_than_memory_holds_is_delivered_whole_while_more_is_sent() {
    let place = Place::new("many");
    let server = place.server(|settings| {
        (settings.limits.history, settings.limits.outbox_messages) = (4, 32);
        settings.durability = roomd::store::Durability::None;
    });
    let token = claim(&server, "Bob");
    let mut alice = WebSocketClient::multi(&server, "alice");
    for seq in 1..=300 {
        tell(&mut alice, "Bob", &seq.to_string());
    }
    // No more than may wait for a client while it is given what is older.
    let (mut bob, _) = thread::scope(|scope| {
        scope.spawn(|| (301..=330).for_each(|seq| drop(tell(&mut alice, "Bob", &seq.to_string()))));
        welcomed(&server, &token)
    });
    for seq in 1..=330 {
        let message = bob.event_of("private");
        assert_eq!((&message["seq"], &message["message"]), (&json!(seq), &json!(seq.to_string())));
    }
    written(&mut alice, "Bob", 330);
    assert_eq!(given(&mut welcomed(&server, &token).0), []);
}

#[test]
fn a_message_that_is_sent_while_its_user_connects_is_delivered_once() {
    let server = TestServer::start();
    let token = claim(&server, "Bob");
    let mut alice = WebSocketClient::multi(&server, "alice");
    for round in 1..=20 {
        let start = Barrier::new(2);
        let mut bob = thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                assert_eq!(tell(&mut alice, "Bob", "hi")["seq"], round);
            });
            start.wait();
            welcomed(&server, &token).0
        });
        assert_eq!(bob.event_of("private")["seq"], round);
        written(&mut alice, "Bob", round);
        assert_eq!(given(&mut bob), []);
        bob.leave();
        until("Bob is gone", || !server.engine().directory.is_used(&roomd::chat::UserName::parse("Bob").unwrap()));
    }
}

#[test]
fn of_two_devices_that_connect_at_once_none_gets_a_message_twice() {
    let server = TestServer::start();
    let token = claim(&server, "Bob");
    let mut alice = WebSocketClient::multi(&server, "alice");
    (1..=5).for_each(|seq| drop(tell(&mut alice, "Bob", &seq.to_string())));
    let start = Barrier::new(2);
    let all = thread::scope(|scope| {
        let devices = [(); 2].map(|()| {
            scope.spawn(|| {
                start.wait();
                let mut device = welcomed(&server, &token).0;
                let offline_messages = given(&mut device);
                (device, offline_messages)
            })
        });
        devices.map(|device| device.join().unwrap())
    });
    let offline_messages: Vec<_> = all.iter().map(|(_, offline_messages)| offline_messages.clone()).collect();
    // Each gets all of it or, if the other had it first, none.
    assert!(
        offline_messages
            .iter()
            .all(|offline_messages| offline_messages.is_empty() || *offline_messages == numbered(1..=5)),
        "{offline_messages:?}"
    );
    assert!(offline_messages.iter().any(|offline_messages| !offline_messages.is_empty()));
}

#[test]
fn messages_for_a_detached_session_are_delivered_to_a_new_connection_as_well() {
    let server = TestServer::with(|settings| settings.limits.grace = Duration::from_secs(60));
    let token = claim(&server, "Bob");
    let mut alice = WebSocketClient::multi(&server, "alice");
    let (mut bob, _) = welcomed(&server, &token);
    tell(&mut alice, "Bob", "1");
    bob.event_of("private");
    written(&mut alice, "Bob", 1);
    rustix::net::sockopt::set_socket_linger(&**bob.stream(), Some(Duration::ZERO)).unwrap();
    drop(bob);
    until("it is parked", || server.engine().sessions.detached() == 1);
    (2..=3).for_each(|seq| drop(tell(&mut alice, "Bob", &seq.to_string())));
    let (mut bob, _) = welcomed(&server, &token);
    assert_eq!(given(&mut bob), numbered(2..=3));
}

#[test]
fn a_conversation_has_a_history_for_its_two_users() {
    let server = TestServer::start();
    let (alice, bob) = (claim(&server, "alice"), claim(&server, "Bob"));
    let (mut alice, _) = welcomed(&server, &alice);
    (1..=3).for_each(|seq| drop(tell(&mut alice, "Bob", &seq.to_string())));
    let (mut bob, _) = welcomed(&server, &bob);
    given(&mut bob);
    let room = "dm:alice:Bob";
    let history = bob.ask(json!({"type": "history", "room": room, "limit": 2}));
    let texts: Vec<_> = history["messages"].as_array().unwrap().iter().map(|message| &message["message"]).collect();
    assert_eq!((texts, &history["complete"]), (vec![&json!("2"), &json!("3")], &json!(false)));
    bob.command(&json!({"type": "read", "room": room, "seq": 3}));
    loop {
        let receipt = alice.wait_for_type("receipt");
        if receipt["status"] == "read" {
            assert_eq!((&receipt["user"], &receipt["seq"]), (&json!("Bob"), &json!(3)));
            break;
        }
    }
    assert_eq!(alice.ask(json!({"type": "edit", "room": room, "seq": 3, "message": "drei"}))["type"], "ok");
    assert_eq!(bob.wait_for_type("edit")["message"], "drei");
    // No other user may read it, and none can be made up.
    let mut mallory = WebSocketClient::multi(&server, "mallory");
    for command in ["history", "read", "received", "typing", "delete"] {
        let ask = |client: &mut WebSocketClient, room: &str| {
            client.ask(json!({"type": command, "room": room, "seq": 1, "typing": true}))["code"].clone()
        };
        assert_eq!(ask(&mut mallory, room), "not_member", "{command}");
        assert_eq!(ask(&mut mallory, "dm:mallory:Bob"), "not_member", "{command}");
    }
}

#[test]
fn messages_to_an_earlier_guest_are_not_delivered_to_the_owner_of_the_name() {
    let server = TestServer::start();
    let mut alice = WebSocketClient::multi(&server, "alice");
    let mut guest = WebSocketClient::multi(&server, "Bob");
    tell(&mut alice, "Bob", "between us");
    guest.wait_for_type("private");
    guest.leave();
    let bob = roomd::chat::UserName::parse("Bob").unwrap();
    until("the guest is gone", || !server.engine().directory.is_used(&bob));
    // Another guest of the name is not given it either.
    let mut other = WebSocketClient::multi(&server, "Bob");
    let history = |client: &mut WebSocketClient| {
        let history = client.ask(json!({"type": "history", "room": "dm:alice:Bob"}));
        history["messages"].as_array().unwrap_or_else(|| panic!("{history}")).len()
    };
    assert_eq!(history(&mut other), 0);
    other.leave();
    until("the guest is gone", || !server.engine().directory.is_used(&bob));
    let token = claim(&server, "Bob");
    let (mut owner, _) = welcomed(&server, &token);
    assert_eq!((given(&mut owner), history(&mut owner)), (vec![], 0));
    tell(&mut alice, "Bob", "hello");
    owner.wait_for_type("private");
    assert_eq!(history(&mut owner), 1);
    connect(&server, "/ws?room=den", &token).wait_for("Bob joined the room");
}

#[test]
fn the_owner_of_a_name_who_resumes_a_conversation_is_not_given_what_a_guest_of_the_name_said() {
    let place = Place::new("resumed-owner");
    let patient = |settings: &mut Settings| settings.limits.grace = Duration::from_secs(60);
    for server in [TestServer::with(patient), place.server(patient)] {
        let mut bob = WebSocketClient::multi(&server, "Bob");
        let mut guest = WebSocketClient::multi(&server, "Ann");
        let secret = guest.ask(json!({"type": "private", "to": "Bob", "message": "a secret"}));
        bob.wait_for_type("private");
        guest.leave();
        let ann = roomd::chat::UserName::parse("Ann").unwrap();
        until("the guest is gone", || !server.engine().directory.is_used(&ann));
        let (mut owner, welcome) = welcomed(&server, &claim(&server, "Ann"));
        owner.ask(json!({"type": "private", "to": "Bob", "message": "hello"}));
        drop(owner);
        let mut back = WebSocketClient::open(&server, "/ws?format=json");
        back.event_of("welcome");
        let seen = json!({"dm:Ann:Bob": {"epoch": secret["epoch"], "seq": 0}});
        back.ask(json!({"type": "resume", "resume": welcome["resume"], "rooms": seen}));
        bob.ask(json!({"type": "private", "to": "Ann", "message": "the last"}));
        let texts = std::iter::repeat_with(|| back.wait_for_type("private")["message"].clone());
        let texts: Vec<_> = texts.take_while(|text| text != "the last").collect();
        assert!(!texts.contains(&json!("a secret")), "{texts:?}");
    }
}

#[test]
fn a_users_own_messages_are_not_delivered_to_them_as_offline() {
    let place = Place::new("own");
    let server = place.server(|settings| settings.limits.history = 4);
    let (alice, bob) = (claim(&server, "alice"), claim(&server, "Bob"));
    // A line client is not sent its own messages, so her socket takes none of them.
    let say = |count: usize| {
        let mut line = LineClient::guest(&server);
        line.say(&format!("/auth {alice}"));
        line.wait_for("alice joined the room");
        (0..count).for_each(|_| line.say("/msg Bob hi"));
        assert_eq!(line.settle(), [""; 0]);
        line
    };
    say(10).finish();
    let mut line = say(1);
    let (mut bob, _) = welcomed(&server, &bob);
    assert_eq!(given(&mut bob).len(), 11);
    tell(&mut bob, "alice", "hello");
    line.receives("[private] Bob: hello");
}
