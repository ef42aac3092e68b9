//! Private conversations over HTTP, and messages whose body is not JSON.

use serde_json::{Value, json};

use crate::harness::issuer::{bearer, claim, welcomed};
use crate::harness::{Answer, EventClient, TestServer, WebSocketClient, http};

const ROOM: &str = "/api/v1/rooms/den/messages";

fn post(server: &TestServer, path: &str, fields: &str, body: &str) -> Answer {
    http::ask(server, &format!("POST {path}"), fields, body)
}

fn read(server: &TestServer, with: &str, token: &str) -> Answer {
    http::ask(server, &format!("GET /api/v1/private/{with}/messages?limit=2"), &bearer(token), "")
}

fn texts(history: &Value) -> Vec<&str> {
    history["messages"].as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap()).collect()
}

#[test]
fn a_script_writes_to_a_user_and_all_connections_of_both_see_it() {
    let server = TestServer::start();
    let token = claim(&server, "Alice");
    let (mut alice, _) = welcomed(&server, &token);
    let mut bob = WebSocketClient::multi(&server, "Bob");
    let sent = post(&server, "/api/v1/private/Bob/messages", &bearer(&token), "hi Bob");
    assert_eq!((sent.status, &sent.json()["room"], &sent.json()["seq"]), (201, &json!("dm:Alice:Bob"), &json!(1)));
    for client in [&mut alice, &mut bob] {
        let private = client.event_of("private");
        assert_eq!(
            (&private["user"], &private["to"], &private["message"]),
            (&json!("Alice"), &json!("Bob"), &json!("hi Bob"))
        );
    }
    let fields = format!("{}Content-Type: application/json\r\nIdempotency-Key: k\r\n", bearer(&token));
    for duplicate in [false, true] {
        let sent = post(&server, "/api/v1/private/Bob/messages", &fields, r#"{"message":"once"}"#);
        assert_eq!((&sent.json()["seq"], &sent.json()["duplicate"]), (&json!(2), &json!(duplicate)));
    }
    assert_eq!(bob.event_of("private")["message"], "once");
}

#[test]
fn a_guest_writes_to_whoever_is_there() {
    let server = TestServer::start();
    let to = |user: &str| format!("/api/v1/private/{user}/messages?user=cron");
    let offline = post(&server, &to("Bob"), "", "hi");
    assert_eq!((offline.status, &*offline.error()), (404, "user_offline"));
    // Who only listens quietly is not there.
    let mut stream = EventClient::open(&server, "/api/v1/rooms/den/events?user=Bob");
    stream.event_of("joined");
    assert_eq!(post(&server, &to("Bob"), "", "hi").error(), "user_offline");
    let mut bob = WebSocketClient::multi(&server, "Bob");
    assert_eq!(post(&server, &to("Bob"), "", "hi").status, 201);
    assert_eq!(bob.event_of("private")["user"], "cron");
    assert_eq!(post(&server, &to("cron"), "", "hi").error(), "bad_request");
    assert_eq!(post(&server, "/api/v1/private/a%3Ab/messages", "", "hi").error(), "bad_request");
    assert_eq!(http::get(&server, "/api/v1/private/Bob/messages").status, 401);
}

#[cfg(feature = "sqlite")]
#[test]
fn a_user_who_is_away_is_given_it_later_and_a_script_reads_the_conversation() {
    let server = TestServer::start();
    let (alice, bob) = (claim(&server, "Alice"), claim(&server, "Bob"));
    assert_eq!(read(&server, "Bob", &alice).error(), "not_found");
    for text in ["one", "two", "three"] {
        assert_eq!(post(&server, "/api/v1/private/bob/messages", &bearer(&alice), text).status, 201);
    }
    for (with, token) in [("Bob", &alice), ("Alice", &bob)] {
        let history = read(&server, with, token).json();
        assert_eq!((&history["room"], texts(&history)), (&json!("dm:Alice:Bob"), vec!["two", "three"]));
        assert_eq!((&history["next"], &history["complete"]), (&json!(2), &json!(false)));
    }
    let (mut client, _) = welcomed(&server, &bob);
    for text in ["one", "two", "three"] {
        assert_eq!(client.event_of("private")["message"], text);
    }
    // Another user of the name reads nothing of it.
    client.leave();
    assert_eq!(http::ask(&server, "DELETE /api/v1/claims/Bob", &bearer(&bob), "").status, 204);
    let other = claim(&server, "Bob");
    assert_eq!(texts(&read(&server, "Alice", &other).json()), Vec::<&str>::new());
}

#[cfg(feature = "sqlite")]
#[test]
fn a_script_changes_what_it_has_said_to_a_user_and_nothing_else() {
    let server = TestServer::start();
    let (alice, bob) = (claim(&server, "Alice"), claim(&server, "Bob"));
    let change = |method: &str, with: &str, seq: u64, token: &str, body: &str| {
        http::ask(&server, &format!("{method} /api/v1/private/{with}/messages/{seq}"), &bearer(token), body)
    };
    for text in ["one", "two"] {
        assert_eq!(post(&server, "/api/v1/private/Bob/messages", &bearer(&alice), text).status, 201);
    }
    // Nobody is there, and it is changed all the same.
    assert_eq!(change("PUT", "Bob", 1, &alice, "uno").status, 204);
    let (mut client, _) = welcomed(&server, &bob);
    for text in ["uno", "two"] {
        assert_eq!(client.event_of("private")["message"], text);
    }
    assert_eq!(change("DELETE", "bob", 2, &alice, "").status, 204);
    assert_eq!(client.event_of("delete")["seq"], 2);
    assert_eq!(change("PUT", "Alice", 1, &bob, "mine").error(), "forbidden");
    assert_eq!(change("PUT", "Bob", 3, &alice, "three").error(), "not_found");
    assert_eq!(change("PUT", "Alice", 1, &alice, "me").error(), "not_found");
    // The room that an answer names is the conversation's, and no room's.
    let as_room = http::ask(&server, "DELETE /api/v1/rooms/dm:Alice:Bob/messages/1", &bearer(&alice), "");
    assert_eq!((as_room.status, &*as_room.error()), (404, "not_found"));
    for brackets in ["/api/v1/private/Bob/messages?before[x]=1", "/api/v1/events?room[]=den"] {
        assert_eq!(http::ask(&server, &format!("GET {brackets}"), &bearer(&alice), "").error(), "bad_request");
    }
    let guest = http::ask(&server, "DELETE /api/v1/private/Bob/messages/1?user=cron", "", "");
    assert_eq!((guest.status, &*guest.error()), (401, "unauthorized"));
    // Another user of the name changes nothing of it.
    assert_eq!(http::ask(&server, "DELETE /api/v1/claims/Alice", &bearer(&alice), "").status, 204);
    let other = claim(&server, "Alice");
    assert_eq!(change("DELETE", "Bob", 1, &other, "").error(), "not_found");
}

#[test]
fn a_body_of_another_type_than_json_is_the_message() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (fields, query, body, line) in [
        (form, "?user=cron", "The backup is done", "cron: The backup is done"),
        ("Content-Type: text/plain; charset=utf-8\r\n", "?user=cron", "a=b&c\n", "cron: a=b&c"),
        ("", "?user=cron", "{\"message\":\"hi\"}", "cron: {\"message\":\"hi\"}"),
        ("", "?user=cron", "\u{feff}one\r\ntwo\r\n", "cron: one\n    two"),
        ("Content-Type: application/json\r\n", "?user=cron", "{\"message\":\"json\"}", "cron: json"),
        ("Content-Type: application/json\r\n", "?user=cron", "{\"user\":\"Bot\",\"message\":\"json\"}", "Bot: json"),
    ] {
        let answer = post(&server, &format!("{ROOM}{query}"), fields, body);
        assert_eq!(answer.status, 201, "{body:?}: {answer:?}");
        text.receives(line);
    }
    let reply = post(&server, &format!("{ROOM}?user=cron&reply_to=1&mid=m"), form, "yes");
    assert_eq!((reply.status, &reply.json()["mid"]), (201, &json!("m")));
    text.receives("cron: yes");
    let key = post(&server, &format!("{ROOM}?user=cron"), &format!("{form}Idempotency-Key: m\r\n"), "yes");
    assert_eq!(key.json()["duplicate"], true);
    for (fields, body, status) in [
        (form, "", 400),
        (form, " \n", 400),
        ("Content-Type: multipart/form-data; boundary=x\r\n", "--x--", 415),
        ("Content-Type: text/plain; charset=latin1\r\n", "x", 415),
        ("Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", "x", 415),
    ] {
        assert_eq!(post(&server, ROOM, fields, body).status, status, "{fields:?} {body:?}");
    }
}
