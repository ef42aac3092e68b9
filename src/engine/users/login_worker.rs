//! The `login-worker` thread: verifies tokens, and looks up what waits for a user who signs in.
//!
//! A thread keeps each page of its stack that it has touched, and a reader's thread lives as long as its
//! client. Verifying a token takes 16 KiB, querying the database as much. So one thread runs these jobs for
//! all connections, one after the other, and the reader waits for the result. No job waits for a client or
//! for a write. A job that panics ends alone: the reader gets no result, and the next job runs. The thread
//! ends when the worker is closed. Without the thread (in a program that has only the engine) each caller
//! runs its own jobs.

use std::sync::Arc;

use crate::engine::base::oneshot;
use crate::engine::base::sync::Mutex;
use crate::engine::base::sync::channel::{Receiver, Sender, bounded};
use crate::engine::base::threads::Threads;

/// The role of the thread.
const ROLE: &str = "login-worker";
/// Queued jobs, at most; beyond it the caller waits to enqueue.
const QUEUED_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// The handle through which jobs are run.
pub struct LoginWorker {
    /// Where panics are recorded.
    threads: Arc<Threads>,
    /// `None` while there is no thread.
    jobs: Mutex<Option<Sender<Job>>>,
}

impl LoginWorker {
    /// A worker without a thread.
    #[must_use]
    pub fn new(threads: Arc<Threads>) -> Self {
        Self { threads, jobs: Mutex::default() }
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// The machine gives no further thread.
    pub fn start(&self) -> std::io::Result<()> {
        let (jobs, inbox): (_, Receiver<Job>) = bounded(QUEUED_MAX);
        *self.jobs.lock() = Some(jobs);
        let threads = Arc::clone(&self.threads);
        self.threads.spawn(ROLE, move || {
            while let Ok(job) = inbox.recv() {
                threads.run_job(ROLE, job);
            }
        })
    }

    /// Takes no further job; the thread ends when the queued ones are done.
    pub fn close(&self) {
        let jobs = self.jobs.lock().take();
        drop(jobs);
    }

    /// Runs `job` and waits for its result. `None`: the job panicked, or there is no thread to run it.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let Some(jobs) = self.jobs.lock().clone() else { return self.threads.run_job(ROLE, job) };
        let (reply, result) = oneshot::channel();
        let job: Job = Box::new(move || reply.send(job()));
        jobs.send(job).ok()?;
        result.wait().ok()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::panic::resume_unwind;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    fn close(threads: &Threads, worker: &LoginWorker) {
        worker.close();
        assert_eq!(threads.join_all(Instant::now() + Duration::from_secs(10)), [""; 0]);
    }

    #[test]
    fn a_job_runs_on_the_workers_thread_while_there_is_one() {
        let threads = Threads::new();
        let (worker, here) = (LoginWorker::new(Arc::clone(&threads)), thread::current().id());
        let run = || worker.run(|| thread::current().id());
        assert_eq!(run(), Some(here));
        worker.start().unwrap();
        assert!(run().is_some_and(|there| there != here));
        close(&threads, &worker);
        assert_eq!(run(), Some(here));
    }

    #[test]
    fn a_job_that_panics_ends_alone_and_the_next_one_runs() {
        let threads = Threads::new();
        let worker = LoginWorker::new(Arc::clone(&threads));
        let panicking = || worker.run(|| resume_unwind(Box::new("this job fails")));
        let without_a_thread: Option<()> = panicking();
        assert_eq!((without_a_thread, threads.panics()), (None, 1));
        worker.start().unwrap();
        for panics in 2..5 {
            let result: Option<()> = panicking();
            assert_eq!((result, worker.run(|| 7), threads.panics()), (None, Some(7), panics));
        }
        close(&threads, &worker);
    }

    #[test]
    fn a_job_for_which_there_is_no_thread_has_no_result() {
        let threads = Threads::started_by(Box::new(|_, _| Err(std::io::ErrorKind::WouldBlock.into())));
        let worker = LoginWorker::new(threads);
        assert!(worker.start().is_err());
        assert_eq!(worker.run(|| 1), None);
    }
}
