//! The arguments of `roomd chat`.
//!
//! Read once, on the main thread, before anything runs. They are valid in form: the address, the names
//! and the numbers; whether there is such a server is found out by connecting.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use roomd_cli::trust::TrustArguments;
use roomd_cli::{parser, value};
use roomd_protocol::{JOIN_HISTORY_DEFAULT, JOIN_HISTORY_MAX, RoomName, Secret, UserName};
use roomd_tls::Trust;

/// How long a lost connection may be tried again, at most.
const RETRY_FOR: RangeInclusive<Duration> = Duration::ZERO..=value::DAY;

/// When names have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The key of the first room.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// A link, or its part from `#key=` on.
    Link(String),
    /// A file with a passphrase.
    PassphraseFile(PathBuf),
}

/// What `roomd chat` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// The server's address, valid in form.
    pub url: String,
    /// Which certificates to trust.
    pub trust: Trust,
    /// The room to begin in.
    pub room: String,
    /// The user's name; `None` is a guest.
    pub user: Option<String>,
    /// Whether standard output is for programs.
    pub json: bool,
    /// How many of the newest messages are shown at first, 0–200.
    pub history: usize,
    /// Whether to go on when standard input has ended.
    pub stay: bool,
    /// How long a lost connection is tried again; `None` is forever.
    pub retry_for: Option<Duration>,
    /// When names have colours.
    pub colours: Colours,
    /// The key of the room, if it is encrypted.
    pub key: Option<Key>,
    /// Whether that key replaces another one of the room.
    pub replace_key: bool,
    /// Whether messages are written without encryption also where others encrypt.
    pub plain: bool,
    /// The file of the token; `None` is a file in the state directory.
    pub token_file: Option<PathBuf>,
    /// Whether the name is not claimed.
    pub no_claim: bool,
    /// Whether the name is claimed although no person types.
    pub claim: bool,
    /// Whether each message is shown with its time and number.
    pub times: bool,
    /// The code that signs this device in as another one of the user.
    pub device: Option<Secret>,
    /// The code of an invitation to the room.
    pub invitation: Option<Secret>,
}

const AFTER_HELP: &str = "\
On a terminal, lines can be edited, Tab completes commands and names, and the arrow keys go through
the history, also that of earlier conversations; lines for encrypted rooms are not kept. /help lists
the commands; Ctrl-C, Ctrl-D and /quit leave. Elsewhere each line of standard input counts as typed,
and the end of it leaves as soon as everything is sent.

A lost connection is repaired: what was missed is shown, once and in order, or a notice says that it
cannot be; what was not acknowledged is sent again, and is published once.

In an encrypted room messages are encrypted here and decrypted by its members (docs/encryption.md). The
key is kept in $XDG_STATE_HOME/roomd, so it has to be given only once. What is known of a message is
shown after its author: (encrypted), (verified) if the numbers that /safety shows were compared,
(new device). Without the key nothing is written where an encrypted message was seen, but with --plain.

Exit codes: 0 a clean end; 1 the connection could not be made or was refused for good, or not
everything was sent, or something that a script typed was refused; 2 bad arguments.";

/// The subcommand, with its flags.
#[must_use]
pub fn command() -> Command {
    let about = "Talk in a room of a server, from a terminal or from a script";
    // After the flags, or the document of a group of them would be the command's.
    Flags::augment_args(Command::new("chat")).about(about).after_help(AFTER_HELP).next_line_help(true)
}

