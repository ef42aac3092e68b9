//! The project's goals, checked against a run: ratios to the bare loop and to the other servers.
//!
//! A missed goal is printed, with by how much, and is not a failure of the run. A goal whose scenario or server was not
//! measured is left out.

use std::fmt;

use crate::records::Records;
use crate::summary::{CONNECTIONS, CPU, Figure, MACHINE, P99, RATE, RESIDENT, Summary};
use crate::support::server::Kind;

/// One goal, and whether it was met.
pub struct Verdict {
    pub scenario: String,
    pub goal: String,
    pub found: String,
    pub met: bool,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.met { "met   " } else { "MISSED" };
        write!(f, "{word} {:12} {}: {}", self.scenario, self.goal, self.found)
    }
}

/// Scenarios, the most that a delivery may cost of the bare loop's CPU time, and the others it may not cost more than.
const COSTS: [(&str, f64, &[&str]); 8] = [
    ("2/W1", 1.3, &[]),
    ("100/W16", 0.8, &OTHERS),
    ("1000/W16", 0.65, &OTHERS),
    ("10000/W16", 0.8, &OTHERS),
    ("100/W1", 1.15, &OTHERS),
    ("1000/W1", 1.15, &OTHERS),
    ("10000/W1", 1.15, &OTHERS),
    ("100x100/W4", 1.3, &["go", "axum", "node-ws", "socketio"]),
];
/// Scenarios in which deliveries a second and the 99th percentile of latency are to be the best.
const FASTEST: [&str; 3] = ["100/W16", "1000/W16", "10000/W16"];
const OTHERS: [&str; 7] = ["go", "axum", "tungstenite", "fastwebsockets", "node-ws", "socketio", "nats"];
/// Scenario, what is compared, the figure, the other server, and roomd's figure as a ratio to the other's.
const BESIDE: [(&str, &str, Figure, &str, Bound); 18] = [
    ("2/W1", "p99 of Go's", P99, "go", Bound::AtMost(1.0)),
    ("2/W1", "p99 of tungstenite's", P99, "tungstenite", Bound::AtMost(1.0)),
    ("10/W1", "CPU a delivery of tungstenite's", CPU, "tungstenite", Bound::AtMost(1.0)),
    ("10/W16", "CPU a delivery of tungstenite's", CPU, "tungstenite", Bound::AtMost(1.0)),
    ("10/W1", "deliveries a second of Go's", RATE, "go", Bound::AtLeast(1.0)),
    ("10/W16", "deliveries a second of Go's", RATE, "go", Bound::AtLeast(1.0)),
    ("1000x1/W1", "CPU a delivery of Go's", CPU, "go", Bound::AtMost(1.0)),
    ("1000x1/W1", "p99 of Go's", P99, "go", Bound::AtMost(1.0)),
    ("5000x1/W1", "CPU a delivery of Go's", CPU, "go", Bound::AtMost(1.0)),
    ("5000x1/W1", "p99 of Go's", P99, "go", Bound::AtMost(1.0)),
    ("10000x1/W1", "CPU a delivery of Go's", CPU, "go", Bound::AtMost(1.0)),
    ("10000x1/W1", "p99 of Go's", P99, "go", Bound::AtMost(1.0)),
    ("100x100/idle", "connections a second of Go's", CONNECTIONS, "go", Bound::AtLeast(1.0)),
    ("100x100/idle", "resident memory an idle client of Go's", RESIDENT, "go", Bound::AtMost(1.0)),
    ("100x100/idle", "memory of the machine an idle client of Go's", MACHINE, "go", Bound::AtMost(2.0)),
    ("10x10/churn", "CPU a cycle of Go's", CPU, "go", Bound::AtMost(1.2)),
    ("10x10/churn", "p99 of Go's", P99, "go", Bound::AtMost(1.0)),
    ("64x1/fsync", "messages a second of SQLite's own", RATE, "bare", Bound::AtLeast(0.6)),
];

/// All goals whose scenario and servers were measured.
pub fn verdicts(records: &Records) -> Vec<Verdict> {
    let summary = |scenario: &str| Summary::named(records, scenario, &Kind::ALL);
    let mut verdicts = Vec::new();
    for (scenario, ratio, others) in COSTS {
        let summary = summary(scenario);
        verdicts.extend(within(&summary, "CPU a delivery of the bare loop's", CPU, "bare", Bound::AtMost(ratio)));
        verdicts.extend(best(&summary, "CPU a delivery", CPU, others, Bound::AtMost(1.0)));
    }
    for scenario in FASTEST {
        let summary = summary(scenario);
        verdicts.extend(best(&summary, "deliveries a second", RATE, &OTHERS, Bound::AtLeast(1.0)));
        verdicts.extend(best(&summary, "latency at p99", P99, &OTHERS, Bound::AtMost(1.0)));
    }
    for (scenario, what, figure, other, bound) in BESIDE {
        verdicts.extend(within(&summary(scenario), what, figure, other, bound));
    }
    verdicts
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(bound) => ratio <= bound,
            Self::AtLeast(bound) => ratio >= bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "at most {bound:.2}"),
            Self::AtLeast(bound) => write!(f, "at least {bound:.2}"),
        }
    }
}

/// roomd's figure as a ratio to another server's.
fn within(summary: &Summary<'_>, what: &str, figure: Figure, other: &str, bound: Bound) -> Option<Verdict> {
    let ratio = summary.median("roomd", figure)? / summary.median(other, figure)?;
    Some(Verdict {
        scenario: summary.scenario.clone(),
        goal: format!("{what}, {bound}"),
        found: format!("{ratio:.2}"),
        met: bound.holds(ratio),
    })
}

/// roomd's figure as a ratio to the best of others.
fn best(summary: &Summary<'_>, what: &str, figure: Figure, others: &[&str], bound: Bound) -> Option<Verdict> {
    let mut figures: Vec<_> = others.iter().filter_map(|name| Some((*name, summary.median(name, figure)?))).collect();
    figures.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let best = if matches!(bound, Bound::AtMost(_)) { figures.first() } else { figures.last() };
    let (name, figure_of_best) = best?;
    let ratio = summary.median("roomd", figure)? / figure_of_best;
    Some(Verdict {
        scenario: summary.scenario.clone(),
        goal: format!("{what}, the best of all"),
        found: format!("{ratio:.2} of {name}'s"),
        met: bound.holds(ratio),
    })
}
