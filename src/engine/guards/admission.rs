//! The admission of connections: a bounded pool of threads that serve them, and a bounded queue before it.
//!
//! Accept threads call `admit`, which never blocks. While fewer than `connections_max` connections are served, a new
//! one goes to the pool, which grows on demand and shrinks when idle; further ones wait, first in, first out, and are
//! told their position; beyond `waiting_max`, or after `waiting_timeout`, they are rejected. A `ConnectionPermit` is
//! the right to be served: when it is dropped, the next connection gets one.

use std::collections::{BTreeMap, VecDeque};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::chat::{Code, Limits, Refusal};
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::base::threads::Threads;
use crate::engine::clients::outbox::Transport;

/// How long an idle thread of the pool stays.
const IDLE: Duration = Duration::from_secs(30);
/// How long a rejected connection stays open, so that its client can read why.
const REJECTED_CLOSE: Duration = Duration::from_secs(1);
/// Rejected connections that stay open, at most; beyond it the oldest is closed.
const REJECTED_MAX: usize = 256;

/// A connection that a listener has accepted.
pub trait Incoming: Send {
    /// Tells the client how many connections wait before it. Must not block.
    fn notify_position(&self, ahead: usize);

    /// Tells the client that it is not served, why, and when to try again; the connection is dropped some time
    /// after. Must not block.
    fn reject(&self, refusal: &Refusal);

    /// Its socket, to be shut down when the server stops.
    fn transport(&self) -> Arc<dyn Transport>;

    /// Serves the connection to its end, on a thread of the pool.
    fn serve(self: Box<Self>);
}

/// See the module.
pub struct Admission {
    state: Mutex<State>,
    /// Notified when a connection is queued or rejected, and at the close.
    changed: Condvar,
    /// Notified when there is a job, and at the close. A thread of the pool sleeps at once: one that yields the
    /// processor first, as those of a channel do, costs a switch each time.
    has_job: Condvar,
    threads: Arc<Threads>,
    /// Memory is short: newcomers are refused.
    is_memory_short: AtomicBool,
}

struct State {
    bounds: Bounds,
    /// The served connections, by the number of their permit.
    served: BTreeMap<u64, Arc<dyn Transport>>,
    permits: u64,
    /// How many threads the pool has.
    workers: usize,
    waiting: VecDeque<Waiting>,
    rejected: VecDeque<(Instant, Box<dyn Incoming>)>,
    /// What the pool has to serve: at most one job of each permit.
    jobs: VecDeque<Job>,
    /// The number of the newest permit whose connection the drain has ended; `None`: the server does not drain.
    drained: Option<u64>,
    /// The server stops.
    closing: bool,
}

/// What the settings say of connections.
#[derive(Clone, Copy)]
struct Bounds {
    served_max: usize,
    waiting_max: usize,
    waiting_timeout: Duration,
}

struct Waiting {
    until: Instant,
    incoming: Box<dyn Incoming>,
}

struct Job {
    incoming: Box<dyn Incoming>,
    permit: ConnectionPermit,
}

/// The right of a connection to be served.
struct ConnectionPermit {
    admission: Arc<Admission>,
    number: u64,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if let Some(dispatch) = self.admission.next(self.number) {
            self.admission.dispatch(dispatch);
        }
    }
}

/// A connection that has got a permit and has to be passed to the pool, outside the lock.
struct Dispatch {
    /// The number of its permit.
    number: u64,
    /// Whether the pool needs one more thread.
    spawn: bool,
    incoming: Box<dyn Incoming>,
}

/// What happens to a connection, outside the lock.
enum Decision {
    Serve(Dispatch),
    Queue { ahead: usize },
    Reject(Box<dyn Incoming>),
    Closed(Box<dyn Incoming>),
}

