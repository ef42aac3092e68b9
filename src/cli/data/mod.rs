//! The commands on the data file: `export`, `import`, `backup`, `restore`, `check`, `cluster`, `retain`, `hook`, `webhook`, `token`,
//! `keys`; and on the server that has it open: `reload`, `drain`.
//!
//! Parsed on the main thread with the rest of the command line; `execute.rs` runs them, with `hooks.rs`, `webhooks.rs`,
//! `tokens.rs` and `operate.rs` for the last six. A build without a database, or without tokens, parses them too, and says why it cannot run them.

#[cfg(feature = "sqlite")]
mod archives;
#[cfg(not(feature = "sqlite"))]
#[path = "without_archives.rs"]
mod archives;
mod backups;
mod cluster;
mod execute;
mod hooks;
mod operate;
#[cfg(feature = "jwt")]
mod tokens;
#[cfg(not(feature = "jwt"))]
#[path = "without_jwt.rs"]
mod tokens;
pub mod webhooks;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Command, Subcommand, ValueEnum};

use crate::chat::rate::TOKEN_RATE_MAX;
use crate::chat::{RoomName, Time, UserName};
use crate::store::administration::{BoundChange, ExportStart};
use roomd_cli::parser::checked;
use roomd_cli::value::{self, DAY};
use roomd_protocol::{DISPLAY_BYTES_MAX, TOKEN_ROOMS_MAX};

use backups::BackupOptions;
pub use execute::run;
use webhooks::WebhookOptions;

/// The servers whose archives `import` reads.
const ARCHIVES: [&str; 2] = ["slack", "mattermost"];

