//! What is counted and timed while a load runs.
//!
//! One value, on the generator's thread. Latency is measured from the moment at which a message was due, not from that
//! at which it could be sent: a server that holds up its clients is charged for the wait that it causes (no coordinated
//! omission). In a closed loop a message is due when it is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::latency::histogram;
use crate::process::Usage;

/// See the module.
pub struct Metrics {
    /// Connections begun, and clients that became members for the first time.
    pub begun: u64,
    pub arrived: u64,
    /// From connecting to being a member, nanoseconds.
    pub arrival: Histogram<u64>,
    /// When the last client became a member for the first time: nanoseconds since the run began.
    pub last_arrival: u64,
    /// Members that left and rejoined, and connections that broke and were replaced.
    pub rejoined: u64,
    pub returned: u64,
    /// Messages that were due, that were sent, and that could not be sent because the socket was full or the
    /// sender had no connection.
    pub due: u64,
    pub published: u64,
    pub withheld: u64,
    /// Deliveries that the due messages ask for, and those that were made.
    pub asked: u64,
    pub delivered: u64,
    /// From due to delivered, nanoseconds, in the whole run; and in the current second.
    pub latency: Histogram<u64>,
    recent: Histogram<u64>,
    /// How late the generator itself was in sending, nanoseconds.
    pub lateness: Histogram<u64>,
    /// The longest time in which the generator read no socket.
    pub pause_max: Duration,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Refusals by code, and closes by code.
    pub errors: BTreeMap<String, u64>,
    pub closes: BTreeMap<u16, u64>,
    /// One for each second.
    pub samples: Vec<Sample>,
    sampled: Totals,
    /// When publishing began.
    publishing_since: Duration,
}

/// What happened in one second.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sample {
    /// The second's end, in seconds since publishing began.
    pub at_s: f64,
    pub connections: usize,
    pub published_per_s: f64,
    pub delivered_per_s: f64,
    /// Milliseconds; 0 when nothing was delivered.
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// CPUs that the server used, and its memory; 0 when it is not on this machine.
    pub server_cpus: f64,
    pub server_mib: f64,
}

/// Totals at the last sample.
#[derive(Clone, Copy, Default)]
struct Totals {
    at: Duration,
    published: u64,
    delivered: u64,
    cpu_s: f64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            begun: 0,
            arrived: 0,
            arrival: histogram(),
            last_arrival: 0,
            rejoined: 0,
            returned: 0,
            due: 0,
            published: 0,
            withheld: 0,
            asked: 0,
            delivered: 0,
            latency: histogram(),
            recent: histogram(),
            lateness: histogram(),
            pause_max: Duration::ZERO,
            bytes_in: 0,
            bytes_out: 0,
            errors: BTreeMap::new(),
            closes: BTreeMap::new(),
            samples: Vec::new(),
            sampled: Totals::default(),
            publishing_since: Duration::ZERO,
        }
    }
}

impl Metrics {
    /// Records the delivery of a message that was due at `due`, nanoseconds since the run began. `None`: to a client that
    /// reads slowly.
    pub fn deliver(&mut self, due: Option<u64>, now: u64) {
        self.delivered += 1;
        if let Some(due) = due {
            self.recent.saturating_record(now.saturating_sub(due).max(1));
        }
    }

    /// Records a refusal with this code.
    pub fn refused(&mut self, code: &str) {
        match self.errors.get_mut(code) {
            Some(count) => *count += 1,
            None => _ = self.errors.insert(code.to_owned(), 1),
        }
    }

    /// Ends a second with a sample of what happened in it.
    pub fn sample(&mut self, at: Duration, connections: usize, server: Option<&Usage>) {
        let Totals { at: before, published, delivered, cpu_s } = self.sampled;
        let seconds = (at - before).as_secs_f64().max(1e-9);
        let per_s = |count: u64| count as f64 / seconds;
        let ms = |quantile: f64| self.recent.value_at_quantile(quantile) as f64 / 1e6;
        self.samples.push(Sample {
            at_s: (at - self.publishing_since).as_secs_f64(),
            connections,
            published_per_s: per_s(self.published - published),
            delivered_per_s: per_s(self.delivered - delivered),
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
            max_ms: self.recent.max() as f64 / 1e6,
            server_cpus: server.map_or(0.0, |usage| (usage.cpu_s - cpu_s).max(0.0) / seconds),
            server_mib: server.map_or(0.0, |usage| usage.resident_kib / 1024.0),
        });
        self.sampled = Totals {
            at,
            published: self.published,
            delivered: self.delivered,
            cpu_s: server.map_or(cpu_s, |usage| usage.cpu_s),
        };
        self.latency.add(&self.recent).expect("both have the same bounds");
        self.recent.reset();
    }

    /// Begins the first second: what the server did before is not part of it.
    pub fn begin(&mut self, at: Duration, server: Option<&Usage>) {
        self.publishing_since = at;
        self.sampled.at = at;
        self.sampled.cpu_s = server.map_or(0.0, |usage| usage.cpu_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_what_happened_in_it_and_the_whole_run_holds_all() {
        let mut metrics = Metrics::default();
        for (end_s, ms) in [(1, 1), (2, 10)] {
            for _ in 0..10 {
                metrics.deliver(Some(5), 5 + ms * 1_000_000);
            }
            metrics.sample(Duration::from_secs(end_s), 3, None);
        }
        let [first, second] = metrics.samples[..] else { panic!("two samples") };
        assert_eq!((first.delivered_per_s, second.delivered_per_s), (10.0, 10.0));
        assert!((first.p99_ms - 1.0).abs() < 0.01 && (second.p99_ms - 10.0).abs() < 0.1);
        assert_eq!(metrics.latency.len(), 20);
    }
}
