//! A server that drains: it is not ready, lets nobody in, tells everybody, and says goodbye to a part at a time.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomd::assemble::DrainProgress;
use roomd::channel::bounded;
use roomd::chat::{Event, RoomName, UserName};
use roomd::{ChannelRecipient, Member};
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Http, IrcClient, LineClient, TestServer, WebSocketClient, http, until};

/// Drains a server without waiting, and looks at each step.
fn drain(server: &TestServer, mut look: impl FnMut(DrainProgress)) {
    server.server().drain(|progress, _| {
        look(progress);
        true
    });
}

/// A server with the line port and that of IRC, whose times are not those of the test.
fn server(change: impl FnOnce(&mut roomd::Settings)) -> TestServer {
    TestServer::with(|settings| {
        settings.irc = Some("127.0.0.1:0".to_owned());
        settings.limits.drain = Duration::from_secs(20);
        change(settings);
    })
}

#[test]
fn from_the_first_moment_a_server_that_drains_is_not_ready_and_lets_nobody_in() {
    let server = server(|_| ());
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut otto = WebSocketClient::json(&server, "den", "Otto");
    assert_eq!(http::get(&server, "/readyz").status, 200);
    let steps = RefCell::new(0);
    drain(&server, |progress| {
        if steps.replace_with(|steps| *steps + 1) > 0 {
            return;
        }
        assert_eq!((progress.ended, progress.connections >= 2), (0, true), "{progress:?}");
        assert_eq!(http::get(&server, "/readyz").status, 503);
        assert_eq!(http::get(&server, "/healthz").status, 200);
        let (answer, _) = Http::connect(&server).upgrade("/ws?user=Late&room=den", "");
        assert_eq!((answer.status, answer.error()), (503, "draining".to_owned()));
        assert!(answer.field("Retry-After").unwrap().parse::<u64>().unwrap() >= 1);
        let (answer, _) = Http::connect(&server).upgrade("/api/v1/rooms/den/events?user=Late", "");
        assert_eq!((answer.status, answer.error()), (503, "draining".to_owned()));
        let line = LineClient::connect(&server).ending();
        assert!(line[0].starts_with("Error: The server is shutting down, try again in "), "{line:?}");
        let line = IrcClient::connect(&server).ending();
        assert!(line[0].starts_with("ERROR :Closing link: The server is shutting down"), "{line:?}");
        // Who is there goes on.
        assert!((0..=4_000).contains(&anna.wait_for_type("draining")["ends_in_ms"].as_u64().unwrap()));
        anna.ask(json!({"type": "message", "room": "den", "message": "still here"}));
        assert_eq!(otto.wait_for_type("message")["message"], "still here");
    });
    assert!(*steps.borrow() > 1);
    _ = server.stop();
    for client in [&mut anna, &mut otto] {
        assert_eq!(client.ending().code, Some(1001));
    }
}

