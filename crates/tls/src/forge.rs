//! Where the handshakes of a server are reckoned: on few threads, for all connections.
//!
//! The arithmetic of a handshake takes 20 KiB of stack, and a thread that has touched a page of its
//! stack keeps it: on the reader's own thread every client would pay for it as long as it stays. So a
//! reader hands the arithmetic over and waits for its outcome, and waits for its socket by itself: who is
//! slow holds nobody up here. The threads are half as many as the processors, so that a crowd of newcomers
//! leaves the other half to those who talk.

use std::io;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

/// Jobs that wait; who comes then waits to be in the queue.
const WAITING_MAX: usize = 64;

/// See the module.
pub struct Forge {
    /// `None` when it is closed.
    jobs: Mutex<Option<Sender<Job>>>,
    work: Receiver<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Forge {
    /// One without threads: somebody has to [`Forge::work`].
    #[must_use]
    pub fn new() -> Self {
        let (jobs, work) = bounded(WAITING_MAX);
        Self { jobs: Mutex::new(Some(jobs)), work }
    }

    /// How many threads should work here.
    #[must_use]
    pub fn hands() -> usize {
        std::thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1))
    }

    /// The body of such a thread; ends when the forge is closed.
    pub fn work(&self) {
        self.work.iter().for_each(|job| job());
    }

    /// Takes nothing more; the threads end.
    pub fn close(&self) {
        let jobs = self.jobs.lock().take();
        drop(jobs);
    }

    /// Has something reckoned. Blocks until that is done, at most until the deadline.
    ///
    /// # Errors
    /// `TimedOut`; `ConnectionAborted` when the forge is closed.
    pub fn reckon<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let Some(jobs) = self.jobs.lock().clone() else { return Err(io::ErrorKind::ConnectionAborted.into()) };
        let (done, outcome) = bounded(1);
        // One who waits no longer has come to its deadline.
        let job: Job = Box::new(move || _ = done.send(work()));
        jobs.send_deadline(job, deadline).map_err(|_| io::ErrorKind::TimedOut)?;
        outcome.recv_deadline(deadline).map_err(|_| io::ErrorKind::TimedOut.into())
    }
}
