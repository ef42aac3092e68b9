//! The CPUs that the server and the load generator are pinned to.
//!
//! On one CPU they would measure the scheduler. The server inherits its CPU from the thread that starts it, so that none
//! of its threads ever runs elsewhere.

use std::fmt;
use std::io;
use std::process::{Child, Command};
use std::str::FromStr;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pinning {
    pub server: usize,
    pub generator: usize,
}

impl Pinning {
    /// The first two CPUs that this process may use; `None` if there is only one.
    pub fn usual() -> io::Result<Option<Self>> {
        let allowed = sched_getaffinity(None)?;
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu));
        Ok(cpus.next().zip(cpus.next()).map(|(server, generator)| Self { server, generator }))
    }

    /// Spawns on the server's CPU; afterwards this thread is on the generator's.
    pub fn spawn(self, command: &mut Command) -> io::Result<Child> {
        stay_on(self.server)?;
        let spawned = command.spawn();
        stay_on(self.generator)?;
        spawned
    }
}

/// The CPUs, as a phrase.
pub fn in_words(pinning: Option<Pinning>) -> String {
    pinning.map_or("by the scheduler".to_owned(), |pinning| pinning.to_string())
}

impl fmt::Display for Pinning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server on CPU {}, load generator on CPU {}", self.server, self.generator)
    }
}

impl FromStr for Pinning {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cpus = text.split_once(',').and_then(|(server, generator)| {
            let cpu = |text: &str| text.parse().ok().filter(|&cpu: &usize| cpu < CpuSet::MAX_CPU);
            Some(Self { server: cpu(server)?, generator: cpu(generator)? })
        });
        cpus.ok_or_else(|| "two CPU numbers are needed, for example 0,1".to_owned())
    }
}

fn stay_on(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}
