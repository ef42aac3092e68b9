//! How a server starts, and how it ends.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use roomd::{Server, Settings, StartError};
use serde_json::{Value, json};

use crate::harness::websocket::Ending;
use crate::harness::{Http, LineClient, TestServer, WebSocketClient, free, until};

fn says_goodbye(ending: &Ending) {
    assert_eq!((ending.code, &*ending.reason), (Some(1001), "closing"));
    let goodbye = ending.goodbye();
    assert_eq!((&goodbye["type"], &goodbye["code"]), (&json!("goodbye"), &json!(1001)));
    assert_eq!((&goodbye["reason"], &goodbye["reconnect"]), (&json!("closing"), &json!(true)));
    assert!(goodbye["retry_after_ms"].as_u64().unwrap() >= 1000);
}

#[test]
fn a_stop_with_500_clients_gives_each_its_outbox_a_goodbye_and_a_close() {
    let server = TestServer::start();
    let mut json: Vec<_> = (0..200).map(|i| WebSocketClient::json(&server, "lobby", &format!("j{i}"))).collect();
    let mut text: Vec<_> = (0..200).map(|i| WebSocketClient::text(&server, "lobby", &format!("t{i}"))).collect();
    let mut lines: Vec<_> = (0..99).map(|_| LineClient::guest(&server)).collect();
    let mut publisher = WebSocketClient::multi(&server, "Paul");
    assert_eq!(server.server().connections(), 500);
    publisher.ask(json!({"type": "join", "room": "lobby", "history": 0}));
    for number in 0..10 {
        publisher.publish("lobby", &number.to_string());
    }
    // What was acknowledged reaches every member.
    publisher.ask(json!({"type": "message", "room": "lobby", "message": "last"}));
    let report = server.stop();
    assert_eq!(report.deliveries.dropped, 0, "{}", report.deliveries);

    for client in &mut json {
        let ending = client.ending();
        says_goodbye(&ending);
        let last: Value = serde_json::from_str(&ending.received[ending.received.len() - 2]).unwrap();
        assert_eq!((&last["message"], &last["seq"]), (&json!("last"), &json!(11)));
    }
    for client in &mut text {
        let ending = client.ending();
        assert_eq!(ending.code, Some(1001));
        let end = &ending.received[ending.received.len() - 2..];
        assert_eq!(end, ["Paul: last", "* The server is shutting down"]);
    }
    for client in &mut lines {
        let received = client.ending();
        assert_eq!(received[received.len() - 2..], ["Paul: last", "* The server is shutting down"]);
    }
    says_goodbye(&publisher.ending());
}

#[test]
fn a_stop_closes_an_echo_with_1001() {
    let server = TestServer::with(|settings| settings.echo_route = true);
    let mut echo = WebSocketClient::open(&server, "/echo");
    echo.say("hello");
    echo.receives("hello");
    _ = server.stop();
    assert_eq!(echo.ending().code, Some(1001));
}

#[test]
fn a_stop_ends_a_client_that_never_reads_within_the_drain() {
    let server = TestServer::with(|settings| {
        settings.limits.slow = roomd::chat::Slow::Drop;
        settings.limits.drain = Duration::from_millis(300);
    });
    let mut sleeper = WebSocketClient::open(&server, "/ws?room=den&user=Zoe");
    sleeper.receives("Zoe joined the room");
    let mut publisher = WebSocketClient::open(&server, "/ws?room=den&user=Paul&echo=false");
    publisher.receives("Paul joined the room");
    let mut reader = WebSocketClient::json(&server, "den", "Rita");
    for _ in 0..400 {
        publisher.say(&"x".repeat(60_000));
        reader.wait_for_type("message");
    }
    let report = server.stop();
    assert!(report.deliveries.dropped > 0, "{}", report.deliveries);
}

#[test]
fn a_stop_ends_clients_that_wait_and_clients_that_have_sent_nothing() {
    let server = TestServer::with(|settings| settings.limits.connections_max = 3);
    let mut half = Http::connect(&server);
    half.send("GET /");
    let mut mute = Http::connect(&server);
    let mut served = LineClient::guest(&server);
    until("all places are taken", || server.server().connections() == 3);
    let mut waiting = LineClient::connect(&server);
    waiting.receives("* waiting: 0 ahead of you");
    _ = server.stop();
    assert_eq!(served.ending(), ["* The server is shutting down"]);
    assert_eq!(waiting.ending(), ["Error: The server is full, try again in 1 s"]);
    assert!(mute.rest().is_empty());
    half.rest();
}

#[test]
fn a_stop_leaves_no_room_even_of_those_that_were_created() {
    let server = TestServer::start();
    let mut json = WebSocketClient::multi(&server, "Jo");
    json.ask(json!({"type": "create", "room": "hall"}));
    json.ask(json!({"type": "create", "room": "yard"}));
    json.ask(json!({"type": "join", "room": "hall"}));
    json.ask(json!({"type": "private", "to": "Jo2", "message": "?"}));
    _ = server.stop();
    says_goodbye(&json.ending());
}

#[test]
fn a_stopped_server_accepts_no_connection() {
    let server = TestServer::start();
    let (http, lines) = (server.server().http_address(), server.server().lines_address().unwrap());
    _ = server.stop();
    for address in [http, lines] {
        let refused = TcpStream::connect(address).and_then(|mut stream| stream.read(&mut [0]));
        assert!(matches!(refused, Ok(0) | Err(_)), "a stopped server answers");
    }
}

#[test]
fn a_port_in_use_is_an_error_that_names_the_address() {
    let taken = TcpListener::bind(free()).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for settings in [
        Settings { listen: address.clone(), lines: None, data: ":memory:".to_owned(), ..Settings::default() },
        Settings { listen: free(), lines: Some(address.clone()), data: ":memory:".to_owned(), ..Settings::default() },
    ] {
        let error = Server::start(settings, |_| ()).err().unwrap();
        assert!(matches!(&error, StartError::Listen(named, _) if *named == address), "{error}");
        assert!(error.to_string().starts_with(&format!("cannot listen on {address}: ")), "{error}");
    }
    let settings = Settings {
        listen: "no such host.:0".to_owned(),
        lines: None,
        data: ":memory:".to_owned(),
        ..Settings::default()
    };
    assert!(matches!(Server::start(settings, |_| ()), Err(StartError::Listen(..))));
}

#[test]
fn two_servers_in_one_process_share_nothing() {
    let (one, other) = (TestServer::start(), TestServer::start());
    assert_ne!(one.server().http_address().port(), other.server().http_address().port());
    let mut here = WebSocketClient::text(&one, "den", "Anna");
    let mut there = WebSocketClient::text(&other, "den", "Otto");
    here.say("hello");
    here.receives("Anna: hello");
    there.say("/who");
    there.receives("* In den: Otto");
    drop(here);
    drop(one);
    there.say("still here");
    there.receives("Otto: still here");
}

#[test]
fn a_server_without_a_line_port_has_none() {
    let server = TestServer::with(|settings| settings.lines = None);
    assert_eq!(server.server().lines_address(), None);
    WebSocketClient::text(&server, "den", "Anna").leave();
}
