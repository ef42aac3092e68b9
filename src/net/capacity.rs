//! What this machine allows: threads, their memory mappings, open files.
//!
//! The bounds are read once at start; what fits is computed again when the limits are reloaded. Exceeding such a bound
//! is not always an error that a server can handle: where a new thread cannot map its signal stack, or memory is
//! refused, the process aborts. So connections, rooms and what waits are capped by what the machine has, a sentence says
//! what to raise, and a server for which there is too little does not start.

use std::fmt;
use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::chat::{Limits, WriterStart};
use crate::engine::base::threads::STACK_BYTES;
use crate::engine::base::{control_groups, memory};

/// Memory mappings of one std thread: its stack and its signal stack, each with a guard page.
const MAPPINGS_PER_THREAD: usize = 4;
/// Threads that are left for the writers of slow clients where not each client has one from the beginning.
const WRITERS_KEPT: usize = 256;
/// Threads that the server needs beside connections and rooms, and would like to have.
const THREADS_KEPT: Kept = Kept { least: 24, most: 256 };
/// The same of memory mappings.
const MAPPINGS_KEPT: Kept = Kept { least: 160, most: MAPPINGS_PER_THREAD * THREADS_KEPT.most };
/// The same of open files: the database and those who read it, listeners, signals.
const FILES_KEPT: Kept = Kept { least: 48, most: 512 };
/// The same of address space, in KiB.
const ADDRESS_SPACE_KEPT: Kept = Kept { least: 96 * 1024, most: 1024 * 1024 };
/// Address space of one thread in KiB: its stack and its signal stack.
const THREAD_KIB: usize = STACK_BYTES / 1024 + 32;
/// Address space of one connection in KiB beside its threads: what it reads and what waits for it, most of which few
/// connections need at a time.
const CONNECTION_KIB: usize = 64;
/// The same of one room.
const ROOM_KIB: usize = 64;
/// A part of what is left that rooms take at most, and connections that wait, where not everything fits.
const PART: usize = 4;
/// Connections and rooms that a server has at least: one with fewer does not start.
const LEAST: usize = 4;

/// How many connections, waiting connections and rooms the machine allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Connections to serve at once.
    pub connections: usize,
    /// Connections that may wait for a place.
    pub waiting: usize,
    /// Rooms that may be open at once.
    pub rooms: usize,
    /// Writer threads that may run at once; clients beyond them share one, as do all where it is 0.
    pub writers: usize,
    /// What keeps one of them below its setting.
    pub bound: Option<Bound>,
}

/// A bound of the machine, and what it would have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The machine allows too little for any server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall {
    what: &'static str,
    is: usize,
    needed: usize,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, is, needed } = self;
        write!(f, "this machine allows too little: {what} is {is}, and a server of {LEAST} connections needs {needed}")
    }
}

impl std::error::Error for TooSmall {}

/// What is kept of a resource for the server itself: the least that it needs, and what it would like to have.
#[derive(Clone, Copy)]
struct Kept {
    least: usize,
    most: usize,
}

/// What the machine has: each bound that it tells, and what of it was used before there was a server.
pub struct Resources {
    mappings: Option<Usage>,
    /// Each bound on the number of threads.
    threads: Vec<Usage>,
    files: Option<Usage>,
    /// In KiB.
    address_space: Option<Usage>,
}

/// A bound of the machine: its name, its value, and how much of it is used already.
#[derive(Clone, Copy)]
struct Usage {
    what: &'static str,
    is: usize,
    used: usize,
}

/// What one of each takes of a resource.
#[derive(Clone, Copy)]
struct Cost {
    kept: Kept,
    connection: usize,
    waiting: usize,
    room: usize,
}

impl Cost {
    /// Of a resource of which each thread takes so much, where a connection has so many from its beginning.
    const fn of_threads(unit: usize, kept: Kept, per_connection: usize) -> Self {
        Self { kept, connection: unit * per_connection, waiting: 0, room: unit }
    }

