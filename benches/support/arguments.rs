//! The command line of the fan-out bench: what follows `--` in `cargo bench --bench fanout -- …`.
//!
//! Read once, by `main`, before anything is measured. Cargo adds `--bench`, which is ignored.

use std::io;
use std::time::Duration;

use clap::builder::TypedValueParser as _;
use clap::{ArgMatches, Command, value_parser};

use super::option_values::{one, option};
use super::options::{hidden, pinning, placing, scenario, seconds, switch};
use super::pinning::Pinning;
use super::scenario::{LISTED, Scenario};
use super::server::Kind;

pub struct Arguments {
    /// This process is to be the bare loop; the other fields are meaningless then.
    pub serve_bare: bool,
    pub scenarios: Vec<Scenario>,
    pub servers: Vec<Kind>,
    pub measuring: Duration,
    pub warm_up: Duration,
    /// Trials of each server in each scenario.
    pub reps: u16,
    /// `None` leaves the CPUs to the scheduler.
    pub pinning: Option<Pinning>,
    pub sleep: bool,
    /// More arguments for roomd.
    pub more: Vec<String>,
}

impl Arguments {
    /// Reads the command line; help and mistakes end the process.
    pub fn read() -> io::Result<Self> {
        let found = command().get_matches();
        Ok(Self {
            serve_bare: found.get_flag("serve-bare"),
            scenarios: scenarios(&found),
            servers: found.get_one("only").map_or(vec![Kind::Baseline, Kind::Roomd], |&kind| vec![kind]),
            measuring: one(&found, "secs"),
            warm_up: one(&found, "warm-up"),
            reps: one(&found, "reps"),
            pinning: pinning(&found)?,
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
        .arg(scenario().help("What to measure, for example 100x100/W4 or 1000/W16 [default: those with a goal]"))
        .arg(switch("all").conflicts_with("scenario").help("Also 10 clients, and 10 000 clients, in one room"))
        .arg(option("only", "SERVER").value_parser(kind).help("Measure this server alone"))
        .arg(seconds("secs").default_value("3").help("Measured time of each trial"))
        .arg(seconds("warm-up").default_value("1").help("Time under load before it"))
        .arg(
            option("reps", "NUMBER")
                .default_value("3")
                .value_parser(value_parser!(u16).range(1..))
                .help("Trials of each server in each scenario, in turn"),
        )
        .args(placing())
        .arg(switch("sleep").help("Let the generator sleep while nothing comes, and the server pay for waking it"))
        .arg(
            option("roomd", "ARGUMENTS")
                .default_value("")
                .hide_default_value(true)
                .allow_hyphen_values(true)
                .help("More arguments for `roomd serve`, separated by spaces"),
        )
        .args(hidden())
}

fn scenarios(found: &ArgMatches) -> Vec<Scenario> {
    match found.get_many("scenario") {
        Some(named) => named.copied().collect(),
        None => LISTED.into_iter().filter(|listed| listed.usual || found.get_flag("all")).collect(),
    }
}
