//! Notices about events other than messages, as sentences for people: edits, deletions and moderation.
//!
//! Pure; called by `text.rs` for events that the client library passes on as they came. All text of others
//! is escaped.

use serde_json::Value;

use super::escape::{escape, escape_lines};

/// The sentence for an event; `None` for one that people need not see, and for an unknown one.
pub fn sentence(event: &Value) -> Option<String> {
    let text_of = |field: &str| event[field].as_str().map(escape);
    let (user, room) = (text_of("user"), text_of("room")?);
    let by = || text_of("by").unwrap_or_else(|| "The server".to_owned());
    Some(match event["type"].as_str()? {
        "edit" => format!("{} edited a message: {}", user?, text(event)),
        "delete" => format!("{} deleted a message", user?),
        "invited" => format!("{} invited {} to {room}", by(), user?),
        "removed" => {
            let action = match event["reason"].as_str() {
                Some("kicked") => "kicked",
                Some("banned") => "banned",
                _ => "removed",
            };
            format!("{} {action} {}{}", by(), user?, why(event))
        }
        "unbanned" => format!("{} lifted the ban of {}", by(), user?),
        "muted" => format!("{} muted {}{}", by(), user?, why(event)),
        "unmuted" => format!("{} unmuted {}", by(), user?),
        "role" => format!("{} made {} {}", by(), user?, text_of("role")?),
        "settings" => format!("{} changed the settings: {}", by(), settings(event)),
        "ended" => format!("{} ended {room}", by()),
        "created" => format!("The room {room} was created: /join {room}"),
        _ => return None,
    })
}

fn text(event: &Value) -> String {
    event["message"].as_str().map_or_else(|| "(encrypted)".to_owned(), escape_lines)
}

fn why(event: &Value) -> String {
    event["note"].as_str().map(|note| format!(" ({})", escape(note))).unwrap_or_default()
}

fn settings(event: &Value) -> String {
    let slow = match event["slow_mode_s"].as_u64() {
        None | Some(0) => "no slow mode".to_owned(),
        Some(seconds) => format!("one message every {seconds} s"),
    };
    let writers = if event["announcement"] == true { "only moderators may write" } else { "everybody may write" };
    format!("{writers}, {slow}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_known_event_is_a_sentence_and_an_unknown_one_is_not() {
        let with = |kind: &str, more: Value| {
            let mut event = json!({"type": kind, "room": "r", "user": "Bob", "by": "Ann"});
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            sentence(&event)
        };
        for (kind, more, said) in [
            ("edit", json!({"message": "new\nBob: x"}), "Bob edited a message: new\n    Bob: x"),
            ("edit", json!({"cipher": {}}), "Bob edited a message: (encrypted)"),
            ("delete", json!({}), "Bob deleted a message"),
            ("removed", json!({"reason": "kicked", "note": "\u{1b}spam"}), "Ann kicked Bob (␛spam)"),
            ("muted", json!({}), "Ann muted Bob"),
            ("role", json!({"role": "moderator"}), "Ann made Bob moderator"),
            (
                "settings",
                json!({"slow_mode_s": 5}),
                "Ann changed the settings: everybody may write, one message every 5 s",
            ),
            ("invited", json!({}), "Ann invited Bob to r"),
        ] {
            assert_eq!(with(kind, more).as_deref(), Some(said));
        }
        assert_eq!(with("receipt", json!({})), None);
        assert_eq!(sentence(&json!(["x"])), None);
    }
}
