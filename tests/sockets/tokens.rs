//! Tokens: every way of sending one, what they allow, and how they expire on a live connection.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::issuer::{self, bearer, claim, connect, welcomed};
use crate::harness::{Answer, Http, LineClient, TestServer, WebSocketClient};

fn get(server: &TestServer, target: &str, fields: &str) -> Answer {
    let mut http = Http::connect(server);
    http.request(&format!("GET {target}"), fields, "");
    http.answer()
}

fn refused_upgrade(server: &TestServer, path: &str, fields: &str) -> (u16, String) {
    let (answer, _) = Http::connect(server).upgrade(path, fields);
    assert_ne!(answer.status, 101, "{path}");
    (answer.status, answer.error())
}

#[test]
fn a_token_is_accepted_in_every_way_of_the_protocol() {
    let server = TestServer::start();
    let token = claim(&server, "Alice");
    let protocols = format!("Sec-WebSocket-Protocol: roomd.v1.json, bearer.{token}\r\n");
    for (path, fields) in [("/ws", bearer(&token)), (&*format!("/ws?token={token}"), String::new()), ("/ws", protocols)]
    {
        let (answer, http) = Http::connect(&server).upgrade(path, &fields);
        assert_eq!(answer.status, 101, "{path}");
        assert!(answer.field("Sec-WebSocket-Protocol").is_none_or(|chosen| chosen == "roomd.v1.json"));
        let welcome = WebSocketClient::after(http).event_of("welcome");
        assert_eq!((&welcome["user"], &welcome["guest"]), (&json!("Alice"), &json!(false)));
    }
    // In the text dialect, where the token is the name as well.
    connect(&server, "/ws?room=den", &token).wait_for("Alice joined the room");
    assert_eq!(get(&server, &format!("/api/v1/me?token={token}"), "").json()["user"], "Alice");
}

#[test]
fn a_first_frame_authenticates() {
    let server = TestServer::start();
    let token = claim(&server, "Alice");
    let mut client = WebSocketClient::open(&server, "/ws");
    let guest = client.event_of("welcome");
    assert_eq!(guest["guest"], true);
    let welcome = client.ask(json!({"type": "auth", "token": token}));
    assert_eq!(
        (&welcome["type"], &welcome["user"], &welcome["guest"]),
        (&json!("welcome"), &json!("Alice"), &json!(false))
    );
    assert_eq!((&welcome["session"], &welcome["resume"]), (&guest["session"], &guest["resume"]));
    assert_eq!(client.ask(json!({"type": "join", "room": "den"}))["members"], json!(["Alice"]));
    // Once, and before the first room.
    assert_eq!(client.ask(json!({"type": "auth", "token": token}))["code"], "forbidden");
    let mut late = WebSocketClient::json(&server, "den", "Otto");
    assert_eq!(late.ask(json!({"type": "auth", "token": token}))["code"], "forbidden");
    assert_eq!(late.ask(json!({"type": "auth"}))["code"], "bad_request");
}

#[test]
fn a_line_authenticates() {
    let server = TestServer::start();
    let token = claim(&server, "Alice");
    let mut guest = LineClient::guest(&server);
    guest.say("/auth x.y.z");
    guest.receives("Error: The token is not understood");
    guest.say(&format!("/auth {token}"));
    guest.receives("* You are now Alice");
    guest.receives("* You left lobby");
    guest.receives("Alice joined the room");
    guest.say("/nick Bob");
    guest.receives("Error: A token names you, and no other name can be taken");
    guest.say(&format!("/refresh {token}"));
    guest.say("/who");
    guest.receives("* In lobby: Alice");
}

#[test]
fn an_invalid_token_is_refused_before_the_request_is_carried_out() {
    let server = issuer::server(|_| ());
    let expired = issuer::token(json!({"sub": "Alice", "exp": 1}));
    for bad in ["x.y.z", "", &expired, &"a".repeat(12 * 1024)] {
        let unauthorized = (401, "unauthorized".to_owned());
        assert_eq!(refused_upgrade(&server, "/ws", &bearer(bad)), unauthorized, "{bad:.20}");
        assert_eq!(refused_upgrade(&server, "/ws?room=den&user=Alice", &bearer(bad)), unauthorized);
        for target in ["/api/v1/rooms", "/api/v1/rooms/den/messages", "/api/v1/me"] {
            let answer = get(&server, target, &bearer(bad));
            assert_eq!((answer.status, answer.field("WWW-Authenticate")), (401, Some("Bearer")), "{target}");
        }
    }
    let mut client = WebSocketClient::open(&server, "/ws");
    client.event_of("welcome");
    for bad in ["x.y.z", "", &expired, &"a".repeat(100 * 1024)] {
        assert_eq!(client.ask(json!({"type": "auth", "token": bad}))["code"], "unauthorized", "{bad:.20}");
    }
    assert_eq!(client.ask(json!({"type": "auth", "token": issuer::good("Alice")}))["user"], "Alice");
}

