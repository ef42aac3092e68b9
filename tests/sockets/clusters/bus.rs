//! Servers that send each other notes over a Redis: what comes that way, and what does while it is not there.

use roomd::store::BusUrl;
use roomd::{Server, Settings};
use serde_json::json;

use super::{EACH, ok, say, shown};
use crate::harness::bus::TestBus;
use crate::harness::postgres::Database;
use crate::harness::{TestServer, WebSocketClient, until};

/// A database through which servers send no notes, and a bus.
fn both() -> Option<(Database, TestBus)> {
    let (database, bus) = (Database::new()?, TestBus::new()?);
    database.lose_notes();
    Some((database, bus))
}

fn server(database: &Database, url: Option<BusUrl>) -> TestServer {
    TestServer::with(|settings| (settings.data, settings.bus) = (database.url(), url))
}

fn two(database: &Database, bus: &TestBus) -> [TestServer; 2] {
    [server(database, bus.url()), server(database, bus.url())]
}

/// A note has gone from one server to the other: only a note tells who types.
fn notes_go(from: &mut WebSocketClient, to: &mut WebSocketClient) {
    let mut typing = false;
    until("a note has come", || {
        typing = !typing;
        from.command(&json!({"type": "typing", "room": "den", "typing": typing}));
        from.settle("den");
        to.settle("den").iter().any(|event| event["type"] == "typing")
    });
}

/// So many messages, each acknowledged before the next, are shown on the other server, all of them and in order. Their texts
/// begin like that.
fn all_come(from: &mut WebSocketClient, to: &mut WebSocketClient, (what, count): (&str, usize)) {
    let texts = (0..count).map(|number| format!("{what} {number}"));
    let said: Vec<_> = texts.map(|text| (say(from, &text), text)).collect();
    assert_eq!(said.iter().map(|_| shown(to)).collect::<Vec<_>>(), said);
}

#[test]
fn notes_and_signals_go_over_the_bus() {
    let Some((database, bus)) = both() else { return };
    let servers = two(&database, &bus);
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    let count = |client: &mut WebSocketClient| client.ask(json!({"type": "members", "room": "den"}))["count"].clone();
    until("they know of each other", || count(&mut ann) == 2 && count(&mut bob) == 2);
    notes_go(&mut ann, &mut bob);
    notes_go(&mut bob, &mut ann);
    all_come(&mut ann, &mut bob, ("all", EACH));
    let payload = json!({"sdp": "v=0\r\n".repeat(4_000)});
    ann.command(&json!({"type": "offer", "to": "Bob", "payload": payload}));
    assert_eq!(bob.wait_for_type("offer")["payload"], payload);
    assert!(bus.command("PUBSUB NUMPAT").starts_with(":0"), "there are no patterns");
    assert_eq!(bus.accepted(), 2, "one connection a server");
}

#[test]
fn a_bus_that_dies_delays_and_loses_nothing_and_is_found_again() {
    let Some((database, bus)) = both() else { return };
    let servers = two(&database, &bus);
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    for round in ["once", "twice"] {
        notes_go(&mut ann, &mut bob);
        bus.kill();
        all_come(&mut ann, &mut bob, (round, 5));
        ok(&mut bob, json!({"type": "leave", "room": "den"}));
        assert_eq!(ann.wait_for_type("leave")["user"], "Bob");
        ok(&mut bob, json!({"type": "join", "room": "den"}));
        bus.start();
    }
    notes_go(&mut ann, &mut bob);
    all_come(&mut ann, &mut bob, ("again", 5));
}

#[test]
fn a_bus_that_swallows_everything_is_given_up_and_holds_up_nobody() {
    let Some((database, bus)) = both() else { return };
    let servers = two(&database, &bus);
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    notes_go(&mut ann, &mut bob);
    bus.fall_silent();
    all_come(&mut ann, &mut bob, ("silent", EACH));
    // Nobody cuts the connections: the servers see for themselves that nothing comes.
    until("both try new ones", || bus.accepted() >= 4);
    all_come(&mut ann, &mut bob, ("given up", EACH));
    bus.heal();
    notes_go(&mut ann, &mut bob);
}

#[test]
fn a_bus_that_becomes_a_replica_is_no_bus() {
    let Some((database, bus)) = both() else { return };
    let servers = two(&database, &bus);
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    notes_go(&mut ann, &mut bob);
    assert_eq!(bus.command("REPLICAOF 127.0.0.1 1"), "+OK\r\n");
    until("both have tried again", || bus.accepted() >= 4);
    all_come(&mut ann, &mut bob, ("replica", 3));
    assert_eq!(bus.command("REPLICAOF NO ONE"), "+OK\r\n");
    notes_go(&mut ann, &mut bob);
}

#[test]
fn a_server_starts_without_its_bus_and_finds_it_later() {
    let Some((database, bus)) = both() else { return };
    bus.kill();
    let servers = two(&database, &bus);
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    all_come(&mut ann, &mut bob, ("before", 3));
    bus.start();
    notes_go(&mut ann, &mut bob);
}

#[test]
fn a_bus_takes_a_user_who_may_do_no_more_than_that_and_its_refusal_ends_the_start() {
    let Some((database, bus)) = both() else { return };
    let allowed = "ACL SETUSER roomd on >p@ss resetchannels &roomd_* +hello +select +subscribe +publish";
    assert_eq!(bus.command(allowed), "+OK\r\n");
    assert_eq!(bus.command("ACL SETUSER mute on >p@ss resetchannels +hello"), "+OK\r\n");
    let servers = ["roomd:p%40ss@", "roomd:p%40ss@"].map(|login| server(&database, bus.url_of(login)));
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    notes_go(&mut ann, &mut bob);
    for (login, complaint) in [("roomd:secret@", "WRONGPASS"), ("mute:p%40ss@", "NOPERM")] {
        let settings = Settings { data: database.url(), bus: bus.url_of(login), ..Settings::ephemeral() };
        let error = Server::start(settings, |_| ()).err().unwrap().to_string();
        assert!(error.contains(complaint) && error.contains("the bus redis://127.0.0.1:"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_bus_without_a_database_that_servers_share_ends_the_start() {
    let bus = Some(BusUrl::parse("redis://localhost").unwrap());
    for data in [":memory:", "off"] {
        let settings = Settings { data: data.to_owned(), bus: bus.clone(), ..Settings::ephemeral() };
        let error = Server::start(settings, |_| ()).err().unwrap().to_string();
        assert!(error.contains("needs a postgres:// URL"), "{error}");
    }
}
