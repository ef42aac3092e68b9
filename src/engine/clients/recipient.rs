//! What a room sees of a client.
//!
//! A broker calls these on its own thread, in the order of its room; none of them may block. The
//! server's own clients are outboxes over sockets; a program that embeds the crate may give a
//! channel of its own, and a test whatever it likes.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::chat::{End, Event, Slow};
use crate::engine::base::sync::channel::{Sender, TrySendError};
use crate::wire::Encoding;

/// In which form a client takes its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As bytes, many at a time.
    Bytes(Encoding),
    /// As values, one at a time.
    Events,
}

/// Some encoded events that stand together: a part of a buffer that many clients share.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The buffer.
    pub buffer: Bytes,
    /// The part of it.
    pub part: Range<usize>,
    /// Events in the part.
    pub events: u32,
    /// Those of them that are messages: what `lagged` counts.
    pub messages: u32,
    /// Answers this client's own command: never dropped while the client is connected.
    pub reply: bool,
}

impl Piece {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.part.clone()]
    }
}

/// What a client is given at once.
#[derive(Clone, Copy, Debug)]
pub enum Parcel<'a> {
    /// Encoded events, in order.
    Pieces(&'a [Piece]),
    /// One event.
    Event(&'a Arc<Event>),
}

/// How much a parcel matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// When there is no room: as the policy of the room says.
    Policy(Slow),
    /// When it cannot be sent at once it is not worth sending.
    BestEffort,
}

/// A client as a room sees it.
pub trait Recipient: Send + Sync {
    /// Takes a parcel, in the form that the client joined with. Must not block.
    ///
    /// # Errors
    /// [`Undelivered`] says why, and what the room has to do.
    fn take(&self, parcel: Parcel<'_>, care: Care) -> Result<(), Undelivered>;

    /// Whether everything that it took has reached the client's socket. Must not block.
    fn is_drained(&self) -> bool {
        true
    }

    /// A `take` is near: brings what it touches into the cache. Does nothing else.
    fn prefetch(&self) {}

    /// The room gives the client up: its connection ends for this reason. Must not block.
    fn end(&self, end: End);
}

/// Nobody: what a member has whose connection broke while its place is kept.
pub struct Absent;

impl Recipient for Absent {
    fn take(&self, _: Parcel<'_>, _: Care) -> Result<(), Undelivered> {
        Err(Undelivered::Closed)
    }

    fn is_drained(&self) -> bool {
        false
    }

    fn end(&self, _: End) {}
}

/// Why a parcel, or a part of it, was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// There was no room; so many messages were dropped, as the policy allows. The client stays.
    Dropped { messages: u32 },
    /// There was no room, and the policy says to part.
    Slow,
    /// The client is going away already.
    Closed,
}

/// A member in the same process: its channel, made by the program, of the size that it chose.
/// It must not be a rendezvous channel (size 0): a room never waits, so it would get nothing.
pub struct ChannelRecipient {
    channel: crate::engine::base::sync::Mutex<Option<Sender<Arc<Event>>>>,
}

impl ChannelRecipient {
    /// A member whose events go into `channel`. When the room gives the member up, the channel is
    /// disconnected.
    #[must_use]
    pub fn new(channel: Sender<Arc<Event>>) -> Self {
        Self { channel: crate::engine::base::sync::Mutex::new(Some(channel)) }
    }
}

impl Recipient for ChannelRecipient {
    fn take(&self, parcel: Parcel<'_>, care: Care) -> Result<(), Undelivered> {
        let Parcel::Event(event) = parcel else { return Err(Undelivered::Closed) };
        let mut slot = self.channel.lock();
        let channel = slot.as_ref().ok_or(Undelivered::Closed)?;
        match channel.try_send(Arc::clone(event)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(_)) => {
                *slot = None;
                Err(Undelivered::Closed)
            }
            Err(TrySendError::Full(_)) => match care {
                Care::Policy(Slow::Disconnect) => Err(Undelivered::Slow),
                Care::Policy(Slow::Drop) | Care::BestEffort => {
                    Err(Undelivered::Dropped { messages: u32::from(event.is_message()) })
                }
            },
        }
    }

    fn end(&self, _: End) {
        let channel = self.channel.lock().take();
        drop(channel);
    }
}
