//! The command line of the comparison: what follows `benches/compare/run`.
//!
//! Read once, by `main`, before anything is measured. Cargo adds `--bench`, which is ignored. What changes the figures is
//! in `terms`: trials that were made on other terms are not mixed with these.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Command, value_parser};

use crate::support::option_values::option;
use crate::support::options::{hidden, pinning, placing, scenario, seconds, switch};
use crate::support::scenario::Scenario;
use crate::support::server::Kind;
use crate::support::trial::Conditions;

const SCENARIOS: [&str; 18] = [
    "2/W1",
    "10/W1",
    "10/W16",
    "100/W1",
    "100/W16",
    "1000/W1",
    "1000/W16",
    "10000/W1",
    "10000/W16",
    "100x100/W4",
    "1000x1/W1",
    "5000x1/W1",
    "1000x2/W1",
    "100x100/idle",
    "10x10/churn",
    "64x1/fsync",
    "64x1/os",
    "1x1/fsync",
];
const QUICK: [&str; 10] = [
    "2/W1",
    "10/W1",
    "10/W16",
    "1000/W16",
    "100x100/W4",
    "5000x1/W1",
    "100x100/idle",
    "10x10/churn",
    "64x1/fsync",
    "64x1/os",
];
/// What a run with `--quick` compares with, unless it is told.
const QUICK_SERVERS: [Kind; 5] = [Kind::Baseline, Kind::Roomd, Kind::Go, Kind::Tungstenite, Kind::FastWebSockets];

pub struct Arguments {
    /// This process is to be the bare loop; the other fields are meaningless then.
    pub serve_bare: bool,
    pub scenarios: Vec<Scenario>,
    pub servers: Vec<Kind>,
    pub conditions: Conditions,
    /// Trials of each server in each scenario.
    pub reps: u32,
    /// The file that trials are recorded in.
    pub results: PathBuf,
    /// Earlier records are discarded.
    pub anew: bool,
    /// Whether the page and its chart are to be written.
    pub write: bool,
}

impl Arguments {
    /// Reads the command line; help and mistakes end the process.
    pub fn read() -> io::Result<Self> {
        let found = command().get_matches();
        let quick = found.get_flag("quick");
        let usual: &[&str] = if quick { &QUICK } else { &SCENARIOS };
        let scenarios = match found.get_many::<Scenario>("scenario") {
            Some(named) => named.copied().collect(),
            None => usual.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(io::Error::other)?,
        };
        let time = |name: &str, quick_s: f64, usual_s: f64| {
            found.get_one(name).copied().unwrap_or(Duration::from_secs_f64(if quick { quick_s } else { usual_s }))
        };
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/compare");
        let results = target.join(if quick { "quick.json" } else { "results.json" });
        Ok(Self {
            serve_bare: found.get_flag("serve-bare"),
            scenarios,
            servers: found
                .get_many("servers")
                .map_or(if quick { QUICK_SERVERS.to_vec() } else { Kind::ALL.to_vec() }, |named| {
                    named.copied().collect()
                }),
            conditions: Conditions {
                warm_up: time("warm-up", 0.2, 0.5),
                measuring: time("secs", 0.5, 2.0),
                pinning: pinning(&found)?,
                sleep: found.get_flag("sleep"),
                more: Vec::new(),
            },
            reps: found.get_one("reps").copied().unwrap_or(if quick { 1 } else { 3 }),
            results,
            anew: found.get_flag("anew"),
            write: found.get_flag("write"),
        })
    }

    /// What has to be equal for two trials to be compared, as lines.
    pub fn terms(&self) -> Vec<String> {
        self.conditions.terms(self.reps).into()
    }
}

fn command() -> Command {
    Command::new("compare")
        .bin_name("benches/compare/run")
        .about("roomd beside other servers, under the same load, in one run.")
        .after_help(
            "A run that was interrupted goes on where it was: its trials are in target/compare. Scenarios are written \
             ROOMSxCLIENTS/WINDOW, or with idle, churn, fsync or os in the place of WINDOW; servers are bare, roomd, go, \
             axum, tungstenite, fastwebsockets, node-ws, socketio and nats.",
        )
        .arg(scenario().help("What to measure [default: all]"))
        .arg(
            option("servers", "NAMES")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .value_parser(str::parse::<Kind>)
                .help("Measure these servers [default: all]"),
        )
        .arg(switch("quick").help("One short trial of the fastest servers in some scenarios: a look, not a measurement"))
        .arg(seconds("secs").help("Measured time of each trial [default: 2]"))
        .arg(seconds("warm-up").help("Time under load before it [default: 0.5]"))
        .arg(
            option("reps", "NUMBER")
                .value_parser(value_parser!(u32).range(1..))
                .help("Trials of each server in each scenario [default: 3]"),
        )
        .args(placing())
        .arg(switch("sleep").help("Let the generator sleep while nothing comes, and the servers pay for waking it"))
        .arg(switch("anew").help("Measure again what has been measured"))
        .arg(switch("write").help("Write the table and the plot into docs/"))
        .args(hidden())
}