#[derive(clap::Args)]
struct Flags {
    /// The server, such as ws://127.0.0.1:8000, or wss:// through TLS
    #[arg(value_name = "URL", value_parser = parser::checked(parse_url))]
    url: String,
    /// The room to begin in
    #[arg(long, value_name = "ROOM", value_parser = parser::checked(parse_room))]
    room: RoomName,
    /// Your name [default: a guest's, which the server chooses]
    #[arg(long, value_name = "USER", value_parser = parser::checked(parse_user))]
    user: Option<UserName>,
    #[arg(long, value_name = "N", value_parser = parser::checked(parse_history), help = history_help())]
    history: Option<usize>,
    /// For scripts: standard output gets one JSON object a line. A line of standard input that is an
    /// object with a type is a command of the protocol, without its room about the current one;
    /// any other is one message as it is
    #[arg(long, verbatim_doc_comment)]
    json: bool,
    /// Go on when standard input, which is not a terminal, has ended
    #[arg(long)]
    stay: bool,
    /// Give up when a lost connection is not repaired for so long, such as 30s or 5m
    /// [default: never]
    #[arg(long, value_name = "TIME", verbatim_doc_comment, value_parser = parser::time(RETRY_FOR))]
    retry_for: Option<Duration>,
    /// The room is encrypted, with the passphrase in this file
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    passphrase_file: Option<PathBuf>,
    /// The room is encrypted, with the key in this link, or in its part from #key= on; other
    /// users of the machine may see it
    #[arg(long, value_name = "LINK", verbatim_doc_comment)]
    key: Option<String>,
    /// Use the key instead of another that the room has
    #[arg(long)]
    replace_key: bool,
    /// Write without encryption also where the messages of others are encrypted, and this device does
    /// not have the key; otherwise such a line is refused
    #[arg(long, verbatim_doc_comment, conflicts_with_all = ["key", "passphrase_file"])]
    plain: bool,
    /// The file with the token that says who you are; a claimed token is written there
    /// [variable ROOMD_TOKEN_FILE; default: a file in the state directory for each server and user]
    #[arg(long, value_name = "PATH", verbatim_doc_comment)]
    token_file: Option<PathBuf>,
    /// Do not register the name; without a token file you are a guest
    /// [variable ROOMD_NO_CLAIM=true]
    #[arg(long, verbatim_doc_comment)]
    no_claim: bool,
    /// Register the name also when standard input is no terminal; otherwise only a token that is
    /// there already is used
    #[arg(long, verbatim_doc_comment, conflicts_with = "no_claim")]
    claim: bool,
    /// Show each message with its time and its number, which /reply, /edit and /delete take
    #[arg(long)]
    times: bool,
    /// Sign in with the code that /device add, or the page, has shown on another device of yours: the
    /// link, or its part from #device= on
    #[arg(long, value_name = "LINK", verbatim_doc_comment, requires = "user", conflicts_with = "no_claim")]
    device: Option<String>,
    /// Enter a private room by an invitation: the link, or its part from #invite= on
    #[arg(long, value_name = "LINK")]
    invitation: Option<String>,
    /// When names have colours: auto, always or never [default: auto]
    #[arg(long, value_name = "WHEN", value_parser = parser::checked(parse_colours))]
    color: Option<Colours>,
    #[command(flatten)]
    trust: TrustArguments,
}

fn history_help() -> String {
    format!(
        "How many of the newest messages to show at first [0 to {JOIN_HISTORY_MAX}; default: {JOIN_HISTORY_DEFAULT}]"
    )
}

/// The address of a server, as an argument.
///
/// # Errors
/// What is wrong with it.
pub fn parse_url(text: &str) -> Result<String, String> {
    roomd_client::check_address(text).map(|()| text.to_owned())
}

/// The name of a room, likewise.
///
/// # Errors
/// What is wrong with it.
pub fn parse_room(text: &str) -> Result<RoomName, String> {
    RoomName::parse(text).map_err(|error| error.to_string())
}

/// The name of a user, likewise.
///
/// # Errors
/// What is wrong with it.
pub fn parse_user(text: &str) -> Result<UserName, String> {
    UserName::parse(text).map_err(|error| error.to_string())
}

fn parse_history(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count <= JOIN_HISTORY_MAX);
    count.ok_or_else(|| format!("must be a whole number from 0 to {JOIN_HISTORY_MAX}, not {text:?}"))
}

fn parse_colours(text: &str) -> Result<Colours, String> {
    match text {
        "auto" => Ok(Colours::Auto),
        "always" => Ok(Colours::Always),
        "never" => Ok(Colours::Never),
        other => Err(format!("must be auto, always or never, not {other:?}")),
    }
}

