//! Admission: which clients are served, which wait, and which are turned away.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Http, LineClient, TestServer, WebSocketClient, http, until};

/// A server that serves so many clients at once, and lets so many wait.
fn narrow(connections: usize, waiting: usize) -> TestServer {
    TestServer::with(|settings| {
        settings.limits.connections_max = connections;
        settings.limits.waiting_max = waiting;
    })
}

#[test]
fn a_line_client_that_waits_is_told_its_position_and_is_served_when_a_place_is_free() {
    let server = narrow(1, 3);
    let mut served = LineClient::guest(&server);
    let mut waiting: Vec<_> = (0..3)
        .map(|ahead| {
            let mut client = LineClient::connect(&server);
            client.receives(&format!("* waiting: {ahead} ahead of you"));
            client
        })
        .collect();
    served.say("/quit");
    served.ending();
    drop(served);
    waiting[0].enter();
    waiting[1].receives("* waiting: 0 ahead of you");
    waiting[2].receives("* waiting: 1 ahead of you");
    drop(waiting.remove(0));
    waiting[0].enter();
    waiting[1].receives("* waiting: 0 ahead of you");
    drop(waiting.remove(0));
    waiting[0].enter();
    waiting[0].say("/who");
    let name = waiting[0].name.clone();
    waiting[0].wait_for(&format!("* In lobby: {name}"));
}

#[test]
fn beyond_the_queue_a_line_client_is_told_when_to_try_again() {
    let server = narrow(1, 1);
    let _served = LineClient::guest(&server);
    let mut waiting = LineClient::connect(&server);
    waiting.receives("* waiting: 0 ahead of you");
    let mut late = LineClient::connect(&server);
    assert_eq!(late.ending(), ["Error: The server is full, try again in 30 s"]);
}

#[test]
fn beyond_the_queue_an_http_client_gets_503_and_retry_after() {
    let server = narrow(1, 0);
    let mut served = WebSocketClient::text(&server, "den", "Tess");
    let mut http = Http::connect(&server);
    let answer = http.answer();
    assert_eq!((answer.status, answer.error()), (503, "unavailable".to_owned()));
    assert_eq!((answer.field("Retry-After"), answer.field("Connection")), (Some("30"), Some("close")));
    assert!(http.rest().is_empty());
    served.say("unharmed");
    served.receives("Tess: unharmed");
}

#[test]
fn a_client_that_waits_too_long_is_turned_away() {
    let server = TestServer::with(|settings| {
        settings.limits.connections_max = 1;
        settings.limits.waiting_timeout = Duration::from_millis(200);
    });
    let _served = LineClient::guest(&server);
    let mut line = LineClient::connect(&server);
    line.receives("* waiting: 0 ahead of you");
    let mut http = Http::connect(&server);
    assert_eq!(line.ending(), ["Error: The server is full, try again in 1 s"]);
    let answer = http.answer();
    assert_eq!((answer.status, answer.field("Retry-After")), (503, Some("1")));
}

#[test]
fn an_http_client_that_waited_is_served_with_what_it_sent_meanwhile() {
    let server = narrow(1, 1);
    let served = LineClient::guest(&server);
    let mut http = Http::connect(&server);
    http.request("GET /healthz", "", "");
    until("it waits", || server.server().connections() == 1);
    drop(served);
    let answer = http.answer();
    assert_eq!((answer.status, &*answer.body), (200, "ok\n"));
}

#[test]
fn a_client_that_leaves_the_queue_makes_room_for_the_next() {
    let server = narrow(1, 2);
    let served = LineClient::guest(&server);
    let mut gone = LineClient::connect(&server);
    gone.receives("* waiting: 0 ahead of you");
    let mut patient = LineClient::connect(&server);
    patient.receives("* waiting: 1 ahead of you");
    drop(gone);
    drop(served);
    patient.receives("* waiting: 0 ahead of you");
    patient.enter();
}

#[test]
fn readiness_tells_whether_one_more_client_would_be_served_at_once() {
    let server = narrow(2, 5);
    let alone = http::get(&server, "/readyz");
    assert_eq!((alone.status, &*alone.body), (200, "ready\n"));
    until("it is gone", || server.server().connections() == 0);
    let _other = WebSocketClient::text(&server, "den", "Tess");
    let full = http::get(&server, "/readyz");
    assert_eq!(full.status, 503);
    assert!(full.field("Retry-After").is_some());
    assert_eq!(http::get(&server, "/healthz").status, 200);
}

#[test]
fn a_place_is_given_on_however_the_connection_ends() {
    let server = TestServer::with(|settings| {
        settings.limits.connections_max = 1;
        settings.limits.head_timeout = Duration::from_millis(200);
        settings.limits.ping = Duration::from_millis(100);
        settings.limits.pong_timeout = Duration::from_millis(200);
    });
    // Each waits for the end of the one before it.
    let _mute = server.http();
    let _silent = Http::connect(&server).upgrade("/ws?room=den&user=Zoe", "");
    drop(WebSocketClient::text(&server, "den", "Gus"));
    let mut binary = WebSocketClient::open(&server, "/ws?room=den&user=Bo");
    std::io::Write::write_all(binary.stream(), &http::masked(0x82, b"hi")).unwrap();
    let mut last = WebSocketClient::multi(&server, "Jo");
    assert_eq!(last.ask(json!({"type": "ping"}))["type"], "pong");
}
