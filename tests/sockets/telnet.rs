//! The line port before a first line was understood: probes, telnet, clients of other protocols.

use std::time::Duration;

use rustix::net::{SendFlags, send};
use serde_json::json;

use crate::harness::{LineClient, TestServer, WebSocketClient, until};

/// A server that keeps a session for a while after its connection is lost.
fn patient() -> TestServer {
    TestServer::with(|settings| settings.limits.grace = Duration::from_secs(60))
}

#[test]
fn a_probe_of_the_port_is_announced_to_nobody_and_leaves_nothing() {
    let server = patient();
    let mut witness = WebSocketClient::json(&server, "lobby", "Wim");
    for bytes in
        [&b""[..], b"\n", b"\r\n\r\n", b"half a line", b"bell\x07\n", b"\xff\xfe\n", b"/dance\n", b"\xff\xfd\x01"]
    {
        for reset in [false, true] {
            let mut probe = LineClient::connect(&server);
            probe.greeted();
            probe.send(bytes);
            // An answer shows that the bytes were read.
            if bytes.starts_with(b"bell") || bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"/dance") {
                assert!(probe.receive().starts_with("Error: "));
            }
            if bytes == b"half a line" || reset { probe.reset() } else { drop(probe) }
        }
    }
    until("all probes are gone", || server.server().connections() == 1);
    assert_eq!(server.engine().sessions.detached(), 0);
    let shown = witness.settle("lobby");
    let strangers: Vec<_> = shown.iter().filter(|event| event["user"] != "Wim").collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    assert_eq!(witness.ask(json!({"type": "members", "room": "lobby"}))["count"], 1);
}

#[test]
fn a_client_is_told_its_name_and_its_room_and_enters_it_with_its_first_line() {
    let server = patient();
    let mut line = LineClient::connect(&server);
    let greeting = line.receive();
    let name = greeting.strip_prefix("* You are ").and_then(|rest| rest.split(',').next()).unwrap().to_owned();
    assert_eq!(
        greeting,
        format!("* You are {name}, and enter the room lobby with your first line; /help lists the commands")
    );
    assert_eq!(server.engine().hub.len(), 0);
    line.say("hello");
    line.receives(&format!("{name} joined the room"));
    line.say("/who");
    line.receives(&format!("* In lobby: {name}"));
    line.reset();
    until("its session waits", || server.engine().sessions.detached() == 1);
}

#[test]
fn a_first_line_under_another_name_or_for_another_room_is_the_first_that_others_see() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::text(&server, "lobby", "Wim");
    let mut lina = LineClient::connect(&server);
    lina.say("/nick Lina");
    lina.wait_for("Lina joined the room");
    let mut guest = LineClient::connect(&server);
    guest.greeted();
    guest.say("/join den");
    guest.receives(&format!("{} joined the room", guest.name));
    lina.say("hi");
    witness.receives("Lina joined the room");
    witness.receives("Lina: hi");
}

#[test]
fn telnet_loses_no_line_and_its_interrupt_is_answered() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::text(&server, "lobby", "Wim");
    let mut telnet = LineClient::connect(&server);
    telnet.greeted();
    telnet.send(b"\xff\xfd\x03\xff\xfb\x18\xff\xfb\x1ffirst\r\n");
    witness.receives(&format!("{} joined the room", telnet.name));
    witness.receives(&format!("{}: first", telnet.name));
    // Ctrl-C: an interrupt, a data mark that is sent as urgent data, and the wish for a timing mark.
    telnet.send(b"\xff\xf4\xff");
    send(&**telnet.stream(), b"\xf2", SendFlags::OOB).unwrap();
    telnet.send(b"\xff\xfd\x06/quit\r\n");
    let mut received = Vec::new();
    telnet.read_to_end(&mut received);
    let refused = b"\xff\xfc\x03\xff\xfe\x18\xff\xfe\x1f";
    assert!(received.starts_with(refused), "{received:x?}");
    assert!(received.windows(3).any(|bytes| bytes == b"\xff\xfb\x06"), "{received:x?}");
}

#[test]
fn a_byte_order_mark_before_a_token_does_not_publish_it() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::text(&server, "lobby", "Wim");
    let mut line = LineClient::connect(&server);
    line.greeted();
    line.say("\u{feff}/auth x.y.z");
    line.receives("Error: The token is not understood");
    line.say("\u{feff}hello");
    witness.receives(&format!("{} joined the room", line.name));
    witness.receives(&format!("{}: hello", line.name));
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    text.say("\u{feff}/who\n");
    text.receives("* In den: Tess");
    let answer = crate::harness::http::ask(
        &server,
        "POST /api/v1/rooms/lobby/messages",
        "Content-Type: application/json\r\n",
        "\u{feff}{\"message\": \"over HTTP\", \"user\": \"Pia\"}",
    );
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[test]
fn a_client_that_speaks_tls_to_plain_lines_is_told_so() {
    let server = TestServer::start();
    let mut line = LineClient::connect(&server);
    line.greeted();
    line.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\nhello\n");
    assert_eq!(line.ending(), ["Error: This port speaks lines, not TLS"]);
}
