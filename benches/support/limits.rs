//! The limits of the machine: open files, threads and memory mappings.
//!
//! Checked before each scenario, so that one that cannot be run is left out with the reason instead of failing half-way.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::scenario::Scenario;

/// Files that server and generator open besides one for each client.
const SPARE_FILES: u64 = 100;
/// A client costs roomd a thread, as does a room, and a thread four memory mappings: stack and signal stack, each with a
/// guard.
const MAPPINGS_PER_THREAD: u64 = 4;
/// Mappings of the program and of the allocator's arenas.
const SPARE_MAPPINGS: u64 = 500;
/// Threads of the server itself, those that it keeps for slow clients, and some to spare.
const SPARE_THREADS: u64 = 600;

/// Raises the limit of open files as far as it may be; the servers inherit it.
pub fn raise_open_files() -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// # Errors
/// If the machine cannot hold the clients of `scenario`: which limit must be raised, as a sentence.
pub fn can_hold(scenario: &Scenario, threads: bool) -> Result<(), String> {
    let clients = scenario.clients() as u64;
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    enough("`ulimit -n`", clients + SPARE_FILES, files)?;
    if !threads {
        return Ok(());
    }
    let threads = clients + scenario.rooms as u64 + SPARE_THREADS;
    for (name, needed) in [
        ("vm.max_map_count", threads * MAPPINGS_PER_THREAD + SPARE_MAPPINGS),
        ("kernel.threads-max", threads),
        ("kernel.pid_max", threads),
    ] {
        let file = format!("/proc/sys/{}", name.replace('.', "/"));
        let limit = fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
        enough(name, needed, limit.unwrap_or(u64::MAX))?;
    }
    Ok(())
}

fn enough(what: &str, needed: u64, limit: u64) -> Result<(), String> {
    if limit >= needed { Ok(()) } else { Err(format!("{what} must be at least {needed} and is {limit}")) }
}
