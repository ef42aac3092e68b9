//! The times of all clients on one thread: their pings, and the starts of their writers.
//!
//! A broker that meets a full socket only puts the outbox into a queue here: the thread `writers` starts the writer's
//! thread, so that no room pays for that. Where the machine gives no further thread, this thread itself writes what
//! the sockets take, every few milliseconds, so a client then is slower and not lost. Pings are deliveries like any
//! other. With [`WriterStart::Eager`] the writer starts with the connection, and stays as long as it.
//!
//! The lock is a leaf. The thread ends when the server stops and the last outbox is done.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::chat::{Limits, WriterStart};
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::base::threads::Threads;
use crate::engine::clients::outbox::{Outbox, WriterSource};
use crate::engine::clients::writer;

/// The role of the thread.
pub const ROLE: &str = "writers";
/// How long a writer stays for whose client nothing waits.
const IDLE: Duration = Duration::from_secs(1);
/// How often an outbox is tried for which there is no thread.
const RETRY: Duration = Duration::from_millis(10);

/// See the module.
pub struct Writers {
    threads: Arc<Threads>,
    start: WriterStart,
    idle: Duration,
    /// Threads of writers at once, at most.
    threads_max: AtomicUsize,
    running: Arc<AtomicUsize>,
    state: Mutex<State>,
    /// Notified when an outbox wants a writer, when the first ping is due earlier, and at the close.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of the newest outbox.
    newest: u64,
    attached: HashMap<u64, Attached>,
    /// When which outbox is pinged next.
    pings: BTreeSet<(Instant, u64)>,
    /// Outboxes that want a writer.
    wanted: VecDeque<Arc<Outbox>>,
    /// Outboxes for which there was no thread, and when they are tried again.
    threadless: Vec<Arc<Outbox>>,
    retry_at: Option<Instant>,
    closing: bool,
}

struct Attached {
    outbox: Weak<Outbox>,
    /// `None` where the protocol has no ping.
    ping_at: Option<Instant>,
}

/// What is to be done, outside the lock.
#[derive(Default)]
struct Due {
    wanted: Vec<Arc<Outbox>>,
    pings: Vec<Arc<Outbox>>,
}

