//! A pool of threads that run jobs, and how it ends.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Jobs that may wait, at most: who brings a further one waits too.
const JOBS_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// Threads called `worker-1`, `worker-2`, …, each of which runs one job after the other.
pub struct Pool {
    jobs: Sender<Job>,
    workers: BTreeMap<usize, JoinHandle<()>>,
    /// The numbers of the threads that have left their loop.
    ended: Receiver<usize>,
    panics: Arc<AtomicUsize>,
}

/// What there is to say when a pool has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// The names of the threads that still run, in the order of their numbers.
    pub running: Vec<String>,
    /// Jobs that panicked.
    pub panics: usize,
}

impl Pool {
    /// Starts so many threads.
    ///
    /// # Errors
    /// The machine gives no further thread.
    pub fn start(workers: usize) -> io::Result<Self> {
        let (jobs, inbox) = bounded::<Job>(JOBS_MAX);
        // There is space for every thread: none waits to say that it ends.
        let (end, ended) = bounded(workers);
        let panics = Arc::new(AtomicUsize::new(0));
        let start = |number| {
            let (inbox, end, panics) = (inbox.clone(), end.clone(), Arc::clone(&panics));
            let body = move || {
                for job in inbox {
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        panics.fetch_add(1, Ordering::Relaxed);
                    }
                }
                // After the deadline nobody is there to hear it.
                _ = end.send(number);
            };
            let started = thread::Builder::new().name(format!("worker-{number}")).spawn(body);
            started.map(|worker| (number, worker))
        };
        let workers = (1..=workers).map(start).collect::<io::Result<_>>()?;
        Ok(Self { jobs, workers, ended, panics })
    }

    /// Has a thread run a job. Blocks while too many wait.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs.send(Box::new(job)).expect("threads receive as long as there is a pool");
    }

    /// Ends the pool: all jobs that it was given are run first. Blocks until its threads have ended, or the deadline has
    /// passed.
    pub fn stop(self, deadline: Instant) -> Report {
        let Self { jobs, mut workers, ended, panics } = self;
        // The end of the input is what ends the threads: it comes behind the last job.
        drop(jobs);
        while !workers.is_empty() {
            let Ok(number) = ended.recv_deadline(deadline) else { break };
            let worker = workers.remove(&number).expect("each says it once");
            worker.join().expect("what panics is caught");
        }
        let running = workers.keys().map(|number| format!("worker-{number}")).collect();
        Report { running, panics: panics.load(Ordering::Relaxed) }
    }
}