/// A command on the data file. Help is made of the comments.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DataCommand {
    /// Write a room's history to standard output, one JSON object a line
    Export {
        /// The room; a conversation is dm:ALICE:BOB
        #[arg(value_name = "ROOM", value_parser = checked(parse_known_room))]
        room: RoomName,
        /// Only what came after: a number, a day, a time in UTC, or an age,
        /// such as 41, 2026-11-20, 2026-11-20T18:00:00Z or 7days
        #[arg(long, value_name = "WHEN", value_parser = checked(parse_start), verbatim_doc_comment)]
        since: Option<ExportStart>,
    },
    /// Read a room's history from an export, or from Slack or Mattermost; no server may run
    ///
    /// import slack FILE takes the ZIP file that Slack gives the owners of a workspace, import mattermost FILE a bulk
    /// export: rooms, members of private ones, messages with their times, answers, reactions. Their users' names are
    /// registered, so that nobody else can take them: roomd token --user NAME lets each in. The same archive twice
    /// changes nothing, a later one continues. What cannot be taken, such as files, is counted.
    Import {
        /// The export, by default standard input; or slack or mattermost
        #[arg(value_name = "FILE|slack|mattermost")]
        from: Option<PathBuf>,
        /// The archive of Slack or Mattermost
        #[arg(value_name = "ARCHIVE")]
        archive: Option<PathBuf>,
        /// Only say what the archive has and what of it would be left out
        #[arg(long)]
        dry_run: bool,
    },
    /// Copy the whole history to a new file, also while the server runs; once, or each --every
    Backup(BackupOptions),
    /// Restore the history from a backup; no server may run on the file
    ///
    /// What was there is kept under another name. The rooms begin new epochs, so that clients read afresh. FILE may be
    /// the data file itself, after it was copied there by hand or came back with a snapshot of the disk.
    Restore {
        /// The backup
        #[arg(value_name = "FILE")]
        from: PathBuf,
    },
    /// Check that the history is intact, and list its rooms
    Check,
    /// List the servers that have a database together: how far behind each is, and who is dead
    ///
    /// Each server says once a second how it is; one that has not for five seconds is dead, and listed for a day. BEHIND is
    /// the messages of others that it had yet to show in its open rooms, ANSWER how long the database took for its last heartbeat.
    Cluster {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Set or show how much of a room's history is kept
    Retain {
        /// The room; a conversation is dm:ALICE:BOB
        #[arg(value_name = "ROOM", value_parser = checked(parse_known_room))]
        room: RoomName,
        /// How old a message may get, such as 30days; 0 is any age, server is the server's setting
        #[arg(long, value_name = "TIME|server", allow_negative_numbers = true, value_parser = checked(parse_age))]
        age: Option<BoundChange>,
        /// How many messages are kept; 0 is all, server is the server's setting
        #[arg(long, value_name = "N|server", allow_negative_numbers = true, value_parser = checked(parse_messages))]
        messages: Option<BoundChange>,
    },
    /// Sign a token with the server's key, also while the server runs
    Token(TokenOptions),
    /// Add a hook, by which other software speaks in a room; list or revoke those of a room
    ///
    /// Also while the server runs. add prints the path at which the hook takes messages in the shape of Slack and
    /// Mattermost, as JSON or as the field payload of a form. It is shown once, and whoever has it can speak.
    Hook {
        /// add ROOM --name NAME, list ROOM, or revoke ROOM --hook NUMBER
        #[arg(value_enum, value_name = "add|list|revoke", hide_possible_values = true)]
        action: HookAction,
        /// The room
        #[arg(value_name = "ROOM", value_parser = checked(parse_hook_room))]
        room: RoomName,
        /// The name under which a new hook speaks
        #[arg(long, value_name = "NAME", value_parser = checked(parse_user))]
        name: Option<UserName>,
        /// The number of the hook to revoke, as list has it
        #[arg(long, value_name = "NUMBER")]
        hook: Option<u64>,
    },
    /// Add a webhook, by which other software is told what happens; list, remove, log, resend
    ///
    /// Also while the server runs. add prints the secret with which deliveries are signed (Standard Webhooks). It is shown
    /// once.
    Webhook(WebhookOptions),
    /// Have the running server read its settings again, as SIGHUP does
    ///
    /// The server is found by its data file. Its log, and the status that its service manager shows, say what has changed.
    Reload,
    /// End the running server in good order, as SIGTERM does, and wait for it
    ///
    /// The server is found by its data file. It is not ready at once and lets nobody in, tells everybody that it is about
    /// to end, and then says goodbye to a part of its clients at a time, within --drain.
    Drain,
    /// List the keys that sign the server's tokens, make a new one, or revoke one
    ///
    /// Also while the server runs, which takes a token of a revoked key for half a minute more; roomd admin revoke-key ends it at once,
    /// with its connections.
    Keys {
        /// list: the key that signs comes first; rotate: old keys are valid until their last token ends; revoke: the tokens of --key are void
        #[arg(value_enum, value_name = "list|rotate|revoke", hide_possible_values = true)]
        action: KeysAction,
        /// The key that is revoked, as list has it
        #[arg(long, value_name = "KEY", required_if_eq("action", "revoke"))]
        key: Option<String>,
    },
}

/// What a token says.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct TokenOptions {
    /// The user whom the token names
    #[arg(long, value_name = "USER", value_parser = checked(parse_user))]
    pub user: UserName,
    /// How long the token is valid, such as 7d or 12h
    #[arg(long = "for", value_name = "TIME", default_value = "30d", value_parser = checked(parse_validity))]
    pub valid_for: Duration,
    /// The user may do everything
    #[arg(long)]
    pub admin: bool,
    /// What the user is called, for people to read
    #[arg(long = "name", value_name = "TEXT", value_parser = checked(parse_display))]
    pub display: Option<String>,
    /// A room that the user may join; repeat it for several [default: all]
    #[arg(long = "room", value_name = "ROOM", value_parser = checked(parse_room))]
    pub rooms: Vec<RoomName>,
    /// Messages a second that each connection of the user may send, in place of what others may
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = checked(parse_rate))]
    pub rate: Option<u32>,
}

/// What `roomd hook` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HookAction {
    Add,
    List,
    Revoke,
}

/// What `roomd keys` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeysAction {
    List,
    Rotate,
    Revoke,
}

impl DataCommand {
    /// The commands, without the flags of settings.
    pub fn commands() -> Vec<Command> {
        let data = Self::augment_subcommands(Command::new("data"));
        // The order of help is that in which they are added to the command above.
        data.get_subcommands().cloned().map(|command| command.display_order(None)).collect()
    }

