//! Private messages between users who are connected to different servers: each device is given each message once, in order.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use roomd::chat::UserName;
use serde_json::{Value, json};

use super::{claim_on, server, signed_in};
use crate::harness::postgres::Database;
use crate::harness::{TestServer, WebSocketClient, http, until};

fn two() -> Option<(Database, [TestServer; 2])> {
    let database = Database::new()?;
    let servers = [server(&database), server(&database)];
    Some((database, servers))
}

fn tell(from: &mut WebSocketClient, to: &str, message: &str) -> Value {
    from.ask(json!({"type": "private", "to": to, "message": message}))
}

/// The same without an answer, so that nothing is read meanwhile.
fn send(from: &mut WebSocketClient, to: &str, message: &str) {
    from.command(&json!({"type": "private", "to": to, "message": message, "mid": message}));
}

/// The private messages that a client is given up to the one of this number: all of them, from this one on, each once.
#[track_caller]
fn reads(client: &mut WebSocketClient, from: u64, until: u64) -> Vec<String> {
    let messages = (from..=until).map(|seq| {
        let message = client.wait_for_type("private");
        assert_eq!(message["seq"], seq, "{message}");
        message["message"].as_str().unwrap().to_owned()
    });
    messages.collect()
}

/// Nothing more has come, and the client is there.
#[track_caller]
fn is_quiet(client: &mut WebSocketClient) {
    client.command(&json!({"type": "ping", "id": "quiet"}));
    loop {
        let event = client.event();
        assert_ne!(event["type"], "private", "{event}");
        if event["id"] == "quiet" {
            return;
        }
    }
}

/// Waits for a receipt of this user's.
fn receipt(client: &mut WebSocketClient, user: &str, status: &str, seq: u64) {
    loop {
        let receipt = client.wait_for_type("receipt");
        if receipt["user"] == user && receipt["status"] == status && receipt["seq"].as_u64() >= Some(seq) {
            return;
        }
    }
}

/// Waits until a server knows that a user is connected to another one, or is no longer.
fn knows(server: &TestServer, user: &str, is_there: bool) {
    let name = UserName::parse(user).unwrap();
    until(user, || server.engine().directory.is_reachable_elsewhere(&name) == is_there);
}

#[test]
fn a_private_message_reaches_every_device_of_both_users_once_and_its_author_learns_who_has_it() {
    let Some((_database, servers)) = two() else { return };
    let [ann, bob] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    let mut ann = [signed_in(&servers[0], &ann), signed_in(&servers[1], &ann)];
    let mut bob = [signed_in(&servers[0], &bob), signed_in(&servers[1], &bob)];
    for number in 1..=3 {
        send(&mut ann[0], "Bob", &format!("a{number}"));
    }
    for device in ann.iter_mut().chain(&mut bob) {
        assert_eq!(reads(device, 1, 3), ["a1", "a2", "a3"]);
    }
    send(&mut bob[1], "Ann", "b4");
    send(&mut ann[1], "Bob", "a5");
    for device in ann.iter_mut().chain(&mut bob) {
        let both: BTreeSet<_> = reads(device, 4, 5).into_iter().collect();
        assert_eq!(both, BTreeSet::from(["a5".to_owned(), "b4".to_owned()]));
    }
    bob[1].command(&json!({"type": "read", "room": "dm:Ann:Bob", "seq": 5}));
    ann.iter_mut().for_each(|device| receipt(device, "Bob", "read", 5));
    // Bob's other device learns what was read.
    receipt(&mut bob[0], "Bob", "read", 5);
    ann.iter_mut().chain(&mut bob).for_each(is_quiet);
}

#[test]
fn a_user_who_is_on_another_server_alone_is_reached_there() {
    let Some((database, servers)) = two() else { return };
    let [ann, bob] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    let (mut ann, mut bob) = (signed_in(&servers[0], &ann), signed_in(&servers[1], &bob));
    assert_eq!(tell(&mut ann, "Bob", "1")["seq"], 1);
    reads(&mut bob, 1, 1);
    receipt(&mut ann, "Bob", "written", 1);
    let waits = || database.psql("SELECT count(*) FROM undelivered");
    until("nothing waits for Bob any more", || waits() == "0");
    // A request without a connection.
    let message = json!({"message": "2"});
    let sent = http::post(&servers[0], "/api/v1/private/Bob/messages?user=Gus", &message);
    assert_eq!(sent.status, 201, "{}", sent.json());
    assert_eq!(bob.wait_for_type("private")["room"], "dm:Bob:Gus");
}

