//! Request smuggling: requests that a proxy in front could read in another way than the server.
//!
//! Each carries a second request where one of two readers would see a body. It must get one response, an
//! error, and the connection must end with it: what follows cannot be told from a body.

use crate::harness::{Http, TestServer};

/// Sends a head, and behind it the smuggled request; returns what comes back.
fn smuggle(server: &TestServer, head: &str) -> String {
    let mut http = Http::connect(server);
    let inside = "GET /api/v1/rooms HTTP/1.1\r\nHost: inside\r\n\r\n";
    http.send(format!("{head}\r\n{inside}"));
    String::from_utf8(http.rest()).unwrap()
}

#[test]
fn an_ambiguous_request_gets_one_response_and_ends_the_connection() {
    let server = TestServer::start();
    let post = "POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    for (fields, status) in [
        ("Transfer-Encoding: chunked\r\n", 400),
        ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", 400),
        ("Transfer-Encoding: identity\r\nContent-Length: 0\r\n", 400),
        ("Transfer-Encoding: chunked, identity\r\n", 501),
        ("Transfer-Encoding: xchunked\r\n", 501),
        ("Transfer-Encoding: \u{b}chunked\r\n", 400),
        ("Transfer-Encoding : chunked\r\n", 400),
        ("Transfer-Encoding\t: chunked\r\n", 400),
        (" Transfer-Encoding: chunked\r\n", 400),
        ("X: a\r\n Transfer-Encoding: chunked\r\n", 400),
        ("X: a\rTransfer-Encoding: chunked\r\n", 400),
        ("X: a\nTransfer-Encoding: chunked\r\n", 400),
        ("X: a\0\r\nContent-Length: 4\r\n", 400),
        ("Content-Length: 4\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: 4, 4\r\n", 400),
        ("Content-Length: +4\r\n", 400),
        ("Content-Length: -1\r\n", 400),
        ("Content-Length: 0x4\r\n", 400),
        ("Content-Length: 4 4\r\n", 400),
        ("Content-Length: 99999999999999999999\r\n", 400),
        ("Content-Length:\r\n", 400),
        ("Host: b\r\n", 400),
    ] {
        let answers = smuggle(&server, &format!("{post}{fields}"));
        assert!(answers.starts_with(&format!("HTTP/1.1 {status} ")), "{fields:?}: {answers}");
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{fields:?}: {answers}");
        assert!(answers.contains("\r\nConnection: close\r\n"), "{fields:?}: {answers}");
    }
}

#[test]
fn bytes_behind_a_request_for_a_websocket_are_no_request() {
    let server = TestServer::start();
    let head = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 777\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 4\r\n";
    let answers = smuggle(&server, head);
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(answers.starts_with("HTTP/1.1 426 ") && answers.contains("Connection: close\r\n"), "{answers}");
    // Nor is the body of one that would be granted taken for frames.
    for length in ["Content-Length: 4\r\n", "Transfer-Encoding: chunked\r\n"] {
        let answers = smuggle(&server, &head.replace("777", "13").replace("Content-Length: 4\r\n", length));
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
        assert!(answers.starts_with("HTTP/1.1 400 ") && answers.contains("Connection: close\r\n"), "{answers}");
    }
}

#[test]
fn a_target_that_is_no_path_is_refused() {
    let server = TestServer::start();
    for line in [
        "GET http://inside@a/api/v1/rooms HTTP/1.1",
        "GET ftp://inside/api/v1/rooms HTTP/1.1",
        "GET api HTTP/1.1",
        "CONNECT inside:80 HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /\u{1} HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
    ] {
        let answers = smuggle(&server, &format!("{line}\r\nHost: a\r\n"));
        // What follows a second space is a version, and an unknown one.
        let refused = ["HTTP/1.1 400 ", "HTTP/1.1 505 "].iter().any(|status| answers.starts_with(status));
        assert!(refused && answers.matches("\r\nServer: ").count() == 1, "{line:?}: {answers}");
    }
}
