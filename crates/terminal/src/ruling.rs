//! What those who rule over a room type, as the objects of the protocol (docs/protocol.md, "Rooms and who
//! rules over them").
//!
//! Pure; called by `typed.rs` for the words that it does not know itself. Whether somebody may do it, and
//! whether there is such a user, is for the server to say.

use serde_json::{Value, json};

/// The commands, with what follows them and what they do.
pub const COMMANDS: [(&str, &str, &str); 12] = [
    ("/create", " ROOM [private]", "make a room that stays; it is yours if your name is"),
    ("/invite", " USER", "put somebody on the list of the room"),
    ("/remove", " USER [WHY]", "take somebody off it"),
    ("/role", " USER member|moderator|owner", "give somebody a role"),
    ("/kick", " USER [WHY]", "put somebody out of the room"),
    ("/ban", " USER [TIME] [WHY]", "keep somebody out, for a time such as 10m or for ever"),
    ("/unban", " USER", "let somebody in again"),
    ("/mute", " USER [TIME] [WHY]", "keep somebody silent"),
    ("/unmute", " USER", "let somebody speak again"),
    ("/slow", " SECONDS|off", "one message of each user in so many seconds"),
    ("/announce", " on|off", "only moderators speak"),
    ("/end", " ROOM", "end a room: all leave, and what was said in it goes"),
];

/// The object that a line asks for, without its room where that is the one that is spoken in; `None` when
/// the line is not as it must be.
pub fn read(word: &str, rest: &str) -> Option<Value> {
    let (first, more) = split(rest);
    if first.is_empty() {
        return None;
    }
    let alone = more.is_empty();
    let kind = word.strip_prefix('/')?;
    Some(match kind {
        "create" if alone || more == "private" => json!({"type": kind, "room": first, "private": !alone}),
        "end" if alone => json!({"type": kind, "room": first}),
        "invite" | "unban" | "unmute" if alone => json!({"type": kind, "user": first}),
        "remove" | "kick" => noted(json!({"type": kind, "user": first}), more),
        "ban" | "mute" => lasting(json!({"type": kind, "user": first}), more)?,
        "role" if matches!(more, "member" | "moderator" | "owner") => {
            json!({"type": kind, "user": first, "role": more})
        }
        "slow" if alone => {
            let seconds = if first == "off" { 0 } else { first.parse::<u32>().ok()? };
            json!({"type": "settings", "slow_mode_s": seconds})
        }
        "announce" if alone && matches!(first, "on" | "off") => {
            json!({"type": "settings", "announcement": first == "on"})
        }
        _ => return None,
    })
}

/// With the time for which it holds, if one is given, and why.
fn lasting(mut object: Value, rest: &str) -> Option<Value> {
    let (time, why) = split(rest);
    // What begins with a digit is meant as a time: it must not become a ban for ever.
    if !time.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(noted(object, rest));
    }
    let lasts = humantime::parse_duration(time).ok()?.as_secs();
    object["for_s"] = Some(lasts).filter(|seconds| *seconds > 0)?.into();
    Some(noted(object, why))
}

fn noted(mut object: Value, why: &str) -> Value {
    if !why.is_empty() {
        object["note"] = why.into();
    }
    object
}

fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim())
}

#[cfg(test)]
mod tests {
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
            ("/unmute Bob", json!({"type": "unmute", "user": "Bob"})),
            ("/role Bob moderator", json!({"type": "role", "user": "Bob", "role": "moderator"})),
            ("/slow 30", json!({"type": "settings", "slow_mode_s": 30})),
            ("/slow off", json!({"type": "settings", "slow_mode_s": 0})),
            ("/announce on", json!({"type": "settings", "announcement": true})),
            ("/end den", json!({"type": "end", "room": "den"})),
        ] {
            let (word, rest) = line.split_once(' ').unwrap();
            assert_eq!(read(word, rest), Some(object), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_does_nothing() {
        for line in [
            "/create den public",
            "/invite Bob Cleo",
            "/ban Bob 10",
            "/ban Bob 0s",
            "/role Bob king",
            "/slow fast",
            "/announce maybe",
            "/end",
            "/kick",
            "/dance Bob",
        ] {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            assert_eq!(read(word, rest), None, "{line}");
        }
    }
}
