//! A bounded channel whose queue is dropped with its receiver: a room's inbox.
//!
//! An item must not outlive the receiver: in the inbox of a room that failed, a join holds the seat that keeps the room
//! open, and its sender waits for an answer that only dropping the join can give. So the receiver closes the queue and
//! empties it under one lock, and a sender that finds it closed is refused. The queue takes memory for what is in it,
//! and a thread that finds nothing sleeps at once: there are thousands of inboxes, nearly all of them empty, and a
//! thread that yields the processor first, as those of crossbeam's channels do, costs a switch each time.
//!
//! A receiver may let its senders handle items themselves, through a [`Shortcut`], while nothing is pending: an item is
//! pending from before it is queued until the receiver has handled it. So the items of one sender keep their order:
//! behind one of its own that is queued or being handled it takes no shortcut.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::engine::base::sync::atomic::{AtomicUsize, Ordering};
pub use crate::engine::base::sync::channel::{RecvError, RecvTimeoutError, TryRecvError};
use crate::engine::base::sync::{Condvar, Mutex, MutexGuard};

/// A channel that holds `capacity` items, at least one.
#[must_use]
pub fn bounded<T>(capacity: usize) -> (InboxSender<T>, InboxReceiver<T>) {
    let queue = Queue { items: VecDeque::new(), senders: 1, is_closed: false };
    let shared = Arc::new(Shared {
        queue: Mutex::new(queue),
        capacity: capacity.max(1),
        has_item: Condvar::new(),
        has_space: Condvar::new(),
        pending: Pending(AtomicUsize::new(0)),
        shortcut: OnceLock::new(),
    });
    (InboxSender(Arc::clone(&shared)), InboxReceiver { shared, received: Cell::new(0) })
}

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    capacity: usize,
    /// Notified when an item is queued, and when the last sender goes.
    has_item: Condvar,
    /// Notified when an item is received, and when the receiver goes.
    has_space: Condvar,
    pending: Pending,
    shortcut: OnceLock<Arc<dyn Shortcut<T>>>,
}

struct Queue<T> {
    items: VecDeque<T>,
    senders: usize,
    /// The receiver was dropped.
    is_closed: bool,
}

/// How many items are queued, about to be queued, or being handled by the receiver.
pub struct Pending(AtomicUsize);

impl Pending {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

/// Handles items on their senders' threads.
pub trait Shortcut<T>: Send + Sync {
    /// Handles an item, if it can do so at once and none is pending. It excludes the receiver while it looks and while
    /// it handles the item.
    fn handle(&self, item: T, pending: &Pending) -> Handled<T>;
}

/// What became of an item that was to take the shortcut.
pub enum Handled<T> {
    /// It was handled.
    Here,
    /// It was handled, and the receiver gets this item instead.
    Wake(T),
    /// It was not handled: the receiver gets it.
    Not(T),
}

/// A sending end.
pub struct InboxSender<T>(Arc<Shared<T>>);

/// The receiver was dropped, and the item with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

/// The queue is full, or the receiver was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotQueued;

impl<T> InboxSender<T> {
    /// Sends an item, or handles it by the shortcut. Blocks while the queue is full.
    ///
    /// # Errors
    /// The receiver was dropped; the item is dropped too.
    pub fn send(&self, item: T) -> Result<(), Disconnected> {
        let handled = match self.0.shortcut.get() {
            Some(shortcut) => shortcut.handle(item, &self.0.pending),
            None => Handled::Not(item),
        };
        match handled {
            Handled::Here => Ok(()),
            Handled::Wake(item) | Handled::Not(item) => self.queue(item),
        }
    }

    fn queue(&self, item: T) -> Result<(), Disconnected> {
        self.0.pending.0.fetch_add(1, Ordering::SeqCst);
        let mut queue = self.0.queue.lock();
        while queue.items.len() >= self.0.capacity && !queue.is_closed {
            self.0.has_space.wait(&mut queue);
        }
        if queue.is_closed {
            drop(queue);
            // Outside the lock, as the parameter is: dropping it may send elsewhere.
            drop(item);
            return Err(Disconnected);
        }
        self.push(queue, item);
        Ok(())
    }