#[test]
fn guests_on_different_servers_write_to_each_other() {
    let Some((_database, servers)) = two() else { return };
    let mut ann = WebSocketClient::multi(&servers[0], "Ann");
    let mut gus = WebSocketClient::multi(&servers[1], "Gus");
    assert_eq!(tell(&mut ann, "Nobody", "hi")["code"], "user_offline");
    knows(&servers[0], "Gus", true);
    send(&mut ann, "Gus", "there?");
    assert_eq!(reads(&mut gus, 1, 1), ["there?"]);
    send(&mut gus, "Ann", "hello");
    assert_eq!(reads(&mut ann, 1, 2), ["there?", "hello"]);
    // Another device of a guest is given what is said from now on.
    let mut other = WebSocketClient::multi(&servers[1], "Ann");
    send(&mut gus, "Ann", "both");
    assert_eq!([&mut ann, &mut other].map(|device| device.wait_for_type("private")["message"].clone()), ["both"; 2]);
    gus.leave();
    knows(&servers[0], "Gus", false);
    assert_eq!(tell(&mut ann, "Gus", "still there?")["code"], "user_offline");
}

#[test]
fn a_guest_of_a_server_that_dies_is_offline_when_that_is_noticed() {
    let Some((database, servers)) = two() else { return };
    let mut ann = WebSocketClient::multi(&servers[0], "Ann");
    // What a server leaves behind whose process is gone. Its last heartbeat is to come, for a machine that is busy.
    database.psql(
        "INSERT INTO servers VALUES (7, clock_timestamp() + interval '8 seconds', 'a process that was killed');
        INSERT INTO attendance (server, stamp, room, usr, connections, announced, registered, detached, kind, set_at,
            last_seen, has_written, has_received, has_read)
            VALUES (7, 1, '', 'Zoe', 1, true, false, false, 0, 0, 0, 0, 0, 0)",
    );
    knows(&servers[0], "Zoe", true);
    assert_eq!(tell(&mut ann, "Zoe", "there?")["seq"], 1);
    knows(&servers[0], "Zoe", false);
    assert_eq!(tell(&mut ann, "Zoe", "still there?")["code"], "user_offline");
}

#[test]
fn what_waits_for_a_user_is_delivered_by_whatever_server_they_connect_to_and_once() {
    let Some((_database, servers)) = two() else { return };
    let [ann, token] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    let mut ann = signed_in(&servers[0], &ann);
    (1..=3).for_each(|seq| assert_eq!(tell(&mut ann, "Bob", &seq.to_string())["seq"], seq));
    let mut bob = signed_in(&servers[1], &token);
    assert_eq!(reads(&mut bob, 1, 3), ["1", "2", "3"]);
    receipt(&mut ann, "Bob", "written", 3);
    let mut second = signed_in(&servers[0], &token);
    is_quiet(&mut second);
    send(&mut ann, "Bob", "4");
    assert_eq!([&mut bob, &mut second].map(|device| reads(device, 4, 4)), [["4"], ["4"]]);
}

#[test]
fn what_a_user_was_given_through_one_server_is_not_given_again_by_another() {
    let Some((database, servers)) = two() else { return };
    let [ann, token] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    let mut ann = signed_in(&servers[0], &ann);
    for seq in 1..=5 {
        assert_eq!(tell(&mut ann, "Bob", &seq.to_string())["seq"], seq);
        let mut bob = signed_in(&servers[seq as usize % 2], &token);
        reads(&mut bob, seq, seq);
        receipt(&mut ann, "Bob", "written", seq);
        until("that is stored", || database.psql("SELECT count(*) FROM undelivered") == "0");
        bob.leave();
    }
    let mut bob = signed_in(&servers[0], &token);
    is_quiet(&mut bob);
    send(&mut ann, "Bob", "6");
    assert_eq!(reads(&mut bob, 6, 6), ["6"]);
}

