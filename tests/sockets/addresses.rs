//! Limits by address, and whose report of an address is trusted.
//!
//! Every machine has the addresses 127.0.0.1 to 127.0.0.255 for itself, so one test can be several
//! clients; for clients behind a proxy, the test plays the proxy.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use proxy_header::{ProxiedAddress, ProxyHeader};
use roomd::Settings;
use serde_json::json;

use crate::harness::address::{from, strict};
use crate::harness::{Http, LineClient, Stream, TestServer, WebSocketClient, http, until};

/// The same, which trusts the proxy at 127.0.0.9.
fn proxied(change: impl FnOnce(&mut Settings)) -> TestServer {
    strict(|settings| {
        settings.trusted_proxies = vec!["127.0.0.9/32".parse().unwrap()];
        change(settings);
    })
}

fn http_from(host: u8, server: &TestServer) -> Http {
    Http::over(from(host, server.server().http_address()))
}

/// The status of the response to a request on a connection of its own.
fn status(host: u8, server: &TestServer, fields: &str) -> u16 {
    let mut http = http_from(host, server);
    http.request("GET /healthz", &format!("Connection: close\r\n{fields}"), "");
    let answer = http.answer();
    http.rest();
    answer.status
}

/// The PROXY header for a client.
fn header(client: &str) -> Vec<u8> {
    let source: SocketAddr = client.parse().unwrap();
    let target = if source.is_ipv4() { "192.0.2.99:443" } else { "[2001:db8::99]:443" };
    let addresses = ProxiedAddress::stream(source, target.parse().unwrap());
    let mut bytes = [0; 1024];
    let length = ProxyHeader::with_address(addresses).encode_to_slice_v2(&mut bytes).unwrap();
    bytes[..length].to_vec()
}

fn websocket_for(server: &TestServer, client: &str) -> Result<WebSocketClient, u16> {
    let path = "/ws?room=den&user=Ann";
    let (answer, http) = http_from(9, server).upgrade(path, &format!("X-Forwarded-For: {client}\r\n"));
    if answer.status == 101 { Ok(WebSocketClient::after(http)) } else { Err(answer.status) }
}

#[test]
fn an_address_has_so_many_connections_and_the_others_do_not_pay_for_it() {
    let server = strict(|settings| settings.limits.address_connections_max = 2);
    let path = "/ws?room=den&user=Ann";
    let open = |host| WebSocketClient::over(from(host, server.server().http_address()), path);
    let (_first, second) = (open(2), open(2));
    let mut third = http_from(2, &server);
    let answer = third.answer();
    assert_eq!((answer.status, answer.error(), answer.field("Retry-After")), (429, "rate_limited".into(), Some("10")));
    assert!(answer.json()["error"]["retry_after_ms"] == 10_000, "{}", answer.body);
    let mut line = from(2, server.server().lines_address().unwrap());
    let mut request = String::new();
    line.read_to_string(&mut request).unwrap();
    assert_eq!(request, "Error: Too many connections from this address, try again in 10 s\n");
    assert_eq!(status(3, &server, ""), 200);
    second.leave();
    until("the place is free", || status(2, &server, "") == 200);
}

#[test]
fn new_connections_of_an_address_may_come_at_once_but_not_for_long() {
    let server = strict(|settings| settings.limits.address_connects_per_s = 1);
    let refused = (0..40).filter(|_| status(2, &server, "") == 429).count();
    assert!((20..=30).contains(&refused), "{refused} of 40 were refused");
    assert_eq!(status(3, &server, ""), 200);
}

#[test]
fn this_machine_is_exempt_unless_a_setting_says_otherwise() {
    let server = TestServer::with(|settings| settings.limits.address_connections_max = 1);
    let _clients: Vec<_> = (0..5).map(|_| WebSocketClient::text(&server, "den", "Ann")).collect();
    assert_eq!(server.engine().address_limits.addresses(), 0);
}

