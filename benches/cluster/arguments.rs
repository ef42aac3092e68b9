//! The command line of the bench: what follows `--` in `cargo bench --bench cluster -- …`.
//!
//! Read once, before anything is measured. Cargo itself adds `--bench`; without it this is a rehearsal, and `--quick` is one with
//! figures that are of some use.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser as _;
use clap::{Arg, ArgAction, Command, value_parser};

use crate::option_values::{many, one, option};

pub struct Arguments {
    pub servers: Vec<usize>,
    pub rooms: Vec<usize>,
    pub publishers: Vec<usize>,
    pub measuring: Duration,
    pub warm_up: Duration,
    /// Trials of each.
    pub reps: u16,
    /// Times that the end of a server, and of the database, is looked at.
    pub ends: u16,
    /// Where the database is.
    pub directory: PathBuf,
    /// Whether the tables go into docs/performance.md.
    pub write: bool,
}

impl Arguments {
    /// Reads the command line; help and mistakes end the process.
    pub fn read() -> Self {
        let found = command().get_matches();
        let directory = found.get_one::<PathBuf>("directory").cloned().unwrap_or_else(std::env::temp_dir);
        let (rehearsal, quick) = (!found.get_flag("bench"), found.get_flag("quick"));
        if rehearsal || quick {
            let ms = |rehearsed, quick| Duration::from_millis(if rehearsal { rehearsed } else { quick });
            return Self {
                servers: if rehearsal { vec![2] } else { vec![1, 2] },
                rooms: vec![1, 64],
                publishers: if rehearsal { vec![4] } else { vec![1, 64] },
                measuring: ms(100, 1_000),
                warm_up: ms(20, 300),
                reps: 1,
                ends: 1,
                directory,
                write: false,
            };
        }
        Self {
            servers: many(&found, "servers"),
            rooms: many(&found, "rooms"),
            publishers: many(&found, "publishers"),
            measuring: Duration::from_secs_f64(one(&found, "secs")),
            warm_up: Duration::from_secs_f64(one(&found, "warm-up")),
            reps: one(&found, "reps"),
            ends: 5,
            directory,
            write: found.get_flag("write"),
        }
    }
}

fn command() -> Command {
    let numbers = |name, default, help| {
        let option = option(name, "NUMBER").value_delimiter(',').default_value(default).help(help);
        option.value_parser(value_parser!(u16).range(1..).map(usize::from))
    };
    Command::new("cluster")
        .bin_name("cargo bench --features postgres --bench cluster --")
        .about("Servers that share a PostgreSQL: acknowledged messages a second, beside a bare loop that inserts the same batches; \
                how soon other servers show them; how soon an end is noticed.")
        .arg(numbers("servers", "1,2,4", "How many servers"))
        .arg(numbers("rooms", "1,64", "How many rooms, each open on all servers"))
        .arg(numbers("publishers", "1,8,64,256", "How many publish at once, spread over rooms and servers"))
        .arg(option("secs", "SECONDS").default_value("3").value_parser(value_parser!(f64)).help("Of each trial"))
        .arg(option("warm-up", "SECONDS").default_value("1").value_parser(value_parser!(f64)).help("Before it"))
        .arg(option("reps", "NUMBER").default_value("3").value_parser(value_parser!(u16).range(1..)).help("Trials"))
        .arg(
            option("directory", "PATH")
                .value_parser(value_parser!(PathBuf))
                .help("Where the database is: it decides which disk is measured [default: that for temporary files]"),
        )
        .arg(Arg::new("quick").long("quick").action(ArgAction::SetTrue).help("A part of it, once, in a minute"))
        .arg(Arg::new("write").long("write").action(ArgAction::SetTrue).help("Write the tables into docs/performance.md"))
        .arg(Arg::new("bench").long("bench").hide(true).action(ArgAction::SetTrue))
}
