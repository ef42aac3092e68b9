//! Scripts of a user who is removed from a room.
//!
//! The removal is reported, and the client does not join again by itself.

use serde_json::json;

use super::{Command, Play, error};

#[test]
fn a_removal_is_reported() {
    let mut play = Play::in_room();
    play.hears(&json!({"type": "left", "room": "r"}));
    play.does(&["removed from r: removed"]);
    play.asks(Command::Leave { room: "r".to_owned() });
    play.hears(&error(3, "not_member", None));
    play.does(&["leave 3 r", "refused 2: not_member"]);
}

#[test]
fn a_user_who_was_kicked_or_whose_room_was_closed_does_not_join_again() {
    let mut play = Play::in_room();
    play.hears(&json!({"type": "removed", "room": "r", "user": "Bob", "by": "Ann", "reason": "kicked"}));
    play.hears(&json!({"type": "removed", "room": "r", "user": "Ann", "by": "Bob", "reason": "kicked"}));
    play.does(&["other \"removed\"", "removed from r: removed"]);
    let mut play = Play::in_room();
    play.hears(&json!({"type": "ended", "room": "r", "by": "Ann"}));
    play.does(&["removed from r: removed"]);
}
