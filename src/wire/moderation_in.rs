//! Parsing what rules over a room, in the text dialect.
//!
//! Beside `text_in`, which hands over the words that it does not know itself. All is about the
//! current room, but for making one and ending one, where the room has to be named.

use std::time::Duration;

use super::Unparsed;
use super::text_in::{bad_request, room, usage, user};
use crate::chat::Command;
use crate::chat::command::NOTE_BYTES_MAX;
use crate::chat::policy::{ModerationRequest, Role, RoomOptions, RoomSettings, SANCTION_MAX_S, SLOW_MODE_MAX_S};

/// Parses a command of one of these words; `None` for another word.
pub(super) fn parse(word: &str, rest: &str) -> Option<Result<Command, Unparsed>> {
    Some(match word {
        "create" => create(rest),
        "end" => end(rest),
        "invite" => alone(word, rest, |user| ModerationRequest::Invite { user }),
        "remove" => noted(word, rest, |user| ModerationRequest::Remove { user }),
        "kick" => noted(word, rest, |user| ModerationRequest::Kick { user }),
        "ban" => lasting(word, rest, |user, lasts| ModerationRequest::Ban { user, lasts }),
        "unban" => alone(word, rest, |user| ModerationRequest::Unban { user }),
        "mute" => lasting(word, rest, |user, lasts| ModerationRequest::Mute { user, lasts }),
        "unmute" => alone(word, rest, |user| ModerationRequest::Unmute { user }),
        "role" => role(rest),
        "slow" => slow(rest),
        "announce" => announce(rest),
        _ => return None,
    })
}

fn moderate(request: ModerationRequest) -> Command {
    Command::Moderate { room: None, request, note: None }
}

fn create(rest: &str) -> Result<Command, Unparsed> {
    let (name, private) = match *words(rest) {
        [name] => (name, false),
        [name, "private"] => (name, true),
        _ => return Err(usage("/create ROOM [private]")),
    };
    let options = RoomOptions { private, members: Vec::new() };
    Ok(Command::Create { room: room(name)?, durable: true, options })
}

fn end(rest: &str) -> Result<Command, Unparsed> {
    match *words(rest) {
        [name] => Ok(Command::Moderate { room: Some(room(name)?), request: ModerationRequest::End, note: None }),
        _ => Err(usage("/end ROOM")),
    }
}

fn alone(
    word: &str,
    rest: &str,
    request: impl FnOnce(crate::chat::UserName) -> ModerationRequest,
) -> Result<Command, Unparsed> {
    match *words(rest) {
        [name] => Ok(moderate(request(user(name)?))),
        _ => Err(usage(&format!("/{word} USER"))),
    }
}

fn noted(
    word: &str,
    rest: &str,
    request: impl FnOnce(crate::chat::UserName) -> ModerationRequest,
) -> Result<Command, Unparsed> {
    if rest.is_empty() {
        return Err(usage(&format!("/{word} USER [WHY]")));
    }
    let (name, why) = first(rest);
    with_note(request(user(name)?), why)
}

fn lasting(
    word: &str,
    rest: &str,
    request: impl FnOnce(crate::chat::UserName, Option<Duration>) -> ModerationRequest,
) -> Result<Command, Unparsed> {
    let form = || usage(&format!("/{word} USER [TIME, such as 10m] [WHY]"));
    if rest.is_empty() {
        return Err(form());
    }
    let (name, why) = first(rest);
    let (time, less) = first(why);
    // What begins with a digit is meant as a time: it must not become a ban for ever.
    if !time.starts_with(|c: char| c.is_ascii_digit()) {
        return with_note(request(user(name)?, None), why);
    }
    let lasts = humantime::parse_duration(time).map_err(|_| form())?;
    if lasts.is_zero() || lasts.as_secs() > SANCTION_MAX_S {
        return Err(form());
    }
    with_note(request(user(name)?, Some(lasts)), less)
}

