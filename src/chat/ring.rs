//! The newest messages of a room, in memory: what joins, `history` and short interruptions need.
//!
//! Its numbers are dense: a message enters only as the successor of the newest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::message::{Body, Message};
use super::time::Time;
use roomd_protocol::UserName;

/// At most `capacity` messages of at most `bytes_max` bytes, but always one if there is any, oldest first. Large
/// messages of many rooms would take the server's memory; older ones are in the store, if the room has one.
#[derive(Debug)]
pub struct Ring {
    messages: VecDeque<Arc<Message>>,
    /// Those of them that were changed, and the number of the newest message when that last happened.
    changed: BTreeMap<u64, u64>,
    capacity: usize,
    bytes_max: usize,
    /// What its messages count: see [`Ring::size`].
    bytes: usize,
    /// The number of the newest message ever taken in; 0 before the first.
    newest: u64,
}

impl Ring {
    /// The ring of a room whose newest message has the number `newest`; `recent` are the newest
    /// messages, without a gap.
    #[must_use]
    pub fn new(capacity: usize, bytes_max: usize, newest: u64, recent: Vec<Message>) -> Self {
        let bytes = recent.iter().map(Self::size).sum();
        let messages = recent.into_iter().map(Arc::new).collect();
        let mut ring = Self { messages, changed: BTreeMap::new(), capacity, bytes_max, bytes, newest };
        ring.trim();
        ring
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
        self.bytes += Self::size(&message);
        self.messages.push_back(message);
        self.trim();
    }

    /// Drops the oldest messages until the ring is within its bounds.
    fn trim(&mut self) {
        while self.messages.len() > self.capacity || (self.bytes > self.bytes_max && self.messages.len() > 1) {
            let Some(gone) = self.messages.pop_front() else { return };
            self.bytes -= Self::size(&gone);
            self.changed.remove(&gone.seq);
        }
    }

    /// Forgets the messages up to the number `seq`.
    pub fn forget(&mut self, seq: u64) {
        let gone = seq.saturating_add(1).saturating_sub(self.oldest());
        let gone = usize::try_from(gone).unwrap_or(usize::MAX).min(self.messages.len());
        self.bytes -= self.messages.drain(..gone).map(|message| Self::size(&message)).sum::<usize>();
        self.changed = self.changed.split_off(&self.oldest());
    }

    /// Replaces the content of the message of this number. A message that is no longer here changes elsewhere.
    pub fn change(&mut self, seq: u64, body: Body, at: Time) {
        if let Some(message) = self.index(seq).and_then(|index| self.messages.get_mut(index)) {
            self.bytes -= Self::size(message);
            *message = Arc::new(Message { body, edited: Some(at), ..Message::clone(message) });
            self.bytes += Self::size(message);
            self.changed.insert(seq, self.newest);
            self.trim();
        }
    }

    /// Puts another name in the place of a user's at their messages that were deleted.
    pub fn rename_deleted(&mut self, user: &UserName, alias: &UserName) {
        let theirs = |message: &&mut Arc<Message>| message.user == *user && message.body.is_deleted();
        for message in self.messages.iter_mut().filter(theirs) {
            *message = Arc::new(Message { user: alias.clone(), mid: None, ..Message::clone(message) });
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
        self.bytes = 0;
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
        Self::size_with(&message.body)
    }

    /// What a message with this body counts.
    #[must_use]
    pub fn size_with(body: &Body) -> usize {
        body.len() + Self::OVERHEAD
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
        let mut ring = Ring::new(capacity, usize::MAX, 0, Vec::new());
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
    fn large_messages_are_fewer() {
        const BYTES_MAX: usize = 1024 * 1024;
        let large = |seq| {
            let (room, user) = (RoomName::parse("r").unwrap(), UserName::parse("u").unwrap());
            Message::new(room, user, Body::Text("x".repeat(BYTES_MAX / 4).into()), seq, Time(0))
        };
        let mut ring = Ring::new(10, BYTES_MAX, 0, Vec::new());
        (1..=9).for_each(|seq| ring.push(Arc::new(large(seq))));
        assert_eq!((ring.oldest(), ring.newest()), (7, 9));
        assert_eq!(Ring::new(10, BYTES_MAX, 9, (1..=9).map(large).collect()).oldest(), 7);
        // One that is larger than all that may be kept is kept alone; a smaller one makes room again.
        ring.change(9, Body::Text("x".repeat(2 * BYTES_MAX).into()), Time(1));
        assert_eq!(seqs(ring.before(u64::MAX, 10, usize::MAX)), [9]);
        ring.change(9, Body::Deleted(None), Time(2));
        ring.push(Arc::new(large(10)));
        assert_eq!(seqs(ring.before(u64::MAX, 10, usize::MAX)), [9, 10]);
        ring.forget(10);
        assert_eq!(ring.bytes, 0);
    }

    #[test]
    fn a_ring_of_none_still_counts() {
        let ring = ring(0, 4);
        assert_eq!((ring.oldest(), ring.newest()), (5, 4));
        assert_eq!(seqs(ring.before(u64::MAX, 10, usize::MAX)), [0; 0]);
    }
}
