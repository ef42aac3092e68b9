//! From a request to a WebSocket.

use crate::harness::http::{HANDSHAKE, masked};
use crate::harness::{Answer, Http, TestServer, WebSocketClient, http};

const CHAT: &str = "/ws?room=den&user=Jo";

/// The response to a request for a WebSocket, with these in place of the right header fields.
fn answer_with(server: &TestServer, change: impl FnOnce(&str) -> String) -> Answer {
    let mut http = Http::connect(server);
    http.send(format!("GET {CHAT} HTTP/1.1\r\n{}\r\n", change(HANDSHAKE)));
    http.answer()
}

#[test]
fn the_handshake_is_answered_as_the_standard_requires() {
    let server = TestServer::start();
    let answer = answer_with(&server, str::to_owned);
    assert_eq!(answer.status, 101);
    // The example of RFC 6455 §1.3.
    assert_eq!(answer.field("Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert!(answer.field("Upgrade").unwrap().eq_ignore_ascii_case("websocket"));
    assert!(answer.field("Connection").unwrap().eq_ignore_ascii_case("upgrade"));
    assert_eq!(answer.field("Sec-WebSocket-Protocol"), None);
    assert_eq!(answer.field("Sec-WebSocket-Extensions"), None);
}

#[test]
fn a_request_that_is_no_handshake_is_426_with_the_version() {
    let server = TestServer::start();
    for answer in [
        http::get(&server, CHAT),
        answer_with(&server, |fields| fields.replace("Upgrade: websocket\r\n", "")),
        answer_with(&server, |fields| fields.replace("Upgrade: websocket\r\n", "Upgrade: h2c\r\n")),
        answer_with(&server, |fields| fields.replace("Connection: Upgrade", "Connection: keep-alive")),
        answer_with(&server, |fields| fields.replace("Version: 13", "Version: 8")),
        answer_with(&server, |fields| fields.replace("Sec-WebSocket-Version: 13\r\n", "")),
    ] {
        assert_eq!((answer.status, answer.field("Sec-WebSocket-Version")), (426, Some("13")), "{answer:?}");
    }
}

#[test]
fn a_handshake_without_a_valid_key_is_400() {
    let server = TestServer::start();
    for key in ["", "short"] {
        let answer = answer_with(&server, |fields| fields.replace("dGhlIHNhbXBsZSBub25jZQ==", key));
        assert_eq!(answer.status, 400, "{key:?}");
    }
    let answer = answer_with(&server, |fields| fields.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""));
    assert_eq!(answer.status, 400);
}

#[test]
fn a_list_of_tokens_in_any_case_is_understood() {
    let server = TestServer::start();
    let fields = "Host: a\r\nconnection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_eq!(answer_with(&server, |_| fields.to_owned()).status, 101);
}

#[test]
fn a_list_of_tokens_in_several_fields_is_understood() {
    let server = TestServer::start();
    for (right, other) in [
        ("Connection: Upgrade\r\n", "Connection: keep-alive\r\nConnection: Upgrade\r\n"),
        ("Upgrade: websocket\r\n", "Upgrade: h2c, websocket\r\n"),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\nUpgrade: websocket\r\n"),
    ] {
        assert_eq!(answer_with(&server, |fields| fields.replace(right, other)).status, 101, "{other:?}");
    }
}

#[test]
fn a_handshake_in_http_1_0_is_answered_and_not_granted() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    http.send(format!("GET {CHAT} HTTP/1.0\r\n{HANDSHAKE}\r\n"));
    let status = http.answer().status;
    assert!((400..=505).contains(&status), "{status}");
}

#[test]
fn an_origin_that_is_not_known_is_refused_before_the_upgrade() {
    let server = TestServer::with(|settings| settings.origins = vec!["https://friend.test:8443".to_owned()]);
    let status = |origin: &str| Http::connect(&server).upgrade(CHAT, &format!("Origin: {origin}\r\n")).0;
    for origin in [
        "https://evil.test",
        "null",
        "http://roomd.test.evil.test",
        "http://friend.test:8443",
        "https://friend.test",
        "",
    ] {
        let answer = status(origin);
        assert_eq!((answer.status, answer.error()), (403, "forbidden".to_owned()), "{origin:?}");
    }
    assert!(server.engine().hub.is_empty(), "a refused origin made a room");
    // Its own, by the host that was asked for, and those on the list.
    for origin in ["http://roomd.test", "https://roomd.test", "https://friend.test:8443", "https://FRIEND.test:8443"] {
        assert_eq!(status(origin).status, 101, "{origin:?}");
    }
    // A client without an origin is no browser.
    assert_eq!(answer_with(&server, str::to_owned).status, 101);
}

#[test]
fn a_request_that_was_refused_leaves_the_connection_for_the_next() {
    let server = TestServer::start();
    let (answer, http) = Http::connect(&server).upgrade("/ws?room=den", "");
    assert_eq!(answer.status, 400);
    let (answer, http) = http.upgrade(CHAT, "");
    assert_eq!(answer.status, 101);
    WebSocketClient::after(http).receives("Jo joined the room");
}

#[test]
fn frames_right_behind_the_handshake_are_read() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    let mut bytes = format!("GET {CHAT} HTTP/1.1\r\n{HANDSHAKE}\r\n").into_bytes();
    bytes.extend(masked(0x81, b"early"));
    // A frame whose second half comes later.
    let late = masked(0x81, b"late");
    bytes.extend(&late[..3]);
    http.send(bytes);
    assert_eq!(http.answer().status, 101);
    assert_eq!(http.frame(), (1, b"Jo joined the room".to_vec()));
    assert_eq!(http.frame(), (1, b"Jo: early".to_vec()));
    http.send(&late[3..]);
    assert_eq!(http.frame(), (1, b"Jo: late".to_vec()));
}

#[test]
fn a_websocket_may_follow_other_requests_on_a_connection() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    http.send(format!("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET {CHAT} HTTP/1.1\r\n{HANDSHAKE}\r\n"));
    assert_eq!(http.answer().status, 200);
    assert_eq!(http.answer().status, 101);
    WebSocketClient::after(http).receives("Jo joined the room");
}

#[test]
fn the_echo_route_returns_each_message_as_it_came_and_only_when_it_is_enabled() {
    let server = TestServer::with(|settings| settings.echo_route = true);
    let mut echo = Http::connect(&server).upgrade("/echo", "").1;
    let large = vec![b'x'; 1_000_000];
    for (first, payload) in [(0x81, "Zo\u{eb}".as_bytes()), (0x82, &[0, 255, 254]), (0x82, &large), (0x81, b"")] {
        echo.send(masked(first, payload));
        assert_eq!(echo.frame(), (first & 0x0f, payload.to_vec()));
    }
    echo.send([masked(0x01, b"one "), masked(0x00, b"two "), masked(0x80, b"three")].concat());
    assert_eq!(echo.frame(), (1, b"one two three".to_vec()));
    echo.send(masked(0x89, b"there?"));
    assert_eq!(echo.frame(), (0x0a, b"there?".to_vec()));
    echo.send(masked(0x88, &1000_u16.to_be_bytes()));
    let rest = http::frames(&echo.rest());
    assert!(matches!(&rest[..], [(8, code)] if code[..2] == 1000_u16.to_be_bytes()), "{rest:?}");

    let without = TestServer::start();
    assert_eq!(Http::connect(&without).upgrade("/echo", "").0.status, 404);
}
