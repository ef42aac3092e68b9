//! Pages of other origins: what they may do, and what browsers are told about them.

use roomd::Settings;
use serde_json::json;

use crate::harness::http::{self, ask};
use crate::harness::{Answer, Http, TestServer};

const LISTED: &str = "https://chat.example";

fn server() -> TestServer {
    TestServer::with(|settings: &mut Settings| settings.origins = vec![LISTED.to_owned()])
}

fn shared(answer: &Answer) -> (Option<&str>, Option<&str>) {
    (answer.field("Access-Control-Allow-Origin"), answer.field("Vary"))
}

#[test]
fn a_websocket_that_another_page_opens_is_refused() {
    let server = server();
    for (origin, status) in [
        ("http://roomd.test", 101),
        ("https://roomd.test", 101),
        ("http://roomd.test:80", 101),
        ("https://roomd.test:443", 101),
        ("https://roomd.test:80", 403),
        ("http://roomd.test:443", 403),
        ("https://chat.example:443", 101),
        ("HTTPS://ROOMD.TEST", 403),
        (LISTED, 101),
        ("https://evil.example", 403),
        ("http://chat.example", 403),
        ("https://chat.example.evil.example", 403),
        ("https://chat.example:444", 403),
        ("https://roomd.test.evil.example", 403),
        ("https://roomd.test@evil.example", 403),
        ("null", 403),
        ("", 403),
        ("https://", 403),
    ] {
        let (answer, _) = Http::connect(&server).upgrade("/ws", &format!("Origin: {origin}\r\n"));
        assert_eq!(answer.status, status, "{origin:?}: {answer:?}");
    }
    let two = format!("Origin: {LISTED}\r\nOrigin: https://evil.example\r\n");
    assert_eq!(Http::connect(&server).upgrade("/ws", &two).0.status, 403);
    assert_eq!(Http::connect(&server).upgrade("/ws", "Origin: \u{fffd}\r\n").0.status, 403);
}

#[test]
fn a_host_with_the_port_of_its_scheme_is_the_same_host() {
    let server = server();
    for (host, origin, status) in [
        ("chat.test:443", "https://chat.test", 101),
        ("CHAT.test:443", "https://chat.test", 101),
        ("chat.test:80", "http://chat.test", 101),
        ("[::1]:80", "http://[::1]", 101),
        ("chat.test:", "http://chat.test", 101),
        ("chat.test:8000", "http://chat.test:8000", 101),
        ("chat.test:443", "http://chat.test", 403),
        ("chat.test:80", "https://chat.test", 403),
        ("chat.test:8000", "http://chat.test", 403),
        ("chat.test", "http://chat.test:8000", 403),
        ("", "http://", 403),
    ] {
        let mut http = Http::connect(&server);
        let fields = http::HANDSHAKE.replace("roomd.test", host);
        http.send(format!("GET /ws HTTP/1.1\r\n{fields}Origin: {origin}\r\n\r\n"));
        assert_eq!(http.answer().status, status, "{host} {origin}");
    }
}

#[test]
fn a_page_on_the_list_may_use_the_api_and_read_the_answers() {
    let server = server();
    let origin = format!("Origin: {LISTED}\r\n");
    let answer = ask(&server, "GET /api/v1/rooms", &origin, "");
    assert_eq!((answer.status, shared(&answer)), (200, (Some(LISTED), Some("Origin"))));
    let fields = format!("{origin}Content-Type: application/json\r\n");
    let message = json!({"user": "Ann", "message": "hi"}).to_string();
    let answer = ask(&server, "POST /api/v1/rooms/den/messages", &fields, &message);
    assert_eq!((answer.status, shared(&answer)), (201, (Some(LISTED), Some("Origin"))));
    // Errors as well, so that the page can read what is wrong.
    let answer = ask(&server, "POST /api/v1/rooms/den/messages", &fields, "{");
    assert_eq!((answer.status, shared(&answer)), (400, (Some(LISTED), Some("Origin"))));
}

#[test]
fn any_other_page_is_refused_by_the_api() {
    let server = server();
    for line in [
        "GET /api/v1/rooms",
        "HEAD /api/v1/rooms",
        "GET /api/v1/rooms/den/messages",
        "POST /api/v1/rooms",
        "POST /api/v1/rooms/den/messages",
        "OPTIONS /api/v1/rooms",
    ] {
        let answer = ask(&server, line, "Origin: https://evil.example\r\nContent-Type: application/json\r\n", "");
        assert_eq!((answer.status, shared(&answer)), (403, (None, None)), "{line}");
    }
    // Requests for the page's scripts have an origin as well; the scripts are public.
    assert_eq!(ask(&server, "GET /assets/app.js", "Origin: https://evil.example\r\n", "").status, 200);
    assert_eq!(http::get(&server, "/api/v1/rooms").status, 200);
}

#[test]
fn a_preflight_is_answered_for_the_list_only() {
    let server = server();
    let ask = |origin: &str, path: &str| {
        let fields = format!(
            "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: content-type,idempotency-key\r\n"
        );
        ask(&server, &format!("OPTIONS {path}"), &fields, "")
    };
    let answer = ask(LISTED, "/api/v1/rooms/den/messages");
    assert_eq!((answer.status, shared(&answer)), (204, (Some(LISTED), Some("Origin"))));
    assert_eq!(answer.field("Access-Control-Allow-Methods"), Some("GET, HEAD, POST, OPTIONS"));
    assert_eq!(
        answer.field("Access-Control-Allow-Headers"),
        Some("Authorization, Content-Type, Idempotency-Key, Last-Event-ID")
    );
    assert_eq!(answer.field("Access-Control-Max-Age"), Some("600"));
    assert_eq!(answer.field("Access-Control-Allow-Credentials"), None);
    let foreign = ask("https://evil.example", "/api/v1/rooms");
    assert_eq!((foreign.status, foreign.field("Access-Control-Allow-Methods")), (403, None));
    let own = ask("http://roomd.test", "/api/v1/rooms");
    assert_eq!(
        (own.status, own.field("Access-Control-Allow-Methods"), own.field("Allow")),
        (204, None, Some("GET, HEAD, POST, OPTIONS"))
    );
}
