//! Clients that do not read, and clients that do not answer.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use roomd::Settings;
use roomd::chat::{Slow, WriterStart};
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use serde_json::{Value, json};

use crate::harness::http::frames;
use crate::harness::{DEADLINE, Http, LineClient, TestServer, WebSocketClient, connected, until};

/// A socket with a small buffer.
fn narrow(address: std::net::SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    connect(&socket, &address).unwrap();
    connected(TcpStream::from(socket))
}

fn small_outboxes(slow: Slow) -> impl Fn(&mut Settings) {
    move |settings| {
        settings.limits.slow = slow;
        settings.limits.outbox_bytes = 256 * 1024;
        settings.limits.write_timeout = Duration::from_millis(500);
    }
}

/// A message of the largest size, which begins with its number.
fn large(number: usize) -> String {
    format!("{number:06} {}", "x".repeat(60_000))
}

fn number_of(event: &Value) -> usize {
    event["message"].as_str().unwrap()[..6].parse().unwrap()
}

/// Publishes large messages until `enough` holds for an event that the reader gets; each is read before
/// the next, so only a client that does not read at all is slow.
fn publish_until(publisher: &mut WebSocketClient, reader: &mut WebSocketClient, enough: impl Fn(&Value) -> bool) {
    for number in 0.. {
        publisher.say(&large(number));
        loop {
            let event = reader.event();
            if enough(&event) {
                return;
            }
            if event["type"] == "message" {
                assert_eq!(number_of(&event), number);
                break;
            }
        }
    }
}

fn publisher(server: &TestServer, room: &str) -> WebSocketClient {
    let mut client = WebSocketClient::open(server, &format!("/ws?room={room}&user=Paul&echo=false"));
    client.receives("Paul joined the room");
    client
}

#[test]
fn a_client_that_never_reads_is_disconnected_with_4450_and_no_other_is_affected() {
    let server = TestServer::with(small_outboxes(Slow::Disconnect));
    let mut reader = WebSocketClient::json(&server, "den", "Rita");
    let mut publisher = publisher(&server, "den");
    let stream = narrow(server.server().http_address());
    let mut sleeper = WebSocketClient::over(stream, "/ws?room=den&user=Zoe&format=json");
    publish_until(&mut publisher, &mut reader, |event| event["type"] == "leave" && event["user"] == "Zoe");
    assert_eq!(reader.event_of("presence")["status"], "offline");
    reader.event_of("message");
    publisher.say(&large(0));
    assert_eq!(number_of(&reader.event_of("message")), 0);
    // It gets what was written; the rest, and perhaps the goodbye, it was too slow for.
    let ending = sleeper.ending();
    assert!(matches!(ending.code, Some(4450) | None), "{:?}", ending.code);
    drop((reader, publisher, sleeper));
    let report = server.stop();
    assert!(report.deliveries.dropped > 0, "{}", report.deliveries);
}

#[test]
fn a_client_that_was_too_slow_and_reads_again_is_told_4450() {
    let server = TestServer::with(|settings| {
        small_outboxes(Slow::Disconnect)(settings);
        // Long enough for the client to read again.
        settings.limits.write_timeout = DEADLINE;
    });
    let mut reader = WebSocketClient::json(&server, "den", "Rita");
    let mut publisher = publisher(&server, "den");
    let stream = narrow(server.server().http_address());
    let mut sleeper = WebSocketClient::over(stream, "/ws?room=den&user=Zoe&format=json");
    publish_until(&mut publisher, &mut reader, |event| event["type"] == "leave" && event["user"] == "Zoe");
    let ending = sleeper.ending();
    assert_eq!((ending.code, &*ending.reason), (Some(4450), "slow"));
    let goodbye = ending.goodbye();
    assert_eq!(
        (&goodbye["type"], &goodbye["code"], &goodbye["reconnect"]),
        (&json!("goodbye"), &json!(4450), &json!(true))
    );
    let numbers: Vec<_> = ending.received[..ending.received.len() - 1]
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).unwrap())
        .filter(|event| event["type"] == "message")
        .map(|event| number_of(&event))
        .collect();
    assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>());
}

