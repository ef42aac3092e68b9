//! Being put out of a room, as scripts for a client.
//!
//! The program is told, and the client does not go back by itself, whatever the server calls it.

use serde_json::json;

use super::{Command, Play, error};

#[test]
fn being_put_out_of_a_room_is_told() {
    let mut play = Play::in_room();
    play.hears(&json!({"type": "left", "room": "r"}));
    play.does(&["removed from r: removed"]);
    play.asks(Command::Leave { room: "r".to_owned() });
    play.hears(&error(3, "not_member", None));
    play.does(&["leave 3 r", "refused 2: not_member"]);
}

#[test]
fn one_who_was_put_out_or_whose_room_has_ended_does_not_go_back() {
    let mut play = Play::in_room();
    play.hears(&json!({"type": "removed", "room": "r", "user": "Bob", "by": "Ann", "reason": "kicked"}));
    play.hears(&json!({"type": "removed", "room": "r", "user": "Ann", "by": "Bob", "reason": "kicked"}));
    play.does(&["other \"removed\"", "removed from r: removed"]);
    let mut play = Play::in_room();
    play.hears(&json!({"type": "ended", "room": "r", "by": "Ann"}));
    play.does(&["removed from r: removed"]);
}
