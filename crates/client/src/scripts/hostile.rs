//! Scripts of servers that are newer, broken or hostile: the client goes on.
//!
//! Whatever arrives is an event, or the result of the request that it answers.

use std::time::Duration;

use serde_json::json;

use super::{Play, client, error, join, message, publish, welcome};
use crate::disconnect::Disconnect;
use crate::state_machine::Input;

#[test]
fn what_a_newer_server_says_breaks_nothing() {
    let mut play = Play::in_room();
    play.hears(&json!({"type": "receipt", "room": "r", "user": "B", "status": "read", "seq": 4}));
    play.hears(&json!({"type": "edit", "room": "r", "seq": 4, "message": "new"}));
    play.state_machine.handle(Input::Frame("not json"), play.now);
    play.hears(&json!({"type": "message", "room": "r"}));
    play.does(&[
        "other \"receipt\"",
        "other \"edit\"",
        "malformed not json",
        "malformed {\"room\":\"r\",\"type\":\"message\"}",
    ]);
}

#[test]
fn a_response_that_cannot_be_read_ends_its_request_and_the_next_goes_on() {
    let mut play = Play::in_room();
    play.asks(publish("a"));
    play.asks(publish("b"));
    play.does(&["message 3 r a m-2"]);
    play.hears(&json!({"type": "sent", "id": 3, "room": 7}));
    play.does(&["refused 2: malformed", "message 4 r b m-3"]);
}

#[test]
fn a_join_or_a_resume_that_cannot_be_read_holds_up_nothing() {
    let mut play = Play::in_room();
    play.breaks();
    play.asks(publish("a"));
    play.comes_back(json!({"resume": "secret"}));
    play.outputs();
    play.hears(&json!({"type": "joined", "id": 3, "room": "r"}));
    play.does(&["removed from r: malformed", "message 4 r a m-2"]);
    play.breaks();
    play.comes_back(json!({"resume": "other"}));
    play.outputs();
    play.hears(&json!({"type": "resumed", "id": 5, "rooms": "all"}));
    play.does(&["message 6 r a m-2"]);
}

#[test]
fn a_server_that_talks_but_says_no_welcome_is_left() {
    let mut play = client();
    play.outputs();
    play.opened();
    for _ in 0..10 {
        play.now += Duration::from_secs(1);
        play.state_machine.handle(Input::Alive, play.now);
    }
    play.does(&["abort"]);
}

#[test]
fn no_delay_that_a_server_asks_for_is_longer_than_a_day() {
    let day = Duration::from_secs(24 * 60 * 60);
    let mut play = client();
    play.outputs();
    let retry_after = Some(Duration::from_secs(u64::MAX));
    let refused = Disconnect::HandshakeRefused { status: 503, retry_after, reason: "no".to_owned() };
    play.state_machine.handle(Input::Disconnected(refused), play.now);
    assert!(play.waits() <= day + Duration::from_secs(1));
    let mut play = Play::in_room();
    play.asks(publish("a"));
    play.outputs();
    play.hears(&error(3, "rate_limited", Some(u64::MAX)));
    play.outputs();
    assert!(play.state_machine.deadline().unwrap() <= day);
}

#[test]
fn numbers_at_the_end_of_their_range_overflow_nothing() {
    let mut play = client();
    play.asks(join("r"));
    play.opened();
    play.hears(&welcome(json!({"resume": "secret", "limits": {"message_bytes": u64::MAX}})));
    play.hears(&json!({"type": "joined", "id": 1, "room": "r", "epoch": "e", "seq": u64::MAX}));
    play.hears(&message(u64::MAX));
    play.breaks();
    play.comes_back(json!({"resume": "other"}));
    play.hears(&json!({"type": "resumed", "rooms": {"r": {"recovered": true, "missed": u64::MAX}}}));
    play.hears(&message(u64::MAX));
    assert!(!play.outputs().is_empty());
}
