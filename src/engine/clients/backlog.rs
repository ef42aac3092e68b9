//! The backlog of a client whose socket is full: bytes in order, with the events that they complete.
//!
//! Owned by an outbox, under its lock. Most clients never have one, so while it is empty it is one machine word; a
//! client that was slow once does not keep the memory that it needed then.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// See the module.
#[derive(Default)]
pub struct Backlog {
    /// `None` while it is empty.
    queue: Option<Box<Queue>>,
}

#[derive(Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    bytes: usize,
}

/// Bytes, and how many events are written when the last of them is.
struct Chunk {
    bytes: Bytes,
    events: u32,
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

    /// Adds bytes, and how many events are written when the last of them is.
    pub fn push(&mut self, bytes: Bytes, events: u32) {
        let queue = self.queue.get_or_insert_default();
        queue.bytes += bytes.len();
        queue.chunks.push_back(Chunk { bytes, events });
    }

    /// The first parts, at most `max`, to be written.
    #[must_use]
    pub fn parts(&self, max: usize) -> Vec<Bytes> {
        let chunks = self.queue.iter().flat_map(|queue| &queue.chunks);
        chunks.take(max).map(|chunk| chunk.bytes.clone()).collect()
    }

    /// Takes the first `count` bytes off, which are written; how many events that completes.
    pub fn pop(&mut self, mut count: usize) -> u64 {
        let Some(queue) = &mut self.queue else { return 0 };
        queue.bytes -= count;
        let mut completed = 0;
        while let Some(front) = queue.chunks.front_mut() {
            if front.bytes.len() > count {
                front.bytes.advance(count);
                return completed;
            }
            count -= front.bytes.len();
            completed += u64::from(front.events);
            queue.chunks.pop_front();
        }
        self.queue = None;
        completed
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.queue = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_complete_with_its_last_byte_and_nothing_stays_behind() {
        let mut backlog = Backlog::default();
        backlog.push(Bytes::from_static(b"abc"), 2);
        backlog.push(Bytes::from_static(b"de"), 1);
        assert_eq!(backlog.parts(9), [&b"abc"[..], b"de"]);
        assert_eq!((backlog.pop(2), backlog.bytes()), (0, 3));
        assert_eq!(backlog.parts(1), [&b"c"[..]]);
        assert_eq!((backlog.pop(2), backlog.bytes()), (2, 1));
        assert_eq!((backlog.pop(1), backlog.bytes()), (1, 0));
        assert!(backlog.is_empty());
    }
}
