//! The commands of owners and moderators, as objects of the protocol (docs/protocol.md).
//!
//! Pure; rows of the table in `command.rs`. Whether the user may do it, and whether there is such a
//! user or room, is for the server to say.

use serde_json::{Value, json};

use super::command::{CommandSpec, Input};

/// The rows. An object names its room only where that is not the current one.
pub const COMMANDS: [CommandSpec; 18] = [
    CommandSpec {
        name: "/create",
        arguments: "ROOM [private]",
        help: "create a room that stays; it is yours if your name is registered",
        parse: |rest| match split(rest) {
            ("", _) => None,
            (room, kind @ ("" | "private")) => {
                moderate(json!({"type": "create", "room": room, "private": kind == "private"}))
            }
            _ => None,
        },
    },
    CommandSpec {
        name: "/invite",
        arguments: "USER",
        help: "make a user a member of the room",
        parse: |rest| user_alone("invite", rest),
    },
    CommandSpec {
        name: "/remove",
        arguments: "USER [WHY]",
        help: "end a user's membership",
        parse: |rest| moderate(user_and_note("remove", rest)?),
    },
    CommandSpec {
        name: "/role",
        arguments: "USER member|voice|moderator|owner",
        help: "give a user a role",
        parse: |rest| match split(rest) {
            ("", _) => None,
            (user, role @ ("member" | "voice" | "moderator" | "owner")) => {
                moderate(json!({"type": "role", "user": user, "role": role}))
            }
            _ => None,
        },
    },
    CommandSpec {
        name: "/kick",
        arguments: "USER [WHY]",
        help: "put a user out of the room",
        parse: |rest| moderate(user_and_note("kick", rest)?),
    },
    CommandSpec {
        name: "/ban",
        arguments: "USER [TIME] [WHY]",
        help: "keep a user out, for a time such as 10m or forever",
        parse: |rest| user_and_time("ban", rest),
    },
    CommandSpec { name: "/unban", arguments: "USER", help: "lift a ban", parse: |rest| user_alone("unban", rest) },
    CommandSpec {
        name: "/mute",
        arguments: "USER [TIME] [WHY]",
        help: "let a user read but not write",
        parse: |rest| user_and_time("mute", rest),
    },
    CommandSpec {
        name: "/unmute",
        arguments: "USER",
        help: "let a user write again",
        parse: |rest| user_alone("unmute", rest),
    },
    CommandSpec {
        name: "/slow",
        arguments: "SECONDS|off",
        help: "slow mode: one message of each user in so many seconds",
        parse: |rest| {
            let seconds = if rest == "off" { 0 } else { rest.parse::<u32>().ok()? };
            moderate(json!({"type": "settings", "slow_mode_s": seconds}))
        },
    },
    CommandSpec {
        name: "/announce",
        arguments: "on|off",
        help: "let only moderators and users with a voice write",
        parse: |rest| on_or_off("announcement", rest),
    },
    CommandSpec {
        name: "/limit",
        arguments: "NUMBER|off",
        help: "let at most so many users be in the room",
        parse: |rest| {
            let most = if rest == "off" { 0 } else { rest.parse::<u32>().ok().filter(|most| *most > 0)? };
            moderate(json!({"type": "settings", "members_max": most}))
        },
    },
    CommandSpec {
        name: "/opentopic",
        arguments: "on|off",
        help: "let everybody set the topic",
        parse: |rest| on_or_off("open_subject", rest),
    },
    CommandSpec {
        name: "/topic",
        arguments: "TEXT|-",
        help: "say what the room is about; - for nothing",
        parse: |rest| describe("subject", rest),
    },
    CommandSpec {
        name: "/describe",
        arguments: "TEXT|-",
        help: "say more about the room; - for nothing",
        parse: |rest| describe("description", rest),
    },
    CommandSpec {
        name: "/pin",
        arguments: "NUMBER",
        help: "pin the message of this number",
        parse: |rest| of_message("pin", rest),
    },
    CommandSpec {
        name: "/unpin",
        arguments: "NUMBER",
        help: "pin it no longer",
        parse: |rest| of_message("unpin", rest),
    },
    CommandSpec {
        name: "/end",
        arguments: "ROOM",
        help: "close a room: everybody leaves, and its messages are deleted",
        parse: |rest| match split(rest) {
            ("", _) => None,
            (room, "") => moderate(json!({"type": "end", "room": room})),
            _ => None,
        },
    },
];

