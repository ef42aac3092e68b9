//! A gate before an outbox: holds back what a room sends to a client during a replay.
//!
//! A client that missed something joins at once, so no message is lost, and its reader then reads the earlier ones
//! from the store. What the room sends meanwhile waits here, within the bounds of an outbox, and follows when the
//! reader opens the gate: no gap, and no message twice. While a gate opens, its lock is held across the outbox's, never
//! the other way round.

use std::sync::{Arc, Weak};

use crate::chat::{End, Limits, Slow};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::outbox_total::{HoldsEvents, OutboxShare};
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Segment, Undelivered};

/// The recipient of one room whose client gets a replay first.
pub struct Gate {
    outbox: Arc<Outbox>,
    /// `None`: the gate is open.
    held: Mutex<Option<Held>>,
    events_max: usize,
    bytes_max: usize,
    /// What is held here, as a part of what waits for all clients.
    share: OutboxShare,
}

#[derive(Default)]
struct Held {
    segments: Vec<Segment>,
    events: usize,
    bytes: usize,
    /// Bytes in buffers that only this client has.
    own: usize,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn closed(outbox: Arc<Outbox>, limits: &Limits) -> Arc<Self> {
        Arc::new_cyclic(|gate: &Weak<Self>| Self {
            held: Mutex::new(Some(Held::default())),
            events_max: limits.outbox_messages,
            bytes_max: limits.outbox_bytes,
            share: OutboxShare::new(outbox.total(), limits.outbox_total, gate.clone() as Weak<dyn HoldsEvents>),
            outbox,
        })
    }

    /// Delivers what was held; later deliveries pass directly.
    pub fn open(&self) {
        {
            let mut held = self.held.lock();
            let Some(Held { segments, bytes, own, .. }) = held.take() else { return };
            self.share.remove(bytes, own);
            if !segments.is_empty() {
                // An outbox that cannot take it has ended the connection, which the reader is about to notice.
                _ = self.outbox.take(Delivery::Segments(&segments), DeliveryMode::Policy(Slow::Disconnect));
            }
        }
        // Which may cut this gate: not under its lock.
        self.share.relieve();
    }

    fn hold(&self, held: &mut Held, segments: &[Segment], mode: DeliveryMode) -> Result<(), Undelivered> {
        let events: usize = segments.iter().map(|segment| segment.events as usize).sum();
        let bytes: usize = segments.iter().map(|segment| segment.part.len()).sum();
        // As with an outbox, the first delivery is always taken: the room has bounded its size.
        let fits = held.events + events <= self.events_max && held.bytes + bytes <= self.bytes_max;
        if fits || held.segments.is_empty() {
            let own: usize = segments.iter().map(|segment| size_of::<Segment>() + segment.own_bytes()).sum();
            self.share.add(bytes, own);
            held.segments.extend_from_slice(segments);
            (held.events, held.bytes, held.own) = (held.events + events, held.bytes + bytes, held.own + own);
            return Ok(());
        }
        if mode == DeliveryMode::Policy(Slow::Disconnect) || segments.iter().any(|segment| segment.reply) {
            self.outbox.end(End::Slow);
            return Err(Undelivered::Slow);
        }
        Err(Undelivered::Dropped { messages: segments.iter().map(|segment| segment.messages).sum() })
    }
}

impl HoldsEvents for Gate {
    fn cut(&self) {
        let held = self.held.lock().as_mut().map(std::mem::take);
        if let Some(Held { segments, bytes, own, .. }) = held {
            self.share.remove(bytes, own);
            drop(segments);
        }
        self.outbox.cut();
    }
}

impl Recipient for Gate {
    fn deliver(&self, delivery: Delivery<'_>, mode: DeliveryMode) -> Result<(), Undelivered> {
        let held = {
            let mut held = self.held.lock();
            match (held.as_mut(), delivery) {
                (Some(held), Delivery::Segments(segments)) => Some(self.hold(held, segments, mode)),
                _ => None,
            }
        };
        // A gate that is open stays open, so the outbox's order is the room's.
        let Some(delivered) = held else { return self.outbox.deliver(delivery, mode) };
        self.share.relieve();
        delivered
    }

    fn is_drained(&self) -> bool {
        self.held.lock().is_none() && self.outbox.is_drained()
    }

    fn prefetch(&self) {
        self.outbox.prefetch();
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn end(&self, end: End) {
        self.outbox.end(end);
    }
}