    const fn of_address_space(kept: Kept, per_connection: usize) -> Self {
        Self { kept, connection: per_connection * THREAD_KIB + CONNECTION_KIB, waiting: 8, room: THREAD_KIB + ROOM_KIB }
    }
}

impl Kept {
    /// With so much more.
    const fn and(self, most: usize) -> Self {
        Self { most: self.most + most, ..self }
    }
}

const FILES: Cost = Cost { kept: FILES_KEPT, connection: 1, waiting: 1, room: 0 };

impl Resources {
    /// Reads the bounds of the machine, and raises this process's limit of open files as far as it may.
    #[must_use]
    pub fn of_this_machine() -> Self {
        raise_open_files();
        look()
    }

    /// What of these limits fits.
    ///
    /// # Errors
    /// The machine allows too little for any server.
    pub fn capacity(&self, limits: &Limits) -> Result<Capacity, TooSmall> {
        capacity(limits, self)
    }
}

impl Capacity {
    /// The limits that fit: no address takes more than three quarters of the connections, or half of the rooms.
    #[must_use]
    pub fn fit(&self, limits: &Limits) -> Limits {
        let Self { connections, waiting, rooms, .. } = *self;
        Limits {
            connections_max: connections,
            waiting_max: waiting,
            rooms_max: rooms,
            address_connections_max: limits.address_connections_max.min(connections - connections / 4),
            address_rooms_max: limits.address_rooms_max.min((rooms / 2).max(1)),
            ..limits.clone()
        }
    }
}

fn capacity(limits: &Limits, machine: &Resources) -> Result<Capacity, TooSmall> {
    let Limits { connections_max, waiting_max, rooms_max, .. } = *limits;
    let mut all =
        Capacity { connections: connections_max, waiting: waiting_max, rooms: rooms_max, writers: 0, bound: None };
    // A connection's reader, and its writer if that starts with it.
    let (each, writers) = match limits.writers {
        WriterStart::Eager => (2, 0),
        WriterStart::Lazy => (1, WRITERS_KEPT),
    };
    let of_mappings = Cost::of_threads(MAPPINGS_PER_THREAD, MAPPINGS_KEPT.and(MAPPINGS_PER_THREAD * writers), each);
    let of_threads = Cost::of_threads(1, THREADS_KEPT.and(writers), each);
    let of_address_space = Cost::of_address_space(ADDRESS_SPACE_KEPT.and(THREAD_KIB * writers), each);
    let mappings = machine.mappings.iter().map(|usage| (*usage, of_mappings));
    let threads = machine.threads.iter().map(|usage| (*usage, of_threads));
    let files = machine.files.iter().map(|usage| (*usage, FILES));
    let address_space = machine.address_space.iter().map(|usage| (*usage, of_address_space));
    for (usage, cost) in mappings.chain(threads).chain(files).chain(address_space) {
        let fits = fit(limits, usage, cost).ok_or_else(|| too_small(limits, usage, cost))?;
        if fits.connections < all.connections || all.bound.is_none() {
            (all.connections, all.bound) = (fits.connections, fits.bound);
        }
        all.waiting = all.waiting.min(fits.waiting);
        all.rooms = all.rooms.min(fits.rooms);
    }
    all.writers = writers_beside(&all, machine);
    Ok(all)
}

/// The writer threads for which there is space beside everything else.
fn writers_beside(all: &Capacity, machine: &Resources) -> usize {
    let left = |usage: &Usage, unit: usize, kept: usize| {
        (usage.is.saturating_sub(usage.used).saturating_sub(kept) / unit).saturating_sub(all.connections + all.rooms)
    };
    let mappings = machine.mappings.iter().map(|usage| left(usage, MAPPINGS_PER_THREAD, MAPPINGS_KEPT.least));
    let threads = machine.threads.iter().map(|usage| left(usage, 1, THREADS_KEPT.least));
    let address_space = machine.address_space.iter().map(|usage| left(usage, THREAD_KIB, ADDRESS_SPACE_KEPT.least));
    let fewest = mappings.chain(threads).chain(address_space).min().unwrap_or(all.connections);
    fewest.min(all.connections)
}

