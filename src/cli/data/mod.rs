//! The commands that work on the file of messages: what can be asked of each.
//!
//! Read on the main thread with the rest of the command line; `archive.rs` does them. A build without a
//! database knows them too, and says why it cannot do them.

#[cfg(feature = "sqlite")]
mod archive;
#[cfg(not(feature = "sqlite"))]
#[path = "without_sqlite.rs"]
mod archive;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod tokens;
#[cfg(all(not(feature = "jwt"), feature = "sqlite"))]
#[path = "without_jwt.rs"]
mod tokens;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::chat::{RoomName, Time, UserName};
use roomd_protocol::{DISPLAY_BYTES_MAX, TOKEN_ROOMS_MAX};

pub use archive::run;

/// What is to be done with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Write a room's history to standard output.
    Export { room: RoomName, since: Since },
    /// Read a room's history from a file, or from standard input.
    Import { from: Option<PathBuf> },
    /// Copy the whole file.
    Backup { to: PathBuf },
    /// See whether it is whole.
    Check,
    /// Set, or show, how much of a room is kept.
    Retain { room: RoomName, age: Option<Bound>, messages: Option<Bound> },
    /// Sign a token with the server's key.
    Token(Minting),
    /// Make a new key, which signs from now on; or list the keys.
    Keys { rotate: bool },
}

/// What a token is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minting {
    /// Whom it names.
    pub user: UserName,
    /// How long it is good for.
    pub life: Duration,
    /// Whether that is an administrator.
    pub admin: bool,
    /// What the user wants to be called.
    pub display: Option<String>,
    /// The rooms that may be entered; none named is all.
    pub rooms: Vec<RoomName>,
}

/// Where an export begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// After the message of this number.
    Seq(u64),
    /// With the first message that is not older.
    Time(Time),
}

/// A room's own bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// As the server's settings say.
    Server,
    /// Milliseconds, or messages; 0 is none.
    Own(i64),
}

/// The commands themselves, without the settings.
pub fn commands() -> [Command; 7] {
    let room = || Arg::new("room").value_name("ROOM").required(true).help("The room; a conversation is dm:ALICE:BOB");
    let path = |name: &'static str| {
        Arg::new(name).value_name("FILE").value_parser(OsStringValueParser::new().map(PathBuf::from))
    };
    let since = "Only what came after: a number, a day, a time in UTC, or an age,\nsuch as 41, 2026-11-20, 2026-11-20T18:00:00Z or 7days";
    let age = "How old a message may get, such as 30days; 0 is any age, server as the server has it";
    let messages = "How many messages are kept; 0 is all, server as the server has it";
    [
        Command::new("export")
            .about("Write a room's history to standard output, one JSON object a line")
            .arg(room())
            .arg(Arg::new("since").long("since").value_name("WHEN").help(since)),
        Command::new("import")
            .about("Read a room's history that export has written; no server may run on the file")
            .arg(path("from").help("The export; without it standard input")),
        Command::new("backup")
            .about("Copy the whole history to a new file, also while the server runs")
            .arg(path("to").required(true).help("The copy, which must not be there yet")),
        Command::new("check").about("See whether the history is whole, and list its rooms"),
        Command::new("retain")
            .about("Set or show how much of a room's history is kept")
            .arg(room())
            .arg(Arg::new("age").allow_negative_numbers(true).long("age").value_name("TIME|server").help(age))
            .arg(
                Arg::new("messages")
                    .allow_negative_numbers(true)
                    .long("messages")
                    .value_name("N|server")
                    .help(messages),
            ),
        token(),
        Command::new("keys")
            .about("List the keys that sign the server's tokens, or have a new one sign from now on")
            .arg(
                Arg::new("what")
                    .value_parser(["list", "rotate"])
                    .value_name("list|rotate")
                    .hide_possible_values(true)
                    .required(true)
                    .help(
                        "list: the one that signs comes first; rotate: old ones are good until their last token ends",
                    ),
            ),
    ]
}

