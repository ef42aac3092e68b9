//! The load generator: which clients connect, publish, leave and break, and when.
//!
//! One thread does everything, in [`Generator::poll_once`]: first what is due by the clock, then what the sockets are
//! ready for. `ramp.rs`, `publishing.rs` and `drain.rs` are its phases, in this order. Every connection that ends is
//! accounted for once, in `end_connection`.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;

use crate::clients::Clients;
use crate::deliveries::reconciliation::MembershipEnd;
use crate::plan::Plan;
use crate::process::Process;
use crate::run_state::RunState;
use crate::schedule::{FixedRate, Schedule};
use crate::session::Stage;

/// Clients served before the clock is read again.
const SERVED_AT_ONCE: usize = 64;
/// How long one wait for the sockets may take.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// How many times a second a slow client reads.
pub const SLOW_READS_PER_S: u32 = 10;
/// Close codes that blame the server or the client (RFC 6455 §7.4, and roomd's above 4000).
const FAILED: [u16; 6] = [1002, 1003, 1007, 1009, INTERNAL, 4408];
/// The close code of a server that failed; in an outage, because its database did.
const INTERNAL: u16 = 1011;
/// The close code of a server that shuts down.
const CLOSING: u16 = 1001;
/// The close code of a client whose outbox was full.
const SLOW: u16 = 4450;
/// The closed loop waits this long for the deliveries of a message.
const GIVE_UP: Duration = Duration::from_secs(5);

/// See the module.
pub struct Generator<'a> {
    pub state: RunState<'a>,
    pub clients: Clients,
    /// The server's process, if it runs on this machine.
    pub server: Option<Process>,
    /// Why the first connection failed that should not have.
    pub first_failure: Option<String>,
    /// What is due by the clock.
    pub schedule: Schedule,
    /// When publishing ends; `None` while nothing is published.
    pub publish_until: Option<Duration>,
    /// It was stopped while clients were still connecting.
    pub stopped_in_ramp: bool,
    /// Deliveries are reconciled, and no client reconnects.
    pub finished: bool,
    ready: Vec<(usize, EventFlags)>,
    /// When the sockets were served last.
    served: Instant,
    /// By room, which publisher's turn it is in a closed loop.
    pub turn_of_room: Vec<usize>,
    /// The next client that leaves or whose connection is reset.
    next_to_churn: usize,
}

impl<'a> Generator<'a> {
    /// A load that has not begun.
    #[must_use]
    pub fn new(state: RunState<'a>, clients: Clients, server: Option<Process>) -> Self {
        let plan = state.plan;
        Self {
            turn_of_room: vec![0; plan.rooms],
            state,
            clients,
            server,
            first_failure: None,
            schedule: Schedule::none(),
            publish_until: None,
            stopped_in_ramp: false,
            finished: false,
            ready: Vec::new(),
            served: Instant::now(),
            next_to_churn: 0,
        }
    }

