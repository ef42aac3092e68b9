//! What one member of a room has received, and what it must receive.
//!
//! A client has one while it is a member; its session holds it, on the generator's thread. Positions count the messages
//! of the room in their order. A member must receive every position from its first on; a position that it skips is
//! missing until it arrives, and announced or lost in the end.

use std::collections::VecDeque;
use std::ops::Range;

use crate::deliveries::last_values::LastValues;
use crate::faults::Faults;

/// See the module.
#[derive(Debug)]
pub struct MemberDeliveries {
    pub client: u32,
    /// Which of the client's connections it publishes on.
    pub connection: u32,
    /// Whether it receives its own messages.
    pub receives_own: bool,
    /// Whether the closed loop waits for its deliveries.
    pub awaited: bool,
    /// Whether it receives every message of its room, so that its next delivery is the next in the order.
    pub defines_order: bool,
    /// Without numbers: messages that it received before any member that defines the order did.
    pub unordered: VecDeque<u32>,
    /// Which numbered order it follows; `None`: its protocol has no numbers.
    pub epoch: Option<usize>,
    /// The next position; `None` until the first is known.
    pub next: Option<u32>,
    /// Whether it is in the room by a pattern: it is not told where the room stood when it became a member.
    pub by_pattern: bool,
    /// The first position that it received.
    pub first: Option<u32>,
    /// What it was sent of earlier positions are the last values that it joined for.
    pub joined_at: u32,
    pub last_values: LastValues,
    /// It must have the newest message of a key, if that has at least this position.
    pub values_from: u32,
    /// It must receive each message with at least this number: those that were published since it is a member.
    pub expected_from: u32,
    /// Length of the order without numbers when it became a member.
    pub order_length_at_join: u32,
    /// Skipped positions, in order.
    missing: Vec<Range<u32>>,
    /// How many messages the server announced as missing.
    announced: u64,
}

impl MemberDeliveries {
    /// The accounting of a client that becomes a member.
    #[must_use]
    pub fn new(client: u32, receives_own: bool, awaited: bool) -> Self {
        Self::with_keys(client, receives_own, awaited, 0)
    }

    /// The same; messages have so many keys, and it joins for the newest of each.
    #[must_use]
    pub fn with_keys(client: u32, receives_own: bool, awaited: bool, keys: usize) -> Self {
        Self {
            client,
            connection: 0,
            receives_own,
            awaited,
            defines_order: receives_own,
            unordered: VecDeque::new(),
            epoch: None,
            next: None,
            by_pattern: false,
            first: None,
            joined_at: 0,
            last_values: LastValues::of_keys(keys),
            values_from: 0,
            expected_from: u32::MAX,
            order_length_at_join: 0,
            missing: Vec::new(),
            announced: 0,
        }
    }

    /// Records the delivery of a position. Returns whether it is new.
    pub fn receive(&mut self, position: u32, faults: &mut Faults) -> bool {
        let next = *self.next.get_or_insert(position);
        self.first.get_or_insert(position);
        if position >= next {
            self.skip(next..position);
            self.next = Some(position + 1);
            return true;
        }
        match self.missing.iter().position(|range| range.contains(&position)) {
            Some(index) => {
                let Range { start, end } = self.missing.remove(index);
                let parts = [start..position, position + 1..end];
                self.missing.splice(index..index, parts.into_iter().filter(|part| !part.is_empty()));
                faults.disordered += 1;
                true
            }
            None => {
                faults.repeated += 1;
                false
            }
        }
    }

    /// Records a message that was sent as the last value of its key: each key has one, in the order of their positions.
    pub fn receive_last_value(&mut self, number: u32, position: u32, faults: &mut Faults) {
        faults.repeated += u64::from(self.last_values.has(number));
        faults.disordered += u64::from(self.last_values.is_past(position));
        self.last_values.receive(number, position);
    }

    /// Records positions that did not arrive before a later one.
    pub fn skip(&mut self, positions: Range<u32>) {
        match self.missing.last_mut() {
            _ if positions.is_empty() => {}
            Some(last) if last.end == positions.start => last.end = positions.end,
            _ => self.missing.push(positions),
        }
    }

    /// Misses for good what it has not received of an order of this length; how much.
    pub fn forget(&mut self, length: u32) -> u64 {
        let missing: u32 = std::mem::take(&mut self.missing).iter().map(|range| range.end - range.start).sum();
        u64::from(missing + self.next.map_or(0, |next| length.saturating_sub(next)))
    }

    /// Records that the server announced so many messages as missing.
    pub fn announce_missing(&mut self, messages: u64) {
        self.announced += messages;
    }

    /// Whether it has received this position.
    #[must_use]
    pub fn has_received(&self, position: u32) -> bool {
        self.next.is_some_and(|next| position < next) && !self.missing.iter().any(|range| range.contains(&position))
    }

    /// How many are missing, and of how many that was announced.
    #[must_use]
    pub fn balance(&self) -> (u64, u64) {
        (self.missing.iter().map(|range| u64::from(range.end - range.start)).sum(), self.announced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(positions: &[u32]) -> (MemberDeliveries, Faults) {
        let (mut member, mut faults) = (MemberDeliveries::new(0, true, true), Faults::default());
        member.next = Some(0);
        for &position in positions {
            member.receive(position, &mut faults);
        }
        (member, faults)
    }

    #[test]
    fn what_comes_in_order_is_no_fault() {
        let (member, faults) = received(&[0, 1, 2, 3]);
        assert_eq!((member.balance(), faults), ((0, 0), Faults::default()));
    }

    #[test]
    fn what_is_skipped_is_missing() {
        let (member, faults) = received(&[0, 3, 4, 7]);
        assert_eq!((member.balance(), faults), ((4, 0), Faults::default()));
        assert!(member.has_received(3) && !member.has_received(2) && !member.has_received(8));
    }

    #[test]
    fn what_comes_late_is_out_of_order_and_not_missing() {
        let (member, faults) = received(&[0, 4, 2, 5]);
        assert_eq!((member.balance().0, faults.disordered, faults.repeated), (2, 1, 0));
        assert!(member.has_received(2) && !member.has_received(1) && !member.has_received(3));
    }

    #[test]
    fn what_comes_twice_is_repeated() {
        let (member, faults) = received(&[0, 1, 1, 0, 3, 2, 2]);
        assert_eq!((member.balance().0, faults.disordered, faults.repeated), (0, 1, 3));
    }
}
