//! What a load found out, as values.
//!
//! Made once, when the run is over. `table.rs` prints it for people, `html.rs` draws it, and with
//! `--json` it is printed as it is. Times are milliseconds, sizes bytes, unless a name says otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::bare::Bare;
use super::faults::{Excuses, Faults};
use super::generator::Generator;
use super::loiterers::Loitered;
use super::meter::Sample;
use super::probe::Probed;
use super::process::Usage;

/// See the module.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether the server kept its promises, and lived to the end.
    pub kept: bool,
    /// What was done, in words.
    pub load: String,
    pub server_address: String,
    /// How long messages were published, in seconds.
    pub published_for_s: f64,
    /// The load ended before its time, because nobody was connected any more.
    pub cut_short: bool,
    /// The load ended before its time, because it was asked to.
    pub stopped: bool,
    /// Why the first connection ended that should not have.
    pub trouble: Option<String>,
    pub connections: Connections,
    pub messages: Messages,
    pub deliveries: Deliveries,
    /// From when a message was due, to clients that are not slow by themselves.
    pub latency: Latency,
    /// Clients that are.
    pub slow: usize,
    pub faults: Faults,
    pub excuses: Excuses,
    pub errors: BTreeMap<String, u64>,
    pub closes: BTreeMap<u16, u64>,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// `None` when the server is not on this machine, or is this process.
    pub server: Option<Cost>,
    pub generator: Own,
    pub probe: Option<Probed>,
    pub loiterers: Option<Loitered>,
    pub bare: Option<Bare>,
    /// One a second.
    pub samples: Vec<Sample>,
    /// Percentile and milliseconds, along the whole distribution.
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
    /// As the plan asks.
    pub due: u64,
    pub published: u64,
    /// Due, and not sent: the socket was full, or the sender not there.
    pub withheld: u64,
}

#[derive(Debug, Serialize)]
pub struct Deliveries {
    /// What the messages that were due would have made.
    pub asked: u64,
    pub asked_per_s: f64,
    pub delivered: u64,
    /// While messages were published.
    pub per_s: f64,
    /// Delivered of asked, in the end.
    pub share: f64,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

/// What the server used while messages were published and drained.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    pub pid: u32,
    pub cpu_s: f64,
    pub cpu_s_per_million: f64,
    pub resident_before_kib: f64,
    pub resident_after_kib: f64,
    pub resident_max_kib: f64,
    pub threads: f64,
    /// Of the threads that lived at the end.
    pub context_switches: f64,
}

/// What the generator used, and how late it was: a busy one measures itself.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Own {
    pub cpu_s: f64,
    pub lateness: Latency,
}

/// What a run knows besides what its generator counted.
pub struct Findings {
    /// When publishing began and ended.
    pub published: (Duration, Duration),
    /// Deliveries in that time.
    pub delivered: u64,
    pub whole: bool,
    /// The server at the beginning and the end of publishing and draining, with its context switches.
    pub server: Option<(u32, Usage, Usage, f64)>,
    pub own_cpu_s: f64,
    pub probe: Option<Probed>,
    pub loiterers: Option<Loitered>,
    pub bare: Option<Bare>,
}

impl Report {
    /// Puts together what a run counted.
    #[must_use]
    pub fn new(generator: Generator<'_>, findings: Findings) -> Self {
        let Generator { world, crowd, trouble, .. } = generator;
        let (plan, meter) = (world.plan, world.meter);
        let Findings { published: (begin, end), delivered, whole, server, own_cpu_s, probe, loiterers, bare } =
            findings;
        // Something that was stopped before it began took a moment.
        let seconds = (end - begin).as_secs_f64().max(1e-3);
        let answered = probe.as_ref().is_none_or(|probe| probe.kept);
        Self {
            kept: whole && answered && world.faults.sum() == 0,
            load: plan.to_string(),
            server_address: plan.server.clone(),
            published_for_s: seconds,
            cut_short: !whole,
            stopped: crowd.stops > 0,
            trouble,
            connections: Connections {
                wanted: plan.clients,
                arrived: meter.arrived,
                arrivals_per_s: meter.arrived as f64 / (meter.last_arrival.max(1) as f64 / 1e9),
                arrival: Latency::of(&meter.arrival),
                rejoined: meter.rejoined,
                returned: meter.returned,
            },
            messages: Messages { due: meter.due, published: meter.published, withheld: meter.withheld },
            deliveries: Deliveries {
                asked: meter.asked,
                asked_per_s: meter.asked as f64 / seconds,
                delivered: meter.delivered,
                per_s: delivered as f64 / seconds,
                share: if meter.asked == 0 { 1.0 } else { meter.delivered as f64 / meter.asked as f64 },
            },
            latency: Latency::of(&meter.latency),
            slow: plan.slow,
            faults: world.faults,
            excuses: world.excuses,
            errors: meter.errors,
            closes: meter.closes,
            bytes_in: meter.bytes_in,
            bytes_out: meter.bytes_out,
            server: server
                .map(|(pid, before, after, switches)| Cost::of(pid, &before, &after, switches, meter.delivered)),
            generator: Own { cpu_s: own_cpu_s, lateness: Latency::of(&meter.lateness) },
            probe,
            loiterers,
            bare,
            samples: meter.samples,
            percentiles: percentiles(&meter.latency),
        }
    }
}

impl Latency {
    /// Out of a histogram of nanoseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let ms = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1e6;
        Self {
            p50_ms: ms(0.5),
            p90_ms: ms(0.9),
            p99_ms: ms(0.99),
            p999_ms: ms(0.999),
            max_ms: histogram.max() as f64 / 1e6,
        }
    }
}

impl Cost {
    fn of(pid: u32, before: &Usage, after: &Usage, context_switches: f64, delivered: u64) -> Self {
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

/// Points of the distribution, closer together towards its end.
fn percentiles(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let ms = |value: u64| value as f64 / 1e6;
    let points = histogram.iter_quantiles(5);
    points.map(|point| (point.quantile_iterated_to() * 100.0, ms(point.value_iterated_to()))).collect()
}
