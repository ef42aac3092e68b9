//! A store that fails: a message is then refused to its author and shown to no member, and the room
//! goes on.

use roomd::chat::policy::{ModerationRequest, RoomOptions, RoomSettings};
use roomd::chat::{AuthLevel, Code, Identity, RoomName, UserName};
use roomd::engine::rooms::moderation::NewRoom;
use serde_json::json;

use crate::harness::{Failing, TestServer, WebSocketClient, http, until};

/// A conversation over every protocol in which any request may be refused as unavailable, and is then
/// tried again; the rest is as usual.
fn converse(server: &TestServer) {
    let mut anna = WebSocketClient::multi(server, "Anna");
    let mut otto = WebSocketClient::multi(server, "Otto");
    for client in [&mut anna, &mut otto] {
        let join = json!({"type": "join", "room": "den"});
        let mut joined = client.ask(join.clone());
        while joined["type"] == "error" {
            assert_eq!(joined["code"], "unavailable", "{joined}");
            joined = client.ask(join.clone());
        }
        assert_eq!((&joined["type"], &joined["seq"]), (&json!("joined"), &json!(0)));
    }
    otto.settle("den");
    for seq in 1..=4 {
        let message = json!({"type": "message", "room": "den", "message": format!("{seq}"), "mid": format!("m{seq}")});
        let mut sent = anna.ask(message.clone());
        while sent["type"] == "error" {
            assert_eq!(sent["code"], "unavailable", "{sent}");
            sent = anna.ask(message.clone());
        }
        assert_eq!((&sent["seq"], &sent["duplicate"]), (&json!(seq), &json!(false)), "{sent}");
        // No message that was refused comes before it.
        let seen = otto.wait_for_type("message");
        assert_eq!((&seen["message"], &seen["seq"]), (&json!(format!("{seq}")), &json!(seq)));
    }
    let publish = || http::post(server, "/api/v1/rooms/den/messages", &json!({"message": "5", "user": "Cron"}));
    let mut answer = publish();
    while answer.status != 201 {
        assert_eq!(answer.status, 503);
        answer = publish();
    }
    assert_eq!(otto.wait_for_type("message")["seq"], 5);
    drop((anna, otto));
    until("all are gone", || server.engine().hub.is_empty());
}

#[test]
fn whichever_call_of_the_store_fails_only_its_client_is_refused_and_numbers_stay_dense() {
    let mut n = 1;
    loop {
        let store = Failing::at(n);
        let server = TestServer::on(store.clone());
        converse(&server);
        drop(server);
        if !store.has_failed() {
            break;
        }
        n += 1;
    }
    assert!(n > 6, "only {n} calls were made");
}

/// Changes the policy of a private room, as often as it takes; a change that is refused is not in force.
fn rule(server: &TestServer) {
    let engine = server.engine();
    let (room, user) = (RoomName::parse("den").unwrap(), |name| UserName::parse(name).unwrap());
    let ann = Identity { auth_level: AuthLevel::Registered, ..Identity::guest(user("Ann")) };
    let options = RoomOptions { private: true, members: Vec::new() };
    let plan = NewRoom { room: room.clone(), durable: true, options };
    while let Err(refusal) = engine.create(&ann, plan.clone()) {
        assert_eq!((refusal.code, engine.policies.policy(&room)), (Code::Unavailable, None));
    }
    for request in [
        ModerationRequest::Ban { user: user("Bob"), lasts: None },
        ModerationRequest::Settings(RoomSettings {
            slow_mode_s: Some(5),
            announcement: Some(true),
            ..RoomSettings::default()
        }),
        ModerationRequest::Unban { user: user("Bob") },
        ModerationRequest::End,
    ] {
        let before = engine.policies.policy(&room);
        while let Err(refusal) = engine.moderate(&ann, &room, request.clone(), None) {
            assert_eq!((refusal.code, &engine.policies.policy(&room)), (Code::Unavailable, &before));
        }
        assert_ne!(engine.policies.policy(&room), before);
    }
    until("the room is gone", || engine.hub.is_empty());
}

#[test]
fn a_change_that_cannot_be_stored_is_refused_and_not_in_force() {
    let mut n = 1;
    loop {
        let store = Failing::at(n);
        let server = TestServer::on(store.clone());
        rule(&server);
        drop(server);
        if !store.has_failed() {
            break;
        }
        n += 1;
    }
    assert!(n > 8, "only {n} calls were made");
}

#[test]
fn a_server_that_cannot_store_messages_is_alive_and_not_ready() {
    let store = Failing::at(1);
    let server = TestServer::on(store.clone());
    assert_eq!(http::get(&server, "/readyz").status, 200);
    let refused = http::post(&server, "/api/v1/rooms/den/messages", &json!({"message": "1", "user": "Cron"}));
    assert_eq!((refused.status, store.has_failed()), (503, true));
    let ready = http::get(&server, "/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("Messages cannot be stored now"), "{}", ready.body);
    assert_eq!(http::get(&server, "/healthz").status, 200);
}
