//! The progress of a load while it runs.
//!
//! The generator updates it after each round, and the caller of [`run`](crate::run) receives it once a second, on the
//! generator's thread: the command line prints it.

use std::fmt;
use std::time::{Duration, Instant};

use crate::generator::Generator;

const INTERVAL: Duration = Duration::from_secs(1);

/// The phases of a load, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Connecting,
    Publishing,
    Draining,
}

/// The state of a load at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub phase: Phase,
    pub elapsed: Duration,
    pub connections: usize,
    pub clients: usize,
    pub published: u64,
    pub delivered: u64,
    /// Deliveries a second since the last report.
    pub delivered_per_s: f64,
    /// Faults that are certain by now; what is lost is known only at the end.
    pub faults: u64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Connecting => "connecting",
            Phase::Publishing => "publishing",
            Phase::Draining => "draining",
        };
        let Self { elapsed, connections, clients, published, delivered, delivered_per_s, faults, .. } = self;
        write!(
            f,
            "{phase} {:.0} s: {connections} of {clients} connections, {published} published, {delivered} delivered \
             ({delivered_per_s:.0}/s), {faults} faults",
            elapsed.as_secs_f64()
        )
    }
}

/// Reports progress once a second.
pub struct ProgressReporter<'a> {
    report: &'a mut dyn FnMut(&Progress),
    reported: Instant,
    delivered: u64,
}

impl<'a> ProgressReporter<'a> {
    /// Calls `report` from now on.
    pub fn new(report: &'a mut dyn FnMut(&Progress)) -> Self {
        Self { report, reported: Instant::now(), delivered: 0 }
    }

    /// Reports, if it is time to.
    pub fn update(&mut self, phase: Phase, generator: &Generator<'_>) {
        let since = self.reported.elapsed();
        if since < INTERVAL {
            return;
        }
        let metrics = &generator.state.metrics;
        let fresh = metrics.delivered - self.delivered;
        (self.reported, self.delivered) = (Instant::now(), metrics.delivered);
        (self.report)(&Progress {
            phase,
            elapsed: generator.now(),
            connections: generator.clients.connected(),
            clients: generator.state.plan.connections(),
            published: metrics.published,
            delivered: metrics.delivered,
            delivered_per_s: fresh as f64 / since.as_secs_f64(),
            faults: generator.state.faults.sum(),
        });
    }
}
