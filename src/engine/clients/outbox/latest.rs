//! The policy `latest` of an outbox: what waits gives its place to a newer event of its key.
//!
//! Called under the outbox's lock. Each event with a key waits in a buffer of its own, so that one that is replaced
//! gives its memory back. Events with a key are bounded by their bytes alone: a client that is in a room of many keys
//! has one event of each, and their number is no sign that it is slow.

use super::{Outbox, State};
use crate::chat::End;
use crate::engine::clients::backlog::Popped;
use crate::engine::clients::conflation_key::ConflationKey;
use crate::engine::clients::recipient::{Segment, Undelivered};

/// What a client will not get of what was meant for it, in messages.
#[derive(Default)]
pub(super) struct Missed {
    dropped: u32,
    conflated: u32,
}

impl Missed {
    /// The result of a delivery.
    pub(super) fn told(self) -> Result<(), Undelivered> {
        match self {
            Self { dropped: 0, conflated: 0 } => Ok(()),
            Self { dropped: messages, conflated } => Err(Undelivered::Dropped { messages, conflated }),
        }
    }
}

impl Outbox {
    /// Adds to the backlog what fits: the newest of each key, and what has none as long as its limits allow.
    pub(super) fn keep_latest(&self, state: &mut State, segments: &[Segment]) -> Result<(), Undelivered> {
        let mut missed = Missed::default();
        let mut left: u64 = segments.iter().map(|segment| u64::from(segment.events)).sum();
        for event in segments.iter().flat_map(Segment::split) {
            let events = u64::from(event.events);
            let fits = if let Some(key) = event.key() {
                self.replace(state, key, &mut missed);
                let keyed = (state.backlog.keyed() + 1) * ConflationKey::BYTES;
                state.backlog.bytes() + event.part.len() + keyed <= self.bytes_max
            } else {
                self.fits(state, if event.reply { 2 } else { 1 }, (event.part.len(), events))
            };
            if fits {
                self.push_event(state, &event);
            } else if event.key().is_some() || event.reply {
                // Neither may be lost silently: the connection ends, and its client can resume.
                state.deliveries.dropped += left;
                self.end_with(state, End::Slow);
                return Err(Undelivered::Slow);
            } else {
                state.deliveries.dropped += events;
                missed.dropped += event.messages;
            }
            left -= events;
        }
        missed.told()
    }

    /// Adds what the socket has not taken of a segment whose first `skip` bytes are written.
    pub(super) fn push_split(&self, state: &mut State, segment: &Segment, skip: usize, missed: &mut Missed) {
        let rest = Segment { part: segment.part.start + skip..segment.part.end, ..segment.clone() };
        let events = rest.split();
        state.deliveries.written += u64::from(segment.events) - events.len() as u64;
        for event in events {
            if let Some(key) = event.key() {
                self.replace(state, key, missed);
            }
            self.push_event(state, &event);
        }
    }

    /// Takes the event of this key out of the backlog, for a newer one.
    fn replace(&self, state: &mut State, key: &ConflationKey, missed: &mut Missed) {
        let before = state.backlog.bytes();
        if let Some(Popped { events, own }) = state.backlog.replace(key) {
            self.share.remove(before - state.backlog.bytes(), own);
            state.deliveries.pending -= events;
            state.deliveries.conflated += events;
            missed.conflated += u32::from(key.is_of_messages());
        }
    }

    fn push_event(&self, state: &mut State, event: &Segment) {
        let key = event.key().cloned();
        let own = event.buffer.len() + key.as_ref().map_or(0, |_| ConflationKey::BYTES);
        self.push(state, event.buffer.clone(), event.events, (own, key));
    }
}
