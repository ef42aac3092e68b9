//! A client that hears all rooms by one pattern: when it is subscribed, and what each room gives it.
//!
//! Part of a [`Session`], on the generator's thread. It is in no room of its own, and is told no room's last number: from
//! each it must be given what is published after the answer to its subscription, also from one that opens later.

use std::time::Instant;

use crate::deliveries::member::MemberDeliveries;
use crate::deliveries::reconciliation::MembershipEnd;
use crate::protocol::Protocol;
use crate::run_state::RunState;
use crate::session::Session;

impl Session {
    /// The command that subscribes to the pattern of all rooms.
    pub(super) fn subscribe_command(&self, state: &RunState<'_>) -> Option<String> {
        self.matched.is_some().then(|| Protocol::subscribe(&state.plan.pattern()))
    }

    /// It is subscribed.
    pub(super) fn subscribed(&mut self, now: Instant, state: &mut RunState<'_>) {
        let Some(matched) = self.matched.as_mut().filter(|_| !self.is_member) else { return };
        for (room, audience) in state.rooms.iter_mut().zip(&mut state.audience) {
            let mut deliveries = MemberDeliveries::new(self.number, true, true);
            room.join_by_pattern(&mut deliveries);
            matched.push(deliveries);
            *audience += 1;
        }
        self.joined(now, state);
    }

    /// It was given a message of this room.
    pub(super) fn heard(&mut self, room: &str, text: &[u8], seq: Option<u64>, now: Instant, state: &mut RunState<'_>) {
        match self.matched_in(room, state) {
            Some(deliveries) => _ = state.deliver(deliveries, text, seq, now),
            // It is in no such room.
            None => state.faults.altered += 1,
        }
    }

    /// What it has received of the room of this name, and its number.
    pub(super) fn matched_in(&mut self, room: &str, state: &RunState<'_>) -> Option<(usize, &mut MemberDeliveries)> {
        let room = state.plan.room_number(room)?;
        Some((room, self.matched.as_mut()?.get_mut(room)?))
    }

    /// It hears nothing more.
    pub fn end_subscription(&mut self, ending: MembershipEnd, state: &mut RunState<'_>) {
        let matched = self.matched.as_mut().map(std::mem::take).unwrap_or_default();
        for (room, deliveries) in matched.iter().enumerate() {
            state.audience[room] -= 1;
            let complete = state.rooms[room].leave(deliveries);
            state.free_slots.extend(std::iter::repeat_n(room, complete));
            state.rooms[room].reconcile_member(deliveries, ending, &mut state.faults, &mut state.allowed);
        }
    }
}
