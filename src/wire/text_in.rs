//! Parsing the text dialect.
//!
//! A line that begins with `/` is a command, `//` a message that begins with one slash, any other
//! line a message. Every mistake is answered in words that say what is right.

use super::{Unparsed, moderation_in};
use crate::chat::command::NOTE_BYTES_MAX;
use crate::chat::{
    Body, Code, Command, JoinOptions, NameError, Refusal, Request, RoomName, Seen, Span, Status, UserName,
};
use roomd_protocol::{HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX};

/// Parses one line without its end; `None` for an empty one, which says nothing.
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &str) -> Result<Option<Request>, Unparsed> {
    let line = line.trim_end_matches('\r');
    if let Some(bad) = line.chars().find(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(bad_request(format!("A line must not hold the character {bad:?}")));
    }
    let said = match line.strip_prefix('/') {
        None => line,
        Some(rest) if rest.starts_with('/') => rest,
        Some(rest) => return command(rest).map(|command| Some(Request { id: None, command })),
    };
    if said.is_empty() {
        return Ok(None);
    }
    let command = Command::Message { room: None, body: Body::Text(said.into()), about: None, mid: None };
    Ok(Some(Request { id: None, command }))
}

fn command(line: &str) -> Result<Command, Unparsed> {
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let rest = rest.trim();
    let alone = |command| if rest.is_empty() { Ok(command) } else { Err(usage(&format!("/{word}"))) };
    match word {
        "join" if !rest.is_empty() => Ok(Command::Join { room: room(rest)?, options: JoinOptions::default() }),
        "join" => Err(usage("/join ROOM")),
        "leave" => alone(Command::Leave { room: None }),
        "rooms" => alone(Command::Rooms),
        "who" => alone(Command::Members { room: None }),
        "msg" => match rest.split_once([' ', '\t']) {
            Some((to, text)) => Ok(Command::Private {
                to: user(to)?,
                body: Body::Text(text.trim_start().into()),
                about: None,
                mid: None,
            }),
            None => Err(usage("/msg USER TEXT")),
        },
        "history" => {
            let limit = if rest.is_empty() { Some(HISTORY_LIMIT_DEFAULT) } else { rest.parse().ok() };
            let limit = limit.filter(|limit| (1..=HISTORY_LIMIT_MAX).contains(limit));
            let limit = limit.ok_or_else(|| usage(&format!("/history [1 to {HISTORY_LIMIT_MAX}]")))?;
            Ok(Command::History { room: None, span: Span::Before(u64::MAX), limit })
        }
        "away" if rest.len() > NOTE_BYTES_MAX => Err(bad_request(format!("A note may have {NOTE_BYTES_MAX} bytes"))),
        "away" => {
            let note = (!rest.is_empty()).then(|| rest.into());
            Ok(Command::Presence { status: Status::Away, note })
        }
        "back" => alone(Command::Presence { status: Status::Online, note: None }),
        "nick" if !rest.is_empty() => Ok(Command::Nick { name: user(rest)? }),
        "nick" => Err(usage("/nick NAME")),
        "auth" if !rest.is_empty() => Ok(Command::Auth { token: rest.into() }),
        "auth" => Err(usage("/auth TOKEN")),
        "refresh" if !rest.is_empty() => Ok(Command::Refresh { token: rest.into() }),
        "refresh" => Err(usage("/refresh TOKEN")),
        "session" => alone(Command::Session),
        "resume" => match rest.split_once([' ', '\t']).map(|(token, seq)| (token, seq.trim().parse())) {
            Some((token, Ok(seq))) => Ok(Command::Resume { token: token.into(), seen: Seen::Current(seq) }),
            _ => Err(usage("/resume TOKEN SEQ")),
        },
        "help" => alone(Command::Help),
        "quit" => alone(Command::Quit),
        _ => moderation_in::parse(word, rest).unwrap_or_else(|| {
            let refusal = Refusal::new(Code::UnknownType, "There is no such command: /help lists them");
            Err(Unparsed { id: None, refusal })
        }),
    }
}

pub(super) fn room(text: &str) -> Result<RoomName, Unparsed> {
    RoomName::parse(text).map_err(|error| bad_name("room", error))
}

pub(super) fn user(text: &str) -> Result<UserName, Unparsed> {
    UserName::parse(text).map_err(|error| bad_name("user", error))
}

fn bad_name(what: &str, error: NameError) -> Unparsed {
    bad_request(format!("The name of a {what} {error}"))
}

pub(super) fn usage(form: &str) -> Unparsed {
    bad_request(format!("Usage: {form}"))
}

pub(super) fn bad_request(message: String) -> Unparsed {
    Unparsed { id: None, refusal: Refusal::new(Code::BadRequest, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        match parse(line) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(request)) => format!("{:?}", request.command),
            Err(unparsed) => format!("Error: {}", unparsed.refusal),
        }
    }

    #[test]
    fn a_line_is_a_message_unless_it_begins_with_a_slash() {
        let says = |text: &str| {
            format!("{:?}", Command::Message { room: None, body: Body::Text(text.into()), about: None, mid: None })
        };
        assert_eq!(said("hi there"), says("hi there"));
        assert_eq!(said("hi\r"), says("hi"));
        assert_eq!(said("//join x"), says("/join x"));
        assert_eq!(said("tab\there"), says("tab\there"));
        assert_eq!(said(""), "nothing");
        assert_eq!(said("\r"), "nothing");
    }

    #[test]
    fn a_wrong_line_is_answered_with_what_would_be_right() {
        for (line, answer) in [
            ("/join", "Error: Usage: /join ROOM"),
            ("/join a b", "Error: The name of a room must not hold the character ' '"),
            ("/msg Bob", "Error: Usage: /msg USER TEXT"),
            ("/msg a:b hi", "Error: The name of a user must not hold the character ':'"),
            ("/history 0", "Error: Usage: /history [1 to 300]"),
            ("/history x", "Error: Usage: /history [1 to 300]"),
            ("/quit now", "Error: Usage: /quit"),
            ("/nick", "Error: Usage: /nick NAME"),
            ("/dance", "Error: There is no such command: /help lists them"),
            ("/", "Error: There is no such command: /help lists them"),
            ("bell\u{7}", "Error: A line must not hold the character '\\u{7}'"),
        ] {
            assert_eq!(said(line), answer, "{line:?}");
        }
    }
}
