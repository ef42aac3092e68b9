//! What the machine says of itself and of a server: processors, CPU time, memory, switches between threads.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that this process may use.
static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();

/// Starts a program of this package on the first processor; this thread is on the second from then on, if there is one.
pub fn start(program: &str) -> io::Result<Child> {
    let path = std::env::current_exe()?.with_file_name(program);
    let allowed = sched_getaffinity(None)?;
    let allowed = ALLOWED.get_or_init(|| (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).collect());
    // A child inherits the processor of the thread that starts it.
    stay_on(allowed[0])?;
    let started = Command::new(&path).stdout(Stdio::piped()).spawn();
    stay_on(*allowed.get(1).unwrap_or(&allowed[0]))?;
    started.map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

fn stay_on(processor: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(processor);
    Ok(sched_setaffinity(None, &only)?)
}

/// As many open files as the system allows.
pub fn raise_open_files() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// What a process has used, and what all have, in seconds of CPU; and how often its threads were switched.
#[derive(Clone, Copy)]
pub struct Usage {
    pub server: f64,
    pub load: f64,
    pub machine: f64,
    pub switches: u64,
}

impl Usage {
    /// Up to now.
    pub fn of(server: u32) -> io::Result<Self> {
        Ok(Self {
            server: process(&server.to_string())?,
            load: process("self")?,
            machine: machine()?,
            switches: switches(server)?,
        })
    }
}

/// User and system time of a process with all its threads: fields 14 and 15 of proc(5) stat.
fn process(id: &str) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let times = behind_name.split_whitespace().skip(11).take(2);
    Ok(times.filter_map(|time| time.parse::<f64>().ok()).sum::<f64>() / ticks())
}

/// Time in which some program ran, on all processors, and what the hypervisor took: not idle, not waiting for a disk.
fn machine() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let times = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8).enumerate();
    let times = times.filter(|(at, _)| *at != 3 && *at != 4);
    Ok(times.filter_map(|(_, time)| time.parse::<f64>().ok()).sum::<f64>() / ticks())
}

fn ticks() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

fn switches(server: u32) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{server}/task"))? {
        // A thread that has ended meanwhile is left out.
        let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
        sum += counts.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(sum)
}

/// Resident memory of a process in KiB, with 16 KiB of the kernel's for each thread's stack; and its threads.
pub fn memory(server: u32) -> io::Result<(f64, usize)> {
    let status = fs::read_to_string(format!("/proc/{server}/status"))?;
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    let threads = field("Threads:").unwrap_or(0.0);
    Ok((field("VmRSS:").unwrap_or(0.0) + 16.0 * threads, threads as usize))
}

/// Processor, kernel and number of processors.
pub fn description() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let model = model.map_or("unknown", |(_, model)| model);
    format!("{model}, {} processors, Linux {}", info.matches("\nprocessor").count() + 1, kernel.trim())
}