/// What the arguments and the environment ask for.
///
/// # Errors
/// A sentence: two of them do not fit together, or a variable is invalid.
pub fn read(matches: &ArgMatches, variables: &[(OsString, OsString)]) -> Result<Arguments, String> {
    let flags = Flags::from_arg_matches(matches).map_err(|error| error.to_string())?;
    let variable = |name: &str| {
        let found = variables.iter().find(|(other, value)| other == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let no_claim = match variable("ROOMD_NO_CLAIM").map(|value| value.into_string()) {
        None => false,
        Some(Ok(text)) if text == "true" || text == "false" => text == "true",
        Some(_) => return Err("ROOMD_NO_CLAIM must be true or false".to_owned()),
    };
    let key = flags.passphrase_file.map(Key::PassphraseFile).or(flags.key.map(Key::Link));
    if flags.replace_key && key.is_none() {
        return Err("--replace-key needs --passphrase-file or --key".to_owned());
    }
    Ok(Arguments {
        trust: flags.trust.trust(&flags.url)?,
        url: flags.url,
        room: flags.room.to_string(),
        user: flags.user.map(|user| user.to_string()),
        json: flags.json,
        history: flags.history.unwrap_or(JOIN_HISTORY_DEFAULT),
        stay: flags.stay,
        retry_for: flags.retry_for,
        colours: flags.color.unwrap_or(Colours::Auto),
        key,
        replace_key: flags.replace_key,
        plain: flags.plain,
        token_file: flags.token_file.or_else(|| variable("ROOMD_TOKEN_FILE").map(PathBuf::from)),
        // What is asked for on the command line goes before the variable.
        no_claim: (no_claim && !flags.claim && flags.device.is_none()) || flags.no_claim,
        claim: flags.claim,
        times: flags.times,
        device: flags.device.map(|link| code_in(&link)),
        invitation: flags.invitation.map(|link| code_in(&link)),
    })
}

/// The code behind the last `=` of a link, or the text as it is.
fn code_in(link: &str) -> Secret {
    link.rsplit('=').next().unwrap_or(link).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str]) -> Result<Arguments, String> {
        from_matches(&[&["chat", "ws://a:1", "--room", "r"], arguments].concat())
    }

    /// An error of the parser is a sentence behind `error: `, and more lines.
    fn from_matches(arguments: &[&str]) -> Result<Arguments, String> {
        let matches = command().try_get_matches_from(arguments).map_err(|error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        });
        read(&matches?, &[])
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
            plain: false,
            token_file: None,
            no_claim: false,
            claim: false,
            times: false,
            device: None,
            invitation: None,
        };
        assert_eq!(plain, expected);
        let flags = ["--user", "Ann", "--json", "--history=0", "--stay", "--retry-for", "5s", "--color=never"];
        let flags = [&flags[..], &["--no-claim", "--token-file", "t", "--plain"]].concat();
        let all = Arguments {
            user: Some("Ann".to_owned()),
            json: true,
            history: 0,
            stay: true,
            retry_for: Some(Duration::from_secs(5)),
            colours: Colours::Never,
            plain: true,
            no_claim: true,
            token_file: Some("t".into()),
            ..expected
        };
        assert_eq!(given(&flags), Ok(all));
        let codes = given(&["--user=Ann", "--device=http://a:1/#device=4dad", "--invitation=#invite=5fae"]).unwrap();
        assert_eq!((codes.device, codes.invitation), (Some("4dad".into()), Some("5fae".into())));
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
        assert!(from_matches(&["chat", "ftp://a", "--room", "r"]).unwrap_err().ends_with("not \"ftp://a\""));
        let room = from_matches(&["chat", "ws://a:1", "--room", "a b"]).unwrap_err();
        assert_eq!(room, "--room must not hold the character ' '");
        let sentence = "--ca is for TLS, and \"ws://a:1\" is without: wss://…";
        assert_eq!(given(&["--ca", "c.pem"]).unwrap_err(), sentence);
    }
}
