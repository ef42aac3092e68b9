//! What a typed line means: a message, or a command.
//!
//! Pure; called on the main thread for each line. The commands are those of the text dialect
//! (docs/protocol.md, section 2), as far as a client of the JSON dialect can carry them out. A command
//! is one row of a table: its name, its arguments, its help and its parser.

use serde_json::{Value, json};

use super::{account, moderation};
use roomd_protocol::{HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX};

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing: the line is blank.
    Empty,
    /// Publish this text to the room.
    Publish(String),
    /// Send this text to one user.
    Private { to: String, text: String },
    /// Move to another room.
    Join(String),
    /// Move to another room, as a member of a group.
    Work { room: String, group: String },
    /// Hear every room that a pattern matches.
    Subscribe(String),
    /// Hear them no longer.
    Unsubscribe(String),
    /// Leave the room, for none.
    Leave,
    /// Reply to the message of this number, or to the last one of somebody else.
    Reply { seq: Option<u64>, text: String },
    /// Change the text of one's own message of this number, or of the last one.
    Edit { seq: Option<u64>, text: String },
    /// Delete the message of this number, or one's own last one, with a reason if there is one.
    Delete { seq: Option<u64>, note: Option<String> },
    /// Show, or no longer, who has received and read one's messages.
    Receipts(bool),
    /// Show how this session can be resumed.
    Session,
    /// List the members of the room.
    Members,
    /// List the rooms.
    Rooms,
    /// Show so many of the newest messages.
    History(usize),
    /// Be away, with a note that may be empty; `None` is back.
    Away(Option<String>),
    /// Continue under another name.
    Nick(String),
    /// Show the safety numbers of a user.
    Safety(String),
    /// Mark the device whose safety number begins with these digits as verified.
    Verify { user: String, digits: String },
    /// Send this command of the protocol; without a `room` it is about the current one.
    Moderate(Value),
    /// List the commands.
    Help,
    /// Leave.
    Quit,
    /// The line is invalid; the sentence says what would be valid.
    Invalid(String),
}

/// A command that can be typed.
pub struct CommandSpec {
    /// Its name, with the slash.
    pub name: &'static str,
    /// What follows it; may be empty.
    pub arguments: &'static str,
    /// What it does, for `/help`.
    pub help: &'static str,
    /// Parses what follows the name, without the white space around it; `None` is answered with the usage.
    pub parse: fn(&str) -> Option<Input>,
}

