//! The resources that the server's process uses, when it runs on this machine, read from /proc.
//!
//! The process is found by the socket that listens on the server's port. The generator's thread reads its figures once a
//! second, and the context switches of its threads at the beginning and the end only: they are a file for each thread.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;

use serde::Serialize;

/// The state of a listening socket in /proc/net/tcp.
const LISTEN: &str = "0A";

/// A process of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pid: u32,
}

/// What a process has used, and uses now.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Usage {
    /// User and system seconds of all its threads, ended ones included.
    pub cpu_s: f64,
    pub resident_kib: f64,
    pub resident_max_kib: f64,
    pub threads: f64,
}

/// What a process used in a span of time.
#[derive(Clone, Copy, Debug)]
pub struct UsageDelta {
    pub pid: u32,
    pub before: Usage,
    pub after: Usage,
    /// Of the threads that were alive at the end.
    pub context_switches: f64,
}

/// Measures what a process uses, from `begin` to `end`.
pub struct UsageMeter {
    process: Process,
    before: Usage,
    switches_before: HashMap<u32, f64>,
}

impl UsageMeter {
    /// `None` when the process has ended.
    #[must_use]
    pub fn begin(process: Process) -> Option<Self> {
        Some(Self { process, before: process.usage()?, switches_before: process.switches() })
    }

    /// `None` when the process has ended meanwhile.
    #[must_use]
    pub fn end(self) -> Option<UsageDelta> {
        let Self { process, before, switches_before } = self;
        let since = |(thread, count): (u32, f64)| count - switches_before.get(&thread).copied().unwrap_or(0.0);
        let context_switches = process.switches().into_iter().map(since).sum();
        Some(UsageDelta { pid: process.pid, before, after: process.usage()?, context_switches })
    }
}

impl Process {
    /// The process that listens on this address; `None` when it is elsewhere, or another user's.
    #[must_use]
    pub fn listening(address: &SocketAddr) -> Option<Self> {
        let table = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
        let table = fs::read_to_string(table).ok()?;
        let port = format!(":{:04X}", address.port());
        let inode = table.lines().skip(1).find_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            (fields.get(3) == Some(&LISTEN) && fields.get(1)?.ends_with(&port)).then(|| fields.get(9).copied())?
        })?;
        if !address.ip().is_loopback() && !is_ours(address) {
            return None;
        }
        let socket = format!("socket:[{inode}]");
        let holds = |pid: &u32| {
            let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            files.into_iter().any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == &*socket))
        };
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.find(holds).map(|pid| Self { pid })
    }

    /// The process that runs this.
    #[must_use]
    pub fn own() -> Self {
        Self { pid: std::process::id() }
    }

    /// `None` when it has ended.
    #[must_use]
    pub fn usage(self) -> Option<Usage> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let field = |name: &str| number(&status, name);
        Some(Usage {
            cpu_s: self.cpu_s()?,
            resident_kib: field("VmRSS:")?,
            resident_max_kib: field("VmHWM:")?,
            threads: field("Threads:")?,
        })
    }

    /// Fields 14 and 15 of proc(5) stat, in clock ticks.
    fn cpu_s(self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        let (_, after_name) = stat.rsplit_once(')')?;
        let mut fields = after_name.split_whitespace().skip(11);
        let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
        Some(ticks / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Context switches of each of its threads.
    fn switches(self) -> HashMap<u32, f64> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten();
        let of = |thread: fs::DirEntry| {
            let status = fs::read_to_string(thread.path().join("status")).ok()?;
            let switches =
                number(&status, "voluntary_ctxt_switches:")? + number(&status, "nonvoluntary_ctxt_switches:")?;
            Some((thread.file_name().to_str()?.parse().ok()?, switches))
        };
        threads.filter_map(of).collect()
    }
}

/// Whether an address is one of this machine's: only then can a socket be bound to it.
fn is_ours(address: &SocketAddr) -> bool {
    std::net::UdpSocket::bind((address.ip(), 0)).is_ok()
}

fn number(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_process_that_listens_is_found_and_only_while_it_does() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(Process::listening(&address), Some(Process::own()));
        drop(listener);
        assert_eq!(Process::listening(&address), None);
    }

    #[test]
    fn this_process_uses_something() {
        let usage = Process::own().usage().unwrap();
        assert!(usage.resident_kib > 0.0 && usage.resident_max_kib >= usage.resident_kib && usage.threads >= 1.0);
        assert!(!Process::own().switches().is_empty());
    }
}
