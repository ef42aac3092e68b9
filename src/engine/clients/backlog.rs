//! The backlog of a client whose socket is full: bytes in order, with the events that they complete.
//!
//! Owned by an outbox, under its lock. Most clients never have one, so while it is empty it is one machine word; a
//! client that was slow once does not keep the memory that it needed then.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::engine::clients::conflating_queue::ConflatingQueue;
use crate::engine::clients::conflation_key::ConflationKey;

/// What an entry takes beside its bytes.
pub const ENTRY_BYTES: usize = size_of::<Chunk>();

/// See the module.
#[derive(Default)]
pub struct Backlog {
    /// `None` while it is empty.
    queue: Option<Box<Queue>>,
}

#[derive(Default)]
struct Queue {
    chunks: ConflatingQueue<Chunk>,
    bytes: usize,
}

/// Bytes, and how many events are written when the last of them is.
struct Chunk {
    bytes: Bytes,
    events: u32,
    /// The size of their buffer, if nobody else has it.
    own: usize,
}

/// What a part of a backlog was that has left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Popped {
    /// Events whose last byte is gone, or that were replaced.
    pub events: u64,
    /// Bytes of the buffers of this client alone that were released.
    pub own: usize,
}

impl Backlog {
    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_none()
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.bytes)
    }

    /// How many events wait that newer ones can replace.
    #[must_use]
    pub fn keyed(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.chunks.keyed())
    }

    /// Adds bytes, and how many events are written when the last of them is. `own`: the size of their buffer, if
    /// nobody else has it. `key`: they are one event that can be replaced, and [`Self::replace`] has been asked.
    pub fn push(&mut self, bytes: Bytes, events: u32, own: usize, key: Option<Arc<ConflationKey>>) {
        let queue = self.queue.get_or_insert_default();
        queue.bytes += bytes.len();
        queue.chunks.push(Chunk { bytes, events, own }, key);
    }

    /// Takes out the event of this key, unless it is being written: a newer one is about to take its place.
    pub fn replace(&mut self, key: &ConflationKey) -> Option<Popped> {
        let queue = self.queue.as_mut()?;
        let Chunk { bytes, events, own } = queue.chunks.take_out(key)?;
        queue.bytes -= bytes.len();
        if queue.chunks.is_empty() {
            self.queue = None;
        }
        Some(Popped { events: u64::from(events), own })
    }

    /// The first parts, at most `max`, to be written; none of them is replaced from now on.
    #[must_use]
    pub fn parts(&mut self, max: usize) -> Vec<Bytes> {
        let chunks = self.queue.iter_mut().flat_map(|queue| queue.chunks.fix(max));
        chunks.map(|chunk| chunk.bytes.clone()).collect()
    }

    /// Takes the first `count` bytes off, which are written.
    pub fn pop(&mut self, mut count: usize) -> Popped {
        let mut popped = Popped::default();
        let Some(queue) = &mut self.queue else { return popped };
        queue.bytes -= count;
        while let Some(front) = queue.chunks.front_mut() {
            if front.bytes.len() > count {
                front.bytes.advance(count);
                return popped;
            }
            count -= front.bytes.len();
            popped.events += u64::from(front.events);
            popped.own += front.own;
            queue.chunks.pop_front();
        }
        self.queue = None;
        popped
    }

    /// Empties it.
    pub fn clear(&mut self) -> Popped {
        let chunks = self.queue.take().into_iter().flat_map(|queue| queue.chunks.into_items());
        chunks.fold(Popped::default(), |popped, Chunk { events, own, .. }| Popped {
            events: popped.events + u64::from(events),
            own: popped.own + own,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_complete_with_its_last_byte_and_nothing_stays_behind() {
        let mut backlog = Backlog::default();
        backlog.push(Bytes::from_static(b"abc"), 2, 7, None);
        backlog.push(Bytes::from_static(b"de"), 1, 0, None);
        assert_eq!(backlog.parts(9), [&b"abc"[..], b"de"]);
        assert_eq!((backlog.pop(2), backlog.bytes()), (Popped { events: 0, own: 0 }, 3));
        assert_eq!(backlog.parts(1), [&b"c"[..]]);
        assert_eq!((backlog.pop(2), backlog.bytes()), (Popped { events: 2, own: 7 }, 1));
        assert_eq!((backlog.pop(1), backlog.bytes()), (Popped { events: 1, own: 0 }, 0));
        assert!(backlog.is_empty());
        backlog.push(Bytes::from_static(b"abc"), 2, 7, None);
        assert_eq!((backlog.clear(), backlog.is_empty()), (Popped { events: 2, own: 7 }, true));
    }
}
