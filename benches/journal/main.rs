//! `cargo bench --bench journal`: how many messages a second the store acknowledges, and how soon, beside a bare SQLite
//! loop that commits the same messages in batches of the same size.
//!
//! Each publisher is a thread with a room of its own that waits for each acknowledgement before it publishes again. Store
//! and loop take turns, so that other work on the machine affects both; each trial has a file of its own. Without
//! `--bench`, as `cargo test --benches` runs it, it makes one short trial of each.

#[path = "../support/environment.rs"]
mod environment;
#[path = "../support/message_text.rs"]
mod message_text;
#[path = "../support/option_values.rs"]
mod option_values;

mod arguments;
mod baseline;
mod publishers;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use roomd::store::Durability;

use arguments::Arguments;
use message_text::MESSAGE_BYTES;
use table::Outcome;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("journal: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let directory = TemporaryDirectory::new(&arguments.directory)?;
    println!("{}", environment::description(Path::new(env!("CARGO_BIN_EXE_roomd"))));
    let Arguments { warm_up, measuring, reps, .. } = arguments;
    println!(
        "fsync     {:.0} µs for 4 KiB more, the median of {}",
        baseline::fsync_us(&directory.0)?,
        baseline::FSYNCS
    );
    println!(
        "trials    {reps} of each, in turn: {warm_up:?} of warm-up, {measuring:?} measured; {MESSAGE_BYTES} bytes, each with a mid"
    );
    for &durability in &arguments.durabilities {
        println!("\n{}", table::heading(durability));
        for &publishers in &arguments.publishers {
            let (mut bare, mut store) = (Vec::new(), Vec::new());
            for rep in 0..*reps {
                if rep % 2 == 0 {
                    bare.push(trial(&directory, |data| baseline::run(data, durability, publishers, arguments))?);
                    store.push(trial(&directory, |data| publishers::run(data, durability, publishers, arguments))?);
                } else {
                    store.push(trial(&directory, |data| publishers::run(data, durability, publishers, arguments))?);
                    bare.push(trial(&directory, |data| baseline::run(data, durability, publishers, arguments))?);
                }
            }
            println!("{}", table::line(publishers, &bare, &store));
        }
    }
    Ok(())
}

type Trial = Result<Outcome, Box<dyn std::error::Error>>;

/// A trial on a file of its own.
fn trial(directory: &TemporaryDirectory, run: impl FnOnce(&str) -> Trial) -> Trial {
    let directory = directory.0.join("trial");
    fs::create_dir_all(&directory)?;
    let outcome = run(directory.join("room.db").to_str().ok_or("the directory's name must be UTF-8")?);
    fs::remove_dir_all(&directory)?;
    outcome
}

/// A directory that is deleted with the run.
struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    fn new(parent: &Path) -> std::io::Result<Self> {
        let path = parent.join(format!("journal-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // A few megabytes below target may be left.
        _ = fs::remove_dir_all(&self.0);
    }
}

/// The value that the store sets.
fn synchronous(durability: Durability) -> &'static str {
    match durability {
        Durability::Fsync => "FULL",
        Durability::Os => "NORMAL",
        Durability::None => "OFF",
    }
}
