//! The order of a room's messages, as its members receive them.
//!
//! A room keeps one for each epoch, in which the server's numbers are the positions, and one for the protocols without
//! numbers, to which the first member that receives a message appends it, if it received all before. All members must
//! agree with it: that is what "one order" means.

use crate::deliveries::last_values::LastValues;

/// How far beyond the last known position a number may be; what is further cannot be true.
const STRIDE_MAX: u64 = 1 << 22;
/// How far before the first number others may begin, where no member was told the room's last number.
const SLACK: u64 = 1 << 16;

/// No member has received this position.
const UNKNOWN: u32 = u32::MAX;
/// Another program's message.
const FOREIGN: u32 = u32::MAX - 1;

/// See the module.
#[derive(Debug, Default)]
pub struct MessageOrder {
    /// The epoch, if a member was told its name.
    pub epoch: Option<String>,
    /// What is subtracted from a number of the server for the position after it.
    base: u64,
    /// By position, the number of a message of this run.
    entries: Vec<u32>,
    pub last_values: LastValues,
}

/// What became of placing a message at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The position was unknown.
    New,
    /// The message is known to have this position.
    Same,
    /// Another message has this position.
    Conflict,
}

impl MessageOrder {
    /// An order that begins about where the server's numbers are now; its messages have so many keys.
    #[must_use]
    pub fn near(epoch: Option<String>, seq: u64, keys: usize) -> Self {
        let base = seq.saturating_sub(SLACK);
        let mut order = Self { epoch, base, entries: Vec::new(), last_values: LastValues::of_keys(keys) };
        order.entries.resize(usize::try_from(seq - base).unwrap_or(0), FOREIGN);
        order
    }

    /// How many positions there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// The position after the message `seq` of the server; `None` if that cannot be.
    #[must_use]
    pub fn after(&self, seq: u64) -> Option<u32> {
        let position = seq.checked_sub(self.base)?;
        u32::try_from(position).ok().filter(|_| position <= self.entries.len() as u64 + STRIDE_MAX)
    }

    /// The number `seq` of the server, of which `position` is the successor.
    #[must_use]
    pub fn seq(&self, position: u32) -> u64 {
        self.base + u64::from(position)
    }

    /// Places a message (`None`: another program's) at a position.
    pub fn place(&mut self, position: u32, number: Option<u32>) -> Placement {
        let (index, of_run) = (position as usize, number);
        let number = number.unwrap_or(FOREIGN);
        if index >= self.entries.len() {
            self.entries.resize(index + 1, UNKNOWN);
        }
        match &mut self.entries[index] {
            entry if *entry == number => Placement::Same,
            entry if *entry == UNKNOWN || *entry == FOREIGN => {
                *entry = number;
                if let Some(number) = of_run {
                    self.last_values.receive(number, position);
                }
                Placement::New
            }
            _ => Placement::Conflict,
        }
    }

    /// Places a message at the end; returns its position.
    pub fn append(&mut self, number: u32) -> u32 {
        let position = self.len();
        self.place(position, Some(number));
        position
    }

    /// The message of this run at a position.
    #[must_use]
    pub fn number(&self, position: u32) -> Option<u32> {
        self.entries.get(position as usize).copied().filter(|entry| *entry < FOREIGN)
    }

    /// The messages of this run in order.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().copied().filter(|entry| *entry < FOREIGN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_may_tell_it_in_any_order_but_not_differently() {
        let mut order = MessageOrder::near(None, 0, 0);
        assert_eq!(order.after(0), Some(0));
        for (seq, number, entry) in
            [(2, 7, Placement::New), (1, 5, Placement::New), (2, 7, Placement::Same), (2, 5, Placement::Conflict)]
        {
            let position = order.after(seq).unwrap() - 1;
            assert_eq!(order.place(position, Some(number)), entry);
        }
        assert_eq!(order.numbers().collect::<Vec<_>>(), [5, 7]);
    }

    #[test]
    fn it_begins_where_the_room_stands_and_believes_no_giant_number() {
        let order = MessageOrder::near(None, 10_000_000, 0);
        assert_eq!(order.after(10_000_000), Some(order.len()));
        assert_eq!(order.seq(order.len()), 10_000_000);
        assert_eq!(order.after(1), None);
        assert_eq!(order.after(u64::MAX), None);
    }
}