impl Admission {
    /// Starts the admission of at most `served_max` connections at once, with the thread of its queue.
    ///
    /// # Errors
    /// The machine gives no further thread.
    pub fn open(threads: &Arc<Threads>, limits: &Limits, served_max: usize) -> std::io::Result<Arc<Self>> {
        let state = State {
            bounds: Bounds::of(limits, served_max),
            served: BTreeMap::new(),
            permits: 0,
            workers: 0,
            waiting: VecDeque::new(),
            rejected: VecDeque::new(),
            jobs: VecDeque::new(),
            drained: None,
            closing: false,
        };
        let admission = Arc::new(Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            has_job: Condvar::new(),
            threads: Arc::clone(threads),
            is_memory_short: AtomicBool::new(false),
        });
        let queue = Arc::clone(&admission);
        threads.spawn("waiting", move || queue.watch())?;
        Ok(admission)
    }

    /// Puts other bounds in force: at most `served_max` connections at once. If there may be more than before, waiting ones
    /// are served; if fewer, those that are served go on. Does not block.
    pub fn set_limits(self: &Arc<Self>, limits: &Limits, served_max: usize) {
        let until = Instant::now() + limits.waiting_timeout;
        {
            let mut state = self.state.lock();
            state.bounds = Bounds::of(limits, served_max);
            // So that who has waited longest is first to have waited long enough.
            state.waiting.iter_mut().for_each(|waiting| waiting.until = waiting.until.min(until));
        }
        self.changed.notify_all();
        while let Some(dispatch) = self.next_waiting() {
            self.dispatch(dispatch);
        }
    }

    /// Serves, queues or rejects a connection. Does not block.
    pub fn admit(self: &Arc<Self>, incoming: Box<dyn Incoming>) {
        match self.decide(incoming) {
            Decision::Serve(dispatch) => self.dispatch(dispatch),
            Decision::Queue { ahead } => {
                log::debug!(ahead; "connection waits");
                self.changed.notify_all();
            }
            Decision::Reject(incoming) => self.reject(incoming, &self.refusal()),
            Decision::Closed(incoming) => drop(incoming),
        }
    }

    fn decide(&self, incoming: Box<dyn Incoming>) -> Decision {
        let mut state = self.state.lock();
        if state.closing {
            return Decision::Closed(incoming);
        }
        if self.is_memory_short.load(Ordering::Relaxed) {
            return Decision::Reject(incoming);
        }
        if state.served.len() < state.bounds.served_max && state.waiting.is_empty() {
            let (number, spawn) = state.take_permit(incoming.transport());
            return Decision::Serve(Dispatch { number, spawn, incoming });
        }
        if state.waiting.len() < state.bounds.waiting_max && state.drained.is_none() {
            let ahead = state.waiting.len();
            incoming.notify_position(ahead);
            let until = Instant::now() + state.bounds.waiting_timeout;
            state.waiting.push_back(Waiting { until, incoming });
            return Decision::Queue { ahead };
        }
        Decision::Reject(incoming)
    }

    fn dispatch(self: &Arc<Self>, dispatch: Dispatch) {
        let mut next = Some(dispatch);
        while let Some(Dispatch { number, spawn, incoming }) = next.take() {
            let permit = ConnectionPermit { admission: Arc::clone(self), number };
            if spawn && let Err(error) = self.spawn_worker() {
                log::warn!(error:% = error; "no thread for a connection");
                self.reject(incoming, &self.full());
                self.state.lock().workers -= 1;
                // Here and not when the permit is dropped: the same may happen to all waiting connections, and
                // the stack has no space for calls nested so deep.
                next = self.next(number);
                continue;
            }
            // Dropped outside the lock, since the permit takes it.
            drop(self.queue(Job { incoming, permit }));
        }
    }

    /// Gives the pool a job; returns one that comes too late, since the pool is ending.
    fn queue(&self, job: Job) -> Option<Job> {
        {
            let mut state = self.state.lock();
            if state.closing {
                return Some(job);
            }
            state.jobs.push_back(job);
        }
        self.has_job.notify_one();
        None
    }

    fn spawn_worker(self: &Arc<Self>) -> std::io::Result<()> {
        let admission = Arc::clone(self);
        self.threads.spawn("reader", move || admission.work())
    }

    /// The body of a thread of the pool.
    fn work(self: Arc<Self>) {
        while let Some(Job { incoming, permit }) = self.next_job() {
            // A panic while one connection is served must not cost the pool a thread.
            _ = self.threads.run_job("reader", || incoming.serve());
            drop(permit);
        }
    }

    /// Waits for a job. `None`: the thread is to end, since it is to spare or the server stops.
    fn next_job(&self) -> Option<Job> {
        let mut until = Instant::now() + IDLE;
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closing {
                return None;
            }
            if self.has_job.wait_until(&mut state, until).timed_out() && state.jobs.is_empty() {
                // There are at least as many threads as connections: a spare one may end.
                if state.workers > state.served.len() {
                    state.workers -= 1;
                    return None;
                }
                until = Instant::now() + IDLE;
            }
        }
    }

    /// Releases a permit, unless that was done: the next waiting connection gets one, the others move up.
    fn next(&self, number: u64) -> Option<Dispatch> {
        let (gone, next) = {
            let mut state = self.state.lock();
            (state.served.remove(&number)?, state.serve_waiting())
        };
        drop(gone);
        next
    }

    /// Gives the next waiting connection a permit, if there is one for it.
    fn next_waiting(&self) -> Option<Dispatch> {
        self.state.lock().serve_waiting()
    }

    /// Refuses newcomers while memory is short.
    pub fn memory_is_short(&self, is_short: bool) {
        self.is_memory_short.store(is_short, Ordering::Relaxed);
    }

    /// The refusal of a newcomer.
    fn refusal(&self) -> Refusal {
        let is_short = self.is_memory_short.load(Ordering::Relaxed);
        let full = self.full();
        if is_short { Refusal { message: "The server is short of memory".into(), ..full } } else { full }
    }

    fn full(&self) -> Refusal {
        let timeout = self.state.lock().bounds.waiting_timeout;
        full(timeout.max(Duration::from_secs(1)))
    }

    /// Rejects a connection. Does not block.
    pub fn reject(&self, incoming: Box<dyn Incoming>, refusal: &Refusal) {
        incoming.reject(refusal);
        let closed = {
            let mut state = self.state.lock();
            let full = state.rejected.len() >= REJECTED_MAX;
            let oldest = if full { state.rejected.pop_front() } else { None };
            state.rejected.push_back((Instant::now() + REJECTED_CLOSE, incoming));
            oldest
        };
        drop(closed);
        self.changed.notify_all();
    }

    /// The body of the queue's thread: rejects connections that have waited too long, and closes rejected ones.
    fn watch(&self) {
        let mut state = self.state.lock();
        while !state.closing {
            let now = Instant::now();
            if state.waiting.front().is_some_and(|waiting| waiting.until <= now) {
                let waiting = state.waiting.pop_front();
                drop(state);
                if let Some(waiting) = waiting {
                    // A connection that cannot be rejected must not keep the others waiting forever.
                    _ = self.threads.run_job("waiting", || self.reject(waiting.incoming, &self.full()));
                }
                state = self.state.lock();
            } else if state.rejected.front().is_some_and(|(until, _)| *until <= now) {
                let rejected = state.rejected.pop_front();
                drop(state);
                drop(rejected);
                state = self.state.lock();
            } else {
                let waiting = state.waiting.front().map(|waiting| waiting.until);
                let rejected = state.rejected.front().map(|(until, _)| *until);
                match waiting.into_iter().chain(rejected).min() {
                    // The loop checks the time itself.
                    Some(until) => _ = self.changed.wait_until(&mut state, until),
                    None => self.changed.wait(&mut state),
                }
            }
        }
    }

    /// Lets nobody wait from now on, and turns those away who do.
    pub fn drain(&self, refusal: &Refusal) {
        let waiting = {
            let mut state = self.state.lock();
            state.drained.get_or_insert(0);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(|waiting| self.reject(waiting.incoming, refusal));
    }

    /// Shuts the reading side of the next so many connections of a server that drains, the oldest first; how many there
    /// were. Does not block.
    pub fn end_some(&self, count: usize) -> usize {
        let ended: Vec<_> = {
            let mut state = self.state.lock();
            let Some(drained) = state.drained else { return 0 };
            let next = state.served.range(drained + 1..).take(count);
            let next: Vec<_> = next.map(|(number, transport)| (*number, Arc::clone(transport))).collect();
            state.drained = next.last().map_or(Some(drained), |(number, _)| Some(*number));
            next
        };
        ended.iter().for_each(|(_, transport)| transport.shutdown(Shutdown::Read));
        ended.len()
    }

    /// Admits no further connection: the waiting ones are rejected, and the pool ends with its last job.
    pub fn close(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.closing = true;
            std::mem::take(&mut state.waiting)
        };
        for waiting in &waiting {
            waiting.incoming.reject(&full(Duration::from_secs(1)));
        }
        drop(waiting);
        self.changed.notify_all();
        self.has_job.notify_all();
    }

    /// Shuts down the sockets of the served connections.
    pub fn shutdown_connections(&self, how: Shutdown) {
        let served: Vec<_> = self.state.lock().served.values().cloned().collect();
        for transport in served {
            transport.shutdown(how);
        }
    }

    /// How many connections are served.
    #[must_use]
    pub fn served(&self) -> usize {
        self.state.lock().served.len()
    }

    /// How many connections may be served at once.
    #[must_use]
    pub fn served_max(&self) -> usize {
        self.state.lock().bounds.served_max
    }

    /// How many connections wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Whether one more connection would be served at once.
    #[must_use]
    pub fn has_capacity(&self) -> bool {
        let state = self.state.lock();
        let is_ending = state.closing || state.drained.is_some();
        !is_ending && state.served.len() < state.bounds.served_max && !self.is_memory_short.load(Ordering::Relaxed)
    }
}

