//! crossbeam-channel's shape, as far as the engine uses it, over the checked mutex and conditions.
//!
//! crossbeam itself cannot run under shuttle. What is queued stays when the receiver goes, as
//! crossbeam's bounded channel has it; deadlines never pass.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crossbeam_channel::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use super::{Condvar, Mutex};

struct Queue<T> {
    items: VecDeque<T>,
    capacity: usize,
    senders: usize,
    receivers: usize,
}

struct Channel<T> {
    queue: Mutex<Queue<T>>,
    not_empty: Condvar,
    not_full: Condvar,
}

/// As crossbeam's.
pub struct Sender<T>(Arc<Channel<T>>);

/// As crossbeam's.
pub struct Receiver<T>(Arc<Channel<T>>);

/// As crossbeam's; a rendezvous channel is not modelled.
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "rendezvous channels are not modelled");
    let queue = Queue { items: VecDeque::new(), capacity, senders: 1, receivers: 1 };
    let channel = Arc::new(Channel { queue: Mutex::new(queue), not_empty: Condvar::new(), not_full: Condvar::new() });
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

impl<T> Sender<T> {
    /// As crossbeam's.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        let mut queue = self.0.queue.lock();
        loop {
            if queue.receivers == 0 {
                return Err(SendError(item));
            }
            if queue.items.len() < queue.capacity {
                queue.items.push_back(item);
                drop(queue);
                self.0.not_empty.notify_one();
                return Ok(());
            }
            self.0.not_full.wait(&mut queue);
        }
    }

    /// As crossbeam's.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let mut queue = self.0.queue.lock();
        if queue.receivers == 0 {
            return Err(TrySendError::Disconnected(item));
        }
        if queue.items.len() >= queue.capacity {
            return Err(TrySendError::Full(item));
        }
        queue.items.push_back(item);
        drop(queue);
        self.0.not_empty.notify_one();
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// As crossbeam's.
    pub fn is_empty(&self) -> bool {
        self.0.queue.lock().items.is_empty()
    }

    /// As crossbeam's.
    pub fn recv(&self) -> Result<T, RecvError> {
        let mut queue = self.0.queue.lock();
        loop {
            if let Some(item) = queue.items.pop_front() {
                drop(queue);
                self.0.not_full.notify_one();
                return Ok(item);
            }
            if queue.senders == 0 {
                return Err(RecvError);
            }
            self.0.not_empty.wait(&mut queue);
        }
    }

    /// As crossbeam's.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut queue = self.0.queue.lock();
        match queue.items.pop_front() {
            Some(item) => {
                drop(queue);
                self.0.not_full.notify_one();
                Ok(item)
            }
            None if queue.senders == 0 => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// As crossbeam's, but the deadline never passes.
    pub fn recv_deadline(&self, _: Instant) -> Result<T, RecvTimeoutError> {
        self.recv().map_err(|_| RecvTimeoutError::Disconnected)
    }

    /// As crossbeam's, but the time is never over.
    pub fn recv_timeout(&self, _: Duration) -> Result<T, RecvTimeoutError> {
        self.recv().map_err(|_| RecvTimeoutError::Disconnected)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.queue.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.queue.lock().receivers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let last = {
            let mut queue = self.0.queue.lock();
            queue.senders -= 1;
            queue.senders == 0
        };
        if last {
            self.0.not_empty.notify_all();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.receivers -= 1;
        let last = queue.receivers == 0;
        drop(queue);
        if last {
            self.0.not_full.notify_all();
        }
    }
}
