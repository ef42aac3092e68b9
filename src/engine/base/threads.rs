//! Spawning and joining threads.
//!
//! Every thread of the server is spawned here, and has a role and a number as its name. A thread that ends joins those
//! that ended before it, and `join_all` the last: so the stacks of a crowd that has left are not kept. A
//! panic is caught at the outermost frame and recorded; a thread that runs jobs for many clients catches it in each
//! job. That the machine gives no further thread is an error, which the caller reports to the client concerned.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

#[cfg(not(shuttle))]
use crate::engine::base::memory;
use crate::engine::base::spare_threads::SpareThreads;
use crate::engine::base::sync::{Condvar, Mutex, thread};

/// Virtual bytes of a stack. Only what is touched is resident: some 8–12 KiB.
pub const STACK_BYTES: usize = 256 * 1024;

/// Bytes whose release makes glibc give back what it can: more than its 64 KiB, less than what has a mapping of its own.
const RELEASED_BYTES: usize = 96 * 1024;

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
    /// Those that wait for a further body, by role.
    spare: Mutex<BTreeMap<&'static str, Arc<SpareThreads>>>,
    panics: AtomicU64,
}

#[derive(Default)]
struct Registry {
    /// The number of the next thread.
    next: u64,
    /// The roles of the running threads.
    live: BTreeMap<u64, &'static str>,
    /// The handles of running threads.
    running: BTreeMap<u64, thread::JoinHandle<()>>,
    /// The handles of threads that have left their body and are not joined: the last one, and those that end now.
    ended: Vec<thread::JoinHandle<()>>,
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
        let (registry, ended, spare) = (Mutex::default(), Condvar::new(), Mutex::default());
        Arc::new(Self { starter, registry, ended, spare, panics: AtomicU64::new(0) })
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
        let mut registry = self.registry.lock();
        let handle = match spawned {
            Ok(handle) => handle,
            Err(error) => {
                registry.live.remove(&number);
                drop(registry);
                self.ended.notify_all();
                return Err(error);
            }
        };
        if registry.live.contains_key(&number) {
            registry.running.insert(number, handle);
        } else {
            // It has ended already, and could not leave its handle.
            registry.ended.push(handle);
        }
        Ok(())
    }

    /// Has a body run by a thread of its role whose last has just ended, or else by a new one, called `role-number`.
    ///
    /// # Errors
    /// The machine gives no further thread. `body` was dropped.
    pub fn spawn_or_reuse(
        self: &Arc<Self>,
        role: &'static str,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let spare = Arc::clone(self.spare.lock().entry(role).or_default());
        let Err(first) = spare.run(Box::new(body)) else { return Ok(()) };
        let threads = Arc::clone(self);
        self.spawn(role, move || {
            let mut next = Some(first);
            while let Some(body) = next {
                _ = threads.run_job(role, body);
                next = spare.wait();
            }
        })
    }

    /// The last that a thread does: it leaves its handle to the next that ends, and joins those before it.
    fn end(&self, number: u64) {
        let before = {
            let mut registry = self.registry.lock();
            registry.live.remove(&number);
            let before = std::mem::take(&mut registry.ended);
            let own = registry.running.remove(&number);
            registry.ended.extend(own);
            before
        };
        self.ended.notify_all();
        join(before);
        give_back();
    }

    /// Waits until every thread has ended, or the deadline has passed; joins those that have ended, and returns the
    /// names of the others.
    #[must_use]
    pub fn join_all(&self, deadline: Instant) -> Vec<String> {
        self.spare.lock().values().for_each(|spare| spare.close());
        let (ended, running) = {
            let mut registry = self.registry.lock();
            while !registry.live.is_empty() {
                if self.ended.wait_until(&mut registry, deadline).timed_out() {
                    break;
                }
            }
            let running = registry.live.iter().map(|(number, role)| name(role, *number)).collect();
            (std::mem::take(&mut registry.ended), running)
        };
        join(ended);
        running
    }

    // ANCHOR: run_job
    /// Runs one job of a thread that goes on afterwards. A panic ends that job alone: it is recorded, and
    /// the result is `None`.
    pub fn run_job<T>(&self, role: &'static str, job: impl FnOnce() -> T) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(job));
        if result.is_err() {
            self.record_panic(role);
        }
        result.ok()
    }
    // ANCHOR_END: run_job

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

    /// How many threads of each role are running.
    #[must_use]
    pub fn by_role(&self) -> BTreeMap<&'static str, usize> {
        let mut roles = BTreeMap::new();
        self.registry.lock().live.values().for_each(|role| *roles.entry(*role).or_default() += 1);
        roles
    }

    /// How many threads have left their body and are not joined yet: their stacks are still there.
    #[must_use]
    pub fn unjoined(&self) -> usize {
        self.registry.lock().ended.len()
    }

    /// How many panics were caught.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

/// Has the allocator give back what is free in this thread's arena. glibc keeps small pieces that were freed apart from
/// their neighbours, and where one lies at the end of an arena the whole arena stays: to release a large block puts
/// them together. The block is not touched. Another allocator takes it for any other.
fn give_back() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(RELEASED_BYTES)));
}

fn name(role: &str, number: u64) -> String {
    format!("{role}-{number}")
}

/// Joins threads that have left their body: this waits for the last instructions of each, no more.
fn join(ended: Vec<thread::JoinHandle<()>>) {
    for handle in ended {
        handle.join().expect("the body's panic was caught inside the thread");
    }
}

/// Starts a thread of this name.
///
/// # Errors
/// The machine gives no further thread. `body` was dropped.
#[cfg(not(shuttle))]
pub fn start(name: String, body: ThreadMain) -> io::Result<thread::JoinHandle<()>> {
    if memory::is_low() {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
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

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use crossbeam_channel::bounded;

    use super::*;

    #[test]
    fn threads_that_ended_are_joined_without_a_further_spawn() {
        let threads = Threads::new();
        let (go, wait) = bounded::<()>(0);
        for _ in 0..100 {
            let wait = wait.clone();
            threads.spawn("one", move || _ = wait.recv()).unwrap();
        }
        drop(go);
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut registry = threads.registry.lock();
        while !registry.live.is_empty() {
            assert!(!threads.ended.wait_until(&mut registry, deadline).timed_out());
        }
        // Each left its handle to the next.
        assert_eq!((registry.ended.len(), registry.running.len()), (1, 0));
        drop(registry);
        assert_eq!(threads.join_all(deadline), [""; 0]);
        assert_eq!(threads.unjoined(), 0);
    }

    #[test]
    fn a_thread_runs_one_body_after_the_other_and_outlives_one_that_panics() {
        let threads = Threads::new();
        let (ran, who_ran) = bounded(1);
        let deadline = Instant::now() + Duration::from_secs(20);
        let (mut bodies, mut is_reused) = (0, false);
        let mut ids = HashSet::new();
        while !is_reused {
            assert!(Instant::now() < deadline, "none is used again: {ids:?}");
            let ran = ran.clone();
            let body = move || {
                ran.send(thread::current().id()).unwrap();
                panic!("as a body may");
            };
            threads.spawn_or_reuse("one", body).unwrap();
            bodies += 1;
            is_reused = !ids.insert(who_ran.recv().unwrap());
        }
        assert_eq!(threads.join_all(deadline), [""; 0]);
        assert_eq!(threads.panics(), bodies);
    }
}
