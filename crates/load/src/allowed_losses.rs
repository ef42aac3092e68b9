//! Messages and deliveries that are missing and that the server may miss: dropped and announced, or unknown.
//!
//! The delivery accounting counts them on the generator's thread; the report lists them beside the faults,
//! and they do not make a run fail.

use serde::Serialize;

/// What is missing by the rules, and was announced by them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AllowedLosses {
    /// Deliveries dropped for slow members and announced as `lagged`.
    pub dropped: u64,
    /// Deliveries that a client missed while it was away, and that its room no longer had.
    pub too_old: u64,
    /// Deliveries to members that the server closed, or that broke, and that did not come back.
    pub gone: u64,
    /// Deliveries still under way when the time to wait for them was over.
    pub under_way: u64,
    /// Messages whose sender's connection ended before their fate was known.
    pub undecided: u64,
    /// Deliveries through doors without numbers that came, and whose order nobody could vouch for.
    pub unordered: u64,
}

impl AllowedLosses {
    /// Each with its name, in the order of the report.
    #[must_use]
    pub fn list(&self) -> [(&'static str, u64); 6] {
        [
            ("dropped and announced", self.dropped),
            ("missed while away", self.too_old),
            ("owed to members that are gone", self.gone),
            ("under way at the end", self.under_way),
            ("of unknown fate", self.undecided),
            ("came in an order that nobody knows", self.unordered),
        ]
    }
}
