//! `benches/compare/run`: roomd beside other servers, under the same load, in one run.
//!
//! The servers take turns in each scenario, and every second time in the reverse order, so that other work on the machine
//! affects all alike. A trial beside which other programs used more than a tenth of a CPU is repeated, at most twice, and
//! the quietest counts. Each trial is recorded as soon as it is over (`records`), so a run that was interrupted resumes
//! where it was. In the end `summary` computes medians and spreads, `goals` checks the project's goals, and `document`
//! writes `docs/performance.md`, with `chart`. Without `--bench`, as `cargo test --benches` runs it, it makes one short
//! trial of the servers that need nothing installed.

#[path = "../support/mod.rs"]
mod support;

mod arguments;
mod chart;
mod document;
mod goals;
mod records;
mod stored;
mod summary;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use arguments::Arguments;
use records::{Record, Records};
use summary::{DISTURBANCE_MAX, Summary};
use support::scenario::{Load, Scenario};
use support::server::Kind;
use support::trial::{self, Conditions, Outcome};
use support::{baseline, limits};

/// How often a trial is made, at most.
const TRIES_MAX: usize = 3;

fn main() -> ExitCode {
    support::conclude("compare", run())
}

fn run() -> io::Result<()> {
    let arguments = Arguments::read()?;
    if arguments.serve_bare {
        baseline::serve()
    } else if std::env::args_os().len() == 1 {
        rehearse()
    } else {
        compare(&arguments)
    }
}

fn compare(arguments: &Arguments) -> io::Result<()> {
    limits::raise_open_files()?;
    let mut records = Records::open(&arguments.results, &arguments.terms(), arguments.anew)?;
    println!("{}", records.conditions.join("\n"));
    let mut failed = Vec::new();
    for scenario in &arguments.scenarios {
        let threads = arguments.servers.contains(&Kind::Roomd);
        if let Err(reason) = limits::can_hold(scenario, threads) {
            println!("\n{scenario}: left out, {reason}.");
            failed.push(scenario.to_string());
            continue;
        }
        failed.extend(measure(scenario, arguments, &mut records)?);
        let summary = Summary::of(&records, scenario, &arguments.servers);
        println!("\n{}", summary.text());
    }
    let verdicts = goals::verdicts(&records);
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
    if arguments.write {
        document::write(&records)?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!("not measured: {}", failed.join(", "))))
}

/// Makes all trials of a scenario that are not recorded yet; returns the names of those that failed.
fn measure(scenario: &Scenario, arguments: &Arguments, records: &mut Records) -> io::Result<Vec<String>> {
    let mut failed = Vec::new();
    for rep in 0..arguments.reps {
        let mut servers = arguments.servers.clone();
        if rep % 2 == 1 {
            servers.reverse();
        }
        for kind in servers {
            if records.has(scenario, kind, rep) || !takes_part(kind, scenario) {
                continue;
            }
            show(&format!("{scenario}, {} of {}: {}", rep + 1, arguments.reps, kind.name()));
            match quietest(kind, scenario, &arguments.conditions) {
                Ok(outcome) => records.add(Record::of(scenario, kind, rep, &outcome))?,
                Err(error) => {
                    show("");
                    eprintln!("{scenario}: {} failed: {error}", kind.name());
                    failed.push(format!("{scenario} with {}", kind.name()));
                }
            }
        }
    }
    show("");
    Ok(failed)
}

/// The trial with the least other work beside it, of the first that has little enough or of three.
fn quietest(kind: Kind, scenario: &Scenario, conditions: &Conditions) -> io::Result<Outcome> {
    let mut best: Option<Outcome> = None;
    for _ in 0..TRIES_MAX {
        let outcome = run_trial(kind, scenario, conditions)?;
        if best.as_ref().is_none_or(|best| outcome.other_cpus < best.other_cpus) {
            best = Some(outcome);
        }
        if best.as_ref().is_some_and(|best| best.other_cpus <= DISTURBANCE_MAX) {
            break;
        }
    }
    best.ok_or_else(|| io::Error::other("no trial was made"))
}

fn run_trial(kind: Kind, scenario: &Scenario, conditions: &Conditions) -> io::Result<Outcome> {
    match (kind, scenario.load) {
        (Kind::Baseline, Load::Stored(durability)) => stored::run(scenario, durability, conditions),
        _ => trial::run(kind, scenario, conditions),
    }
}

fn takes_part(kind: Kind, scenario: &Scenario) -> bool {
    kind == Kind::Baseline || kind.takes_part(scenario)
}

/// Prints progress in one line that is rewritten, where there is a terminal.
fn show(progress: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{progress}");
    }
}

/// Runs everything once, on a small scale.
fn rehearse() -> io::Result<()> {
    let moment = Duration::from_millis(100);
    let conditions = Conditions { warm_up: moment, measuring: moment, pinning: None, sleep: true, more: Vec::new() };
    let servers = [Kind::Baseline, Kind::Roomd];
    let mut records = Records::new(Vec::new());
    let scenarios =
        ["2x10/W4", "10/idle", "2x2/churn", "2x1/os"].map(|text| text.parse::<Scenario>().map_err(io::Error::other));
    for scenario in scenarios {
        let scenario = scenario?;
        for kind in servers {
            let record = Record::of(&scenario, kind, 0, &run_trial(kind, &scenario, &conditions)?);
            if let Some(faults) = record.faults {
                return Err(io::Error::other(format!("{}: {faults}", kind.name())));
            }
            records.push(record);
        }
        println!("{}", Summary::of(&records, &scenario, &servers).text());
    }
    println!("compare: {} bytes of a document", document::table(&records).len() + chart::render(&records).len());
    Ok(())
}