#[test]
fn a_token_and_a_name_that_differ_are_refused() {
    let server = issuer::server(|_| ());
    let alice = bearer(&issuer::good("Alice"));
    assert_eq!(refused_upgrade(&server, "/ws?room=den&user=Bob", &alice), (403, "forbidden".to_owned()));
    let two = format!("/ws?token={}", issuer::good("Bob"));
    assert_eq!(refused_upgrade(&server, &two, &alice), (400, "bad_request".to_owned()));
    assert_eq!(refused_upgrade(&server, "/ws", "Authorization: Basic YTpi\r\n"), (401, "unauthorized".to_owned()));
    let mut http = Http::connect(&server);
    let fields = format!("Content-Type: application/json\r\n{alice}");
    http.request("POST /api/v1/rooms/den/messages", &fields, "{\"message\":\"hi\",\"user\":\"Bob\"}");
    assert_eq!(http.answer().error(), "forbidden");
}

#[test]
fn a_client_is_warned_before_its_token_expires_and_then_disconnected() {
    let server = issuer::server(|settings| settings.limits.grace = Duration::from_secs(60));
    let short = issuer::lasting("Alice", Duration::from_secs(2));
    let (mut json, welcome) = welcomed(&server, &short);
    assert!(welcome["expires"].is_string(), "{welcome}");
    let mut text = connect(&server, "/ws?room=den", &short);
    let warning = json.event_of("token_expiring");
    assert_eq!(warning["expires"], welcome["expires"]);
    assert!(warning["expires_in_ms"].as_u64().unwrap() <= 2_000, "{warning}");
    let ending = json.ending();
    assert_eq!((ending.code, &*ending.reason), (Some(4401), "token_expired"));
    let received = text.ending();
    assert_eq!(received.code, Some(4401));
    assert!(received.received.iter().any(|line| line.starts_with("* Your token ends in ")), "{received:?}");
    assert_eq!(server.engine().sessions.detached(), 0, "a session whose token has expired is not kept");
}

