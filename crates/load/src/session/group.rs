//! A client that is a member of its room's group: what it is given, does, and gives up.
//!
//! Part of a [`Session`], on the generator's thread. While messages are published it keeps the newest that it has until
//! it is given another: so there is always something that others must be given when it leaves.

use std::time::Instant;

use crate::deliveries::group::GroupDeliveries;
use crate::message_tag::MessageTag;
use crate::protocol::Protocol;
use crate::run_state::RunState;
use crate::session::{Session, Stage};

impl Session {
    /// It became a member of the group.
    pub(super) fn joined_group(&mut self, now: Instant, state: &mut RunState<'_>) {
        if !self.is_member {
            group(state, self.room).join();
            self.joined(now, state);
        }
    }

    /// It was given a message.
    pub(super) fn given(&mut self, text: &[u8], seq: u64, redelivered: bool, now: Instant, state: &mut RunState<'_>) {
        // What was on its way to a member that has asked to leave is given to others.
        let Some(held) = self.held.as_mut().filter(|_| self.stage == Stage::Joined) else { return };
        let tag = MessageTag::read(text).filter(|tag| tag.run_id == state.run_id);
        let Some(MessageTag { sender, number, .. }) = tag else {
            // Another program's.
            return self.send_text(&Protocol::done(&self.room_name, u32::MAX, seq));
        };
        let room = &mut state.rooms[self.room];
        if !room.is_sent_by(number, sender) || text.len() != state.plan.text_bytes(sender as usize) {
            state.faults.altered += 1;
            return;
        }
        let due = room.due(number);
        let Some(group) = &mut room.group else { return };
        if group.give(held, (number, seq), redelivered, &mut state.faults) {
            let elapsed = state.elapsed_ns(now);
            state.metrics.deliver(Some(due), elapsed);
        }
        self.do_work(!state.is_draining);
    }

    /// Does what it has; `keeps`: but for the newest message.
    pub fn do_work(&mut self, keeps: bool) {
        let Some(held) = &mut self.held else { return };
        for (number, seq) in held.do_all(keeps) {
            self.send_text(&Protocol::done(&self.room_name, number, seq));
        }
    }

    /// What it did is confirmed.
    pub(super) fn done(&mut self, number: u32, state: &mut RunState<'_>) {
        if let Some(held) = self.held.as_mut().filter(|_| number != u32::MAX) {
            group(state, self.room).done(held, number);
        }
    }

    /// The server announced that the group has dropped messages.
    pub(super) fn group_missed(&self, messages: u64, state: &mut RunState<'_>) {
        if self.held.is_some() {
            group(state, self.room).announce_missing(messages);
        }
    }

    pub(super) fn begin_leaving_group(&mut self, state: &mut RunState<'_>) {
        if let Some(held) = &mut self.held {
            group(state, self.room).begin_leave(held);
        }
    }

    /// It is no longer a member of the group.
    pub(super) fn leave_group(&mut self, state: &mut RunState<'_>) {
        let broke = self.stage != Stage::Leaving;
        if let Some(held) = self.held.as_mut().filter(|_| self.is_member) {
            group(state, self.room).leave(held, broke);
        }
    }
}

fn group<'s>(state: &'s mut RunState<'_>, room: usize) -> &'s mut GroupDeliveries {
    state.rooms[room].group.get_or_insert_default()
}