    /// What the parser of flags cannot see. An error is a sentence.
    pub fn check(self) -> Result<Self, String> {
        match &self {
            Self::Token(options) if options.rooms.len() > TOKEN_ROOMS_MAX => {
                Err(format!("--room can be given at most {TOKEN_ROOMS_MAX} times"))
            }
            Self::Webhook(options) => options.check().map(|()| self),
            Self::Backup(options) => options.check().map(|()| self),
            Self::Import { from, archive, dry_run } => {
                let server = from.as_deref().and_then(Path::to_str).filter(|name| ARCHIVES.contains(name));
                match (server, archive) {
                    (Some(server), None) => Err(format!("import {server} needs the file of the archive")),
                    (None, Some(_)) => Err("import takes one file, or slack or mattermost and a file".to_owned()),
                    (None, None) if *dry_run => Err("--dry-run is for import slack and import mattermost".to_owned()),
                    _ => Ok(self),
                }
            }
            Self::Hook { action, name, hook, .. } => {
                let (is_add, is_revoke) = (*action == HookAction::Add, *action == HookAction::Revoke);
                if is_add != name.is_some() {
                    return Err("hook add needs --name, and nothing else has it".to_owned());
                }
                if is_revoke != hook.is_some() {
                    return Err("hook revoke needs --hook, and nothing else has it".to_owned());
                }
                Ok(self)
            }
            _ => Ok(self),
        }
    }
}

fn parse_known_room(text: &str) -> Result<RoomName, String> {
    RoomName::parse_known(text).map_err(|error| format!("the room's name {text:?} {error}"))
}

fn parse_hook_room(text: &str) -> Result<RoomName, String> {
    RoomName::parse(text).map_err(|error| format!("the room's name {text:?} {error}"))
}

fn parse_room(text: &str) -> Result<RoomName, String> {
    RoomName::parse(text).map_err(|error| format!("{text:?} {error}"))
}

fn parse_user(text: &str) -> Result<UserName, String> {
    UserName::parse(text).map_err(|error| error.to_string())
}

fn parse_validity(text: &str) -> Result<Duration, String> {
    value::time(text, &(Duration::from_secs(1)..=100 * 366 * DAY))
}

fn parse_rate(text: &str) -> Result<u32, String> {
    value::count(text, &(1..=TOKEN_RATE_MAX))
}