#[test]
fn a_token_is_refreshed_on_the_same_connection() {
    let server = issuer::server(|_| ());
    let short = Duration::from_secs(2);
    let (mut client, _) = welcomed(&server, &issuer::lasting("Alice", short));
    let (mut other, _) = welcomed(&server, &issuer::lasting("Bob", short));
    client.event_of("token_expiring");
    assert_eq!(client.ask(json!({"type": "refresh", "token": issuer::good("Alice")}))["type"], "ok");
    for (token, code) in [
        (issuer::good("Bob"), "forbidden"),
        ("x.y.z".to_owned(), "unauthorized"),
        (issuer::token(json!({"sub": "Alice", "exp": 4_000_000_000_u64, "admin": true})), "forbidden"),
    ] {
        assert_eq!(client.ask(json!({"type": "refresh", "token": token}))["code"], code);
    }
    // The other token, which lasted as long, has expired; this connection goes on.
    assert_eq!(other.ending().code, Some(4401));
    assert_eq!(client.ask(json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn a_token_for_some_rooms_opens_no_others() {
    let server = issuer::server(|_| ());
    let token =
        issuer::token(json!({"sub": "Alice", "exp": 4_000_000_000_u64, "rooms": ["den", "hall"], "name": "A."}));
    let _others = [WebSocketClient::json(&server, "den", "Bob"), WebSocketClient::json(&server, "attic", "Cleo")];
    let (mut alice, welcome) = welcomed(&server, &token);
    assert_eq!((&welcome["allowed_rooms"], &welcome["name"]), (&json!(["den", "hall"]), &json!("A.")));
    assert_eq!(alice.ask(json!({"type": "join", "room": "den"}))["type"], "joined");
    for command in [
        json!({"type": "join", "room": "attic"}),
        json!({"type": "create", "room": "attic2"}),
        json!({"topic": "attic", "message": "hi"}),
    ] {
        assert_eq!(alice.ask(command.clone())["code"], "forbidden", "{command}");
    }
    let rooms = alice.ask(json!({"type": "rooms"}));
    assert_eq!(rooms["rooms"].as_array().unwrap().iter().map(|room| &room["room"]).collect::<Vec<_>>(), ["den"]);
    assert_eq!(refused_upgrade(&server, "/ws?room=attic", &bearer(&token)), (403, "forbidden".to_owned()));
    for (target, status) in [("den/messages", 200), ("attic/messages", 403), ("attic/messages/1/receipts", 403)] {
        assert_eq!(get(&server, &format!("/api/v1/rooms/{target}"), &bearer(&token)).status, status, "{target}");
    }
    assert_eq!(get(&server, "/api/v1/rooms", &bearer(&token)).json()["rooms"].as_array().unwrap().len(), 1);
    let narrow = issuer::token(json!({"sub": "Alice", "exp": 4_000_000_000_u64, "rooms": ["hall"]}));
    assert_eq!(alice.ask(json!({"type": "refresh", "token": narrow}))["code"], "forbidden");
}

#[test]
fn an_administrator_is_told_so() {
    let server = issuer::server(|_| ());
    let token = issuer::token(json!({"sub": "Root", "exp": 4_000_000_000_u64, "admin": true}));
    assert_eq!(welcomed(&server, &token).1["admin"], true);
    assert_eq!(get(&server, "/api/v1/me", &bearer(&token)).json()["admin"], true);
    assert_eq!(get(&server, "/api/v1/me", &bearer(&issuer::good("Alice"))).json()["admin"], Value::Null);
}

fn closed() -> TestServer {
    issuer::server(|settings| settings.guests = Some(false))
}

#[test]
fn a_server_for_tokens_only_refuses_guests() {
    let server = closed();
    let unauthorized = (401, "unauthorized".to_owned());
    assert_eq!(refused_upgrade(&server, "/ws?room=den&user=Bob", ""), unauthorized);
    assert_eq!(refused_upgrade(&server, "/ws?user=Bob&format=json", ""), unauthorized);
    for target in ["rooms", "rooms/den/messages", "rooms/den/messages?q=a", "rooms/den/messages/1/receipts"] {
        assert_eq!(get(&server, &format!("/api/v1/{target}"), "").status, 401, "{target}");
    }
    let mut http = Http::connect(&server);
    http.request("POST /api/v1/rooms/den/messages", "Content-Type: application/json\r\n", "{\"message\":\"hi\"}");
    assert_eq!(http.answer().status, 401);
    // Nor can a name be claimed there, unless a setting allows it.
    let mut http = Http::connect(&server);
    http.request("POST /api/v1/claims", "Content-Type: application/json\r\n", "{\"name\":\"Bob\"}");
    assert_eq!(http.answer().status, 403);
    for target in ["/", "/healthz", "/readyz"] {
        assert_eq!(get(&server, target, "").status, 200, "{target}");
    }
    let token = bearer(&issuer::good("Alice"));
    assert_eq!(get(&server, "/api/v1/rooms", &token).status, 200);
}

#[test]
fn a_client_without_a_token_may_only_authenticate() {
    let server = closed();
    let mut client = WebSocketClient::open(&server, "/ws");
    assert_eq!(client.event_of("welcome")["guest"], true);
    for command in [
        json!({"type": "join", "room": "den"}),
        json!({"topic": "den", "message": "hi"}),
        json!({"type": "private", "to": "Bob", "message": "hi"}),
        json!({"type": "rooms"}),
        json!({"type": "create", "room": "den"}),
        json!({"type": "offer", "to": "Bob", "payload": 1}),
        json!({"type": "presence", "status": "away"}),
        json!({"type": "refresh", "token": issuer::good("Alice")}),
    ] {
        assert_eq!(client.ask(command.clone())["code"], "unauthorized", "{command}");
    }
    assert_eq!(client.ask(json!({"type": "ping"}))["type"], "pong");
    assert_eq!(client.ask(json!({"type": "auth", "token": issuer::good("Alice")}))["user"], "Alice");
    assert_eq!(client.ask(json!({"type": "join", "room": "den"}))["type"], "joined");
    let mut line = LineClient::connect(&server);
    line.receives("Error: Say first who you are: /auth TOKEN");
    line.say("hello");
    line.receives("Error: Say first who you are: show a token");
    line.say(&format!("/auth {}", issuer::good("Bob")));
    line.receives("* You are now Bob");
    line.receives("Bob joined the room");
}

#[test]
fn a_client_that_does_not_authenticate_in_time_is_disconnected() {
    let server = issuer::server(|settings| {
        settings.guests = Some(false);
        settings.limits.head_timeout = Duration::from_millis(200);
        settings.limits.grace = Duration::from_secs(60);
    });
    let mut client = WebSocketClient::open(&server, "/ws");
    let ending = client.ending();
    assert_eq!((ending.code, &*ending.reason), (Some(4401), "unauthorized"));
    assert_eq!(server.engine().sessions.detached(), 0);
    let mut line = LineClient::connect(&server);
    assert_eq!(line.ending().last().unwrap(), "* Only those with a token may come in");
}
