//! A reply that is awaited: a future without a runtime, and what runs it on a thread.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// A channel for one value.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Arc::new(Mutex::new(Slot { state: State::Open, _waker: None }));
    (Sender(Arc::clone(&slot)), Receiver(slot))
}

struct Slot<T> {
    state: State<T>,
    /// Who is to be woken when the state changes.
    _waker: Option<Waker>,
}

enum State<T> {
    Open,
    Sent(T),
    /// The sender is gone, or the value was taken.
    Dropped,
}

/// Replies once; dropped without a reply, it has its receiver end with [`Unanswered`].
pub struct Sender<T>(Arc<Mutex<Slot<T>>>);

/// The reply, as a future.
pub struct Receiver<T>(Arc<Mutex<Slot<T>>>);

/// There will be no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

impl<T> Sender<T> {
    /// Replies.
    pub fn send(self, value: T) {
        self.settle(State::Sent(value));
    }

    fn settle(&self, outcome: State<T>) {
        let mut slot = lock(&self.0);
        if matches!(slot.state, State::Open) {
            slot.state = outcome;
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.settle(State::Dropped);
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Unanswered>;

    fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = lock(&self.0);
        match std::mem::replace(&mut slot.state, State::Dropped) {
            State::Sent(value) => Poll::Ready(Ok(value)),
            State::Dropped => Poll::Ready(Err(Unanswered)),
            State::Open => {
                slot.state = State::Open;
                Poll::Pending
            }
        }
    }
}

/// The first reply of two. The other is dropped.
pub async fn first<T>(one: Receiver<T>, _other: Receiver<T>) -> Result<T, Unanswered> {
    one.await
}

fn lock<T>(slot: &Mutex<Slot<T>>) -> MutexGuard<'_, Slot<T>> {
    slot.lock().expect("nobody panics under the lock")
}

// ANCHOR: block_on
/// Runs a future on this thread, which sleeps while there is nothing to do. All of an async runtime that one future needs.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            // An `unpark` that came before this is not lost: then it returns at once.
            Poll::Pending => thread::park(),
        }
    }
}
// ANCHOR_END: block_on