/// The refusal of a connection when the server is full.
pub fn full(retry_after: Duration) -> Refusal {
    Refusal { retry_after: Some(retry_after), ..Refusal::new(Code::Unavailable, "The server is full") }
}

impl Bounds {
    fn of(limits: &Limits, served_max: usize) -> Self {
        Self { served_max, waiting_max: limits.waiting_max, waiting_timeout: limits.waiting_timeout }
    }
}

impl State {
    /// Gives the first of those that wait a permit, and tells the others that they have moved up.
    fn serve_waiting(&mut self) -> Option<Dispatch> {
        if self.closing || self.served.len() >= self.bounds.served_max {
            return None;
        }
        let Waiting { incoming, .. } = self.waiting.pop_front()?;
        let (number, spawn) = self.take_permit(incoming.transport());
        self.waiting.iter().enumerate().for_each(|(ahead, other)| other.incoming.notify_position(ahead));
        Some(Dispatch { number, spawn, incoming })
    }

    /// Gives a connection a permit; its number, and whether the pool needs one more thread.
    fn take_permit(&mut self, transport: Arc<dyn Transport>) -> (u64, bool) {
        self.permits += 1;
        self.served.insert(self.permits, transport);
        let spawn = self.workers < self.served.len();
        self.workers += usize::from(spawn);
        (self.permits, spawn)
    }
}
