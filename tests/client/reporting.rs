//! What a program reports and changes beside messages: receipts, replies, reactions, edits, and pages of a history.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Proxy, TestServer, in_room, wait_for};
use roomd_client::{Client, Error, Event, Options};

fn receipt_of(client: &mut Client, status: &str) -> (String, u64) {
    wait_for(client, |event| match event {
        Event::Other(value) if value["type"] == "receipt" && value["status"] == status => {
            Some((value["user"].as_str()?.to_owned(), value["seq"].as_u64()?))
        }
        _ => None,
    })
}

#[test]
fn an_author_learns_what_was_received_and_read() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (in_room(&server.url(), "Ann", "r"), in_room(&server.url(), "Bob", "r"));
    let seq = ann.publish("r", "hi").unwrap().seq;
    bob.received("r", seq).unwrap();
    assert_eq!(receipt_of(&mut ann, "received"), ("Bob".to_owned(), seq));
    bob.read("r", seq).unwrap();
    assert_eq!(receipt_of(&mut ann, "read"), ("Bob".to_owned(), seq));
}

#[test]
fn what_was_read_while_the_connection_was_lost_is_reported_when_it_is_back() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.address(), []);
    let (mut ann, mut bob) = (in_room(&server.url(), "Ann", "r"), in_room(&proxy.url(), "Bob", "r"));
    let seq = ann.publish("r", "hi").unwrap().seq;
    wait_for(&mut bob, |event| matches!(event, Event::Message(message) if message.seq == seq).then_some(()));
    proxy.turn_to(None);
    wait_for(&mut bob, |event| matches!(event, Event::Offline { .. }).then_some(()));
    bob.read("r", seq).unwrap();
    proxy.turn_to(Some(server.address()));
    wait_for(&mut bob, |event| matches!(event, Event::Rejoined(_)).then_some(()));
    assert_eq!(receipt_of(&mut ann, "read"), ("Bob".to_owned(), seq));
}

#[test]
fn in_a_large_room_an_author_who_has_asked_learns_how_many_have_read() {
    let server = TestServer::with(|settings| settings.limits.receipts_members_max = 1);
    let proxy = Proxy::to(server.address(), []);
    let options = Options { receipt_counts: true, ..Options::user("Ann") };
    let mut ann = Client::connect(&proxy.url(), options).unwrap();
    ann.join("r").unwrap();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let mut reads = |ann: &mut Client, seq: u64| {
        bob.read("r", seq).unwrap();
        let counted = |value: &serde_json::Value| value["type"] == "receipt_counts" && value["seq"] == seq;
        wait_for(ann, |event| match event {
            Event::Other(value) if counted(&value) && value["read"] == 1 => Some(()),
            _ => None,
        });
    };
    let seq = ann.publish("r", "hi").unwrap().seq;
    reads(&mut ann, seq);
    // Also on the next connection.
    proxy.turn_to(None);
    wait_for(&mut ann, |event| matches!(event, Event::Offline { .. }).then_some(()));
    proxy.turn_to(Some(server.address()));
    wait_for(&mut ann, |event| matches!(event, Event::Rejoined(_)).then_some(()));
    let seq = ann.publish("r", "again").unwrap().seq;
    reads(&mut ann, seq);
}

#[test]
fn replies_reactions_edits_and_deletions_are_those_of_the_protocol() {
    let server = TestServer::start();
    let mut ann = in_room(&server.url(), "Ann", "r");
    let first = ann.publish("r", "hi").unwrap().seq;
    let reply = ann.reply("r", first, "hi yourself").unwrap().seq;
    let reaction = ann.react("r", first, "👍").unwrap().seq;
    ann.edit("r", first, "hello").unwrap();
    ann.delete("r", reply, None).unwrap();
    let history = ann.history("r", 10).unwrap();
    let shown: Vec<_> = history.messages.iter().map(|m| (m.seq, m.text.as_deref(), m.reply_to, m.react_to)).collect();
    assert_eq!(
        shown,
        [
            (first, Some("hello"), None, None),
            (reply, None, Some(first), None),
            (reaction, Some("👍"), None, Some(first)),
        ]
    );
    assert!(ann.edit("r", 99, "x").is_err());
}

#[test]
fn a_history_is_read_page_by_page_and_says_whose_a_message_is() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (in_room(&server.url(), "Ann", "r"), in_room(&server.url(), "Bob", "r"));
    for number in 1..=3 {
        ann.publish("r", &format!("a{number}")).unwrap();
        bob.publish("r", &format!("b{number}")).unwrap();
    }
    let texts = |history: roomd_client::History| -> Vec<_> {
        history.messages.into_iter().map(|message| (message.text.unwrap(), message.own)).collect()
    };
    let expected =
        |names: &[&str]| -> Vec<_> { names.iter().map(|name| (name.to_string(), name.starts_with('a'))).collect() };
    assert_eq!(texts(ann.history("r", 2).unwrap()), expected(&["a3", "b3"]));
    assert_eq!(texts(ann.history_before("r", 5, 2).unwrap()), expected(&["a2", "b2"]));
    assert_eq!(texts(ann.history_after("r", 0, 3).unwrap()), expected(&["a1", "b1", "a2"]));
}

#[test]
fn any_command_can_be_sent_with_or_without_a_reply() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (in_room(&server.url(), "Ann", "r"), in_room(&server.url(), "Bob", "r"));
    assert!(ann.ask(json!({"type": "time"})).unwrap()["epoch_ms"].is_u64());
    assert!(ann.ask(json!({"type": "no such command"})).is_err());
    // Replies that the client knows are given as they are, too.
    let message = json!({"type": "private", "to": "Bob", "message": "psst", "mid": "m1"});
    assert_eq!(ann.ask(message).unwrap()["mid"], "m1");
    let reply = json!({"type": "private", "to": "Bob", "message": "hm", "reply_to": 1});
    assert_eq!(ann.ask(reply).unwrap()["seq"], 2);
    for (kind, field) in [("history", "messages"), ("members", "members"), ("rooms", "rooms")] {
        assert!(ann.ask(json!({"type": kind, "room": "r"})).unwrap()[field].is_array(), "{kind}");
    }
    assert_eq!(ann.ask(json!({"type": "ping"})).unwrap()["type"], "pong");
    for no_command in [json!({"room": "r"}), json!(["time"]), json!({"type": 7}), json!({"type": "join", "room": "x"})]
    {
        assert!(matches!(ann.ask(no_command.clone()), Err(Error::Invalid(_))), "{no_command}");
        assert!(matches!(ann.tell(no_command.clone()), Err(Error::Invalid(_))), "{no_command}");
    }
    assert!(ann.tell(json!({"type": "offer", "to": "Bob", "payload": 7})).unwrap());
    let payload = wait_for(&mut bob, |event| match event {
        Event::Other(value) if value["type"] == "offer" => value["payload"].as_u64(),
        _ => None,
    });
    assert_eq!(payload, 7);
    assert!(ann.tell(json!({"type": "read", "room": "r", "seq": 99})).unwrap());
    let refusal = wait_for(&mut ann, |event| match event {
        Event::Refused(refusal) => Some(refusal.code.to_string()),
        _ => None,
    });
    assert_eq!(refusal, "not_found");
    assert!(ann.receive(Duration::ZERO).is_ok());
}
