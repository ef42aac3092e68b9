//! Notices about events other than messages, as sentences for people: edits, deletions and moderation.
//!
//! Pure; called by `text.rs` for events that the client library passes on as they came. All text of others
//! is escaped.

use roomd_protocol::{data, receipt_sentences};
use serde_json::Value;

use super::escape::{escape, escape_lines};
use super::protection::Protection;

/// The sentence for an event; `None` for one that people need not see, and for an unknown one. `protection` is that of
/// the text of an edit, in an encrypted room.
pub fn sentence(event: &Value, protection: Option<Protection>) -> Option<String> {
    let text_of = |field: &str| event[field].as_str().map(escape);
    match event["type"].as_str()? {
        "announcement" => return Some(format!("{} announces to all: {}", text_of("by")?, text_of("text")?)),
        "draining" => return Some(draining(event["ends_in_ms"].as_u64()?)),
        "subscribed" => return Some(format!("You hear every room that matches {}", text_of("pattern")?)),
        "unsubscribed" => return Some(format!("You hear the rooms that match {} no longer", text_of("pattern")?)),
        "display_name" => return display_name(event),
        "display_names" => return display_names(event),
        _ => {}
    }
    let (user, room) = (text_of("user"), text_of("room")?);
    let by = || text_of("by").unwrap_or_else(|| "The server".to_owned());
    Some(match event["type"].as_str()? {
        "edit" => {
            let known = protection.and_then(Protection::word).map(|word| format!(" ({word})")).unwrap_or_default();
            format!("{} edited a message{known}: {}", user?, text(event))
        }
        "delete" => format!("{} deleted a message{}", user?, why(event)),
        "invited" => format!("{} invited {} to {room}", by(), user?),
        "invitation" => format!("{} made invitation {} to {room}", by(), event["invitation"].as_u64()?),
        "revoked" => format!("{} revoked invitation {} to {room}", by(), event["invitation"].as_u64()?),
        "admitted" => format!("{} was admitted by invitation {}", user?, event["invitation"].as_u64()?),
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
        "role" if event["role"] == "voice" => format!("{} gave {} a voice", by(), user?),
        "role" => format!("{} made {} {}", by(), user?, text_of("role")?),
        "settings" => format!("{} changed the settings: {}", by(), settings(event)),
        "about" => about(event),
        "described" => match (text_of("subject"), text_of("description")) {
            (Some(subject), _) if subject.is_empty() => format!("{} removed the topic", by()),
            (Some(subject), _) => format!("{} set the topic to: {subject}", by()),
            (None, _) => format!("{} changed the description of {room}", by()),
        },
        "pinned" => format!("{} pinned message {}", by(), event["seq"].as_u64()?),
        "unpinned" => format!("{} unpinned message {}", by(), event["seq"].as_u64()?),
        "ended" => format!("{} ended {room}", by()),
        "created" => format!("The room {room} was created: /join {room}"),
        _ => return None,
    })
}

/// As [`receipt_sentences::reached`], for a terminal.
pub fn reached(users: &[String], status: &str, messages: usize, private: bool) -> String {
    let users: Vec<_> = users.iter().map(|user| escape(user)).collect();
    receipt_sentences::reached(&users, status, messages, private)
}

fn text(event: &Value) -> String {
    match (event["message"].as_str(), event["data"].as_str()) {
        (Some(text), _) => escape_lines(text),
        (None, Some(base64)) => data::summary(data::from_base64(base64).map_or(0, |bytes| bytes.len())),
        (None, None) => "(encrypted)".to_owned(),
    }
}

/// What a room is about.
fn about(event: &Value) -> String {
    let line = |field: &str| event[field].as_str().map(escape_lines);
    let pinned: Vec<_> = event["pinned"].as_array().into_iter().flatten().map(Value::to_string).collect();
    let pinned = (!pinned.is_empty()).then(|| format!("Pinned messages: {}", pinned.join(", ")));
    let topic = line("subject").map_or_else(|| "There is no topic".to_owned(), |topic| format!("Topic: {topic}"));
    [Some(topic), line("description"), pinned].into_iter().flatten().collect::<Vec<_>>().join("\n    ")
}

fn display_name(event: &Value) -> Option<String> {
    let user = event["user"].as_str().map(escape)?;
    Some(match event["name"].as_str().map(escape) {
        Some(name) => format!("{user} wants to be called {name}"),
        None => format!("{user} has no display name any more"),
    })
}