    /// Puts the item into the queue, and wakes the receiver if it was empty: before it sleeps the receiver takes all. Who comes
    /// next would wake it again before it has had the processor, with a system call for each item.
    fn push(&self, mut queue: MutexGuard<'_, Queue<T>>, item: T) {
        let was_empty = queue.items.is_empty();
        queue.items.push_back(item);
        drop(queue);
        if was_empty {
            self.0.has_item.notify_one();
        }
    }

    /// Queues an item, unless the queue is full. Does not block, and takes no shortcut.
    ///
    /// # Errors
    /// The queue is full, or the receiver was dropped; the item is dropped too.
    pub fn try_send(&self, item: T) -> Result<(), NotQueued> {
        self.0.pending.0.fetch_add(1, Ordering::SeqCst);
        let queue = self.0.queue.lock();
        if queue.items.len() >= self.0.capacity || queue.is_closed {
            drop(queue);
            self.0.pending.0.fetch_sub(1, Ordering::SeqCst);
            // Outside the lock: dropping it may send elsewhere.
            drop(item);
            return Err(NotQueued);
        }
        self.push(queue, item);
        Ok(())
    }

    /// Whether both send to the same receiver.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Clone for InboxSender<T> {
    fn clone(&self) -> Self {
        self.0.queue.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for InboxSender<T> {
    fn drop(&mut self) {
        let is_last = {
            let mut queue = self.0.queue.lock();
            queue.senders -= 1;
            queue.senders == 0
        };
        if is_last {
            self.0.has_item.notify_one();
        }
    }
}

/// The receiving end.
pub struct InboxReceiver<T> {
    shared: Arc<Shared<T>>,
    /// Items that were received and are still pending.
    received: Cell<usize>,
}

impl<T> InboxReceiver<T> {
    /// Lets senders handle items themselves from now on.
    pub fn set_shortcut(&self, shortcut: Arc<dyn Shortcut<T>>) {
        // A receiver sets it once.
        _ = self.shared.shortcut.set(shortcut);
    }

    /// What was received is handled: it is no longer pending.
    pub fn settle(&self) {
        self.shared.pending.0.fetch_sub(self.received.take(), Ordering::SeqCst);
    }

    fn take(&self, queue: &mut MutexGuard<'_, Queue<T>>) -> Result<T, TryRecvError> {
        let Some(item) = queue.items.pop_front() else {
            return Err(if queue.senders == 0 { TryRecvError::Disconnected } else { TryRecvError::Empty });
        };
        self.received.set(self.received.get() + 1);
        self.shared.has_space.notify_one();
        Ok(item)
    }

    /// Receives an item. Blocks while the queue is empty.
    ///
    /// # Errors
    /// No sender is left.
    pub fn recv(&self) -> Result<T, RecvError> {
        let mut queue = self.shared.queue.lock();
        loop {
            match self.take(&mut queue) {
                Err(TryRecvError::Empty) => self.shared.has_item.wait(&mut queue),
                taken => return taken.map_err(|_| RecvError),
            }
        }
    }

    /// Receives an item. Blocks while the queue is empty, until `deadline`.
    ///
    /// # Errors
    /// No sender is left, or the deadline has passed.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        let mut queue = self.shared.queue.lock();
        let mut is_over = false;
        loop {
            match self.take(&mut queue) {
                Err(TryRecvError::Empty) if is_over => return Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Empty) => {
                    is_over = self.shared.has_item.wait_until(&mut queue, deadline).timed_out();
                }
                taken => return taken.map_err(|_| RecvTimeoutError::Disconnected),
            }
        }
    }

    /// Receives an item if there is one.
    ///
    /// # Errors
    /// The queue is empty, or no sender is left.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.take(&mut self.shared.queue.lock())
    }

