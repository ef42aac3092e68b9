//! The recipient of a room's events: what a broker knows of a client.
//!
//! A broker calls these methods in the order of its room, on the room's thread or a client's reader; none of them may block. The server's
//! clients are outboxes over sockets; a program that embeds the crate may supply a channel of its own, and a test
//! whatever it likes.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::chat::{End, Event, Id, Slow};
use crate::engine::base::sync::channel::{Sender, TrySendError};
use crate::engine::clients::conflation_key::{ConflationKey, EventPart};
use crate::wire::event_stream::Positions;
use crate::wire::{Encoder, Encoding};

/// In which form a client takes its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As bytes, many at a time.
    Bytes(Encoding),
    /// As values, one at a time.
    Events,
}

/// Consecutive encoded events: a part of a buffer that many clients share.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The shared buffer.
    pub buffer: Bytes,
    /// The bytes of the buffer that belong to the segment.
    pub part: Range<usize>,
    /// How many events that is.
    pub events: u32,
    /// How many of them are messages: what `lagged` counts.
    pub messages: u32,
    /// Whether it replies to this client's own request: never dropped while the client is connected.
    pub reply: bool,
    /// All events of the buffer, in order, where the room keeps the newest of each key for slow members. Those that lie
    /// in `part` are the segment's, and the first may have begun before it.
    pub inner: Option<Arc<[EventPart]>>,
}

impl Segment {
    /// A whole buffer of so many events and messages.
    #[must_use]
    pub fn new(buffer: Bytes, (events, messages): (u32, u32), reply: bool) -> Self {
        Self { part: 0..buffer.len(), buffer, events, messages, reply, inner: None }
    }

    /// One event, for one client alone; with the `id` of the request that it replies to. `None`: the encoding has no
    /// form for it.
    pub fn of(encoder: &mut Encoder, event: &Event, id: Option<&Id>, encoding: Encoding) -> Option<Self> {
        let mut buffer = Vec::new();
        let is_encoded = encoder.encode(event, id, encoding, &mut buffer);
        let messages = u32::from(event.is_message());
        is_encoded.then(|| Self::new(buffer.into(), (1, messages), true))
    }

    /// Its events one by one, each in a buffer of its own; itself, where it is not known where they end. Of an event
    /// that begins before the segment the rest is an event without a key.
    #[must_use]
    pub fn split(&self) -> Vec<Self> {
        let Some(inner) = &self.inner else { return vec![self.clone()] };
        let first = inner.partition_point(|event| event.end <= self.part.start);
        let mut begin = first.checked_sub(1).map_or(0, |before| inner[before].end);
        let mut events = Vec::new();
        for event in inner[first..].iter().take_while(|event| event.end <= self.part.end) {
            let is_whole = begin >= self.part.start;
            let bytes = Bytes::copy_from_slice(&self.buffer[begin.max(self.part.start)..event.end]);
            let key = event.key.clone().filter(|_| is_whole);
            begin = event.end;
            let alone = EventPart { end: bytes.len(), is_message: event.is_message, key };
            let segment = Self::new(bytes, (1, u32::from(event.is_message)), self.reply);
            events.push(Self { inner: alone.key.is_some().then(|| Arc::from([alone])), ..segment });
        }
        events
    }

    /// What its only event is the newest of.
    #[must_use]
    pub fn key(&self) -> Option<&Arc<ConflationKey>> {
        match self.inner.as_deref() {
            Some([event]) => event.key.as_ref(),
            _ => None,
        }
    }

    /// The size of the buffer, if nobody else has it; 0 for a shared one, which counts by itself.
    #[must_use]
    pub fn own_bytes(&self) -> usize {
        if self.buffer.is_unique() { self.buffer.len() } else { 0 }
    }

    /// The same events with the positions in all rooms of a stream.
    #[must_use]
    pub fn merged(&self, positions: &mut Positions) -> Self {
        let buffer = positions.merge(self.bytes());
        let merged = Self::new(buffer.into(), (self.events, self.messages), self.reply);
        let alone = |key: &Arc<ConflationKey>| {
            let is_message = self.messages > 0;
            Arc::from([EventPart { end: merged.buffer.len(), is_message, key: Some(Arc::clone(key)) }])
        };
        Self { inner: self.key().map(alone), ..merged }
    }

