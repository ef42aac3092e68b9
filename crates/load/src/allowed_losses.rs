//! Losses that the protocol allows: deliveries that the server announced as dropped, or that ended with a connection.
//!
//! The delivery accounting counts them, on the generator's thread; the report lists them as missing, and they do not
//! make a run fail.

use serde::Serialize;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AllowedLosses {
    /// Deliveries dropped or conflated for slow members and announced as `lagged`.
    pub dropped: u64,
    /// Deliveries that a client missed while it was away, and that its room no longer keeps.
    pub too_old: u64,
    /// Deliveries to members whose connection was closed or broke, and that did not reconnect.
    pub gone: u64,
    /// Deliveries still in flight when the time to wait for them was over.
    pub under_way: u64,
    /// Messages whose sender's connection ended before they were delivered or refused.
    pub undecided: u64,
    /// Deliveries by protocols without numbers whose place in the order no other member confirms.
    pub unordered: u64,
}

impl AllowedLosses {
    /// Each count with its name, in the order of the report.
    #[must_use]
    pub fn list(&self) -> [(&'static str, u64); 6] {
        [
            ("dropped and announced", self.dropped),
            ("missed while away", self.too_old),
            ("for members that are gone", self.gone),
            ("in flight at the end", self.under_way),
            ("with an unknown outcome", self.undecided),
            ("received in an order that no other member confirms", self.unordered),
        ]
    }
}
