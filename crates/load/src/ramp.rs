//! Ramp-up: all clients connect and join, at the pace that the plan sets, and then wait until the room is quiet.
//!
//! Part of the generator, on its thread. No message is published before all clients have joined, so no client can
//! miss one because it was still connecting.

use std::io;
use std::time::{Duration, Instant};

use crate::generator::Generator;
use crate::progress::{Phase, ProgressReporter};

/// Handshakes in progress at one time.
const CONNECTING_AT_ONCE: u64 = 128;
/// This long without a client that joins or is refused means that the others never will.
const JOIN_LIMIT: Duration = Duration::from_secs(20);
/// With all clients joined, this long without a byte means that all notices of joins have been delivered.
const QUIET: Duration = Duration::from_millis(200);
/// How long the notices of joins are waited for, at most.
const QUIET_LIMIT: Duration = Duration::from_secs(20);

impl Generator<'_> {
    /// Connects all clients at the plan's pace, and waits until the server sends nothing more.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn ramp_up(&mut self, progress: &mut ProgressReporter<'_>) -> io::Result<()> {
        let plan = self.state.plan;
        let clients = plan.connections() as u64;
        let mut stall = Stall::new(Instant::now());
        loop {
            let decided = self.state.metrics.arrived + self.state.faults.kept_out;
            let may_begin = plan.may_begin(usize::try_from(decided).unwrap_or(usize::MAX)) as u64;
            let due = self.due_connections().min(may_begin);
            for place in self.state.metrics.begun..due.min(decided + CONNECTING_AT_ONCE) {
                self.connect(plan.client_at(usize::try_from(place).expect("a client's place")));
            }
            self.poll_once()?;
            progress.update(Phase::Connecting, self);
            let waits_for_ramp = due < clients && self.state.metrics.begun >= due;
            let stalled_for = stall.update(Instant::now(), decided, waits_for_ramp);
            if decided >= clients || stalled_for > JOIN_LIMIT || self.all_disconnected() {
                break;
            }
            if self.clients.stop_requests > 0 {
                self.stopped_in_ramp = true;
                return Ok(());
            }
        }
        self.wait_until_quiet(progress)
    }

    /// How many connections should have been begun by now.
    fn due_connections(&self) -> u64 {
        let (clients, ramp) = (self.state.plan.connections() as u64, self.state.plan.ramp);
        if ramp.is_zero() {
            return clients;
        }
        let due = 1 + (clients as f64 * self.now().as_secs_f64() / ramp.as_secs_f64()) as u64;
        due.min(clients)
    }

    fn wait_until_quiet(&mut self, progress: &mut ProgressReporter<'_>) -> io::Result<()> {
        let began = Instant::now();
        let (mut bytes_in, mut last_byte) = (self.state.metrics.bytes_in, began);
        while last_byte.elapsed() < QUIET && began.elapsed() < QUIET_LIMIT && self.clients.stop_requests == 0 {
            self.poll_once()?;
            progress.update(Phase::Connecting, self);
            if self.state.metrics.bytes_in > bytes_in {
                (bytes_in, last_byte) = (self.state.metrics.bytes_in, Instant::now());
            }
        }
        Ok(())
    }
}

/// How long no client has joined or been refused, the pauses that the ramp itself makes left out.
struct Stall {
    decided: u64,
    since: Instant,
}

impl Stall {
    fn new(now: Instant) -> Self {
        Self { decided: 0, since: now }
    }

    fn update(&mut self, now: Instant, decided: u64, waits_for_ramp: bool) -> Duration {
        if decided > self.decided || waits_for_ramp {
            *self = Self { decided, since: now };
        }
        now.duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_decides_on_nobody_is_stalled_however_many_have_not_begun() {
        let (began, second) = (Instant::now(), Duration::from_secs(1));
        let mut stall = Stall::new(began);
        assert_eq!(stall.update(began + second, 0, false), second);
        assert_eq!(stall.update(began + 2 * second, 1, false), Duration::ZERO);
        assert_eq!(stall.update(began + 30 * second, 1, false), 28 * second);
        assert_eq!(stall.update(began + 31 * second, 1, true), Duration::ZERO);
    }
}
