//! Bans from the server: by name and by network, on every door, for those who are there and those who come.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::{api, bob_and_a_lost_session, list, server};
use crate::harness::address::from;
use crate::harness::http::{ask, get};
use crate::harness::issuer::{self, accept, bearer, good, welcomed};
use crate::harness::{EventClient, Http, IrcClient, LineClient, TestServer, WebSocketClient, free};

/// Bans somebody; the number of the ban.
fn ban(server: &TestServer, body: serde_json::Value) -> u64 {
    let answer = api(server, "POST bans", Some(body));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["ban"].as_u64().unwrap()
}

/// A server that exempts no address, so that each may be banned; the admin of these tests is at 127.0.0.1.
fn strict() -> TestServer {
    TestServer::with(|settings| {
        accept(settings);
        settings.irc = Some(free());
        settings.address_exempt = Vec::new();
    })
}

/// A request on a connection of its own from 127.0.0.`host`; its status.
fn status(server: &TestServer, host: u8) -> u16 {
    let mut http = Http::over(from(host, server.server().http_address()));
    http.request("GET /api/v1/rooms", "Connection: close\r\n", "");
    http.answer().status
}

#[test]
fn a_banned_name_is_put_out_on_every_door_and_comes_in_by_none() {
    let server = server();
    let mut text = WebSocketClient::text(&server, "den", "Bob");
    let mut json = WebSocketClient::json(&server, "den", "bob");
    let mut line = LineClient::named(&server, "BOB");
    let mut irc = IrcClient::named(&server, "Bob_");
    let mut stream = EventClient::open(&server, "/api/v1/rooms/den/events?user=Bob");
    let mut ann = WebSocketClient::json(&server, "den", "Ann");
    let number = ban(&server, json!({"user": "BoB", "for_s": 3600, "note": "spam"}));
    ban(&server, json!({"user": "Bob_"}));
    let goodbye = json.wait_for_type("goodbye");
    assert_eq!((&goodbye["reason"], &goodbye["reconnect"]), (&json!("banned"), &json!(false)));
    for client in [&mut json, &mut text] {
        let ending = client.ending();
        assert_eq!((ending.code, &*ending.reason), (Some(4403), "banned"));
    }
    assert!(line.ending().iter().any(|line| line.contains("You are banned from this server")));
    assert!(irc.ending().iter().any(|line| line.contains("You are banned from this server")));
    while stream.next().is_some() {}
    assert_eq!(ann.ask(json!({"type": "ping"}))["type"], "pong");

    for path in ["/ws?room=den&user=bob", "/ws?user=BOB&format=json"] {
        let (refused, _) = Http::connect(&server).upgrade(path, "");
        assert_eq!((refused.status, &*refused.error()), (403, "forbidden"), "{path}");
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(
            message.starts_with("You are banned from this server until ") && message.ends_with(": spam"),
            "{message}"
        );
    }
    for path in ["/api/v1/rooms/den/events?user=Bob", "/api/v1/me?user=Bob"] {
        assert_eq!((get(&server, path).status, &*get(&server, path).error()), (403, "forbidden"), "{path}");
    }
    let body = json!({"message": "hi", "user": "Bob"}).to_string();
    let said = ask(&server, "POST /api/v1/rooms/den/messages", "Content-Type: application/json\r\n", &body);
    assert_eq!((said.status, &*said.error()), (403, "forbidden"));
    assert_eq!(ask(&server, "GET /api/v1/rooms", &bearer(&good("Bob")), "").status, 403);
    let mut line = LineClient::guest(&server);
    line.say("/nick Bob");
    assert!(line.receive().starts_with("Error: You are banned from this server"));
    line.say(&format!("/auth {}", good("Bob")));
    assert!(line.receive().starts_with("Error: You are banned from this server"));
    let mut irc = IrcClient::connect(&server);
    irc.say("NICK bob");
    irc.say("USER b 0 * :B");
    irc.wait_for(" 465 ");
    assert_eq!(api(&server, &format!("DELETE bans/{number}"), None).status, 204);
    assert_eq!(api(&server, &format!("DELETE bans/{number}"), None).status, 404);
    let _bob = WebSocketClient::json(&server, "den", "Bob");
}

#[test]
fn a_banned_network_is_put_out_on_every_door_and_comes_in_by_none() {
    let server = strict();
    let http_address = server.server().http_address();
    let socket = |address| -> TcpStream { from(7, address) };
    let mut json = WebSocketClient::over(socket(http_address), "/ws?user=Ann&format=json");
    json.wait_for_type("welcome");
    let mut line = LineClient::over(socket(server.server().lines_address().unwrap()));
    line.greeted();
    let mut irc = IrcClient::over(socket(server.server().irc_address().unwrap()), "Ivy");
    // A connection that has asked already.
    let mut idle = Http::over(socket(http_address));
    idle.request("GET /api/v1/rooms", "", "");
    assert_eq!(idle.answer().status, 200);
    let mut other = WebSocketClient::over(from(99, http_address), "/ws?user=Tim&format=json");
    other.wait_for_type("welcome");
    let number = ban(&server, json!({"address": "127.0.0.6/31", "note": "flood"}));
    assert_eq!(list(&server, "bans")[0]["address"], "127.0.0.6/31");
    assert_eq!(json.wait_for_type("goodbye")["reason"], "banned");
    assert!(line.ending().iter().any(|line| line.contains("You are banned from this server")));
    assert!(irc.ending().iter().any(|line| line.contains("You are banned from this server")));
    idle.request("GET /api/v1/rooms", "", "");
    assert_eq!(idle.answer().status, 403);
    assert_eq!([6, 7, 8].map(|host| status(&server, host)), [403, 403, 200]);
    let mut line = LineClient::over(socket(server.server().lines_address().unwrap()));
    assert_eq!(line.ending(), ["Error: You are banned from this server: flood"]);
    assert_eq!(other.ask(json!({"type": "ping"}))["type"], "pong");
    assert_eq!(api(&server, &format!("DELETE bans/{number}"), None).status, 204);
    assert_eq!(status(&server, 7), 200);
}

