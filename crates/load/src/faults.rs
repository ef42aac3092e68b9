//! What was wrong, by cause, and what was missing for a reason that the server gave.
//!
//! The ledger counts on the generator's thread; the report says it. A fault is a promise of the server
//! that it broke; any makes the run fail. An excuse is a loss as the rules allow it, announced as they say.

use serde::Serialize;

/// Promises that were broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Deliveries that never came, and of which nobody said so.
    pub lost: u64,
    /// Deliveries that came again, to the same member.
    pub repeated: u64,
    /// Deliveries that came after a later message of their room, or of their sender.
    pub disordered: u64,
    /// Deliveries that say otherwise than another member was told: another message under this number.
    pub contradicted: u64,
    /// Deliveries of a text that nobody published so, or in a room where it was not published.
    pub altered: u64,
    /// Messages that were neither shown to anybody nor refused.
    pub swallowed: u64,
    /// Messages that were shown, and whose sender was not told so.
    pub unacknowledged: u64,
    /// Messages of which it was announced that they are missing, though they are not.
    pub overannounced: u64,
    /// Connections that ended without a close frame.
    pub broken: u64,
    /// Connections that the server closed because it failed, or because it says that we did: closes
    /// 1002, 1003, 1007, 1009, 1011 and 4408.
    pub failed: u64,
    /// Clients that could not get in, or not back in.
    pub kept_out: u64,
}

impl Faults {
    /// Each with its name, in the order of the report.
    #[must_use]
    pub fn list(&self) -> [(&'static str, u64); 11] {
        [
            ("lost", self.lost),
            ("repeated", self.repeated),
            ("out of order", self.disordered),
            ("contradicted", self.contradicted),
            ("altered", self.altered),
            ("swallowed", self.swallowed),
            ("unacknowledged", self.unacknowledged),
            ("announced and not missing", self.overannounced),
            ("connections broken", self.broken),
            ("connections failed", self.failed),
            ("clients kept out", self.kept_out),
        ]
    }

    /// How many there are.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.list().iter().map(|(_, count)| count).sum()
    }
}
