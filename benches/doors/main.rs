//! `cargo bench --bench doors`: what a delivery costs at each door, beside the text dialect over a WebSocket.
//!
//! One room with many clients, all of one door; a client of the line door publishes, and the next message goes out when
//! every client has one of those in flight. The doors take turns, so that other work on the machine affects all alike,
//! and the figure is a ratio of the server's CPU time. Without `--bench`, as `cargo test --benches` runs it, each door
//! has one short trial; a message that is lost or comes twice is a failure in both.

#[path = "../support/mod.rs"]
mod support;

mod door;
mod trial;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgMatches, Command};

use door::Door;
use support::option_values::option;
use support::options::{seconds, switch};
use support::pinning::{self, Pinning};
use support::{environment, limits, page};
use trial::{Figures, Size};

/// Messages in flight that are measured.
const WINDOWS: [usize; 2] = [1, 16];

fn main() -> ExitCode {
    let outcome = if std::env::args_os().len() == 1 { rehearse() } else { run(&command().get_matches()) };
    support::conclude("doors", outcome)
}

fn run(found: &ArgMatches) -> io::Result<()> {
    let clients = found.get_one("clients").copied().unwrap_or(1000_u64);
    let reps = found.get_one("reps").copied().unwrap_or(5_u64);
    let measuring = found.get_one("seconds").copied().unwrap_or(Duration::from_secs(2));
    let pinning = if found.get_flag("no-pin") { None } else { Pinning::usual()? };
    let conditions = environment::description(Path::new(env!("CARGO_BIN_EXE_roomd")));
    let placed = pinning::in_words(pinning);
    let trials = format!("{reps} of {:.1} s for each door", measuring.as_secs_f64());
    let mut text = format!("\n```\n{conditions}\nplaced    {placed}\ntrials    {trials}\n```\n");
    println!("{text}");
    limits::raise_open_files()?;
    for window in WINDOWS {
        let size = Size { clients: usize::try_from(clients).unwrap_or(usize::MAX), window, measuring };
        let table = compare(size, reps, pinning)?;
        println!("{table}");
        text.push_str(&table);
    }
    if found.get_flag("write") {
        page::replace("doors", &text)?;
    }
    Ok(())
}

/// The doors take turns, every second time in the reverse order.
fn compare(size: Size, reps: u64, pinning: Option<Pinning>) -> io::Result<String> {
    let mut trials: Vec<(Door, Vec<Figures>)> = Door::ALL.into_iter().map(|door| (door, Vec::new())).collect();
    for _ in 0..reps {
        for (door, figures) in &mut trials {
            figures.push(trial::run(*door, size, pinning)?);
        }
        trials.reverse();
    }
    trials.sort_by_key(|(door, _)| *door);
    Ok(table(size, &trials))
}

fn table(size: Size, trials: &[(Door, Vec<Figures>)]) -> String {
    let costs = |figures: &[Figures]| spread(figures.iter().map(|figures| figures.cpu_s / figures.deliveries * 1e6));
    let base = costs(&trials[0].1)[1];
    let Size { clients, window, .. } = size;
    let mut text = format!(
        "\n### {clients} clients in one room, {window} in flight\n\n\
         | door | CPU s a million deliveries | of WebSocket text | bytes a delivery | deliveries a second |\n|---|---|---|---|---|\n"
    );
    for (door, figures) in trials {
        let [least, median, most] = costs(figures);
        let bytes = spread(figures.iter().map(|figures| figures.bytes / figures.deliveries))[1];
        let rate = spread(figures.iter().map(|figures| figures.deliveries / figures.elapsed_s))[1];
        text += &format!(
            "| {} | {median:.2} [{least:.2}, {most:.2}] | {:.2} | {bytes:.0} | {rate:.0} |\n",
            door.name(),
            median / base,
        );
    }
    text
}

/// The least, the median and the most.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

fn command() -> Command {
    let number = |name, value| option(name, value).value_parser(clap::value_parser!(u64).range(1..));
    Command::new("doors")
        .bin_name("cargo bench --bench doors --")
        .about("What a delivery costs at each door, as a ratio to the text dialect over a WebSocket.")
        .arg(number("clients", "NUMBER").help("Clients in the room [default: 1000]"))
        .arg(number("reps", "NUMBER").help("Trials of each door [default: 5]"))
        .arg(seconds("seconds").help("How long each is measured [default: 2]"))
        .arg(switch("no-pin").help("Let the scheduler choose the CPUs"))
        .arg(switch("write").help("Write the tables into docs/performance.md"))
        .arg(switch("bench").hide(true))
}

/// Runs everything once, on a small scale.
fn rehearse() -> io::Result<()> {
    let size = Size { clients: 10, window: 4, measuring: Duration::from_millis(50) };
    print!("{}", compare(size, 1, None)?);
    Ok(())
}
