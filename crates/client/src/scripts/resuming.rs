//! Scripts of sessions that are resumed after a lost connection.
//!
//! The server still has the session, or it has expired, or it is in a room whose join was never
//! answered.

use serde_json::json;

use super::super::command::Command;
use super::{client, error, join, message, publish, welcome};

#[test]
fn a_session_is_resumed_where_the_server_has_sessions() {
    let mut play = client();
    play.asks(join("r"));
    play.opened();
    play.hears(&welcome(json!({"resume": "secret"})));
    play.hears(&json!({"type": "joined", "id": 1, "room": "r", "epoch": "e", "seq": 0}));
    play.hears(&json!({"type": "joined", "room": "s", "epoch": "x", "seq": 0}));
    play.hears(&message(1));
    play.outputs();
    play.breaks();
    play.asks(publish("a"));
    play.comes_back(json!({"resume": "other"}));
    play.does(&[
        "offline: cut",
        "connect Ann",
        "online as Ann",
        "resume 4 secret {r:{epoch:e,seq:1},s:{epoch:x,seq:0}}",
    ]);
    play.hears(&json!({"type": "resumed", "rooms": {"r": {"recovered": true, "missed": 2}}}));
    // The room that the session was no longer in is joined; what is pending waits for it.
    play.does(&["rejoined r, missed 2", "join 5 s {epoch:x,seq:0}"]);
    for seq in [1, 2, 3, 4] {
        play.hears(&message(seq));
    }
    play.does(&["old message 2", "old message 3", "message 4"]);
    play.hears(&json!({"type": "joined", "id": 5, "room": "s", "epoch": "x", "seq": 0}));
    play.does(&["rejoined s, missed 0", "ping 6", "message 7 r a m-2"]);
}

#[test]
fn a_room_whose_join_was_never_answered_is_left_and_joined_again() {
    let mut play = client();
    play.asks(join("r"));
    play.opened();
    play.hears(&welcome(json!({"resume": "secret"})));
    play.outputs();
    play.breaks();
    play.comes_back(json!({"resume": "other"}));
    play.does(&["offline: cut", "connect Ann", "online as Ann", "resume 2 secret {}"]);
    play.hears(&json!({"type": "resumed", "rooms": {"r": {"recovered": true, "missed": 1}}}));
    // The replay would be delivered twice.
    play.hears(&message(1));
    play.hears(&json!({"type": "left", "room": "r"}));
    play.does(&["leave null r", "join 3 r"]);
    play.hears(&json!({"type": "joined", "id": 3, "room": "r", "epoch": "e", "seq": 1}));
    play.hears(&message(1));
    play.does(&["response 1: Joined", "ping 4", "old message 1"]);
}

#[test]
fn after_an_expired_session_each_room_is_joined_from_its_position() {
    let mut play = client();
    play.asks(join("r"));
    play.opened();
    play.hears(&welcome(json!({"resume": "secret"})));
    play.hears(&json!({"type": "joined", "id": 1, "room": "r", "epoch": "e", "seq": 7}));
    play.hears(&message(7));
    play.breaks();
    play.comes_back(json!({"resume": "other"}));
    play.outputs();
    play.hears(&error(3, "session_expired", None));
    play.does(&["join 4 r {epoch:e,seq:7}"]);
    play.breaks();
    play.comes_back(json!({"resume": "third"}));
    play.does(&["offline: cut", "connect Ann", "online as Ann", "resume 5 other {r:{epoch:e,seq:7}}"]);
}

#[test]
fn patterns_come_back_with_the_session_and_are_subscribed_to_again_without_it() {
    let pattern = || "p.*".to_owned();
    let mut play = client();
    play.asks(Command::Subscribe { pattern: pattern() });
    play.opened();
    play.hears(&welcome(json!({"resume": "secret"})));
    play.hears(&json!({"type": "subscribed", "id": 1, "pattern": "p.*"}));
    play.does(&["connect Ann", "online as Ann", "subscribe 1 p.*", "response 1: Other"]);
    play.breaks();
    play.comes_back(json!({"resume": "other"}));
    play.hears(&json!({"type": "resumed", "rooms": {}}));
    play.does(&["offline: cut", "connect Ann", "online as Ann", "resume 2 secret {}"]);
    play.breaks();
    play.comes_back(json!({"resume": "third"}));
    play.outputs();
    play.hears(&error(3, "session_expired", None));
    play.does(&["subscribe 4 p.*"]);
    play.hears(&json!({"type": "subscribed", "id": 4, "pattern": "p.*"}));
    play.does(&[]);
    play.asks(Command::Unsubscribe { pattern: pattern() });
    play.hears(&json!({"type": "unsubscribed", "id": 5, "pattern": "p.*"}));
    play.does(&["unsubscribe 5 p.*", "response 2: Other"]);
    play.breaks();
    play.comes_back(json!({}));
    play.does(&["offline: cut", "connect Ann", "online as Ann"]);
}