const COMMANDS: [CommandSpec; 23] = [
    CommandSpec {
        name: "/away",
        arguments: "[TEXT]",
        help: "say that you are away",
        parse: |note| Some(Input::Away(Some(note.to_owned()))),
    },
    CommandSpec {
        name: "/back",
        arguments: "",
        help: "say that you are back",
        parse: |rest| rest.is_empty().then_some(Input::Away(None)),
    },
    CommandSpec {
        name: "/delete",
        arguments: "[#NUMBER [REASON]]",
        help: "delete your last message, or the one of this number",
        parse: |rest| match numbered(rest) {
            (seq, "") => Some(Input::Delete { seq, note: None }),
            // Without a number the words are more likely meant for the room.
            (None, _) => None,
            (seq, note) => Some(Input::Delete { seq, note: Some(note.to_owned()) }),
        },
    },
    CommandSpec {
        name: "/display",
        arguments: "TEXT|-",
        help: "say what you want to be called, beside your name; - for nothing",
        parse: |name| match name {
            "" => None,
            "-" => Some(Input::Moderate(json!({"type": "display_name", "name": ""}))),
            name => Some(Input::Moderate(json!({"type": "display_name", "name": name}))),
        },
    },
    CommandSpec {
        name: "/done",
        arguments: "#NUMBER",
        help: "say that the message of this number, which is yours of all members of your group, is done",
        parse: |rest| match numbered(rest) {
            (Some(seq), "") => Some(Input::Moderate(json!({"type": "done", "seq": seq}))),
            _ => None,
        },
    },
    CommandSpec {
        name: "/edit",
        arguments: "[#NUMBER] TEXT",
        help: "change the text of your last message, or of the one of this number",
        parse: |rest| match numbered(rest) {
            (_, "") => None,
            (seq, text) => Some(Input::Edit { seq, text: text.to_owned() }),
        },
    },
    CommandSpec {
        name: "/help",
        arguments: "",
        help: "list the commands",
        parse: |rest| rest.is_empty().then_some(Input::Help),
    },
    CommandSpec {
        name: "/history",
        arguments: "[1 to 300]",
        help: "show the newest messages, 32 unless you say how many",
        parse: |rest| match rest {
            "" => Some(Input::History(HISTORY_LIMIT_DEFAULT)),
            count => Some(Input::History(count.parse().ok().filter(|n| (1..=HISTORY_LIMIT_MAX).contains(n))?)),
        },
    },
    CommandSpec {
        name: "/join",
        arguments: "ROOM",
        help: "move to a room, which is created if it does not exist",
        parse: |room| (!room.is_empty()).then(|| Input::Join(room.to_owned())),
    },
    CommandSpec {
        name: "/leave",
        arguments: "",
        help: "leave the room; /join enters another",
        parse: |rest| rest.is_empty().then_some(Input::Leave),
    },
    CommandSpec {
        name: "/msg",
        arguments: "USER TEXT",
        help: "send a message to one user",
        parse: |rest| {
            let (to, text) = rest.split_once([' ', '\t'])?;
            Some(Input::Private { to: to.to_owned(), text: text.trim_start().to_owned() })
        },
    },
    CommandSpec {
        name: "/nick",
        arguments: "NAME",
        help: "change your name",
        parse: |name| (!name.is_empty()).then(|| Input::Nick(name.to_owned())),
    },
    CommandSpec {
        name: "/quit",
        arguments: "",
        help: "leave; so do Ctrl-C and Ctrl-D",
        parse: |rest| rest.is_empty().then_some(Input::Quit),
    },
    CommandSpec {
        name: "/reply",
        arguments: "[#NUMBER] TEXT",
        help: "reply to the last message of somebody else, or to the one of this number; --times shows numbers",
        parse: |rest| match numbered(rest) {
            (_, "") => None,
            (seq, text) => Some(Input::Reply { seq, text: text.to_owned() }),
        },
    },
    CommandSpec {
        name: "/rooms",
        arguments: "",
        help: "list the rooms",
        parse: |rest| rest.is_empty().then_some(Input::Rooms),
    },
    CommandSpec {
        name: "/safety",
        arguments: "USER",
        help: "show the numbers to compare with a user of an encrypted room",
        parse: |user| (!user.is_empty() && !user.contains([' ', '\t'])).then(|| Input::Safety(user.to_owned())),
    },
    CommandSpec {
        name: "/session",
        arguments: "",
        help: "show how to resume this session in another client",
        parse: |rest| rest.is_empty().then_some(Input::Session),
    },
    CommandSpec {
        name: "/subscribe",
        arguments: "PATTERN",
        help: "hear every room whose name matches, such as prices.*",
        parse: |pattern| (!pattern.is_empty()).then(|| Input::Subscribe(pattern.to_owned())),
    },
    CommandSpec {
        name: "/unsubscribe",
        arguments: "PATTERN",
        help: "hear them no longer",
        parse: |pattern| (!pattern.is_empty()).then(|| Input::Unsubscribe(pattern.to_owned())),
    },
    CommandSpec { name: "/verify", arguments: "USER [DIGITS]", help: VERIFY_HELP, parse: parse_verify },
    CommandSpec {
        name: "/who",
        arguments: "",
        help: "list who is in the room",
        parse: |rest| rest.is_empty().then_some(Input::Members),
    },
    CommandSpec {
        name: "/whois",
        arguments: "USER",
        help: "show what a user wants to be called",
        parse: |user| (!user.is_empty()).then(|| Input::Moderate(json!({"type": "display_names", "users": [user]}))),
    },
    CommandSpec {
        name: "/work",
        arguments: "ROOM GROUP",
        help: "go to a room, and share its messages with a group: each is one member's, until /done",
        parse: |rest| match *rest.split_whitespace().collect::<Vec<_>>() {
            [room, group] => Some(Input::Work { room: room.to_owned(), group: group.to_owned() }),
            _ => None,
        },
    },
];

/// The number of a message, `#12`, and what stands behind it.
fn numbered(rest: &str) -> (Option<u64>, &str) {
    let (first, text) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    match first.strip_prefix('#').and_then(|number| number.parse().ok()) {
        Some(seq) => (Some(seq), text.trim_start()),
        None => (None, rest),
    }
}

const VERIFY_HELP: &str = "the numbers are the same; name the first digits if there are several";