/// What fits into one resource: everything that is wanted, or a part of each. `None`: less than any server needs.
fn fit(limits: &Limits, usage: Usage, cost: Cost) -> Option<Capacity> {
    let Limits { connections_max: wanted, waiting_max, rooms_max, .. } = *limits;
    let Usage { what, is, used } = usage;
    let Cost { kept, connection, waiting: waits, room } = cost;
    let free = is.saturating_sub(used);
    let all = kept.most + connection * wanted + waits * waiting_max + room * rooms_max;
    if all <= free {
        return Some(Capacity { connections: wanted, waiting: waiting_max, rooms: rooms_max, writers: 0, bound: None });
    }
    let rest = free.saturating_sub((free / PART).clamp(kept.least, kept.most));
    let part = |wanted: usize, cost: usize| (rest / PART).checked_div(cost).map_or(wanted, |most| most.min(wanted));
    let (rooms, waiting) = (part(rooms_max, room), part(waiting_max, waits));
    let connections = (rest.saturating_sub(rooms * room + waiting * waits) / connection).min(wanted);
    if connections < LEAST.min(wanted) || rooms < LEAST.min(rooms_max) {
        return None;
    }
    let bound = Bound { what, is, wanted, needed: used + all };
    Some(Capacity { connections, waiting, rooms, writers: 0, bound: Some(bound) })
}