#[test]
fn a_message_that_is_said_again_through_another_server_is_published_once() {
    let Some((_database, servers)) = two() else { return };
    let [ann, bob] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    let mut ann = [signed_in(&servers[0], &ann), signed_in(&servers[1], &ann)];
    let mut bob = signed_in(&servers[1], &bob);
    let command = json!({"type": "private", "to": "Bob", "message": "hi", "mid": "m"});
    assert_eq!(ann[0].ask(command.clone())["duplicate"], json!(false));
    let again = ann[1].ask(command);
    assert_eq!((&again["seq"], &again["duplicate"]), (&json!(1), &json!(true)));
    reads(&mut bob, 1, 1);
    send(&mut ann[1], "Bob", "next");
    reads(&mut bob, 2, 2);
}

#[test]
fn a_private_message_whose_note_is_lost_is_found() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let [ann, bob] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    database.lose_notes();
    let mut ann = [signed_in(&servers[0], &ann), signed_in(&servers[1], &ann)];
    let mut bob = signed_in(&servers[1], &bob);
    for number in 1..=3 {
        send(&mut ann[0], "Bob", &format!("a{number}"));
    }
    for device in ann.iter_mut().chain([&mut bob]) {
        assert_eq!(reads(device, 1, 3), ["a1", "a2", "a3"]);
    }
    send(&mut bob, "Ann", "b4");
    ann.iter_mut().for_each(|device| assert_eq!(reads(device, 4, 4), ["b4"]));
    receipt(&mut ann[0], "Bob", "written", 3);
}

#[test]
fn two_guests_who_write_to_each_other_at_once_through_two_servers_see_both_in_one_order() {
    const ROUNDS: usize = 20;
    let Some((_database, servers)) = two() else { return };
    for round in 0..ROUNDS {
        // Names of their own each time: a conversation that neither server has open.
        let names = [format!("ann{round}"), format!("bob{round}")];
        let mut clients = [0, 1].map(|at| WebSocketClient::multi(&servers[at], &names[at]));
        [0, 1].iter().for_each(|at| knows(&servers[*at], &names[1 - at], true));
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for (at, client) in clients.iter_mut().enumerate() {
                let (start, to) = (&start, &names[1 - at]);
                scope.spawn(move || {
                    start.wait();
                    (0..3).for_each(|number| send(client, to, &format!("{at} {number}")));
                });
            }
        });
        let [ann, bob] = clients.each_mut().map(|client| reads(client, 1, 6));
        assert_eq!(ann, bob, "round {round}");
        clients.iter_mut().for_each(is_quiet);
    }
}

#[test]
fn a_message_through_one_server_while_its_user_connects_to_another_is_delivered() {
    let Some((_database, servers)) = two() else { return };
    let [ann, token] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    let mut ann = signed_in(&servers[0], &ann);
    for round in 1..=20 {
        let start = Barrier::new(2);
        let mut bob = thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                assert_eq!(tell(&mut ann, "Bob", "hi")["seq"], round);
            });
            start.wait();
            signed_in(&servers[1], &token)
        });
        let mut given = bob.wait_for_type("private");
        if given["seq"] == round - 1 {
            // It was said so short a time ago that this server has not heard of it: given again under its number.
            given = bob.wait_for_type("private");
        }
        assert_eq!(given["seq"], round, "{given}");
        receipt(&mut ann, "Bob", "written", round);
        is_quiet(&mut bob);
        bob.leave();
        let name = UserName::parse("Bob").unwrap();
        until("Bob is gone", || !servers[1].engine().directory.is_used(&name));
    }
}

#[test]
fn connections_to_the_database_that_break_lose_no_private_message_and_show_none_twice() {
    const MESSAGES: u64 = 60;
    let Some((database, servers)) = two() else { return };
    let [ann, bob] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    let mut ann = [signed_in(&servers[0], &ann), signed_in(&servers[1], &ann)];
    let mut bob = signed_in(&servers[1], &bob);
    let [from, device] = &mut ann;
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=MESSAGES {
                let text = number.to_string();
                let command = json!({"type": "private", "to": "Bob", "message": text, "mid": text});
                // What is refused may be stored: it is said again under its mid.
                while from.ask(command.clone())["seq"].is_null() {}
            }
        });
        for _ in 0..8 {
            database.end_connections();
        }
    });
    let all: Vec<_> = (1..=MESSAGES).map(|number| number.to_string()).collect();
    assert_eq!(reads(&mut bob, 1, MESSAGES), all);
    assert_eq!(reads(device, 1, MESSAGES), all);
}