#[test]
fn an_address_that_an_untrusted_client_claims_is_ignored() {
    let server = proxied(|settings| settings.limits.address_connections_max = 1);
    let path = "/ws?room=den&user=Ann";
    let _first = WebSocketClient::over(from(2, server.server().http_address()), path);
    for fields in ["X-Forwarded-For: 192.0.2.1\r\n", "X-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n"] {
        assert_eq!(status(2, &server, fields), 429);
    }
    let mut lying = from(3, server.server().http_address());
    lying.write_all(&header("192.0.2.1:1000")).unwrap();
    let mut answer = String::new();
    lying.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn behind_a_trusted_proxy_each_client_is_counted_by_itself() {
    let server = proxied(|settings| settings.limits.address_connections_max = 1);
    let first = websocket_for(&server, "192.0.2.1").unwrap();
    assert_eq!(websocket_for(&server, "192.0.2.1").err(), Some(429));
    // The client may have made up what stands left of what the proxy adds.
    assert_eq!(websocket_for(&server, "198.51.100.7, 192.0.2.1").err(), Some(429));
    assert_eq!(websocket_for(&server, "198.51.100.7\r\nX-Forwarded-For: 192.0.2.1").err(), Some(429));
    let _second = websocket_for(&server, "192.0.2.2").unwrap();
    let _third = websocket_for(&server, "192.0.2.2, 192.0.2.3, 127.0.0.9").unwrap();
    let _sixth = websocket_for(&server, "2001:db8::1").unwrap();
    assert_eq!(websocket_for(&server, "2001:db8::ffff:1").err(), Some(429));
    let _seventh = websocket_for(&server, "2001:db8:0:1::1").unwrap();
    first.leave();
    until("the place is free", || websocket_for(&server, "192.0.2.1").map(WebSocketClient::leave).is_ok());
}

#[test]
fn requests_of_many_clients_through_one_connection_of_a_proxy_count_for_each() {
    let server = proxied(|settings| settings.limits.address_connects_per_s = 1);
    let mut proxy = http_from(9, &server);
    let mut ask = |client: &str| {
        proxy.request("GET /healthz", &format!("X-Forwarded-For: {client}\r\n"), "");
        proxy.answer().status
    };
    let refused = (0..40).filter(|_| ask("192.0.2.1") == 429).count();
    assert!((20..=30).contains(&refused), "{refused} of 40 were refused");
    assert_eq!(ask("192.0.2.2"), 200);
}

#[test]
fn a_trusted_proxy_reports_whether_its_client_uses_tls() {
    let server = proxied(|_| ());
    let status = |host, proto: &str| {
        let fields = format!("Origin: http://roomd.test\r\nX-Forwarded-Proto: {proto}\r\n");
        http_from(host, &server).upgrade("/ws", &fields).0.status
    };
    assert_eq!((status(9, "https"), status(9, "http"), status(2, "https")), (403, 101, 101));
    assert_eq!((status(9, "wss"), status(9, "https, http"), status(9, "http, https")), (403, 403, 101));
}

#[test]
fn a_trusted_proxy_reports_which_host_its_client_asked_for() {
    let server = proxied(|_| ());
    let status = |host, forwarded: &str| {
        let fields = format!("Origin: https://chat.test\r\nX-Forwarded-Host: {forwarded}\r\n");
        http_from(host, &server).upgrade("/ws", &fields).0.status
    };
    assert_eq!((status(9, "chat.test"), status(9, "chat.test:443, inner"), status(2, "chat.test")), (101, 101, 403));
    assert_eq!(status(9, "evil.test, chat.test"), 403);
}

#[test]
fn a_proxy_header_names_the_client_at_both_ports() {
    let server = proxied(|settings| {
        settings.proxy_protocol = true;
        settings.limits.address_connections_max = 1;
    });
    let connect = |address: SocketAddr, client: &str| {
        let mut socket = from(9, address);
        socket.write_all(&header(client)).unwrap();
        socket
    };
    let (http, lines) = (server.server().http_address(), server.server().lines_address().unwrap());
    let _first = WebSocketClient::over(connect(http, "192.0.2.1:1000"), "/ws?room=lobby&user=Ann");
    let answer = Http::over(connect(http, "192.0.2.1:2000")).answer();
    assert_eq!((answer.status, answer.error()), (429, "rate_limited".to_owned()));
    let mut request = String::new();
    connect(lines, "192.0.2.1:3000").read_to_string(&mut request).unwrap();
    assert_eq!(request, "Error: Too many connections from this address, try again in 10 s\n");
    let mut line = connect(lines, "[2001:db8::1]:1000");
    assert!(line.read(&mut [0; 64]).unwrap() > 0);
    // An untrusted client is no proxy, and counts under its own address.
    assert_eq!(status(2, &server, ""), 200);
}

#[test]
fn a_line_client_behind_a_proxy_may_be_silent_longer_than_its_header_may_take() {
    let server = proxied(|settings| {
        settings.proxy_protocol = true;
        settings.limits.head_timeout = Duration::from_millis(50);
    });
    let mut line = from(9, server.server().lines_address().unwrap());
    line.write_all(&header("192.0.2.1:1000")).unwrap();
    let mut lines = BufReader::new(line);
    let mut text = String::new();
    lines.read_line(&mut text).unwrap();
    assert!(text.starts_with("* You are guest-"), "{text}");
    // A client that sends no header is given up at the deadline, which is later than that of the client above.
    let mut silent = from(9, server.server().lines_address().unwrap());
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    lines.get_mut().write_all(b"/who\n").unwrap();
    text.clear();
    lines.read_line(&mut text).unwrap();
    assert!(text.ends_with(" joined the room\n"), "{text}");
}

#[test]
fn a_proxy_may_connect_for_itself_and_send_further_fields() {
    let server = proxied(|settings| settings.proxy_protocol = true);
    let ask = |header: &[u8]| {
        let mut socket = from(9, server.server().http_address());
        socket.write_all(header).unwrap();
        let mut http = Http::over(socket);
        http.request("GET /healthz", "", "");
        http.answer().status
    };
    const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    assert_eq!(ask(&[SIGNATURE, &[0x20, 0, 0, 0]].concat()), 200, "a look whether we live");
    let mut long = header("192.0.2.1:1000");
    long.extend([4, 1, 0].iter().chain(&[0; 256]));
    long[14..16].copy_from_slice(&(12_u16 + 259).to_be_bytes());
    assert_eq!(ask(&long), 200, "with padding");
}

#[test]
fn a_proxy_header_of_version_1_names_the_client_at_both_ports() {
    let server = proxied(|settings| {
        settings.proxy_protocol = true;
        settings.limits.address_connections_max = 1;
    });
    let connect = |address: SocketAddr, header: &str| {
        let mut socket = from(9, address);
        socket.write_all(header.as_bytes()).unwrap();
        socket
    };
    let (http, lines) = (server.server().http_address(), server.server().lines_address().unwrap());
    let ann = "PROXY TCP4 192.0.2.1 192.0.2.99 1000 443\r\n";
    let _ann = WebSocketClient::over(connect(http, ann), "/ws?room=den&user=Ann");
    let answer = Http::over(connect(http, "PROXY TCP4 192.0.2.1 192.0.2.99 2000 443\r\n")).answer();
    assert_eq!((answer.status, answer.error()), (429, "rate_limited".to_owned()));
    let mut line = connect(lines, "PROXY TCP6 2001:db8::1 2001:db8::99 1000 443\r\n");
    assert!(line.read(&mut [0; 64]).unwrap() > 0);
    let mut refused = String::new();
    connect(lines, ann).read_to_string(&mut refused).unwrap();
    assert_eq!(refused, "Error: Too many connections from this address, try again in 10 s\n");
    // A client of an unknown protocol, and the proxy itself.
    for header in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"] {
        let mut http = Http::over(connect(http, header));
        http.request("GET /healthz", "", "");
        assert_eq!(http.answer().status, 200, "{header}");
    }
}

