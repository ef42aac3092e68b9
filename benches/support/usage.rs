//! CPU time and memory, read from /proc.
//!
//! The bench reads them before and after the measured time. The kernel gives CPU time in clock ticks (usually 100 a
//! second) of which the sum of user and system is exact to a tick or two; the split between them is an estimate.

use std::fs;
use std::io;
use std::ops::Sub;

/// CPU seconds since some beginning; only differences mean anything.
#[derive(Clone, Copy)]
pub struct Usage {
    pub server_user: f64,
    pub server_system: f64,
    pub generator: f64,
    /// All processes on all CPUs, with what the hypervisor took away.
    machine: f64,
}

impl Usage {
    pub fn now(server: u32) -> io::Result<Self> {
        let (server_user, server_system) = process(&server.to_string())?;
        let (user, system) = process("self")?;
        Ok(Self { server_user, server_system, generator: user + system, machine: machine()? })
    }

    pub fn server(&self) -> f64 {
        self.server_user + self.server_system
    }

    /// What neither the server nor the generator used: other programs, interrupts, and other guests of the host.
    pub fn others(&self) -> f64 {
        (self.machine - self.server() - self.generator).max(0.0)
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            server_user: self.server_user - earlier.server_user,
            server_system: self.server_system - earlier.server_system,
            generator: self.generator - earlier.generator,
            machine: self.machine - earlier.machine,
        }
    }
}

/// Resident memory of a process in KiB.
pub fn resident_kib(pid: u32) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).ok_or_else(|| unreadable("status"))
}

/// User and system seconds of a process with all its threads, ended ones included: fields 14 and 15 of proc(5) stat.
fn process(pid: &str) -> io::Result<(f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = after_name.split_whitespace().skip(11).map(ticks);
    match (fields.next(), fields.next()) {
        (Some(user), Some(system)) => Ok((user?, system?)),
        _ => Err(unreadable("stat")),
    }
}

/// The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal.
fn machine() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let is_work = |index: usize| index != 3 && index != 4;
    fields.enumerate().filter(|&(index, _)| is_work(index)).map(|(_, field)| ticks(field)).sum()
}

fn ticks(field: &str) -> io::Result<f64> {
    let ticks: f64 = field.parse().map_err(|_| unreadable("stat"))?;
    Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
}

fn unreadable(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("/proc {file} is not as expected"))
}
