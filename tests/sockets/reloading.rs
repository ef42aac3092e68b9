//! Other settings for a server that runs: what counts at once, for new connections, for new rooms, or not at all.

use std::time::Duration;

use roomd::Settings;
use serde_json::json;

use crate::harness::{Http, LineClient, TestServer, WebSocketClient, http, until};

/// Puts the server's settings in force with a change.
fn reload(server: &TestServer, change: impl FnOnce(&mut Settings)) -> Result<(), String> {
    let mut settings = (*server.server().settings()).clone();
    change(&mut settings);
    server.server().reload(settings).map(drop)
}

#[test]
fn the_next_request_of_a_connection_that_is_kept_is_answered_by_the_new_settings() {
    let server = TestServer::with(|settings| settings.name = Some("Before".to_owned()));
    let mut http = Http::connect(&server);
    let mut name = || {
        http.request("GET /api/v1/server", "", "");
        http.answer().json()["name"].clone()
    };
    assert_eq!(name(), "Before");
    reload(&server, |settings| settings.name = Some("After".to_owned())).unwrap();
    assert_eq!(name(), "After");
    let page = "Origin: https://a.example\r\n";
    let status = |server: &TestServer| http::ask(server, "GET /api/v1/rooms", page, "").status;
    assert_eq!(status(&server), 403);
    reload(&server, |settings| settings.origins = vec!["https://a.example".to_owned()]).unwrap();
    assert_eq!(status(&server), 200);
    assert_eq!(http::get(&server, "/echo").status, 404);
    reload(&server, |settings| settings.echo_route = true).unwrap();
    assert_eq!(http::get(&server, "/echo").status, 426);
}

#[test]
fn a_connection_keeps_the_limits_that_it_was_told_and_the_next_has_others() {
    let server = TestServer::start();
    let mut early = WebSocketClient::multi(&server, "Ella");
    early.ask(json!({"type": "join", "room": "den"}));
    reload(&server, |settings| settings.limits.message_bytes = 4).unwrap();
    let mut late = WebSocketClient::open(&server, "/ws?user=Lena&format=json");
    assert_eq!(late.event_of("welcome")["limits"]["message_bytes"], 4);
    late.ask(json!({"type": "join", "room": "den"}));
    assert_eq!(late.ask(json!({"type": "message", "room": "den", "message": "12345"}))["code"], "too_large");
    assert_eq!(early.ask(json!({"type": "message", "room": "den", "message": "12345"}))["type"], "sent");
}

#[test]
fn a_session_that_is_resumed_has_the_limits_that_its_new_connection_was_told() {
    let server = TestServer::with(|settings| settings.limits.grace = Duration::from_secs(20));
    let mut lost = WebSocketClient::open(&server, "/ws?user=Rosa&format=json");
    let token = lost.event_of("welcome")["resume"].clone();
    lost.ask(json!({"type": "join", "room": "den"}));
    drop(lost);
    until("the session is detached", || server.engine().sessions.detached() == 1);
    reload(&server, |settings| settings.limits.message_bytes = 4).unwrap();
    let mut back = WebSocketClient::open(&server, "/ws");
    back.event_of("welcome");
    assert_eq!(back.ask(json!({"type": "resume", "resume": token}))["type"], "resumed");
    assert_eq!(back.ask(json!({"type": "message", "room": "den", "message": "12345"}))["code"], "too_large");
    // Its end is none that can be resumed, so nothing is left.
    back.leave();
}

#[test]
fn a_client_that_waits_is_served_when_there_may_be_more() {
    let server = TestServer::with(|settings| settings.limits.connections_max = 1);
    let mut served = LineClient::guest(&server);
    let mut waiting = LineClient::connect(&server);
    waiting.receives("* waiting: 0 ahead of you");
    reload(&server, |settings| settings.limits.connections_max = 2).unwrap();
    waiting.enter();
    // With fewer than there are, those that are served stay, and a newcomer waits.
    reload(&server, |settings| settings.limits.connections_max = 1).unwrap();
    let mut late = LineClient::connect(&server);
    late.receives("* waiting: 0 ahead of you");
    served.say("still here");
    waiting.wait_for(&format!("{}: still here", served.name));
}

