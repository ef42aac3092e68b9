//! Counts of the events for one client: enqueued = written + dropped + conflated + pending, always.
//!
//! Kept by an outbox under its lock; added up over all connections when they end.

use std::fmt;
use std::ops::AddAssign;

/// Counts of events. An event is written when its last byte is with the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct DeliveryCounts {
    /// Events that were meant for the client.
    pub enqueued: u64,
    /// Events that went to its socket whole.
    pub written: u64,
    /// Events that the client will never get.
    pub dropped: u64,
    /// Events in its backlog.
    pub pending: u64,
    /// Events in whose place a newer one of their key came while they waited: see [`crate::chat::Slow::Latest`].
    pub conflated: u64,
}

/// What counts the events for one client: an outbox.
pub trait CountsDeliveries: Send + Sync {
    /// The counts as they stand. Takes a lock for a moment.
    fn deliveries(&self) -> DeliveryCounts;
}

impl DeliveryCounts {
    /// Whether every event is accounted for.
    #[must_use]
    pub fn balance(&self) -> bool {
        self.enqueued == self.written + self.dropped + self.conflated + self.pending
    }
}

impl AddAssign for DeliveryCounts {
    fn add_assign(&mut self, other: Self) {
        self.enqueued += other.enqueued;
        self.written += other.written;
        self.dropped += other.dropped;
        self.pending += other.pending;
        self.conflated += other.conflated;
    }
}

impl fmt::Display for DeliveryCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { enqueued, written, dropped, conflated, pending } = self;
        write!(f, "enqueued={enqueued} written={written} dropped={dropped} conflated={conflated} pending={pending}")
    }
}
