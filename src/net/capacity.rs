//! What this machine allows: threads, their memory mappings, open files.
//!
//! Read once at start. Exceeding such a bound is not always an error that a server can handle: where a
//! new thread cannot map its signal stack, the process aborts. So connections are capped by what the
//! machine has, and a sentence says what to raise.

use std::fmt;
use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::chat::Limits;

/// Memory mappings of one std thread: its stack and its signal stack, each with a guard page.
const MAPPINGS_PER_THREAD: usize = 4;
/// Mappings, threads and files that the server uses beside connections and rooms, with room to spare.
const RESERVE: usize = 256;

/// How many connections the machine allows.
#[derive(Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Connections to serve at once.
    pub connections: usize,
    /// What keeps it below the setting.
    pub bound: Option<Bound>,
}

/// A bound of the machine, and what it would have to be.
#[derive(Debug, PartialEq, Eq)]
pub struct Bound {
    what: &'static str,
    is: usize,
    wanted: usize,
    needed: usize,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, is, wanted, needed } = self;
        write!(f, "{what} is {is}; for {wanted} it would have to be {needed}")
    }
}

/// What the machine has; `None` where it does not tell.
struct Resources {
    mappings: Option<Usage>,
    /// Each bound on the number of threads.
    threads: Vec<Usage>,
    files: Option<Usage>,
}

/// A bound of the machine: its name, its value, and how much of it is used already.
#[derive(Clone, Copy)]
struct Usage {
    what: &'static str,
    is: usize,
    used: usize,
}

/// Reads the bounds of the machine, and raises this process's limit of open files as far as it may.
#[must_use]
pub fn of_this_machine(limits: &Limits) -> Capacity {
    raise_open_files();
    capacity(limits, &look())
}

fn capacity(limits: &Limits, machine: &Resources) -> Capacity {
    let wanted = limits.connections_max;
    let threads = |connections: usize| 2 * connections + limits.rooms_max + RESERVE;
    let mut best = Capacity { connections: wanted, bound: None };
    // `unit`: how much of the resource a thread takes, or a file.
    let mut consider = |resource: &Usage, unit: usize, fixed: usize, per_connection: usize| {
        let Usage { what, is, used } = *resource;
        let free = is.saturating_sub(used) / unit;
        let connections = free.saturating_sub(fixed) / per_connection;
        if connections < best.connections {
            let needed = used + unit * (fixed + per_connection * wanted);
            best = Capacity { connections, bound: Some(Bound { what, is, wanted, needed }) };
        }
    };
    let fixed = threads(0);
    machine.mappings.iter().for_each(|mappings| consider(mappings, MAPPINGS_PER_THREAD, fixed, 2));
    machine.threads.iter().for_each(|threads| consider(threads, 1, fixed, 2));
    machine.files.iter().for_each(|files| consider(files, 1, limits.waiting_max + 2 * RESERVE, 1));
    best.connections = best.connections.max(1);
    best
}

fn look() -> Resources {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<usize>().ok();
    let lines = |path: &str| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    // The fourth field is "running/all".
    let running = fs::read_to_string("/proc/loadavg").ok();
    let running = running.and_then(|text| text.split([' ', '/']).nth(4)?.parse().ok()).unwrap_or(0);
    let mut threads = Vec::new();
    for (what, path) in
        [("kernel.pid_max", "/proc/sys/kernel/pid_max"), ("kernel.threads-max", "/proc/sys/kernel/threads-max")]
    {
        threads.extend(number(path).map(|is| Usage { what, is, used: running }));
    }
    for path in cgroup_pids() {
        let used = number(&format!("{path}/pids.current")).unwrap_or(0);
        let what = "pids.max of the control group";
        threads.extend(number(&format!("{path}/pids.max")).map(|is| Usage { what, is, used }));
    }
    // Root is not bound by it.
    if !rustix::process::geteuid().is_root()
        && let Some(is) = getrlimit(Resource::Nproc).current
    {
        let (what, is) = ("the limit of processes (ulimit -u)", usize::try_from(is).unwrap_or(usize::MAX));
        threads.push(Usage { what, is, used: running });
    }
    let files = getrlimit(Resource::Nofile).current.map(|is| usize::try_from(is).unwrap_or(usize::MAX));
    Resources {
        mappings: number("/proc/sys/vm/max_map_count").map(|is| Usage {
            what: "vm.max_map_count",
            is,
            used: lines("/proc/self/maps"),
        }),
        threads,
        files: files.map(|is| Usage {
            what: "the limit of open files (ulimit -n)",
            is,
            used: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
        }),
    }
}

/// The folders of this process's control groups that may bound its threads, of both versions.
fn cgroup_pids() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let folder = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        match controllers {
            "" => Some(format!("/sys/fs/cgroup{path}")),
            "pids" => Some(format!("/sys/fs/cgroup/pids{path}")),
            _ => None,
        }
    };
    text.lines().filter_map(folder).collect()
}

fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // A refusal leaves the limit as it is, which is read next.
    _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(mappings: usize, pids: usize, files: usize) -> Resources {
        Resources {
            mappings: Some(Usage { what: "vm.max_map_count", is: mappings, used: 100 }),
            threads: vec![Usage { what: "kernel.pid_max", is: pids, used: 100 }],
            files: Some(Usage { what: "the limit of open files (ulimit -n)", is: files, used: 10 }),
        }
    }

    fn limits(connections_max: usize) -> Limits {
        Limits { connections_max, rooms_max: 1_000, waiting_max: 1_000, ..Limits::default() }
    }

    #[test]
    fn a_large_machine_holds_the_wanted_connections() {
        let capacity = capacity(&limits(10_000), &machine(1_000_000, 1_000_000, 1_000_000));
        assert_eq!(capacity, Capacity { connections: 10_000, bound: None });
    }

    #[test]
    fn the_tightest_bound_decides_and_names_the_value_that_is_needed() {
        let capacity_of = |mappings| capacity(&limits(10_000), &machine(mappings, 32_768, 20_000));
        let bound = capacity_of(65_530);
        assert_eq!(bound.connections, (65_430 / 4 - 1_256) / 2);
        let sentence = bound.bound.map(|bound| bound.to_string());
        assert_eq!(sentence.as_deref(), Some("vm.max_map_count is 65530; for 10000 it would have to be 85124"));
        assert_eq!(capacity_of(85_124).bound, None);
        assert_eq!(capacity_of(85_123).connections, 9_999);
    }
}
