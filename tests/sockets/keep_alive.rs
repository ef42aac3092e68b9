//! One connection, many requests, and the deadline of a head.

use std::time::Duration;

use crate::harness::{Http, LineClient, TestServer, WebSocketClient, until};

const REQUEST: &str = "GET /healthz HTTP/1.1\r\nHost: roomd.test\r\n\r\n";

fn impatient() -> TestServer {
    TestServer::with(|settings| settings.limits.head_timeout = Duration::from_millis(300))
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    for _ in 0..5 {
        http.send(REQUEST);
        let answer = http.answer();
        assert_eq!((answer.status, answer.field("Connection")), (200, None));
    }
    // An unknown path, but valid HTTP.
    http.request("GET /nowhere", "", "");
    assert_eq!(http.answer().status, 404);
    http.request("PUT /healthz", "", "a body");
    assert_eq!(http.answer().status, 405);
    http.send(REQUEST);
    assert_eq!(http.answer().status, 200);
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    let post = "POST /api/v1/rooms/den/messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
        Content-Length: 16\r\n\r\n{\"message\":\"hi\"}";
    http.send(format!("{REQUEST}{post}GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n{REQUEST}"));
    let statuses: Vec<_> = (0..4).map(|_| http.answer().status).collect();
    assert_eq!(statuses, [200, 201, 404, 200]);
}

#[test]
fn a_connection_is_kept_for_a_hundred_requests() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    for turn in 1..=100 {
        http.send(REQUEST);
        let answer = http.answer();
        assert_eq!(answer.field("Connection").is_some(), turn == 100, "{turn}");
    }
    assert!(http.rest().is_empty());
}

#[test]
fn a_client_that_asks_for_the_close_of_the_connection_gets_it() {
    let server = TestServer::start();
    for head in [
        "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
    ] {
        let mut http = Http::connect(&server);
        http.send(head);
        let answer = http.answer();
        assert_eq!((answer.status, answer.field("Connection")), (200, Some("close")), "{head:?}");
        assert!(http.rest().is_empty());
    }
}

#[test]
fn a_client_of_http_1_0_that_asks_for_it_is_told_that_the_connection_is_kept() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    for fields in
        ["Connection: Keep-Alive\r\n", "Connection: x, keep-alive\r\n", "Connection: keep-alive\r\nHost: a\r\n"]
    {
        http.send(format!("GET /healthz HTTP/1.0\r\n{fields}\r\n"));
        let answer = http.answer();
        assert_eq!((answer.status, answer.field("Connection"), &*answer.body), (200, Some("keep-alive"), "ok\n"));
    }
    http.send("HEAD /nowhere HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(http.head_answer().field("Connection"), Some("keep-alive"));
    http.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n");
    assert_eq!(http.answer().field("Connection"), Some("close"));
    assert!(http.rest().is_empty());
}

#[test]
fn an_empty_line_behind_a_request_is_no_request() {
    let server = impatient();
    let mut http = Http::connect(&server);
    http.send(format!("{REQUEST}\r\n"));
    assert_eq!(http.answer().status, 200);
    assert!(http.rest().is_empty());
}

#[test]
fn a_client_that_stops_sending_still_gets_its_answers() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    http.send(REQUEST.repeat(3));
    http.finish();
    for _ in 0..3 {
        assert_eq!(http.answer().status, 200);
    }
    assert!(http.rest().is_empty());
}

#[test]
fn a_head_that_is_never_completed_is_408() {
    let server = impatient();
    let mut http = Http::connect(&server);
    http.send("GET /healthz HTTP/1.1\r\nHost:");
    let answer = http.answer();
    assert_eq!((answer.status, answer.field("Connection")), (408, Some("close")));
    assert!(http.rest().is_empty());
}

#[test]
fn a_head_that_comes_byte_by_byte_has_one_deadline() {
    let server = impatient();
    // A clock that ticks more often than a head's deadline: how long another server allows silence.
    let clock = TestServer::with(|settings| settings.limits.head_timeout = Duration::from_millis(50));
    let mut slow = Http::connect(&server);
    slow.send("GET /healthz HTTP/1.1\r\nX: ");
    let mut ticks = 0;
    while slow.try_send(b"x") {
        ticks += 1;
        assert!(ticks < 200, "a head has no deadline");
        assert!(Http::connect(&clock).rest().is_empty());
    }
    let rest = String::from_utf8(slow.rest()).unwrap();
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408 "), "{rest}");
}

#[test]
fn a_connection_without_a_request_is_closed_without_a_response() {
    let server = impatient();
    let mut mute = Http::connect(&server);
    let mut kept = Http::connect(&server);
    kept.send(REQUEST);
    assert_eq!(kept.answer().status, 200);
    assert!(mute.rest().is_empty());
    assert!(kept.rest().is_empty());
}

#[test]
fn slow_heads_do_not_keep_others_from_being_served() {
    let server = TestServer::with(|settings| {
        settings.limits.head_timeout = Duration::from_millis(500);
        settings.limits.connections_max = 10;
    });
    let mut slow: Vec<_> = (0..10).map(|_| Http::connect(&server)).collect();
    slow.iter_mut().for_each(|http| http.send("GET /"));
    until("all are being served", || server.server().connections() == 10);
    let mut line = LineClient::connect(&server);
    line.receives("* waiting: 0 ahead of you");
    line.enter();
    let mut text = WebSocketClient::text(&server, "lobby", "Tess");
    line.say("hello");
    let name = line.name.clone();
    text.wait_for(&format!("{name}: hello"));
}
