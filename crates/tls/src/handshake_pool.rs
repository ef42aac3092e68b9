//! The threads that compute a server's handshakes: few, for all connections.
//!
//! The computation takes 20 KiB of stack, and a thread keeps each page of its stack that it has touched: on the
//! reader's own thread, every client would pay for it as long as it is connected. So a reader hands the computation
//! over and waits for its result, but waits for its socket itself: a slow client delays no other. There are half as
//! many threads as processors, so that a burst of new connections leaves the other half to those that are connected.
//! A job that panics ends alone.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

/// Queued jobs, at most; beyond it a reader waits to enqueue.
const QUEUED_MAX: usize = 64;

/// See the module.
pub struct HandshakePool {
    /// `None` when it is closed.
    jobs: Mutex<Option<Sender<Job>>>,
    inbox: Receiver<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

impl HandshakePool {
    /// A pool without threads: the caller starts them, with [`HandshakePool::work`] as their body.
    #[must_use]
    pub fn new() -> Self {
        let (jobs, inbox) = bounded(QUEUED_MAX);
        Self { jobs: Mutex::new(Some(jobs)), inbox }
    }

    /// How many threads the pool should have.
    #[must_use]
    pub fn threads() -> usize {
        std::thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1))
    }

    /// The body of a thread of the pool: ends when the pool is closed. `panicked` is called after each job that
    /// panicked.
    pub fn work(&self, panicked: impl Fn()) {
        for job in &self.inbox {
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                panicked();
            }
        }
    }

    /// Takes no further job; the threads end when the queued ones are done.
    pub fn close(&self) {
        let jobs = self.jobs.lock().take();
        drop(jobs);
    }

    /// Runs `job` on a thread of the pool. Blocks until it is done, at most until the deadline.
    ///
    /// # Errors
    /// `TimedOut`; `ConnectionAborted` when the pool is closed or the job panicked.
    pub fn run<T: Send + 'static>(&self, deadline: Instant, job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let Some(jobs) = self.jobs.lock().clone() else { return Err(io::ErrorKind::ConnectionAborted.into()) };
        let (done, result) = bounded(1);
        // A reader that waits no longer has reached its deadline.
        let job: Job = Box::new(move || _ = done.send(job()));
        jobs.send_deadline(job, deadline).map_err(|_| io::ErrorKind::TimedOut)?;
        result.recv_deadline(deadline).map_err(|error| match error {
            RecvTimeoutError::Timeout => io::ErrorKind::TimedOut.into(),
            RecvTimeoutError::Disconnected => io::ErrorKind::ConnectionAborted.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::panic::resume_unwind;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_job_that_panics_ends_alone_and_the_next_one_runs() {
        let (pool, panics) = (HandshakePool::new(), AtomicUsize::new(0));
        let deadline = Instant::now() + Duration::from_secs(10);
        std::thread::scope(|scope| {
            scope.spawn(|| pool.work(|| _ = panics.fetch_add(1, Ordering::SeqCst)));
            let failed = pool.run(deadline, || -> u8 { resume_unwind(Box::new("this job fails")) });
            assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
            assert_eq!(pool.run(deadline, || 7).unwrap(), 7);
            pool.close();
        });
        assert_eq!(panics.load(Ordering::SeqCst), 1);
        assert_eq!(pool.run(deadline, || 7).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
