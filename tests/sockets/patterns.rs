//! Patterns: many topics by one subscription, over every door.

use std::sync::Arc;

use roomd::channel::bounded;
use roomd::chat::{Event, Pattern, UserName};
use roomd::{ChannelRecipient, PatternMember};
use serde_json::{Value, json};

use crate::harness::issuer::{bearer, claim, server as with_issuer, token, welcomed};
use crate::harness::{DEADLINE, LineClient, TestServer, WebSocketClient, http};

fn subscribe(client: &mut WebSocketClient, pattern: &str) {
    let answer = client.ask(json!({"type": "subscribe", "pattern": pattern}));
    assert_eq!((&answer["type"], &answer["pattern"]), (&json!("subscribed"), &json!(pattern)), "{answer}");
}

fn unsubscribe(client: &mut WebSocketClient, pattern: &str) {
    let answer = client.ask(json!({"type": "unsubscribe", "pattern": pattern}));
    assert_eq!(answer["type"], "unsubscribed", "{answer}");
}

/// Publishes over HTTP, to a topic that may not be open.
fn publish(server: &TestServer, topic: &str, text: &str) {
    let path = format!("/api/v1/rooms/{topic}/messages");
    assert_eq!(http::post(server, &path, &json!({"message": text, "user": "feed"})).status, 201);
}

/// The messages up to the one that says this, which is published to `end`: all that were before it.
fn heard(client: &mut WebSocketClient, server: &TestServer, end: &str) -> Vec<String> {
    publish(server, end, "the end");
    let mut heard = Vec::new();
    loop {
        let event = client.event();
        if event["type"] != "message" {
            continue;
        }
        if event["message"] == "the end" {
            return heard;
        }
        heard.push(format!("{} {}", event["topic"].as_str().unwrap(), event["message"].as_str().unwrap()));
    }
}

fn refusal(client: &mut WebSocketClient, command: Value) -> String {
    client.ask(command)["code"].as_str().unwrap_or("not refused").to_owned()
}

#[test]
fn a_pattern_is_given_what_every_topic_says_that_matches_whenever_it_opens() {
    let server = TestServer::start();
    let mut early = WebSocketClient::json(&server, "prices.eur", "Ann");
    let mut board = WebSocketClient::multi(&server, "Board");
    subscribe(&mut board, "prices.*");
    early.publish("prices.eur", "1.08");
    early.settle("prices.eur");
    publish(&server, "prices.usd", "1");
    publish(&server, "prices.usd", "2");
    publish(&server, "prices.usd.spot", "another level");
    publish(&server, "orders.eur", "another name");
    assert_eq!(heard(&mut board, &server, "prices.end"), ["prices.eur 1.08", "prices.usd 1", "prices.usd 2"]);
    // Nobody learns of it, and it keeps no topic open.
    assert_eq!(early.ask(json!({"type": "members", "room": "prices.eur"}))["count"], 1);
    early.leave();
    assert_eq!(server.engine().hub.len(), 0);
}

#[test]
fn a_topic_that_was_joined_as_well_comes_once() {
    let server = TestServer::start();
    let mut board = WebSocketClient::multi(&server, "Board");
    subscribe(&mut board, "prices.*");
    subscribe(&mut board, "prices.>");
    publish(&server, "prices.eur", "0");
    assert_eq!(heard(&mut board, &server, "prices.end"), ["prices.eur 0"], "two patterns match");
    let joined = board.ask(json!({"type": "subscribe", "topic": "prices.eur", "history": 0}));
    assert_eq!((&joined["type"], &joined["count"]), (&json!("joined"), &json!(1)));
    publish(&server, "prices.eur", "1");
    assert_eq!(heard(&mut board, &server, "prices.end"), ["prices.eur 1"], "joined, and by patterns");
    assert_eq!(board.ask(json!({"type": "leave", "room": "prices.eur"}))["type"], "left");
    publish(&server, "prices.eur", "2");
    assert_eq!(heard(&mut board, &server, "prices.end"), ["prices.eur 2"], "by patterns again");
    // What a client publishes itself joins its topic silently.
    board.command(&json!({"topic": "prices.eur", "message": "3"}));
    assert_eq!(board.wait_for_type("message")["message"], "3");
    assert_eq!(heard(&mut board, &server, "prices.end"), [""; 0], "its own message has come once");
}

