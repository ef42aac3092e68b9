//! The table of commands: one row for each, in both dialects.
//!
//! A row says by which names a command is known, how it is parsed, which bucket pays for it, whether it may
//! come before authentication, and what `/help` says of it. Parsers look a command up here; sessions get the
//! cost with the [`Request`]. The privilege that a command needs in a room is the policy's to decide.

use super::json::fields::Fields;
use super::text::arguments::Arguments;
use super::text::moderation;
use crate::chat::bookmark::BookmarkRequest;
use crate::chat::command::{InvitationRequest, PatternRequest};
use crate::chat::device::DeviceRequest;
use crate::chat::display_names::DisplayNameRequest;
use crate::chat::policy::ModerationRequest;
use crate::chat::{
    Body, Command, Cost, Id, Pattern, Receipt, Refusal, Request, RoomRequest, ServerQuery, Signal, Span, Status,
};

/// A command, or the forms in which a kind of command is written.
pub(super) struct Row {
    json: Option<(&'static [&'static str], FromJson)>,
    text: Option<(&'static str, FromText)>,
    help: Option<&'static str>,
    cost: Cost,
    before_auth: bool,
}

type FromJson = fn(&Fields<'_>) -> Result<Command, Refusal>;
type FromText = fn(&Arguments<'_>) -> Result<Command, Refusal>;

const fn row(cost: Cost) -> Row {
    Row { json: None, text: None, help: None, cost, before_auth: false }
}

impl Row {
    /// The values of `type` that mean it.
    const fn json(mut self, types: &'static [&'static str], parse: FromJson) -> Self {
        self.json = Some((types, parse));
        self
    }

    /// Its usage, which begins with the slash and its word, and what `/help` says of it.
    const fn text(mut self, usage: &'static str, help: &'static str, parse: FromText) -> Self {
        self.text = Some((usage, parse));
        self.help = Some(help);
        self
    }

    /// A client that has yet to authenticate may send it.
    const fn before_auth(mut self) -> Self {
        self.before_auth = true;
        self
    }

    /// A command of this row, with what a session has to know of the row.
    pub(super) fn request(&self, id: Option<Id>, command: Command) -> Request {
        Request { id, command, cost: self.cost, before_auth: self.before_auth }
    }

    /// Parses a command of this row in the JSON dialect.
    pub(super) fn parse_json(&self, fields: &Fields<'_>) -> Result<Command, Refusal> {
        match self.json {
            Some((_, parse)) => parse(fields),
            None => Err(Refusal::unknown_type("There is no command of this type")),
        }
    }

    /// Parses a command of this row in the text dialect; `rest` is what follows the word.
    pub(super) fn parse_text(&self, rest: &str) -> Result<Command, Refusal> {
        match self.text {
            Some((usage, parse)) => parse(&Arguments { usage, rest }),
            None => Err(Refusal::unknown_type("There is no such command: /help lists them")),
        }
    }

    fn word(&self) -> Option<&'static str> {
        self.text.and_then(|(usage, _)| usage.split(' ').next()?.strip_prefix('/'))
    }
}

/// The values of `type` that mean a command in the JSON dialect: a list for each command, which begins with its own name.
pub fn types() -> impl Iterator<Item = &'static [&'static str]> {
    ROWS.iter().filter_map(|row| row.json.map(|(types, _)| types)).filter(|types| !types.is_empty())
}

/// The row of this `type` in the JSON dialect.
pub(super) fn of_type(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.json.is_some_and(|(types, _)| types.contains(&name)))
}

/// The row of this `type` in the JSON dialect, if it is about a pattern of topics.
pub(super) fn of_pattern(name: &str) -> Option<&'static Row> {
    match name {
        "join" | "subscribe" => Some(&SUBSCRIBE),
        "leave" | "unsubscribe" => Some(&UNSUBSCRIBE),
        _ => None,
    }
}

/// The row of this word in the text dialect, which stands after the slash.
pub(super) fn of_word(word: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.word() == Some(word))
}

