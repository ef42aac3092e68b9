//! The window of one room in a closed loop: what is in flight, which member publishes next, who has received what.
//!
//! The generator keeps one for each room. A room has `window` slots; each holds one message until every member has
//! received it, and then the next. So no more than `window` messages are ever in flight, and none is counted twice.

use std::time::Instant;

use super::message_tag::MessageTag;
use super::scenario::PUBLISHERS;

pub struct RoomWindow {
    /// The numbers of the clients in this room.
    members: Vec<usize>,
    slots: Vec<Slot>,
    next_publisher: usize,
    /// Messages so far; each member must receive so many.
    pub published: u32,
}

struct Slot {
    seq: u32,
    /// Members that have not received it yet; 0 when the slot is free.
    missing: usize,
    sent_at: Instant,
}

/// What a delivery was.
pub enum Delivery {
    /// One more member has received the message; `last` if all have now.
    Expected { sent_at: Instant, last: bool },
    /// No member was waiting for it.
    Unexpected,
}

impl RoomWindow {
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

    /// Deliveries that have not arrived yet.
    pub fn outstanding(&self) -> usize {
        self.slots.iter().map(|slot| slot.missing).sum()
    }

    /// Fills a free slot with the next message. Returns the client that is to send it, and its tag.
    pub fn publish(&mut self, slot: u16, now: Instant) -> (usize, MessageTag) {
        let seq = self.published;
        self.published += 1;
        self.slots[usize::from(slot)] = Slot { seq, missing: self.members.len(), sent_at: now };
        let publishers = PUBLISHERS.min(self.members.len());
        self.next_publisher = (self.next_publisher + 1) % publishers;
        (self.members[self.next_publisher * self.members.len() / publishers], MessageTag { slot, seq })
    }

    pub fn delivered(&mut self, tag: MessageTag) -> Delivery {
        match self.slots.get_mut(usize::from(tag.slot)) {
            Some(slot) if slot.seq == tag.seq && slot.missing > 0 => {
                slot.missing -= 1;
                Delivery::Expected { sent_at: slot.sent_at, last: slot.missing == 0 }
            }
            _ => Delivery::Unexpected,
        }
    }
}
