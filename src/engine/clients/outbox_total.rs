//! The bytes that wait for all clients together, and the bound on them.
//!
//! A buffer that only one client waits for counts in its outbox; one that a round shares among many counts once, for
//! as long as anybody waits for it. When all of it is more than the bound (`--outbox-total`), the clients that have
//! the most are cut, one after the other: on the thread that added the last bytes, after it has given up the lock of
//! the outbox that it added to. Counting is atomic; the list's lock is a leaf.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;

use crate::engine::base::sync::Mutex;

/// What holds events for a client, as the bound on all of them sees it: an outbox, or a gate before one.
pub trait HoldsEvents: Send + Sync {
    /// Drops what waits, and ends the connection.
    fn cut(&self);
}

/// See the module.
#[derive(Default)]
pub struct OutboxTotal {
    bytes: AtomicUsize,
    next: AtomicU64,
    outboxes: Mutex<BTreeMap<u64, Registered>>,
}

struct Registered {
    waiting: Arc<AtomicUsize>,
    outbox: Weak<dyn HoldsEvents>,
}

/// What one outbox has of the total. Taken out of it when it is dropped.
pub struct OutboxShare {
    total: Arc<OutboxTotal>,
    bytes_max: usize,
    number: u64,
    /// Bytes that wait for this client, shared ones included: by this the fullest is found.
    waiting: Arc<AtomicUsize>,
    /// Bytes in buffers that only this client waits for.
    own: AtomicUsize,
}

impl OutboxTotal {
    /// The bytes that wait for all clients now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A buffer that many clients may wait for: it counts once, with all that was allocated for it, for as long as it
    /// exists.
    #[must_use]
    pub fn share(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        if buffer.is_empty() {
            return Bytes::new();
        }
        self.bytes.fetch_add(buffer.capacity(), Ordering::Relaxed);
        Bytes::from_owner(SharedBuffer { total: Arc::clone(self), buffer })
    }

    /// Cuts the clients that have the most until the total is within `bytes_max`. Must not be called with the lock of
    /// an outbox.
    pub fn cut_to(&self, bytes_max: usize) {
        while self.bytes() > bytes_max {
            let fullest = {
                let outboxes = self.outboxes.lock();
                let waiting = |registered: &Registered| registered.waiting.load(Ordering::Relaxed);
                let fullest = outboxes.values().max_by_key(|registered| waiting(registered));
                fullest.filter(|registered| waiting(registered) > 0).map(|registered| registered.outbox.clone())
            };
            match fullest.and_then(|outbox| outbox.upgrade()) {
                Some(outbox) => outbox.cut(),
                // What counts is on its way to sockets, or being dropped by another thread.
                None => return,
            }
        }
    }
}

/// A buffer with its place in the total.
struct SharedBuffer {
    total: Arc<OutboxTotal>,
    buffer: Vec<u8>,
}

impl AsRef<[u8]> for SharedBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for SharedBuffer {
    fn drop(&mut self) {
        self.total.bytes.fetch_sub(self.buffer.capacity(), Ordering::Relaxed);
    }
}

impl OutboxShare {
    /// The share of a new outbox. `bytes_max` bounds the total.
    #[must_use]
    pub fn new(total: &Arc<OutboxTotal>, bytes_max: usize, outbox: Weak<dyn HoldsEvents>) -> Self {
        let number = total.next.fetch_add(1, Ordering::Relaxed);
        let waiting = Arc::<AtomicUsize>::default();
        let registered = Registered { waiting: Arc::clone(&waiting), outbox };
        total.outboxes.lock().insert(number, registered);
        Self { total: Arc::clone(total), bytes_max, number, waiting, own: AtomicUsize::new(0) }
    }

    /// The total.
    #[must_use]
    pub fn total(&self) -> &Arc<OutboxTotal> {
        &self.total
    }

    /// Adds bytes that wait from now on, of which so many are in buffers of this client alone.
    pub fn add(&self, waiting: usize, own: usize) {
        self.waiting.fetch_add(waiting, Ordering::Relaxed);
        self.own.fetch_add(own, Ordering::Relaxed);
        self.total.bytes.fetch_add(own, Ordering::Relaxed);
    }

