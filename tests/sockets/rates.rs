//! Rates by role: guests, tokens and rooms have their own, over every door, and each client is told what is in force.

use std::sync::Arc;
use std::time::Duration;

use roomd::chat::{RoomName, UserName};
use roomd::{ChannelRecipient, Member, Settings, channel};
use serde_json::{Value, json};

use crate::harness::issuer::{self, bearer, good, token, welcomed};
use crate::harness::{Http, IrcClient, LineClient, TestServer, WebSocketClient, http, until};

const MESSAGES: &str = "POST /api/v1/rooms/den/messages";
const JSON: &str = "Content-Type: application/json\r\n";

/// A token of this user with another claim `rate`.
fn rated(user: &str, rate: Value) -> String {
    token(json!({"sub": user, "exp": 4_000_000_000_u64, "rate": rate}))
}

/// Where guests may send one message a second, others two, and three at once.
fn server(change: impl FnOnce(&mut Settings)) -> TestServer {
    issuer::server(|settings| {
        (settings.limits.rate_burst, settings.limits.rate_per_s) = (3, 2);
        settings.limits.guest_rate_per_s = Some(1);
        settings.limits.rate_offences_max = 1_000_000;
        change(settings);
    })
}

fn rate(burst: u32, per_s: u32) -> Value {
    json!({"burst": burst, "per_s": per_s})
}

/// Says so many things at once in `den`, where it is; how many were refused.
fn refused(client: &mut WebSocketClient, count: usize) -> usize {
    for id in 0..count {
        client.command(&json!({"type": "message", "room": "den", "message": "hi", "id": id}));
    }
    let (mut answered, mut refused) = (0, 0);
    while answered < count {
        let event = client.event();
        answered += usize::from(event["id"].is_u64());
        refused += usize::from(event["code"] == "rate_limited");
    }
    refused
}

#[test]
fn each_role_is_told_its_rate_and_keeps_to_it() {
    let server = server(|_| ());
    let mut guest = WebSocketClient::open(&server, "/ws?user=Guy&format=json");
    assert_eq!(guest.event_of("welcome")["limits"]["rate"], rate(3, 1));
    let (mut member, welcome) = welcomed(&server, &good("Mia"));
    assert_eq!(welcome["limits"]["rate"], rate(3, 2));
    let (mut player, welcome) = welcomed(&server, &rated("Pam", json!(60)));
    assert_eq!(welcome["limits"]["rate"], rate(60, 60));
    let (mut publisher, welcome) = welcomed(&server, &rated("Feed", json!(20_000)));
    assert_eq!((&welcome["limits"]["rate"], &welcome["limits"]["room_rate"]), (&rate(20_000, 20_000), &Value::Null));
    for client in [&mut guest, &mut member, &mut player, &mut publisher] {
        client.ask(json!({"type": "join", "room": "den"}));
    }
    // What is refused in a moment is not refused for long, so a slow machine lets more through.
    assert!((20..=57).contains(&refused(&mut guest, 60)));
    assert!((20..=57).contains(&refused(&mut member, 60)));
    assert_eq!(refused(&mut player, 60), 0);
    assert_eq!(refused(&mut publisher, 500), 0);
}

#[test]
fn a_client_that_authenticates_or_refreshes_its_token_has_the_rate_that_this_says() {
    let server = server(|_| ());
    let mut client = WebSocketClient::open(&server, "/ws?user=Guy&format=json");
    assert_eq!(client.event_of("welcome")["limits"]["rate"], rate(3, 1));
    let welcome = client.ask(json!({"type": "auth", "token": rated("Pam", json!(1_000))}));
    assert_eq!((&welcome["type"], &welcome["limits"]["rate"]), (&json!("welcome"), &rate(1_000, 1_000)));
    client.ask(json!({"type": "join", "room": "den"}));
    assert_eq!(refused(&mut client, 200), 0);
    assert_eq!(client.ask(json!({"type": "refresh", "token": good("Pam")}))["type"], "ok");
    assert!(refused(&mut client, 60) > 0);
}

#[test]
fn a_session_that_is_resumed_keeps_its_rate() {
    let server = server(|settings| settings.limits.grace = Duration::from_secs(60));
    let (mut client, welcome) = welcomed(&server, &rated("Pam", json!(1_000)));
    client.ask(json!({"type": "join", "room": "den"}));
    drop(client);
    until("its session waits", || server.engine().sessions.detached() == 1);
    let mut client = WebSocketClient::open(&server, "/ws?user=Guy&format=json");
    let resumed = client.ask(json!({"type": "resume", "resume": welcome["resume"]}));
    assert_eq!(resumed["user"], "Pam", "{resumed}");
    assert_eq!(refused(&mut client, 200), 0);
}

