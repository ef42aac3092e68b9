//! A voice: who has it speaks where else only moderators do, whatever the door by which it was given and is used.

use serde_json::{Value, json};

use crate::harness::{IrcClient, LineClient, TestServer, WebSocketClient, free, http, issuer};

fn server() -> TestServer {
    issuer::server(|settings| settings.irc = Some(free()))
}

/// Whether the user may say something in the room.
fn speaks(client: &mut WebSocketClient, room: &str) -> bool {
    let answer = client.ask(json!({"type": "message", "room": room, "message": "hi"}));
    assert!(["sent", "error"].contains(&answer["type"].as_str().unwrap()), "{answer}");
    answer["type"] == "sent" || {
        assert_eq!(answer["code"], "forbidden", "{answer}");
        false
    }
}

/// Ann's room for announcements, in which Bob is too.
fn announcements(server: &TestServer) -> (WebSocketClient, WebSocketClient, String) {
    let (token, bob) = (issuer::claim(server, "Ann"), issuer::claim(server, "Bob"));
    let (mut ann, _) = issuer::welcomed(server, &token);
    let (mut bob, _) = issuer::welcomed(server, &bob);
    assert_eq!(ann.ask(json!({"type": "create", "room": "news"}))["type"], "created");
    assert_eq!(ann.ask(json!({"type": "settings", "room": "news", "announcement": true}))["type"], "ok");
    for client in [&mut ann, &mut bob] {
        assert_eq!(client.ask(json!({"type": "join", "room": "news"}))["type"], "joined");
    }
    (ann, bob, token)
}

#[test]
fn a_voice_is_given_and_taken_by_every_door() {
    let server = server();
    let (mut ann, mut bob, token) = announcements(&server);
    assert!(!speaks(&mut bob, "news"));
    let mut irc = IrcClient::with_token(&server, &token);
    irc.ask("JOIN #news");
    let mut line = LineClient::connect(&server);
    line.say(&format!("/auth {token}"));
    line.say("/join news");
    line.settle();
    let fields = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
    let mut by_door = |door: usize, role: &str| match door {
        0 => assert_eq!(ann.ask(json!({"type": "role", "room": "news", "user": "Bob", "role": role}))["type"], "ok"),
        1 => {
            line.say(&format!("/role Bob {role}"));
            line.settle();
        }
        2 => _ = irc.ask(if role == "voice" { "MODE #news +v bob" } else { "MODE #news -v bob" }),
        _ => {
            let body = json!({"role": role}).to_string();
            assert_eq!(http::ask(&server, "PUT /api/v1/rooms/news/members/Bob", &fields, &body).status, 204);
        }
    };
    for door in 0..4 {
        by_door(door, "voice");
        assert_eq!(bob.wait_for_type("role")["role"], "voice");
        assert!(speaks(&mut bob, "news"), "given by door {door}");
        by_door(door, "member");
        assert_eq!(bob.wait_for_type("role")["role"], "member");
        assert!(!speaks(&mut bob, "news"), "taken by door {door}");
    }
}

#[test]
fn who_has_a_voice_uses_it_by_every_door_and_moderates_by_none() {
    let server = server();
    let (mut ann, mut bob, _) = announcements(&server);
    assert_eq!(ann.ask(json!({"type": "role", "room": "news", "user": "Bob", "role": "voice"}))["type"], "ok");
    let token = issuer::claim(&server, "Cleo");
    assert_eq!(ann.ask(json!({"type": "role", "room": "news", "user": "Cleo", "role": "voice"}))["type"], "ok");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let info = http::ask(&server, "GET /api/v1/rooms/news", &bearer, "").json();
    assert_eq!((&info["role"], &info["announcement"]), (&json!("voice"), &json!(true)));
    let people = http::ask(&server, "GET /api/v1/rooms/news/members", &bearer, "").json();
    assert_eq!(people["people"][2], json!({"user": "Cleo", "role": "voice"}), "{people}");
    assert_eq!(http::ask(&server, "POST /api/v1/rooms/news/messages", &bearer, "from a script").status, 201);
    let mut cleo = IrcClient::with_token(&server, &token);
    cleo.ask("JOIN #news");
    cleo.expect("PRIVMSG #news :from IRC", &[]);
    for line in ["MODE #news -m", "MODE #news +v Ann", "KICK #news bob", "MODE #news +v tim", "TOPIC #news :mine"] {
        let answer = cleo.ask(line);
        assert!(answer.len() == 1 && [" 482 ", " 401 "].iter().any(|no| answer[0].contains(no)), "{line}: {answer:?}");
    }
    let texts = |client: &mut WebSocketClient| -> Vec<Value> {
        let history = client.ask(json!({"type": "history", "room": "news"}));
        history["messages"].as_array().unwrap().iter().map(|message| message["message"].clone()).collect()
    };
    assert_eq!(texts(&mut bob), ["from a script", "from IRC"]);
}

#[test]
fn a_guest_has_a_voice_in_a_room_of_guests_until_they_leave() {
    let server = server();
    let mut ann = WebSocketClient::json(&server, "den", "ann");
    let mut bob = WebSocketClient::json(&server, "den", "bob");
    assert_eq!(ann.ask(json!({"type": "settings", "room": "den", "announcement": true}))["type"], "ok");
    assert!(!speaks(&mut bob, "den"));
    assert_eq!(ann.ask(json!({"type": "role", "room": "den", "user": "bob", "role": "voice"}))["type"], "ok");
    let members = ann.ask(json!({"type": "members", "room": "den"}));
    assert_eq!((&members["operators"], &members["voices"]), (&json!(["ann"]), &json!(["bob"])));
    assert!(speaks(&mut bob, "den"));
    // Another guest of the same name has none.
    let mut other = WebSocketClient::json(&server, "den", "bob");
    assert!(!speaks(&mut other, "den"));
    bob.ask(json!({"type": "leave", "room": "den"}));
    bob.ask(json!({"type": "join", "room": "den"}));
    assert!(!speaks(&mut bob, "den"));
}
