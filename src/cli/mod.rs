//! The command line: what the arguments, the environment and a file ask `roomd` to do.
//!
//! `main` calls [`parse`] on the main thread, before anything else runs, and then runs the
//! [`Invocation`], one file or module a command. To add a setting, add a row to the table in
//! `settings.rs` (and the field to `Settings` or `Limits`): flag, variable, key, help, errors and
//! `roomd config` follow. `format.rs` says how values are written, with `origin.rs` and `ice.rs` for
//! those with a syntax; `sources.rs` lays the four sources over each other, and `file.rs` reads the one
//! that is a file. Parsing starts no thread, opens no socket and changes no environment; it reads one
//! file at most. What it reads from outside the process is its argument, so tests supply it.

#[cfg(feature = "chat")]
mod admin;
mod announcement;
mod certificate_check;
#[cfg(feature = "chat")]
mod clients;
pub mod config;
pub mod data;
mod file;
mod format;
mod ice;
#[cfg(feature = "chat")]
mod invite;
mod log_json;
pub mod log_output;
mod manual;
mod origin;
mod provider;
mod qr;
#[cfg(feature = "race")]
pub mod race;
#[cfg(feature = "chat")]
mod ready;
mod reload;
pub mod serve;
mod service_manager;
mod settings;
mod sources;
pub mod tls;
#[cfg(feature = "chat")]
mod top;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, CommandFactory as _, FromArgMatches as _, value_parser};
use log::LevelFilter;

use crate::assemble;
use crate::settings::{LogFormat, Settings};
use data::DataCommand;
use sources::Gathered;
use tls::{TlsArguments, TlsCommand};

/// The command that the user gave, with what it needs to run.
#[derive(Debug, PartialEq)]
pub enum Invocation {
    /// Run the server.
    Serve(Settings),
    /// Print the settings in force; with `true`, those that have their default as comments.
    Config(Settings, bool),
    /// Check the settings, and print where each comes from.
    CheckConfig(Settings, Vec<String>),
    /// Work on the data file.
    Data(Settings, DataCommand),
    /// Write what a shell or a manual knows of the command line.
    Manual(manual::ManualCommand),
    /// Make a certificate for a trial.
    Tls(TlsCommand),
    /// Talk to a running server.
    #[cfg(feature = "chat")]
    Client(clients::ClientCommand),
    /// Load a server.
    #[cfg(feature = "load")]
    Load(roomd_load::LoadCommand),
    /// Try the orders of a race.
    #[cfg(feature = "race")]
    Race(race::RaceCommand),
}

impl Invocation {
    /// From which level on the command logs.
    #[must_use]
    pub fn log_level(&self) -> LevelFilter {
        match self {
            Self::Serve(settings) => settings.log_level,
            _ => LevelFilter::Info,
        }
    }

    /// How the command writes its log.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        match self {
            Self::Serve(settings) => settings.log,
            _ => LogFormat::Text,
        }
    }

    /// Runs the command. Blocks until it has ended.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self {
            Self::Serve(settings) => serve::run(settings),
            Self::Config(settings, commented) => printed(config::print(&settings, commented, &mut std::io::stdout())),
            Self::CheckConfig(settings, sources) => match assemble::check(&settings) {
                Ok(()) => printed(config::print_sources(&settings, &sources, &mut std::io::stdout())),
                Err(sentence) => CliError::Unfit(sentence).report(),
            },
            Self::Data(settings, command) => data::run(&settings, &command),
            Self::Manual(command) => command.run(self::command()),
            Self::Tls(command) => tls::run(&command),
            #[cfg(feature = "chat")]
            Self::Client(command) => command.run(),
            #[cfg(feature = "load")]
            Self::Load(command) => command.run(),
            #[cfg(feature = "race")]
            Self::Race(command) => race::run(&command),
        }
    }
}

fn printed(outcome: std::io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("roomd: cannot write to standard output: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is no command to run.
#[derive(Debug)]
pub enum CliError {
    /// `--help` or `--version`: print it on standard output and exit with 0.
    Shown(Box<clap::Error>),
    /// A mistake, as a sentence: print it on standard error and exit with 2.
    Mistake(String),
    /// A mistake in settings that were to be checked, likewise, with 1.
    Unfit(String),
}

impl CliError {
    /// Prints the message, and returns the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            CliError::Shown(shown) => {
                // A reader that has left, as `head` does, is no failure of the command.
                _ = shown.print();
                ExitCode::SUCCESS
            }
            CliError::Mistake(sentence) => {
                eprintln!("roomd: {sentence}");
                ExitCode::from(2)
            }
            CliError::Unfit(sentence) => {
                eprintln!("roomd: {sentence}");
                ExitCode::FAILURE
            }
        }
    }
}