fn parse_display(text: &str) -> Result<String, String> {
    if (1..=DISPLAY_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(format!("must have 1 to {DISPLAY_BYTES_MAX} bytes and no control character"))
}

fn parse_start(text: &str) -> Result<ExportStart, String> {
    if let Ok(seq) = text.parse() {
        return Ok(ExportStart::Seq(seq));
    }
    let day = format!("{text}T00:00:00Z");
    let time = [text, &day].iter().find_map(|text| humantime::parse_rfc3339(text).ok());
    let age = || humantime::parse_duration(text).ok().and_then(|age| SystemTime::now().checked_sub(age));
    let time = time.or_else(age).ok_or_else(|| {
        format!("must be a number, a day, a time in UTC or an age, such as 41, 2026-11-20 or 7days, not {text:?}")
    })?;
    Ok(ExportStart::Time(Time::from(time)))
}

fn parse_age(text: &str) -> Result<BoundChange, String> {
    let age = if text == "0" { Some(Duration::ZERO) } else { humantime::parse_duration(text).ok() };
    parse_override(
        text,
        age.and_then(|age| i64::try_from(age.as_millis()).ok()),
        "a time with its unit, such as 30days",
    )
}

fn parse_messages(text: &str) -> Result<BoundChange, String> {
    parse_override(text, text.parse().ok().filter(|count| *count >= 0), "a whole number")
}

fn parse_override(text: &str, bound: Option<i64>, allowed: &str) -> Result<BoundChange, String> {
    match bound {
        _ if text == "server" => Ok(BoundChange::Clear),
        Some(bound) => Ok(BoundChange::Set(bound)),
        None => Err(format!("must be {allowed}, or server, not {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Invocation;
    use crate::cli::tests::{ask, refused};

    fn asked(arguments: &[&str]) -> (String, DataCommand) {
        match ask(arguments, &[], "data = \"from-file.db\"") {
            Ok((Invocation::Data(settings, command), _)) => (settings.data, command),
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn the_data_file_of_a_command_comes_from_all_sources() {
        let named = |data: &str| (data.to_owned(), DataCommand::Check);
        assert_eq!(asked(&["check"]), named("roomd.db"));
        assert_eq!(asked(&["check", "--data", "other.db"]), named("other.db"));
        assert_eq!(asked(&["check", "--config", "roomd.toml"]), named("from-file.db"));
        assert_eq!(asked(&["check", "--config", "roomd.toml", "--data=other.db"]), named("other.db"));
    }

    #[test]
    fn a_token_says_what_the_flags_say() {
        let user = UserName::parse("alice").unwrap();
        let plain =
            TokenOptions { user, valid_for: 30 * DAY, admin: false, display: None, rooms: Vec::new(), rate: None };
        assert_eq!(asked(&["token", "--user", "alice"]).1, DataCommand::Token(plain.clone()));
        let flags =
            ["token", "--user=alice", "--admin", "--for=7d", "--name=Al", "--room=den", "--room", "hall", "--rate=60"];
        let rooms = ["den", "hall"].map(|room| RoomName::parse(room).unwrap()).into();
        let valid_for = 7 * DAY;
        let (display, rate) = (Some("Al".to_owned()), Some(60));
        let all = TokenOptions { valid_for, admin: true, display, rooms, rate, ..plain };
        assert_eq!(asked(&flags).1, DataCommand::Token(all));
        for (flag, sentence) in [
            ("--for=tomorrow", "--for must be a time with its unit, such as 54s, 2ms or 1m, not \"tomorrow\""),
            ("--room=a/b", "--room \"a/b\" must not hold the character '/'"),
            ("--rate=0", "--rate must be a whole number from 1 to 1000000, not \"0\""),
            ("--name=", "--name must have 1 to 128 bytes and no control character"),
        ] {
            assert_eq!(refused(&["token", "--user=alice", flag], &[], ""), sentence);
        }
        let rooms: Vec<_> = (0..=TOKEN_ROOMS_MAX).map(|number| format!("--room=r{number}")).collect();
        let many: Vec<_> = ["token", "--user=alice"].into_iter().chain(rooms.iter().map(String::as_str)).collect();
        assert_eq!(refused(&many, &[], ""), "--room can be given at most 128 times");
        assert!(matches!(asked(&many[..many.len() - 1]).1, DataCommand::Token(options) if options.rooms.len() == 128));
        assert_eq!(asked(&["keys", "rotate"]).1, DataCommand::Keys { action: KeysAction::Rotate, key: None });
        assert_eq!(asked(&["keys", "list"]).1, DataCommand::Keys { action: KeysAction::List, key: None });
        let revoke = DataCommand::Keys { action: KeysAction::Revoke, key: Some("01ab".to_owned()) };
        assert_eq!(asked(&["keys", "revoke", "--key=01ab"]).1, revoke);
        assert!(refused(&["keys", "revoke"], &[], "").contains("--key <KEY>"));
    }

    #[test]
    fn a_hook_is_made_with_a_name_and_revoked_by_its_number() {
        let room = RoomName::parse("ops").unwrap();
        let of = |action, name: Option<&str>, hook| DataCommand::Hook {
            action,
            room: room.clone(),
            name: name.map(|name| UserName::parse(name).unwrap()),
            hook,
        };
        assert_eq!(asked(&["hook", "add", "ops", "--name", "CI"]).1, of(HookAction::Add, Some("CI"), None));
        assert_eq!(asked(&["hook", "list", "ops"]).1, of(HookAction::List, None, None));
        assert_eq!(asked(&["hook", "revoke", "ops", "--hook=7"]).1, of(HookAction::Revoke, None, Some(7)));
        let name = "hook add needs --name, and nothing else has it";
        let number = "hook revoke needs --hook, and nothing else has it";
        assert_eq!(refused(&["hook", "add", "ops"], &[], ""), name);
        assert_eq!(refused(&["hook", "list", "ops", "--name", "CI"], &[], ""), name);
        assert_eq!(refused(&["hook", "revoke", "ops"], &[], ""), number);
        assert_eq!(refused(&["hook", "list", "ops", "--hook", "1"], &[], ""), number);
    }

    #[test]
    fn a_webhook_is_made_with_an_address_and_known_by_its_number() {
        let url = "https://bot.example/in";
        let made = asked(&["webhook", "add", url, "--room=ops", "--events", "join, leave"]).1;
        let DataCommand::Webhook(WebhookOptions { room: Some(room), events: Some(events), .. }) = made else {
            panic!("{made:?}")
        };
        assert_eq!((room.as_str(), events.names()), ("ops", vec!["join", "leave"]));
        for arguments in
            [&["list"][..], &["remove", "7"], &["log", "7"], &["resend", "7"], &["resend", "7", "--delivery=9"]]
        {
            assert!(matches!(asked(&[&["webhook"], arguments].concat()).1, DataCommand::Webhook(_)), "{arguments:?}");
        }
        for (arguments, sentence) in [
            (&["add"][..], "webhook add needs a URL"),
            (&["list", url], "webhook list needs nothing"),
            (&["remove"], "webhook remove, log and resend need the number of a webhook, as webhook list has it"),
            (&["log", url], "webhook remove, log and resend need the number of a webhook, as webhook list has it"),
            (&["list", "--room=ops"], "--room and --events are for webhook add"),
            (&["remove", "7", "--delivery=9"], "--delivery is for webhook resend"),
        ] {
            assert_eq!(refused(&[&["webhook"], arguments].concat(), &[], ""), sentence);
        }
    }

    #[test]
    fn an_export_begins_with_a_number_a_time_or_an_age() {
        let room = RoomName::parse("den").unwrap();
        let since = |since: &str| match asked(&["export", "den", "--since", since]).1 {
            DataCommand::Export { since: Some(since), .. } => since,
            other => panic!("{other:?}"),
        };
        assert_eq!(asked(&["export", "den"]).1, DataCommand::Export { room, since: None });
        assert_eq!(since("41"), ExportStart::Seq(41));
        assert_eq!(since("2026-11-20"), ExportStart::Time(Time(1_795_132_800_000)));
        assert_eq!(since("2026-11-20T18:00:00Z"), ExportStart::Time(Time(1_795_197_600_000)));
        assert!(matches!(since("7days"), ExportStart::Time(_)));
        let refusal = refused(&["export", "den", "--since", "noon"], &[], "");
        assert!(refusal.starts_with("--since must be a number, a day, "), "{refusal}");
    }

    #[test]
    fn the_room_of_a_conversation_can_be_named() {
        let [anna, otto] = ["Anna", "Otto"].map(|name| crate::chat::UserName::parse(name).unwrap());
        let DataCommand::Export { room, .. } = asked(&["export", "dm:Otto:Anna"]).1 else { panic!("no export") };
        assert_eq!(room, RoomName::private(&anna, &otto));
        assert_eq!(refused(&["export", "a b"], &[], ""), "the room's name \"a b\" must not hold the character ' '");
    }

    #[test]
    fn a_bound_is_a_value_or_the_setting_of_the_server() {
        let room = RoomName::parse("den").unwrap();
        assert_eq!(
            asked(&["retain", "den", "--age", "30days", "--messages", "server"]).1,
            DataCommand::Retain {
                room,
                age: Some(BoundChange::Set(2_592_000_000)),
                messages: Some(BoundChange::Clear)
            }
        );
        for (arguments, sentence) in [
            (["--age", "30"], "--age must be a time with its unit, such as 30days, or server, not \"30\""),
            (["--messages", "-1"], "--messages must be a whole number, or server, not \"-1\""),
        ] {
            let arguments: Vec<_> = ["retain", "den"].into_iter().chain(arguments).collect();
            assert_eq!(refused(&arguments, &[], ""), sentence);
        }
    }
}
