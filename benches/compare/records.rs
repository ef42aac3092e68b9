//! The trials of a run, each recorded as soon as it is over.
//!
//! One JSON file below `target/compare`. A comparison that is started again resumes it, if machine, commit and terms are
//! the same; otherwise it begins a new file, and says so. The file is replaced as a whole, so that it is always complete.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::support::environment;
use crate::support::scenario::Scenario;
use crate::support::server::Kind;
use crate::support::trial::Outcome;

/// All trials of a run, and where they are kept.
#[derive(Serialize, Deserialize)]
pub struct Records {
    /// Machine, versions, date and terms, as lines of `name: value`.
    pub conditions: Vec<String>,
    pub trials: Vec<Record>,
    #[serde(skip)]
    file: Option<PathBuf>,
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub scenario: String,
    pub server: String,
    /// The name and version that the server prints.
    pub title: String,
    pub rep: u32,
    /// `None` where nothing was delivered.
    pub cpu_s_per_million: Option<f64>,
    pub deliveries_per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub connections_per_s: f64,
    pub joins_per_s: f64,
    /// The server's CPU time until all clients had joined, for each connection.
    pub connection_cpu_ms: f64,
    /// For each connection, in KiB: of the server, of the kernel for it, and of the whole machine.
    pub resident_kib: f64,
    pub kernel_kib: f64,
    pub machine_kib: f64,
    /// CPUs kept busy in the measured time.
    pub server_cpus: f64,
    pub generator_busy: f64,
    pub other_cpus: f64,
    /// What was wrong, as a phrase.
    pub faults: Option<String>,
}

impl Record {
    pub fn of(scenario: &Scenario, kind: Kind, rep: u32, outcome: &Outcome) -> Self {
        Self {
            scenario: scenario.to_string(),
            server: kind.name().to_owned(),
            title: outcome.title.clone(),
            rep,
            cpu_s_per_million: Some(outcome.cpu_s_per_million).filter(|figure| figure.is_finite()),
            deliveries_per_s: outcome.deliveries_per_s,
            p50_ms: outcome.p50_ms,
            p99_ms: outcome.p99_ms,
            connections_per_s: outcome.connections_per_s,
            joins_per_s: outcome.joins_per_s,
            connection_cpu_ms: outcome.connection_cpu_ms,
            resident_kib: outcome.memory.resident,
            kernel_kib: outcome.memory.kernel,
            machine_kib: outcome.memory.machine,
            server_cpus: outcome.server_cpus,
            generator_busy: outcome.generator_busy,
            other_cpus: outcome.other_cpus,
            faults: outcome.faults.description(),
        }
    }
}

impl Records {
    /// Records without a file.
    pub fn new(trials: Vec<Record>) -> Self {
        Self { conditions: Vec::new(), trials, file: None }
    }

    /// Resumes the run in `file`, if it was made on the same terms.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open(file: &Path, terms: &[String], anew: bool) -> io::Result<Self> {
        let server = Path::new(env!("CARGO_BIN_EXE_roomd"));
        let mut conditions: Vec<String> = environment::description(server).lines().map(str::to_owned).collect();
        conditions.extend_from_slice(terms);
        let earlier = match fs::read(file) {
            Ok(bytes) => serde_json::from_slice::<Self>(&bytes).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(earlier) = earlier.filter(|_| !anew) {
            if undated(&earlier.conditions).eq(undated(&conditions)) {
                return Ok(Self { file: Some(file.to_owned()), ..earlier });
            }
            eprintln!("compare: machine, commit or terms are not those of {}: it begins anew", file.display());
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Self { conditions, trials: Vec::new(), file: Some(file.to_owned()) })
    }

    pub fn has(&self, scenario: &Scenario, kind: Kind, rep: u32) -> bool {
        let name = scenario.to_string();
        self.trials.iter().any(|trial| trial.scenario == name && trial.server == kind.name() && trial.rep == rep)
    }

    pub fn push(&mut self, record: Record) {
        self.trials.push(record);
    }

    /// Adds a trial, and writes the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, record: Record) -> io::Result<()> {
        self.push(record);
        let Some(file) = &self.file else { return Ok(()) };
        let fresh = file.with_extension("new");
        fs::write(&fresh, serde_json::to_vec_pretty(self)?)?;
        fs::rename(fresh, file)
    }

    /// The scenarios of the trials, in the order in which they were made.
    pub fn scenarios(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for trial in &self.trials {
            if !names.contains(&&*trial.scenario) {
                names.push(&trial.scenario);
            }
        }
        names
    }
}

/// The conditions that must be equal: all but the date, since a run may last beyond midnight.
fn undated(conditions: &[String]) -> impl Iterator<Item = &String> {
    conditions.iter().filter(|line| !line.starts_with("date"))
}
