//! What is to be measured, from the command line.

use std::fmt;
use std::io;
use std::time::Duration;

/// All servers.
const SERVERS: [&str; 7] = ["mutex", "rwlock", "sharded", "actor", "tasks", "epoll", "uring"];

const HELP: &str = "\
Usage: load [OPTIONS] [SERVER]...

Servers: mutex rwlock sharded actor tasks epoll uring; all of them, if none is named

  --rooms N       rooms [1]
  --members N     members of each [100]
  --window N      messages in flight in each [1]
  --ms N          how long each server is measured, after half a second of warm-up [2000]
  --runs N        runs of each server [5]";

/// What the command line says.
pub struct Arguments {
    pub servers: Vec<String>,
    pub runs: usize,
    pub load: Load,
}

/// What a server has to do.
pub struct Load {
    pub rooms: usize,
    pub members: usize,
    /// Messages in flight in each room.
    pub window: usize,
    pub measured: Duration,
}

impl Arguments {
    /// Reads them; `None`: help was asked for, and printed.
    pub fn read() -> io::Result<Option<Self>> {
        let load = Load { rooms: 1, members: 100, window: 1, measured: Duration::from_secs(2) };
        let mut read = Self { servers: Vec::new(), runs: 5, load };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            if argument == "--help" {
                println!("{HELP}");
                return Ok(None);
            }
            if SERVERS.contains(&&*argument) {
                read.servers.push(argument);
                continue;
            }
            let value = arguments.next().and_then(|value| value.parse().ok()).filter(|value| *value > 0);
            let value: usize = value.ok_or_else(|| invalid(&argument))?;
            match &*argument {
                "--rooms" => read.load.rooms = value,
                "--members" => read.load.members = value,
                "--window" => read.load.window = value,
                "--ms" => read.load.measured = Duration::from_millis(value as u64),
                "--runs" => read.runs = value,
                _ => return Err(invalid(&argument)),
            }
        }
        if read.servers.is_empty() {
            read.servers = SERVERS.map(str::to_owned).to_vec();
        }
        Ok(Some(read))
    }
}

fn invalid(argument: &str) -> io::Error {
    io::Error::other(format!("{argument} is not to be understood; --help says what is"))
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rooms, members, window, measured } = self;
        write!(
            f,
            "{rooms} rooms of {members} clients, {window} messages of 100 bytes in flight in each, {measured:?} measured"
        )
    }
}
