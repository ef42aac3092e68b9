//! Accounts and the people behind them: listing, giving back, and erasing what there is of somebody.

use serde_json::{Value, json};

use super::{admin, api, list, server};
use crate::harness::http::{ask, get};
use crate::harness::issuer::{self, bearer, claim, welcomed};
use crate::harness::{TestServer, WebSocketClient, until};

fn names(accounts: &Value) -> Vec<&str> {
    accounts["accounts"].as_array().unwrap().iter().map(|account| account["user"].as_str().unwrap()).collect()
}

#[test]
fn accounts_are_listed_in_the_order_of_their_names_in_parts() {
    let server = server();
    for name in ["bob", "Ann", "cem"] {
        claim(&server, name);
    }
    let whole = api(&server, "GET accounts", None).json();
    // The admin's own, since its token was shown.
    assert_eq!((names(&whole), &whole["next"]), (vec!["Ann", "bob", "cem", "Root"], &Value::Null));
    assert_eq!(whole["accounts"][0]["devices"], 1);
    assert!(whole["accounts"][0]["since"].is_string() && whole["accounts"][0]["used"].is_string());
    let first = api(&server, "GET accounts?limit=2", None).json();
    assert_eq!((names(&first), &first["next"]), (vec!["Ann", "bob"], &json!("bob")));
    let rest = api(&server, "GET accounts?limit=2&after=BOB", None).json();
    assert_eq!((names(&rest), &rest["next"]), (vec!["cem", "Root"], &Value::Null));
    assert_eq!(api(&server, "GET accounts?after=a%0Ab", None).status, 400);
}

#[test]
fn a_name_is_given_back_unless_it_owns_a_room() {
    let server = server();
    let token = claim(&server, "Ann");
    let (mut ann, _) = welcomed(&server, &token);
    ann.ask(json!({"type": "create", "room": "plans"}));
    let refused = api(&server, "DELETE accounts/ann", None);
    assert_eq!((refused.status, &*refused.error()), (403, "forbidden"));
    assert_eq!(list(&server, "audit").len(), 0, "nothing was done");
    ann.ask(json!({"type": "end", "room": "plans"}));
    assert_eq!(api(&server, "DELETE accounts/ann", None).status, 204);
    assert_eq!(ann.ending().code, Some(4401));
    assert_eq!(api(&server, "DELETE accounts/ann", None).status, 404);
    assert_eq!(ask(&server, "GET /api/v1/me", &bearer(&token), "").status, 401);
    let entry = &list(&server, "audit")[0];
    assert_eq!([&entry["what"], &entry["about"]], [&json!("name_released"), &json!("Ann")]);
    let _guest = WebSocketClient::json(&server, "den", "Ann");
}

/// Erases a person until nothing is left; the messages that were deleted.
fn erase(server: &TestServer, name: &str) -> u64 {
    let mut messages = 0;
    until("nothing is left", || {
        let erased = api(server, &format!("DELETE people/{name}"), None);
        assert_eq!(erased.status, 200, "{erased:?}");
        messages += erased.json()["messages"].as_u64().unwrap();
        erased.json()["complete"] == true
    });
    messages
}

