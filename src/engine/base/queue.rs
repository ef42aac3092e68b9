//! A bounded channel whose queue goes with its receiver: what a room's inbox is made of.
//!
//! crossbeam's keeps what is queued until the last sender has gone. In the inbox of a room that
//! failed that would be for ever: a join in the queue holds the seat that keeps the room, and its
//! sender waits for an answer that only the dropping of the join can give. So the receiver sets
//! `over` and empties the queue, and who sends after that sees `over` and empties it too. Each
//! side writes one thing and then reads the other, all in one order, so one of the two finds the item.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::engine::base::sync::channel;
pub use crate::engine::base::sync::channel::{RecvError, RecvTimeoutError, TryRecvError};

/// A channel that holds `capacity` items, at least one.
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (items, queue) = channel::bounded(capacity);
    let fate = Arc::new(Fate { over: AtomicBool::new(false), queue });
    (Sender { items, fate: Arc::clone(&fate) }, Receiver { fate })
}

struct Fate<T> {
    /// There is no receiver any more.
    over: AtomicBool,
    queue: channel::Receiver<T>,
}

impl<T> Fate<T> {
    fn discard(&self) {
        // Each item drops before the next is taken; dropping one may send elsewhere, never here.
        while self.queue.try_recv().is_ok() {}
    }
}

/// The end that many hold.
pub struct Sender<T> {
    items: channel::Sender<T>,
    fate: Arc<Fate<T>>,
}

/// The receiver is gone, and the item with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

impl<T> Sender<T> {
    /// Sends an item. Blocks while the queue is full.
    ///
    /// # Errors
    /// There is no receiver; the item is dropped.
    pub fn send(&self, item: T) -> Result<(), Disconnected> {
        let sent = !self.fate.over.load(Ordering::SeqCst) && self.items.send(item).is_ok();
        if sent && !self.fate.over.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.fate.discard();
        Err(Disconnected)
    }

    /// Whether both send to the same receiver.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.fate, &other.fate)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), fate: Arc::clone(&self.fate) }
    }
}

/// The end that one holds.
pub struct Receiver<T> {
    fate: Arc<Fate<T>>,
}

impl<T> Receiver<T> {
    /// Receives an item. Blocks while the queue is empty.
    ///
    /// # Errors
    /// There is no sender any more.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.fate.queue.recv()
    }

    /// Receives an item. Blocks while the queue is empty, until `deadline`.
    ///
    /// # Errors
    /// There is no sender any more, or it is too late.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.fate.queue.recv_deadline(deadline)
    }

    /// Receives an item if there is one.
    ///
    /// # Errors
    /// There is none now, or no sender any more.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.fate.queue.try_recv()
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fate.queue.is_empty()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.fate.over.store(true, Ordering::SeqCst);
        self.fate.discard();
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
