//! What this process takes of the machine: processor time, memory, open files.
//!
//! Read from the kernel on the thread that renders the figures. The names under which they are exposed are the usual ones
//! of Prometheus' clients (`process_…`), so that dashboards and alerts for any process work for this one. What the kernel
//! does not tell is left out.

use std::fs;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::memory;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessUsage {
    /// User and system time of all threads, ended ones included.
    pub cpu_s: Option<f64>,
    /// Bytes of memory that the process has, and of address space.
    pub resident_bytes: Option<u64>,
    pub virtual_bytes: Option<u64>,
    /// Files that are open, sockets included, and how many may be.
    pub files: Option<u64>,
    pub files_max: Option<u64>,
    /// When the process began, in seconds since 1970.
    pub started_s: Option<f64>,
}

impl ProcessUsage {
    /// What it takes now. Reads a folder with an entry for each open file.
    #[must_use]
    pub fn now() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self {
            cpu_s: Some(cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9),
            resident_bytes: memory::resident(),
            virtual_bytes: memory::address_space(),
            // One of them is the folder itself.
            files: fs::read_dir("/proc/self/fd").ok().map(|files| (files.count() as u64).saturating_sub(1)),
            files_max: getrlimit(Resource::Nofile).current,
            started_s: *STARTED_S,
        }
    }
}

/// Computed once: each computation differs by some microseconds, and a moment that changes looks like another start.
static STARTED_S: LazyLock<Option<f64>> = LazyLock::new(started_s);

/// Field 22 of proc(5) stat: clock ticks from the start of the machine to that of the process.
fn started_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks: f64 = after_name.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = clock_gettime(ClockId::Boottime);
    let age_s =
        uptime.tv_sec as f64 + uptime.tv_nsec as f64 / 1e9 - ticks / rustix::param::clock_ticks_per_second() as f64;
    Some(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64() - age_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something_of_the_machine() {
        let usage = ProcessUsage::now();
        assert!(
            usage.cpu_s > Some(0.0) && usage.resident_bytes > Some(0) && usage.virtual_bytes > usage.resident_bytes
        );
        let file = fs::File::open("/proc/self/stat").unwrap();
        assert!(ProcessUsage::now().files >= Some(1) && usage.files_max >= usage.files);
        drop(file);
        assert_eq!(ProcessUsage::now().started_s, usage.started_s);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age_s = now - usage.started_s.unwrap();
        assert!((-1.0..24.0 * 3600.0).contains(&age_s), "{age_s} s");
    }
}
