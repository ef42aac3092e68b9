//! The command line of the bench: what follows `--` in `cargo bench --bench journal -- …`.
//!
//! Read once, before anything is measured. Cargo itself adds `--bench`; without it this is a rehearsal.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, Command, value_parser};

use crate::option_values::{many, one, option};
use roomd::store::Durability;

pub struct Arguments {
    pub durabilities: Vec<Durability>,
    pub publishers: Vec<usize>,
    pub measuring: Duration,
    pub warm_up: Duration,
    /// Trials of each.
    pub reps: u16,
    /// Where the files are.
    pub directory: PathBuf,
}

impl Arguments {
    /// Reads the command line; help and mistakes end the process.
    pub fn read() -> Self {
        let found = command().get_matches();
        let rehearsal = !found.get_flag("bench");
        let seconds = |name, rehearsed: u64| match rehearsal {
            true => Duration::from_millis(rehearsed),
            false => Duration::from_secs_f64(one(&found, name)),
        };
        Self {
            durabilities: found.get_many::<String>("durability").expect("it has a default").map(|d| named(d)).collect(),
            publishers: if rehearsal { vec![4] } else { many(&found, "publishers") },
            measuring: seconds("secs", 50),
            warm_up: seconds("warm-up", 10),
            reps: if rehearsal { 1 } else { one(&found, "reps") },
            directory: one(&found, "directory"),
        }
    }
}

fn command() -> Command {
    Command::new("journal")
        .bin_name("cargo bench --bench journal --")
        .about("Acknowledged messages a second of the store, beside a bare SQLite loop with the same batches.")
        .arg(
            option("durability", "fsync|os|none")
                .value_delimiter(',')
                .default_value("fsync,os,none")
                .value_parser(["fsync", "os", "none"])
                .help("What is waited for"),
        )
        .arg(
            option("publishers", "NUMBER")
                .value_delimiter(',')
                .default_value("1,8,64,256")
                .value_parser(value_parser!(usize))
                .help("How many publish at once, each in a room of its own"),
        )
        .arg(option("secs", "SECONDS").default_value("3").value_parser(value_parser!(f64)).help("Of each trial"))
        .arg(option("warm-up", "SECONDS").default_value("0.5").value_parser(value_parser!(f64)).help("Before it"))
        .arg(option("reps", "NUMBER").default_value("3").value_parser(value_parser!(u16).range(1..)).help("Trials"))
        .arg(
            option("directory", "PATH")
                .default_value(env!("CARGO_TARGET_TMPDIR"))
                .value_parser(value_parser!(PathBuf))
                .help("Where the files are: it decides which disk is measured"),
        )
        .arg(Arg::new("bench").long("bench").hide(true).action(ArgAction::SetTrue))
}

fn named(name: &str) -> Durability {
    match name {
        "fsync" => Durability::Fsync,
        "os" => Durability::Os,
        _ => Durability::None,
    }
}