fn parse_verify(rest: &str) -> Option<Input> {
    let (user, digits) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let is_number = digits.chars().all(|c| c.is_ascii_digit() || c == ' ');
    (!user.is_empty() && is_number).then(|| Input::Verify { user: user.to_owned(), digits: digits.trim().to_owned() })
}

/// All commands: those above, those about oneself, and those for moderators.
pub fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    COMMANDS.iter().chain(&account::COMMANDS).chain(&moderation::COMMANDS)
}

/// Parses a line, with or without its line end.
pub fn parse(line: &str) -> Input {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.trim().is_empty() {
        return Input::Empty;
    }
    let Some(rest) = line.strip_prefix('/') else { return Input::Publish(line.to_owned()) };
    if rest.starts_with('/') {
        return Input::Publish(rest.to_owned());
    }
    let (name, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let Some(command) = commands().find(|command| command.name == name) else {
        return Input::Invalid("There is no such command: /help lists them".to_owned());
    };
    let usage = || Input::Invalid(format!("Usage: {name} {}", command.arguments).trim_end().to_owned());
    (command.parse)(rest.trim()).unwrap_or_else(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_unless_it_begins_with_one_slash() {
        for (line, input) in [
            ("hi there", Input::Publish("hi there".to_owned())),
            (" hi\r\n", Input::Publish(" hi".to_owned())),
            ("//join x", Input::Publish("/join x".to_owned())),
            ("  ", Input::Empty),
            ("/msg Bob  hi you", Input::Private { to: "Bob".to_owned(), text: "hi you".to_owned() }),
            ("/join plans", Input::Join("plans".to_owned())),
            ("/work jobs agents", Input::Work { room: "jobs".to_owned(), group: "agents".to_owned() }),
            ("/subscribe prices.*", Input::Subscribe("prices.*".to_owned())),
            ("/unsubscribe >", Input::Unsubscribe(">".to_owned())),
            ("/done #7", Input::Moderate(json!({"type": "done", "seq": 7}))),
            ("/history", Input::History(32)),
            ("/history 300", Input::History(300)),
            ("/away", Input::Away(Some(String::new()))),
            ("/away at lunch", Input::Away(Some("at lunch".to_owned()))),
            ("/back", Input::Away(None)),
            ("/verify Bob 12 34", Input::Verify { user: "Bob".to_owned(), digits: "12 34".to_owned() }),
            ("/who ", Input::Members),
            ("/leave", Input::Leave),
            ("/session", Input::Session),
            ("/receipts on", Input::Receipts(true)),
            ("/receipts off", Input::Receipts(false)),
            ("/reply yes", Input::Reply { seq: None, text: "yes".to_owned() }),
            ("/reply #12 yes", Input::Reply { seq: Some(12), text: "yes".to_owned() }),
            ("/reply #tag yes", Input::Reply { seq: None, text: "#tag yes".to_owned() }),
            ("/edit #3  better", Input::Edit { seq: Some(3), text: "better".to_owned() }),
            ("/delete", Input::Delete { seq: None, note: None }),
            ("/delete #7", Input::Delete { seq: Some(7), note: None }),
            ("/delete #7 off topic", Input::Delete { seq: Some(7), note: Some("off topic".to_owned()) }),
        ] {
            assert_eq!(parse(line), input, "{line:?}");
        }
    }

    #[test]
    fn an_invalid_line_is_answered_with_what_would_be_valid() {
        for (line, sentence) in [
            ("/dance", "There is no such command: /help lists them"),
            ("/", "There is no such command: /help lists them"),
            ("/history 301", "Usage: /history [1 to 300]"),
            ("/join", "Usage: /join ROOM"),
            ("/work jobs", "Usage: /work ROOM GROUP"),
            ("/done", "Usage: /done #NUMBER"),
            ("/reply", "Usage: /reply [#NUMBER] TEXT"),
            ("/edit #3", "Usage: /edit [#NUMBER] TEXT"),
            ("/delete it", "Usage: /delete [#NUMBER [REASON]]"),
            ("/leave now", "Usage: /leave"),
            ("/receipts", "Usage: /receipts on|off"),
            ("/msg Bob", "Usage: /msg USER TEXT"),
            ("/verify Bob x", "Usage: /verify USER [DIGITS]"),
            ("/who now", "Usage: /who"),
            ("/ban Bob 10", "Usage: /ban USER [TIME] [WHY]"),
        ] {
            assert_eq!(parse(line), Input::Invalid(sentence.to_owned()), "{line:?}");
        }
    }
}
