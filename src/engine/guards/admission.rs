//! The way in: a bounded pool of threads that serve, and a bounded queue before it.
//!
//! Accept threads call `admit`, which never blocks. While fewer than `connections_max` are served,
//! a caller goes to the pool, which grows on demand and shrinks when idle; further ones wait, first
//! in first out, and are told their place; beyond `waiting_max`, or after `waiting_timeout`, they
//! are turned away. A `Ticket` is a place: when it drops, the next caller gets it.

use std::collections::{BTreeMap, VecDeque};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chat::{Code, Limits, Refusal};
use crate::engine::base::sync::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::base::threads::Threads;
use crate::engine::clients::outbox::Transport;

/// How long a pool thread without work stays.
const IDLE: Duration = Duration::from_secs(30);
/// How long a caller that was turned away may take to read why, before its socket is closed.
const FAREWELL: Duration = Duration::from_secs(1);
/// Callers that may be reading why they were turned away; beyond it the oldest is closed.
const FAREWELLS_MAX: usize = 256;

/// One who has come in through a listener.
pub trait Incoming: Send {
    /// Tells it how many wait before it. Must not block.
    fn tell_place(&self, ahead: usize);

    /// Tells it that it is not served, why, and when to try again; it is dropped some time after. Must not
    /// block.
    fn turn_away(&self, refusal: &Refusal);

    /// Its socket, to be shut down when the server stops.
    fn transport(&self) -> Arc<dyn Transport>;

    /// Serves it to its end, on a thread of the pool.
    fn serve(self: Box<Self>);
}

/// See the module.
pub struct Admission {
    state: Mutex<State>,
    /// Told when somebody begins to wait, or is turned away, or the server stops.
    changed: Condvar,
    threads: Arc<Threads>,
    work: Receiver<Job>,
    served_max: usize,
    waiting_max: usize,
    waiting_timeout: Duration,
}

struct State {
    /// Those that are served, by the number of their ticket.
    served: BTreeMap<u64, Arc<dyn Transport>>,
    tickets: u64,
    /// Threads of the pool.
    workers: usize,
    waiting: VecDeque<Waiting>,
    farewells: VecDeque<(Instant, Box<dyn Incoming>)>,
    /// To the pool; as large as the pool, so sending never blocks. `None` when the server stops.
    jobs: Option<Sender<Job>>,
}

struct Waiting {
    until: Instant,
    caller: Box<dyn Incoming>,
}

struct Job {
    caller: Box<dyn Incoming>,
    ticket: Ticket,
}

/// A place among those that are served.
struct Ticket {
    admission: Arc<Admission>,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(place) = self.admission.next(self.number) {
            self.admission.let_in(place);
        }
    }
}

/// A place that a caller has got, and what is to be done for it outside the lock.
struct Place {
    /// The number of its ticket.
    number: u64,
    jobs: Sender<Job>,
    /// Whether the pool needs one more thread.
    spawn: bool,
    caller: Box<dyn Incoming>,
}

/// What is to be done for a caller, outside the lock.
enum Way {
    In(Place),
    Wait { ahead: usize },
    Away(Box<dyn Incoming>),
    Closed(Box<dyn Incoming>),
}

