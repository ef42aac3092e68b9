//! What readers have done elsewhere: work that takes more stack than a client may keep.
//!
//! A thread that has touched a page of its stack keeps it, and a reader's thread lives as long as its
//! client. Reading a token takes 16 KiB, asking the database as much. So one thread, `clerk`, does it for
//! all, one job after the other, and the reader waits for the answer. Nothing that it does waits for a
//! client or for a write. It ends when the desk is closed. Where there is no such thread (in a program
//! that has only the engine) everybody does their work themselves.

use super::oneshot;
use crate::engine::base::sync::Mutex;
use crate::engine::base::sync::channel::{Receiver, Sender, bounded};

/// Jobs that wait; who comes then waits to be in the queue.
const WAITING_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// See the module.
#[derive(Default)]
pub struct Worker {
    /// `None` when nobody works.
    jobs: Mutex<Option<Sender<Job>>>,
}

impl Worker {
    /// Opens the desk; the body of the thread.
    pub fn open(&self) -> impl FnOnce() + Send + 'static {
        let (jobs, inbox): (_, Receiver<Job>) = bounded(WAITING_MAX);
        *self.jobs.lock() = Some(jobs);
        move || {
            while let Ok(job) = inbox.recv() {
                job();
            }
        }
    }

    /// Takes nothing more; the thread ends.
    pub fn close(&self) {
        let jobs = self.jobs.lock().take();
        drop(jobs);
    }

    /// Has something done, and waits for it. `None`: the thread has failed, and does nothing any more.
    pub fn ask<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let Some(jobs) = self.jobs.lock().clone() else { return Some(work()) };
        let (reply, answer) = oneshot::channel();
        // Who asked waits for it.
        let job: Job = Box::new(move || reply.send(work()));
        jobs.send(job).ok()?;
        answer.wait().ok()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn work_is_done_on_the_clerks_thread_while_there_is_one() {
        let (clerk, here) = (Worker::default(), thread::current().id());
        let ask = |clerk: &Worker| clerk.ask(|| thread::current().id());
        assert_eq!(ask(&clerk), Some(here));
        let body = clerk.open();
        let there = thread::spawn(body);
        assert_eq!(ask(&clerk), Some(there.thread().id()));
        clerk.close();
        there.join().unwrap();
        assert_eq!(ask(&clerk), Some(here));
    }

    #[test]
    fn who_asks_a_clerk_that_has_failed_is_told_so() {
        let clerk = Worker::default();
        drop(clerk.open());
        assert_eq!(clerk.ask(|| 1), None);
    }
}