fn token() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("token")
        .about("Sign a token with the server's key, also while the server runs")
        .arg(flag("user", "USER", "Whom it names").required(true))
        .arg(flag("for", "TIME", "How long it is good for, such as 7d or 12h [default: 30d]"))
        .arg(Arg::new("admin").long("admin").action(ArgAction::SetTrue).help("The user may do everything"))
        .arg(flag("name", "TEXT", "What the user wants to be called, for people to read"))
        .arg(
            flag("room", "ROOM", "A room that may be entered; repeat it for several [default: all]")
                .action(ArgAction::Append),
        )
}

impl Task {
    /// What the command `name` was asked.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(name: &str, flags: &ArgMatches) -> Result<Self, String> {
        let text = |name: &str| flags.get_one::<String>(name).map(String::as_str);
        let path = |name: &str| flags.get_one::<PathBuf>(name).cloned();
        let room = || {
            let room = text("room").unwrap_or_default();
            RoomName::parse_known(room).map_err(|error| format!("the room's name {room:?} {error}"))
        };
        match name {
            "export" => Ok(Self::Export { room: room()?, since: text("since").map_or(Ok(Since::Seq(0)), since)? }),
            "import" => Ok(Self::Import { from: path("from") }),
            "backup" => Ok(Self::Backup { to: path("to").unwrap_or_default() }),
            "check" => Ok(Self::Check),
            "retain" => Ok(Self::Retain {
                room: room()?,
                age: text("age").map(|text| bound("--age", text, age_ms)).transpose()?,
                messages: text("messages")
                    .map(|text| bound("--messages", text, |text| text.parse().ok()))
                    .transpose()?,
            }),
            "token" => Ok(Self::Token(Minting::read(flags)?)),
            "keys" => Ok(Self::Keys { rotate: text("what") == Some("rotate") }),
            other => Err(format!("there is no command {other}")),
        }
    }
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(seq) = text.parse() {
        return Ok(Since::Seq(seq));
    }
    let day = format!("{text}T00:00:00Z");
    let time = [text, &day].iter().find_map(|text| humantime::parse_rfc3339(text).ok());
    let age = || humantime::parse_duration(text).ok().and_then(|age| SystemTime::now().checked_sub(age));
    let time = time.or_else(age).ok_or_else(|| {
        format!(
            "--since must be a number, a day, a time in UTC or an age, such as 41, 2026-11-20 or 7days, not {text:?}"
        )
    })?;
    Ok(Since::Time(Time::from(time)))
}

impl Minting {
    fn read(flags: &ArgMatches) -> Result<Self, String> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let text = |name: &str| flags.get_one::<String>(name).map(String::as_str);
        let user = UserName::parse(text("user").unwrap_or_default()).map_err(|error| format!("--user {error}"))?;
        let bounds = Duration::from_secs(1)..=100 * 366 * DAY;
        let life = text("for").map_or(Ok(30 * DAY), |text| roomd_cli::value::time(text, &bounds));
        let room = |text: &String| RoomName::parse(text).map_err(|error| format!("--room {text:?} {error}"));
        let rooms = flags.get_many::<String>("room").into_iter().flatten().map(room).collect::<Result<Vec<_>, _>>()?;
        if rooms.len() > TOKEN_ROOMS_MAX {
            return Err(format!("--room can be given {TOKEN_ROOMS_MAX} times"));
        }
        let display = text("name").map(str::to_owned);
        let unfit =
            |name: &String| name.is_empty() || name.len() > DISPLAY_BYTES_MAX || name.chars().any(char::is_control);
        if display.as_ref().is_some_and(unfit) {
            return Err(format!("--name must have 1 to {DISPLAY_BYTES_MAX} bytes and no control character"));
        }
        let life = life.map_err(|problem| format!("--for {problem}"))?;
        Ok(Self { user, life, admin: flags.get_flag("admin"), display, rooms })
    }
}

fn age_ms(text: &str) -> Option<i64> {
    let age = if text == "0" { Duration::ZERO } else { humantime::parse_duration(text).ok()? };
    i64::try_from(age.as_millis()).ok()
}

