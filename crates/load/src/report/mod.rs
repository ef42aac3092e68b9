//! The report: what a load found, as values.
//!
//! Made once, when the run is over. `text.rs` prints it for people, `html.rs` draws it, and with `--json` it is printed
//! as it is. Times are milliseconds, sizes bytes, unless a name says otherwise.

pub mod chart;
pub mod html;
pub mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::allowed_losses::AllowedLosses;
use crate::baseline::Baseline;
use crate::faults::Faults;
use crate::generator::Generator;
use crate::history::HistoryReport;
use crate::idle_sockets::IdleSocketCounts;
use crate::latency::Latency;
use crate::metrics::Sample;
use crate::probe::ProbeReport;
use crate::process::UsageDelta;
use crate::returns::ReturnReport;

/// See the module.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether the server kept its promises, and ran to the end.
    pub kept: bool,
    /// The plan as a sentence.
    pub load: String,
    pub server_address: String,
    /// How long messages were published, in seconds.
    pub published_for_s: f64,
    /// The load ended before its time, because no client was connected any more.
    pub cut_short: bool,
    /// The load ended before its time, because a stop was requested.
    pub stopped: bool,
    /// Why the first connection failed that should not have.
    pub trouble: Option<String>,
    pub connections: Connections,
    pub messages: Messages,
    pub deliveries: Deliveries,
    /// From when a message was due to its delivery, to clients that do not read slowly.
    pub latency: Latency,
    /// Clients that read slowly.
    pub slow: usize,
    /// With `--restart` or `--outages`, if anybody had to come back.
    pub returns: Option<ReturnReport>,
    pub faults: Faults,
    #[serde(rename = "excuses")]
    pub allowed_losses: AllowedLosses,
    pub errors: BTreeMap<String, u64>,
    pub closes: BTreeMap<u16, u64>,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// With `--history`.
    pub history: Option<HistoryReport>,
    /// `None` when the server is not on this machine, or is this process.
    pub server: Option<ServerCost>,
    pub generator: GeneratorCost,
    pub probe: Option<ProbeReport>,
    #[serde(rename = "loiterers")]
    pub idle_sockets: Option<IdleSocketCounts>,
    #[serde(rename = "bare")]
    pub baseline: Option<Baseline>,
    /// One for each second.
    pub samples: Vec<Sample>,
    /// Percentiles and milliseconds, along the whole distribution.
    pub percentiles: Vec<(f64, f64)>,
}

#[derive(Debug, Serialize)]
pub struct Connections {
    pub wanted: usize,
    pub arrived: u64,
    pub arrivals_per_s: f64,
    /// From connecting to being a member.
    pub arrival: Latency,
    pub rejoined: u64,
    pub returned: u64,
}

#[derive(Debug, Serialize)]
pub struct Messages {
    /// As the plan's rate or window asks.
    pub due: u64,
    pub published: u64,
    /// Due, and not sent: the socket was full, or the sender had no connection.
    pub withheld: u64,
    /// Given again in their group, since who had them was gone.
    pub given_again: u64,
}

#[derive(Debug, Serialize)]
pub struct Deliveries {
    /// Deliveries that the due messages ask for.
    pub asked: u64,
    pub asked_per_s: f64,
    pub delivered: u64,
    /// While messages were published.
    pub per_s: f64,
    /// Those delivered of those asked for, in the end.
    pub share: f64,
}

/// What the server used while messages were published and drained.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerCost {
    pub pid: u32,
    pub cpu_s: f64,
    pub cpu_s_per_million: f64,
    pub resident_before_kib: f64,
    pub resident_after_kib: f64,
    pub resident_max_kib: f64,
    pub threads: f64,
    /// Of the threads that were alive at the end.
    pub context_switches: f64,
}

/// What the generator used, and how late it was: one that is too busy measures itself.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GeneratorCost {
    pub cpu_s: f64,
    pub lateness: Latency,
    /// The longest time in which it read no socket: a server may consider clients broken that read nothing.
    pub pause_max_ms: f64,
}