#[test]
fn a_room_keeps_what_it_was_opened_with_and_the_next_has_another_bound() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::multi(&server, "Anna");
    anna.ask(json!({"type": "join", "room": "old"}));
    reload(&server, |settings| settings.limits.room_members_max = 1).unwrap();
    let mut otto = WebSocketClient::multi(&server, "Otto");
    assert_eq!(otto.ask(json!({"type": "join", "room": "old"}))["type"], "joined");
    anna.ask(json!({"type": "join", "room": "new"}));
    assert_eq!(otto.ask(json!({"type": "join", "room": "new"}))["code"], "room_full");
    // How many rooms there may be is the server's: it counts at once.
    reload(&server, |settings| settings.limits.rooms_max = 2).unwrap();
    assert_eq!(otto.ask(json!({"type": "join", "room": "third"}))["code"], "too_many_rooms");
    reload(&server, |settings| settings.limits.rooms_max = 100).unwrap();
    assert_eq!(otto.ask(json!({"type": "join", "room": "third"}))["type"], "joined");
}

#[test]
fn servers_for_calls_are_told_to_whoever_connects_next() {
    let server = TestServer::start();
    let servers = |server: &TestServer| {
        WebSocketClient::open(server, "/ws?user=Iris&format=json").event_of("welcome")["ice_servers"].clone()
    };
    assert!(servers(&server).as_array().is_none_or(Vec::is_empty));
    let told = roomd::chat::IceServer { urls: "stun:a.example".to_owned(), username: None, credential: None };
    reload(&server, |settings| settings.ice_servers = vec![told]).unwrap();
    assert_eq!(servers(&server)[0]["urls"], "stun:a.example");
}

#[cfg(feature = "jwt")]
#[test]
fn keys_and_whether_guests_may_come_count_for_whoever_signs_in_next() {
    use crate::harness::issuer;

    let server = TestServer::start();
    let token = issuer::good("Alice");
    let me = |server: &TestServer, fields: &str| http::ask(server, "GET /api/v1/me", fields, "").status;
    let mut guest = WebSocketClient::json(&server, "den", "Gast");
    assert_eq!(me(&server, &issuer::bearer(&token)), 401);
    reload(&server, |settings| {
        issuer::accept(settings);
        settings.guests = Some(false);
    })
    .unwrap();
    assert_eq!(me(&server, &issuer::bearer(&token)), 200);
    let (answer, _) = Http::connect(&server).upgrade("/ws?user=Late&room=den", "");
    assert_eq!(answer.status, 401);
    // Who was there stays.
    guest.ask(json!({"type": "message", "room": "den", "message": "hi"}));
    reload(&server, |settings| {
        settings.jwt_key = None;
        settings.jwt_secret_file = None;
    })
    .unwrap();
    assert_eq!(me(&server, &issuer::bearer(&token)), 401);
}

#[test]
fn a_mistake_changes_nothing() {
    let server = TestServer::with(|settings| settings.name = Some("Before".to_owned()));
    for (mistake, sentence) in [
        (
            (|settings: &mut Settings| settings.jwt_key = Some("/no such key".to_owned())) as fn(&mut Settings),
            if cfg!(feature = "jwt") { "cannot read /no such key: " } else { "this roomd was built without tokens" },
        ),
        (
            |settings| settings.tls_key = Some("/no such key".to_owned()),
            "a certificate (tls-cert) and its key (tls-key)",
        ),
    ] {
        let refused = reload(&server, |settings| {
            settings.name = Some("After".to_owned());
            settings.limits.rooms_max = 1;
            mistake(settings);
        })
        .unwrap_err();
        assert!(refused.starts_with(sentence), "{refused}");
        assert_eq!(server.server().settings().name.as_deref(), Some("Before"));
    }
    let mut anna = WebSocketClient::multi(&server, "Anna");
    for room in ["one", "two"] {
        assert_eq!(anna.ask(json!({"type": "join", "room": room}))["type"], "joined");
    }
}

#[test]
fn what_only_a_start_changes_stays() {
    let server = TestServer::start();
    let before = server.server().settings();
    reload(&server, |settings| {
        settings.listen = "127.0.0.1:1".to_owned();
        settings.lines = None;
        settings.data = "elsewhere.db".to_owned();
        settings.tls_cert = Some("cert.pem".to_owned());
        settings.tls_key = Some("key.pem".to_owned());
        settings.echo_route = true;
    })
    .unwrap();
    let expected = Settings { echo_route: true, ..(*before).clone() };
    assert_eq!(*server.server().settings(), expected);
    LineClient::guest(&server).say("/quit");
}