#[test]
fn a_line_client_that_never_reads_is_disconnected_too() {
    let server = TestServer::with(small_outboxes(Slow::Disconnect));
    let mut reader = WebSocketClient::json(&server, "lobby", "Rita");
    let mut publisher = publisher(&server, "lobby");
    let mut sleeper = narrow(server.server().lines_address().unwrap());
    sleeper.write_all(b"/join lobby\n").unwrap();
    let came = reader.wait_for_type("join");
    assert_eq!(came["user"], "Paul");
    let guest = reader.wait_for_type("join")["user"].clone();
    publish_until(&mut publisher, &mut reader, |event| event["type"] == "leave" && event["user"] == guest);
    drop(sleeper);
}

#[test]
fn under_the_drop_policy_a_client_that_never_reads_stays_and_is_told_what_it_missed() {
    for writers in [WriterStart::Lazy, WriterStart::Eager] {
        a_client_that_reads_again_is_told_what_it_missed(writers, usize::MAX);
    }
}

#[test]
fn a_client_for_whose_writer_there_is_no_thread_misses_nothing_more() {
    a_client_that_reads_again_is_told_what_it_missed(WriterStart::Lazy, 0);
}

/// With so many threads for writers.
fn a_client_that_reads_again_is_told_what_it_missed(writers: WriterStart, threads_max: usize) {
    let server = TestServer::with(|settings| {
        small_outboxes(Slow::Drop)(settings);
        // However long the others take.
        settings.limits.write_timeout = 10 * DEADLINE;
        settings.limits.writers = writers;
    });
    server.engine().writers.set_threads_max(threads_max);
    let mut reader = WebSocketClient::json(&server, "den", "Rita");
    let mut publisher = publisher(&server, "den");
    let stream = narrow(server.server().http_address());
    let mut sleeper = WebSocketClient::over(stream, "/ws?room=den&user=Zoe&format=json&history=0");
    assert_eq!(reader.wait_for_type("join")["user"], "Paul");
    assert_eq!(reader.wait_for_type("join")["user"], "Zoe");
    // Far more than the sockets hold.
    let last = 400;
    publish_until(&mut publisher, &mut reader, |event| event["type"] == "message" && number_of(event) == last);

    // It reads again: its backlog, and how many messages it missed.
    let (mut expected, mut missed) = (1, 0);
    while expected <= last as u64 + 1 {
        let event = sleeper.event();
        match event["type"].as_str().unwrap() {
            "lagged" => {
                assert_eq!(event["room"], "den");
                let count = event["missed"].as_u64().unwrap();
                (missed, expected) = (missed + count, expected + count);
            }
            "message" => {
                assert_eq!(event["seq"], expected);
                expected += 1;
            }
            _ => {}
        }
    }
    assert!(missed > 0);
    publisher.say(&large(0));
    assert_eq!(sleeper.event_of("message")["seq"], expected);
    drop((reader, publisher, sleeper));
    let report = server.stop();
    assert!(report.deliveries.dropped >= missed, "{missed} {}", report.deliveries);
}

