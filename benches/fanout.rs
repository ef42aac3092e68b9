//! `cargo bench --bench fanout`: what a delivery costs roomd, beside a bare epoll loop that writes the same bytes.
//!
//! One thread loads one server at a time; the servers take turns, so that other work on the machine affects both. It
//! prints the machine and a table for each scenario. A missed goal is printed and is not a failure; a server that does
//! not start is. Without `--bench`, as `cargo test --benches` runs it, it makes one short trial of each server and fails
//! if anything was lost.

mod support;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use support::arguments::Arguments;
use support::scenario::{Load, Scenario};
use support::server::Kind;
use support::trial::{self, Conditions, Outcome};
use support::{baseline, environment, limits, table};

fn main() -> ExitCode {
    support::conclude("fanout", run())
}

fn run() -> io::Result<()> {
    let arguments = Arguments::read()?;
    if arguments.serve_bare {
        baseline::serve()
    } else if std::env::args_os().len() == 1 {
        rehearse()
    } else {
        measure(arguments)
    }
}

fn measure(arguments: Arguments) -> io::Result<()> {
    let Arguments { scenarios, servers, measuring, warm_up, reps, pinning, sleep, more, .. } = arguments;
    let conditions = Conditions { warm_up, measuring, pinning, sleep, more };
    introduce(&conditions, reps);
    limits::raise_open_files()?;
    let mut failed = Vec::new();
    for scenario in scenarios {
        if let Err(reason) = limits::can_hold(&scenario, servers.contains(&Kind::Roomd)) {
            println!("\n{scenario}: left out, {reason}.");
            continue;
        }
        match compare(&servers, &scenario, &conditions, reps) {
            Ok(table) => println!("\n{table}"),
            Err(error) => {
                println!("\n{scenario}: not measured, {error}.");
                failed.push(scenario.to_string());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!("not measured: {}", failed.join(", "))))
}

fn introduce(conditions: &Conditions, reps: u16) {
    let server = Path::new(env!("CARGO_BIN_EXE_roomd"));
    println!("{}", environment::description(server));
    println!("{}", conditions.terms(reps.into()).join("\n"));
    if !conditions.more.is_empty() {
        println!("roomd     with {}", conditions.more.join(" "));
    }
    println!("\n{}", table::LEGEND);
}

/// Makes the trials of a scenario: the servers take turns, every second time in the reverse order.
fn compare(servers: &[Kind], scenario: &Scenario, conditions: &Conditions, reps: u16) -> io::Result<String> {
    let mut trials: Vec<(Kind, Vec<Outcome>)> = servers.iter().map(|&kind| (kind, Vec::new())).collect();
    for rep in 0..reps {
        for (kind, outcomes) in &mut trials {
            match trial::run(*kind, scenario, conditions) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    return Err(io::Error::other(format!("with {}: {error}", kind.name())));
                }
            }
        }
        if rep + 1 < reps {
            trials.reverse();
        }
    }
    trials.sort_by_key(|(kind, _)| *kind != Kind::Baseline);
    Ok(table::render(scenario, &trials))
}

/// Runs everything once, on a small scale.
fn rehearse() -> io::Result<()> {
    let scenario = Scenario { rooms: 2, clients_per_room: 10, window: 4, load: Load::FanOut, goal: None, usual: true };
    let moment = Duration::from_millis(100);
    let conditions = Conditions { warm_up: moment, measuring: moment, pinning: None, sleep: true, more: Vec::new() };
    for kind in [Kind::Baseline, Kind::Roomd] {
        let faults = trial::run(kind, &scenario, &conditions)?.faults;
        if faults.lost + faults.unexpected + faults.disordered as u64 > 0 || faults.broken.is_some() {
            return Err(io::Error::other(format!("{}: {faults:?}", kind.name())));
        }
        println!("fanout: {} answered for every delivery", kind.name());
    }
    Ok(())
}