fn draining(ends_in_ms: u64) -> String {
    format!("The server is about to shut down, in {} s", ends_in_ms.div_ceil(1_000))
}

fn display_names(event: &Value) -> Option<String> {
    let names: Vec<_> = event["names"].as_array()?.iter().filter_map(display_name).collect();
    Some(if names.is_empty() { "There is no display name".to_owned() } else { names.join("\n    ") })
}

fn why(event: &Value) -> String {
    event["note"].as_str().map(|note| format!(" ({})", escape(note))).unwrap_or_default()
}

fn settings(event: &Value) -> String {
    let is_on = |field: &str| event[field].as_bool();
    let writers = is_on("announcement").map(|on| match on {
        true => "only moderators and users with a voice may write".to_owned(),
        false => "everybody may write".to_owned(),
    });
    let slow = event["slow_mode_s"].as_u64().map(|seconds| match seconds {
        0 => "no slow mode".to_owned(),
        seconds => format!("one message every {seconds} s"),
    });
    let most = event["members_max"].as_u64().map(|most| match most {
        0 => "no limit to the users in the room".to_owned(),
        most => format!("at most {most} users"),
    });
    let topic = is_on("open_subject").map(|on| match on {
        true => "everybody may set the topic".to_owned(),
        false => "only moderators may set the topic".to_owned(),
    });
    // An event has what was changed.
    [writers, slow, most, topic].into_iter().flatten().collect::<Vec<_>>().join(", ")
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
            sentence(&event, None)
        };
        for (kind, more, said) in [
            ("edit", json!({"message": "new\nBob: x"}), "Bob edited a message: new\n    Bob: x"),
            ("edit", json!({"data": "AAEC"}), "Bob edited a message: (binary, 3 bytes)"),
            ("edit", json!({"cipher": {}}), "Bob edited a message: (encrypted)"),
            ("delete", json!({}), "Bob deleted a message"),
            ("delete", json!({"note": "off topic"}), "Bob deleted a message (off topic)"),
            ("announcement", json!({"text": "\u{1b}tea"}), "Ann announces to all: ␛tea"),
            ("draining", json!({"ends_in_ms": 1_500}), "The server is about to shut down, in 2 s"),
            ("removed", json!({"reason": "kicked", "note": "\u{1b}spam"}), "Ann kicked Bob (␛spam)"),
            ("muted", json!({}), "Ann muted Bob"),
            ("role", json!({"role": "moderator"}), "Ann made Bob moderator"),
            ("role", json!({"role": "voice"}), "Ann gave Bob a voice"),
            (
                "settings",
                json!({"slow_mode_s": 5, "announcement": false, "members_max": 20, "open_subject": true}),
                "Ann changed the settings: everybody may write, one message every 5 s, at most 20 users, everybody may set the \
                 topic",
            ),
            ("settings", json!({"slow_mode_s": 0}), "Ann changed the settings: no slow mode"),
            ("invited", json!({}), "Ann invited Bob to r"),
            ("described", json!({"subject": "Tea"}), "Ann set the topic to: Tea"),
            ("described", json!({"subject": ""}), "Ann removed the topic"),
            ("pinned", json!({"seq": 7}), "Ann pinned message 7"),
            ("display_name", json!({"name": "Bob\u{1b} Lee"}), "Bob wants to be called Bob␛ Lee"),
            ("display_name", json!({}), "Bob has no display name any more"),
            ("display_names", json!({"names": []}), "There is no display name"),
            ("about", json!({"subject": "Tea", "pinned": [3, 7]}), "Topic: Tea\n    Pinned messages: 3, 7"),
        ] {
            assert_eq!(with(kind, more).as_deref(), Some(said));
        }
        assert_eq!(with("receipt", json!({})), None);
        let edit = json!({"type": "edit", "room": "r", "user": "Bob", "message": "new", "protection": "verified"});
        let said = |protection| sentence(&edit, protection);
        assert_eq!(said(None).as_deref(), Some("Bob edited a message: new"));
        assert_eq!(said(Some(Protection::Missing)).as_deref(), Some("Bob edited a message (not encrypted): new"));
        assert_eq!(sentence(&json!(["x"]), None), None);
    }
}