#[test]
fn a_claim_that_is_no_rate_makes_the_token_invalid() {
    let server = server(|_| ());
    for wrong in [json!(0), json!(-1), json!(1.5), json!(1_000_001), json!("60"), json!({"per_s": 60}), json!(true)] {
        let answer = http::ask(&server, "GET /api/v1/me", &bearer(&rated("Pam", wrong.clone())), "");
        assert_eq!((answer.status, &*answer.error()), (401, "unauthorized"), "{wrong}");
        assert_eq!(answer.json()["error"]["message"], "The token is not understood");
    }
    // As with any claim of which an issuer knows nothing.
    for none in [json!(null), json!("")] {
        let answer = http::ask(&server, "GET /api/v1/me", &bearer(&rated("Mia", none)), "");
        assert_eq!(answer.json()["rate"], rate(3, 2));
    }
    assert_eq!(http::get(&server, "/api/v1/me?user=Guy").json()["rate"], rate(3, 1));
}

#[test]
fn requests_of_http_have_the_rate_of_their_user() {
    let server = server(|_| ());
    let posted = |fields: &str, count: usize| {
        let mut http = Http::connect(&server);
        (0..count).for_each(|_| http.request(MESSAGES, &format!("{JSON}{fields}"), r#"{"message":"hi"}"#));
        (0..count).filter(|_| http.answer().status == 429).count()
    };
    assert!(posted("", 60) > 0);
    assert!(posted(&bearer(&good("Mia")), 60) > 0);
    assert_eq!(posted(&bearer(&rated("Pam", json!(60))), 60), 0);
    // One connection of several users, as a proxy may keep it: what one used up is not given back by another.
    let mut http = Http::connect(&server);
    let mut post = |fields: &str| {
        http.request(MESSAGES, &format!("{JSON}{fields}"), r#"{"message":"hi"}"#);
        http.answer().status
    };
    while post("") == 201 {}
    assert_eq!(post(&bearer(&rated("Low", json!(1)))), 429);
}

#[test]
fn a_ticket_gives_the_rate_of_its_token() {
    let server = server(|_| ());
    let issued = http::ask(&server, "POST /api/v1/tickets", &bearer(&rated("Pam", json!(60))), "").json();
    let path = format!("/ws?format=json&ticket={}", issued["ticket"].as_str().unwrap());
    assert_eq!(WebSocketClient::open(&server, &path).event_of("welcome")["limits"]["rate"], rate(60, 60));
}

#[test]
fn lines_have_the_rate_of_their_user() {
    let server = server(|_| ());
    let mut guest = LineClient::named(&server, "Guy");
    let mut pam = LineClient::guest(&server);
    pam.say(&format!("/auth {}", rated("Pam", json!(60))));
    pam.wait_for("* You are now Pam");
    pam.send("hi\n".repeat(50).as_bytes());
    assert_eq!(pam.settle().iter().filter(|line| line.starts_with("Error")).count(), 0);
    guest.send("hi\n".repeat(60).as_bytes());
    guest.wait_for("Error: Rate limit exceeded; not sent: hi");
}

#[test]
fn irc_has_the_rate_of_its_user() {
    let server = server(|settings| settings.irc = Some("127.0.0.1:0".to_owned()));
    let mut pam = IrcClient::with_token(&server, &rated("Pam", json!(60)));
    pam.ask("JOIN #den");
    (0..50).for_each(|_| pam.say("PRIVMSG #den :hi"));
    assert_eq!(pam.settle(), Vec::<String>::new());
}

/// What a room takes from all of its clients together, whom nothing else limits.
fn crowded() -> TestServer {
    issuer::server(|settings| {
        settings.irc = Some("127.0.0.1:0".to_owned());
        settings.limits.room_rate_per_s = 5;
    })
}

#[test]
fn a_room_takes_so_much_from_all_of_its_clients_together() {
    let server = crowded();
    let mut jo = WebSocketClient::open(&server, "/ws?user=Jo&format=json");
    assert_eq!(jo.event_of("welcome")["limits"]["room_rate"], rate(5, 5));
    assert_eq!(jo.ask(json!({"type": "join", "room": "den"}))["room_rate"], rate(5, 5));
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let said = json!({"type": "message", "room": "den", "message": "hi"});
    let refusal = loop {
        let answer = jo.ask(said.clone());
        if answer["type"] == "error" {
            break answer;
        }
    };
    assert_eq!((&refusal["code"], &refusal["room"]), (&json!("rate_limited"), &json!("den")));
    assert!((1..=200).contains(&refusal["retry_after_ms"].as_u64().unwrap()), "{refusal}");
    // So is everybody else's, over every door, and told which of their messages it was.
    text.say(&"hello you ".repeat(30));
    text.say("hello you");
    text.wait_for("Error: The members of this room say more than it takes; not sent: hello you");
    let posted = |fields: &str| {
        let answer = http::ask(&server, MESSAGES, &format!("{JSON}{fields}"), r#"{"message":"hi"}"#);
        (answer.status, answer.json()["error"]["room"].clone())
    };
    while posted("").0 == 201 {}
    assert_eq!(posted("").1, "den");
    let mut bob = IrcClient::capable(&server, "bob", "standard-replies");
    bob.ask("JOIN #den");
    let refused = loop {
        let answer = bob.ask("PRIVMSG #den :hi");
        if let Some(refused) = answer.into_iter().find(|line| line.contains("FAIL")) {
            break refused;
        }
    };
    let begin = ":irc.roomd FAIL PRIVMSG RATE_LIMITED #den :The members of this room say more than it takes;";
    assert!(refused.starts_with(begin), "{refused}");
    // Other rooms take what they took, and in this one all else goes on.
    assert_eq!(jo.ask(json!({"topic": "hall", "message": "hi"}))["type"], "sent");
    let first = jo.ask(json!({"type": "history", "room": "den", "before": 2}));
    assert_eq!(first["messages"][0]["seq"], 1);
    assert_eq!(jo.ask(json!({"type": "delete", "room": "den", "seq": 1}))["type"], "ok");
    let edit = json!({"type": "edit", "room": "den", "seq": 2, "message": "ho"});
    while jo.ask(edit.clone())["type"] == "ok" {}
}

#[test]
fn who_may_not_speak_uses_nothing_up_and_whose_token_says_a_rate_is_not_counted() {
    let server = crowded();
    let (mut feed, _) = welcomed(&server, &rated("Feed", json!(20_000)));
    feed.ask(json!({"type": "join", "room": "den"}));
    assert_eq!(refused(&mut feed, 500), 0);
    let posted =
        http::ask(&server, MESSAGES, &format!("{JSON}{}", bearer(&rated("Bot", json!(60)))), r#"{"message":"hi"}"#);
    assert_eq!(posted.status, 201);
    // A program in the server's process has no rate.
    let (sender, _events) = channel::bounded(1_000);
    let (room, user) = (RoomName::parse("den").unwrap(), UserName::parse("Prog").unwrap());
    let prog = Member::join(server.engine(), &room, user, Arc::new(ChannelRecipient::new(sender)), 0).unwrap();
    assert!((0..100).all(|_| prog.say("hi").is_ok()));
    let mut jo = WebSocketClient::json(&server, "den", "Jo");
    for _ in 0..50 {
        assert_eq!(
            jo.ask(json!({"type": "message", "room": "den", "message": "x", "reply_to": 9_999}))["code"],
            "not_found"
        );
    }
    assert_eq!(jo.ask(json!({"type": "message", "room": "den", "message": "hi"}))["type"], "sent");
}

#[test]
fn what_is_refused_for_a_rate_and_has_no_id_is_named() {
    let server = server(|_| ());
    let mut client = WebSocketClient::json(&server, "den", "Jo");
    let mut named = |command: Value, mid: Value, excerpt: Value| {
        for _ in 0..60 {
            client.command(&command);
        }
        let refused = loop {
            let event = client.event();
            if event["code"] == "rate_limited" {
                break event;
            }
        };
        assert_eq!((&refused["mid"], &refused["excerpt"], &refused["room"]), (&mid, &excerpt, &Value::Null));
        client.settle("den");
    };
    named(json!({"topic": "den", "message": "hello  you"}), Value::Null, json!("hello you"));
    named(json!({"type": "message", "room": "den", "message": "1.08", "mid": "m7"}), json!("m7"), json!("1.08"));
    named(json!({"type": "private", "to": "Al", "cipher": {"ct": "x"}, "mid": "m8"}), json!("m8"), Value::Null);
    let refused = loop {
        let answer = client.ask(json!({"topic": "den", "message": "hi", "mid": "m9"}));
        if answer["type"] == "error" {
            break answer;
        }
    };
    assert_eq!((&refused["mid"], &refused["excerpt"]), (&Value::Null, &Value::Null), "an id says it");
}
