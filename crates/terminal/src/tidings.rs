//! What the server tells beside messages, as sentences for people: changes of messages, and what those
//! who rule over a room do.
//!
//! Pure; called by `show.rs` for events that the client library passes on as they came. Every word of
//! others goes through `visible`.

use serde_json::Value;

use super::visible::{visible, visible_lines};

/// The sentence for an event; `None` for what people need not see, and for what is not known here.
pub fn sentence(event: &Value) -> Option<String> {
    let word = |field: &str| event[field].as_str().map(visible);
    let (user, room) = (word("user"), word("room")?);
    let by = || word("by").unwrap_or_else(|| "The server".to_owned());
    Some(match event["type"].as_str()? {
        "edit" => format!("{} edited a message: {}", user?, text(event)),
        "delete" => format!("{} deleted a message", user?),
        "invited" => format!("{} invited {} to {room}", by(), user?),
        "removed" => {
            let deed = match event["reason"].as_str() {
                Some("kicked") => "put out",
                Some("banned") => "banned",
                _ => "removed",
            };
            format!("{} {deed} {}{}", by(), user?, why(event))
        }
        "unbanned" => format!("{} lifted the ban of {}", by(), user?),
        "muted" => format!("{} muted {}{}", by(), user?, why(event)),
        "unmuted" => format!("{} let {} speak again", by(), user?),
        "role" => format!("{} made {} {}", by(), user?, word("role")?),
        "settings" => format!("{} changed the rules: {}", by(), rules(event)),
        "ended" => format!("{} ended {room}", by()),
        "created" => format!("The room {room} is made: /join {room}"),
        _ => return None,
    })
}

fn text(event: &Value) -> String {
    event["message"].as_str().map_or_else(|| "(encrypted)".to_owned(), visible_lines)
}

fn why(event: &Value) -> String {
    event["note"].as_str().map(|note| format!(" ({})", visible(note))).unwrap_or_default()
}

fn rules(event: &Value) -> String {
    let slow = match event["slow_mode_s"].as_u64() {
        None | Some(0) => "no slow mode".to_owned(),
        Some(seconds) => format!("one message each {seconds} s"),
    };
    let speakers = if event["announcement"] == true { "only moderators speak" } else { "everybody may speak" };
    format!("{speakers}, {slow}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_changed_is_said_and_what_is_not_known_is_not() {
        let with = |kind: &str, more: Value| {
            let mut event = json!({"type": kind, "room": "r", "user": "Bob", "by": "Ann"});
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            sentence(&event)
        };
        for (kind, more, said) in [
            ("edit", json!({"message": "new\nBob: x"}), "Bob edited a message: new\n    Bob: x"),
            ("edit", json!({"cipher": {}}), "Bob edited a message: (encrypted)"),
            ("delete", json!({}), "Bob deleted a message"),
            ("removed", json!({"reason": "kicked", "note": "\u{1b}spam"}), "Ann put out Bob (␛spam)"),
            ("muted", json!({}), "Ann muted Bob"),
            ("role", json!({"role": "moderator"}), "Ann made Bob moderator"),
            ("settings", json!({"slow_mode_s": 5}), "Ann changed the rules: everybody may speak, one message each 5 s"),
            ("invited", json!({}), "Ann invited Bob to r"),
        ] {
            assert_eq!(with(kind, more).as_deref(), Some(said));
        }
        assert_eq!(with("receipt", json!({})), None);
        assert_eq!(sentence(&json!(["x"])), None);
    }
}