    /// Whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.queue.lock().items.is_empty()
    }
}

impl<T> Drop for InboxReceiver<T> {
    fn drop(&mut self) {
        let items = {
            let mut queue = self.shared.queue.lock();
            queue.is_closed = true;
            std::mem::take(&mut queue.items)
        };
        self.shared.has_space.notify_all();
        // Outside the lock: dropping an item may send elsewhere.
        drop(items);
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

    /// Handles every item, unless one is pending.
    #[derive(Default)]
    struct Adding(parking_lot::Mutex<Vec<u32>>);

    impl Shortcut<u32> for Adding {
        fn handle(&self, item: u32, pending: &Pending) -> Handled<u32> {
            match self.0.try_lock() {
                Some(mut taken) if pending.is_none() => {
                    taken.push(item);
                    if item == 9 { Handled::Wake(0) } else { Handled::Here }
                }
                _ => Handled::Not(item),
            }
        }
    }

    #[test]
    fn an_item_takes_the_shortcut_unless_one_is_pending() {
        let (sender, receiver) = bounded::<u32>(4);
        sender.send(1).unwrap();
        let adding = Arc::new(Adding::default());
        receiver.set_shortcut(Arc::clone(&adding) as _);
        sender.send(2).unwrap();
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
        // They are being handled.
        sender.send(3).unwrap();
        assert_eq!(receiver.try_recv(), Ok(3));
        receiver.settle();
        sender.send(4).unwrap();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        sender.send(9).unwrap();
        assert_eq!(receiver.try_recv(), Ok(0));
        assert_eq!(*adding.0.lock(), [4, 9]);
    }

    #[test]
    fn the_items_of_a_sender_are_handled_in_their_order_on_whichever_thread() {
        const EACH: u32 = 2_000;
        let (sender, receiver) = bounded(4);
        let adding = Arc::new(Adding::default());
        receiver.set_shortcut(Arc::clone(&adding) as _);
        thread::scope(|scope| {
            for first in [10_000, 20_000, 30_000] {
                let sender = sender.clone();
                scope.spawn(move || (first..first + EACH).for_each(|item| sender.send(item).unwrap()));
            }
            drop(sender);
            while let Ok(item) = receiver.recv() {
                adding.0.lock().push(item);
                receiver.settle();
            }
        });
        let taken = adding.0.lock();
        assert_eq!(taken.len(), 3 * EACH as usize);
        for first in [10_000, 20_000, 30_000] {
            assert!(taken.iter().filter(|item| **item / 10_000 == first / 10_000).is_sorted(), "{first}");
        }
    }

    #[test]
    fn an_item_that_may_not_wait_is_refused_by_a_full_queue() {
        let (sender, receiver) = bounded(1);
        receiver.set_shortcut(Arc::new(Adding::default()));
        assert_eq!((sender.try_send(1), sender.try_send(2)), (Ok(()), Err(NotQueued)));
        assert_eq!(receiver.try_recv(), Ok(1));
        receiver.settle();
        sender.send(3).unwrap();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "nothing is pending: it took the shortcut");
        drop(receiver);
        assert_eq!(sender.try_send(4), Err(NotQueued));
    }

    #[test]
    fn a_receiver_waits_until_its_deadline_or_until_the_last_sender_has_gone() {
        let (sender, receiver) = bounded(1);
        let now = Instant::now();
        assert_eq!(receiver.recv_deadline(now), Err(RecvTimeoutError::Timeout));
        sender.send(1).unwrap();
        // What is there is received also when it is late.
        assert_eq!(receiver.recv_deadline(now), Ok(1));
        thread::scope(|scope| {
            let other = sender.clone();
            scope.spawn(move || drop(sender));
            scope.spawn(move || {
                other.send(2).unwrap();
                drop(other);
            });
            assert_eq!((receiver.recv(), receiver.recv()), (Ok(2), Err(RecvError)));
        });
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
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
