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
            Some("js") => "text/javascript",
            Some("css") => "text/css; charset=utf-8",
            Some("webmanifest") => "application/manifest+json",
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
    for known in [format!("W/{}", plain.2), format!("\"x\", W/{}", plain.2), "*".to_owned()] {
        assert_eq!(head(&format!("If-None-Match: {known}\r\n")).0, 304, "{known}");
    }
    assert_eq!(head("Accept-Encoding: gzip;q=0\r\n").1, None);
    assert_eq!(head("Accept-Encoding: *\r\n").1.as_deref(), Some("gzip"));
    for (fields, status) in [("If-Match: \"x\"\r\n", 412), ("Accept-Encoding: identity;q=0\r\n", 406)] {
        assert_eq!(ask(&server, "GET /assets/app.js", fields, "").status, status, "{fields}");
    }
}

#[test]
fn a_file_that_has_not_changed_since_a_date_is_not_sent() {
    let server = TestServer::start();
    let modified = get(&server, "/assets/app.js").field("Last-Modified").unwrap().to_owned();
    let status = |fields: String| {
        let answer = ask(&server, "GET /assets/app.js", &fields, "");
        assert_eq!(answer.body.is_empty(), answer.status == 304);
        answer.status
    };
    assert_eq!(status(format!("If-Modified-Since: {modified}\r\n")), 304);
    assert_eq!(status("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n".to_owned()), 200);
    assert_eq!(status(format!("If-Modified-Since: {modified}\r\nIf-None-Match: \"x\"\r\n")), 200);
    assert_eq!(status(format!("If-Unmodified-Since: {modified}\r\n")), 200);
    assert_eq!(status("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n".to_owned()), 412);
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
    for path in ["/", "/healthz", "/api/v1/rooms", "/nowhere", "/api/v1/me"] {
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
fn an_error_in_response_to_a_head_request_has_no_body_either() {
    let server = TestServer::start();
    for (fields, status) in [
        ("Content-Length: 100000000000\r\n", 413),
        ("Transfer-Encoding: gzip\r\n", 501),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Expect: more\r\n", 417),
    ] {
        let mut http = Http::connect(&server);
        http.send(format!("HEAD / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        let answer = http.head_answer();
        assert_eq!((answer.status, answer.field("Connection")), (status, Some("close")), "{fields:?}");
        assert_eq!(http.rest(), b"", "{fields:?}");
    }
}

#[test]
fn options_of_the_server_as_a_whole_lists_every_method() {
    let server = TestServer::start();
    for target in ["*", "http://roomd.test"] {
        let answer = ask(&server, &format!("OPTIONS {target}"), "", "");
        let allowed = answer.field("Allow");
        assert_eq!((answer.status, allowed), (204, Some("GET, HEAD, POST, PUT, DELETE, OPTIONS")), "{target}");
    }
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
fn the_service_worker_knows_the_files_and_may_load_nothing_else() {
    let server = TestServer::start();
    let script = get(&server, "/service-worker.js");
    assert_eq!(script.field("Content-Security-Policy"), Some("default-src 'none'; connect-src 'self'"));
    assert_eq!(script.field("Cache-Control"), Some("no-cache"));
    let list = script.body.lines().find(|line| line.starts_with("const FILES = {")).unwrap();
    for name in ["index.html", "app.js", "vendor/preact.js", "manifest.webmanifest"] {
        let checksum = list.split_once(&format!("\"{name}\":\"")).unwrap().1.split('"').next().unwrap();
        let path = if name == "index.html" { "/".to_owned() } else { format!("/assets/{name}") };
        assert!(get(&server, &path).field("ETag").unwrap().contains(checksum), "{name}");
    }
    assert!(!script.body.contains("const BUILD = \"\""));
    assert!(get(&server, "/").field("Content-Security-Policy").unwrap().contains("manifest-src 'self'"));
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
        "GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
        "hello\r\n\r\n",
    ] {
        let answer = answer_to(&server, head);
        assert_eq!((answer.status, answer.error()), (400, "bad_request".to_owned()), "{head:?}");
    }
    assert_eq!(answer_to(&server, "GET / HTTP/2.0\r\nHost: a\r\n\r\n").status, 505);
}

#[test]
fn a_transfer_coding_other_than_chunked_is_501() {
    let server = TestServer::start();
    for coding in ["gzip, chunked", "chunked, gzip", "gzip", "identity", "chunked, chunked"] {
        let head = format!("POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n");
        assert_eq!(answer_to(&server, format!("{head}\r\n0\r\n\r\n")).status, 501, "{coding}");
    }
}

#[test]
fn a_body_in_chunks_is_read_and_the_next_request_found_behind_it() {
    let server = TestServer::start();
    let _member = WebSocketClient::json(&server, "den", "Jo");
    let mut http = Http::connect(&server);
    let head = "POST /api/v1/rooms/den/messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: X-Sum\r\n";
    let body = "b\r\n{\"message\":\r\n5;a=b\r\n\"hi\"}\r\n0\r\nX-Sum: 1\r\n\r\n";
    http.send(format!("{head}\r\n{body}{head}\r\n{body}GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
    let seqs = [http.answer(), http.answer()].map(|answer| (answer.status, answer.json()["seq"].as_u64()));
    assert_eq!(seqs, [(201, Some(1)), (201, Some(2))]);
    assert_eq!(http.answer().body, "ok\n");
    // A client that waits to be asked for it is asked.
    http.send(format!("{head}Expect: 100-Continue\r\n\r\n"));
    assert_eq!(http.answer().status, 100);
    http.send(body);
    assert_eq!(http.answer().json()["seq"], 3);
    http.send(format!("{head}\r\n5\r\nhellox\r\n"));
    let answer = http.answer();
    assert_eq!((answer.status, answer.field("Connection")), (400, Some("close")));
    assert!(http.rest().is_empty());
}

#[test]
fn a_body_in_chunks_has_the_greatest_length_of_any_body() {
    let server = TestServer::with(|settings| settings.limits.message_bytes = 100);
    let head = "POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(answer_to(&server, format!("{head}fffffff\r\n")).status, 413);
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    assert_eq!(answer_to(&server, format!("{head}{}5000\r\n", chunk.repeat(4))).status, 413);
}

#[test]
fn the_address_that_a_client_of_a_proxy_sends_is_understood() {
    let server = TestServer::start();
    for (target, status) in [
        ("http://roomd.test/healthz", 200),
        ("HTTP://other.test:8000/healthz?x", 200),
        ("https://roomd.test", 200),
        ("http://roomd.test/nowhere", 404),
    ] {
        assert_eq!(ask(&server, &format!("GET {target}"), "", "").status, status, "{target}");
    }
    // Its host counts, and not the other one.
    let upgrade =
        |target: &str, origin: &str| Http::connect(&server).upgrade(target, &format!("Origin: {origin}\r\n")).0.status;
    assert_eq!(upgrade("ws://other.test/ws", "http://other.test"), 101);
    assert_eq!(upgrade("http://other.test/ws", "http://roomd.test"), 403);
}

#[test]
fn a_client_of_http_1_0_does_not_wait_to_be_asked_for_its_body() {
    let server = TestServer::start();
    let mut http = Http::connect(&server);
    let head = "POST /api/v1/rooms/den/messages HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 16\r\n";
    http.send(format!("{head}Expect: 100-continue\r\n\r\n"));
    http.send("{\"message\":\"hi\"}");
    assert_eq!(http.answer().status, 201);
}

#[test]
fn a_mistake_in_a_body_is_told_without_the_names_of_our_types() {
    let server = TestServer::start();
    let mut json = WebSocketClient::json(&server, "den", "Ann");
    for body in [
        "[]",
        "[\"Bob\"]",
        "7",
        "\"x\"",
        "null",
        "{\"name\":7}",
        "{\"message\":[]}",
        "{\"room\":7}",
        "{\"reply_to\":-1}",
    ] {
        let mut told = Vec::new();
        for path in ["/api/v1/claims", "/api/v1/rooms", "/api/v1/rooms/den/messages"] {
            let answer = ask(&server, &format!("POST {path}"), "Content-Type: application/json\r\n", body);
            assert_eq!(answer.status, 400, "{path} {body}: {}", answer.body);
            told.push(answer.body);
        }
        json.say(body);
        told.push(json.wait_for_type("error").to_string());
        for told in told {
            let is_ours = ["struct", "enum", "u64", "u32", "usize", "elements"].iter().any(|word| told.contains(word));
            assert!(!is_ours, "{body}: {told}");
        }
    }
}

#[test]
fn an_encoded_body_is_refused_as_such() {
    let server = TestServer::start();
    let fields = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    assert_eq!(ask(&server, "POST /api/v1/rooms", fields, "\u{1f}\u{8b}").status, 415);
    let fields = "Content-Type: application/json\r\nContent-Encoding: identity\r\n";
    assert_eq!(ask(&server, "POST /api/v1/rooms/den/messages", fields, "{\"message\":\"hi\"}").status, 201);
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

#[test]
fn a_server_says_its_name_and_its_welcome_on_the_page_and_on_the_line_port() {
    let plain = get(&TestServer::start(), "/api/v1/server").json();
    assert_eq!((&plain["name"], plain.get("welcome"), &plain["guests"]), (&json!("roomd"), None, &json!(true)));
    let server = TestServer::with(|settings| {
        settings.name = Some("Tea House".to_owned());
        settings.welcome = Some("Be kind.\nAsk \u{1b}Ann".to_owned());
        settings.claims = Some(false);
    });
    let said = get(&server, "/api/v1/server").json();
    assert_eq!(
        said,
        json!({"name": "Tea House", "welcome": "Be kind.\nAsk \u{1b}Ann", "guests": true, "claims": false})
    );
    let mut line = LineClient::connect(&server);
    for text in ["* Tea House", "* Be kind.", "* Ask Ann"] {
        line.receives(text);
    }
}