#[test]
fn after_the_answer_to_unsubscribe_nothing_comes_that_no_other_pattern_matches() {
    let server = TestServer::start();
    let _open = WebSocketClient::json(&server, "prices.eur", "Ann");
    let _also = WebSocketClient::json(&server, "prices.usd.spot", "Ann");
    let mut board = WebSocketClient::multi(&server, "Board");
    ["prices.*", "prices.>", "end"].into_iter().for_each(|pattern| subscribe(&mut board, pattern));
    unsubscribe(&mut board, "prices.>");
    publish(&server, "prices.eur", "1");
    publish(&server, "prices.usd.spot", "no longer");
    assert_eq!(heard(&mut board, &server, "end"), ["prices.eur 1"]);
    unsubscribe(&mut board, "prices.*");
    publish(&server, "prices.eur", "no longer");
    publish(&server, "prices.gbp", "no longer");
    assert_eq!(heard(&mut board, &server, "end"), [""; 0]);
    assert_eq!(refusal(&mut board, json!({"type": "unsubscribe", "pattern": "prices.*"})), "not_found");
}

#[test]
fn what_makes_no_sense_with_a_pattern_is_refused() {
    let server = TestServer::start();
    let mut board = WebSocketClient::multi(&server, "Board");
    for (field, value) in [
        ("topic", json!("prices.eur")),
        ("history", json!(3)),
        ("since", json!({"epoch": "e", "seq": 1})),
        ("latest", json!(true)),
        ("group", json!("agents")),
        ("invitation", json!("0123")),
    ] {
        let mut command = json!({"type": "subscribe", "pattern": "prices.*"});
        command[field] = value;
        assert_eq!(refusal(&mut board, command), "bad_request", "{field}");
    }
    for bad in ["prices.e*", "prices.>.eur", "a..b", "", "dm:a:b"] {
        assert_eq!(refusal(&mut board, json!({"type": "subscribe", "pattern": bad})), "bad_request", "{bad}");
    }
    subscribe(&mut board, "prices.*");
    assert_eq!(refusal(&mut board, json!({"type": "subscribe", "pattern": "prices.*"})), "bad_request");
    // By name it is a room that may be called so.
    assert_eq!(board.ask(json!({"type": "subscribe", "topic": "prices.*"}))["type"], "joined");
    let stream = http::get(&server, "/api/v1/events?pattern=prices.*");
    assert_eq!((stream.status, &*stream.error()), (400, "bad_request"));
    for number in 1..16 {
        subscribe(&mut board, &format!("more.{number}"));
    }
    assert_eq!(refusal(&mut board, json!({"type": "subscribe", "pattern": "a.*"})), "too_many_rooms");
}

#[test]
fn a_connection_is_in_so_many_topics_by_patterns_and_is_told_when_one_is_left_out() {
    let server = TestServer::with(|settings| settings.limits.rooms_per_connection = 2);
    let mut board = WebSocketClient::multi(&server, "Board");
    subscribe(&mut board, "prices.*");
    let [eur, _usd, _gbp] =
        ["eur", "usd", "gbp"].map(|name| WebSocketClient::json(&server, &format!("prices.{name}"), name));
    let told = board.wait_for_type("error");
    assert_eq!((&told["code"], &told["room"]), (&json!("too_many_rooms"), &json!("prices.gbp")), "{told}");
    publish(&server, "prices.gbp", "left out");
    publish(&server, "prices.eur", "1");
    assert_eq!(board.wait_for_type("message")["message"], "1");
    // A topic that closes gives its place to one that opens.
    eur.leave();
    publish(&server, "prices.chf", "2");
    assert_eq!(board.wait_for_type("message")["topic"], "prices.chf");
}

#[test]
fn the_access_rules_of_each_topic_hold() {
    let server = TestServer::start();
    let owner = claim(&server, "Olga");
    let (mut olga, _) = welcomed(&server, &owner);
    for (room, private) in [("team.secret", true), ("team.open", false)] {
        assert_eq!(olga.ask(json!({"type": "create", "room": room, "private": private}))["type"], "created");
        assert_eq!(olga.ask(json!({"type": "join", "room": room}))["type"], "joined");
    }
    let mut spy = WebSocketClient::multi(&server, "Spy");
    subscribe(&mut spy, "team.*");
    let say = |olga: &mut WebSocketClient, room: &str, text: &str| {
        assert_eq!(olga.ask(json!({"type": "message", "room": room, "message": text}))["type"], "sent");
    };
    say(&mut olga, "team.secret", "hidden");
    say(&mut olga, "team.open", "shown");
    assert_eq!(spy.wait_for_type("message")["message"], "shown");
    let moderate = |olga: &mut WebSocketClient, verb: &str| {
        let answer = olga.ask(json!({"type": verb, "room": "team.open", "user": "Spy"}));
        assert_ne!(answer["type"], "error", "{answer}");
    };
    moderate(&mut olga, "ban");
    assert_eq!(spy.wait_for_type("removed")["topic"], "team.open");
    say(&mut olga, "team.open", "without Spy");
    // Neither does a new subscription let in who is banned; when the ban is over, it does.
    unsubscribe(&mut spy, "team.*");
    subscribe(&mut spy, "team.*");
    say(&mut olga, "team.open", "nor now");
    moderate(&mut olga, "unban");
    unsubscribe(&mut spy, "team.*");
    subscribe(&mut spy, "team.*");
    say(&mut olga, "team.open", "again");
    assert_eq!(spy.wait_for_type("message")["message"], "again");
    // A room that ends and begins again is another topic, which is open.
    assert_ne!(olga.ask(json!({"type": "end", "room": "team.open"}))["type"], "error");
    publish(&server, "team.open", "anew");
    assert_eq!(spy.wait_for_type("message")["message"], "anew");
}

