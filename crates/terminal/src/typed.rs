//! What a person types: a message, or a command.
//!
//! Pure; called on the main thread for each line that the keyboard's thread has read. The commands are
//! those of the text dialect (docs/protocol.md, section 2), as far as a client of the other dialect
//! can do them.

use serde_json::Value;

use super::ruling;
use roomd_protocol::{HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX};

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Nothing.
    Nothing,
    /// Say it to the room.
    Say(String),
    /// Say it to one user.
    Private { to: String, text: String },
    /// Go to another room.
    Join(String),
    /// Who is in the room?
    Who,
    /// Which rooms are there?
    Rooms,
    /// Show the newest messages.
    History(usize),
    /// Be away, with a note or an empty one; `None` is back.
    Away(Option<String>),
    /// Take another name.
    Nick(String),
    /// Which numbers are to be compared with a user?
    Safety(String),
    /// They were compared, and are the same.
    Verify { user: String, digits: String },
    /// Rule over a room: an object of the protocol, without its room where that is the one spoken in.
    Rule(Value),
    /// What can be typed?
    Help,
    /// Leave.
    Quit,
    /// It is none of them; a sentence says what would be right.
    Mistake(String),
}

/// The commands, with what follows them and what they do.
const COMMANDS: [(&str, &str, &str); 12] = [
    ("/away", " [TEXT]", "say that you are away"),
    ("/back", "", "say that you are back"),
    ("/help", "", "this list"),
    ("/history", " [N]", "the last messages"),
    ("/join", " ROOM", "go to a room, which is made if it is not there"),
    ("/msg", " USER TEXT", "say something to one user"),
    ("/nick", " NAME", "take another name"),
    ("/quit", "", "leave; so do Ctrl-C and Ctrl-D"),
    ("/rooms", "", "which rooms there are"),
    ("/safety", " USER", "the numbers to compare with somebody in an encrypted room"),
    ("/verify", " USER [DIGITS]", "they were compared and are the same; the first digits where there are several"),
    ("/who", "", "who is in the room"),
];

/// All that there are: those above, and those for who rules over a room.
pub fn commands() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    COMMANDS.into_iter().chain(ruling::COMMANDS)
}

/// Reads a line.
pub fn read(line: &str) -> Typed {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.trim().is_empty() {
        return Typed::Nothing;
    }
    let Some(rest) = line.strip_prefix('/') else { return Typed::Say(line.to_owned()) };
    if rest.starts_with('/') {
        return Typed::Say(rest.to_owned());
    }
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let rest = rest.trim();
    let Some((_, after, _)) = commands().find(|(command, ..)| *command == word) else {
        return Typed::Mistake("There is no such command: /help lists them".to_owned());
    };
    let usage = || Typed::Mistake(format!("Usage: {word}{after}"));
    match (word, rest) {
        ("/away", note) => Typed::Away(Some(note.to_owned())),
        ("/history", "") => Typed::History(HISTORY_LIMIT_DEFAULT),
        ("/history", count) => match count.parse() {
            Ok(count) if (1..=HISTORY_LIMIT_MAX).contains(&count) => Typed::History(count),
            _ => Typed::Mistake(format!("Usage: /history [1 to {HISTORY_LIMIT_MAX}]")),
        },
        ("/join" | "/msg" | "/nick" | "/safety" | "/verify", "") => usage(),
        ("/join", room) => Typed::Join(room.to_owned()),
        ("/msg", rest) => match rest.split_once([' ', '\t']) {
            Some((to, text)) => Typed::Private { to: to.to_owned(), text: text.trim_start().to_owned() },
            None => usage(),
        },
        ("/nick", name) => Typed::Nick(name.to_owned()),
        ("/safety", user) if !user.contains([' ', '\t']) => Typed::Safety(user.to_owned()),
        ("/verify", rest) => {
            let (user, digits) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
            let is_number = digits.chars().all(|c| c.is_ascii_digit() || c == ' ');
            if !is_number {
                return usage();
            }
            Typed::Verify { user: user.to_owned(), digits: digits.trim().to_owned() }
        }
        ("/back", "") => Typed::Away(None),
        ("/help", "") => Typed::Help,
        ("/quit", "") => Typed::Quit,
        ("/rooms", "") => Typed::Rooms,
        ("/who", "") => Typed::Who,
        _ => ruling::read(word, rest).map_or_else(usage, Typed::Rule),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_unless_it_begins_with_one_slash() {
        for (line, typed) in [
            ("hi there", Typed::Say("hi there".to_owned())),
            (" hi\r\n", Typed::Say(" hi".to_owned())),
            ("//join x", Typed::Say("/join x".to_owned())),
            ("  ", Typed::Nothing),
            ("/msg Bob  hi you", Typed::Private { to: "Bob".to_owned(), text: "hi you".to_owned() }),
            ("/join plans", Typed::Join("plans".to_owned())),
            ("/history", Typed::History(32)),
            ("/history 300", Typed::History(300)),
            ("/away", Typed::Away(Some(String::new()))),
            ("/away at lunch", Typed::Away(Some("at lunch".to_owned()))),
            ("/back", Typed::Away(None)),
            ("/who ", Typed::Who),
        ] {
            assert_eq!(read(line), typed, "{line:?}");
        }
    }

    #[test]
    fn a_wrong_line_is_answered_with_what_would_be_right() {
        for (line, sentence) in [
            ("/dance", "There is no such command: /help lists them"),
            ("/", "There is no such command: /help lists them"),
            ("/history 301", "Usage: /history [1 to 300]"),
            ("/join", "Usage: /join ROOM"),
            ("/msg Bob", "Usage: /msg USER TEXT"),
            ("/who now", "Usage: /who"),
            ("/ban Bob 10", "Usage: /ban USER [TIME] [WHY]"),
        ] {
            assert_eq!(read(line), Typed::Mistake(sentence.to_owned()), "{line:?}");
        }
    }
}