/// Has Ann, who is registered, say something in a room and to Bob, and erases her; both servers and stores show the same.
fn ann_is_erased(server: &TestServer) {
    let (mut bob, _) = welcomed(server, &claim(server, "Bob"));
    let (mut ann, _) = welcomed(server, &claim(server, "Ann"));
    for client in [&mut bob, &mut ann] {
        client.ask(json!({"type": "join", "room": "den"}));
    }
    let say =
        |client: &mut WebSocketClient, text| client.ask(json!({"type": "message", "room": "den", "message": text}));
    say(&mut ann, "secret");
    say(&mut bob, "answer");
    say(&mut ann, "more");
    ann.ask(json!({"type": "message", "room": "den", "message": "up", "key": "lamp"}));
    ann.ask(json!({"type": "message", "room": "den", "message": "+1", "react_to": 2}));
    ann.ask(json!({"type": "private", "to": "Bob", "message": "for you"}));
    bob.settle("den");
    let said = api(server, "GET people/ann", None).json();
    assert_eq!(
        [&said["user"], &said["connections"], &said["messages"], &said["rooms"], &said["owns"]],
        [&json!("Ann"), &json!(1), &json!(5), &json!(2), &json!([])]
    );
    assert!(!said.to_string().contains("secret"));
    assert_eq!(get(server, "/api/v1/rooms/den/messages").json()["messages"][0]["message"], "secret", "a dry run");

    assert_eq!(erase(server, "ANN"), 5);
    assert_eq!(ann.ending().code, Some(4403));
    let mut deleted: Vec<_> = (0..5)
        .map(|_| bob.wait_for_type("delete"))
        .map(|event| (event["room"].clone(), event["seq"].clone()))
        .collect();
    deleted.sort_by_key(|deleted| format!("{deleted:?}"));
    deleted.retain(|(room, _)| room == "den");
    assert_eq!(deleted, [1, 3, 4, 5].map(|seq| (json!("den"), json!(seq))));

    let history = get(server, "/api/v1/rooms/den/messages").json();
    let left = history.to_string();
    assert!(!left.contains("Ann") && !left.contains("secret") && left.contains("answer"), "{left}");
    assert_eq!(history["messages"].as_array().unwrap().len(), 5);
    assert!(history["messages"][0]["user"].as_str().unwrap().starts_with("erased-"));
    assert_eq!(get(server, "/api/v1/rooms/den/messages?latest=true").json()["messages"], json!([]));
    let joined = {
        let mut ivy = WebSocketClient::multi(server, "Ivy");
        let mut joined = ivy.ask(json!({"type": "join", "room": "den"})).to_string();
        joined.push_str(&ivy.ask(json!({"type": "history", "room": "den"})).to_string());
        joined
    };
    assert!(!joined.contains("Ann") && !joined.contains("secret"), "{joined}");
    let gone = api(server, "GET people/Ann", None);
    assert_eq!((gone.status, &*gone.error()), (404, "not_found"));
    let entries = list(server, "audit");
    assert_eq!([&entries[0]["what"], &entries[0]["about"]], [&json!("person_erased"), &json!("Ann")]);
    assert!(names(&api(server, "GET accounts", None).json()).iter().all(|name| *name != "Ann"));
}

#[test]
fn a_person_is_erased_from_rooms_conversations_and_accounts_and_members_see_deletions() {
    let server = issuer::server(|settings| settings.data = ":memory:".to_owned());
    ann_is_erased(&server);
    assert_eq!(get(&server, "/api/v1/rooms/den/messages?q=secret").json()["messages"], json!([]));
    let search = get(&server, "/api/v1/search?q=more").json();
    assert_eq!(search["messages"], json!([]), "{search}");
}

#[test]
fn a_person_is_erased_where_nothing_is_kept_beyond_open_rooms() {
    ann_is_erased(&issuer::server(|settings| settings.data = "off".to_owned()));
}

#[test]
fn more_messages_than_one_request_deletes_are_erased_by_several() {
    let server = issuer::server(|settings| settings.data = ":memory:".to_owned());
    let mut bob = WebSocketClient::json(&server, "den", "Bob");
    for number in 0..2_300 {
        bob.command(&json!({"type": "message", "room": "den", "message": format!("{number}")}));
    }
    bob.settle("den");
    let first = api(&server, "DELETE people/Bob", None).json();
    assert_eq!(first, json!({"messages": 2_000, "receipts": 0, "complete": false}));
    assert_eq!(erase(&server, "Bob"), 300);
    assert_eq!(api(&server, "GET people/Bob", None).status, 404);
}

#[test]
fn who_owns_a_room_or_asks_for_it_is_not_erased() {
    let server = server();
    let (mut ann, _) = welcomed(&server, &claim(&server, "Ann"));
    ann.ask(json!({"type": "create", "room": "plans"}));
    assert_eq!(api(&server, "GET people/Ann", None).json()["owns"], json!(["plans"]));
    let refused = api(&server, "DELETE people/Ann", None);
    assert_eq!((refused.status, &*refused.error()), (403, "forbidden"));
    assert_eq!(ann.ask(json!({"type": "ping"}))["type"], "pong");
    assert_eq!(ask(&server, "DELETE /api/v1/admin/people/ROOT", &bearer(&admin()), "").status, 400);
    assert_eq!(api(&server, "DELETE people/Nobody", None).status, 404);
    assert_eq!(list(&server, "audit").len(), 0, "nothing was done");
    ann.ask(json!({"type": "end", "room": "plans"}));
}
