//! The parts of the comparison: the protocol of each peer is parsed, a peer that loses or repeats messages is found,
//! and figures are computed from trials.
//!
//! The benches' own files are compiled into this test; the peers are not needed. A peer that lies is played by one
//! thread a client, under the load of the benches' generator.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "it takes what it tests out of the benches")]

#[path = "../benches/compare/chart.rs"]
mod chart;
#[path = "../benches/compare/document.rs"]
mod document;
#[path = "../benches/compare/goals.rs"]
mod goals;
#[path = "../benches/compare/records.rs"]
mod records;
#[path = "../benches/compare/summary.rs"]
mod summary;
#[path = "../benches/support/mod.rs"]
mod support;

use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use records::{Record, Records};
use roomd::wire::frame::{self, Opcode};
use roomd_load::frames;
use summary::{CPU, Spread, Summary};
use support::clients::{Clients, WaitStrategy};
use support::generator::{Faults, Generator};
use support::protocol::{Protocol, ServerEvent};
use support::scenario::Scenario;
use support::server::Kind;
use tungstenite::Message;

/// What a client reads in these frames, and what it answers.
fn parse(protocol: Protocol, said: &[&[u8]]) -> (Vec<String>, Vec<String>) {
    let (mut events, mut partial, mut replies) = (Vec::new(), Vec::new(), Vec::new());
    for payload in said {
        let taken = protocol.take(7, payload, &mut partial, &mut replies, |what| {
            events.push(match what {
                ServerEvent::Joined => "joined".to_owned(),
                ServerEvent::MemberJoined => "came".to_owned(),
                ServerEvent::Message(text) => String::from_utf8(text.to_vec()).unwrap(),
            });
        });
        taken.unwrap();
    }
    (events, words(&replies))
}

/// The texts of masked frames.
fn words(mut bytes: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(frame) = frames::first(bytes) {
        let mut text = Vec::new();
        frames::append_unmasked(&mut text, frame.payload, frame.key.unwrap());
        words.push(String::from_utf8(text).unwrap());
        bytes = &bytes[frame.size..];
    }
    words
}

#[test]
fn every_protocol_delivers_the_payload_and_the_greeting() {
    for (protocol, said) in [
        (Protocol::Named, &["load joined the room", "load: a", "load: b"][..]),
        (Protocol::Relayed, &["load joined the room", "load: a\nload: b"]),
        (Protocol::Relayed, &["load joined the room\nload: a", "load: b"]),
        (
            Protocol::SocketIo,
            &[
                r#"42["chat message","load joined the room"]"#,
                r#"42["chat message","load: a"]"#,
                r#"42["chat message","load: b"]"#,
            ],
        ),
        (Protocol::Nats, &["PONG\r\nMSG r7 1 7\r\nload: a\r\n", "MSG r7 1 7\r\nload: b\r\n"]),
    ] {
        let said: Vec<_> = said.iter().map(|text| text.as_bytes()).collect();
        let events = ["joined", "a", "b"].map(str::to_owned).to_vec();
        assert_eq!(parse(protocol, &said), (events, Vec::new()), "{protocol:?}");
    }
}

