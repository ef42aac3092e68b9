//! Who is in a room through which server: listed, and told of, on all of them.

use serde_json::{Value, json};

use super::{ok, say, server};
use crate::harness::postgres::Database;
use crate::harness::{TestServer, WebSocketClient, http, until};

/// The names in a list of members.
fn names(event: &Value) -> Vec<String> {
    let name = |member: &Value| member["user"].as_str().or(member.as_str()).unwrap().to_owned();
    event["members"].as_array().unwrap().iter().map(name).collect()
}

fn members(client: &mut WebSocketClient) -> Vec<String> {
    names(&client.ask(json!({"type": "members", "room": "den"})))
}

/// The next join, leave or presence that is shown, as `join Ann`.
pub(super) fn told(client: &mut WebSocketClient) -> String {
    loop {
        let event = client.event();
        let user = event["user"].as_str().unwrap_or_default();
        match event["type"].as_str().unwrap() {
            kind @ ("join" | "leave" | "message") => return format!("{kind} {user}"),
            "presence" => return format!("{} {user}", event["status"].as_str().unwrap()),
            _ => {}
        }
    }
}

fn two() -> Option<(Database, [TestServer; 2])> {
    let database = Database::new()?;
    let servers = [server(&database), server(&database)];
    Some((database, servers))
}

#[test]
fn who_is_in_a_room_is_listed_and_told_of_on_all_servers() {
    let Some((_database, servers)) = two() else { return };
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    assert_eq!(told(&mut ann), "join Bob");
    assert_eq!(members(&mut ann), ["Ann", "Bob"]);
    // The room was opened here perhaps before Ann was known.
    while members(&mut bob) != ["Ann", "Bob"] {
        assert_eq!(told(&mut bob), "join Ann");
    }
    bob.command(&json!({"type": "presence", "status": "away", "note": "lunch"}));
    assert_eq!(told(&mut ann), "away Bob");
    let rooms = http::get(&servers[0], "/api/v1/rooms?user=Ann").json();
    assert_eq!(rooms["rooms"][0]["members"], 2, "{rooms}");
    let mut cy = WebSocketClient::multi(&servers[0], "Cy");
    let joined = cy.ask(json!({"type": "join", "room": "den"}));
    assert_eq!(names(&joined), ["Ann", "Bob", "Cy"]);
    say(&mut bob, "the last word");
    bob.leave();
    let after = ["message Bob", "leave Bob"];
    assert_eq!(after.map(|_| told(&mut cy)), after, "a message stands before its author's leave");
    assert_eq!(members(&mut ann), ["Ann", "Cy"]);
}

#[test]
fn a_user_who_is_in_a_room_through_two_servers_comes_and_goes_once() {
    let Some((_database, servers)) = two() else { return };
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let bob_there = WebSocketClient::json(&servers[1], "den", "Bob");
    assert_eq!(told(&mut ann), "join Bob");
    let mut bob_here = WebSocketClient::multi(&servers[0], "Bob");
    ok(&mut bob_here, json!({"type": "join", "room": "den"}));
    bob_there.leave();
    let mut cy = WebSocketClient::json(&servers[1], "den", "Cy");
    assert_eq!(told(&mut ann), "join Cy");
    assert_eq!(bob_here.ask(json!({"type": "leave", "room": "den"}))["type"], "left");
    assert_eq!(told(&mut ann), "leave Bob");
    say(&mut cy, "done");
    assert_eq!(told(&mut ann), "message Cy");
}

#[test]
fn who_comes_and_goes_is_found_without_notes() {
    let Some(database) = Database::new() else { return };
    database.lose_notes();
    let servers = [server(&database), server(&database)];
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let bob = WebSocketClient::json(&servers[1], "den", "Bob");
    assert_eq!(told(&mut ann), "join Bob");
    bob.leave();
    assert_eq!(told(&mut ann), "leave Bob");
}