/// The lines of `/help`.
pub(super) fn help() -> impl Iterator<Item = String> {
    let of_row = |row: &'static Row| row.text.map(|(usage, _)| usage).zip(row.help);
    let forms = ROWS.iter().filter_map(of_row).chain([("//text", "send \"/text\"")]);
    forms.map(|(form, help)| format!("* {form:<14}  {help}"))
}

/// A message: in text, a line that is no command.
pub(super) const MESSAGE: Row = row(Cost::Message).json(&["message", "publish"], |fields| {
    let request = RoomRequest::from(fields.publication()?);
    Ok(Command::ToRoom { room: Some(fields.room()?), request })
});

/// A topic and a message without a type.
pub(super) const TOPIC: Row = row(Cost::Message).json(&[], |fields| {
    let (room, publication) = (fields.room()?, fields.topic_publication()?);
    Ok(Command::Topic { room, request: RoomRequest::from(publication).quietly() })
});

/// A pattern of topics: every open room that it matches has to look.
const SUBSCRIBE: Row = row(Cost::Message)
    .json(&[], |fields| Ok(Command::Patterns(PatternRequest::Subscribe(fields.subscribed_pattern()?))))
    .text("/subscribe PATTERN", "hear every room whose name matches, such as prices.*", |line| {
        Ok(Command::Patterns(PatternRequest::Subscribe(Pattern::parse(line.all()?)?)))
    });

/// The same pattern no longer.
const UNSUBSCRIBE: Row = row(Cost::Message)
    .json(&[], |fields| Ok(Command::Patterns(PatternRequest::Unsubscribe(fields.pattern()?))))
    .text("/unsubscribe PATTERN", "hear them no longer", |line| {
        Ok(Command::Patterns(PatternRequest::Unsubscribe(Pattern::parse(line.all()?)?)))
    });