/// What a run found besides what its generator counted.
pub struct RunOutcome {
    /// How long messages were published.
    pub published_for: Duration,
    /// Deliveries in that time.
    pub delivered: u64,
    /// Messages were published for as long as the plan says.
    pub complete: bool,
    /// What the server used while messages were published and drained.
    pub server: Option<UsageDelta>,
    pub own_cpu_s: f64,
    pub probe: Option<ProbeReport>,
    pub idle_sockets: Option<IdleSocketCounts>,
    pub baseline: Option<Baseline>,
    pub history: Option<HistoryReport>,
}

impl Report {
    /// Makes the report of a run.
    #[must_use]
    pub fn new(generator: Generator<'_>, outcome: RunOutcome) -> Self {
        let Generator { state, clients, first_failure, .. } = generator;
        let (plan, metrics) = (state.plan, state.metrics);
        let RunOutcome {
            published_for,
            delivered,
            complete,
            server,
            own_cpu_s,
            probe,
            idle_sockets,
            baseline,
            history,
        } = outcome;
        // A run that was stopped before it published took a moment.
        let given_again =
            state.rooms.iter().filter_map(|room| room.group.as_ref()).map(|group| group.redelivered).sum();
        let seconds = published_for.as_secs_f64().max(1e-3);
        let answered = probe.as_ref().is_none_or(|probe| probe.kept);
        Self {
            kept: complete && answered && state.faults.sum() == 0,
            load: plan.to_string(),
            server_address: plan.server.clone(),
            published_for_s: seconds,
            cut_short: !complete,
            stopped: clients.stop_requests > 0,
            trouble: first_failure,
            connections: Connections {
                wanted: plan.connections(),
                arrived: metrics.arrived,
                arrivals_per_s: metrics.arrived as f64 / (metrics.last_arrival.max(1) as f64 / 1e9),
                arrival: Latency::of(&metrics.arrival),
                rejoined: metrics.rejoined,
                returned: metrics.returned,
            },
            messages: Messages {
                due: metrics.due,
                published: metrics.published,
                withheld: metrics.withheld,
                given_again,
            },
            deliveries: Deliveries {
                asked: metrics.asked,
                asked_per_s: metrics.asked as f64 / seconds,
                delivered: metrics.delivered,
                per_s: delivered as f64 / seconds,
                share: if metrics.asked == 0 { 1.0 } else { metrics.delivered as f64 / metrics.asked as f64 },
            },
            latency: Latency::of(&metrics.latency),
            slow: plan.slow,
            returns: state.returns.report(),
            faults: state.faults,
            allowed_losses: state.allowed,
            errors: metrics.errors,
            closes: metrics.closes,
            bytes_in: metrics.bytes_in,
            bytes_out: metrics.bytes_out,
            history,
            server: server.map(|usage| ServerCost::new(&usage, metrics.delivered)),
            generator: GeneratorCost {
                cpu_s: own_cpu_s,
                lateness: Latency::of(&metrics.lateness),
                pause_max_ms: metrics.pause_max.as_secs_f64() * 1e3,
            },
            probe,
            idle_sockets,
            baseline,
            samples: metrics.samples,
            percentiles: percentiles(&metrics.latency),
        }
    }
}

impl ServerCost {
    fn new(usage: &UsageDelta, delivered: u64) -> Self {
        let UsageDelta { pid, before, after, context_switches } = *usage;
        let cpu_s = after.cpu_s - before.cpu_s;
        Self {
            pid,
            cpu_s,
            cpu_s_per_million: cpu_s / (delivered.max(1) as f64 / 1e6),
            resident_before_kib: before.resident_kib,
            resident_after_kib: after.resident_kib,
            resident_max_kib: after.resident_max_kib,
            threads: after.threads,
            context_switches,
        }
    }
}

/// Points of the distribution, closer to each other towards its end.
fn percentiles(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let ms = |value: u64| value as f64 / 1e6;
    let points = histogram.iter_quantiles(5);
    points.map(|point| (point.quantile_iterated_to() * 100.0, ms(point.value_iterated_to()))).collect()
}
