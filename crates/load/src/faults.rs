//! Faults: promises that the server broke, by cause.
//!
//! The delivery accounting and the generator count them, on the generator's thread. Any of them makes the run fail.

use serde::Serialize;

/// Promises that were broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Deliveries that never arrived, and were not announced as missing.
    pub lost: u64,
    /// Deliveries that the same member had received before.
    pub repeated: u64,
    /// Deliveries that arrived after a later message of their room, or of their sender.
    pub disordered: u64,
    /// Deliveries whose number another member received with another message.
    pub contradicted: u64,
    /// Deliveries of a text that was not published, or not in this room.
    pub altered: u64,
    /// Messages that were neither delivered to any member nor refused.
    pub swallowed: u64,
    /// Messages that were delivered, and not acknowledged to their sender.
    pub unacknowledged: u64,
    /// Messages that were announced as missing, and are not.
    pub overannounced: u64,
    /// Keys of which a member has, in the end, another than the newest message.
    pub stale: u64,
    /// Messages that a member of a group was given while another had them, or after they were done.
    pub shared: u64,
    /// Messages that a group gave again without saying so.
    pub unmarked: u64,
    /// Messages that a group had members for, and that none could do.
    pub undone: u64,
    /// Connections that ended without a close frame.
    pub broken: u64,
    /// Connections that the server closed because it failed, or because it says that the client did: close codes
    /// 1002, 1003, 1007, 1009, 1011 and 4408.
    pub failed: u64,
    /// Clients that could not join, or not rejoin.
    pub kept_out: u64,
}

impl Faults {
    /// Each count with its name, in the order of the report.
    #[must_use]
    pub fn list(&self) -> [(&'static str, u64); 15] {
        [
            ("lost", self.lost),
            ("repeated", self.repeated),
            ("out of order", self.disordered),
            ("contradicted", self.contradicted),
            ("altered", self.altered),
            ("swallowed", self.swallowed),
            ("unacknowledged", self.unacknowledged),
            ("announced and not missing", self.overannounced),
            ("stale", self.stale),
            ("given to two of a group", self.shared),
            ("given again and not marked", self.unmarked),
            ("not done", self.undone),
            ("connections broken", self.broken),
            ("connections failed", self.failed),
            ("clients kept out", self.kept_out),
        ]
    }

    /// How many faults there are.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.list().iter().map(|(_, count)| count).sum()
    }
}
