//! One reply to one question: a channel for a single value.
//!
//! Who receives sleeps at once. crossbeam's channels look some ten times before they do, and give their turn away
//! between the looks, which is right where the other side is about to speak on another processor. Who waits for a
//! room is one of thousands that share a few: each look was a switch between threads, and together they were a
//! tenth of what a new connection cost.

use std::sync::Arc;

use crate::engine::base::sync::{Condvar, Mutex};

/// The two ends.
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Arc::new(Slot { state: Mutex::new(State::Open), settled: Condvar::new() });
    (Sender(Arc::clone(&slot)), Receiver(slot))
}

struct Slot<T> {
    state: Mutex<State<T>>,
    /// Told when the state is no longer `Open`.
    settled: Condvar,
}

enum State<T> {
    Open,
    Sent(T),
    /// There is nobody any more who could send.
    Dropped,
}

/// The end of the one who is asked. Dropping it is an answer too.
pub struct Sender<T>(Arc<Slot<T>>);

/// The end of the one who asks.
pub struct Receiver<T>(Arc<Slot<T>>);

/// Who was asked is gone, and gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

impl<T> Sender<T> {
    /// Answers. Whether anybody still waits is not told: who asked may be gone. Never blocks.
    pub fn send(self, value: T) {
        self.settle(State::Sent(value));
    }

    fn settle(&self, outcome: State<T>) {
        let mut state = self.0.state.lock();
        if matches!(*state, State::Open) {
            *state = outcome;
            drop(state);
            self.0.settled.notify_all();
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.settle(State::Dropped);
    }
}

impl<T> Receiver<T> {
    /// Blocks until there is an answer.
    ///
    /// # Errors
    /// There will be none.
    pub fn wait(self) -> Result<T, Unanswered> {
        let mut state = self.0.state.lock();
        loop {
            match std::mem::replace(&mut *state, State::Dropped) {
                State::Sent(value) => return Ok(value),
                State::Dropped => return Err(Unanswered),
                State::Open => *state = State::Open,
            }
            self.0.settled.wait(&mut state);
        }
    }

    /// Whether [`Awaited::wait`] would return at once.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(*self.0.state.lock(), State::Open)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn who_waits_gets_the_answer_or_learns_that_there_is_none() {
        let (reply, awaited) = channel();
        assert!(!awaited.is_settled());
        let waiting = thread::spawn(move || awaited.wait());
        reply.send("yes");
        assert_eq!(waiting.join().unwrap(), Ok("yes"));

        let (reply, awaited) = channel::<&str>();
        let waiting = thread::spawn(move || awaited.wait());
        drop(reply);
        assert_eq!(waiting.join().unwrap(), Err(Unanswered));

        let (reply, awaited) = channel();
        reply.send("early");
        assert!(awaited.is_settled());
        assert_eq!(awaited.wait(), Ok("early"));
    }

    #[test]
    fn an_answer_that_nobody_hears_is_dropped() {
        let item = Arc::new(());
        let (reply, awaited) = channel();
        drop(awaited);
        reply.send(Arc::clone(&item));
        assert_eq!(Arc::strong_count(&item), 1);

        let (reply, awaited) = channel();
        reply.send(Arc::clone(&item));
        drop(awaited);
        assert_eq!(Arc::strong_count(&item), 1);
    }
}
