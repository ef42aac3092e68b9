//! What follows from each event of the server: membership, delivery accounting, metrics, the next command.
//!
//! The other half of a [`Session`], on the generator's thread. Membership is counted here alone: by `joined` and
//! `note_join` when it begins, and by `leave_room` when it ends.

use std::time::{Duration, Instant};

use crate::deliveries::member::MemberDeliveries;
use crate::deliveries::reconciliation::MembershipEnd;
use crate::message_tag::MessageTag;
use crate::plan::Plan;
use crate::protocol::Protocol;
use crate::run_state::RunState;
use crate::server_event::{ServerEvent, UNAVAILABLE};
use crate::session::{Session, Stage};

impl Session {
    pub(super) fn handle(&mut self, event: ServerEvent<'_>, now: Instant, state: &mut RunState<'_>) {
        match event {
            ServerEvent::Given { text, seq, redelivered, missed } => {
                self.given(text.as_bytes(), seq, redelivered, now, state);
                self.group_missed(missed, state);
            }
            ServerEvent::Done { number } => self.done(number, state),
            ServerEvent::Message { room: Some(room), text, seq } if self.matched.is_some() => {
                self.heard(&room, text.as_bytes(), seq, now, state);
            }
            ServerEvent::Message { text, seq, .. } => self.handle_message(text.as_bytes(), seq, now, state),
            ServerEvent::Subscribed => self.subscribed(now, state),
            ServerEvent::Welcome { resume } => self.welcome(resume, now, state),
            ServerEvent::Joined { .. } if self.held.is_some() => self.joined_group(now, state),
            ServerEvent::Joined { epoch, seq, recovered } => {
                if let Some(deliveries) = self.deliveries.as_mut().filter(|_| !self.is_member) {
                    state.rooms[self.room].join_at(deliveries, (&epoch, seq), recovered, &mut state.allowed);
                    state.record(|history| history.join(self.number, &epoch, seq, recovered));
                    self.joined(now, state);
                }
            }
            ServerEvent::Resumed { rejoined, recovered, seq, resume } => {
                // Of the session that was resumed, and not of the one that the new connection began with.
                self.resume_token = resume;
                if !rejoined {
                    return self.rejoin(state);
                }
                if let Some(deliveries) = self.deliveries.as_mut().filter(|_| !self.is_member) {
                    state.rooms[self.room].resume(deliveries, recovered);
                    state.record(|history| match recovered {
                        true => history.come_back(self.number, seq),
                        false => history.miss(self.number),
                    });
                    self.joined(now, state);
                }
            }
            ServerEvent::UserJoined { user } if *user == self.user && self.foreign_rooms > 0 => self.foreign_rooms -= 1,
            ServerEvent::UserJoined { user } => {
                if let Some(deliveries) = self.deliveries.as_mut().filter(|_| !self.is_member && *user == self.user) {
                    state.rooms[self.room].join(deliveries);
                    self.joined(now, state);
                }
            }
            ServerEvent::Left if self.stage == Stage::Leaving => self.left(state),
            ServerEvent::Sent { number: Some(number), seq } => {
                if let Some(deliveries) = &self.deliveries {
                    state.rooms[self.room].acknowledge(deliveries, number, seq, &mut state.faults);
                }
                state.record(|history| history.acknowledge(self.room, number, seq));
            }
            ServerEvent::Refused { number, code } => self.refused(number, &code, state),
            ServerEvent::Closing { code } if self.stage != Stage::Closing => self.close_code = Some(code),
            ServerEvent::Goodbye { retry_after_ms } => self.retry_after = retry_after_ms.map(Duration::from_millis),
            ServerEvent::Lagged { room: Some(room), missed } if self.matched.is_some() => {
                if let Some((_, deliveries)) = self.matched_in(&room, state) {
                    deliveries.announce_missing(missed);
                }
            }
            ServerEvent::Lagged { missed, .. } => {
                if let Some(deliveries) = &mut self.deliveries {
                    deliveries.announce_missing(missed);
                }
                state.record(|history| history.miss(self.number));
            }
            _ => {}
        }
    }

