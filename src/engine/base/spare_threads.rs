//! Threads of a role that have nothing to do, and wait a moment for the next body.
//!
//! To start a thread and let it end costs as much as twenty wake-ups, which shows where rooms open and end all the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::threads::ThreadMain;
use crate::engine::base::sync::{Condvar, Mutex};

/// How long a thread waits.
const WAITS_FOR: Duration = Duration::from_secs(1);
/// How many wait, at most: none under the checker, where no deadline passes.
const MAX: usize = if cfg!(shuttle) { 0 } else { 32 };

/// See the module.
#[derive(Default)]
pub struct SpareThreads {
    state: Mutex<State>,
    has_body: Condvar,
}

#[derive(Default)]
struct State {
    /// Threads that wait, of which some have a body to take already.
    waiting: usize,
    bodies: VecDeque<ThreadMain>,
    is_closed: bool,
}

impl SpareThreads {
    /// Has a thread that waits run this body; without one, it is given back.
    ///
    /// # Errors
    /// No thread waits.
    pub fn run(&self, body: ThreadMain) -> Result<(), ThreadMain> {
        let mut state = self.state.lock();
        if state.bodies.len() >= state.waiting {
            return Err(body);
        }
        state.bodies.push_back(body);
        drop(state);
        self.has_body.notify_one();
        Ok(())
    }

    /// Waits for the next body of this thread. `None`: the thread is to end.
    pub fn wait(&self) -> Option<ThreadMain> {
        let until = Instant::now() + WAITS_FOR;
        let mut state = self.state.lock();
        if state.waiting >= MAX {
            return None;
        }
        state.waiting += 1;
        let mut is_over = false;
        let body = loop {
            let body = state.bodies.pop_front();
            if body.is_some() || is_over || state.is_closed {
                break body;
            }
            is_over = self.has_body.wait_until(&mut state, until).timed_out();
        };
        state.waiting -= 1;
        body
    }

    /// Ends the threads that wait; from now on none does.
    pub fn close(&self) {
        self.state.lock().is_closed = true;
        self.has_body.notify_all();
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_body_is_given_back_where_no_thread_waits() {
        assert!(SpareThreads::default().run(Box::new(|| {})).is_err());
    }

    #[test]
    fn who_waits_takes_each_body_once_and_ends_when_it_is_closed() {
        let spare = SpareThreads::default();
        let (ran, runs) = crossbeam_channel::unbounded();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !spare.state.lock().is_closed {
                        spare.wait().into_iter().for_each(|body| body());
                    }
                });
            }
            for number in 0..1_000 {
                let ran = ran.clone();
                let mut body: ThreadMain = Box::new(move || ran.send(number).unwrap());
                while let Err(refused) = spare.run(body) {
                    body = refused;
                    thread::yield_now();
                }
            }
            let mut all: Vec<_> = (0..1_000).map(|_| runs.recv().unwrap()).collect();
            all.sort_unstable();
            assert_eq!(all, Vec::from_iter(0..1_000));
            spare.close();
        });
        assert!(runs.is_empty());
    }
}