#[test]
fn the_members_of_a_server_that_dies_leave() {
    let Some((database, servers)) = two() else { return };
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    // What a server leaves behind whose process is gone. Its last heartbeat is to come, for a machine that is busy.
    database.psql(
        "INSERT INTO servers VALUES (7, clock_timestamp() + interval '8 seconds', 'a process that was killed');
        INSERT INTO attendance (server, stamp, room, usr, connections, announced, registered, detached, kind, set_at,
            last_seen, has_written, has_received, has_read)
            VALUES (7, 1, 'den', 'Zoe', 1, true, false, false, 0, 0, 0, 0, 0, 0)",
    );
    assert_eq!(told(&mut ann), "join Zoe");
    assert_eq!(told(&mut ann), "leave Zoe");
    assert_eq!(told(&mut ann), "offline Zoe");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    until("Zoe is in no list", || members(&mut bob) == ["Ann", "Bob"]);
    assert_eq!(database.psql("SELECT count(*) FROM attendance WHERE server = 7"), "0", "nothing is left of it");
}

#[test]
fn a_server_that_was_taken_for_dead_tells_again_who_is_there() {
    let Some((database, servers)) = two() else { return };
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    assert_eq!(told(&mut ann), "join Bob");
    // As another server does that has not heard of it for five seconds. It may be back before anybody looks.
    let server = database.psql("SELECT server FROM attendance WHERE usr = 'Bob' AND room = 'den'");
    // At once, as they do: behind the first alone it could write its rows again.
    let of_the_dead = ["servers", "attendance"].map(|table| format!("DELETE FROM {table} WHERE server = {server}"));
    database.psql(&of_the_dead.join("; "));
    let mut cy = WebSocketClient::json(&servers[1], "den", "Cy");
    let mut here = vec!["Bob".to_owned()];
    while here != ["Bob", "Cy"] {
        let event = told(&mut ann);
        match event.split_once(' ').unwrap() {
            ("join", user) => {
                assert!(!here.iter().any(|one| one == user), "{user} joins twice");
                here.push(user.to_owned());
                here.sort();
            }
            ("leave", user) => here.retain(|one| one != user),
            _ => assert!(event.starts_with("offline "), "{event}"),
        }
    }
    until("all are listed", || members(&mut ann) == ["Ann", "Bob", "Cy"]);
    say(&mut bob, "still here");
    say(&mut cy, "and so am I");
}

#[test]
fn an_author_learns_how_far_members_on_other_servers_have_got() {
    let Some((_database, servers)) = two() else { return };
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    assert_eq!(told(&mut ann), "join Bob");
    let seq = say(&mut ann, "hello");
    bob.wait_for_type("message");
    bob.command(&json!({"type": "read", "room": "den", "seq": seq}));
    loop {
        let receipt = ann.wait_for_type("receipt");
        assert_eq!((&receipt["user"], &receipt["seq"]), (&json!("Bob"), &json!(seq)), "{receipt}");
        if receipt["status"] == "read" {
            break;
        }
    }
    let asked = format!("/api/v1/rooms/den/messages/{seq}/receipts?user=Ann");
    let of_bob = || {
        let stored = http::get(&servers[0], &asked).json();
        stored["receipts"].as_array().unwrap().iter().filter(|mark| mark["user"] == "Bob").count()
    };
    until("all three are stored", || of_bob() == 3);
    // Another device of Bob's learns what he has read.
    let mut phone = WebSocketClient::multi(&servers[0], "Bob");
    ok(&mut phone, json!({"type": "join", "room": "den"}));
    let seq = say(&mut ann, "again");
    bob.wait_for_type("message");
    bob.command(&json!({"type": "read", "room": "den", "seq": seq}));
    let read = phone.wait_for_type("receipt");
    assert_eq!((&read["user"], &read["status"], &read["seq"]), (&json!("Bob"), &json!("read"), &json!(seq)));
}

#[test]
fn a_typing_notice_is_shown_on_other_servers() {
    let Some((_database, servers)) = two() else { return };
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    assert_eq!(told(&mut ann), "join Bob");
    until("Bob knows of Ann", || members(&mut bob) == ["Ann", "Bob"]);
    bob.command(&json!({"type": "typing", "room": "den", "typing": true}));
    let typing = ann.wait_for_type("typing");
    assert_eq!((&typing["user"], &typing["typing"]), (&json!("Bob"), &json!(true)));
    bob.command(&json!({"type": "typing", "room": "den", "typing": false}));
    assert_eq!(ann.wait_for_type("typing")["typing"], json!(false));
}