#[test]
fn under_the_policy_latest_a_slow_client_gets_the_newest_of_each_key_and_is_told_what_it_missed() {
    const KEYS: usize = 5;
    let server = TestServer::with(|settings| {
        small_outboxes(Slow::Latest)(settings);
        settings.limits.outbox_bytes = 1024 * 1024;
        // However long the others take.
        settings.limits.write_timeout = 10 * DEADLINE;
    });
    let mut reader = WebSocketClient::json(&server, "den", "Rita");
    let mut publisher = WebSocketClient::json(&server, "den", "Paul");
    let stream = narrow(server.server().http_address());
    let mut sleeper = WebSocketClient::over(stream, "/ws?room=den&user=Zoe&format=json&history=0");
    assert_eq!(reader.wait_for_type("join")["user"], "Paul");
    assert_eq!(reader.wait_for_type("join")["user"], "Zoe");
    // Far more than the sockets hold.
    let count = 200;
    for number in 0..count {
        let key = format!("k{}", number % KEYS);
        publisher.command(&json!({"type": "message", "room": "den", "message": large(number), "key": key}));
        assert_eq!(number_of(&reader.wait_for_type("message")), number);
        publisher.wait_for_type("message");
    }
    let (mut got, mut missed, mut conflated) = (Vec::new(), 0, 0);
    while got.len() + missed < count {
        let event = sleeper.event();
        match event["type"].as_str().unwrap() {
            "message" => got.push(number_of(&event)),
            "lagged" => {
                missed += event["missed"].as_u64().unwrap() as usize;
                conflated += event["conflated"].as_u64().unwrap() as usize;
            }
            _ => {}
        }
    }
    assert!(got.is_sorted() && got.ends_with(&[count - 5, count - 4, count - 3, count - 2, count - 1]), "{got:?}");
    assert!(missed > 0 && conflated == missed, "{missed} {conflated}");
    drop((reader, publisher, sleeper));
    let report = server.stop();
    assert_eq!(report.deliveries.conflated, missed as u64, "{}", report.deliveries);
}

#[test]
fn under_the_policy_latest_hardly_anything_old_waits_in_the_kernel_where_nothing_can_replace_it() {
    let server = TestServer::with(|settings| {
        small_outboxes(Slow::Latest)(settings);
        settings.limits.write_timeout = 10 * DEADLINE;
    });
    let mut reader = WebSocketClient::json(&server, "den", "Rita");
    let mut publisher = WebSocketClient::json(&server, "den", "Paul");
    let stream = narrow(server.server().http_address());
    let mut sleeper = WebSocketClient::over(stream, "/ws?room=den&user=Zoe&format=json&history=0");
    sleeper.wait_for_type("joined");
    // As much as a socket holds, several times.
    let last = 200;
    for number in 0..=last {
        publisher.command(&json!({"type": "message", "room": "den", "message": large(number), "key": "price"}));
        assert_eq!(number_of(&reader.wait_for_type("message")), number);
        publisher.wait_for_type("message");
    }
    let mut stale = 0;
    while number_of(&sleeper.wait_for_type("message")) < last {
        stale += 1;
    }
    assert!(stale < 5, "{stale} older messages of 60 kB came before the newest");
    drop((reader, publisher, sleeper));
    server.stop();
}

#[test]
fn a_writer_starts_with_the_first_byte_that_waits_and_ends_when_nothing_does() {
    let server = TestServer::with(|settings| {
        small_outboxes(Slow::Drop)(settings);
        settings.limits.write_timeout = DEADLINE;
    });
    let threads = || server.engine().threads.live();
    let mut reader = WebSocketClient::json(&server, "den", "Rita");
    let mut publisher = publisher(&server, "den");
    let before = threads();
    let stream = narrow(server.server().http_address());
    let mut sleeper = WebSocketClient::over(stream, "/ws?room=den&user=Zoe&format=json&history=0");
    sleeper.wait_for_type("joined");
    assert_eq!(threads(), before + 1, "a client to whom nothing is written slowly has its reader and no other thread");
    let last = 200;
    publish_until(&mut publisher, &mut reader, |event| event["type"] == "message" && number_of(event) == last);
    until("a writer starts", || threads() == before + 2);
    let mut seen = 0;
    while seen <= last as u64 {
        let event = sleeper.event();
        seen += event["missed"].as_u64().unwrap_or(u64::from(event["type"] == "message"));
    }
    until("the writer ends", || threads() == before + 1);
    // Another takes its place when something waits again.
    publish_until(&mut publisher, &mut reader, |event| event["type"] == "message" && number_of(event) == last);
    until("a writer starts", || threads() == before + 2);
    drop((reader, publisher, sleeper));
    server.stop();
}

