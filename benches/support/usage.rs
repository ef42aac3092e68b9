//! CPU time and memory, read from /proc.
//!
//! The bench reads them before and after the measured time. The kernel gives CPU time in clock ticks (usually 100 a
//! second) of which the sum of user and system is exact to a tick or two; the split between them is an estimate.

use std::fs;
use std::io;
use std::ops::Sub;

/// CPU seconds since some moment; only differences are meaningful.
#[derive(Clone, Copy)]
pub struct Usage {
    pub server_user: f64,
    pub server_system: f64,
    pub generator: f64,
    /// All processes on all CPUs, and the time that the hypervisor took.
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

    /// What neither the server nor the generator used: other programs, interrupts, and other virtual machines.
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

/// The kernel stack of a thread, on x86-64 and on 64-bit ARM (THREAD_SIZE), in KiB.
const KERNEL_STACK_KIB: f64 = 16.0;

/// KiB in use; only differences are meaningful.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Resident memory of a process.
    pub resident: f64,
    /// Memory of the kernel for it: the stacks of its threads, and its page tables.
    pub kernel: f64,
    /// Memory of everything on this machine, sockets and the load generator included.
    pub machine: f64,
}

impl Memory {
    pub fn now(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let machine = fs::read_to_string("/proc/meminfo")?;
        let kernel = field(&status, "Threads:")? * KERNEL_STACK_KIB + field(&status, "VmPTE:")?;
        let used = field(&machine, "MemTotal:")? - field(&machine, "MemAvailable:")?;
        Ok(Self { resident: field(&status, "VmRSS:")?, kernel, machine: used })
    }

    /// What was added since `earlier`, divided by `count`.
    pub fn each(self, earlier: Self, count: usize) -> Self {
        let each = |now: f64, then: f64| (now - then) / count as f64;
        Self {
            resident: each(self.resident, earlier.resident),
            kernel: each(self.kernel, earlier.kernel),
            machine: each(self.machine, earlier.machine),
        }
    }
}

fn field(text: &str, name: &str) -> io::Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).ok_or_else(|| unreadable(name))
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
