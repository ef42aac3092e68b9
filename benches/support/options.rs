//! Options that the command lines of the benches have in common.
//!
//! They say what is loaded, for how long, and on which CPUs.

use std::io;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches};

use super::option_values::option;
use super::pinning::Pinning;
use super::scenario::Scenario;
use super::server::BARE_ARGUMENT;

pub fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// `--scenario`, which may be given several times.
pub fn scenario() -> Arg {
    option("scenario", "ROOMSxCLIENTS/WINDOW")
        .value_delimiter(',')
        .action(ArgAction::Append)
        .value_parser(str::parse::<Scenario>)
}

/// A time, as a [`Duration`].
pub fn seconds(name: &'static str) -> Arg {
    option(name, "SECONDS").value_parser(parse_seconds)
}

/// The CPUs of server and generator; read by [`pinning`].
pub fn placing() -> [Arg; 2] {
    [
        option("pin", "SERVER,GENERATOR")
            .value_parser(str::parse::<Pinning>)
            .help("The CPUs of server and load generator [default: the first two, if there are two]"),
        switch("no-pin").conflicts_with("pin").help("Let the scheduler choose the CPUs; the generator then sleeps"),
    ]
}

/// Options that cargo and the bench itself add.
pub fn hidden() -> [Arg; 2] {
    [switch("bench").hide(true), switch(BARE_ARGUMENT.trim_start_matches('-')).hide(true)]
}

pub fn pinning(found: &ArgMatches) -> io::Result<Option<Pinning>> {
    match found.get_one("pin") {
        Some(&pin) => Ok(Some(pin)),
        None if found.get_flag("no-pin") => Ok(None),
        None => Pinning::usual(),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let valid = text.parse().ok().filter(|seconds: &f64| (0.01..=3600.0).contains(seconds));
    valid.map(Duration::from_secs_f64).ok_or_else(|| "seconds, from 0.01 to 3600".to_owned())
}