/// What the command line reads from outside the process.
struct Environment<'a> {
    /// The arguments, with the program's name first.
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    /// Reads a whole file.
    read: file::Read<'a>,
}

/// Reads the arguments, the environment and the file they name. Blocks on nothing but that file.
///
/// Beside the invocation come warnings, each a sentence for standard error.
///
/// # Errors
///
/// [`CliError`] says what to print and how to exit; see [`CliError::report`].
pub fn parse() -> Result<(Invocation, Vec<String>), CliError> {
    parse_from(Environment {
        arguments: std::env::args_os().collect(),
        variables: std::env::vars_os().collect(),
        read: &file::read,
    })
}

/// The settings of the server that runs in this process, read from their sources once more, with warnings. Blocks on
/// the file.
///
/// # Errors
/// A mistake, as a sentence.
fn settings_of_server() -> Result<(Settings, Vec<String>), String> {
    match parse() {
        Ok((Invocation::Serve(settings), warnings)) => Ok((settings, warnings)),
        Err(CliError::Mistake(sentence)) => Err(sentence),
        // The arguments are those with which it was started.
        Ok(_) | Err(CliError::Shown(_) | CliError::Unfit(_)) => {
            Err("the arguments are not those of a server".to_owned())
        }
    }
}

fn parse_from(environment: Environment) -> Result<(Invocation, Vec<String>), CliError> {
    let matches = command().try_get_matches_from(&environment.arguments).map_err(refuse)?;
    let (name, flags) = matches.subcommand().unwrap_or(("serve", &matches));
    #[cfg(feature = "chat")]
    if let Some(read) = clients::read(name, flags, &environment.variables) {
        return Ok((Invocation::Client(read.map_err(CliError::Mistake)?), Vec::new()));
    }
    if name == "tls" {
        return Ok((Invocation::Tls(TlsArguments::from_arg_matches(flags).map_err(refuse)?.command), Vec::new()));
    }
    if let Some(command) = manual::read(name, flags) {
        return Ok((Invocation::Manual(command), Vec::new()));
    }
    #[cfg(feature = "load")]
    if name == "load" {
        return Ok((Invocation::Load(roomd_load::arguments::read(flags).map_err(CliError::Mistake)?), Vec::new()));
    }
    #[cfg(feature = "race")]
    if name == "race" {
        let arguments = race::RaceArguments::from_arg_matches(flags).map_err(refuse)?;
        return Ok((Invocation::Race(arguments.command), Vec::new()));
    }
    let checks = name == "config" && flags.get_flag("check");
    let mistaken = if checks { CliError::Unfit } else { CliError::Mistake };
    let Gathered { settings, sources, warnings } =
        sources::gather(flags, &environment.variables, environment.read).map_err(mistaken)?;
    let invocation = match name {
        "serve" => Invocation::Serve(settings),
        "config" if checks => Invocation::CheckConfig(settings, sources),
        "config" => Invocation::Config(settings, flags.get_flag("commented")),
        _ => {
            let command = DataCommand::from_arg_matches(&matches).map_err(refuse)?;
            Invocation::Data(settings, command.check().map_err(CliError::Mistake)?)
        }
    };
    Ok((invocation, warnings))
}

