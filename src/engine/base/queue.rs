//! A bounded channel whose queue is dropped with its receiver: a room's inbox.
//!
//! crossbeam's channels keep queued items until the last sender is dropped. In the inbox of a room that failed that
//! would be forever: a join in the queue holds the seat that keeps the room open, and its sender waits for an answer
//! that only dropping the join can give. So the receiver sets `closed` and empties the queue, and a sender that sees
//! `closed` after it has sent empties it too. Each side writes one variable and then reads the other, in one total
//! order, so one of the two finds the item.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::engine::base::sync::channel;
pub use crate::engine::base::sync::channel::{RecvError, RecvTimeoutError, TryRecvError};

/// A channel that holds `capacity` items, at least one.
#[must_use]
pub fn bounded<T>(capacity: usize) -> (InboxSender<T>, InboxReceiver<T>) {
    let (items, queue) = channel::bounded(capacity);
    let shared = Arc::new(Shared { closed: AtomicBool::new(false), queue });
    (InboxSender { items, shared: Arc::clone(&shared) }, InboxReceiver { shared })
}

struct Shared<T> {
    /// The receiver was dropped.
    closed: AtomicBool,
    queue: channel::Receiver<T>,
}

impl<T> Shared<T> {
    fn discard(&self) {
        // Each item drops before the next is taken; dropping one may send elsewhere, never here.
        while self.queue.try_recv().is_ok() {}
    }
}

/// A sending end.
pub struct InboxSender<T> {
    items: channel::Sender<T>,
    shared: Arc<Shared<T>>,
}

/// The receiver was dropped, and the item with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

impl<T> InboxSender<T> {
    /// Sends an item. Blocks while the queue is full.
    ///
    /// # Errors
    /// The receiver was dropped; the item is dropped too.
    pub fn send(&self, item: T) -> Result<(), Disconnected> {
        let sent = !self.shared.closed.load(Ordering::SeqCst) && self.items.send(item).is_ok();
        if sent && !self.shared.closed.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.shared.discard();
        Err(Disconnected)
    }

    /// Whether both send to the same receiver.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for InboxSender<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), shared: Arc::clone(&self.shared) }
    }
}

/// The receiving end.
pub struct InboxReceiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> InboxReceiver<T> {
    /// Receives an item. Blocks while the queue is empty.
    ///
    /// # Errors
    /// No sender is left.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.shared.queue.recv()
    }

    /// Receives an item. Blocks while the queue is empty, until `deadline`.
    ///
    /// # Errors
    /// No sender is left, or the deadline has passed.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.shared.queue.recv_deadline(deadline)
    }

    /// Receives an item if there is one.
    ///
    /// # Errors
    /// The queue is empty, or no sender is left.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.queue.try_recv()
    }

    /// Whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.queue.is_empty()
    }
}

impl<T> Drop for InboxReceiver<T> {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.discard();
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_queued_is_dropped_with_the_receiver() {
        let (sender, receiver) = bounded(4);
        let item = Arc::new(());
        sender.send(Arc::clone(&item)).unwrap();
        drop(receiver);
        assert_eq!(Arc::strong_count(&item), 1);
        assert_eq!(sender.send(Arc::clone(&item)), Err(Disconnected));
        assert_eq!(Arc::strong_count(&item), 1);
    }

    #[test]
    fn a_sender_that_waits_for_room_is_refused_when_the_receiver_goes() {
        for _ in 0..200 {
            let (sender, receiver) = bounded(1);
            let item = Arc::new(());
            sender.send(Arc::clone(&item)).unwrap();
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| assert_eq!(sender.send(Arc::clone(&item)), Err(Disconnected)));
                }
                drop(receiver);
            });
            assert_eq!(Arc::strong_count(&item), 1);
        }
    }
}