fn describe(field: &str, rest: &str) -> Option<Input> {
    let text = if rest == "-" { "" } else { rest };
    (!rest.is_empty()).then(|| Input::Moderate(json!({"type": "describe", field: text})))
}

fn of_message(kind: &str, rest: &str) -> Option<Input> {
    let seq = rest.parse::<u64>().ok()?;
    moderate(json!({"type": kind, "seq": seq}))
}

fn moderate(object: Value) -> Option<Input> {
    Some(Input::Moderate(object))
}

fn user_alone(kind: &str, rest: &str) -> Option<Input> {
    let (user, more) = split(rest);
    (!user.is_empty() && more.is_empty()).then(|| Input::Moderate(json!({"type": kind, "user": user})))
}

fn user_and_note(kind: &str, rest: &str) -> Option<Value> {
    let (user, note) = split(rest);
    (!user.is_empty()).then(|| with_note(json!({"type": kind, "user": user}), note))
}

/// A user, for how long if a time is given, and why.
fn user_and_time(kind: &str, rest: &str) -> Option<Input> {
    let (user, more) = split(rest);
    let (time, note) = split(more);
    // A word that begins with a digit is meant as a time: a typing mistake must not become a ban forever.
    if !time.starts_with(|c: char| c.is_ascii_digit()) {
        return moderate(user_and_note(kind, rest)?);
    }
    let seconds = humantime::parse_duration(time).ok()?.as_secs();
    (seconds > 0).then(|| {
        let object = json!({"type": kind, "user": user, "for_s": seconds});
        Input::Moderate(with_note(object, note))
    })
}

/// A setting of the room that is on or off.
fn on_or_off(setting: &str, rest: &str) -> Option<Input> {
    let on = match rest {
        "on" => true,
        "off" => false,
        _ => return None,
    };
    moderate(json!({"type": "settings", setting: on}))
}

fn with_note(mut object: Value, note: &str) -> Value {
    if !note.is_empty() {
        object["note"] = note.into();
    }
    object
}

fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::super::command::parse;
    use super::*;

    #[test]
    fn each_command_is_an_object_of_the_protocol() {
        for (line, object) in [
            ("/create den", json!({"type": "create", "room": "den", "private": false})),
            ("/create den private", json!({"type": "create", "room": "den", "private": true})),
            ("/invite Bob", json!({"type": "invite", "user": "Bob"})),
            ("/remove Bob", json!({"type": "remove", "user": "Bob"})),
            ("/kick Bob  be  nice", json!({"type": "kick", "user": "Bob", "note": "be  nice"})),
            ("/ban Bob", json!({"type": "ban", "user": "Bob"})),
            ("/ban Bob 2h30m spam", json!({"type": "ban", "user": "Bob", "for_s": 9000, "note": "spam"})),
            ("/mute Bob spam", json!({"type": "mute", "user": "Bob", "note": "spam"})),
            ("/unban Bob", json!({"type": "unban", "user": "Bob"})),
            ("/unmute Bob", json!({"type": "unmute", "user": "Bob"})),
            ("/role Bob moderator", json!({"type": "role", "user": "Bob", "role": "moderator"})),
            ("/role Bob voice", json!({"type": "role", "user": "Bob", "role": "voice"})),
            ("/slow 30", json!({"type": "settings", "slow_mode_s": 30})),
            ("/slow off", json!({"type": "settings", "slow_mode_s": 0})),
            ("/announce on", json!({"type": "settings", "announcement": true})),
            ("/limit 20", json!({"type": "settings", "members_max": 20})),
            ("/limit off", json!({"type": "settings", "members_max": 0})),
            ("/opentopic on", json!({"type": "settings", "open_subject": true})),
            ("/end den", json!({"type": "end", "room": "den"})),
        ] {
            assert_eq!(parse(line), Input::Moderate(object), "{line}");
        }
    }

    #[test]
    fn an_invalid_command_is_not_sent() {
        for line in [
            "/create den public",
            "/create",
            "/invite Bob Cleo",
            "/ban Bob 10",
            "/ban Bob 0s",
            "/ban",
            "/role Bob king",
            "/slow fast",
            "/slow",
            "/announce maybe",
            "/end",
            "/kick",
            "/dance Bob",
        ] {
            assert!(matches!(parse(line), Input::Invalid(_)), "{line}");
        }
    }
}
