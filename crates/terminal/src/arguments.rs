//! The arguments of `roomd chat`.
//!
//! Read once, on the main thread, before anything runs. What comes out is right in form: the address,
//! the names and the numbers; whether there is such a server is found out by connecting.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};

use roomd_cli::{trust, value};
use roomd_protocol::{JOIN_HISTORY_DEFAULT, JOIN_HISTORY_MAX};
use roomd_protocol::{RoomName, UserName};
use roomd_tls::Trust;

/// When names have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// On a terminal, unless `NO_COLOR` says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A key for the room to begin in.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// A link, or its part from `#key=` on.
    Link(String),
    /// A file with a passphrase.
    PassphraseFile(PathBuf),
}

/// What `roomd chat` is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// The server.
    pub url: String,
    /// Whose certificates to believe, through TLS.
    pub trust: Trust,
    /// The room to begin in.
    pub room: String,
    /// The name; `None` is a guest.
    pub user: Option<String>,
    /// Whether standard output is for programs.
    pub json: bool,
    /// How many of the newest messages are shown at first.
    pub history: usize,
    /// Whether to go on when standard input has ended.
    pub stay: bool,
    /// For how long a broken connection is tried again; `None` is for ever.
    pub retry_for: Option<Duration>,
    /// When names have colours.
    pub colours: Colours,
    /// The key of an encrypted room.
    pub key: Option<Key>,
    /// Whether that key is taken in the place of another.
    pub replace_key: bool,
    /// Where the token is; `None` is a file in the directory for states.
    pub token_file: Option<PathBuf>,
    /// Whether no name is claimed.
    pub no_claim: bool,
}

const AFTER_HELP: &str = "\
On a terminal, lines can be edited, Tab completes commands and names, and the arrow keys go through
what was typed, also in earlier conversations but not in encrypted rooms; /help lists the commands; Ctrl-C, Ctrl-D and /quit leave. Elsewhere each line of
standard input is typed, and the end of it leaves, as soon as all is sent.

A connection that breaks is repaired: what was missed is shown, once and in order, or a notice says
that it cannot be; what was not acknowledged is sent again, and is published once.

In an encrypted room messages are encrypted here and decrypted by its members (docs/encryption.md). Its
key is kept in $XDG_STATE_HOME/roomd, so that it is given once; behind a name stands what is known of a
message: (encrypted), (verified) when the numbers that /safety shows were compared, (new device).

Exit codes: 0 a clean end; 1 the connection could not be made or was refused for good, or not all
was sent, or something that a script said was refused; 2 bad arguments.";

/// The command, with its flags.
pub fn command() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let switch =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("chat")
        .about("Talk in a room of a server, from a terminal or from a script")
        .after_help(AFTER_HELP)
        .next_line_help(true)
        .arg(Arg::new("url").value_name("URL").required(true).help("The server, such as ws://127.0.0.1:8000, or wss:// through TLS"))
        .arg(flag("room", "ROOM", "The room to begin in").required(true))
        .arg(flag("user", "USER", "Your name [default: a guest's, which the server draws]"))
        .arg(flag("history", "N", "How many of the newest messages to show at first [0 to 200; default: 20]"))
        .arg(switch("json", "For scripts: each line of standard input is one message as it is, and standard output\ngets one JSON object a line"))
        .arg(switch("stay", "Go on when standard input, which is no terminal, has ended"))
        .arg(flag("retry-for", "TIME", "Give up when a broken connection is not repaired for so long, such as 30s or 5m\n[default: never]"))
        .arg(flag("passphrase-file", "FILE", "The room is encrypted, with the passphrase in this file").conflicts_with("key"))
        .arg(flag("key", "LINK", "The room is encrypted, with the key in this link, or in its part from #key= on; other\nusers of the machine may see it"))
        .arg(switch("replace-key", "Take the key in the place of another that the room has"))
        .arg(
            flag("token-file", "PATH", "Where the token that says who you are is, or is put\n[variable ROOMD_TOKEN_FILE; default: a file in the state directory for each server and user]")
                .value_parser(OsStringValueParser::new().map(PathBuf::from)),
        )
        .arg(switch("no-claim", "Do not register the name; without a token file you are a guest\n[variable ROOMD_NO_CLAIM=true]"))
        .arg(flag("color", "WHEN", "When names have colours: auto, always or never [default: auto]"))
        .args(trust::flags())
}

