//! History: CHATHISTORY by id and by time, as a bouncer asks that was cut off; and deletions.

use serde_json::json;

use crate::harness::{IrcClient, TestServer, WebSocketClient};

use super::server;

const CAPABILITIES: &str = "batch draft/chathistory draft/message-redaction message-tags server-time standard-replies";

/// Alice, who knows histories, in `#a`, where Bob has said `m1` to `m5`; the ids and times of the messages.
fn told(server: &TestServer) -> (IrcClient, IrcClient, Vec<(String, String)>) {
    let mut alice = IrcClient::capable(server, "alice", CAPABILITIES);
    let mut bob = IrcClient::named(server, "bob");
    alice.ask("JOIN #a");
    bob.ask("JOIN #a");
    let mut marks = Vec::new();
    for number in 1..=5 {
        bob.ask(&format!("PRIVMSG #a :m{number}"));
        let line = alice.wait_for(&format!("PRIVMSG #a :m{number}"));
        let tag = |name: &str| line.split(['@', ';', ' ']).find_map(|tag| tag.strip_prefix(name)).unwrap().to_owned();
        marks.push((tag("msgid="), tag("time=")));
    }
    (alice, bob, marks)
}

/// What an answer tells, which is one batch.
fn texts(lines: &[String]) -> Vec<&str> {
    let (first, last) = (&lines[0], lines.last().unwrap());
    let batch = first.strip_prefix(":irc.roomd BATCH +").and_then(|rest| rest.strip_suffix(" chathistory #a")).unwrap();
    assert_eq!(*last, format!(":irc.roomd BATCH -{batch}"));
    let inside = &lines[1..lines.len() - 1];
    assert!(inside.iter().all(|line| line.starts_with(&format!("@batch={batch};time="))), "{lines:?}");
    inside.iter().map(|line| line.rsplit(':').next().unwrap()).collect()
}

#[test]
fn a_part_of_the_history_is_named_by_ids_or_times() {
    let server = server();
    let (mut alice, _bob, marks) = told(&server);
    let id = |number: usize| format!("msgid={}", marks[number - 1].0);
    let time = |number: usize| format!("timestamp={}", marks[number - 1].1);
    for (query, expected) in [
        ("LATEST #a * 2".to_owned(), &["m4", "m5"][..]),
        (format!("LATEST #A {} 50", id(3)), &["m4", "m5"]),
        (format!("BEFORE #a {} 2", id(4)), &["m2", "m3"]),
        (format!("AFTER #a {} 10", id(3)), &["m4", "m5"]),
        (format!("AFTER #a {} 10", id(5)), &[]),
        (format!("AROUND #a {} 3", id(3)), &["m2", "m3", "m4"]),
        (format!("BETWEEN #a {} {} 10", id(1), id(4)), &["m2", "m3"]),
        (format!("BETWEEN #a {} {} 1", id(4), id(1)), &["m3"]),
        ("AFTER #a timestamp=2020-01-01T00:00:00.000Z 2".to_owned(), &["m1", "m2"]),
        ("BEFORE #a timestamp=2020-01-01T00:00:00.000Z 2".to_owned(), &[]),
        ("AFTER #a timestamp=2200-01-01T00:00:00.000Z 2".to_owned(), &[]),
    ] {
        let lines = alice.ask(&format!("CHATHISTORY {query}"));
        assert_eq!(texts(&lines), expected, "{query}");
    }
    // Two messages may have one time: what is not before it begins with the first of them.
    let lines = alice.ask(&format!("CHATHISTORY BEFORE #a {} 10", time(5)));
    assert!(["m1", "m2", "m3", "m4"].starts_with(&texts(&lines)), "{lines:?}");
}

#[test]
fn a_history_that_cannot_be_read_is_said_so() {
    let server = server();
    let (mut alice, mut bob, _) = told(&server);
    bob.ask("JOIN #b");
    bob.ask("PRIVMSG #b :secret");
    for (query, answer) in [
        ("LATEST #b * 5", "FAIL CHATHISTORY INVALID_TARGET LATEST #b :You are not in such a channel or conversation"),
        ("LATEST #zz * 5", "FAIL CHATHISTORY INVALID_TARGET LATEST #zz :You are not in such a channel or conversation"),
        ("LATEST #a 5", "FAIL CHATHISTORY INVALID_PARAMS LATEST :It needs a target, references and a limit"),
        (
            "AFTER #a msgid=5-00000000 5",
            "FAIL CHATHISTORY INVALID_PARAMS AFTER #a :A reference is msgid=ID or timestamp=TIME",
        ),
        ("AFTER #a * 5", "FAIL CHATHISTORY INVALID_PARAMS AFTER #a :A reference is msgid=ID or timestamp=TIME"),
        ("DANCE #a * 5", "FAIL CHATHISTORY INVALID_PARAMS DANCE :There is no such subcommand"),
    ] {
        alice.expect(&format!("CHATHISTORY {query}"), &[&format!(":irc.roomd {answer}")]);
    }
}

#[test]
fn the_channels_in_which_something_was_said_are_listed() {
    let server = server();
    let (mut alice, _bob, marks) = told(&server);
    alice.ask("JOIN #silent");
    let lines =
        alice.ask("CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z timestamp=2200-01-01T00:00:00.000Z 10");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].ends_with(&format!(" :irc.roomd CHATHISTORY TARGETS #a {}", marks[4].1)), "{lines:?}");
    let none =
        alice.ask("CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z timestamp=2020-02-01T00:00:00.000Z 10");
    assert_eq!(none.len(), 2, "{none:?}");
}

#[test]
fn a_message_is_deleted_by_its_author() {
    let server = server();
    let (mut alice, mut bob, marks) = told(&server);
    let refused = alice.ask(&format!("REDACT #a {}", marks[0].0));
    let about = format!("#a {}", marks[0].0);
    assert_eq!(refused, [format!(":irc.roomd FAIL REDACT REDACT_FORBIDDEN {about} :The message 1 is somebody else's")]);
    bob.ask(&format!("REDACT #a {}", marks[0].0));
    assert!(alice.wait_for("REDACT").ends_with(&format!(" :bob!~u@irc.roomd REDACT #a {}", marks[0].0)));
    // The reason is told on every door, and stays.
    let mut page = WebSocketClient::open(&server, "/ws?format=json&room=a&user=Pat");
    page.wait_for_type("joined");
    bob.ask(&format!("REDACT #a {} :off topic", marks[1].0));
    assert!(alice.wait_for("REDACT").ends_with(&format!(" REDACT #a {} :off topic", marks[1].0)));
    assert_eq!(page.wait_for_type("delete")["note"], "off topic");
    let history = page.ask(json!({"type": "history", "room": "a"}));
    let told = &history["messages"].as_array().unwrap()[..2];
    assert_eq!((&told[0]["deleted"], &told[0]["note"]), (&json!(true), &json!(null)));
    assert_eq!((&told[1]["deleted"], &told[1]["note"]), (&json!(true), &json!("off topic")));
    let unknown = alice.ask("REDACT #a 1-00000000");
    assert_eq!(unknown, [":irc.roomd FAIL REDACT UNKNOWN_MSGID #a 1-00000000 :There is no such message here"]);
    let lines = alice.ask("CHATHISTORY LATEST #a * 10");
    assert_eq!(texts(&lines), ["m3", "m4", "m5"]);
}