    /// The time since the run began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.state.began.elapsed()
    }

    /// Whether every connection that was begun has ended, and nobody comes back.
    #[must_use]
    pub fn all_disconnected(&self) -> bool {
        self.state.metrics.begun > 0 && self.clients.connected() == 0 && self.state.returns.next().is_none()
    }

    /// Does what is due, and then serves the sockets that are ready.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn poll_once(&mut self) -> io::Result<()> {
        self.run_due();
        let Schedule { publish, churn, breaks, slow_reads, samples } = &self.schedule;
        let next = [publish, churn, breaks, slow_reads, samples].into_iter().filter_map(FixedRate::next);
        let next = next.chain(self.state.returns.next()).min();
        let timeout = next.map_or(WAIT_MAX, |next| next.saturating_sub(self.now()).min(WAIT_MAX));
        let mut ready = std::mem::take(&mut self.ready);
        self.clients.wait(timeout, &mut ready)?;
        let pause = self.served.elapsed();
        self.state.metrics.pause_max = self.state.metrics.pause_max.max(pause);
        self.served = Instant::now();
        for some in ready.chunks(SERVED_AT_ONCE) {
            for &(number, flags) in some {
                if let Err(error) = self.clients.serve(number, flags, &mut self.state) {
                    self.end_connection(number, &error);
                }
            }
            self.publish_due();
        }
        self.ready = ready;
        Ok(())
    }

    fn run_due(&mut self) {
        self.publish_due();
        let now = self.now();
        while self.schedule.samples.take(now, Duration::MAX).is_some() {
            self.sample();
            self.see_to_outages();
        }
        while let Some(number) = self.state.returns.take(now) {
            self.connect(number);
        }
        let Some(publish_until) = self.publish_until else { return };
        while self.schedule.churn.take(now, publish_until).is_some() {
            self.churn_one();
        }
        while self.schedule.breaks.take(now, publish_until).is_some() {
            self.break_connection();
        }
        while self.schedule.slow_reads.take(now, publish_until).is_some() {
            self.read_slow_clients();
        }
    }

    /// The next member of those that leave and rejoin.
    fn next_churner(&mut self) -> Option<usize> {
        let churners = self.state.plan.churners();
        let at = |turn: usize| churners.start + turn % churners.len();
        let is_member = |number: &usize| {
            let session = &self.clients.all[*number].session;
            // One that is already leaving would leave twice.
            session.is_member && session.stage == Stage::Joined
        };
        let found = (self.next_to_churn..self.next_to_churn + churners.len()).find(|turn| is_member(&at(*turn)))?;
        self.next_to_churn = found + 1;
        Some(at(found))
    }

    fn churn_one(&mut self) {
        let Some(number) = self.next_churner() else { return };
        self.clients.all[number].session.leave(&mut self.state);
        if let Err(error) = self.clients.flush(number, &mut self.state) {
            self.end_connection(number, &error);
        }
    }

    fn break_connection(&mut self) {
        let Some(number) = self.next_churner() else { return };
        self.clients.all[number].session.prepare_reconnect(&mut self.state);
        self.clients.disconnect(number, true);
        self.connect(number);
    }

    /// Whether a client whose connection ended reconnects for what it missed.
    fn reconnects(&self, number: usize) -> bool {
        let session = &self.clients.all[number].session;
        let Plan { slow_return, .. } = self.state.plan;
        // A client that was never a member has nothing to resume.
        *slow_return
            && !self.finished
            && session.close_code == Some(SLOW)
            && session.is_member
            && session.protocol.is_json()
    }

    /// Whether a client whose connection ended comes back, to the server that is started again or to another.
    fn comes_back(&self, number: usize) -> bool {
        let session = &self.clients.all[number].session;
        let Plan { restart, outages, .. } = *self.state.plan;
        let was_told = session.is_member && session.close_code == Some(CLOSING);
        let is_outage = session.has_been_member() && session.stage != Stage::Closing;
        !self.finished && (restart && (was_told || session.returning) || outages && is_outage)
    }

    fn schedule_return(&mut self, number: usize) {
        let now = self.now();
        let Self { state, clients, .. } = self;
        let session = &mut clients.all[number].session;
        session.prepare_reconnect(state);
        if let Some(code) = session.close_code.filter(|code| *code != CLOSING || !session.returning) {
            *state.metrics.closes.entry(code).or_default() += 1;
            let is_outage = state.plan.outages && code == INTERNAL;
            state.faults.failed += u64::from(FAILED.contains(&code) && !is_outage);
        }
        if std::mem::replace(&mut session.returning, true) {
            state.returns.failed(number, now);
        } else if session.close_code == Some(CLOSING) {
            state.returns.goodbye(number, now, session.retry_after.take());
        } else {
            state.returns.cut_off(number, now);
        }
        clients.disconnect(number, false);
    }

    /// Begins to connect a client.
    pub fn connect(&mut self, number: usize) {
        self.state.metrics.begun += 1;
        if let Err(error) = self.clients.connect(number, Instant::now(), &mut self.state) {
            self.clients.all[number].session.stage = Stage::Connecting;
            self.end_connection(number, &error);
        }
    }

    fn read_slow_clients(&mut self) {
        let plan = self.state.plan;
        for number in plan.clients - plan.slow..plan.clients {
            let bytes = (plan.slow_bytes / SLOW_READS_PER_S as usize).max(1);
            if let Err(error) = self.clients.read_slowly(number, bytes, &mut self.state) {
                self.end_connection(number, &error);
            }
        }
    }

    /// Samples the metrics of the last second.
    pub fn sample(&mut self) {
        let now = self.now();
        let usage = self.server.and_then(Process::usage);
        let connections = self.clients.connected();
        self.state.metrics.sample(now, connections, usage.as_ref());
        if self.state.plan.window > 0 {
            let before = u64::try_from(now.saturating_sub(GIVE_UP).as_nanos()).unwrap_or(0);
            for room in 0..self.state.plan.rooms {
                let given_up = self.state.rooms[room].give_up(before);
                self.state.free_slots.extend(std::iter::repeat_n(room, given_up));
            }
        }
    }

    /// Accounts for a connection that has ended, or replaces it.
    pub fn end_connection(&mut self, number: usize, error: &io::Error) {
        self.clients.read_rest(number, &mut self.state);
        if self.reconnects(number) {
            *self.state.metrics.closes.entry(SLOW).or_default() += 1;
            self.clients.all[number].session.prepare_reconnect(&mut self.state);
            self.clients.disconnect(number, false);
            return self.connect(number);
        }
        if self.comes_back(number) {
            return self.schedule_return(number);
        }
        let Self { state, clients, first_failure, .. } = self;
        let session = &mut clients.all[number].session;
        let (stage, close_code) = (session.stage, session.close_code);
        session.reconnecting = false;
        match close_code {
            _ if stage == Stage::Closing => {}
            Some(code) => {
                *state.metrics.closes.entry(code).or_default() += 1;
                state.faults.failed += u64::from(FAILED.contains(&code));
                first_failure.get_or_insert_with(|| format!("the server closed with {code}"));
            }
            None => {
                let was_in = session.is_member || stage == Stage::Joined;
                *(if was_in { &mut state.faults.broken } else { &mut state.faults.kept_out }) += 1;
                first_failure.get_or_insert_with(|| match stage {
                    Stage::Connecting => format!("cannot connect: {error}"),
                    Stage::Upgrading => format!("no WebSocket: {error}"),
                    _ => format!("a connection broke: {error}"),
                });
            }
        }
        session.leave_room(state);
        state.record(|history| history.end(session.number));
        if let Some(deliveries) = session.deliveries.take() {
            let ending = if stage == Stage::Closing { MembershipEnd::Left } else { MembershipEnd::Disconnected };
            state.rooms[session.room].reconcile_member(&deliveries, ending, &mut state.faults, &mut state.allowed);
        }
        clients.disconnect(number, false);
    }
}
