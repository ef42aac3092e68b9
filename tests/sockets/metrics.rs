//! The figures at `/metrics`: they balance while clients are slow, and each has a name, a type and a help.

use std::collections::BTreeMap;
use std::net::TcpStream;

use roomd::chat::Slow;
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use serde_json::json;

use crate::harness::{Http, LineClient, TestServer, WebSocketClient, connected};

/// The samples of a server, by name and labels as they are printed.
fn figures(server: &TestServer) -> BTreeMap<String, f64> {
    let text = String::from_utf8(server.server().figures()).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

/// Written, dropped and pending events, after they were found to balance.
fn balanced(figures: &BTreeMap<String, f64>) -> [f64; 3] {
    let of = |name: &str| figures[&format!("roomd_deliveries_{name}")];
    let parts = [of("written_total"), of("dropped_total"), of("pending")];
    assert_eq!(of("enqueued_total"), parts.iter().sum::<f64>() + of("conflated_total"), "{figures:?}");
    parts
}

#[test]
fn deliveries_balance_at_any_moment_while_a_client_reads_nothing() {
    let server = TestServer::with(|settings| {
        settings.limits.slow = Slow::Drop;
        settings.limits.outbox_bytes = 256 * 1024;
    });
    let mut publisher = WebSocketClient::json(&server, "den", "Paul");
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    connect(&socket, &server.server().http_address()).unwrap();
    let sleeper = WebSocketClient::over(connected(TcpStream::from(socket)), "/ws?room=den&user=Zoe&format=json");
    let text = "x".repeat(60_000);
    let (mut pending, mut dropped) = (false, false);
    while !(pending && dropped) {
        publisher.ask(json!({"type": "message", "room": "den", "message": text}));
        let [_, lost, waiting] = balanced(&figures(&server));
        (pending, dropped) = (pending || waiting > 0.0, dropped || lost > 0.0);
    }
    let messages = figures(&server)["roomd_messages_total"];
    drop((publisher, sleeper));
    let engine = std::sync::Arc::clone(server.engine());
    let report = server.stop();
    assert_eq!(engine.deliveries(), report.deliveries);
    assert_eq!(report.deliveries.pending, 0);
    assert!(messages > 0.0 && report.deliveries.balance());
}

#[test]
fn connections_are_counted_by_door_and_by_how_they_ended() {
    let server = TestServer::start();
    let mut line = LineClient::named(&server, "Lena");
    let mut json = WebSocketClient::multi(&server, "Jon");
    assert_eq!(json.ask(json!({"type": "nonsense"}))["code"], "unknown_type");
    let now = figures(&server);
    assert_eq!(now[r#"roomd_connections{door="lines"}"#], 1.0);
    assert_eq!(now[r#"roomd_connections{door="websocket-json"}"#], 1.0);
    assert_eq!(now[r#"roomd_refusals_total{code="unknown_type"}"#], 1.0);
    assert_eq!(now["roomd_rooms"], 1.0);
    line.say("/quit");
    line.ending();
    crate::harness::until("the line client is gone", || {
        figures(&server).get(r#"roomd_connections_closed_total{door="lines",reason="left"}"#) == Some(&1.0)
    });
    assert_eq!(figures(&server)[r#"roomd_connections{door="lines"}"#], 0.0);
}

#[test]
fn what_may_be_counted_is_zero_before_the_first_of_its_kind() {
    let server = TestServer::start();
    let now = figures(&server);
    for name in [
        r#"roomd_connections{door="irc"}"#,
        r#"roomd_connections_opened_total{door="sse"}"#,
        r#"roomd_refusals_total{code="internal"}"#,
        r#"roomd_http_responses_total{status="5xx"}"#,
        r#"roomd_webhook_attempts_total{outcome="failed"}"#,
        "roomd_connections_waiting",
    ] {
        assert_eq!(now.get(name), Some(&0.0), "{name}");
    }
    assert!(!now.keys().any(|name| name.contains("certificate")), "there is no TLS");
}

#[test]
fn how_much_there_may_be_is_beside_how_much_there_is() {
    let server = TestServer::with(|settings| {
        settings.limits.connections_max = 7;
        settings.limits.rooms_max = 9;
        settings.limits.outbox_total = 1 << 20;
    });
    let _only = WebSocketClient::json(&server, "den", "Ann");
    let now = figures(&server);
    assert_eq!((now["roomd_connections_served"], now["roomd_connections_served_max"]), (1.0, 7.0));
    assert_eq!((now["roomd_rooms"], now["roomd_rooms_max"]), (1.0, 9.0));
    assert_eq!(now["roomd_outbox_bytes_max"], f64::from(1 << 20));
    for (role, least) in [("reader", 1.0), ("room", 1.0), ("accept-http", 1.0)] {
        assert!(now[&format!("roomd_threads{{role=\"{role}\"}}")] >= least, "{role}: {now:?}");
    }
    assert!(now["process_resident_memory_bytes"] > 1e6 && now["process_open_fds"] <= now["process_max_fds"]);
}

#[test]
fn each_figure_has_a_type_a_help_and_a_name_in_the_manner_of_prometheus() {
    let server = TestServer::start();
    let text = String::from_utf8(server.server().figures()).unwrap();
    let mut kinds = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => {
                // What any process has is called as everywhere.
                let is_named = name.starts_with("roomd_") || name.starts_with("process_");
                assert!(help.ends_with('.') && is_named, "{line}");
            }
            ["#", "TYPE", name, kind] => _ = kinds.insert(name.to_owned(), kind.to_owned()),
            _ => {
                let name = line.split(['{', ' ']).next().unwrap();
                let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
                let kind = kinds.get(name).or_else(|| kinds.get(family?)).unwrap_or_else(|| panic!("{line}"));
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            }
        }
    }
    assert!(kinds.len() > 8, "{kinds:?}");
}

#[test]
fn a_port_of_its_own_serves_the_figures_when_every_place_is_taken() {
    let server = TestServer::with(|settings| {
        settings.metrics = Some("127.0.0.1:0".to_owned());
        settings.limits.connections_max = 1;
        settings.limits.waiting_max = 0;
    });
    let _only = WebSocketClient::multi(&server, "Ann");
    let ask = |line: &str| {
        let address = server.server().metrics_address().unwrap();
        let mut http = Http::over(connected(TcpStream::connect(address).unwrap()));
        http.request(line, "", "");
        http.answer()
    };
    // A probe of the port that sends nothing holds up nobody for long.
    let _silent = TcpStream::connect(server.server().metrics_address().unwrap()).unwrap();
    let answer = ask("GET /metrics");
    assert_eq!((answer.status, answer.field("Content-Type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    assert!(answer.body.contains("roomd_connections{door=\"websocket-json\"} 1\n"));
    assert_eq!(ask("GET /").status, 404);
    assert_eq!(ask("POST /metrics").status, 405);
    assert_eq!(crate::harness::http::get(&server, "/healthz").status, 503, "no place for a client");
}
