//! Groups, over sockets: each message is one member's until it is done, and a lost connection is noticed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{LineClient, TestServer, WebSocketClient};

/// A client in the group `agents` of the room `jobs`.
fn agent(server: &TestServer, name: &str, more: &Value) -> WebSocketClient {
    let mut client = WebSocketClient::multi(server, name);
    let mut join = json!({"type": "subscribe", "room": "jobs", "group": "agents"});
    join.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let joined = client.ask(join);
    assert_eq!(joined["type"], "joined", "{joined}");
    client
}

fn done(client: &mut WebSocketClient, seq: u64) -> Value {
    client.ask(json!({"type": "done", "room": "jobs", "seq": seq}))
}

/// The next message: its number, and whether it was another member's before.
fn given(client: &mut WebSocketClient) -> (u64, bool) {
    let message = client.wait_for_type("message");
    assert_eq!(message["group"], "agents", "{message}");
    (message["seq"].as_u64().unwrap(), message["redelivered"] == true)
}

#[test]
fn each_message_is_one_agent_s_until_it_is_done_and_the_others_in_the_room_have_all() {
    let server = &TestServer::start();
    let mut ann = WebSocketClient::json(server, "jobs", "Ann");
    let (mut bob, mut cem) = (agent(server, "Bob", &json!({})), agent(server, "Cem", &json!({"prefetch": 2})));
    for text in ["one", "two", "three", "four"] {
        ann.publish("jobs", text);
    }
    assert_eq!((given(&mut bob), given(&mut cem), given(&mut cem)), ((1, false), (2, false), (3, false)));
    assert_eq!(done(&mut bob, 2)["code"], "not_found");
    assert_eq!(done(&mut bob, 1)["type"], "ok");
    assert_eq!(given(&mut bob), (4, false));
    let seen: Vec<_> = (0..4).map(|_| ann.wait_for_type("message")).collect();
    assert!(seen.iter().all(|message| message.get("group").is_none()), "{seen:?}");
    // What one agent says, who has not read it, is another's: it is told nothing that is not its own.
    assert_eq!((bob.settle("jobs"), cem.settle("jobs")), (vec![], vec![]));
}

#[test]
fn what_an_agent_has_whose_connection_is_lost_is_the_next_one_s_and_resuming_brings_new_work() {
    let server = &TestServer::with(|settings| settings.limits.grace = Duration::from_secs(60));
    let mut ann = WebSocketClient::json(server, "jobs", "Ann");
    let mut bob = WebSocketClient::open(server, "/ws?user=Bob&format=json");
    let token = bob.event_of("welcome")["resume"].clone();
    bob.ask(json!({"type": "join", "room": "jobs", "group": "agents"}));
    let mut cem = agent(server, "Cem", &json!({}));
    ann.publish("jobs", "one");
    ann.publish("jobs", "two");
    assert_eq!((given(&mut bob), given(&mut cem)), ((1, false), (2, false)));
    drop(bob);
    assert_eq!(done(&mut cem, 2)["type"], "ok");
    assert_eq!(given(&mut cem), (1, true));
    let mut bob = WebSocketClient::multi(server, "x");
    let resumed = bob.ask(json!({"type": "resume", "resume": token}));
    assert_eq!(resumed["rooms"]["jobs"]["missed"], 0, "{resumed}");
    assert_eq!(done(&mut bob, 1)["code"], "not_found");
    ann.publish("jobs", "three");
    assert_eq!(given(&mut bob), (3, false));
    assert_eq!(done(&mut bob, 3)["type"], "ok");
}

#[test]
fn a_line_client_works_in_a_group() {
    let server = &TestServer::start();
    let mut ann = WebSocketClient::json(server, "jobs", "Ann");
    let mut bob = LineClient::connect(server);
    bob.greeted();
    bob.say("/work jobs agents");
    bob.settle();
    ann.publish("jobs", "first");
    bob.receives("[agents 1] Ann: first");
    ann.publish("jobs", "second");
    bob.say("/done 2");
    bob.receives("Error: The message 2 is not yours, or no longer");
    bob.say("/done 1");
    bob.receives("[agents 2] Ann: second");
    bob.say("/done two");
    bob.receives("Error: Usage: /done NUMBER");
    // Under another name it is in the group as before.
    bob.say("/nick Bob");
    bob.wait_for("[agents 2, again] Ann: second");
}

#[test]
fn a_group_is_joined_for_what_comes_and_nothing_else() {
    let server = &TestServer::start();
    let mut ann = WebSocketClient::json(server, "jobs", "Ann");
    ann.publish("jobs", "earlier");
    ann.settle("jobs");
    let mut bob = WebSocketClient::multi(server, "Bob");
    for wrong in [
        json!({"history": 5}),
        json!({"latest": true}),
        json!({"since": {"epoch": "e1", "seq": 0}}),
        json!({"prefetch": 0}),
        json!({"prefetch": 101}),
        json!({"visibility_s": 0}),
        json!({"visibility_s": 43_201}),
        json!({"group": "two words"}),
        json!({"group": null, "prefetch": 1}),
    ] {
        let mut join = json!({"type": "join", "room": "jobs", "group": "agents"});
        join.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!(bob.ask(join)["code"], "bad_request", "{wrong}");
    }
    bob.ask(json!({"type": "join", "room": "jobs", "group": "agents"}));
    assert_eq!(bob.settle("jobs"), Vec::<Value>::new());
    let page = bob.ask(json!({"type": "history", "room": "jobs"}));
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn a_room_has_sixteen_groups_and_one_that_nobody_uses_gives_its_place() {
    let server = &TestServer::start();
    let mut clients: Vec<_> = (0..16)
        .map(|at| {
            let mut client = WebSocketClient::multi(server, &format!("w{at}"));
            client.ask(json!({"type": "join", "room": "jobs", "group": format!("g{at}")}));
            client
        })
        .collect();
    let mut late = WebSocketClient::multi(server, "late");
    let join = json!({"type": "join", "room": "jobs", "group": "one-more"});
    assert_eq!(late.ask(join.clone())["code"], "room_full");
    assert_eq!(clients[3].ask(json!({"type": "leave", "room": "jobs"}))["type"], "left");
    assert_eq!(late.ask(join)["type"], "joined");
}