    /// The encoded events.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.part.clone()]
    }
}

/// What a recipient is given at once.
#[derive(Clone, Copy, Debug)]
pub enum Delivery<'a> {
    /// Encoded events, in order.
    Segments(&'a [Segment]),
    /// One event.
    Event(&'a Arc<Event>),
}

/// What happens to a delivery that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryMode {
    /// What the room's policy for slow members says.
    Policy(Slow),
    /// It is dropped: if it cannot be sent at once, it is not worth sending.
    BestEffort,
}

/// A client, as its rooms know it.
pub trait Recipient: Send + Sync {
    /// Takes a delivery, in the form with which the client joined. Must not block.
    ///
    /// # Errors
    /// [`Undelivered`] says why, and what the room has to do.
    fn deliver(&self, delivery: Delivery<'_>, mode: DeliveryMode) -> Result<(), Undelivered>;

    /// Whether every delivery that it took has been written to the client's socket. Must not block.
    fn is_drained(&self) -> bool {
        true
    }

    /// Brings what the next `deliver` touches into the cache. Does nothing else.
    fn prefetch(&self) {}

    /// Whether `deliver` is known to return at once and to want no lock of the program that uses the crate, so that it
    /// may run on the thread of any client. Otherwise it runs on the room's own thread alone.
    fn is_prompt(&self) -> bool {
        false
    }

    /// The events that wait for the client to read, and their bytes. Must not block.
    fn waiting(&self) -> (u64, usize) {
        (0, 0)
    }

    /// Ends the client's connection, for this reason. Must not block.
    fn end(&self, end: End);
}

/// The recipient of a member whose connection was lost and whose membership is kept.
pub struct Absent;

impl Recipient for Absent {
    fn deliver(&self, _: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        Err(Undelivered::Closed)
    }

    fn is_drained(&self) -> bool {
        false
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn end(&self, _: End) {}
}

/// Why a delivery, or a part of it, was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// Not all of it will come, as the mode allows: so many messages were dropped, and so many, of this delivery or of
    /// those before it, have given their place to newer ones. The client stays.
    Dropped { messages: u32, conflated: u32 },
    /// It did not fit, and the policy is to end the connection.
    Slow,
    /// The client's connection is ending already.
    Closed,
}

/// The recipient of a member in the same process: a channel that the program made, of the size that it chose. It must
/// not be a rendezvous channel (size 0): a room never waits, so it would get nothing. What is in a channel cannot be
/// replaced: where the room keeps the newest of each key, a program that is too slow is removed, as with `disconnect`.
pub struct ChannelRecipient {
    channel: crate::engine::base::sync::Mutex<Option<Sender<Arc<Event>>>>,
}

impl ChannelRecipient {
    /// A recipient whose events go into `channel`. When the room removes the member, the channel is disconnected.
    #[must_use]
    pub fn new(channel: Sender<Arc<Event>>) -> Self {
        Self { channel: crate::engine::base::sync::Mutex::new(Some(channel)) }
    }
}

impl Recipient for ChannelRecipient {
    fn deliver(&self, delivery: Delivery<'_>, mode: DeliveryMode) -> Result<(), Undelivered> {
        let Delivery::Event(event) = delivery else { return Err(Undelivered::Closed) };
        let mut slot = self.channel.lock();
        let channel = slot.as_ref().ok_or(Undelivered::Closed)?;
        match channel.try_send(Arc::clone(event)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(_)) => {
                *slot = None;
                Err(Undelivered::Closed)
            }
            Err(TrySendError::Full(_)) => match mode {
                DeliveryMode::Policy(Slow::Disconnect | Slow::Latest) => Err(Undelivered::Slow),
                DeliveryMode::Policy(Slow::Drop) | DeliveryMode::BestEffort => {
                    Err(Undelivered::Dropped { messages: u32::from(event.is_message()), conflated: 0 })
                }
            },
        }
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn end(&self, _: End) {
        let channel = self.channel.lock().take();
        drop(channel);
    }
}
