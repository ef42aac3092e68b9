//! What all clients share, and how much of it one address can take.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::address::{client_from, from, strict};
use crate::harness::{Http, TestServer, WebSocketClient, until};

fn join(client: &mut WebSocketClient, room: &str) -> Value {
    client.ask(json!({"type": "join", "room": room}))
}

/// The names of rooms that nobody has opened.
fn fresh(prefix: &str) -> impl Iterator<Item = String> {
    (0..).map(move |number| format!("{prefix}-{number}"))
}

/// Joins rooms until one is refused; how many there were, and the refusal.
fn join_until_refused(client: &mut WebSocketClient, prefix: &str) -> (usize, Value) {
    let answers = fresh(prefix).map(|room| join(client, &room)).enumerate();
    answers.into_iter().find(|(_, answer)| answer["type"] == "error").unwrap()
}

#[test]
fn one_address_does_not_take_all_rooms_by_joining_them() {
    let server = strict(|settings| {
        settings.limits.rooms_max = 16;
        settings.limits.address_rooms_max = 4;
    });
    let mut one = client_from(2, &server, "Eve");
    let (opened, refused) = join_until_refused(&mut one, "r");
    assert_eq!((opened, &refused["code"]), (4, &json!("too_many_rooms")));
    // The same for a second connection of the address, and for a message to a topic or over HTTP.
    let mut other = client_from(2, &server, "Mallory");
    assert_eq!(join(&mut other, "more")["code"], "too_many_rooms");
    assert_eq!(other.ask(json!({"topic": "more", "message": "hi"}))["code"], "too_many_rooms");
    let mut http = Http::over(from(2, server.server().http_address()));
    let body = json!({"message": "hi"}).to_string();
    http.request("POST /api/v1/rooms/more/messages", "Content-Type: application/json\r\n", &body);
    assert_eq!(http.answer().error(), "too_many_rooms");
    // The room of newcomers, and rooms that others have opened, are open to it.
    assert_eq!(join(&mut other, "lobby")["type"], "joined");
    let mut neighbour = client_from(3, &server, "Ann");
    assert_eq!(join(&mut neighbour, "ours")["type"], "joined");
    assert_eq!(join(&mut other, "ours")["type"], "joined");
    // A room that closes gives its place back.
    one.ask(json!({"type": "leave", "room": "r-0"}));
    until("the room has closed", || join(&mut other, "more")["type"] == "joined");
}

#[test]
fn rooms_that_are_opened_by_joining_count_as_created_ones_do() {
    let mut server = strict(|settings| settings.limits.address_rooms_per_h = 3);
    server.created = 1;
    let mut client = client_from(2, &server, "Eve");
    assert_eq!(client.ask(json!({"type": "create", "room": "made"}))["type"], "created");
    assert_eq!(join(&mut client, "made")["type"], "joined");
    assert_eq!(join(&mut client, "lobby")["type"], "joined");
    let (opened, refused) = join_until_refused(&mut client, "r");
    assert_eq!((opened, &refused["code"], &refused["room"]), (2, &json!("rate_limited"), &json!("r-2")));
    assert!(refused["retry_after_ms"].as_u64().unwrap() > 1_000_000, "{refused}");
    assert_eq!(client.ask(json!({"topic": "more", "message": "hi"}))["code"], "rate_limited");
    assert_eq!(client.ask(json!({"type": "create", "room": "more"}))["code"], "rate_limited");
    // Another address has its own count.
    let mut other = client_from(3, &server, "Ann");
    assert_eq!(join(&mut other, "more")["type"], "joined");
    assert_eq!(join(&mut client, "more")["type"], "joined");
}

#[cfg(feature = "sqlite")]
#[test]
fn a_room_with_a_history_can_be_opened_again_at_any_time() {
    let server = strict(|settings| settings.limits.address_rooms_per_h = 1);
    let mut client = client_from(2, &server, "Ann");
    assert_eq!(join(&mut client, "den")["type"], "joined");
    client.publish("den", "hello");
    client.wait_for_type("message");
    for _ in 0..3 {
        client.ask(json!({"type": "leave", "room": "den"}));
        until("the room has closed", || server.engine().hub.is_empty());
        assert_eq!(join(&mut client, "den")["type"], "joined");
    }
    assert_eq!(join(&mut client, "other")["code"], "rate_limited");
}

#[test]
fn rooms_that_anybody_opens_leave_places_for_the_lobby_and_for_private_conversations() {
    let server = TestServer::with(|settings| settings.limits.rooms_max = 16);
    let mut eve = WebSocketClient::multi(&server, "Eve");
    let (opened, refused) = join_until_refused(&mut eve, "r");
    assert_eq!((opened, &refused["code"]), (12, &json!("too_many_rooms")));
    let mut ann = WebSocketClient::multi(&server, "Ann");
    assert_eq!(join(&mut ann, "lobby")["type"], "joined");
    assert_eq!(ann.ask(json!({"type": "private", "to": "Eve", "message": "hi"}))["type"], "sent");
}

#[cfg(all(feature = "jwt", feature = "sqlite"))]
#[test]
fn rooms_that_anybody_opens_leave_places_for_rooms_with_an_owner() {
    use crate::harness::issuer::{claim, welcomed};
    let server = TestServer::with(|settings| settings.limits.rooms_max = 16);
    let token = claim(&server, "Ann");
    let (mut ann, _) = welcomed(&server, &token);
    assert_eq!(ann.ask(json!({"type": "create", "room": "before"}))["type"], "created");
    let mut eve = WebSocketClient::multi(&server, "Eve");
    let (_, refused) = join_until_refused(&mut eve, "r");
    assert_eq!(refused["code"], "too_many_rooms");
    assert_eq!(ann.ask(json!({"type": "create", "room": "after"}))["type"], "created");
    for room in ["before", "after"] {
        assert_eq!(join(&mut ann, room)["type"], "joined", "{room}");
    }
}

#[test]
fn sessions_of_one_address_that_wait_do_not_end_those_of_others() {
    let server = strict(|settings| {
        settings.limits.grace = Duration::from_secs(60);
        settings.limits.connections_max = 8;
        settings.limits.address_connections_max = 2;
    });
    let detached = || server.engine().sessions.detached();
    let lose = |host: u8, user: &str, waiting: usize| {
        let mut client =
            WebSocketClient::over(from(host, server.server().http_address()), &format!("/ws?user={user}&format=json"));
        let token = client.event_of("welcome")["resume"].clone();
        drop(client);
        until("its connection is over", || server.server().connections() == 0);
        assert_eq!(detached(), waiting, "{user}");
        token
    };
    let resume = |host: u8, token: &Value| {
        let mut client = client_from(host, &server, "nobody");
        client.ask(json!({"type": "resume", "resume": token}))["type"].clone()
    };
    let ann = lose(3, "Ann", 1);
    let first = lose(2, "Eve-0", 2);
    let second = lose(2, "Eve-1", 3);
    for number in 2..20 {
        lose(2, &format!("Eve-{number}"), 3);
    }
    assert_eq!(
        (resume(3, &ann), resume(2, &first), resume(2, &second)),
        (json!("resumed"), json!("error"), json!("error"))
    );
}
