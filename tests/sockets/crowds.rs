//! Many clients in one room.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use crate::harness::{LineClient, TestServer, WebSocketClient};

const PUBLISHERS: usize = 50;
const READERS: usize = 50;
const VISITORS: usize = 20;
const MESSAGES: usize = 20;

/// A server whose outboxes hold every message of a test, so that no client is slow on a busy machine.
fn roomy() -> TestServer {
    TestServer::with(|settings| {
        settings.limits.outbox_messages = 1_000_000;
        settings.limits.outbox_bytes = 64 * 1024 * 1024;
    })
}

/// The author and text of each message that a reader saw, in the order of the numbers, which have no gap.
fn read_all(mut client: WebSocketClient) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    while seen.len() < PUBLISHERS * MESSAGES {
        let event = client.event();
        if event["type"] == "message" {
            assert_eq!(event["seq"], seen.len() + 1, "a gap, or one twice");
            let text = |field: &str| event[field].as_str().unwrap().to_owned();
            seen.push((text("user"), text("message")));
        }
    }
    assert!(client.settle("hall").iter().all(|event| event["type"] != "message"));
    seen
}

/// Joins and leaves until the others are done; while it is in the room it misses no message.
fn come_and_go(mut client: WebSocketClient, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        let joined = client.ask(json!({"type": "join", "room": "hall", "history": 0}));
        let mut seq = joined["seq"].as_u64().unwrap();
        client.command(&json!({"type": "leave", "room": "hall"}));
        loop {
            let event = client.event();
            match event["type"].as_str().unwrap() {
                "left" => break,
                "message" => {
                    seq += 1;
                    assert_eq!(event["seq"], seq, "a member misses a message");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn fifty_publishers_and_fifty_readers_agree_on_one_order_while_others_come_and_go() {
    let server = roomy();
    let readers: Vec<_> = (0..READERS).map(|i| WebSocketClient::json(&server, "hall", &format!("r{i}"))).collect();
    let publisher = |i| WebSocketClient::open(&server, &format!("/ws?room=hall&user=p{i}&echo=false"));
    let publishers: Vec<_> = (0..PUBLISHERS).map(publisher).collect();
    let guests: Vec<_> = (0..VISITORS).map(|i| WebSocketClient::multi(&server, &format!("v{i}"))).collect();
    let (start, done) = (Barrier::new(PUBLISHERS), AtomicBool::new(false));
    let orders: Vec<_> = thread::scope(|scope| {
        for guest in guests {
            scope.spawn(|| come_and_go(guest, &done));
        }
        let reading: Vec<_> = readers.into_iter().map(|client| scope.spawn(|| read_all(client))).collect();
        let publishing: Vec<_> = publishers
            .into_iter()
            .map(|mut client| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    (0..MESSAGES).for_each(|number| client.say(&number.to_string()));
                    client
                })
            })
            .collect();
        let orders = reading.into_iter().map(|thread| thread.join()).collect();
        done.store(true, Ordering::Relaxed);
        publishing.into_iter().for_each(|thread| drop(thread.join()));
        orders
    });
    let orders: Vec<_> = orders.into_iter().map(Result::unwrap).collect();
    assert!(orders.iter().all(|order| *order == orders[0]), "two readers saw two orders");
    for i in 0..PUBLISHERS {
        let author = format!("p{i}");
        let own = orders[0].iter().filter(|(user, _)| *user == author).map(|(_, text)| text.as_str());
        assert!(own.eq((0..MESSAGES).map(|number| number.to_string())), "{author}'s messages are out of order");
    }
}

#[test]
fn a_hundred_line_clients_greet_each_other_and_none_gets_its_own_line() {
    const CLIENTS: usize = 100;
    let server = roomy();
    let mut clients: Vec<_> = (0..CLIENTS).map(|i| LineClient::named(&server, &format!("c{i}"))).collect();
    for client in &mut clients {
        let greeting = format!("hello from {}", client.name);
        client.say(&greeting);
    }
    for client in &mut clients {
        let mut greeted = Vec::new();
        while greeted.len() < CLIENTS - 1 {
            let line = client.receive();
            if let Some((name, text)) = line.split_once(": ") {
                assert_eq!(text, format!("hello from {name}"));
                greeted.push(name.to_owned());
            }
        }
        assert!(client.settle().iter().all(|line| !line.contains(": ")), "a greeting twice");
        greeted.sort();
        let mut others: Vec<_> = (0..CLIENTS).map(|i| format!("c{i}")).filter(|name| *name != client.name).collect();
        others.sort();
        assert_eq!(greeted, others);
    }
}

#[test]
fn many_rooms_keep_their_messages_apart() {
    const ROOMS: usize = 30;
    let server = roomy();
    let mut hub = WebSocketClient::multi(&server, "Hub");
    for room in 0..ROOMS {
        hub.ask(json!({"type": "join", "room": format!("room-{room}")}));
    }
    thread::scope(|scope| {
        for room in 0..ROOMS {
            let server = &server;
            scope.spawn(move || {
                let mut client = WebSocketClient::text(server, &format!("room-{room}"), "Anna");
                for number in 0..10 {
                    client.say(&format!("{room}/{number}"));
                    client.receives(&format!("Anna: {room}/{number}"));
                }
            });
        }
    });
    let mut next = [0; ROOMS];
    while next.iter().any(|count| *count < 10) {
        let event = hub.event();
        if event["type"] == "message" {
            let room: usize = event["room"].as_str().unwrap()["room-".len()..].parse().unwrap();
            assert_eq!(event["message"], format!("{room}/{}", next[room]));
            next[room] += 1;
        }
    }
}
