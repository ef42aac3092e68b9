//! Requests and their answers.

use serde_json::json;

use crate::harness::http::{ask, get};
use crate::harness::{Answer, Http, LineClient, TestServer, WebSocketClient};

/// The response to these bytes; the connection then ends.
fn answer_to(server: &TestServer, bytes: impl AsRef<[u8]>) -> Answer {
    let mut http = Http::connect(server);
    http.send(bytes);
    let answer = http.answer();
    assert_eq!(answer.field("Connection"), Some("close"), "{answer:?}");
    assert!(http.rest().is_empty(), "more than one answer");
    answer
}

#[test]
fn the_server_reports_that_it_is_alive() {
    let server = TestServer::start();
    let answer = get(&server, "/healthz");
    assert_eq!((answer.status, &*answer.body), (200, "ok\n"));
    assert_eq!(answer.field("Content-Type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn the_time_is_the_same_clock_over_http_json_and_text() {
    let server = TestServer::start();
    let answer = get(&server, "/api/v1/time");
    assert_eq!(answer.status, 200);
    let ms = answer.json()["epoch_ms"].as_u64().unwrap();
    assert_eq!(answer.json()["time"], roomd::chat::Time(ms).to_string());
    let mut json = WebSocketClient::json(&server, "den", "Ann");
    let later = json.ask(json!({"type": "time"}));
    assert_eq!(later["type"], "time");
    assert!(later["epoch_ms"].as_u64().unwrap() >= ms, "{later}");
    let mut line = LineClient::guest(&server);
    line.say("/time");
    let told = line.receive();
    assert!(told.starts_with("* The server's time is 2"), "{told}");
}

#[test]
fn the_page_and_its_files_are_served() {
    let server = TestServer::start();
    let page = get(&server, "/");
    assert_eq!((page.status, page.field("Content-Type")), (200, Some("text/html; charset=utf-8")));
    for room in ["/chat/den", "/chat/%C3%9Cbung", "/chat/a:b"] {
        assert_eq!(get(&server, room).body, page.body, "{room}");
    }
    let mut assets = 0;
    for part in page.body.split('"').filter(|part| part.starts_with("/assets/")) {
        let file = get(&server, part);
        assert_eq!(file.status, 200, "{part}");
        let kind = file.field("Content-Type").unwrap();
        let expected = match part.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(kind, expected, "{part}");
        assets += 1;
    }
    assert!(assets >= 2, "the page names its script and its style");
}

#[test]
fn a_file_is_compressed_for_clients_that_accept_it_and_sent_once() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    let mut head = |fields: &str| {
        http.request("HEAD /assets/app.js", fields, "");
        let answer = http.head_answer();
        let field = |name| answer.field(name).map(str::to_owned);
        (answer.status, field("Content-Encoding"), field("ETag").unwrap())
    };
    let (plain, gzip) = (head(""), head("Accept-Encoding: br, gzip;q=0.5\r\n"));
    assert_eq!((plain.0, plain.1), (200, None));
    assert_eq!((gzip.0, gzip.1.as_deref()), (200, Some("gzip")));
    assert_ne!(plain.2, gzip.2);
    assert_eq!(head(&format!("If-None-Match: \"x\", {}\r\n", plain.2)).0, 304);
    assert_eq!(head(&format!("If-None-Match: {}\r\n", gzip.2)).0, 200, "the other form is another thing");
    assert_eq!(head(&format!("Accept-Encoding: gzip\r\nIf-None-Match: {}\r\n", gzip.2)).0, 304);
}

#[test]
fn an_unknown_path_is_404() {
    let server = TestServer::start();
    for path in [
        "/nowhere",
        "/assets/",
        "/assets/../Cargo.toml",
        "/assets/none.js",
        "/chat/",
        "/chat/a/b",
        "/chat/a%2Fb",
        "/chat/%FF",
        "/api/v1/rooms/den",
        "/api/v1/rooms//messages/x",
        "/healthz/",
        "/echo",
    ] {
        let answer = get(&server, path);
        assert_eq!((answer.status, answer.error()), (404, "not_found".to_owned()), "{path}");
    }
}

#[test]
fn another_method_is_405_with_the_allowed_ones() {
    let server = TestServer::start();
    for (request, allowed) in [
        ("POST /", "GET, HEAD, OPTIONS"),
        ("DELETE /healthz", "GET, HEAD, OPTIONS"),
        ("PUT /api/v1/rooms", "GET, HEAD, POST, OPTIONS"),
        ("PUT /api/v1/rooms/den/messages", "GET, HEAD, POST, OPTIONS"),
        ("POST /api/v1/rooms/den/messages/1/receipts", "GET, HEAD, OPTIONS"),
        ("POST /ws", "GET, OPTIONS"),
        ("HEAD /ws", "GET, OPTIONS"),
        ("BREW /chat/den", "GET, HEAD, OPTIONS"),
    ] {
        let answer = ask(&server, request, "", "");
        assert_eq!((answer.status, answer.field("Allow")), (405, Some(allowed)), "{request}");
    }
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let server = TestServer::start();
    for path in ["/", "/healthz", "/api/v1/rooms", "/nowhere"] {
        let (get, head) = (get(&server, path), ask(&server, &format!("HEAD {path}"), "", ""));
        assert_eq!((get.status, get.field("Content-Length")), (head.status, head.field("Content-Length")), "{path}");
        assert_eq!(head.body, "");
    }
    let mut http = Http::connect(&server);
    http.request("HEAD /healthz", "", "");
    http.request("GET /healthz", "", "");
    http.head_answer();
    assert_eq!(http.answer().body, "ok\n");
}

#[test]
fn options_lists_the_methods_of_a_path() {
    let server = TestServer::start();
    for (path, allowed) in
        [("/", "GET, HEAD, OPTIONS"), ("/api/v1/rooms", "GET, HEAD, POST, OPTIONS"), ("/ws", "GET, OPTIONS")]
    {
        let answer = ask(&server, &format!("OPTIONS {path}"), "", "");
        assert_eq!((answer.status, answer.field("Allow"), &*answer.body), (204, Some(allowed), ""), "{path}");
        assert_eq!(answer.field("Content-Length"), None);
    }
}

#[test]
fn every_answer_carries_the_security_fields() {
    let server = TestServer::start();
    for answer in [
        get(&server, "/"),
        get(&server, "/nowhere"),
        get(&server, "/api/v1/rooms"),
        ask(&server, "PUT /", "", ""),
        answer_to(&server, "nonsense\r\n\r\n"),
        Http::connect(&server).upgrade("/ws?room=den", "").0,
    ] {
        let policy = answer.field("Content-Security-Policy").unwrap();
        for directive in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(directive), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.field("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(answer.field("Referrer-Policy"), Some("no-referrer"));
        assert!(answer.field("Date").unwrap().ends_with(" GMT"));
    }
}

#[test]
fn a_request_that_two_readers_could_read_differently_is_400() {
    let server = TestServer::start();
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
        "hello\r\n\r\n",
    ] {
        let answer = answer_to(&server, head);
        assert_eq!((answer.status, answer.error()), (400, "bad_request".to_owned()), "{head:?}");
    }
    assert_eq!(answer_to(&server, "GET / HTTP/2.0\r\nHost: a\r\n\r\n").status, 505);
}

#[test]
fn a_transfer_encoding_is_501() {
    let server = TestServer::start();
    let head = "POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(answer_to(&server, format!("{head}\r\n0\r\n\r\n")).status, 501);
    assert_eq!(answer_to(&server, format!("{head}Content-Length: 5\r\n\r\n0\r\n\r\n")).status, 501);
}

#[test]
fn a_body_that_is_too_large_is_413_before_it_has_arrived() {
    let server = TestServer::start();
    let head = "POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n";
    assert_eq!(answer_to(&server, head).status, 413);
}

#[test]
fn a_head_that_is_too_large_is_431() {
    let server = TestServer::start();
    let fields = "X: y\r\n".repeat(64);
    assert_eq!(answer_to(&server, format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).status, 431);
    let long = "x".repeat(16 * 1024);
    assert_eq!(answer_to(&server, format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")).status, 431);
    assert_eq!(answer_to(&server, format!("GET /{long}")).status, 431);
    let fits = "X: y\r\n".repeat(63);
    let mut http = Http::connect(&server);
    http.send(format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{fits}\r\n"));
    assert_eq!(http.answer().status, 200);
}
