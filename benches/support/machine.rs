//! The machine that was measured, and what it allows.
//!
//! The bench prints the first and asks the second before each scenario, so that one which cannot be run is left out
//! with the reason instead of failing half-way.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::scenario::Scenario;

/// Files that server and generator open besides one for each client.
const SPARE_FILES: u64 = 100;
/// A client costs roomd two threads, and a thread four memory mappings: stack and signal stack, each with a guard.
const THREADS_PER_CLIENT: u64 = 2;
const MAPPINGS_PER_THREAD: u64 = 4;
/// Mappings of the program itself, and of the allocator's arenas.
const SPARE_MAPPINGS: u64 = 500;
const SPARE_THREADS: u64 = 500;

/// CPU, kernel, compiler, commit, date and profile, as lines of `name: value`.
pub fn description(server: &Path) -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or_else(|error| error.to_string(), |cores| cores.to_string());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let folder = server.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let checks = if cfg!(debug_assertions) { ", with debug assertions: the figures mean nothing" } else { "" };
    [
        ("cpu", model.map_or("unknown", |(_, model)| model).to_owned()),
        ("cores", cores),
        ("kernel", format!("Linux {}", kernel.trim())),
        ("rustc", answer("rustc", &["--version"])),
        ("commit", answer("git", &["describe", "--always", "--dirty", "--abbrev=12"])),
        ("date", humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        ("profile", format!("{folder}{checks}")),
    ]
    .map(|(name, value)| format!("{name:8}  {value}"))
    .join("\n")
}

/// The program's first line of output, asked for in the package's folder.
fn answer(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

/// Raises the limit of open files as far as it may be; the servers inherit it.
pub fn raise_open_files() -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// # Errors
/// What must be raised, in a sentence, if the machine cannot hold the clients of `scenario`.
pub fn can_hold(scenario: &Scenario, threads: bool) -> Result<(), String> {
    let clients = scenario.clients() as u64;
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    enough("`ulimit -n`", clients + SPARE_FILES, files)?;
    if !threads {
        return Ok(());
    }
    let threads = clients * THREADS_PER_CLIENT;
    for (name, needed) in [
        ("vm.max_map_count", threads * MAPPINGS_PER_THREAD + SPARE_MAPPINGS),
        ("kernel.threads-max", threads + SPARE_THREADS),
        ("kernel.pid_max", threads + SPARE_THREADS),
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
