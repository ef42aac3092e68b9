//! Scripts of sessions that are taken up again after their connection broke.
//!
//! What the server still knows of them, what it has forgotten, and what it was told and could not
//! answer.

use serde_json::json;

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
    // The room that the session was no longer in is entered by itself; what is unsent waits for it.
    play.does(&["rejoined r, missed 2", "join 5 s {epoch:x,seq:0}"]);
    for seq in [1, 2, 3, 4] {
        play.hears(&message(seq));
    }
    play.does(&["old message 2", "old message 3", "message 4"]);
    play.hears(&json!({"type": "joined", "id": 5, "room": "s", "epoch": "x", "seq": 0}));
    play.does(&["rejoined s, missed 0", "ping 6", "message 7 r a m-2"]);
}

#[test]
fn a_room_whose_answer_was_lost_is_left_and_entered_anew() {
    let mut play = client();
    play.asks(join("r"));
    play.opened();
    play.hears(&welcome(json!({"resume": "secret"})));
    play.outputs();
    play.breaks();
    play.comes_back(json!({"resume": "other"}));
    play.does(&["offline: cut", "connect Ann", "online as Ann", "resume 2 secret {}"]);
    play.hears(&json!({"type": "resumed", "rooms": {"r": {"recovered": true, "missed": 1}}}));
    // What follows would be shown twice.
    play.hears(&message(1));
    play.hears(&json!({"type": "left", "room": "r"}));
    play.does(&["leave null r", "join 3 r"]);
    play.hears(&json!({"type": "joined", "id": 3, "room": "r", "epoch": "e", "seq": 1}));
    play.hears(&message(1));
    play.does(&["response 1: Joined", "ping 4", "old message 1"]);
}

#[test]
fn a_session_that_is_no_more_is_entered_anew_from_where_it_was() {
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