/// Counts a writer's thread as long as it runs.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Writers {
    /// The writers of clients with these limits. [`Writers::run`] serves them.
    #[must_use]
    pub fn new(threads: &Arc<Threads>, limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            threads: Arc::clone(threads),
            start: limits.writers,
            idle: IDLE,
            threads_max: AtomicUsize::new(usize::MAX),
            running: Arc::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// The same, with writers that stay for this time when nothing waits; zero: not at all.
    #[must_use]
    pub fn idle_for(mut self: Arc<Self>, idle: Duration) -> Arc<Self> {
        if let Some(writers) = Arc::get_mut(&mut self) {
            writers.idle = idle;
        }
        self
    }

    /// Bounds the threads of writers; those that run stay.
    pub fn set_threads_max(&self, max: usize) {
        self.threads_max.store(max, Ordering::SeqCst);
    }

    /// Serves an outbox to its end: gives it a writer when it needs one, and pings its client.
    ///
    /// # Errors
    /// A writer is to start with each connection, and the machine gives no further thread.
    pub fn attach(self: &Arc<Self>, outbox: &Arc<Outbox>) -> io::Result<()> {
        let ping_every = outbox.ping_every();
        let ping_at = ping_every.map(|every| Instant::now() + every);
        let (number, is_first) = {
            let mut state = self.state.lock();
            state.newest += 1;
            let number = state.newest;
            state.attached.insert(number, Attached { outbox: Arc::downgrade(outbox), ping_at });
            let first = state.pings.first().copied();
            state.pings.extend(ping_at.map(|at| (at, number)));
            (number, ping_at.is_some() && first.is_none_or(|(at, _)| ping_at < Some(at)))
        };
        if is_first {
            self.changed.notify_all();
        }
        let source = Arc::clone(self) as Arc<dyn WriterSource>;
        let idle = (self.start == WriterStart::Lazy).then_some(self.idle);
        outbox.attach(source, number, idle);
        if self.start == WriterStart::Eager && outbox.begin_writing() {
            self.spawn(outbox)?;
        }
        Ok(())
    }

    fn spawn(&self, outbox: &Arc<Outbox>) -> io::Result<()> {
        self.running.fetch_add(1, Ordering::SeqCst);
        let (running, writing) = (Running(Arc::clone(&self.running)), Arc::clone(outbox));
        self.threads
            .spawn("writer", move || {
                let _running = running;
                writer::run(writing);
            })
            .inspect_err(|_| outbox.writer_not_started())
    }

    /// The body of the `writers` thread.
    pub fn run(&self) {
        let mut state = self.state.lock();
        while !state.closing || !state.attached.is_empty() {
            let due = state.take_due(Instant::now());
            if due.is_empty() {
                match state.next_at() {
                    // The loop checks the time itself.
                    Some(at) => _ = self.changed.wait_until(&mut state, at),
                    None => self.changed.wait(&mut state),
                }
                continue;
            }
            drop(state);
            // An outbox that cannot be served must not keep the others waiting forever.
            let threadless = self.threads.run_job(ROLE, || self.serve(due)).unwrap_or_default();
            state = self.state.lock();
            if !threadless.is_empty() {
                state.threadless.extend(threadless);
                state.retry_at.get_or_insert(Instant::now() + RETRY);
            }
        }
    }

    /// Pings, and starts writers; those for which there is no thread.
    fn serve(&self, due: Due) -> Vec<Arc<Outbox>> {
        due.pings.iter().for_each(|outbox| outbox.ping());
        due.wanted.into_iter().filter(|outbox| !self.start_writer(outbox) && outbox.flush()).collect()
    }

    /// Starts the writer of an outbox that still wants one; false: there is no thread for it.
    fn start_writer(&self, outbox: &Arc<Outbox>) -> bool {
        if self.running.load(Ordering::SeqCst) >= self.threads_max.load(Ordering::SeqCst) {
            return false;
        }
        if !outbox.begin_wanted_writing() {
            return true;
        }
        let spawned = self.spawn(outbox);
        if let Err(error) = &spawned {
            log::warn!(error:% = error; "no thread for a writer");
        }
        spawned.is_ok()
    }

    /// Ends the thread when the last outbox is done.
    pub fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_all();
    }
}

impl WriterSource for Writers {
    fn want_writer(&self, outbox: Arc<Outbox>) {
        self.state.lock().wanted.push_back(outbox);
        self.changed.notify_all();
    }

    fn detach(&self, number: u64) {
        let is_last = {
            let mut state = self.state.lock();
            if let Some(Attached { ping_at: Some(at), .. }) = state.attached.remove(&number) {
                state.pings.remove(&(at, number));
            }
            state.closing && state.attached.is_empty()
        };
        if is_last {
            self.changed.notify_all();
        }
    }
}

impl State {
    /// Takes what is to be done now; each ping is put off to its next time.
    fn take_due(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            due.wanted = std::mem::take(&mut self.threadless);
        }
        due.wanted.extend(self.wanted.drain(..));
        while let Some((at, number)) = self.pings.first().copied().filter(|(at, _)| *at <= now) {
            self.pings.remove(&(at, number));
            let Some(attached) = self.attached.get_mut(&number) else { continue };
            let Some(outbox) = attached.outbox.upgrade() else { continue };
            attached.ping_at = outbox.ping_every().map(|every| now + every);
            self.pings.extend(attached.ping_at.map(|at| (at, number)));
            due.pings.push(outbox);
        }
        due
    }

    fn next_at(&self) -> Option<Instant> {
        let ping = self.pings.first().map(|(at, _)| *at);
        ping.into_iter().chain(self.retry_at).min()
    }
}

impl Due {
    fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.pings.is_empty()
    }
}
