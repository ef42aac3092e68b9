//! After publishing: wait for what is in flight, reconcile, and close all connections.
//!
//! Part of the generator, on its thread. What is missing when nothing has arrived for a while is lost; what is missing
//! when the plan's time is over may still be in flight.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use crate::deliveries::reconciliation::{MembershipEnd, SenderFacts};
use crate::generator::Generator;
use crate::progress::{Phase, ProgressReporter};
use crate::run_state::RunState;
use crate::schedule::Schedule;
use crate::session::Stage;

/// This long without a byte means that what is missing is lost.
const DRAIN_QUIET: Duration = Duration::from_secs(2);
/// How often the accounting is asked whether everything has arrived.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// How long the server has to close all connections.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

impl Generator<'_> {
    /// Waits until everything has arrived, or nothing does any more, or the time is over, or it is asked
    /// again to stop. Whether nothing was under way then.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn drain(&mut self, progress: &mut ProgressReporter<'_>) -> io::Result<bool> {
        self.do_work();
        let limit = self.state.plan.drain;
        let timeout = DRAIN_QUIET.min(limit / 2);
        let began = Instant::now();
        let mut last = (self.state.metrics.bytes_in, began);
        let mut looked = None;
        let stops = self.clients.stop_requests;
        while !self.stopped_in_ramp && self.clients.stop_requests == stops {
            if looked.is_none_or(|looked: Instant| looked.elapsed() > CHECK_INTERVAL) {
                self.order_pending();
                if self.is_settled() {
                    return Ok(true);
                }
                looked = Some(Instant::now());
            }
            if self.state.metrics.bytes_in > last.0 {
                last = (self.state.metrics.bytes_in, Instant::now());
            }
            if last.1.elapsed() > timeout && !self.state.returns.is_waiting() {
                return Ok(true);
            }
            if began.elapsed() > limit {
                break;
            }
            self.poll_once()?;
            progress.update(Phase::Draining, self);
        }
        Ok(false)
    }

    /// Has the members of groups do what they have, and from now on what they are given.
    fn do_work(&mut self) {
        self.state.is_draining = true;
        for number in 0..self.clients.all.len() {
            let session = &mut self.clients.all[number].session;
            if session.stage == Stage::Joined {
                session.do_work(false);
                if let Err(error) = self.clients.flush(number, &mut self.state) {
                    self.end_connection(number, &error);
                }
            }
        }
    }

    /// Reconciles the deliveries, and then closes all connections.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn tear_down(&mut self, drained: bool) -> io::Result<()> {
        self.state.record(|history| history.finish(drained));
        self.order_pending();
        self.reconcile(drained);
        (self.schedule, self.finished) = (Schedule::none(), true);
        self.state.returns.give_up();
        for number in 0..self.clients.all.len() {
            let session = &mut self.clients.all[number].session;
            if matches!(session.stage, Stage::Disconnected | Stage::Connecting | Stage::Upgrading) {
                self.clients.disconnect(number, false);
                continue;
            }
            session.close();
            // What cannot be sent any more need not be.
            _ = self.clients.flush(number, &mut self.state);
        }
        let began = Instant::now();
        while !self.all_disconnected() && began.elapsed() < CLOSE_LIMIT {
            self.poll_once()?;
        }
        (0..self.clients.all.len()).for_each(|number| self.clients.disconnect(number, false));
        Ok(())
    }

    fn reconcile(&mut self, drained: bool) {
        let Self { state, clients, .. } = self;
        let RunState { rooms, faults, allowed, .. } = state;
        let ending = if drained { MembershipEnd::Drained } else { MembershipEnd::InFlight };
        let mut refused: Vec<BTreeMap<u32, u64>> = vec![BTreeMap::new(); rooms.len()];
        for client in &mut clients.all {
            let session = &mut client.session;
            refused[session.room].insert(session.number, session.refusals);
            let outside = matches!(session.stage, Stage::Connecting | Stage::Upgrading | Stage::Joining);
            let outside = outside || session.returning;
            faults.kept_out += u64::from(outside && drained);
            if let Some(deliveries) = &session.deliveries {
                let ending = if session.is_member { ending } else { MembershipEnd::Left };
                rooms[session.room].reconcile_member(deliveries, ending, faults, allowed);
            }
            for (room, deliveries) in session.matched.iter().flatten().enumerate() {
                rooms[room].reconcile_member(deliveries, ending, faults, allowed);
            }
        }
        let all = &clients.all;
        for (room, refused) in rooms.iter().zip(refused) {
            let senders = SenderFacts {
                stayed: &|client, connection| all[client as usize].is_open(connection),
                resumes: &|client| all[client as usize].session.protocol.is_json(),
                acknowledged: &|client| all[client as usize].session.protocol.acknowledges(),
                refused,
                drained,
            };
            room.reconcile_messages(senders, faults, allowed);
        }
        for session in clients.all.iter_mut().map(|client| &mut client.session) {
            session.deliveries = None;
            session.matched.iter_mut().for_each(Vec::clear);
        }
    }

    /// Gives positions to what members received before those that define the order did.
    fn order_pending(&mut self) {
        let RunState { rooms, faults, .. } = &mut self.state;
        for session in self.clients.all.iter_mut().map(|client| &mut client.session) {
            if let Some(deliveries) = &mut session.deliveries {
                // Whether the last delivery was new was counted when it arrived.
                _ = rooms[session.room].order_pending(deliveries, faults);
            }
        }
    }

    fn is_settled(&self) -> bool {
        let RunState { rooms, returns, .. } = &self.state;
        if returns.is_waiting() {
            return false;
        }
        let clients = &self.clients.all;
        clients.iter().filter(|client| client.socket.is_some()).all(|client| {
            let session = &client.session;
            let complete =
                session.deliveries.as_ref().is_none_or(|deliveries| rooms[session.room].is_complete(deliveries));
            let mut matched = session.matched.iter().flatten().enumerate();
            let complete = complete && matched.all(|(room, deliveries)| rooms[room].is_complete(deliveries));
            session.stage == Stage::Refused || session.stage == Stage::Joined && complete
        }) && rooms.iter().all(|room| {
            let stayed = |client: u32, connection| clients[client as usize].is_open(connection);
            room.is_settled(stayed, |client| clients[client as usize].session.protocol.acknowledges())
        })
    }
}
