//! Loads the servers of this package, one at a time and in turns, and prints what a delivery costs each.
//!
//! In each room a fixed number of messages is in flight: the next is sent when every member has received one of them, so
//! no server is flooded, and none is spared. The server has the first processor, the load the second. The load never
//! sleeps: to wake it would be at the server's expense. Ends with 1 if a delivery was lost.

mod arguments;
mod clients;
mod machine;
mod trial;

use std::io;
use std::process::ExitCode;

use arguments::Arguments;
use trial::Figures;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> io::Result<bool> {
    let Some(arguments) = Arguments::read()? else { return Ok(true) };
    machine::raise_open_files()?;
    let mut all: Vec<Vec<Figures>> = arguments.servers.iter().map(|_| Vec::new()).collect();
    // In turns, so that other work on the machine is shared by all.
    for _ in 0..arguments.runs {
        for (server, figures) in arguments.servers.iter().zip(&mut all) {
            figures.push(trial::run(server, &arguments.load)?);
        }
    }
    println!("{}", arguments.load);
    println!("{} runs of each server, in turns; {}\n", arguments.runs, machine::description());
    println!(
        "| server | CPU s a million | deliveries a second | p50 ms | p99 ms | switches a delivery | KiB a client | threads | out of order |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (server, figures) in arguments.servers.iter().zip(&all) {
        println!("| {server} {}", trial::row(figures));
    }
    let others = trial::median(all.iter().flatten().map(|figures| figures.others));
    println!("\nOther programs used {:.0} % of a processor meanwhile (the median).", 100.0 * others);
    let lost: u64 = all.iter().flatten().map(|figures| figures.lost).sum();
    if lost > 0 {
        println!("{lost} deliveries were lost.");
    }
    Ok(lost == 0)
}
