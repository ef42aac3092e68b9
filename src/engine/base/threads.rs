//! Spawning and joining threads.
//!
//! Every thread of the server is spawned here, has a role and a number as its name, and is joined by `join_all`. A
//! panic is caught at the outermost frame and recorded; a thread that runs jobs for many clients catches it in each
//! job. That the machine gives no further thread is an error, which the caller reports to the client concerned.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::engine::base::sync::{Condvar, Mutex, thread};

/// Virtual bytes of a stack. Only what is touched is resident: some 8–12 KiB.
const STACK_BYTES: usize = 256 * 1024;

/// The body of a thread.
pub type ThreadMain = Box<dyn FnOnce() + Send>;

/// Starts a thread of this name, or drops its body and returns an error: in production [`start`], in a test one that
/// fails at a given call.
pub type Starter = Box<dyn Fn(String, ThreadMain) -> io::Result<thread::JoinHandle<()>> + Send + Sync>;

/// The threads of a server.
pub struct Threads {
    starter: Starter,
    registry: Mutex<Registry>,
    /// Notified when a thread ends.
    ended: Condvar,
    panics: AtomicU64,
}

#[derive(Default)]
struct Registry {
    /// The number of the next thread.
    next: u64,
    /// The roles of the running threads.
    live: BTreeMap<u64, &'static str>,
    handles: Vec<(u64, thread::JoinHandle<()>)>,
}

impl Threads {
    /// No threads yet; the machine will start them.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::started_by(Box::new(start))
    }

    /// No threads yet; `starter` will start them.
    #[must_use]
    pub fn started_by(starter: Starter) -> Arc<Self> {
        let (registry, ended) = (Mutex::default(), Condvar::new());
        Arc::new(Self { starter, registry, ended, panics: AtomicU64::new(0) })
    }

    /// Starts a thread called `role-number`.
    ///
    /// # Errors
    /// The machine gives no further thread. `body` was dropped.
    pub fn spawn(self: &Arc<Self>, role: &'static str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let number = {
            let mut registry = self.registry.lock();
            registry.next += 1;
            let number = registry.next;
            registry.live.insert(number, role);
            number
        };
        let threads = Arc::clone(self);
        let body = move || {
            if catch_unwind(AssertUnwindSafe(body)).is_err() {
                threads.record_panic(&name(role, number));
            }
            threads.end(number);
        };
        let spawned = (self.starter)(name(role, number), Box::new(body));
        let mut finished = Vec::new();
        let result = {
            let mut registry = self.registry.lock();
            let result = spawned.map(|handle| registry.handles.push((number, handle)));
            if result.is_err() {
                registry.live.remove(&number);
                self.ended.notify_all();
            }
            if registry.handles.len() > 2 * registry.live.len() + 8 {
                finished = registry.take_finished();
            }
            result
        };
        join(finished);
        result
    }

    fn end(&self, number: u64) {
        let mut registry = self.registry.lock();
        registry.live.remove(&number);
        drop(registry);
        self.ended.notify_all();
    }

    /// Waits until every thread has ended, or the deadline has passed; joins those that have ended, and returns the
    /// names of the others.
    #[must_use]
    pub fn join_all(&self, deadline: Instant) -> Vec<String> {
        let (finished, running) = {
            let mut registry = self.registry.lock();
            while !registry.live.is_empty() {
                if self.ended.wait_until(&mut registry, deadline).timed_out() {
                    break;
                }
            }
            let running = registry.live.iter().map(|(number, role)| name(role, *number)).collect();
            (registry.take_finished(), running)
        };
        join(finished);
        running
    }

    /// Runs one job of a thread that goes on afterwards. A panic ends that job alone: it is recorded, and
    /// the result is `None`.
    pub fn run_job<T>(&self, role: &'static str, job: impl FnOnce() -> T) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(job));
        if result.is_err() {
            self.record_panic(role);
        }
        result.ok()
    }

    /// Records a panic that was caught in a thread.
    pub fn record_panic(&self, thread: &str) {
        self.panics.fetch_add(1, Ordering::Relaxed);
        log::error!(thread; "panicked");
    }

    /// How many threads are running.
    #[must_use]
    pub fn live(&self) -> usize {
        self.registry.lock().live.len()
    }

    /// How many panics were caught.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

impl Registry {
    fn take_finished(&mut self) -> Vec<(u64, thread::JoinHandle<()>)> {
        let all = std::mem::take(&mut self.handles);
        let (running, finished) = all.into_iter().partition(|(number, _)| self.live.contains_key(number));
        self.handles = running;
        finished
    }
}

fn name(role: &str, number: u64) -> String {
    format!("{role}-{number}")
}

/// Joins threads that have left their body: this waits for the last instructions of each, no more.
fn join(finished: Vec<(u64, thread::JoinHandle<()>)>) {
    for (_, handle) in finished {
        handle.join().expect("the body's panic was caught inside the thread");
    }
}

/// Starts a thread of this name.
///
/// # Errors
/// The machine gives no further thread. `body` was dropped.
#[cfg(not(shuttle))]
pub fn start(name: String, body: ThreadMain) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(body)
}

/// Starts a thread of this name under the checker.
///
/// # Errors
/// None: the checker has threads enough.
#[cfg(shuttle)]
pub fn start(name: String, body: ThreadMain) -> io::Result<thread::JoinHandle<()>> {
    let _ = STACK_BYTES;
    Ok(thread::Builder::new().name(name).spawn(body).expect("the checker has threads enough"))
}
