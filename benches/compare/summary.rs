//! A summary of the trials of one scenario: for each server and figure the median, the least and the most.
//!
//! Ratios are of medians, to the bare loop in the same run. `text` is the table on the terminal; `goals` and `document`
//! use single figures.

use crate::records::{Record, Records};
use crate::support::scenario::Scenario;
use crate::support::server::Kind;

/// A figure of a trial, if the trial has it.
pub type Figure = fn(&Record) -> Option<f64>;

pub const CPU: Figure = |record| record.cpu_s_per_million;
pub const RATE: Figure = |record| record.cpu_s_per_million.map(|_| record.deliveries_per_s);
pub const P50: Figure = |record| record.cpu_s_per_million.map(|_| record.p50_ms);
pub const P99: Figure = |record| record.cpu_s_per_million.map(|_| record.p99_ms);
pub const CONNECTIONS: Figure = |record| Some(record.connections_per_s);
pub const JOINS: Figure = |record| Some(record.joins_per_s);
pub const CONNECTION_CPU: Figure = |record| Some(record.connection_cpu_ms);
pub const RESIDENT: Figure = |record| Some(record.resident_kib);
pub const WITH_KERNEL: Figure = |record| Some(record.resident_kib + record.kernel_kib);
pub const MACHINE: Figure = |record| Some(record.machine_kib);
pub const SERVER: Figure = |record| Some(record.server_cpus * 100.0);
pub const GENERATOR: Figure = |record| Some(record.generator_busy * 100.0);

/// Other work beside a trial, in CPUs, beyond which it is repeated.
pub const DISTURBANCE_MAX: f64 = 0.10;

/// The trials of one scenario, by server.
pub struct Summary<'a> {
    pub scenario: String,
    pub servers: Vec<(String, Vec<&'a Record>)>,
}

/// The median of some trials, the least and the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl<'a> Summary<'a> {
    /// Summarizes those of these servers that have trials.
    pub fn of(records: &'a Records, scenario: &Scenario, servers: &[Kind]) -> Self {
        Self::named(records, &scenario.to_string(), servers)
    }

    pub fn named(records: &'a Records, scenario: &str, servers: &[Kind]) -> Self {
        let trials = |kind: &Kind| {
            let of = |trial: &&Record| trial.scenario == scenario && trial.server == kind.name();
            (kind.name().to_owned(), records.trials.iter().filter(of).collect::<Vec<_>>())
        };
        let servers = servers.iter().map(trials).filter(|(_, trials)| !trials.is_empty()).collect();
        Self { scenario: scenario.to_owned(), servers }
    }

    pub fn spread(&self, server: &str, figure: Figure) -> Option<Spread> {
        let (_, trials) = self.servers.iter().find(|(name, _)| name == server)?;
        Spread::of(trials.iter().filter_map(|trial| figure(trial)).collect())
    }

    pub fn median(&self, server: &str, figure: Figure) -> Option<f64> {
        Some(self.spread(server, figure)?.median)
    }

    /// The CPU time of a delivery, as a ratio to the bare loop's.
    pub fn of_bare(&self, server: &str) -> Option<f64> {
        Some(self.median(server, CPU)? / self.median("bare", CPU)?)
    }

    /// What was wrong, by server.
    pub fn faults(&self) -> Vec<String> {
        let faults = |(name, trials): &(String, Vec<&Record>)| {
            let faults: Vec<_> = trials.iter().filter_map(|trial| trial.faults.as_deref()).collect();
            (!faults.is_empty()).then(|| format!("{name}: {}", faults.join("; ")))
        };
        self.servers.iter().filter_map(faults).collect()
    }

    /// How much of a CPU other programs used in any trial, at most.
    pub fn disturbance(&self) -> f64 {
        self.servers.iter().flat_map(|(_, trials)| trials).map(|trial| trial.other_cpus).fold(0.0, f64::max)
    }

    /// A table for a terminal.
    pub fn text(&self) -> String {
        const COLUMNS: [(&str, usize, Figure); 10] = [
            ("cpu s/M", 3, CPU),
            ("deliv./s", 0, RATE),
            ("p50 ms", 2, P50),
            ("p99 ms", 2, P99),
            ("conn/s", 0, CONNECTIONS),
            ("joins/s", 0, JOINS),
            ("ms/conn", 3, CONNECTION_CPU),
            ("KiB/conn", 1, WITH_KERNEL),
            ("server %", 0, SERVER),
            ("gen. %", 0, GENERATOR),
        ];
        let headings = COLUMNS.map(|(heading, ..)| format!("{heading:>10}")).concat();
        let mut lines = vec![format!("{:12}{headings}{:>9}", self.scenario, "of bare")];
        for (name, _) in &self.servers {
            let cells = COLUMNS.map(|(_, digits, figure)| match self.median(name, figure) {
                Some(median) => format!("{median:>10.digits$}"),
                None => format!("{:>10}", "-"),
            });
            let ratio = self.of_bare(name).map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            lines.push(format!("{name:12}{}{ratio:>9}", cells.concat()));
        }
        lines.extend(self.faults());
        lines.push(format!("other work on the machine: at most {:.0} % of a CPU", self.disturbance() * 100.0));
        lines.join("\n")
    }
}

impl Spread {
    /// `None` without values.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, least, most })
    }
}