#[test]
fn clients_of_every_door_are_told_and_end_a_part_at_a_time_with_pauses_that_spread_them() {
    let server = server(|settings| settings.limits.address_connections_max = 1_000);
    let mut json: Vec<_> = (0..60).map(|i| WebSocketClient::json(&server, "den", &format!("j{i}"))).collect();
    let mut text: Vec<_> = (0..20).map(|i| WebSocketClient::text(&server, "den", &format!("t{i}"))).collect();
    let mut lines: Vec<_> = (0..20).map(|_| LineClient::guest(&server)).collect();
    let mut irc: Vec<_> = (0..20).map(|i| IrcClient::named(&server, &format!("i{i}"))).collect();
    let mut streams: Vec<_> = (0..10).map(|i| event_stream(&server, &format!("s{i}"))).collect();
    let mut ended = Vec::new();
    drain(&server, |progress| {
        if ended.last() != Some(&progress.ended) {
            ended.push(progress.ended);
        }
        // The parts come one after the other: who is told is gone before the next are.
        if progress.ended > 0 {
            until("those that were told are gone", || server.server().connections() == 130 - progress.ended);
        }
    });
    assert_eq!(ended, [0, 50, 100, 130]);
    let report = server.stop();
    assert_eq!(report.deliveries.dropped, 0, "{}", report.deliveries);

    let mut pauses = BTreeSet::new();
    for client in &mut json {
        let ending = client.ending();
        assert!(ending.received.iter().any(|event| event.contains("\"type\":\"draining\"")), "{:?}", ending.received);
        let goodbye = ending.goodbye();
        assert_eq!((&goodbye["reason"], &goodbye["reconnect"]), (&json!("closing"), &json!(true)));
        pauses.insert(goodbye["retry_after_ms"].as_u64().unwrap());
    }
    // Over four seconds, of which most tenths have somebody.
    let tenths: BTreeSet<_> = pauses.iter().map(|ms| ms / 400).collect();
    assert!(tenths.len() >= 6 && pauses.first() >= Some(&1_000), "{pauses:?}");
    for client in &mut text {
        let ending = client.ending();
        assert_eq!(ending.code, Some(1001));
        told(&ending.received, "* The server is about to shut down, in ");
        assert_eq!(ending.received.last().unwrap(), "* The server is shutting down");
    }
    for client in &mut lines {
        let received = client.ending();
        told(&received, "* The server is about to shut down, in ");
        assert_eq!(received.last().unwrap(), "* The server is shutting down");
    }
    for client in &mut irc {
        let received = client.ending();
        assert!(received.iter().any(|line| line.contains("NOTICE") && line.contains("about to shut down")));
        assert!(received.last().unwrap().ends_with("ERROR :Closing link: The server is shutting down"), "{received:?}");
    }
    for stream in &mut streams {
        let rest = String::from_utf8(stream.rest()).unwrap();
        assert!(rest.contains("\"type\":\"draining\""), "{rest}");
        assert!(rest.contains("\"reason\":\"closing\"") && rest.contains("\nretry: "), "{rest}");
    }
}

fn told(received: &[String], start: &str) {
    assert!(received.iter().any(|line| line.starts_with(start)), "{received:?}");
}

/// A client that reads a stream of Server-Sent Events.
fn event_stream(server: &TestServer, user: &str) -> Http {
    let mut http = Http::connect(server);
    http.request(&format!("GET /api/v1/rooms/den/events?user={user}"), "Accept: text/event-stream\r\n", "");
    assert_eq!(http.head_answer().status, 200);
    http
}

#[test]
fn a_client_that_was_let_in_just_before_is_told_too() {
    let server = server(|_| ());
    let (engine, now) = (server.engine(), Instant::now());
    engine.begin_drain(0, (now, now), now + Duration::from_secs(20));
    let (sender, events) = bounded(10);
    let (user, room) = (UserName::parse("Late").unwrap(), RoomName::parse("den").unwrap());
    let member = Member::join(engine, &room, user, Arc::new(ChannelRecipient::new(sender)), 0).unwrap();
    assert!(matches!(&*events.recv_timeout(DEADLINE).unwrap(), Event::Draining { .. }));
    assert!(matches!(&*events.recv_timeout(DEADLINE).unwrap(), Event::Joined { .. }));
    drop(member);
    // Nothing more: it is told once.
    assert!(!events.iter().any(|event| matches!(*event, Event::Draining { .. })));
}

#[test]
fn a_client_that_leaves_meanwhile_leaves_and_one_that_waits_is_turned_away() {
    let server = server(|settings| {
        settings.limits.connections_max = 2;
        settings.limits.waiting_max = 5;
    });
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut line = LineClient::guest(&server);
    let mut waiting = LineClient::connect(&server);
    waiting.receives("* waiting: 0 ahead of you");
    let mut has_left = false;
    drain(&server, |_| {
        if !std::mem::replace(&mut has_left, true) {
            let refused = waiting.ending();
            assert!(refused[0].starts_with("Error: The server is shutting down, try again in "), "{refused:?}");
            line.say("/quit");
            assert!(!line.ending().iter().any(|line| line.contains("is shutting down")));
        }
    });
    _ = server.stop();
    let goodbye: Value = anna.ending().goodbye();
    assert_eq!(goodbye["reason"], "closing");
}

#[test]
fn a_server_without_clients_has_drained_at_once() {
    let server = server(|_| ());
    drain(&server, |progress| panic!("there is nobody to wait for: {progress:?}"));
    assert_eq!(http::get(&server, "/readyz").status, 503);
}