fn command() -> Command {
    let root = Command::new("roomd")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A chat and publish/subscribe server. Without a command it serves: roomd is roomd serve.")
        .after_help(SOURCES)
        // `roomd --ping 1s serve` would have two places for one setting: it is refused.
        .args_conflicts_with_subcommands(true)
        .subcommand_help_heading("Commands");
    let serve = Command::new("serve").about("Run the server (the default)").after_help(SOURCES);
    let check = Arg::new("check").long("check").action(ArgAction::SetTrue);
    let check = check.help("Check them, with the files that they name, and say where each comes from");
    let config = Command::new("config").about("Print the settings in force as TOML, as --config reads it");
    let commented = Arg::new("commented").long("commented").action(ArgAction::SetTrue).conflicts_with("check");
    let commented = commented.help("Print those that have their default as comments, for a file to begin with");
    let config = config.after_help(SOURCES).arg(check).arg(commented);
    let root = with_settings(root).subcommand(with_settings(serve)).subcommand(with_settings(config));
    let root = root.subcommands(DataCommand::commands().into_iter().map(with_data)).subcommand(TlsArguments::command());
    let root = root.subcommands(manual::commands());
    #[cfg(feature = "chat")]
    let root = root.subcommands(clients::commands());
    #[cfg(feature = "load")]
    let root = root.subcommand(roomd_load::arguments::command());
    #[cfg(feature = "race")]
    let root = root.subcommand(race::RaceArguments::command());
    root
}

const SOURCES: &str = "\
A setting is a flag, a variable or a key of the TOML file: --rate-burst 20, ROOMD_RATE_BURST=20,
rate_burst = 20. A flag goes before a variable, a variable before the file, the file before the
default; an empty variable counts as unset. Times are written 2ms, 54s or 1m30s; bytes 65536,
64KiB or 1MiB. For several values repeat the flag, put commas between them in the variable, or
write an array into the file.";

/// Adds `--config` and `--data`.
fn with_data(command: Command) -> Command {
    let data = settings::settings().iter().filter(|setting| setting.name == "data");
    command.next_line_help(true).arg(config_file()).args(data.map(flag).map(|arg| arg.help_heading(None)))
}

fn config_file() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("PATH")
        .value_parser(value_parser!(PathBuf))
        .help("A TOML file of settings\n[variable ROOMD_CONFIG]")
}

/// Adds `--config` and a flag for each setting.
fn with_settings(command: Command) -> Command {
    command.next_line_help(true).arg(config_file()).args(settings::settings().iter().map(flag))
}

fn flag(setting: &'static settings::Setting) -> Arg {
    let help = format!("{}\n[{}]", setting.help, setting.facts());
    let arg = Arg::new(setting.name).long(setting.name).help(help).help_heading(setting.heading);
    let arg = arg.value_name(&*setting.placeholder);
    match &*setting.placeholder {
        // With a value only as `--echo-route=false`, which takes back what a file says.
        format::SWITCH => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ if setting.is_list() => arg.action(ArgAction::Append),
        _ => arg.allow_negative_numbers(true),
    }
}

/// Turns an error of `clap` into one sentence.
fn refuse(error: clap::Error) -> CliError {
    if !error.use_stderr() {
        return CliError::Shown(Box::new(error));
    }
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    let mut sentence = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    // A parser of `roomd_cli::parser` makes a whole sentence, which names the flag.
    if error.kind() == ErrorKind::ValueValidation && error.context().next().is_none() {
        return CliError::Mistake(sentence);
    }
    if sentence.ends_with(':') {
        // A list follows, one a line.
        let list: Vec<_> = text.lines().skip(1).map(str::trim).take_while(|line| !line.is_empty()).collect();
        sentence = format!("{sentence} {}", list.join(", "));
    }
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    CliError::Mistake(match tip {
        Some(tip) => format!("{sentence} ({tip})"),
        None => format!("{sentence} ({} --help lists what there is)", misused_command(&text)),
    })
}