#[test]
fn an_eager_writer_starts_with_the_connection_and_ends_with_it() {
    for (writers, each) in [(WriterStart::Lazy, 1), (WriterStart::Eager, 2)] {
        let server = TestServer::with(|settings| settings.limits.writers = writers);
        let first = WebSocketClient::text(&server, "den", "Rita");
        let before = server.engine().threads.live();
        let second = WebSocketClient::text(&server, "den", "Paul");
        assert_eq!(server.engine().threads.live(), before + each, "{writers:?}");
        drop((first, second));
        server.stop();
    }
}

#[test]
fn a_topic_drops_for_slow_subscribers_whatever_the_servers_policy() {
    let server = TestServer::with(|settings| {
        small_outboxes(Slow::Disconnect)(settings);
        settings.limits.write_timeout = DEADLINE;
    });
    let mut reader = WebSocketClient::multi(&server, "Rita");
    reader.ask(json!({"type": "subscribe", "topic": "news"}));
    let mut publisher = publisher(&server, "news");
    let stream = narrow(server.server().http_address());
    let mut sleeper = WebSocketClient::over(stream, "/ws?user=Zoe&format=json");
    sleeper.command(&json!({"type": "subscribe", "topic": "news", "history": 0}));
    assert_eq!(sleeper.event_of("welcome")["user"], "Zoe");
    sleeper.event_of("joined");
    let last = 200;
    publish_until(&mut publisher, &mut reader, |event| event["type"] == "message" && number_of(event) == last);
    let lagged = sleeper.wait_for_type("lagged");
    assert_eq!(lagged["topic"], "news");
}

#[test]
fn beside_a_slow_reader_fifty_fast_ones_get_every_message_in_order() {
    const FAST: usize = 50;
    let server = TestServer::with(small_outboxes(Slow::Disconnect));
    let mut fast: Vec<_> = (0..FAST).map(|i| WebSocketClient::text(&server, "den", &format!("fast-{i}"))).collect();
    let mut publisher = publisher(&server, "den");
    let stream = narrow(server.server().http_address());
    let mut slow = WebSocketClient::over(stream, "/ws?room=den&user=slow");
    for client in &mut fast {
        client.wait_for("slow joined the room");
    }
    let mut fallen = false;
    let mut numbers = 0..;
    while !fallen {
        // A few at a time: they fit into any socket, so no client that reads is slow.
        let few: Vec<_> = numbers.by_ref().take(4).collect();
        few.iter().for_each(|number| publisher.say(&large(*number)));
        for client in &mut fast {
            let mut left = false;
            for number in &few {
                let mut received = client.receive();
                if received == "slow left the room" {
                    left = true;
                    received = client.receive();
                }
                assert_eq!(received.split_once(" x").unwrap().0, format!("Paul: {number:06}"));
            }
            fallen |= left;
        }
    }
    slow.ending();
}

#[test]
fn a_client_that_answers_no_ping_is_closed_with_4408() {
    let server = TestServer::with(|settings| {
        settings.limits.ping = Duration::from_millis(100);
        settings.limits.pong_timeout = Duration::from_millis(300);
    });
    let mut silent = Http::connect(&server).upgrade("/ws?room=den&user=Zoe&format=json", "").1;
    let rest = frames(&silent.rest());
    let (close, before) = rest.split_last().unwrap();
    assert_eq!((close.0, &close.1[..2]), (8, &4408_u16.to_be_bytes()[..]));
    assert!(before.iter().any(|(opcode, _)| *opcode == 9), "it was not asked");
    let (opcode, payload) = before.last().unwrap();
    let goodbye: Value = serde_json::from_slice(payload).unwrap();
    assert_eq!((*opcode, &goodbye["type"], &goodbye["code"]), (1, &json!("goodbye"), &json!(4408)));
    assert_eq!(goodbye["reconnect"], true);
    assert!(goodbye["retry_after_ms"].as_u64().unwrap() > 0);
}

#[test]
fn a_client_that_answers_pings_stays_connected_while_it_sends_nothing() {
    let server = TestServer::with(|settings| {
        settings.limits.ping = Duration::from_millis(250);
        settings.limits.pong_timeout = Duration::from_secs(2);
    });
    let mut quiet = WebSocketClient::text(&server, "den", "Zoe");
    for _ in 0..12 {
        quiet.ping();
    }
    quiet.say("still here");
    quiet.receives("Zoe: still here");
}

