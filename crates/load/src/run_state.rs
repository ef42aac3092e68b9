//! What all clients of a run share: the plan, the delivery accounting of each room, and the metrics.
//!
//! The generator owns it and lends it to the client that it serves, on its thread.

use std::time::Instant;

use crate::allowed_losses::AllowedLosses;
use crate::deliveries::member::MemberDeliveries;
use crate::deliveries::room::{Delivery, RoomDeliveries};
use crate::faults::Faults;
use crate::history::History;
use crate::message_tag::MessageTag;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::returns::Returns;

/// See the module.
pub struct RunState<'a> {
    pub plan: &'a Plan,
    /// Distinguishes this run's messages from those of other runs.
    pub run_id: u16,
    pub began: Instant,
    /// By room.
    pub rooms: Vec<RoomDeliveries>,
    /// By room, how many clients a message published now is for.
    pub audience: Vec<usize>,
    /// Rooms in which the closed loop may publish, once for each entry.
    pub free_slots: Vec<usize>,
    /// Whether no more is published: then a member of a group does at once what it is given.
    pub is_draining: bool,
    pub faults: Faults,
    pub allowed: AllowedLosses,
    pub metrics: Metrics,
    /// Clients that come back after a goodbye.
    pub returns: Returns,
    /// With `--history`.
    pub history: Option<History>,
}

impl<'a> RunState<'a> {
    /// The state of a run that has not begun.
    #[must_use]
    pub fn new(plan: &'a Plan, run_id: u16) -> Self {
        Self {
            plan,
            run_id,
            began: Instant::now(),
            rooms: (0..plan.rooms).map(|_| RoomDeliveries::new(plan.keys, plan.group)).collect(),
            audience: vec![0; plan.rooms],
            free_slots: Vec::new(),
            is_draining: false,
            faults: Faults::default(),
            allowed: AllowedLosses::default(),
            metrics: Metrics::default(),
            returns: Returns::default(),
            history: None,
        }
    }

    /// Records something in the history, if there is one.
    pub fn record(&mut self, what: impl FnOnce(&mut History)) {
        if let Some(history) = &mut self.history {
            what(history);
        }
    }

    /// Records what a member of this room was given; its tag, if it is a message of this run. One that is none of its
    /// sender's is altered, and not delivered.
    pub fn deliver(
        &mut self,
        (room, deliveries): (usize, &mut MemberDeliveries),
        text: &[u8],
        seq: Option<u64>,
        now: Instant,
    ) -> Option<MessageTag> {
        let tag = MessageTag::read(text).filter(|tag| tag.run_id == self.run_id);
        if let Some(MessageTag { sender, number, .. }) = tag
            && (!self.rooms[room].is_sent_by(number, sender) || text.len() != self.plan.text_bytes(sender as usize))
        {
            self.faults.altered += 1;
            return None;
        }
        let delivery = Delivery { number: tag.map(|tag| tag.number), seq };
        if let Some(new) = self.rooms[room].deliver(deliveries, delivery, &mut self.faults) {
            let elapsed = self.elapsed_ns(now);
            self.metrics.deliver(deliveries.awaited.then_some(new.due), elapsed);
            self.free_slots.extend(new.complete.then_some(room));
        }
        tag
    }

    /// Nanoseconds since the run began.
    #[must_use]
    pub fn elapsed_ns(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }
}