#[test]
fn a_client_answers_what_has_to_be_answered() {
    let (events, said) = parse(Protocol::SocketIo, &[br#"0{"sid":"x"}"#, br#"40{"sid":"y"}"#, b"2"]);
    assert_eq!((events, said), (vec![], ["40", r#"42["join","r7"]"#, "3"].map(str::to_owned).to_vec()));
    let (events, said) = parse(Protocol::Nats, &[b"INFO {\"x\":1}\r\n", b"PING\r\n"]);
    assert_eq!(events, Vec::<String>::new());
    assert!(said[0].starts_with("CONNECT {") && said[0].ends_with("SUB r7 1\r\nPING\r\n"), "{said:?}");
    assert_eq!(said[1], "PONG\r\n");
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let stream = b"INFO {}\r\nPONG\r\nMSG r7 1 7\r\nload: a\r\nPING\r\nMSG r7 1 8\r\nload: \r\n\r\n";
    let whole = parse(Protocol::Nats, &[stream]);
    assert_eq!(whole.0, ["joined", "a", "\r\n"]);
    for cut in 0..stream.len() {
        assert_eq!(parse(Protocol::Nats, &[&stream[..cut], &stream[cut..]]), whole, "{cut}");
    }
}

#[test]
fn what_is_published_is_what_members_get() {
    for (protocol, text) in [
        (Protocol::Named, "payload"),
        (Protocol::Relayed, "load: payload"),
        (Protocol::SocketIo, r#"42["chat message","load: payload"]"#),
        (Protocol::Nats, "PUB r7 13\r\nload: payload\r\n"),
    ] {
        let mut frame = Vec::new();
        protocol.publish(7, b"payload", [1, 2, 3, 4], &mut frame);
        assert_eq!(words(&frame), [text], "{protocol:?}");
    }
}

#[test]
fn what_a_server_refuses_is_an_error_and_no_greeting() {
    for (protocol, said) in [
        (Protocol::Named, "Error: There are too many rooms"),
        (Protocol::OwnText, "Error: There are too many rooms"),
        (Protocol::OwnJson, r#"{"type":"error","code":"too_many_rooms"}"#),
        (Protocol::SocketIo, "44{}"),
        (Protocol::Nats, "-ERR 'maximum connections exceeded'\r\n"),
    ] {
        let mut events = 0;
        let taken = protocol.take(7, said.as_bytes(), &mut Vec::new(), &mut Vec::new(), |_| events += 1);
        assert!(taken.is_err() && events == 0, "{protocol:?}");
    }
}

/// What a peer does wrong with its third message, for its second member.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    None,
    Lose,
    Repeat,
    Swap,
    Break,
}

struct Room {
    lie: Lie,
    members: Vec<TcpStream>,
    messages: usize,
    held: Option<Vec<u8>>,
}

impl Room {
    fn relay(&mut self, text: &str) {
        self.messages += 1;
        let mut bytes = Vec::new();
        frame::append(Opcode::Text, text.as_bytes(), &mut bytes);
        for (number, member) in self.members.iter().enumerate() {
            match (self.lie, number, self.messages) {
                (Lie::Lose, 1, 3) => {}
                (Lie::Swap, 1, 3) => self.held = Some(bytes.clone()),
                (Lie::Break, 1, 3) => _ = member.shutdown(Shutdown::Both),
                (Lie::Repeat, 1, 3) => write(member, &bytes.repeat(2)),
                (_, 1, _) => {
                    write(member, &bytes);
                    self.held.take().iter().for_each(|held| write(member, held));
                }
                _ => write(member, &bytes),
            }
        }
    }
}

/// Writes to a client that may be gone.
fn write(mut member: &TcpStream, bytes: &[u8]) {
    _ = std::io::Write::write_all(&mut member, bytes);
}

fn serve(stream: TcpStream, room: &Mutex<Room>) {
    let Ok(mut socket) = tungstenite::accept(stream.try_clone().unwrap()) else { return };
    {
        let mut room = room.lock().unwrap();
        let mut greeting = Vec::new();
        frame::append(Opcode::Text, b"load joined the room", &mut greeting);
        write(&stream, &greeting);
        room.members.push(stream);
    }
    while let Ok(message) = socket.read() {
        if let Message::Text(text) = message {
            room.lock().unwrap().relay(&text);
        }
    }
}

/// A peer for so many clients; its threads end with them.
fn peer(lie: Lie, clients: usize) -> (SocketAddrV4, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("it is IPv4") };
    let room = Arc::new(Mutex::new(Room { lie, members: Vec::new(), messages: 0, held: None }));
    let serving = thread::spawn(move || {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                let (stream, room) = (listener.accept().unwrap().0, Arc::clone(&room));
                thread::spawn(move || serve(stream, &room))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    (address, serving)
}

fn faults(lie: Lie) -> Faults {
    let scenario: Scenario = "3/W8".parse().unwrap();
    let (address, serving) = peer(lie, scenario.clients());
    let (clients, _) = Clients::connect_all(Protocol::Relayed, address, &scenario, WaitStrategy::Sleep).unwrap();
    let mut generator = Generator::new(clients, &scenario);
    generator.start().unwrap();
    let measured = generator.measure(Duration::from_millis(50)).unwrap();
    let faults = generator.finish().unwrap();
    assert!(!measured.is_empty());
    serving.join().unwrap();
    faults
}

#[test]
fn an_honest_peer_has_no_faults() {
    assert_eq!(faults(Lie::None).description(), None);
}

#[test]
fn the_lies_of_a_peer_are_found() {
    assert_eq!(faults(Lie::Lose).description().unwrap(), "1 deliveries lost");
    assert_eq!(faults(Lie::Swap).description().unwrap(), "1 rooms out of order");
    let repeated = faults(Lie::Repeat);
    assert!(repeated.unexpected >= 1, "{repeated:?}");
    let broken = faults(Lie::Break);
    assert!(broken.lost > 0 && broken.broken.is_some(), "{broken:?}");
}

#[test]
fn an_end_of_the_connection_that_arrives_with_the_last_bytes_is_noticed() {
    let scenario: Scenario = "1/W1".parse().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("it is IPv4") };
    let accepting = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send(Message::text("load joined the room")).unwrap();
        socket
    });
    let (mut clients, _) = Clients::connect_all(Protocol::Relayed, address, &scenario, WaitStrategy::Sleep).unwrap();
    let mut socket = accepting.join().unwrap();
    socket.send(Message::text("the last")).unwrap();
    drop(socket);
    let (mut ready, mut received) = (Vec::new(), 0);
    clients.wait(Duration::from_secs(60), &mut ready).unwrap();
    let reason = clients.read(ready[0], |message, _| received += usize::from(message == b"the last")).unwrap_err();
    assert_eq!((reason.kind(), received), (std::io::ErrorKind::UnexpectedEof, 1));
}

fn record(server: Kind, rep: u32, cpu: f64) -> Record {
    Record {
        scenario: "100/W16".to_owned(),
        server: server.name().to_owned(),
        title: format!("{} 1", server.name()),
        rep,
        cpu_s_per_million: Some(cpu),
        deliveries_per_s: 1e6 / cpu,
        p50_ms: 1.0,
        p99_ms: cpu,
        connections_per_s: 1000.0,
        joins_per_s: 900.0,
        connection_cpu_ms: 0.1,
        resident_kib: 10.0,
        kernel_kib: 32.0,
        machine_kib: 50.0,
        server_cpus: 0.5,
        generator_busy: 0.5,
        other_cpus: 0.01,
        faults: None,
    }
}

fn records() -> Records {
    let trials = [(Kind::Baseline, [1.0, 1.2, 0.9]), (Kind::Roomd, [0.7, 0.6, 9.0]), (Kind::Go, [2.0, 2.5, 1.5])];
    let each = |(server, cpus): (Kind, [f64; 3])| (0..).zip(cpus).map(move |(rep, cpu)| record(server, rep, cpu));
    Records::new(trials.into_iter().flat_map(each).collect())
}

#[test]
fn a_summary_has_medians_and_spreads_and_ratios_to_the_bare_loop() {
    let records = records();
    let summary = Summary::named(&records, "100/W16", &Kind::ALL);
    assert_eq!(summary.spread("roomd", CPU), Some(Spread { median: 0.7, least: 0.6, most: 9.0 }));
    assert_eq!(summary.of_bare("go"), Some(2.0));
    assert_eq!((summary.median("nats", CPU), Spread::of(vec![1.0, 2.0]).unwrap().median), (None, 1.5));
}

#[test]
fn goals_are_held_against_what_was_measured_and_nothing_else() {
    let verdicts: Vec<_> = goals::verdicts(&records()).iter().map(ToString::to_string).collect();
    let expected = [
        "met    100/W16      CPU a delivery of the bare loop's, at most 0.80: 0.70",
        "met    100/W16      CPU a delivery, the best of all: 0.35 of go's",
        "met    100/W16      deliveries a second, the best of all: 2.86 of go's",
        "met    100/W16      latency at p99, the best of all: 0.35 of go's",
    ];
    assert_eq!(verdicts, expected);
}

#[test]
fn the_document_and_the_chart_show_every_server_that_was_measured() {
    let records = records();
    let (text, picture) = (document::table(&records), chart::render(&records));
    assert!(text.contains("| roomd | 0.700 (0.600–9.000) |"), "{text}");
    assert!(text.contains("| go | go 1 |") && !text.contains("nats"), "{text}");
    assert_eq!(picture.matches("<circle").count(), 3, "{picture}");
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
}

#[test]
fn a_run_resumes_where_it_was_unless_its_terms_differ() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("records-{}.json", std::process::id()));
    let open = |terms: &str, anew| Records::open(&file, &[terms.to_owned()], anew).unwrap();
    let scenario: Scenario = "100/W16".parse().unwrap();
    open("a", true).add(record(Kind::Go, 0, 2.0)).unwrap();
    let again = open("a", false);
    assert!(again.has(&scenario, Kind::Go, 0) && !again.has(&scenario, Kind::Go, 1));
    assert_eq!(again.trials, [record(Kind::Go, 0, 2.0)]);
    assert!(open("b", false).trials.is_empty() && open("a", true).trials.is_empty());
    std::fs::remove_file(&file).unwrap();
}
