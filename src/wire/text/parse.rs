//! Parsing the text dialect.
//!
//! A line that begins with `/` is a command, `//` a message that begins with one slash, any other
//! line a message. Each mistake is answered with what would be right.

use crate::chat::{Command, Refusal, Request, RoomRequest};
use crate::wire::text::may_have_controls;
use crate::wire::{Unparsed, commands};

/// Parses one line without its end; `None` for an empty one, which asks for nothing.
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &str) -> Result<Option<Request>, Unparsed> {
    request(line).map_err(|refusal| Unparsed { id: None, refusal })
}

fn request(line: &str) -> Result<Option<Request>, Refusal> {
    let line = line.trim_end_matches('\r');
    let is_refused = |c: &char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if may_have_controls(line)
        && let Some(bad) = line.chars().find(is_refused)
    {
        return Err(Refusal::bad_request(format!("A line must not hold the character {bad:?}")));
    }
    let text = match line.strip_prefix('/') {
        None => line,
        Some(rest) if rest.starts_with('/') => rest,
        Some(rest) => return command(rest).map(Some),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let request = RoomRequest::message(text).quietly();
    Ok(Some(commands::MESSAGE.request(None, Command::ToRoom { room: None, request })))
}

fn command(line: &str) -> Result<Request, Refusal> {
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let row = commands::of_word(word);
    let row = row.ok_or_else(|| Refusal::unknown_type("There is no such command: /help lists them"))?;
    Ok(row.request(None, row.parse_text(rest.trim())?))
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
        let says =
            |text: &str| format!("{:?}", Command::ToRoom { room: None, request: RoomRequest::message(text).quietly() });
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
            ("/join", "Error: Usage: /join ROOM [INVITATION]"),
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