#[test]
fn a_trusted_proxy_without_a_valid_header_is_not_served() {
    let server = proxied(|settings| {
        settings.proxy_protocol = true;
        settings.limits.head_timeout = std::time::Duration::from_millis(300);
    });
    let mut too_long = header("192.0.2.1:1000");
    too_long[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
    let mut too_short = header("192.0.2.1:1000");
    too_short[14..16].copy_from_slice(&3_u16.to_be_bytes());
    for bytes in [
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n".to_vec(),
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n".to_vec(),
        b"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n".to_vec(),
        b"PROXY\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        format!("PROXY UNKNOWN {}\r\n", "x".repeat(107)).into_bytes(),
        b"PROXY TCP4 192.0.2.1 ".to_vec(),
        too_long,
        too_short,
        header("192.0.2.1:1000")[..20].to_vec(),
        Vec::new(),
    ] {
        let mut socket = from(9, server.server().http_address());
        socket.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        // Unread bytes may make the end a reset.
        _ = socket.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{bytes:?}: {answer:?}");
    }
    assert_eq!(status(2, &server, ""), 200);
}

#[test]
fn an_address_creates_so_many_rooms_over_any_protocol() {
    let mut server = strict(|settings| settings.limits.address_rooms_per_h = 2);
    server.created = 2;
    let create = |room: &str| http::post(&server, "/api/v1/rooms", &json!({"room": room}));
    assert_eq!(create("one").status, 201);
    let mut client = WebSocketClient::multi(&server, "Ann");
    assert_eq!(client.ask(json!({"type": "create", "room": "two"}))["type"], "created");
    let refused = client.ask(json!({"type": "create", "room": "three"}));
    assert_eq!((&refused["code"], &refused["room"]), (&json!("rate_limited"), &json!("three")));
    assert!(refused["retry_after_ms"].as_u64().unwrap() > 1_000_000, "{refused}");
    let answer = create("four");
    assert_eq!((answer.status, answer.error()), (429, "rate_limited".to_owned()));
    assert!(answer.field("Retry-After").unwrap().parse::<u64>().unwrap() > 1_000, "{answer:?}");
}

#[test]
fn a_client_that_repeats_what_is_refused_is_closed_with_4429() {
    let mut server = strict(|settings| {
        settings.limits.address_rooms_per_h = 1;
        settings.limits.rate_offences_max = 5;
        // Slow enough that the rate limit is not reached.
        settings.limits.rate_per_s = 1;
        settings.limits.rate_burst = 100;
    });
    server.created = 1;
    let mut client = WebSocketClient::multi(&server, "Ann");
    for number in 0..6 {
        client.command(&json!({"type": "create", "room": format!("r{number}")}));
    }
    let ending = client.ending();
    assert_eq!((ending.code, ending.reason.as_str()), (Some(4429), "too_fast"));
    assert_eq!(ending.goodbye()["retry_after_ms"], 10_000);
}

#[test]
fn a_page_cannot_post_lines() {
    let server = TestServer::start();
    let mut witness = LineClient::named(&server, "Wim");
    let mut browser: Stream = server.lines_socket().into();
    let body = "/nick Eve\nI am not here\n";
    let head = "POST / HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nOrigin: https://evil.example\r\nContent-Type: text/plain";
    browser.write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    let mut request = String::new();
    browser.read_to_string(&mut request).unwrap();
    assert!(request.ends_with("Error: This port speaks lines, not HTTP\n"), "{request}");
    let received = witness.settle();
    assert!(received.iter().all(|line| line.starts_with("guest-")), "{received:?}");
    // A line that only resembles a request is a message.
    let mut person = LineClient::guest(&server);
    person.say("GET well soon");
    let name = person.name.clone();
    witness.wait_for(&format!("{name}: GET well soon"));
}