/// In the order in which `/help` lists them.
const ROWS: &[Row] = &[
    MESSAGE,
    row(Cost::Other)
        .json(&["join", "subscribe"], |fields| {
            Ok(Command::Join { room: fields.room()?, options: fields.join_options()? })
        })
        .text("/join ROOM [INVITATION]", "go to a room, which is made if it is not there", |line| line.join()),
    row(Cost::Other).text("/work ROOM GROUP", "go to a room, and share its messages with a group", |line| line.work()),
    row(Cost::Other)
        .json(&["done"], |fields| {
            let request = RoomRequest::Finish { seq: fields.seq()? };
            Ok(Command::ToRoom { room: Some(fields.room()?), request })
        })
        .text("/done NUMBER", "say that your message of this number is done", |line| {
            Ok(Command::ToRoom { room: None, request: RoomRequest::Finish { seq: line.number()? } })
        }),
    row(Cost::Other)
        .json(&["leave", "unsubscribe"], |fields| Ok(Command::Leave { room: Some(fields.room()?), note: None }))
        .text("/leave", "leave the room", |line| line.none(Command::Leave { room: None, note: None })),
    SUBSCRIBE,
    UNSUBSCRIBE,
    row(Cost::Other)
        .json(&["rooms"], |_| Ok(Command::Rooms))
        .text("/rooms", "list the rooms", |line| line.none(Command::Rooms)),
    row(Cost::Other).json(&["memberships"], |_| Ok(Command::Memberships)).text(
        "/unread",
        "list what you have not read, and where you are invited",
        |line| line.none(Command::Memberships),
    ),
    row(Cost::Other).json(&["bookmarks"], |_| Ok(Command::Bookmarks(BookmarkRequest::List))),
    row(Cost::Other).json(&["bookmark"], |fields| fields.bookmark()),
    row(Cost::Other)
        .json(&["unbookmark"], |fields| Ok(Command::Bookmarks(BookmarkRequest::Remove { room: fields.any_room()? }))),
    // It waits for the disk, as a message does.
    row(Cost::Message).json(&["display_name"], |fields| fields.display_name()).text(
        "/display TEXT|-",
        "say what you want to be called; - for nothing",
        |line| {
            let name = line.display_name()?;
            Ok(Command::DisplayNames(DisplayNameRequest::Set(name)))
        },
    ),
    row(Cost::Other)
        .json(&["display_names"], |fields| Ok(Command::DisplayNames(DisplayNameRequest::Of(fields.users()?))))
        .text("/whois USER", "show what a user wants to be called", |line| {
            Ok(Command::DisplayNames(DisplayNameRequest::Of(vec![line.user(line.all()?)?])))
        }),
    row(Cost::Other)
        .json(&["members"], |fields| Ok(Command::ToRoom { room: Some(fields.room()?), request: RoomRequest::Members }))
        .text("/who", "list who is in the room", |line| {
            line.none(Command::ToRoom { room: None, request: RoomRequest::Members })
        }),
    row(Cost::Message)
        .json(&["private"], |fields| Ok(Command::Private { to: fields.to()?, request: fields.publication()?.into() }))
        .text("/msg USER TEXT", "send a message to one user", |line| {
            let (to, text) = line.pair()?;
            Ok(Command::Private { to: line.user(to)?, request: RoomRequest::message(text).quietly() })
        }),
    row(Cost::Other)
        .json(&["history"], |fields| {
            let (room, span, limit) = fields.history()?;
            Ok(Command::History { room: Some(room), span, limit })
        })
        .text("/history [N]", "show the last messages", |line| {
            Ok(Command::History { room: None, span: Span::NEWEST, limit: line.history_limit()? })
        }),
    // It takes more of the disk and of the processor than any other question.
    row(Cost::Message).json(&["search"], |fields| {
        let (text, scope, limit) = fields.search()?;
        Ok(Command::Search { text, scope, limit })
    }),
    row(Cost::Other)
        .json(&["presence"], |fields| Ok(Command::Presence { status: fields.status()?, note: fields.note()? }))
        .text("/away [TEXT]", "say that you are away", |line| {
            Ok(Command::Presence { status: Status::Away, note: line.note()? })
        }),
    row(Cost::Other).text("/back", "say that you are back", |line| {
        line.none(Command::Presence { status: Status::Online, note: None })
    }),
    row(Cost::Message).json(&["edit"], |fields| {
        let request = RoomRequest::Edit { seq: fields.seq()?, body: fields.body()? };
        Ok(Command::ToRoom { room: Some(fields.any_room()?), request })
    }),
    row(Cost::Message).json(&["delete"], |fields| {
        let request = RoomRequest::Edit { seq: fields.seq()?, body: Body::Deleted(fields.note()?) };
        Ok(Command::ToRoom { room: Some(fields.any_room()?), request })
    }),
    row(Cost::Other).json(&["received"], |fields| fields.receipt(Receipt::Received)),
    row(Cost::Other).json(&["read"], |fields| fields.receipt(Receipt::Read)),
    row(Cost::Other).json(&["typing"], |fields| {
        let request = RoomRequest::Typing(fields.typing()?);
        Ok(Command::ToRoom { room: Some(fields.any_room()?), request })
    }),
    row(Cost::Other).json(&["offer"], |fields| fields.signal(Signal::Offer)),
    row(Cost::Other).json(&["answer"], |fields| fields.signal(Signal::Answer)),
    row(Cost::Other).json(&["ice-candidate"], |fields| fields.signal(Signal::IceCandidate)),
    row(Cost::Other).json(&["hangup"], |fields| fields.signal(Signal::Hangup)),
    row(Cost::Other).text("/nick NAME", "take another name, before your first message", |line| {
        Ok(Command::Nick { name: line.user(line.all()?)? })
    }),
    row(Cost::Other)
        .json(&["auth"], |fields| Ok(Command::Auth { token: fields.token()? }))
        .text("/auth TOKEN", "show who you are, before your first message", |line| {
            Ok(Command::Auth { token: line.all()?.into() })
        })
        .before_auth(),
    row(Cost::Other).json(&["refresh"], |fields| Ok(Command::Refresh { token: fields.token()? })).text(
        "/refresh TOKEN",
        "show a token that is good for longer",
        |line| Ok(Command::Refresh { token: line.all()?.into() }),
    ),
    row(Cost::Other).json(&["unclaim"], |fields| Ok(Command::Unclaim { name: fields.user()? })),
    row(Cost::Other).json(&["devices"], |_| Ok(Command::Devices(DeviceRequest::List))).text(
        "/devices",
        "list the devices on which you are signed in",
        |line| line.none(Command::Devices(DeviceRequest::List)),
    ),
    row(Cost::Other).json(&["add_device"], |_| Ok(Command::Devices(DeviceRequest::Add))),
    row(Cost::Other).json(&["end_device"], |fields| Ok(Command::Devices(DeviceRequest::End(fields.device()?)))),
    row(Cost::Other).text("/device add|end ID", "sign in another device, or sign one out", |line| line.device()),
    row(Cost::Other).text("/receipts on|off", "tell who has received and read your last message", |line| {
        Ok(Command::Receipts { on: line.is_on()? })
    }),
    row(Cost::Other).text("/session", "show how to resume this session", |line| line.none(Command::Session)),
    row(Cost::Other)
        .json(&["resume"], |fields| fields.resume())
        .text("/resume TOKEN SEQ", "resume a session, whose last message you saw was SEQ", |line| line.resume())
        .before_auth(),
    row(Cost::Other).json(&["create"], |fields| fields.create()).text(
        "/create ROOM [private]",
        "make a room that stays; it is yours if your name is",
        moderation::create,
    ),
    row(Cost::Other)
        .json(&["invite"], |fields| fields.moderate(ModerationRequest::Invite { user: fields.user()? }))
        .text("/invite USER", "put a user on the list of the room", |line| {
            moderation::of_user(line, |user| ModerationRequest::Invite { user })
        }),
    row(Cost::Other).json(&["invitation"], |fields| fields.invitation()).text(
        "/invitation [TIME] [USES]",
        "make a code that admits whoever shows it to the room",
        moderation::invitation,
    ),
    row(Cost::Other)
        .json(&["invitations"], |fields| {
            Ok(Command::Invitations { room: Some(fields.room()?), request: InvitationRequest::List })
        })
        .text("/invitations", "list the codes that admit to the room", |line| {
            line.none(Command::Invitations { room: None, request: InvitationRequest::List })
        }),
    row(Cost::Other)
        .json(&["revoke"], |fields| {
            fields.moderate(ModerationRequest::RevokeInvitation { number: fields.invitation_number()? })
        })
        .text("/revoke NUMBER", "revoke the code of this number", |line| {
            moderation::of_message(line, |number| ModerationRequest::RevokeInvitation { number })
        }),
    row(Cost::Other)
        .json(&["remove"], |fields| fields.moderate(ModerationRequest::Remove { user: fields.user()? }))
        .text("/remove USER [WHY]", "take a user off the list, and out of the room", |line| {
            moderation::with_note(line, |user| ModerationRequest::Remove { user })
        }),
    row(Cost::Other).json(&["role"], |fields| fields.moderate(fields.role()?)).text(
        "/role USER member|voice|moderator|owner",
        "give a user a role in the room",
        moderation::role,
    ),
    row(Cost::Other).json(&["kick"], |fields| fields.moderate(ModerationRequest::Kick { user: fields.user()? })).text(
        "/kick USER [WHY]",
        "put a user out of the room",
        |line| moderation::with_note(line, |user| ModerationRequest::Kick { user }),
    ),
    row(Cost::Other)
        .json(&["ban"], |fields| {
            fields.moderate(ModerationRequest::Ban { user: fields.user()?, lasts: fields.lasts()? })
        })
        .text("/ban USER [TIME] [WHY]", "keep a user out", |line| {
            moderation::with_time(line, |user, lasts| ModerationRequest::Ban { user, lasts })
        }),
    row(Cost::Other)
        .json(&["unban"], |fields| fields.moderate(ModerationRequest::Unban { user: fields.user()? }))
        .text("/unban USER", "let a user in again", |line| {
            moderation::of_user(line, |user| ModerationRequest::Unban { user })
        }),
    row(Cost::Other)
        .json(&["mute"], |fields| {
            fields.moderate(ModerationRequest::Mute { user: fields.user()?, lasts: fields.lasts()? })
        })
        .text("/mute USER [TIME] [WHY]", "keep a user silent", |line| {
            moderation::with_time(line, |user, lasts| ModerationRequest::Mute { user, lasts })
        }),
    row(Cost::Other)
        .json(&["unmute"], |fields| fields.moderate(ModerationRequest::Unmute { user: fields.user()? }))
        .text("/unmute USER", "let a user speak again", |line| {
            moderation::of_user(line, |user| ModerationRequest::Unmute { user })
        }),
    row(Cost::Other).json(&["settings"], |fields| fields.moderate(ModerationRequest::Settings(fields.settings()?))),
    row(Cost::Other).text("/slow SECONDS|off", "one message of each user in so many seconds", moderation::slow),
    row(Cost::Other).text("/announce on|off", "only moderators and users with a voice speak", moderation::announce),
    row(Cost::Other).text("/limit NUMBER|off", "at most so many users in the room", moderation::limit),
    row(Cost::Other).text("/opentopic on|off", "everybody sets the topic", moderation::open_topic),
    row(Cost::Other)
        .json(&["about"], |fields| Ok(Command::ToRoom { room: Some(fields.room()?), request: RoomRequest::About }))
        .text("/topic [TEXT|-]", "show what the room is about, or set it; - for nothing", moderation::topic),
    row(Cost::Other).json(&["describe"], |fields| fields.moderate(fields.describe()?)).text(
        "/describe TEXT|-",
        "say more about the room; - for nothing",
        moderation::describe,
    ),
    row(Cost::Other).json(&["pin"], |fields| fields.moderate(ModerationRequest::Pin { seq: fields.seq()? })).text(
        "/pin NUMBER",
        "pin the message of this number",
        |line| moderation::of_message(line, |seq| ModerationRequest::Pin { seq }),
    ),
    row(Cost::Other).json(&["unpin"], |fields| fields.moderate(ModerationRequest::Unpin { seq: fields.seq()? })).text(
        "/unpin NUMBER",
        "pin it no longer",
        |line| moderation::of_message(line, |seq| ModerationRequest::Unpin { seq }),
    ),
    row(Cost::Other).json(&["end"], |fields| fields.moderate(ModerationRequest::End)).text(
        "/end ROOM",
        "end a room: all leave, and its messages are deleted",
        moderation::end,
    ),
    row(Cost::Other)
        .json(&["time"], |_| Ok(Command::Query(ServerQuery::Time)))
        .text("/time", "show the server's time", |line| line.none(Command::Query(ServerQuery::Time)))
        .before_auth(),
    row(Cost::Other).json(&["ping"], |_| Ok(Command::Query(ServerQuery::Ping))).before_auth(),
    row(Cost::Other).text("/help", "this list", |line| line.none(Command::Query(ServerQuery::Help))).before_auth(),
    row(Cost::Free).text("/quit", "leave the server", |line| line.none(Command::Quit)).before_auth(),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_name_means_one_command() {
        let (mut types, mut words) = (BTreeSet::new(), BTreeSet::new());
        for row in ROWS {
            row.json.iter().flat_map(|(types, _)| *types).for_each(|name| assert!(types.insert(name), "{name}"));
            row.word().into_iter().for_each(|word| assert!(words.insert(word), "{word}"));
            assert!(row.json.is_some() || row.text.is_some(), "a command has a name");
        }
    }

    #[test]
    fn help_has_a_line_for_each_command_of_the_text_dialect() {
        let lines: Vec<_> = help().collect();
        for word in ROWS.iter().filter_map(Row::word) {
            let of_word = |line: &&String| line.trim_start_matches("* /").split(' ').next() == Some(word);
            assert_eq!(lines.iter().filter(of_word).count(), 1, "{word}");
        }
        assert_eq!(lines[0], "* /join ROOM [INVITATION]  go to a room, which is made if it is not there");
        assert_eq!(lines.last().map(String::as_str), Some("* //text          send \"/text\""));
    }
}