fn bound(flag: &str, text: &str, own: impl Fn(&str) -> Option<i64>) -> Result<Bound, String> {
    if text == "server" {
        return Ok(Bound::Server);
    }
    let own = own(text).filter(|bound| *bound >= 0);
    own.map(Bound::Own).ok_or_else(|| {
        let example = if flag == "--age" { "a time with its unit, such as 30days" } else { "a whole number" };
        format!("{flag} must be {example}, or server, not {text:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Invocation;
    use crate::cli::tests::{ask, refused};

    fn asked(arguments: &[&str]) -> (String, Task) {
        match ask(arguments, &[], "data = \"from-file.db\"") {
            Ok((Invocation::Data(settings, task), _)) => (settings.data, task),
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn a_command_on_the_file_knows_which_from_all_sources() {
        let named = |data: &str| (data.to_owned(), Task::Check);
        assert_eq!(asked(&["check"]), named("roomd.db"));
        assert_eq!(asked(&["check", "--data", "other.db"]), named("other.db"));
        assert_eq!(asked(&["check", "--config", "roomd.toml"]), named("from-file.db"));
        assert_eq!(asked(&["check", "--config", "roomd.toml", "--data=other.db"]), named("other.db"));
    }

    #[test]
    fn a_token_says_what_the_flags_say() {
        let user = UserName::parse("alice").unwrap();
        let plain =
            Minting { user, life: Duration::from_secs(30 * 86_400), admin: false, display: None, rooms: Vec::new() };
        assert_eq!(asked(&["token", "--user", "alice"]).1, Task::Token(plain.clone()));
        let flags = ["token", "--user=alice", "--admin", "--for=7d", "--name=Al", "--room=den", "--room", "hall"];
        let rooms = ["den", "hall"].map(|room| RoomName::parse(room).unwrap()).into();
        let life = Duration::from_secs(7 * 86_400);
        let all = Minting { life, admin: true, display: Some("Al".to_owned()), rooms, ..plain };
        assert_eq!(asked(&flags).1, Task::Token(all));
        for (flag, sentence) in [
            ("--for=tomorrow", "--for must be a time with its unit, such as 54s, 2ms or 1m, not \"tomorrow\""),
            ("--room=a/b", "--room \"a/b\" must not hold the character '/'"),
            ("--name=", "--name must have 1 to 128 bytes and no control character"),
        ] {
            assert_eq!(refused(&["token", "--user=alice", flag], &[], ""), sentence);
        }
        assert_eq!(asked(&["keys", "rotate"]).1, Task::Keys { rotate: true });
        assert_eq!(asked(&["keys", "list"]).1, Task::Keys { rotate: false });
    }

    #[test]
    fn an_export_begins_with_a_number_a_time_or_an_age() {
        let room = RoomName::parse("den").unwrap();
        let since = |since: &str| match asked(&["export", "den", "--since", since]).1 {
            Task::Export { since, .. } => since,
            other => panic!("{other:?}"),
        };
        assert_eq!(asked(&["export", "den"]).1, Task::Export { room, since: Since::Seq(0) });
        assert_eq!(since("41"), Since::Seq(41));
        assert_eq!(since("2026-11-20"), Since::Time(Time(1_795_132_800_000)));
        assert_eq!(since("2026-11-20T18:00:00Z"), Since::Time(Time(1_795_197_600_000)));
        assert!(matches!(since("7days"), Since::Time(_)));
        let refusal = refused(&["export", "den", "--since", "noon"], &[], "");
        assert!(refusal.starts_with("--since must be a number, a day, "), "{refusal}");
    }

    #[test]
    fn the_room_of_a_conversation_can_be_named() {
        let [anna, otto] = ["Anna", "Otto"].map(|name| crate::chat::UserName::parse(name).unwrap());
        let Task::Export { room, .. } = asked(&["export", "dm:Otto:Anna"]).1 else { panic!("no export") };
        assert_eq!(room, RoomName::private(&anna, &otto));
        assert_eq!(refused(&["export", "a b"], &[], ""), "the room's name \"a b\" must not hold the character ' '");
    }

    #[test]
    fn a_bound_is_a_value_or_the_servers() {
        let room = RoomName::parse("den").unwrap();
        assert_eq!(
            asked(&["retain", "den", "--age", "30days", "--messages", "server"]).1,
            Task::Retain { room, age: Some(Bound::Own(2_592_000_000)), messages: Some(Bound::Server) }
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
