//! One trial: one server, fresh, under one scenario, from its start to its end.
//!
//! Called on the bench's only thread, for the servers in turn, so that other work on the machine affects all alike.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::churn::Churn;
use super::clients::{Clients, WaitStrategy};
use super::generator::{Faults, Generator};
use super::pinning::{self, Pinning};
use super::scenario::{Durability, Load, Scenario};
use super::server::{Kind, Server};
use super::usage::{Memory, Usage};

/// What is the same in every trial of a run.
pub struct Conditions {
    pub warm_up: Duration,
    pub measuring: Duration,
    pub pinning: Option<Pinning>,
    /// The generator sleeps although it has a CPU of its own.
    pub sleep: bool,
    /// More arguments for roomd.
    pub more: Vec<String>,
}

impl Conditions {
    pub fn wait_strategy(&self) -> WaitStrategy {
        if self.sleep { WaitStrategy::Sleep } else { WaitStrategy::of(self.pinning) }
    }

    fn placed(&self) -> String {
        let placed = pinning::in_words(self.pinning);
        match self.wait_strategy() {
            WaitStrategy::Spin => format!("{placed}, never asleep"),
            WaitStrategy::Sleep => placed,
        }
    }

    /// The conditions of `reps` trials of each server, as lines of `name value`.
    pub fn terms(&self, reps: u32) -> [String; 2] {
        let Self { warm_up, measuring, .. } = self;
        [
            format!("placed    {}", self.placed()),
            format!("trials    {reps} of each server, in turn: {warm_up:?} of warm-up, {measuring:?} measured"),
        ]
    }
}

/// The figures of one trial.
pub struct Outcome {
    pub cpu_s_per_million: f64,
    /// Of the server's CPU time, the part outside the kernel.
    pub user_share: f64,
    pub deliveries_per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Until all clients were upgraded; and until all had joined.
    pub connections_per_s: f64,
    pub joins_per_s: f64,
    /// CPU time of the server until all clients had joined, for each connection, in ms.
    pub connection_cpu_ms: f64,
    /// What was added for each connection, in KiB, before anything was published.
    pub memory: Memory,
    /// CPUs that the server kept busy in the measured time.
    pub server_cpus: f64,
    /// The part of the measured time in which the generator had something to do.
    pub generator_busy: f64,
    /// CPUs that everything but generator and server kept busy.
    pub other_cpus: f64,
    pub faults: Faults,
    /// The name and version that the server prints.
    pub title: String,
}

/// # Errors
/// If the server does not start, or not all clients can join.
pub fn run(kind: Kind, scenario: &Scenario, conditions: &Conditions) -> io::Result<Outcome> {
    if scenario.load == Load::Churn {
        return churn(kind, scenario, conditions);
    }
    let clients = scenario.clients();
    let mut more = conditions.more.clone();
    let data = if let Load::Stored(durability) = scenario.load { Some(TrialFile::new(durability)?) } else { None };
    data.iter().for_each(|data| more.extend(data.arguments()));
    let server = Server::start(kind, scenario, &more, conditions.pinning)?;
    let empty = Memory::now(server.pid())?;
    let alone = Usage::now(server.pid())?;
    let (connected, join_times) =
        Clients::connect_all(kind.protocol_in(scenario), server.address, scenario, conditions.wait_strategy())?;
    let connecting = (Usage::now(server.pid())? - alone).server();
    let full = Memory::now(server.pid())?;

    let mut generator = Generator::new(connected, scenario);
    generator.start()?;
    generator.run(conditions.warm_up)?;
    let (before, idle, began) = (Usage::now(server.pid())?, generator.idle(), Instant::now());
    let latency = generator.measure(conditions.measuring)?;
    let took = began.elapsed().as_secs_f64();
    let idle = (generator.idle() - idle).as_secs_f64();
    let used = Usage::now(server.pid())? - before;
    let faults = generator.finish()?;

    let deliveries = latency.len() as f64;
    Ok(Outcome {
        cpu_s_per_million: used.server() / deliveries * 1e6,
        user_share: used.server_user / used.server(),
        deliveries_per_s: deliveries / took,
        p50_ms: latency.value_at_quantile(0.50) as f64 / 1e6,
        p99_ms: latency.value_at_quantile(0.99) as f64 / 1e6,
        connections_per_s: clients as f64 / join_times.upgraded.as_secs_f64(),
        joins_per_s: clients as f64 / join_times.joined.as_secs_f64(),
        connection_cpu_ms: connecting / clients as f64 * 1e3,
        memory: full.each(empty, clients),
        server_cpus: used.server() / took,
        generator_busy: 1.0 - idle / took,
        other_cpus: used.others() / took,
        faults,
        title: server.title.clone(),
    })
}

/// A trial in which clients come and go. A delivery is a cycle there, a latency the time of one.
fn churn(kind: Kind, scenario: &Scenario, conditions: &Conditions) -> io::Result<Outcome> {
    let server = Server::start(kind, scenario, &conditions.more, conditions.pinning)?;
    let mut churn = Churn::new(kind.protocol(), server.address, scenario, conditions.wait_strategy())?;
    churn.run(conditions.warm_up)?;
    let (before, idle, began) = (Usage::now(server.pid())?, churn.idle, Instant::now());
    let latency = churn.run(conditions.measuring)?;
    let took = began.elapsed().as_secs_f64();
    let used = Usage::now(server.pid())? - before;
    let cycles = latency.len() as f64;
    Ok(Outcome {
        cpu_s_per_million: used.server() / cycles * 1e6,
        user_share: used.server_user / used.server(),
        deliveries_per_s: cycles / took,
        p50_ms: latency.value_at_quantile(0.50) as f64 / 1e6,
        p99_ms: latency.value_at_quantile(0.99) as f64 / 1e6,
        connections_per_s: cycles / took,
        joins_per_s: cycles / took,
        connection_cpu_ms: used.server() / cycles * 1e3,
        memory: Memory { resident: 0.0, kernel: 0.0, machine: 0.0 },
        server_cpus: used.server() / took,
        generator_busy: 1.0 - (churn.idle - idle).as_secs_f64() / took,
        other_cpus: used.others() / took,
        faults: Faults::default(),
        title: server.title.clone(),
    })
}

/// The file of a trial in which messages are stored; deleted with it.
pub struct TrialFile {
    directory: PathBuf,
    durability: Durability,
}

impl TrialFile {
    /// A file of its own, on the disk that holds the build.
    ///
    /// # Errors
    /// If its directory cannot be made.
    pub fn new(durability: Durability) -> io::Result<Self> {
        let name = format!("target/compare/trial-{}", std::process::id());
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        fs::create_dir_all(&directory)?;
        Ok(Self { directory, durability })
    }

    pub fn path(&self) -> PathBuf {
        self.directory.join("room.db")
    }

    /// The arguments with which roomd stores there.
    fn arguments(&self) -> [String; 4] {
        let data = self.path().display().to_string();
        ["--data".to_owned(), data, "--durability".to_owned(), self.durability.name().to_owned()]
    }
}

impl Drop for TrialFile {
    fn drop(&mut self) {
        // Some megabytes below target may be left.
        _ = fs::remove_dir_all(&self.directory);
    }
}
