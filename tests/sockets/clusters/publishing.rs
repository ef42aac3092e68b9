//! Keys, last values, conditions, groups and patterns where several servers share a database: what is one for all, and what
//! is each server's own.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use super::{ok, say, server, shown};
use crate::harness::postgres::Database;
use crate::harness::{TestServer, WebSocketClient, until};

/// Attempts of each client.
const ROUNDS: usize = 30;

fn two() -> Option<(Database, [TestServer; 2])> {
    let database = Database::new()?;
    let servers = [server(&database), server(&database)];
    Some((database, servers))
}

fn value(key: &str, text: &str) -> Value {
    json!({"type": "message", "room": "den", "message": text, "key": key})
}

/// A message with one more field.
fn with(mut message: Value, field: &str, value: u64) -> Value {
    message[field] = json!(value);
    message
}

/// What a client is given that joins for the last values: of each the key and the text, `-` for a tombstone.
fn last_values(client: &mut WebSocketClient) -> Vec<String> {
    let joined = client.ask(json!({"type": "join", "room": "den", "latest": true}));
    assert_eq!((&joined["type"], &joined["recovered"]), (&json!("joined"), &json!(true)), "{joined}");
    let events = client.settle("den");
    let messages = events.iter().filter(|event| event["type"] == "message" && event["key"].is_string());
    messages
        .map(|event| format!("{} {}", event["key"].as_str().unwrap(), event["message"].as_str().unwrap_or("-")))
        .collect()
}

#[test]
fn the_last_value_of_a_key_is_the_newest_of_all_servers() {
    let Some((_database, servers)) = two() else { return };
    let [mut ann, mut bob] = [0, 1].map(|at| WebSocketClient::json(&servers[at], "den", ["Ann", "Bob"][at]));
    for (client, key, text) in [(0, "a", "1"), (1, "b", "1"), (1, "a", "2"), (0, "c", "1"), (0, "b", "2")] {
        ok([&mut ann, &mut bob][client], value(key, text));
    }
    ok(&mut bob, json!({"type": "message", "room": "den", "key": "c", "deleted": true}));
    for server in &servers {
        let mut late = WebSocketClient::multi(server, "Late");
        assert_eq!(last_values(&mut late), ["a 2", "b 2"]);
        let page = late.ask(json!({"type": "history", "room": "den", "latest": true}));
        let keys: Vec<_> = page["messages"].as_array().unwrap().iter().map(|message| message["key"].clone()).collect();
        assert_eq!(keys, ["a", "b"], "{page}");
        late.leave();
    }
}

#[test]
fn of_two_who_publish_on_the_same_condition_through_two_servers_one_is_stored() {
    let Some((_database, servers)) = two() else { return };
    for (field, number_of) in [("if_seq", "seq"), ("if_key_seq", "key")] {
        let mut clients = [0, 1].map(|at| WebSocketClient::json(&servers[at], "den", ["Ann", "Bob"][at]));
        let first = clients[0].ask(value(number_of, "begins"))["seq"].as_u64().unwrap();
        // Each tries until it has stored so many; whoever is refused goes on from what it is told.
        let stored = thread::scope(|scope| {
            let run = |mut client: WebSocketClient| {
                let (mut newest, mut stored) = (first, Vec::new());
                while stored.len() < ROUNDS {
                    let answer = client.ask(with(value(number_of, "next"), field, newest));
                    let seq = answer["seq"].as_u64().unwrap_or_else(|| panic!("{answer}"));
                    match answer["type"].as_str().unwrap() {
                        "sent" => stored.push((newest, seq)),
                        _ => assert_eq!(answer["code"], "conflict", "{answer}"),
                    }
                    newest = seq;
                }
                stored
            };
            clients.map(|client| scope.spawn(move || run(client))).map(|running| running.join().unwrap()).concat()
        });
        let conditions: BTreeSet<_> = stored.iter().map(|(condition, _)| condition).collect();
        assert_eq!(conditions.len(), 2 * ROUNDS, "{field}: two were stored on one condition");
        let mut chain = stored.clone();
        chain.sort_unstable();
        assert!(chain.windows(2).all(|pair| pair[0].1 == pair[1].0), "{field}: {chain:?}");
    }
}

#[test]
fn a_message_goes_to_one_member_of_a_group_on_each_server() {
    let Some((_database, servers)) = two() else { return };
    let join = json!({"type": "join", "room": "den", "group": "agents"});
    let mut members: Vec<_> = [(0, "Ann"), (0, "Bob"), (1, "Cy"), (1, "Dee")]
        .map(|(at, name)| WebSocketClient::multi(&servers[at], name))
        .into();
    members.iter_mut().for_each(|member| ok(member, join.clone()));
    let mut boss = WebSocketClient::json(&servers[0], "den", "Boss");
    let mut there = WebSocketClient::json(&servers[1], "den", "Watcher");
    let job = say(&mut boss, "job");
    assert_eq!(shown(&mut there), (job, "job".to_owned()), "the other server has it");
    for pair in members.chunks_mut(2) {
        let given: Vec<_> = pair.iter_mut().map(|member| member.settle("den")).collect();
        let jobs = given.iter().flatten().filter(|event| event["type"] == "message" && event["seq"] == job).count();
        assert_eq!(jobs, 1, "{given:?}");
    }
}

#[test]
fn a_pattern_hears_through_its_server_what_is_said_on_another_in_a_topic_that_is_open_on_both() {
    let Some((_database, servers)) = two() else { return };
    let mut patterns = WebSocketClient::multi(&servers[1], "Pat");
    let subscribed = patterns.ask(json!({"type": "subscribe", "pattern": "prices.*"}));
    assert_eq!(subscribed["type"], "subscribed", "{subscribed}");
    let mut feed = WebSocketClient::json(&servers[0], "prices.eur", "Feed");
    let say = |feed: &mut WebSocketClient, text: &str| {
        ok(feed, json!({"type": "message", "room": "prices.eur", "message": text}));
    };
    say(&mut feed, "heard by nobody there");
    let _there = WebSocketClient::json(&servers[1], "prices.eur", "Member");
    until("it is open there", || servers[1].engine().hub.has(&roomd::chat::RoomName::parse("prices.eur").unwrap()));
    say(&mut feed, "1.08");
    let heard = patterns.wait_for_type("message");
    assert_eq!((&heard["topic"], &heard["message"]), (&json!("prices.eur"), &json!("1.08")), "{heard}");
}
