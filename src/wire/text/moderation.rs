//! Parsing moderation in the text dialect.
//!
//! The commands are about the current room, but for making one and ending one, where the room is named.

use std::time::Duration;

use super::arguments::{Arguments, usage};
use crate::chat::command::InvitationRequest;
use crate::chat::policy::{
    Description, InvitationOptions, MEMBERS_MAX, ModerationRequest, Role, RoomOptions, RoomSettings, SANCTION_MAX_S,
    SLOW_MODE_MAX_S,
};
use crate::chat::{Command, Note, Refusal, RoomRequest, UserName};

/// `ROOM [private]`
pub fn create(line: &Arguments<'_>) -> Result<Command, Refusal> {
    let (name, private) = match *line.words() {
        [name] => (name, false),
        [name, "private"] => (name, true),
        _ => return Err(line.misused()),
    };
    let options = RoomOptions { private, members: Vec::new() };
    Ok(Command::Create { room: line.room(name)?, durable: true, options })
}

/// `ROOM`
pub fn end(line: &Arguments<'_>) -> Result<Command, Refusal> {
    match *line.words() {
        [name] => Ok(Command::Moderate { room: Some(line.room(name)?), request: ModerationRequest::End, note: None }),
        _ => Err(line.misused()),
    }
}

/// `USER`
pub fn of_user(line: &Arguments<'_>, request: impl FnOnce(UserName) -> ModerationRequest) -> Result<Command, Refusal> {
    match *line.words() {
        [name] => Ok(moderate(request(line.user(name)?))),
        _ => Err(line.misused()),
    }
}

/// `USER [WHY]`
pub fn with_note(
    line: &Arguments<'_>,
    request: impl FnOnce(UserName) -> ModerationRequest,
) -> Result<Command, Refusal> {
    let (name, why) = first(line.all()?);
    noted(request(line.user(name)?), why)
}

/// `USER [TIME] [WHY]`
pub fn with_time(
    line: &Arguments<'_>,
    request: impl FnOnce(UserName, Option<Duration>) -> ModerationRequest,
) -> Result<Command, Refusal> {
    let form = || usage(&line.usage.replace("[TIME]", "[TIME, such as 10m]"));
    let (name, why) = first(line.all().map_err(|_| form())?);
    let (time, less) = first(why);
    // What begins with a digit is meant as a time: it must not become a ban forever.
    if !time.starts_with(|c: char| c.is_ascii_digit()) {
        return noted(request(line.user(name)?, None), why);
    }
    let lasts = humantime::parse_duration(time).map_err(|_| form())?;
    if lasts.is_zero() || lasts.as_secs() > SANCTION_MAX_S {
        return Err(form());
    }
    noted(request(line.user(name)?, Some(lasts)), less)
}

/// `USER member|voice|moderator|owner`
pub fn role(line: &Arguments<'_>) -> Result<Command, Refusal> {
    let (name, role) = first(line.rest);
    let role = Role::parse(role).ok_or_else(|| line.misused())?;
    Ok(moderate(ModerationRequest::Role { user: line.user(name)?, role }))
}

/// `SECONDS|off`
pub fn slow(line: &Arguments<'_>) -> Result<Command, Refusal> {
    let seconds = if line.rest == "off" { Some(0) } else { line.rest.parse().ok() };
    let seconds = seconds.filter(|seconds| *seconds <= SLOW_MODE_MAX_S);
    let seconds = seconds.ok_or_else(|| usage(&format!("/slow SECONDS, at most {SLOW_MODE_MAX_S}, or /slow off")))?;
    Ok(moderate(ModerationRequest::Settings(RoomSettings { slow_mode_s: Some(seconds), ..RoomSettings::default() })))
}

/// `NUMBER|off`
pub fn limit(line: &Arguments<'_>) -> Result<Command, Refusal> {
    let most = if line.rest == "off" { Some(0) } else { line.rest.parse().ok().filter(|most| *most > 0) };
    let most = most.filter(|most| *most <= MEMBERS_MAX);
    let most = most.ok_or_else(|| usage(&format!("/limit NUMBER, at most {MEMBERS_MAX}, or /limit off")))?;
    Ok(moderate(ModerationRequest::Settings(RoomSettings { members_max: Some(most), ..RoomSettings::default() })))
}

