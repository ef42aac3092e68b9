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
}

impl Segment {
    /// One event, for one client alone; with the `id` of the request that it replies to. `None`: the encoding has no
    /// form for it.
    pub fn of(encoder: &mut Encoder, event: &Event, id: Option<&Id>, encoding: Encoding) -> Option<Self> {
        let mut buffer = Vec::new();
        let is_encoded = encoder.encode(event, id, encoding, &mut buffer);
        let messages = u32::from(event.is_message());
        is_encoded.then(|| Self { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages, reply: true })
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
        Self { part: 0..buffer.len(), buffer: buffer.into(), ..self.clone() }
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
    /// It did not fit: so many messages were dropped, as the mode allows. The client stays.
    Dropped { messages: u32 },
    /// It did not fit, and the policy is to end the connection.
    Slow,
    /// The client's connection is ending already.
    Closed,
}

/// The recipient of a member in the same process: a channel that the program made, of the size that it chose. It must
/// not be a rendezvous channel (size 0): a room never waits, so it would get nothing.
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
                DeliveryMode::Policy(Slow::Disconnect) => Err(Undelivered::Slow),
                DeliveryMode::Policy(Slow::Drop) | DeliveryMode::BestEffort => {
                    Err(Undelivered::Dropped { messages: u32::from(event.is_message()) })
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
