//! A channel for a single value: the reply to a request.
//!
//! The receiver sleeps at once. crossbeam's channels spin some ten times first and yield the processor in between,
//! which is right where the sender is about to answer on another core. Thousands of threads here share a few cores:
//! each spin was a context switch, and together they were a tenth of what a new connection cost.

use std::sync::Arc;

use super::{Condvar, Mutex};

/// A new channel.
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Arc::new(Slot { state: Mutex::new(State::Open), settled: Condvar::new() });
    (Sender(Arc::clone(&slot)), Receiver(slot))
}

struct Slot<T> {
    state: Mutex<State<T>>,
    /// Notified when the state is no longer `Open`.
    settled: Condvar,
}

enum State<T> {
    Open,
    Sent(T),
    /// The sender is gone, or the value was taken.
    Dropped,
}

/// Replies once. Dropped without a reply, it wakes the receiver with [`Unanswered`].
pub struct Sender<T>(Arc<Slot<T>>);

/// Waits for the reply.
pub struct Receiver<T>(Arc<Slot<T>>);

/// The sender was dropped without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

impl<T> Sender<T> {
    /// Replies. Does not report whether the receiver is still there. Never blocks.
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
    /// Blocks until the reply is there.
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

    /// Whether [`Receiver::wait`] would return at once.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(*self.0.state.lock(), State::Open)
    }

    /// Looks at the reply, if it is there. For scenarios of races.
    pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        match &*self.0.state.lock() {
            State::Sent(value) => Some(look(value)),
            State::Open | State::Dropped => None,
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_receiver_gets_the_reply_or_learns_that_there_is_none() {
        let (reply, answer) = channel();
        assert!(!answer.is_settled());
        let waiting = thread::spawn(move || answer.wait());
        reply.send("yes");
        assert_eq!(waiting.join().unwrap(), Ok("yes"));

        let (reply, answer) = channel::<&str>();
        let waiting = thread::spawn(move || answer.wait());
        drop(reply);
        assert_eq!(waiting.join().unwrap(), Err(Unanswered));

        let (reply, answer) = channel();
        reply.send("early");
        assert!(answer.is_settled());
        assert_eq!(answer.wait(), Ok("early"));
    }

    #[test]
    fn a_reply_without_a_receiver_is_dropped() {
        let item = Arc::new(());
        let (reply, answer) = channel();
        drop(answer);
        reply.send(Arc::clone(&item));
        assert_eq!(Arc::strong_count(&item), 1);

        let (reply, answer) = channel();
        reply.send(Arc::clone(&item));
        drop(answer);
        assert_eq!(Arc::strong_count(&item), 1);
    }
}