fn role(rest: &str) -> Result<Command, Unparsed> {
    let (name, role) = first(rest);
    let role = Role::parse(role).ok_or_else(|| usage("/role USER member|moderator|owner"))?;
    Ok(moderate(ModerationRequest::Role { user: user(name)?, role }))
}

fn slow(rest: &str) -> Result<Command, Unparsed> {
    let seconds = if rest == "off" { Some(0) } else { rest.parse().ok() };
    let seconds = seconds.filter(|seconds| *seconds <= SLOW_MODE_MAX_S);
    let seconds = seconds.ok_or_else(|| usage(&format!("/slow SECONDS, at most {SLOW_MODE_MAX_S}, or /slow off")))?;
    Ok(moderate(ModerationRequest::Settings(RoomSettings { slow_mode_s: Some(seconds), announcement: None })))
}

fn announce(rest: &str) -> Result<Command, Unparsed> {
    let announcement = match rest {
        "on" => Some(true),
        "off" => Some(false),
        _ => return Err(usage("/announce on|off")),
    };
    Ok(moderate(ModerationRequest::Settings(RoomSettings { slow_mode_s: None, announcement })))
}

fn with_note(request: ModerationRequest, why: &str) -> Result<Command, Unparsed> {
    if why.len() > NOTE_BYTES_MAX {
        return Err(bad_request(format!("A note may have {NOTE_BYTES_MAX} bytes")));
    }
    let note = (!why.is_empty()).then(|| why.into());
    Ok(Command::Moderate { room: None, request, note })
}

fn first(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::super::text_in;
    use super::*;
    use crate::chat::{Request, UserName};

    fn said(line: &str) -> Result<Command, String> {
        match text_in::parse(line) {
            Ok(Some(Request { command, .. })) => Ok(command),
            Ok(None) => panic!("{line:?} says something"),
            Err(unparsed) => Err(unparsed.refusal.to_string()),
        }
    }

    #[test]
    fn a_ban_lasts_as_long_as_it_says_and_else_for_ever() {
        let ban = |lasts: Option<u64>, note: Option<&str>| {
            let user = UserName::parse("Bob").unwrap();
            let request = ModerationRequest::Ban { user, lasts: lasts.map(Duration::from_secs) };
            Ok(Command::Moderate { room: None, request, note: note.map(Into::into) })
        };
        assert_eq!(said("/ban Bob"), ban(None, None));
        assert_eq!(said("/ban Bob 10m"), ban(Some(600), None));
        assert_eq!(said("/ban Bob  10m  too loud"), ban(Some(600), Some("too loud")));
        assert_eq!(said("/ban Bob too loud"), ban(None, Some("too loud")));
    }

    #[test]
    fn a_wrong_line_is_answered_with_what_would_be_right() {
        let time = "Usage: /ban USER [TIME, such as 10m] [WHY]";
        for (line, answer) in [
            ("/ban", time),
            ("/ban Bob 10", time),
            ("/ban Bob 0s", time),
            ("/ban Bob 100years", time),
            ("/kick", "Usage: /kick USER [WHY]"),
            ("/invite", "Usage: /invite USER"),
            ("/invite Bob Ann", "Usage: /invite USER"),
            ("/role Bob king", "Usage: /role USER member|moderator|owner"),
            ("/role", "Usage: /role USER member|moderator|owner"),
            ("/slow", "Usage: /slow SECONDS, at most 86400, or /slow off"),
            ("/slow 86401", "Usage: /slow SECONDS, at most 86400, or /slow off"),
            ("/announce", "Usage: /announce on|off"),
            ("/create", "Usage: /create ROOM [private]"),
            ("/create den secret", "Usage: /create ROOM [private]"),
            ("/end", "Usage: /end ROOM"),
            ("/unban a:b", "The name of a user must not hold the character ':'"),
        ] {
            assert_eq!(said(line), Err(answer.to_owned()), "{line:?}");
        }
        assert_eq!(said(&format!("/kick Bob {}", "x".repeat(201))), Err("A note may have 200 bytes".to_owned()));
    }
}