/// Reads what was given. An error is a sentence.
pub fn read(matches: &ArgMatches, variables: &[(OsString, OsString)]) -> Result<Arguments, String> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(other, value)| other == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let no_claim = match variable("ROOMD_NO_CLAIM").map(|value| value.into_string()) {
        None => false,
        Some(Ok(text)) if text == "true" || text == "false" => text == "true",
        Some(_) => return Err("ROOMD_NO_CLAIM must be true or false".to_owned()),
    };
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let url = text("url").unwrap_or_default();
    roomd_client::check_address(&url)?;
    let room = RoomName::parse(&text("room").unwrap_or_default()).map_err(|error| format!("--room {error}"))?;
    let user =
        text("user").map(|user| UserName::parse(&user)).transpose().map_err(|error| format!("--user {error}"))?;
    let history =
        match text("history") {
            None => JOIN_HISTORY_DEFAULT,
            Some(text) => text.parse().ok().filter(|count| *count <= JOIN_HISTORY_MAX).ok_or_else(|| {
                format!("--history must be a whole number from 0 to {JOIN_HISTORY_MAX}, not {text:?}")
            })?,
        };
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let retry_for = text("retry-for").map(|text| value::time(&text, &(Duration::ZERO..=DAY)));
    let colours = match text("color").as_deref() {
        None | Some("auto") => Colours::Auto,
        Some("always") => Colours::Always,
        Some("never") => Colours::Never,
        Some(other) => return Err(format!("--color must be auto, always or never, not {other:?}")),
    };
    let file = text("passphrase-file").map(|path| Key::PassphraseFile(path.into()));
    let key = file.or_else(|| text("key").map(Key::Link));
    let replace_key = matches.get_flag("replace-key");
    if replace_key && key.is_none() {
        return Err("--replace-key needs --passphrase-file or --key".to_owned());
    }
    Ok(Arguments {
        trust: trust::read(matches, &url)?,
        url,
        room: room.to_string(),
        user: user.map(|user| user.to_string()),
        json: matches.get_flag("json"),
        history,
        stay: matches.get_flag("stay"),
        retry_for: retry_for.transpose().map_err(|problem| format!("--retry-for {problem}"))?,
        colours,
        key,
        replace_key,
        token_file: matches
            .get_one::<PathBuf>("token-file")
            .cloned()
            .or_else(|| variable("ROOMD_TOKEN_FILE").map(PathBuf::from)),
        no_claim: no_claim || matches.get_flag("no-claim"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str]) -> Result<Arguments, String> {
        let all = ["chat", "ws://a:1", "--room", "r"].iter().chain(arguments);
        read(&command().try_get_matches_from(all).map_err(|error| error.to_string())?, &[])
    }

    #[test]
    fn each_flag_is_read() {
        let plain = given(&[]).unwrap();
        let expected = Arguments {
            url: "ws://a:1".to_owned(),
            trust: Trust::System,
            room: "r".to_owned(),
            user: None,
            json: false,
            history: 20,
            stay: false,
            retry_for: None,
            colours: Colours::Auto,
            key: None,
            replace_key: false,
            token_file: None,
            no_claim: false,
        };
        assert_eq!(plain, expected);
        let flags = ["--user", "Ann", "--json", "--history=0", "--stay", "--retry-for", "5s", "--color=never"];
        let flags = [&flags[..], &["--no-claim", "--token-file", "t"]].concat();
        let all = Arguments {
            user: Some("Ann".to_owned()),
            json: true,
            history: 0,
            stay: true,
            retry_for: Some(Duration::from_secs(5)),
            colours: Colours::Never,
            no_claim: true,
            token_file: Some("t".into()),
            ..expected
        };
        assert_eq!(given(&flags), Ok(all));
        let link = given(&["--key", "#key=1.x", "--replace-key"]).unwrap();
        assert_eq!((link.key, link.replace_key), (Some(Key::Link("#key=1.x".to_owned())), true));
        let file = given(&["--passphrase-file", "secret"]).unwrap();
        assert_eq!((file.key, file.replace_key), (Some(Key::PassphraseFile("secret".into())), false));
        assert!(given(&["--passphrase-file", "secret", "--key", "x"]).is_err());
    }

    #[test]
    fn a_mistake_is_a_sentence() {
        for (arguments, sentence) in [
            (&["--history", "201"][..], "--history must be a whole number from 0 to 200, not \"201\""),
            (&["--replace-key"], "--replace-key needs --passphrase-file or --key"),
            (&["--user", "a b"], "--user must not hold the character ' '"),
            (&["--color", "red"], "--color must be auto, always or never, not \"red\""),
            (&["--retry-for", "5"], "--retry-for must be a time with its unit, such as 54s, 2ms or 1m, not \"5\""),
        ] {
            assert_eq!(given(arguments).unwrap_err(), sentence);
        }
        let wrong = command().try_get_matches_from(["chat", "ftp://a", "--room", "r"]).unwrap();
        assert!(read(&wrong, &[]).unwrap_err().ends_with("not \"ftp://a\""));
        let sentence = "--ca is for TLS, and \"ws://a:1\" is without: wss://…";
        assert_eq!(given(&["--ca", "c.pem"]).unwrap_err(), sentence);
    }
}