    /// Takes bytes out that wait no longer.
    pub fn remove(&self, waiting: usize, own: usize) {
        self.waiting.fetch_sub(waiting, Ordering::Relaxed);
        self.own.fetch_sub(own, Ordering::Relaxed);
        self.total.bytes.fetch_sub(own, Ordering::Relaxed);
    }

    /// Cuts clients if too much waits for all of them. Must not be called with the lock of an outbox.
    pub fn relieve(&self) {
        if self.total.bytes() > self.bytes_max {
            self.total.cut_to(self.bytes_max);
        }
    }
}

impl Drop for OutboxShare {
    fn drop(&mut self) {
        let registered = self.total.outboxes.lock().remove(&self.number);
        drop(registered);
        self.total.bytes.fetch_sub(*self.own.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::OnceLock;

    use super::*;

    /// Holds bytes until it is cut.
    #[derive(Default)]
    struct Client {
        share: OnceLock<OutboxShare>,
        held: Mutex<(usize, usize)>,
    }

    impl Client {
        fn new(total: &Arc<OutboxTotal>, bytes_max: usize) -> Arc<Self> {
            let client = Arc::<Self>::default();
            let weak = Arc::downgrade(&client) as Weak<dyn HoldsEvents>;
            client.share.get_or_init(|| OutboxShare::new(total, bytes_max, weak));
            client
        }

        fn share(&self) -> &OutboxShare {
            self.share.get().expect("it is set when the client is made")
        }

        fn hold(&self, waiting: usize, own: usize) {
            let mut held = self.held.lock();
            *held = (held.0 + waiting, held.1 + own);
            self.share().add(waiting, own);
            drop(held);
            self.share().relieve();
        }

        fn has(&self) -> usize {
            self.held.lock().0
        }
    }

    impl HoldsEvents for Client {
        fn cut(&self) {
            let (waiting, own) = std::mem::take(&mut *self.held.lock());
            self.share().remove(waiting, own);
        }
    }

    #[test]
    fn the_client_with_the_most_is_cut_first_and_no_more_than_needed() {
        let total = Arc::default();
        let [one, two, three] = [(); 3].map(|()| Client::new(&total, 100));
        one.hold(30, 30);
        two.hold(50, 50);
        three.hold(20, 20);
        assert_eq!((one.has(), two.has(), three.has(), total.bytes()), (30, 50, 20, 100));
        three.hold(1, 1);
        assert_eq!((one.has(), two.has(), three.has(), total.bytes()), (30, 0, 21, 51));
        one.hold(200, 200);
        assert_eq!((one.has(), two.has(), three.has(), total.bytes()), (0, 0, 21, 21));
    }

    #[test]
    fn what_many_wait_for_counts_once_and_for_as_long_as_anybody_waits() {
        let total = Arc::default();
        let clients = [(); 10].map(|()| Client::new(&total, 100));
        let buffer = total.share(vec![0; 90]);
        for client in &clients {
            client.hold(90, 0);
        }
        assert_eq!(total.bytes(), 90);
        let part = buffer.slice(10..20);
        drop(buffer);
        assert_eq!(total.bytes(), 90);
        drop(part);
        assert_eq!(total.bytes(), 0);
        assert!(clients.iter().all(|client| client.has() == 90));
    }

    #[test]
    fn a_buffer_counts_with_what_it_was_given_and_does_not_fill() {
        let total = Arc::default();
        let mut buffer = Vec::with_capacity(100);
        buffer.push(b'a');
        let allocated = buffer.capacity();
        let shared = OutboxTotal::share(&total, buffer);
        assert_eq!(total.bytes(), allocated);
        drop(shared);
        assert_eq!(total.bytes(), 0);
    }

    #[test]
    fn a_client_that_is_gone_leaves_nothing_behind() {
        let total = Arc::default();
        let client = Client::new(&total, 100);
        client.hold(50, 50);
        drop(client);
        assert_eq!((total.bytes(), total.outboxes.lock().len()), (0, 0));
    }

    #[test]
    fn a_total_that_nobody_can_lower_ends_the_attempt() {
        let total = Arc::default();
        let client = Client::new(&total, 100);
        let _shared = total.share(vec![0; 200]);
        client.hold(1, 1);
        assert_eq!((client.has(), total.bytes()), (0, 200));
    }
}