    fn handle_message(&mut self, text: &[u8], seq: Option<u64>, now: Instant, state: &mut RunState<'_>) {
        // What arrives before a member without numbers has joined is history.
        if seq.is_none() && !self.is_member {
            return;
        }
        let Some(deliveries) = &mut self.deliveries else { return };
        let tag = state.deliver((self.room, deliveries), text, seq, now);
        if let Some(seq) = seq {
            state.record(|history| history.show(self.number, tag.map(|tag| tag.number), seq));
        }
        // A client that subscribes by publishing is a member when that message comes back.
        if !self.is_member && tag.is_some_and(|tag| tag.sender == self.number) {
            state.rooms[self.room].join(deliveries);
            self.is_member = true;
        }
    }

    fn welcome(&mut self, resume_token: Option<String>, now: Instant, state: &mut RunState<'_>) {
        if self.reconnecting {
            state.record(|history| history.ask(self.number));
        }
        let earlier = self.resume_token.take();
        let deliveries = self.deliveries.as_ref().filter(|_| self.reconnecting);
        let since = deliveries.and_then(|deliveries| state.rooms[self.room].position(deliveries));
        let command = match (since, earlier) {
            (Some(since), Some(earlier)) => {
                let command = Protocol::resume(&earlier, &self.room_name, since);
                // Until it is answered: the connection may end before.
                (self.resume_token, self.fresh_token) = (Some(earlier), resume_token);
                return self.send_text(&command);
            }
            (None, _) if self.protocol == Protocol::Topic && self.publishes => {
                // It cannot say what it has received, so it misses what was published while it was away.
                self.stop_expecting(state);
                self.start_expecting(state.plan);
                return self.note_join(now, state);
            }
            (since, _) => self.subscribe_command(state).unwrap_or_else(|| self.join_command(since)),
        };
        self.resume_token = resume_token;
        self.send_text(&command);
    }

    /// It became a member, and the delivery accounting knows.
    pub(super) fn joined(&mut self, now: Instant, state: &mut RunState<'_>) {
        self.is_member = true;
        self.note_join(now, state);
    }

    fn note_join(&mut self, now: Instant, state: &mut RunState<'_>) {
        self.stage = Stage::Joined;
        // Of a group one member receives a message; who hears all rooms is counted in each.
        if self.held.is_none() && self.matched.is_none() {
            state.audience[self.room] += usize::from(!self.in_audience);
            self.in_audience = true;
        }
        let elapsed = state.elapsed_ns(now);
        if !self.has_joined_before {
            state.metrics.arrived += 1;
            state.metrics.arrival.saturating_record(elapsed.saturating_sub(state.elapsed_ns(self.connect_began)));
            state.metrics.last_arrival = elapsed;
        } else {
            let resent = if state.plan.comes_back() { self.send_again(state) } else { 0 };
            match (std::mem::take(&mut self.returning), self.reconnecting) {
                (true, _) => state.returns.back(Duration::from_nanos(elapsed), resent),
                (false, true) => state.metrics.returned += 1,
                (false, false) => state.metrics.rejoined += 1,
            }
        }
        (self.has_joined_before, self.reconnecting) = (true, false);
    }

    /// Sends what nobody has acknowledged once more, under the numbers that it had; how many messages.
    fn send_again(&mut self, state: &mut RunState<'_>) -> u64 {
        self.unavailable_messages.clear();
        let numbers = state.rooms[self.room].take_over_pending(self.number, self.connection);
        self.send_messages(&numbers, state);
        numbers.len() as u64
    }

    /// Sends what was refused as `unavailable` once more.
    pub fn send_unavailable_again(&mut self, state: &mut RunState<'_>) {
        let numbers = std::mem::take(&mut self.unavailable_messages);
        self.send_messages(&numbers, state);
    }

    fn send_messages(&mut self, numbers: &[u32], state: &RunState<'_>) {
        let (prefix, bytes) = (state.plan.prefix(self.number as usize), state.plan.text_bytes(self.number as usize));
        for &number in numbers {
            let mut text = Vec::new();
            MessageTag { run_id: state.run_id, sender: self.number, number }.write(&prefix, bytes, &mut text);
            let command = self.publish_command(number, &text, state);
            self.send_text(&String::from_utf8_lossy(&command));
        }
    }

