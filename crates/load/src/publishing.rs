//! Publishing: when a message is due, which client sends it, and what is counted about it.
//!
//! Part of the generator, on its thread. With a rate (open loop) a message is due by the clock, however late the
//! generator is; with a window (closed loop) it is due when an earlier one has been received by all members.

use std::io;
use std::time::Duration;

use crate::generator::{Generator, SLOW_READS_PER_S};
use crate::message_tag::MessageTag;
use crate::plan::Plan;
use crate::process::Process;
use crate::progress::{Phase, ProgressReporter};
use crate::schedule::{FixedRate, Schedule};

impl Generator<'_> {
    /// Publishes for as long as the plan says, until a stop is requested, or until no client is connected any
    /// more; whether as long as was wanted.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn publish_for_duration(&mut self, progress: &mut ProgressReporter<'_>) -> io::Result<bool> {
        let (now, usage) = (self.now(), self.server.and_then(Process::usage));
        self.state.metrics.begin(now, usage.as_ref());
        if self.clients.stop_requests > 0 {
            return Ok(true);
        }
        self.start_publishing()?;
        let is_over =
            |this: &Self| this.publish_until.is_none_or(|end| this.now() >= end) || this.clients.stop_requests > 0;
        while !is_over(self) && !self.all_disconnected() {
            self.poll_once()?;
            progress.update(Phase::Publishing, self);
        }
        let whole = is_over(self);
        self.stop_publishing()?;
        Ok(whole)
    }

    /// Sets the clocks of the time in which messages are published.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn start_publishing(&mut self) -> io::Result<()> {
        let (plan, now) = (self.state.plan, self.now());
        let rate = if plan.window == 0 && plan.publishers > 0 { plan.rate } else { 0 };
        let slow_reads = if plan.slow > 0 { SLOW_READS_PER_S } else { 0 };
        self.publish_until = Some(now + plan.duration);
        self.schedule = Schedule {
            publish: FixedRate::new(rate, now),
            churn: FixedRate::new(plan.churn, now),
            breaks: FixedRate::new(plan.breaks, now),
            slow_reads: FixedRate::new(slow_reads, now),
            samples: FixedRate::new(1, now + Duration::from_secs(1)),
        };
        if plan.window > 0 && plan.publishers > 0 {
            self.state.free_slots.extend((0..plan.rooms).flat_map(|room| std::iter::repeat_n(room, plan.window)));
        }
        self.clients.throttle_slow_readers(true, &self.state)
    }

    /// Publishes what was due and no more, and lets slow clients read.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn stop_publishing(&mut self) -> io::Result<()> {
        self.publish_due();
        let samples = self.schedule.samples;
        self.schedule = Schedule { samples, ..Schedule::none() };
        self.publish_until = None;
        self.clients.throttle_slow_readers(false, &self.state)
    }

    pub fn publish_due(&mut self) {
        let plan = self.state.plan;
        let publishers = (plan.publishers * plan.rooms) as u64;
        let free_slots = std::mem::take(&mut self.state.free_slots);
        let (now, Some(publish_until)) = (self.now(), self.publish_until) else { return };
        while let Some((count, due)) = self.schedule.publish.take(now, publish_until) {
            let client = usize::try_from(count % publishers).expect("a remainder of a usize");
            self.publish(client, due, false);
        }
        for room in free_slots {
            let due = self.now();
            if due >= publish_until {
                return;
            }
            match self.next_publisher(room) {
                Some(client) => self.publish(client, due, true),
                // All are away: at the next turn one may be back.
                None => self.state.free_slots.push(room),
            }
        }
    }

    /// Whose turn it is in a room, of those that can publish.
    fn next_publisher(&mut self, room: usize) -> Option<usize> {
        let Plan { publishers, rooms, .. } = *self.state.plan;
        let at = |turn: usize| room + rooms * (turn % publishers);
        let first = self.turn_of_room[room] + 1;
        let found = (first..first + publishers).find(|turn| self.clients.all[at(*turn)].can_publish())?;
        self.turn_of_room[room] = found % publishers;
        Some(at(found))
    }

    fn publish(&mut self, number: usize, due: Duration, closed: bool) {
        let now = self.now();
        let Self { state, clients, .. } = self;
        let client = &mut clients.all[number];
        let room = client.session.room;
        let others = usize::from(!client.session.protocol.echoes());
        state.metrics.due += 1;
        let of_group = u64::from(state.rooms[room].group.is_some());
        state.metrics.asked += state.audience[room].saturating_sub(others) as u64 + of_group;
        let Some(deliveries) = client.session.deliveries.as_ref().filter(|_| client.can_publish()) else {
            state.metrics.withheld += 1;
            return;
        };
        let due_ns = u64::try_from(due.as_nanos()).unwrap_or(u64::MAX);
        let tag = MessageTag {
            run_id: state.run_id,
            sender: deliveries.client,
            number: state.rooms[room].publish(deliveries, due_ns, closed),
        };
        state.metrics.published += 1;
        state.record(|history| history.publish(tag.sender, tag.number));
        state.metrics.lateness.saturating_record(u64::try_from((now - due).as_nanos()).unwrap_or(u64::MAX).max(1));
        let (prefix, bytes) = (state.plan.prefix(number), state.plan.text_bytes(number));
        let sent = client.publish(tag.number, |text| tag.write(&prefix, bytes, text), state);
        if let Err(error) = sent.and_then(|()| clients.flush(number, state)) {
            self.end_connection(number, &error);
        }
    }
}