/// The command whose usage an error of `clap` shows, such as `roomd chat`.
fn misused_command(text: &str) -> String {
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or("roomd");
    let is_name = |word: &&str| word.starts_with(|sign: char| sign.is_ascii_lowercase());
    usage.split(' ').take_while(is_name).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the command line with a file `roomd.toml` in an otherwise empty world.
    pub fn ask(
        arguments: &[&str],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<(Invocation, Vec<String>), CliError> {
        let name = std::iter::once(&"roomd");
        parse_from(Environment {
            arguments: name.chain(arguments).map(OsString::from).collect(),
            variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            read: &|path| match path.to_str() {
                Some("roomd.toml") => Ok(file.to_owned()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            },
        })
    }

    /// The settings that `roomd serve` would run with.
    pub fn served(arguments: &[&str], variables: &[(&str, &str)], file: &str) -> Settings {
        match ask(arguments, variables, file) {
            Ok((Invocation::Serve(settings), _)) => settings,
            other => panic!("{arguments:?} {variables:?} {file:?}: {other:?}"),
        }
    }

    /// The sentence that refuses.
    pub fn refused(arguments: &[&str], variables: &[(&str, &str)], file: &str) -> String {
        match ask(arguments, variables, file) {
            Err(CliError::Mistake(sentence)) => sentence,
            other => panic!("{arguments:?} {variables:?} {file:?}: {other:?}"),
        }
    }

    fn shown(arguments: &[&str]) -> String {
        match ask(arguments, &[], "") {
            Err(CliError::Shown(shown)) => shown.to_string(),
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn no_command_is_serve() {
        assert_eq!(served(&[], &[], ""), Settings::default());
        assert_eq!(served(&["serve"], &[], ""), Settings::default());
        let flags = ["--listen", "[::1]:0", "--lines=off"];
        let settings = served(&flags, &[], "");
        assert_eq!(settings.listen, "[::1]:0");
        assert_eq!(settings.lines, None);
        assert_eq!(settings, served(&[&["serve"][..], &flags].concat(), &[], ""));
        let config = ask(&[&["config"][..], &flags].concat(), &[], "").unwrap();
        assert_eq!(config.0, Invocation::Config(settings, false));
    }

    #[test]
    fn help_tells_each_setting_with_its_default() {
        for arguments in [&["--help"][..], &["-h"], &["serve", "--help"], &["help", "config"]] {
            let help = shown(arguments);
            for setting in settings::settings() {
                let lines: Vec<_> = help.lines().map(str::trim).collect();
                let flag = setting.flag();
                let at = lines
                    .iter()
                    .position(|line| line.split([' ', '[']).next() == Some(&flag))
                    .unwrap_or_else(|| panic!("{flag} is not in {arguments:?}"));
                let facts = lines[at..].iter().find(|line| line.starts_with('['));
                assert_eq!(facts.unwrap(), &format!("[{}]", setting.facts()));
            }
            assert!(help.lines().all(|line| line.len() <= 100), "{help}");
        }
        assert!(shown(&["--help"]).contains("serve\n"));
        assert_eq!(shown(&["--version"]), format!("roomd {}\n", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn the_help_of_a_command_begins_with_what_it_does() {
        for command in command().get_subcommands() {
            let name = command.get_name();
            let about = command.get_about().unwrap_or_else(|| panic!("{name} says nothing")).to_string();
            assert!(shown(&[name, "--help"]).starts_with(&about), "{name}");
            let verb = about.split(' ').next().unwrap();
            let verbs = [
                "Run", "Try", "Print", "Copy", "Read", "Talk", "Load", "Make", "Sign", "Check", "Write", "Keep",
                "List", "Add", "End", "Have", "Verify", "Set", "See", "Show", "Export", "Import", "Restore",
            ];
            assert!(verbs.contains(&verb), "{name}: {about}");
        }
    }

    #[test]
    fn a_mistake_in_the_flags_is_one_sentence() {
        for (arguments, sentence) in [
            (&["--pnig", "5s"][..], "unexpected argument '--pnig' found (a similar argument exists: '--ping')"),
            (&["sevre"], "unrecognized subcommand 'sevre' (some similar subcommands exist: 'restore', 'serve')"),
            (
                &["--ping"],
                "a value is required for '--ping <TIME>' but none was supplied \
                 (roomd --help lists what there is)",
            ),
            (
                &["--ping", "1s", "serve"],
                "the subcommand 'serve' cannot be used with '--ping <TIME>' \
                 (roomd --help lists what there is)",
            ),
            (
                &["chat", "--user", "Ann"],
                "the following required arguments were not provided: --room <ROOM>, <URL> \
                 (roomd chat --help lists what there is)",
            ),
            (
                &["tls"],
                "'roomd tls' requires a subcommand but one was not provided (roomd tls --help lists what there is)",
            ),
            (
                &["serve", "--ping", "1s", "--ping", "2s"],
                "the argument '--ping <TIME>' cannot be used multiple times \
                 (roomd serve --help lists what there is)",
            ),
        ] {
            if arguments[0] == "chat" && !cfg!(feature = "chat") {
                continue; // There is no such command in this build.
            }
            assert_eq!(refused(arguments, &[], ""), sentence);
        }
    }
}
