//! The books of one room under a closed loop: what is in flight, who publishes next, what each member is owed.
//!
//! The generator keeps one for each room. A room has `window` slots; each holds one message until every member has
//! got it, and then takes the next. So no more than `window` messages are ever in flight, and none is counted twice.

use std::time::Instant;

use super::scenario::{PAYLOAD_BYTES, PUBLISHERS};

const MARK: &[u8; 2] = b"~#";

pub struct Ledger {
    /// The numbers of the clients in this room.
    members: Vec<usize>,
    slots: Vec<Slot>,
    next_publisher: usize,
    /// Messages so far; each member is owed this many.
    pub published: u32,
}

struct Slot {
    seq: u32,
    /// Members that have not got it yet; 0 when the slot is free.
    missing: usize,
    sent_at: Instant,
}

/// What a payload says about itself.
#[derive(Clone, Copy)]
pub struct Label {
    pub slot: u16,
    pub seq: u32,
}

/// What one delivery meant.
pub enum Delivery {
    /// One member has it; `last` if none is missing it now.
    Expected { sent_at: Instant, last: bool },
    /// Nobody was waiting for it.
    Unexpected,
}

impl Ledger {
    pub fn new(members: Vec<usize>, window: usize, now: Instant) -> Self {
        let slots = (0..window).map(|_| Slot { seq: 0, missing: 0, sent_at: now }).collect();
        Self { members, slots, next_publisher: 0, published: 0 }
    }

    pub fn members(&self) -> &[usize] {
        &self.members
    }

    pub fn window(&self) -> usize {
        self.slots.len()
    }

    /// Deliveries that are still to come.
    pub fn outstanding(&self) -> usize {
        self.slots.iter().map(|slot| slot.missing).sum()
    }

    /// Fills a free slot with the next message. Returns who is to send it, and its label.
    pub fn publish(&mut self, slot: u16, now: Instant) -> (usize, Label) {
        let seq = self.published;
        self.published += 1;
        self.slots[usize::from(slot)] = Slot { seq, missing: self.members.len(), sent_at: now };
        let publishers = PUBLISHERS.min(self.members.len());
        self.next_publisher = (self.next_publisher + 1) % publishers;
        (self.members[self.next_publisher * self.members.len() / publishers], Label { slot, seq })
    }

    pub fn delivered(&mut self, label: Label) -> Delivery {
        match self.slots.get_mut(usize::from(label.slot)) {
            Some(slot) if slot.seq == label.seq && slot.missing > 0 => {
                slot.missing -= 1;
                Delivery::Expected { sent_at: slot.sent_at, last: slot.missing == 0 }
            }
            _ => Delivery::Unexpected,
        }
    }
}

impl Label {
    /// The text of a message: the mark, slot and seq in hexadecimal, and dots up to its size.
    pub fn write(self, payload: &mut [u8; PAYLOAD_BYTES]) {
        payload.fill(b'.');
        payload[..2].copy_from_slice(MARK);
        hexadecimal(u32::from(self.slot), &mut payload[2..6]);
        hexadecimal(self.seq, &mut payload[6..14]);
    }

    /// `None` for what is not one of our messages.
    pub fn read(payload: &[u8]) -> Option<Self> {
        if payload.len() != PAYLOAD_BYTES || !payload.starts_with(MARK) {
            return None;
        }
        let slot = u16::try_from(number(&payload[2..6])).ok()?;
        Some(Self { slot, seq: number(&payload[6..14]) })
    }
}

fn hexadecimal(mut value: u32, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

/// Without a branch: it runs for every delivery. A letter's low four bits are 9 less than its value.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, &digit| value << 4 | u32::from((digit & 15) + 9 * (digit >> 6)))
}