/// What the resource would have to be for the smallest server: the first value at which one fits.
fn too_small(limits: &Limits, usage: Usage, cost: Cost) -> TooSmall {
    let Usage { what, is, used } = usage;
    let fits = |is: usize| fit(limits, Usage { what, is, used }, cost).is_some();
    // With so much everything fits.
    let mut above =
        used + cost.kept.most + (cost.connection + cost.waiting + cost.room + PART) * PART * PART * LEAST * 4;
    let mut below = is;
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if fits(middle) { above = middle } else { below = middle }
    }
    TooSmall { what, is, needed: above }
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
    for path in control_groups::folders("pids") {
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
        address_space: memory::address_space_max().map(|bytes| Usage {
            what: "the limit of address space in KiB (ulimit -v; with MALLOC_ARENA_MAX=1 in the environment less is needed)",
            is: usize::try_from(bytes / 1024).unwrap_or(usize::MAX),
            used: memory::address_space().map_or(0, |bytes| usize::try_from(bytes / 1024).unwrap_or(usize::MAX))
                + memory::ARENA_KIB * memory::arenas_max(),
        }),
    }
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
            address_space: None,
        }
    }

    fn limits(connections_max: usize) -> Limits {
        let writers = WriterStart::Eager;
        Limits { connections_max, rooms_max: 1_000, waiting_max: 1_000, writers, ..Limits::default() }
    }

    fn lazy(connections_max: usize) -> Limits {
        Limits { writers: WriterStart::Lazy, ..limits(connections_max) }
    }

    fn numbers(capacity: Result<Capacity, TooSmall>) -> (usize, usize, usize) {
        let Capacity { connections, waiting, rooms, .. } = capacity.unwrap();
        (connections, waiting, rooms)
    }

    #[test]
    fn a_large_machine_holds_the_wanted_connections_and_a_writer_for_each() {
        for limits in [limits(10_000), lazy(10_000)] {
            let capacity = capacity(&limits, &machine(1_000_000, 1_000_000, 1_000_000)).unwrap();
            let all = Capacity { connections: 10_000, waiting: 1_000, rooms: 1_000, writers: 10_000, bound: None };
            assert_eq!(capacity, all);
        }
    }

    #[test]
    fn ten_thousand_connections_fit_the_default_of_linux_and_leave_threads_for_writers() {
        let capacity = capacity(&lazy(10_000), &machine(65_530, 32_768, 20_000)).unwrap();
        assert_eq!((capacity.connections, capacity.rooms, capacity.bound), (10_000, 1_000, None));
        assert_eq!(capacity.writers, (65_430 - 160) / 4 - 11_000);
    }

    #[test]
    fn a_small_machine_has_threads_for_some_writers() {
        for (pids, least) in [(60, 0), (200, 20), (1_000, 200)] {
            let capacity = capacity(&lazy(10_000), &machine(1_000_000, pids + 100, 20_000)).unwrap();
            let Capacity { connections, rooms, writers, .. } = capacity;
            assert!(writers >= least && connections + rooms + writers + THREADS_KEPT.least <= pids, "{capacity:?}");
        }
    }

    #[test]
    fn the_tightest_bound_decides_and_names_the_value_that_is_needed() {
        let capacity_of = |mappings| capacity(&limits(10_000), &machine(mappings, 32_768, 20_000)).unwrap();
        let bound = capacity_of(65_530);
        assert_eq!(bound.connections, (65_430 / 4 - 1_256) / 2);
        let sentence = bound.bound.map(|bound| bound.to_string());
        assert_eq!(sentence.as_deref(), Some("vm.max_map_count is 65530; for 10000 it would have to be 85124"));
        assert_eq!(capacity_of(85_124).bound, None);
        assert_eq!(capacity_of(85_123).connections, 9_999);
    }

    #[test]
    fn where_little_is_allowed_each_gets_a_part_and_most_of_it_are_connections() {
        let files = |files| numbers(capacity(&limits(10_000), &machine(1_000_000, 1_000_000, files)));
        assert_eq!(files(1_024), (571, 190, 1_000));
        assert_eq!(files(256), (139, 46, 1_000));
        let pids = |pids: usize| numbers(capacity(&limits(10_000), &machine(1_000_000, pids + 100, 20_000)));
        assert_eq!(pids(60), (13, 1_000, 9));
        assert_eq!(pids(500), (141, 1_000, 93));
    }

    #[test]
    fn address_space_counts_too() {
        let space = |mib: usize| {
            let usage = Usage { what: "the limit of address space", is: mib * 1024, used: 0 };
            numbers(capacity(
                &limits(10_000),
                &Resources { address_space: Some(usage), ..machine(1 << 20, 1 << 20, 1 << 20) },
            ))
        };
        let (connections, _, rooms) = space(512);
        assert!((300..600).contains(&connections) && rooms > 200, "{connections} {rooms}");
        assert_eq!(space(64 * 1024), (10_000, 1_000, 1_000));
    }

    #[test]
    fn a_server_for_which_there_is_too_little_does_not_start_and_says_what_it_needs() {
        for files in [20, 40, 60] {
            let refused = capacity(&limits(10_000), &machine(1_000_000, 1_000_000, files)).unwrap_err();
            assert_eq!(refused.is, files);
            let enough = capacity(&limits(10_000), &machine(1_000_000, 1_000_000, refused.needed));
            assert!(enough.is_ok_and(|capacity| capacity.connections >= LEAST), "{refused}");
            assert!(capacity(&limits(10_000), &machine(1_000_000, 1_000_000, refused.needed - 1)).is_err());
        }
        let refused = capacity(&limits(10_000), &machine(1_000_000, 130, 20_000)).unwrap_err();
        assert!(
            refused.to_string().starts_with("this machine allows too little: kernel.pid_max is 130, "),
            "{refused}"
        );
    }

    #[test]
    fn no_address_takes_all_of_a_small_server() {
        let capacity = Capacity { connections: 20, waiting: 0, rooms: 9, writers: 1, bound: None };
        let fitted = capacity.fit(&limits(10_000));
        assert_eq!((fitted.connections_max, fitted.address_connections_max), (20, 15));
        assert_eq!((fitted.rooms_max, fitted.address_rooms_max), (9, 4));
        let one = Capacity { connections: 1, waiting: 0, rooms: 1, writers: 1, bound: None }.fit(&limits(1));
        assert_eq!((one.address_connections_max, one.address_rooms_max), (1, 1));
    }
}
