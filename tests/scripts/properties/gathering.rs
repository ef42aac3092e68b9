//! Receipts as a list: which are to be announced, and when.
//!
//! Part of the model of a room, which knows the users to announce them to.

use std::collections::BTreeMap;
use std::time::Duration;

use roomd::chat::receipts::GATHERED_FOR;
use roomd::chat::{Moment, Receipt, ReceiptMark, UserName};

/// See the module.
#[derive(Default)]
pub struct Gathering {
    /// The furthest of each user in each sense.
    reached: BTreeMap<(Receipt, UserName), ReceiptMark>,
    /// How far that was announced.
    told: BTreeMap<(Receipt, UserName), u64>,
    due: Option<Duration>,
}

impl Gathering {
    /// A user has got so far; what was read was received.
    pub fn reach(&mut self, user: &UserName, receipt: Receipt, seq: u64, now: Moment) {
        if receipt == Receipt::Read {
            self.reach(user, Receipt::Received, seq, now);
        }
        self.reach_one(user, receipt, seq, (now, GATHERED_FOR));
    }

    /// The same of this one sense alone, to be announced within this time.
    pub fn reach_one(&mut self, user: &UserName, receipt: Receipt, seq: u64, (now, within): (Moment, Duration)) {
        let key = (receipt, user.clone());
        if self.reached.get(&key).map_or(0, |mark| mark.seq) < seq {
            self.reached.insert(key, ReceiptMark { user: user.clone(), receipt, seq, at: now.at });
            self.due.get_or_insert(now.since_start + within);
        }
    }

    /// How far a user has read.
    pub fn read_by(&self, user: &UserName) -> u64 {
        self.reached.get(&(Receipt::Read, user.clone())).map_or(0, |mark| mark.seq)
    }

    pub fn is_due(&self, now: Duration) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// What nobody has heard of, and the numbers that it concerns: after the first, up to the second.
    pub fn gather(&mut self) -> (Vec<ReceiptMark>, u64, u64) {
        self.due = None;
        let mut fresh = Vec::new();
        let (mut after, mut until) = (u64::MAX, 0);
        for (key, mark) in &self.reached {
            let told = self.told.insert(key.clone(), mark.seq).unwrap_or(0);
            if told < mark.seq {
                (after, until) = (after.min(told), until.max(mark.seq));
                fresh.push(mark.clone());
            }
        }
        (fresh, after, until)
    }
}
