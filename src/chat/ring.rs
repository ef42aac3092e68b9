//! The newest messages of a room, in memory: what joins, `history` and short interruptions need.
//!
//! Its numbers are dense: a message enters only as the successor of the newest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::message::{Body, Message};
use super::time::Time;
use roomd_protocol::UserName;

/// At most `capacity` messages, oldest first.
#[derive(Debug)]
pub struct Ring {
    messages: VecDeque<Arc<Message>>,
    /// Those of them that were changed, and the number of the newest message when that last happened.
    changed: BTreeMap<u64, u64>,
    capacity: usize,
    /// The number of the newest message ever taken in; 0 before the first.
    newest: u64,
}

impl Ring {
    /// The ring of a room whose newest message has the number `newest`; `recent` are the newest
    /// messages, without a gap.
    #[must_use]
    pub fn new(capacity: usize, newest: u64, recent: Vec<Message>) -> Self {
        let surplus = recent.len().saturating_sub(capacity);
        let messages = recent.into_iter().skip(surplus).map(Arc::new).collect();
        Self { messages, changed: BTreeMap::new(), capacity, newest }
    }

    /// The number of the newest message; 0 before the first.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// The number of the oldest message that is kept; `newest() + 1` when none is.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        self.newest + 1 - self.messages.len() as u64
    }

    /// Takes the next message in.
    ///
    /// # Panics
    /// When its number is not the successor of the newest: the order of the room would be broken.
    pub fn push(&mut self, message: Arc<Message>) {
        assert_eq!(message.seq, self.newest + 1, "a room's numbers are dense");
        self.newest = message.seq;
        if self.messages.len() >= self.capacity
            && let Some(gone) = self.messages.pop_front()
        {
            self.changed.remove(&gone.seq);
        }
        if self.capacity > 0 {
            self.messages.push_back(message);
        }
    }

    /// Forgets the messages up to the number `seq`.
    pub fn forget(&mut self, seq: u64) {
        let gone = seq.saturating_add(1).saturating_sub(self.oldest());
        let gone = usize::try_from(gone).unwrap_or(usize::MAX).min(self.messages.len());
        self.messages.drain(..gone);
        self.changed = self.changed.split_off(&self.oldest());
    }

    /// Replaces the content of the message of this number. A message that is no longer here changes elsewhere.
    pub fn change(&mut self, seq: u64, body: Body, at: Time) {
        if let Some(message) = self.index(seq).and_then(|index| self.messages.get_mut(index)) {
            *message = Arc::new(Message { body, edited: Some(at), ..Message::clone(message) });
            self.changed.insert(seq, self.newest);
        }
    }

    /// The messages up to the number `seen` that were changed when `seen`, or a later one, was the newest:
    /// a client at this position may have missed the change.
    pub fn changes(&self, seen: u64) -> impl Iterator<Item = &Arc<Message>> {
        let unknown = self.changed.range(..=seen).filter(move |(_, newest)| **newest >= seen);
        unknown.filter_map(move |(seq, _)| self.messages.get(self.index(*seq)?))
    }

    /// The author of the message of this number, if it is here.
    #[must_use]
    pub fn author(&self, seq: u64) -> Option<&UserName> {
        self.messages.get(self.index(seq)?).map(|message| &message.user)
    }

    /// Where the message of this number would be; one that is not here yet, beyond the end.
    fn index(&self, seq: u64) -> Option<usize> {
        seq.checked_sub(self.oldest()).and_then(|index| usize::try_from(index).ok())
    }

    /// Forgets everything: the next message is the first of another history.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.changed.clear();
        self.newest = 0;
    }

    /// The newest `count` messages before the number `before`, oldest first, and no more than fit
    /// in `bytes`, but always one if there is one.
    pub fn before(&self, before: u64, count: usize, bytes: usize) -> impl Iterator<Item = &Arc<Message>> {
        let end = usize::try_from(before.saturating_sub(self.oldest())).unwrap_or(usize::MAX).min(self.messages.len());
        let fitting = self.messages.range(..end).rev().take(count).take_while(Self::fitting(bytes));
        let begin = end - fitting.count();
        self.messages.range(begin..end)
    }

    /// The first `count` messages after the number `after`, oldest first, and no more than fit in
    /// `bytes`, but always one if there is one.
    pub fn after(&self, after: u64, count: usize, bytes: usize) -> impl Iterator<Item = &Arc<Message>> {
        let skip = after.saturating_add(1).saturating_sub(self.oldest());
        let begin = usize::try_from(skip).unwrap_or(usize::MAX).min(self.messages.len());
        self.messages.range(begin..).take(count).take_while(Self::fitting(bytes))
    }

    /// Whether the next message still fits. The first does in any case: a client that pages through a history
    /// would never get past one that is larger than an answer.
    fn fitting(bytes: usize) -> impl FnMut(&&Arc<Message>) -> bool {
        let (mut room, mut first) = (bytes, true);
        move |message| {
            let size = Self::size(message);
            let fits = size <= room || first;
            (room, first) = (room.saturating_sub(size), false);
            fits
        }
    }

    /// What a message counts, in bytes.
    #[must_use]
    pub fn size(message: &Message) -> usize {
        message.body.len() + Self::OVERHEAD
    }

    /// What a message costs beside its body when it is sent: names, numbers, time.
    const OVERHEAD: usize = 256;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::message::Body;
    use crate::chat::time::Time;
    use crate::chat::{RoomName, UserName};

    fn ring(capacity: usize, count: u64) -> Ring {
        let mut ring = Ring::new(capacity, 0, Vec::new());
        for seq in 1..=count {
            let (room, user) = (RoomName::parse("r").unwrap(), UserName::parse("u").unwrap());
            let body = Body::Text("x".repeat(100).into());
            ring.push(Arc::new(Message::new(room, user, body, seq, Time(0))));
        }
        ring
    }

    fn seqs<'a>(messages: impl Iterator<Item = &'a Arc<Message>>) -> Vec<u64> {
        messages.map(|m| m.seq).collect()
    }

    #[test]
    fn the_ring_keeps_the_newest() {
        let ring = ring(3, 5);
        assert_eq!((ring.oldest(), ring.newest()), (3, 5));
        assert_eq!(seqs(ring.before(u64::MAX, 10, usize::MAX)), [3, 4, 5]);
        assert_eq!(seqs(ring.before(5, 1, usize::MAX)), [4]);
        assert_eq!(seqs(ring.before(1, 9, usize::MAX)), [0; 0]);
        assert_eq!(seqs(ring.after(3, 10, usize::MAX)), [4, 5]);
        assert_eq!(seqs(ring.after(0, 1, usize::MAX)), [3]);
        assert_eq!(seqs(ring.after(99, 1, usize::MAX)), [0; 0]);
    }

    #[test]
    fn a_piece_of_history_fits_in_its_bytes() {
        let ring = ring(10, 10);
        assert_eq!(seqs(ring.before(u64::MAX, 10, 800)), [9, 10]);
        assert_eq!(seqs(ring.after(0, 10, 800)), [1, 2]);
    }

    #[test]
    fn what_is_forgotten_is_gone_and_the_numbers_stay() {
        let mut ring = ring(5, 5);
        ring.forget(2);
        assert_eq!((ring.oldest(), ring.newest()), (3, 5));
        ring.forget(1);
        assert_eq!(seqs(ring.after(0, 10, usize::MAX)), [3, 4, 5]);
        ring.forget(u64::MAX);
        assert_eq!((ring.oldest(), ring.newest()), (6, 5));
    }

    #[test]
    fn a_ring_of_none_still_counts() {
        let ring = ring(0, 4);
        assert_eq!((ring.oldest(), ring.newest()), (5, 4));
        assert_eq!(seqs(ring.before(u64::MAX, 10, usize::MAX)), [0; 0]);
    }
}
