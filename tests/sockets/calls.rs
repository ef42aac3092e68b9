//! Call signalling, which only members of a common room can send each other, and the servers for calls.

use roomd::chat::IceServer;
use serde_json::{Value, json};

use crate::harness::{TestServer, WebSocketClient};

const KINDS: [&str; 4] = ["offer", "answer", "ice-candidate", "hangup"];

#[test]
fn signalling_reaches_the_named_user_and_nobody_else() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut otto = [WebSocketClient::json(&server, "den", "Otto"), WebSocketClient::multi(&server, "Otto")];
    let mut carl = WebSocketClient::json(&server, "den", "Carl");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let payload = json!({"sdp": "v=0\r\n", "n": [1, {"deep": null}]});
    for kind in KINDS {
        anna.command(&json!({"type": kind, "to": "Otto", "payload": payload, "id": 1}));
        for client in &mut otto {
            let event = client.wait_for_type(kind);
            assert_eq!(event, json!({"type": kind, "user": "Anna", "from": "Anna", "payload": payload}));
        }
    }
    for client in [&mut anna, &mut carl] {
        let strange = |event: &Value| !matches!(event["type"].as_str(), Some("join"));
        assert!(!client.settle("den").iter().any(strange), "signalling was seen by another");
    }
    text.say("quiet");
    text.receives("Tess: quiet");
}

#[test]
fn a_hangup_needs_no_payload_and_the_others_do() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut otto = WebSocketClient::json(&server, "den", "Otto");
    for kind in &KINDS[..3] {
        assert_eq!(anna.ask(json!({"type": kind, "to": "Otto"}))["code"], "bad_request", "{kind}");
    }
    anna.command(&json!({"type": "hangup", "to": "Otto"}));
    assert_eq!(otto.wait_for_type("hangup"), json!({"type": "hangup", "user": "Anna", "from": "Anna", "payload": {}}));
}

#[test]
fn a_user_without_a_common_room_is_answered_as_offline_and_reached_by_no_signal() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::multi(&server, "Anna");
    anna.ask(json!({"type": "join", "room": "one"}));
    anna.ask(json!({"type": "join", "room": "two"}));
    let mut otto = WebSocketClient::json(&server, "three", "Otto");
    // A private conversation, which any user can begin, is not a common room.
    anna.ask(json!({"type": "private", "to": "Otto", "message": "psst"}));
    assert_eq!(otto.wait_for_type("private")["from"], "Anna");
    for kind in KINDS {
        let signal = |to: &str| json!({"type": kind, "to": to, "payload": {}, "id": 7});
        let awaiting_auth = anna.ask(signal("Otto"));
        assert_eq!(
            (&awaiting_auth["code"], &awaiting_auth["message"]),
            (&json!("user_offline"), &json!("Otto is not online"))
        );
        let absent = anna.ask(signal("Nemo"));
        assert_eq!(absent.to_string().replace("Nemo", "Otto"), awaiting_auth.to_string());
    }
    let received = otto.settle("three");
    assert!(received.iter().all(|event| !KINDS.contains(&event["type"].as_str().unwrap_or_default())), "{received:?}");
}

#[test]
fn signalling_begins_with_a_room_in_common_and_ends_with_it() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::multi(&server, "Anna");
    let mut otto = WebSocketClient::json(&server, "den", "Otto");
    let offer = json!({"type": "offer", "to": "Otto", "payload": {}});
    assert_eq!(anna.ask(offer.clone())["code"], "user_offline");
    anna.ask(json!({"type": "join", "room": "den"}));
    anna.command(&offer);
    assert_eq!(otto.wait_for_type("offer")["from"], "Anna");
    // Any of the user's connections will do.
    let mut second = WebSocketClient::multi(&server, "Otto");
    second.ask(json!({"type": "ping"}));
    anna.command(&offer);
    for client in [&mut otto, &mut second] {
        assert_eq!(client.wait_for_type("offer")["from"], "Anna");
    }
    anna.ask(json!({"type": "leave", "room": "den"}));
    assert_eq!(anna.ask(offer)["code"], "user_offline");
}

#[test]
fn the_welcome_names_the_servers_for_calls_if_there_are_any() {
    let servers = [
        IceServer { urls: "stun:a.org".to_owned(), username: None, credential: None },
        IceServer {
            urls: "turn:b.org:3478?transport=tcp".to_owned(),
            username: Some("ann".to_owned()),
            credential: Some("s\"3".to_owned()),
        },
    ];
    let welcome = |ice_servers: &[IceServer]| {
        let server = TestServer::with(|settings| settings.ice_servers = ice_servers.to_vec());
        WebSocketClient::open(&server, "/ws?user=Anna&format=json").event_of("welcome")
    };
    let told = welcome(&servers);
    let turn = json!({"urls": "turn:b.org:3478?transport=tcp", "username": "ann", "credential": "s\"3"});
    assert_eq!(told["ice_servers"], json!([{"urls": "stun:a.org"}, turn]));
    assert_eq!(welcome(&[])["ice_servers"], Value::Null);
}

#[test]
fn each_user_has_a_login_of_their_own_at_a_turn_server_that_shares_the_secret() {
    let path = std::env::temp_dir().join(format!("roomd-turn-{}", std::process::id()));
    std::fs::write(&path, "north\n").unwrap();
    let server = TestServer::with(|settings| {
        settings.ice_servers = vec![IceServer { urls: "turn:a.org".to_owned(), username: None, credential: None }];
        settings.turn_secret_file = Some(path.to_str().unwrap().to_owned());
        settings.turn_for = std::time::Duration::from_secs(3_600);
    });
    std::fs::remove_file(&path).unwrap();
    let now_s = server.engine().clock.now().at.0 / 1_000;
    let mut credentials = Vec::new();
    for user in ["Anna", "Bob"] {
        let welcome = WebSocketClient::open(&server, &format!("/ws?user={user}&format=json")).event_of("welcome");
        let told = &welcome["ice_servers"][0];
        let (ends, of) = told["username"].as_str().unwrap().split_once(':').unwrap();
        assert_eq!((&told["urls"], of), (&json!("turn:a.org"), user));
        let ends: u64 = ends.parse().unwrap();
        assert!(ends >= now_s + 3_600 && ends <= server.engine().clock.now().at.0 / 1_000 + 3_600, "{ends}");
        credentials.push(told["credential"].clone());
    }
    assert_ne!(credentials[0], credentials[1]);
}

#[cfg(feature = "jwt")]
#[test]
fn a_client_that_has_yet_to_authenticate_is_told_of_no_servers_for_calls() {
    let server = TestServer::with(|settings| {
        (settings.guests, settings.claims) = (Some(false), Some(true));
        settings.ice_servers = vec![IceServer { urls: "stun:a.org".to_owned(), username: None, credential: None }];
    });
    let engine = server.engine();
    let anna = roomd::chat::UserName::parse("Anna").unwrap();
    let claimed = engine.auth.claim(&anna, None, engine.clock.now().at, || false).unwrap();
    let mut client = WebSocketClient::open(&server, "/ws");
    assert_eq!(client.event_of("welcome")["ice_servers"], Value::Null);
    client.command(&json!({"type": "auth", "token": claimed.token}));
    let welcome = client.event_of("welcome");
    assert_eq!((&welcome["user"], &welcome["ice_servers"]), (&json!("Anna"), &json!([{"urls": "stun:a.org"}])));
}
