//! Holds back what a room says to a client that is still being given the past.
//!
//! A client that missed something joins at once, so nothing is lost, and its reader then fetches
//! what came before from the store. What the room says meanwhile waits here, within the bounds of
//! an outbox, and follows when the reader opens the gate: no gap, and nothing twice. The gate's
//! lock is held across the outbox's non-blocking `take`, never the other way round.

use std::sync::Arc;

use crate::chat::{End, Limits, Slow};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::{Care, Parcel, Piece, Recipient, Undelivered};

/// A client of one room, with a gate before its outbox.
pub struct Gate {
    outbox: Arc<Outbox>,
    /// `None`: the gate is open.
    held: Mutex<Option<Held>>,
    events_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct Held {
    pieces: Vec<Piece>,
    events: usize,
    bytes: usize,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn closed(outbox: Arc<Outbox>, limits: &Limits) -> Arc<Self> {
        let held = Mutex::new(Some(Held::default()));
        Arc::new(Self { outbox, held, events_max: limits.outbox_messages, bytes_max: limits.outbox_bytes })
    }

    /// Lets out what was held, and from then on everything.
    pub fn open(&self) {
        let mut held = self.held.lock();
        let Some(Held { pieces, .. }) = held.take() else { return };
        if !pieces.is_empty() {
            // An outbox that cannot take it has ended the connection, which the reader is about to see.
            _ = self.outbox.take(Parcel::Pieces(&pieces), Care::Policy(Slow::Disconnect));
        }
    }

    fn hold(&self, held: &mut Held, pieces: &[Piece], care: Care) -> Result<(), Undelivered> {
        let events: usize = pieces.iter().map(|piece| piece.events as usize).sum();
        let bytes: usize = pieces.iter().map(|piece| piece.part.len()).sum();
        // As with an outbox, what comes first is always taken: the room has measured it.
        let fits = held.events + events <= self.events_max && held.bytes + bytes <= self.bytes_max;
        if fits || held.pieces.is_empty() {
            held.pieces.extend_from_slice(pieces);
            (held.events, held.bytes) = (held.events + events, held.bytes + bytes);
            return Ok(());
        }
        if care == Care::Policy(Slow::Disconnect) || pieces.iter().any(|piece| piece.reply) {
            self.outbox.end(End::Slow);
            return Err(Undelivered::Slow);
        }
        Err(Undelivered::Dropped { messages: pieces.iter().map(|piece| piece.messages).sum() })
    }
}

impl Recipient for Gate {
    fn take(&self, parcel: Parcel<'_>, care: Care) -> Result<(), Undelivered> {
        let mut held = self.held.lock();
        match (held.as_mut(), parcel) {
            (Some(held), Parcel::Pieces(pieces)) => self.hold(held, pieces, care),
            (_, parcel) => self.outbox.take(parcel, care),
        }
    }

    fn is_drained(&self) -> bool {
        self.held.lock().is_none() && self.outbox.is_drained()
    }

    fn prefetch(&self) {
        self.outbox.prefetch();
    }

    fn end(&self, end: End) {
        self.outbox.end(end);
    }
}
