//! The memory that this process may have: of its address space (`RLIMIT_AS`) and of its control groups.
//!
//! An allocation that is refused ends the process, so no thread, and with it no connection and no room, begins when
//! little address space is left: what is left is for the clients that are served. That is asked on the thread that
//! starts another, and is one system call without a limit, the usual case. `guards/memory_watch.rs` asks for all bounds.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::control_groups;

/// Bytes that stay free for what is served already, at most; of a smaller limit an eighth.
const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Address space that glibc reserves for each of its arenas, in KiB: it is taken although hardly any of it is used.
pub const ARENA_KIB: usize = 64 * 1024;
/// Arenas that glibc makes for each processor, unless its environment says how many there may be.
const ARENAS_PER_PROCESSOR: usize = 8;

/// How many arenas the allocator may make.
#[must_use]
pub fn arenas_max() -> usize {
    if !cfg!(target_env = "gnu") {
        return 0;
    }
    let told = std::env::var("MALLOC_ARENA_MAX").ok().and_then(|text| text.trim().parse().ok());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    told.filter(|arenas| *arenas > 0).unwrap_or(ARENAS_PER_PROCESSOR * processors)
}

/// The limit of this process's address space in bytes, if it has one.
#[must_use]
pub fn address_space_max() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// The address space that this process takes, in bytes; `None` where the system does not tell.
#[must_use]
pub fn address_space() -> Option<u64> {
    size(0)
}

/// The memory that this process has, in bytes; `None` where the system does not tell.
#[must_use]
pub fn resident() -> Option<u64> {
    size(1)
}

/// A field of proc(5) statm.
fn size(field: usize) -> Option<u64> {
    let sizes = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = sizes.split(' ').nth(field)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Whether too little address space is left to begin anything.
#[must_use]
pub fn is_low() -> bool {
    of_address_space().is_some_and(Bounded::is_low)
}

/// A bound on the memory of this process, in bytes, and how much of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// What bounds it.
    pub what: &'static str,
    /// The bound.
    pub limit: u64,
    /// What is used, without what the kernel takes back when it is needed.
    pub used: u64,
}

impl Bounded {
    /// What is left.
    #[must_use]
    pub fn left(self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// What is to stay free for what is served already.
    #[must_use]
    pub fn kept(self) -> u64 {
        KEPT_BYTES_MAX.min(self.limit / 8)
    }

    /// Whether too little is left to begin anything.
    #[must_use]
    pub fn is_low(self) -> bool {
        self.left() < self.kept()
    }

    /// Whether enough is left after there was too little.
    #[must_use]
    pub fn is_enough(self) -> bool {
        self.left() >= self.kept() + self.kept() / 2
    }
}

/// The bound that is nearest now, if this process has any. Reads some files of /proc and /sys.
#[must_use]
pub fn nearest_bound() -> Option<Bounded> {
    let groups = control_groups::folders("memory").into_iter().filter_map(|folder| of_group(&folder));
    of_address_space().into_iter().chain(groups).min_by_key(|bounded| bounded.left().saturating_sub(bounded.kept()))
}

fn of_address_space() -> Option<Bounded> {
    let limit = address_space_max()?;
    Some(Bounded { what: "the limit of address space (ulimit -v)", limit, used: address_space()? })
}

/// The bound of a control group of either version, if it has one.
fn of_group(folder: &str) -> Option<Bounded> {
    let number = |name: &str| fs::read_to_string(format!("{folder}/{name}")).ok()?.trim().parse::<u64>().ok();
    let (limit, used, cache) = match number("memory.max") {
        Some(limit) => (limit, number("memory.current")?, "inactive_file "),
        // The first version has a number that means that there is none: more than any machine has.
        None => (
            number("memory.limit_in_bytes").filter(|limit| *limit < 1 << 60)?,
            number("memory.usage_in_bytes")?,
            "total_inactive_file ",
        ),
    };
    // Pages of files that nobody has used for a while are counted, and given up when memory is needed.
    let figures = fs::read_to_string(format!("{folder}/memory.stat")).unwrap_or_default();
    let cached = figures.lines().find_map(|line| line.strip_prefix(cache)?.trim().parse().ok()).unwrap_or(0);
    Some(Bounded { what: "the memory of the control group", limit, used: used.saturating_sub(cached) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_address_space_is_kept_for_what_is_served_already() {
        const MIB: u64 = 1024 * 1024;
        let at = |limit, used| Bounded { what: "a test", limit: limit * MIB, used: used * MIB };
        assert!(!at(400, 350).is_low());
        assert!(at(400, 351).is_low());
        assert!(at(4_000, 3_937).is_low());
        assert!(!at(4_000, 3_936).is_low());
        assert!(at(400, 500).is_low());
        assert!(!at(400, 326).is_enough());
        assert!(at(400, 325).is_enough());
    }

    #[test]
    fn a_control_group_of_either_version_is_read_without_what_the_kernel_takes_back() {
        let folder = std::env::temp_dir().join(format!("roomd-memory-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        let read = || of_group(folder.to_str().unwrap()).map(|bounded| (bounded.limit, bounded.used));
        write("memory.limit_in_bytes", "9223372036854771712\n");
        write("memory.usage_in_bytes", "700\n");
        write("memory.stat", "inactive_file 10\ntotal_inactive_file 200\n");
        assert_eq!(read(), None);
        write("memory.limit_in_bytes", "1000\n");
        assert_eq!(read(), Some((1000, 500)));
        write("memory.max", "max\n");
        write("memory.current", "300\n");
        fs::remove_file(folder.join("memory.limit_in_bytes")).unwrap();
        assert_eq!(read(), None);
        write("memory.max", "400\n");
        assert_eq!(read(), Some((400, 290)));
        fs::remove_dir_all(&folder).unwrap();
    }
}