    fn left(&mut self, state: &mut RunState<'_>) {
        // For a history it asks for what it missed, and so what is published meanwhile is for it, too.
        let asks = state.history.is_some();
        let stays_in_audience = asks && std::mem::take(&mut self.in_audience);
        self.leave_room(state);
        self.in_audience = stays_in_audience;
        self.stage = Stage::Joining;
        if asks {
            return self.rejoin(state);
        }
        if let Some(mut deliveries) = self.deliveries.take() {
            let RunState { rooms, faults, allowed, .. } = state;
            // Whether the last delivery was new was counted when it arrived.
            _ = rooms[self.room].order_pending(&mut deliveries, faults);
            rooms[self.room].reconcile_member(&deliveries, MembershipEnd::Left, faults, allowed);
        }
        self.start_expecting(state.plan);
        self.send_text(&self.join_command(None));
    }

    fn refused(&mut self, number: Option<u32>, code: &str, state: &mut RunState<'_>) {
        state.metrics.refused(code);
        let passes = state.plan.outages && code == UNAVAILABLE;
        match number {
            Some(number) if passes => {
                state.rooms[self.room].postpone(number);
                self.unavailable_messages.push(number);
            }
            // A `done` that is refused leaves its message undone.
            Some(_) if self.held.is_some() && self.is_member => {}
            Some(number) => {
                state.record(|history| history.refuse(self.room, number, code));
                let was_awaited = state.rooms[self.room].refuse(number);
                state.free_slots.extend(was_awaited.then_some(self.room));
            }
            None if self.stage == Stage::Joining && passes => self.is_unavailable = true,
            None if self.stage == Stage::Joining && self.reconnecting => {
                self.resume_token = self.fresh_token.take();
                self.rejoin(state);
            }
            None if self.stage == Stage::Joining => {
                self.stage = Stage::Refused;
                state.faults.kept_out += 1;
            }
            None => self.refusals += 1,
        }
    }

    /// Its membership is gone, but it can still ask for what it missed.
    fn rejoin(&mut self, state: &mut RunState<'_>) {
        let deliveries = self.deliveries.as_ref();
        let since = deliveries.and_then(|deliveries| state.rooms[self.room].position(deliveries));
        self.send_text(&self.join_command(since));
        self.reconnecting = false;
        state.record(|history| history.ask(self.number));
    }

    /// It is no longer a member, whatever it has still to receive. One that reconnects will be sent what was
    /// published meanwhile, if its protocol has numbers.
    pub fn leave_room(&mut self, state: &mut RunState<'_>) {
        if self.in_audience && !(self.reconnecting && self.protocol.is_json()) {
            state.audience[self.room] -= 1;
            self.in_audience = false;
        }
        self.leave_group(state);
        self.end_subscription(MembershipEnd::Disconnected, state);
        if let Some(deliveries) = self.deliveries.as_ref().filter(|_| self.is_member) {
            let complete = state.rooms[self.room].leave(deliveries);
            state.free_slots.extend(std::iter::repeat_n(self.room, complete));
        }
        self.is_member = false;
        state.record(|history| history.leave(self.number));
    }

    /// Its connection has ended, and it will reconnect.
    pub fn prepare_reconnect(&mut self, state: &mut RunState<'_>) {
        self.reconnecting = true;
        self.connection += 1;
        // What it sent before and has not been answered may be lost.
        self.refusals = 0;
        self.leave_room(state);
        if !state.plan.comes_back() {
            state.record(|history| history.give_up_unanswered(self.number, "the connection broke"));
        }
        // A protocol without numbers cannot say what has been received.
        if !self.protocol.is_json() {
            self.stop_expecting(state);
        }
    }

    /// It is to receive nothing more.
    fn stop_expecting(&mut self, state: &mut RunState<'_>) {
        if let Some(deliveries) = self.deliveries.take() {
            state.rooms[self.room].reconcile_member(
                &deliveries,
                MembershipEnd::Left,
                &mut state.faults,
                &mut state.allowed,
            );
        }
    }

    pub(super) fn start_expecting(&mut self, plan: &Plan) {
        if self.held.is_some() || self.matched.is_some() {
            return;
        }
        if self.deliveries.is_none() {
            let awaited = !plan.is_slow(self.number as usize);
            let mut deliveries = MemberDeliveries::with_keys(self.number, self.protocol.echoes(), awaited, plan.keys);
            deliveries.defines_order |= !self.publishes;
            self.deliveries = Some(deliveries);
        }
        if let Some(deliveries) = &mut self.deliveries {
            deliveries.connection = self.connection;
        }
    }
}