impl Admission {
    /// A way in for at most `served_max` callers at once, with its queue's thread.
    ///
    /// # Errors
    /// The machine does not give the thread.
    pub fn open(threads: &Arc<Threads>, limits: &Limits, served_max: usize) -> std::io::Result<Arc<Self>> {
        let (jobs, work) = bounded(served_max);
        let state = State {
            served: BTreeMap::new(),
            tickets: 0,
            workers: 0,
            waiting: VecDeque::new(),
            farewells: VecDeque::new(),
            jobs: Some(jobs),
        };
        let admission = Arc::new(Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            threads: Arc::clone(threads),
            work,
            served_max,
            waiting_max: limits.waiting_max,
            waiting_timeout: limits.waiting_timeout,
        });
        let queue = Arc::clone(&admission);
        threads.spawn("waiting", move || queue.watch())?;
        Ok(admission)
    }

    /// Takes a caller in, lets it wait, or turns it away. Does not block.
    pub fn admit(self: &Arc<Self>, caller: Box<dyn Incoming>) {
        match self.way(caller) {
            Way::In(place) => self.let_in(place),
            Way::Wait { ahead } => {
                log::debug!(ahead; "connection waits");
                self.changed.notify_all();
            }
            Way::Away(caller) => self.turn_away(caller, &self.full()),
            Way::Closed(caller) => drop(caller),
        }
    }

    fn way(&self, caller: Box<dyn Incoming>) -> Way {
        let mut state = self.state.lock();
        let Some(jobs) = state.jobs.clone() else { return Way::Closed(caller) };
        if state.served.len() < self.served_max && state.waiting.is_empty() {
            let (number, spawn) = state.take_place(caller.transport());
            return Way::In(Place { number, jobs, spawn, caller });
        }
        if state.waiting.len() < self.waiting_max {
            let ahead = state.waiting.len();
            caller.tell_place(ahead);
            state.waiting.push_back(Waiting { until: Instant::now() + self.waiting_timeout, caller });
            return Way::Wait { ahead };
        }
        Way::Away(caller)
    }

    fn let_in(self: &Arc<Self>, place: Place) {
        let mut next = Some(place);
        while let Some(Place { number, jobs, spawn, caller }) = next.take() {
            let ticket = Ticket { admission: Arc::clone(self), number };
            if spawn && let Err(error) = self.spawn_worker() {
                log::warn!(error:% = error; "no thread for a connection");
                self.turn_away(caller, &self.full());
                self.state.lock().workers -= 1;
                // Here and not when the ticket drops: all who wait may meet the same fate, and the
                // stack has no room for one call inside the other.
                next = self.next(number);
                continue;
            }
            jobs.send(Job { caller, ticket }).expect("this struct keeps a receiver");
        }
    }

    fn spawn_worker(self: &Arc<Self>) -> std::io::Result<()> {
        let admission = Arc::clone(self);
        self.threads.spawn("reader", move || admission.work())
    }

    /// The body of a thread of the pool.
    fn work(self: Arc<Self>) {
        loop {
            match self.work.recv_timeout(IDLE) {
                Ok(Job { caller, ticket }) => {
                    // A panic while one caller is served must not cost the pool a thread.
                    _ = self.threads.run_job("reader", || caller.serve());
                    drop(ticket);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let mut state = self.state.lock();
                    // There are at least as many threads as callers: with one to spare this may go.
                    if state.workers > state.served.len() {
                        state.workers -= 1;
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Frees a place, unless that was done: the next caller gets it, the others move up.
    fn next(&self, number: u64) -> Option<Place> {
        let (gone, next) = {
            let mut state = self.state.lock();
            let gone = state.served.remove(&number)?;
            let next = match state.jobs.clone() {
                Some(jobs) => state.waiting.pop_front().map(|waiting| {
                    let (number, spawn) = state.take_place(waiting.caller.transport());
                    state.waiting.iter().enumerate().for_each(|(ahead, other)| other.caller.tell_place(ahead));
                    Place { number, jobs, spawn, caller: waiting.caller }
                }),
                None => None,
            };
            (gone, next)
        };
        drop(gone);
        next
    }

    fn full(&self) -> Refusal {
        full(self.waiting_timeout.max(Duration::from_secs(1)))
    }

    /// Sends a caller away. Does not block.
    pub fn turn_away(&self, caller: Box<dyn Incoming>, refusal: &Refusal) {
        caller.turn_away(refusal);
        let closed = {
            let mut state = self.state.lock();
            let full = state.farewells.len() >= FAREWELLS_MAX;
            let oldest = if full { state.farewells.pop_front() } else { None };
            state.farewells.push_back((Instant::now() + FAREWELL, caller));
            oldest
        };
        drop(closed);
        self.changed.notify_all();
    }

    /// The body of the queue's thread: turns away who has waited too long, and closes the sockets
    /// of those that were turned away.
    fn watch(&self) {
        let mut state = self.state.lock();
        while state.jobs.is_some() {
            let now = Instant::now();
            if state.waiting.front().is_some_and(|waiting| waiting.until <= now) {
                let waiting = state.waiting.pop_front();
                drop(state);
                if let Some(waiting) = waiting {
                    // A caller that cannot be turned away must not keep the others waiting for ever.
                    _ = self.threads.run_job("waiting", || self.turn_away(waiting.caller, &self.full()));
                }
                state = self.state.lock();
            } else if state.farewells.front().is_some_and(|(until, _)| *until <= now) {
                let farewell = state.farewells.pop_front();
                drop(state);
                drop(farewell);
                state = self.state.lock();
            } else {
                let waiting = state.waiting.front().map(|waiting| waiting.until);
                let farewell = state.farewells.front().map(|(until, _)| *until);
                match waiting.into_iter().chain(farewell).min() {
                    // Whether the time is up is looked at anew either way.
                    Some(until) => _ = self.changed.wait_until(&mut state, until),
                    None => self.changed.wait(&mut state),
                }
            }
        }
    }

    /// Lets nobody in any more: those that wait are turned away, the pool ends with its work.
    pub fn close(&self) {
        let (jobs, waiting) = {
            let mut state = self.state.lock();
            (state.jobs.take(), std::mem::take(&mut state.waiting))
        };
        for waiting in &waiting {
            waiting.caller.turn_away(&full(Duration::from_secs(1)));
        }
        drop((jobs, waiting));
        self.changed.notify_all();
    }

    /// Shuts down the sockets of all that are served.
    pub fn hang_up(&self, how: Shutdown) {
        let served: Vec<_> = self.state.lock().served.values().cloned().collect();
        for transport in served {
            transport.shutdown(how);
        }
    }

    /// How many are served.
    #[must_use]
    pub fn served(&self) -> usize {
        self.state.lock().served.len()
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Whether one more would be served at once.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let state = self.state.lock();
        state.jobs.is_some() && state.served.len() < self.served_max
    }
}

/// What one is told for whom there is no place.
pub fn full(retry_after: Duration) -> Refusal {
    Refusal { retry_after: Some(retry_after), ..Refusal::new(Code::Unavailable, "The server is full") }
}

impl State {
    /// Gives a place to a caller; whether the pool needs one more thread for it.
    fn take_place(&mut self, transport: Arc<dyn Transport>) -> (u64, bool) {
        self.tickets += 1;
        self.served.insert(self.tickets, transport);
        let spawn = self.workers < self.served.len();
        self.workers += usize::from(spawn);
        (self.tickets, spawn)
    }
}