/// `on|off`
pub fn open_topic(line: &Arguments<'_>) -> Result<Command, Refusal> {
    let open_subject = Some(line.is_on()?);
    Ok(moderate(ModerationRequest::Settings(RoomSettings { open_subject, ..RoomSettings::default() })))
}

/// `on|off`
pub fn announce(line: &Arguments<'_>) -> Result<Command, Refusal> {
    let announcement = Some(line.is_on()?);
    Ok(moderate(ModerationRequest::Settings(RoomSettings { announcement, ..RoomSettings::default() })))
}

/// `[TEXT|-]`
pub fn topic(line: &Arguments<'_>) -> Result<Command, Refusal> {
    match line.rest {
        "" => Ok(Command::ToRoom { room: None, request: RoomRequest::About }),
        text => Ok(moderate(ModerationRequest::Describe(Description::parse(Some(unless_dash(text)), None)?))),
    }
}

/// `TEXT|-`
pub fn describe(line: &Arguments<'_>) -> Result<Command, Refusal> {
    let description = Description::parse(None, Some(unless_dash(line.all()?)))?;
    Ok(moderate(ModerationRequest::Describe(description)))
}

fn unless_dash(text: &str) -> &str {
    if text == "-" { "" } else { text }
}

/// `[TIME] [USES]`
pub fn invitation(line: &Arguments<'_>) -> Result<Command, Refusal> {
    let form = || usage("/invitation [TIME, such as 7d] [USES]");
    let is_time = |word: &&str| word.ends_with(|c: char| c.is_alphabetic());
    let words = line.words();
    let (time, uses) = match *words {
        [] => (None, None),
        [word] if is_time(&word) => (Some(word), None),
        [word] => (None, Some(word)),
        [time, uses] => (Some(time), Some(uses)),
        _ => return Err(form()),
    };
    let time = time.map(|time| humantime::parse_duration(time).map_err(|_| form())).transpose()?;
    let uses = uses.map(|uses| uses.parse().map_err(|_| form())).transpose()?;
    let options = InvitationOptions::parse(time.map(|time| time.as_secs()), uses)?;
    Ok(Command::Invitations { room: None, request: InvitationRequest::Create { options, note: None } })
}

/// `NUMBER`
pub fn of_message(line: &Arguments<'_>, request: impl FnOnce(u64) -> ModerationRequest) -> Result<Command, Refusal> {
    let seq = line.rest.parse().map_err(|_| line.misused())?;
    Ok(moderate(request(seq)))
}

fn moderate(request: ModerationRequest) -> Command {
    Command::Moderate { room: None, request, note: None }
}

fn noted(request: ModerationRequest, why: &str) -> Result<Command, Refusal> {
    let note = (!why.is_empty()).then(|| Note::parse(why)).transpose()?;
    Ok(Command::Moderate { room: None, request, note })
}

fn first(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::chat::Request;

    fn said(line: &str) -> Result<Command, String> {
        match parse::parse(line) {
            Ok(Some(Request { command, .. })) => Ok(command),
            Ok(None) => panic!("{line:?} says something"),
            Err(unparsed) => Err(unparsed.refusal.to_string()),
        }
    }

    #[test]
    fn a_ban_lasts_as_long_as_it_says_and_else_forever() {
        let ban = |lasts: Option<u64>, note: Option<&str>| {
            let user = UserName::parse("Bob").unwrap();
            let request = ModerationRequest::Ban { user, lasts: lasts.map(Duration::from_secs) };
            Ok(Command::Moderate { room: None, request, note: note.map(|note| Note::parse(note).unwrap()) })
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
            ("/role Bob king", "Usage: /role USER member|voice|moderator|owner"),
            ("/role", "Usage: /role USER member|voice|moderator|owner"),
            ("/slow", "Usage: /slow SECONDS, at most 86400, or /slow off"),
            ("/slow 86401", "Usage: /slow SECONDS, at most 86400, or /slow off"),
            ("/announce", "Usage: /announce on|off"),
            ("/describe", "Usage: /describe TEXT|-"),
            ("/pin", "Usage: /pin NUMBER"),
            ("/pin first", "Usage: /pin NUMBER"),
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