#[test]
fn a_line_client_gets_no_pings_and_may_be_silent() {
    let server = TestServer::with(|settings| {
        settings.limits.ping = Duration::from_millis(100);
        settings.limits.pong_timeout = Duration::from_millis(300);
    });
    let mut quiet = LineClient::named(&server, "Zoe");
    // Longer than a WebSocket client may be silent.
    let mut silent = Http::connect(&server).upgrade("/ws?room=den&user=Max", "").1;
    silent.rest();
    quiet.say("/who");
    quiet.receives("* In lobby: Zoe");
}

#[test]
fn clients_that_never_read_hold_no_more_together_than_the_common_bound() {
    const TOTAL: usize = 4 * 1024 * 1024;
    const SLEEPERS: usize = 12;
    let server = TestServer::with(|settings| {
        settings.limits.outbox_total = TOTAL;
        // So much that no client has too much by itself.
        settings.limits.outbox_bytes = 32 * 1024 * 1024;
        settings.limits.write_timeout = DEADLINE;
    });
    let held = || server.engine().metrics.outbox_total.bytes();
    let mut reader = WebSocketClient::json(&server, "den", "Rita");
    for number in 0..20 {
        reader.publish("den", &large(number));
        reader.wait_for_type("message");
    }
    let sleepers: Vec<_> = (0..SLEEPERS)
        .map(|number| {
            let stream = narrow(server.server().http_address());
            let mut sleeper = WebSocketClient::over(stream, &format!("/ws?user=Zoe{number}&format=json"));
            sleeper.command(&json!({"type": "join", "room": "den", "history": 0}));
            // The kernel takes a few of these answers, of a megabyte each.
            (0..8).for_each(|_| sleeper.command(&json!({"type": "history", "room": "den"})));
            sleeper
        })
        .collect();
    until("those that have too much are cut", || {
        // Of the bytes of one answer a thread may be on its way to look.
        assert!(held() <= TOTAL + SLEEPERS * 1300 * 1024, "{}", held());
        server.server().connections() <= 1 + SLEEPERS / 3
    });
    until("the rest is within the bound", || held() <= TOTAL);
    reader.publish("den", &large(20));
    while number_of(&reader.wait_for_type("message")) != 20 {}
    drop((sleepers, reader));
    until("everybody has left", || server.server().connections() == 0);
    until("nothing waits", || held() == 0);
}

#[test]
fn a_subscriber_of_topics_that_does_not_read_stays_also_when_it_is_too_fast() {
    const FLOOD: u64 = 1_000;
    let server = TestServer::with(|settings| {
        small_outboxes(Slow::Disconnect)(settings);
        settings.limits.write_timeout = DEADLINE;
        (settings.limits.rate_burst, settings.limits.rate_per_s) = (100, 1);
        settings.limits.rate_offences_max = 1_000_000;
    });
    let stream = narrow(server.server().http_address());
    let mut sleeper = WebSocketClient::over(stream, "/ws?user=Zoe&format=json");
    sleeper.wait_for_type("welcome");
    sleeper.command(&json!({"topic": "news", "message": "hi"}));
    sleeper.wait_for_type("message");
    let mut publisher = WebSocketClient::open(&server, "/ws?user=Paul&format=json&echo=false");
    while server.engine().deliveries().dropped == 0 {
        assert_eq!(publisher.ask(json!({"topic": "news", "message": large(0)}))["type"], "sent");
    }
    let dropped = server.engine().deliveries().dropped;
    for _ in 0..FLOOD {
        sleeper.command(&json!({"topic": "news", "message": "x"}));
    }
    // A burst is allowed, and some refusals fit.
    until("most are refused and do not fit", || server.engine().deliveries().dropped >= dropped + FLOOD / 2);
    assert_eq!(server.server().connections(), 2);
    let lagged = sleeper.wait_for_type("lagged");
    assert_eq!(lagged["topic"], "news");
    sleeper.ask(json!({"type": "ping"}));
}
