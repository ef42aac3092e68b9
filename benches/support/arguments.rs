//! The command line of a fan-out bench: what follows `--` in `cargo bench --bench fanout -- …`.
//!
//! Read once, by `main`, before anything is measured. Cargo itself adds `--bench`, which means nothing here.

use std::io;
use std::time::Duration;

use clap::builder::TypedValueParser as _;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::placement::Placement;
use super::scenario::{LISTED, Scenario};
use super::server::{BARE_ARGUMENT, Kind};

pub struct Arguments {
    /// This process is the bare loop; nothing else here counts then.
    pub serve_bare: bool,
    pub scenarios: Vec<Scenario>,
    pub servers: Vec<Kind>,
    pub measuring: Duration,
    pub warm_up: Duration,
    /// Trials of each server in each scenario.
    pub reps: u16,
    /// `None` leaves the CPUs to the scheduler.
    pub placement: Option<Placement>,
    pub sleep: bool,
    /// More arguments for roomd.
    pub more: Vec<String>,
}

impl Arguments {
    /// Reads the command line; help and mistakes end the process as clap does it.
    pub fn read() -> io::Result<Self> {
        let found = command().get_matches();
        Ok(Self {
            serve_bare: found.get_flag("serve-bare"),
            scenarios: scenarios(&found),
            servers: found.get_one("only").map_or(vec![Kind::Bare, Kind::Roomd], |&kind| vec![kind]),
            measuring: one(&found, "secs"),
            warm_up: one(&found, "warm-up"),
            reps: one(&found, "reps"),
            placement: placement(&found)?,
            sleep: found.get_flag("sleep"),
            more: one::<String>(&found, "roomd").split_whitespace().map(str::to_owned).collect(),
        })
    }
}

fn command() -> Command {
    let kind = ["bare", "roomd"];
    let kind = clap::builder::PossibleValuesParser::new(kind).map(|name| name.parse::<Kind>().expect("a listed name"));
    Command::new("fanout")
        .bin_name("cargo bench --bench fanout --")
        .about("Fan-out of roomd beside a bare epoll loop that writes the same bytes to the same sockets.")
        .arg(
            option("scenario", "ROOMSxCLIENTS/WINDOW")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .value_parser(str::parse::<Scenario>)
                .help("What to measure, for example 100x100/W4 or 1000/W16 [default: those with a goal]"),
        )
        .arg(switch("all").help("Also 10 clients, and 10 000 clients, in one room"))
        .arg(option("only", "SERVER").value_parser(kind).help("Measure this server alone"))
        .arg(option("secs", "SECONDS").default_value("3").value_parser(seconds).help("Measured time of each trial"))
        .arg(option("warm-up", "SECONDS").default_value("1").value_parser(seconds).help("Time under load before it"))
        .arg(
            option("reps", "NUMBER")
                .default_value("3")
                .value_parser(value_parser!(u16).range(1..))
                .help("Trials of each server in each scenario, in turn"),
        )
        .arg(
            option("pin", "SERVER,GENERATOR")
                .value_parser(str::parse::<Placement>)
                .help("The CPUs of server and load generator [default: the first two, if there are two]"),
        )
        .arg(
            switch("no-pin").conflicts_with("pin").help("Let the scheduler choose the CPUs; the generator then sleeps"),
        )
        .arg(switch("sleep").help("Let the generator sleep while nothing comes, and the server pay for waking it"))
        .arg(
            option("roomd", "ARGUMENTS")
                .default_value("")
                .hide_default_value(true)
                .allow_hyphen_values(true)
                .help("More arguments for `roomd serve`, separated by spaces"),
        )
        .arg(switch("bench").hide(true))
        .arg(switch(BARE_ARGUMENT.trim_start_matches('-')).hide(true))
}

fn option(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value)
}

fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

fn one<T: Clone + Send + Sync + 'static>(found: &ArgMatches, name: &str) -> T {
    found.get_one::<T>(name).expect("it has a default").clone()
}

fn scenarios(found: &ArgMatches) -> Vec<Scenario> {
    match found.get_many("scenario") {
        Some(named) => named.copied().collect(),
        None => LISTED.into_iter().filter(|listed| listed.usual || found.get_flag("all")).collect(),
    }
}

fn placement(found: &ArgMatches) -> io::Result<Option<Placement>> {
    match found.get_one("pin") {
        Some(&pin) => Ok(Some(pin)),
        None if found.get_flag("no-pin") => Ok(None),
        None => Placement::usual(),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let valid = text.parse().ok().filter(|seconds: &f64| (0.01..=3600.0).contains(seconds));
    valid.map(Duration::from_secs_f64).ok_or_else(|| "seconds, from 0.01 to 3600".to_owned())
}