#[test]
fn an_address_that_is_exempt_from_limits_is_not_banned_and_nobody_bans_himself() {
    let server = server();
    let mut ann = WebSocketClient::json(&server, "den", "Ann");
    ban(&server, json!({"address": "127.0.0.0/8"}));
    assert_eq!(ann.ask(json!({"type": "ping"}))["type"], "pong");
    assert_eq!(status(&server, 7), 200);
    let refused = api(&server, "POST bans", Some(json!({"user": "ROOT"})));
    assert_eq!((refused.status, &*refused.error()), (400, "bad_request"));
    let server = strict();
    for address in ["127.0.0.1", "127.0.0.0/8", "0.0.0.0/0", "::ffff:127.0.0.1"] {
        let refused = api(&server, "POST bans", Some(json!({"address": address})));
        assert_eq!((refused.status, &*refused.error()), (400, "bad_request"), "{address}");
    }
    assert_eq!(list(&server, "bans"), [json!(null); 0]);
}

#[test]
fn a_session_of_a_banned_user_that_waits_is_over() {
    let server = issuer::server(|settings| settings.limits.grace = Duration::from_secs(600));
    let (mut bob, welcome) = bob_and_a_lost_session(&server);
    let number = ban(&server, json!({"user": "Ann"}));
    assert_eq!(bob.wait_for_type("leave")["user"], "Ann");
    assert_eq!(server.engine().sessions.detached(), 0);
    assert_eq!(api(&server, &format!("DELETE bans/{number}"), None).status, 204);
    let (mut ann, _) = welcomed(&server, &good("Ann"));
    assert_eq!(ann.ask(json!({"type": "resume", "resume": welcome["resume"]}))["code"], "session_expired");
}

#[test]
fn what_is_no_ban_is_refused() {
    let server = server();
    for body in [
        json!({}),
        json!({"user": "Bob", "address": "192.0.2.7"}),
        json!({"user": "no name"}),
        json!({"address": "192.0.2"}),
        json!({"address": "192.0.2.0/33"}),
        json!({"user": "Bob", "for_s": 0}),
        json!({"user": "Bob", "for_s": u64::MAX}),
        json!({"user": "Bob", "note": "x".repeat(201)}),
    ] {
        let refused = api(&server, "POST bans", Some(body.clone()));
        assert_eq!((refused.status, &*refused.error()), (400, "bad_request"), "{body}");
    }
}

#[test]
fn who_did_what_is_in_the_servers_audit_the_newest_first() {
    let server = server();
    let mut ann = WebSocketClient::json(&server, "den", "Ann");
    let connection = list(&server, "connections")[0]["connection"].as_u64().unwrap();
    assert_eq!(api(&server, &format!("DELETE connections/{connection}"), None).status, 204);
    assert_eq!(ann.ending().code, Some(4403));
    let number = ban(&server, json!({"user": "Bob", "for_s": 60, "note": "spam"}));
    ban(&server, json!({"address": "192.0.2.0/24"}));
    assert_eq!(api(&server, &format!("DELETE bans/{number}"), None).status, 204);
    let entries = list(&server, "audit");
    let said: Vec<_> = entries.iter().map(|entry| [&entry["what"], &entry["about"], &entry["by"]]).collect();
    let ended = json!(format!("{connection} Ann"));
    let root = json!("Root");
    assert_eq!(
        said,
        [
            [&json!("unbanned"), &json!("Bob"), &root],
            [&json!("banned"), &json!("192.0.2.0/24"), &root],
            [&json!("banned"), &json!("Bob"), &root],
            [&json!("connection_ended"), &ended, &root],
        ]
    );
    assert_eq!(entries[2]["note"], "spam");
    assert!(entries[2]["until"].is_string() && entries.iter().all(|entry| entry["at"].is_string()));
    let first = api(&server, "GET audit?limit=3", None).json();
    assert_eq!(first["audit"].as_array().unwrap().len(), 3);
    let rest = api(&server, &format!("GET audit?limit=3&after={}", first["next"]), None).json();
    assert_eq!((&rest["audit"][0]["what"], &rest["next"]), (&json!("connection_ended"), &json!(null)));
    // What was refused is not in it.
    let nobody = ask(&server, "DELETE /api/v1/admin/connections/1", &bearer(&good("Stan")), "");
    assert_eq!((nobody.status, list(&server, "audit").len()), (403, 4));
}
