//! A gate before an outbox: holds back what a room sends to a client during a replay.
//!
//! A client that missed something joins at once, so no message is lost, and its reader then reads the earlier ones
//! from the store. What the room sends meanwhile waits here, within the bounds of an outbox, and follows when the
//! reader opens the gate: no gap, and no message twice. While a gate opens, its lock is held across the outbox's, never
//! the other way round.

use std::sync::{Arc, Weak};

use crate::chat::{End, Limits, Slow};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::conflating_queue::ConflatingQueue;
use crate::engine::clients::conflation_key::ConflationKey;
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
    segments: ConflatingQueue<Segment>,
    /// Whether newer events have taken the places of earlier ones.
    latest: bool,
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

    // ANCHOR: open
    /// Delivers what was held; later deliveries pass directly.
    pub fn open(&self) {
        {
            let mut held = self.held.lock();
            let Some(Held { segments, latest, bytes, own, .. }) = held.take() else { return };
            self.share.remove(bytes, own);
            if !segments.is_empty() {
                let segments: Vec<_> = segments.into_items().collect();
                let slow = if latest { Slow::Latest } else { Slow::Disconnect };
                // An outbox that cannot take it has ended the connection, which the reader is about to notice.
                let given = self.outbox.take(Delivery::Segments(&segments), DeliveryMode::Policy(slow));
                if matches!(given, Err(Undelivered::Dropped { messages: 1.., .. })) {
                    // The room would not announce them.
                    self.outbox.end(End::Slow);
                }
            }
        }
        // Which may cut this gate: not under its lock.
        self.share.relieve();
    }
    // ANCHOR_END: open

    fn hold(&self, held: &mut Held, segments: &[Segment], mode: DeliveryMode) -> Result<(), Undelivered> {
        if mode == DeliveryMode::Policy(Slow::Latest) {
            return self.hold_latest(held, segments);
        }
        let events: usize = segments.iter().map(|segment| segment.events as usize).sum();
        let bytes: usize = segments.iter().map(|segment| segment.part.len()).sum();
        // As with an outbox, the first delivery is always taken: the room has bounded its size.
        let fits = held.events + events <= self.events_max && held.bytes + bytes <= self.bytes_max;
        if fits || held.segments.is_empty() {
            for segment in segments {
                let own = size_of::<Segment>() + segment.own_bytes();
                self.push(held, segment.clone(), own);
            }
            return Ok(());
        }
        if mode == DeliveryMode::Policy(Slow::Disconnect) || segments.iter().any(|segment| segment.reply) {
            self.outbox.end(End::Slow);
            return Err(Undelivered::Slow);
        }
        let messages = segments.iter().map(|segment| segment.messages).sum();
        Err(Undelivered::Dropped { messages, conflated: 0 })
    }

    /// Holds the newest event of each key, and what has none as long as it fits. What is replaced was not enqueued yet,
    /// so it is in no delivery counts.
    fn hold_latest(&self, held: &mut Held, segments: &[Segment]) -> Result<(), Undelivered> {
        held.latest = true;
        let (mut dropped, mut conflated) = (0, 0);
        for event in segments.iter().flat_map(Segment::split) {
            let replaced = event.key().and_then(|key| held.segments.take_out(key));
            if let Some(replaced) = replaced {
                let own = own_bytes(&replaced);
                self.share.remove(replaced.part.len(), own);
                held.events -= replaced.events as usize;
                (held.bytes, held.own) = (held.bytes - replaced.part.len(), held.own - own);
                conflated += replaced.messages;
            }
            let keyed = held.segments.keyed();
            let fits = held.bytes + event.part.len() + keyed * ConflationKey::BYTES <= self.bytes_max
                && (event.key().is_some() || held.events - keyed + event.events as usize <= self.events_max);
            if fits || held.segments.is_empty() {
                let own = own_bytes(&event);
                self.push(held, event, own);
            } else if event.key().is_some() || event.reply {
                self.outbox.end(End::Slow);
                return Err(Undelivered::Slow);
            } else {
                dropped += event.messages;
            }
        }
        if dropped + conflated == 0 { Ok(()) } else { Err(Undelivered::Dropped { messages: dropped, conflated }) }
    }

    fn push(&self, held: &mut Held, segment: Segment, own: usize) {
        let bytes = segment.part.len();
        self.share.add(bytes, own);
        held.events += segment.events as usize;
        (held.bytes, held.own) = (held.bytes + bytes, held.own + own);
        let key = segment.key().filter(|_| held.latest).cloned();
        held.segments.push(segment, key);
    }
}

/// What an event that has a buffer of its own takes.
fn own_bytes(event: &Segment) -> usize {
    let key = event.key().map_or(0, |_| ConflationKey::BYTES);
    size_of::<Segment>() + event.buffer.len() + key
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
    // ANCHOR: deliver
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
    // ANCHOR_END: deliver

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