#[test]
fn a_token_that_is_for_some_rooms_matches_no_others() {
    let server = with_issuer(|_| ());
    let rooms = token(json!({"sub": "Tom", "exp": 4_102_444_800_u64, "rooms": ["prices.eur"]}));
    let (mut tom, _) = welcomed(&server, &rooms);
    subscribe(&mut tom, ">");
    let fields = bearer(&rooms);
    for (room, status) in [("prices.usd", 403), ("prices.eur", 201)] {
        let line = format!("POST /api/v1/rooms/{room}/messages");
        assert_eq!(http::ask(&server, &line, &fields, room).status, status);
    }
    publish(&server, "prices.usd", "not for Tom");
    publish(&server, "prices.eur", "for Tom");
    assert_eq!([(); 2].map(|()| tom.wait_for_type("message")["message"].clone()), ["prices.eur", "for Tom"]);
}

#[test]
fn who_resumes_a_session_has_its_patterns_again() {
    let server = TestServer::with(|settings| settings.limits.grace = DEADLINE);
    let mut board = WebSocketClient::open(&server, "/ws?user=Board&format=json");
    let token = board.wait_for_type("welcome")["resume"].clone();
    subscribe(&mut board, "prices.*");
    let _open = WebSocketClient::json(&server, "prices.eur", "Ann");
    // Without a close frame: the session is detached, or taken over where that is still under way.
    drop(board);
    let mut back = WebSocketClient::open(&server, "/ws?user=Other&format=json");
    assert_eq!(back.ask(json!({"type": "resume", "resume": token}))["type"], "resumed");
    // The answer to any later command comes when the patterns are back.
    back.ask(json!({"type": "ping"}));
    publish(&server, "prices.eur", "1");
    publish(&server, "prices.usd", "2");
    assert_eq!(heard(&mut back, &server, "prices.end"), ["prices.eur 1", "prices.usd 2"]);
    unsubscribe(&mut back, "prices.*");
}

#[test]
fn a_line_client_hears_other_rooms_with_their_names_before_what_is_said() {
    let server = TestServer::start();
    let mut line = LineClient::named(&server, "Lin");
    line.say("/subscribe prices.*");
    line.wait_for("* You hear every room that matches prices.*");
    publish(&server, "prices.eur", "1.08");
    line.wait_for("[prices.eur] feed: 1.08");
    line.say("/subscribe prices.e*");
    line.wait_for(
        "Error: Between the dots of a pattern stands a name, or * for any one level; at its end may be >, for one or more",
    );
    line.say("/unsubscribe prices.*");
    line.wait_for("* You hear the rooms that match prices.* no longer");
    publish(&server, "prices.eur", "1.09");
    line.say("/time");
    assert!(line.receive().starts_with("* The server's time"));
}

#[test]
fn a_program_in_process_is_given_what_matches() {
    let server = TestServer::start();
    let (sender, events) = bounded(100);
    let who = UserName::parse("Prog").unwrap();
    let mut program = PatternMember::new(server.engine(), who, Arc::new(ChannelRecipient::new(sender))).unwrap();
    let pattern = Pattern::parse("prices.>").unwrap();
    program.subscribe(pattern.clone()).unwrap();
    publish(&server, "prices.eur", "1");
    publish(&server, "orders.eur", "another");
    publish(&server, "prices.usd.spot", "2");
    let mut rooms = Vec::new();
    while rooms.len() < 2 {
        if let Event::Message(message) = &*events.recv_timeout(DEADLINE).unwrap() {
            rooms.push(message.room.to_string());
        }
    }
    assert_eq!(rooms, ["prices.eur", "prices.usd.spot"]);
    program.unsubscribe(&pattern).unwrap();
    assert!(program.unsubscribe(&pattern).is_err());
    publish(&server, "prices.eur", "no longer");
    drop(program);
    assert!(events.try_iter().all(|event| !event.is_message()));
}
