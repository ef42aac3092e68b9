//! `cargo bench --bench growth`: whether costs grow as they should.
//!
//! Three things that grow: the members of one room while they join it (`joins`), rooms of one member each (`rooms`), and
//! the history of a room (`history`). Each is measured at several sizes; a sentence above each table says what may grow
//! with the size. Without `--bench`, as `cargo test --benches` runs it, small sizes are measured once.

#[path = "../support/mod.rs"]
mod support;

mod history;
mod joins;
mod rooms;
mod table;

use std::path::Path;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};

use support::option_values::option;
use support::options::switch;
use support::pinning::{self, Pinning};
use support::{environment, limits, page};

/// The parts that can be measured.
const PARTS: [&str; 3] = ["joins", "rooms", "history"];
/// Numbers of clients in one room, and of rooms.
const SIZES: [usize; 4] = [1000, 2000, 5000, 10_000];
const MESSAGES: [u64; 4] = [1000, 10_000, 100_000, 1_000_000];

fn main() -> ExitCode {
    let outcome = if std::env::args_os().len() == 1 { rehearse() } else { run() };
    support::conclude("growth", outcome)
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let found = command().get_matches();
    let parts: Vec<&str> = match found.get_many::<String>("part") {
        Some(named) => named.map(String::as_str).collect(),
        None => PARTS.to_vec(),
    };
    let most = found.get_one("most").copied().unwrap_or(u64::MAX);
    let pinning = if found.get_flag("no-pin") { None } else { Pinning::usual()? };
    let conditions = environment::description(Path::new(env!("CARGO_BIN_EXE_roomd")));
    let placed = pinning::in_words(pinning);
    let mut text = format!("\n```\n{conditions}\nplaced    {placed}\n```\n");
    println!("{text}");
    limits::raise_open_files()?;
    let sizes: Vec<usize> = SIZES.into_iter().filter(|size| *size as u64 <= most).collect();
    for part in parts {
        let table = match part {
            "joins" => joins::measure(&sizes, pinning)?,
            "rooms" => rooms::measure(&sizes, pinning)?,
            _ => history::measure(&MESSAGES.into_iter().filter(|count| *count <= most).collect::<Vec<_>>())?,
        };
        println!("{table}");
        text.push_str(&table);
    }
    if found.get_flag("write") {
        page::replace("growth", &text)?;
    }
    Ok(())
}

fn command() -> Command {
    Command::new("growth")
        .bin_name("cargo bench --bench growth --")
        .about("How costs grow: with the members of a room, with rooms, with a history.")
        .arg(
            Arg::new("part")
                .value_name("PART")
                .action(ArgAction::Append)
                .value_parser(PossibleValuesParser::new(PARTS))
                .help("What to measure [default: all]"),
        )
        .arg(option("most", "NUMBER").value_parser(clap::value_parser!(u64).range(1..)).help("No size beyond this"))
        .arg(switch("no-pin").help("Let the scheduler choose the CPUs"))
        .arg(switch("write").help("Write the tables into docs/performance.md"))
        .arg(switch("bench").hide(true))
}

/// Runs everything once, on a small scale.
fn rehearse() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}{}{}", joins::measure(&[10], None)?, rooms::measure(&[10], None)?, history::measure(&[100])?);
    Ok(())
}
