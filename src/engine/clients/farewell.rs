//! The farewell of a connection: a goodbye where one is due, and the close frame.
//!
//! Held by the connection, on its reader's thread. Sent once; when the reader panics, it is sent all the same, so
//! that the writer ends.

use std::sync::Arc;

use crate::chat::{Authors, End, Event};
use crate::engine::Engine;
use crate::engine::clients::delivery_counts::DeliveryCounts;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::Recipient;
use crate::engine::clients::writer;
use crate::engine::guards::draining::Draining;
use crate::engine::metrics::Metrics;
use crate::wire::{Encoder, Encoding};

/// See the module.
pub struct Farewell {
    metrics: Arc<Metrics>,
    draining: Arc<Draining>,
    authors: Authors,
    outbox: Arc<Outbox>,
    encoding: Encoding,
    /// The connection's number, which spreads the clients that come back: see [`Draining::retry_after`].
    number: u64,
    said: bool,
}

impl Farewell {
    /// The farewell of a connection that opens now; from now on its deliveries are in the figures.
    #[must_use]
    pub fn new(engine: &Engine, outbox: Arc<Outbox>, encoding: Encoding, number: u64) -> Self {
        let (metrics, draining, authors) =
            (Arc::clone(&engine.metrics), Arc::clone(&engine.draining), engine.authors.clone());
        metrics.connection_opened(number, encoding.name(), Arc::clone(&outbox) as _);
        Self { metrics, draining, authors, outbox, encoding, number, said: false }
    }

    /// Says the last words, and waits until the writer is done: at most for the write timeout. What became
    /// of all events for the client. `reply` is the last of them where the end has no close frame of its own.
    #[must_use]
    pub fn say(mut self, end: End, reply: Vec<u8>) -> DeliveryCounts {
        self.write(end, reply)
    }

    fn write(&mut self, end: End, reply: Vec<u8>) -> DeliveryCounts {
        self.said = true;
        let mut words = Vec::new();
        let mut events = 0;
        let explained =
            matches!(end, End::Closing | End::Internal | End::Silent | End::TooFast | End::Slow | End::Replaced)
                || matches!(end, End::Expired | End::Unidentified | End::SignedOut)
                || matches!(end, End::Displaced | End::EndedByAdmin | End::Banned);
        if explained {
            let goodbye = Event::Goodbye { end, retry_after: self.draining.retry_after(end, self.number) };
            events = u32::from(Encoder::new(self.authors.clone()).encode(&goodbye, None, self.encoding, &mut words));
        }
        let close = self.encoding.close(end);
        words.extend(if close.is_empty() { reply } else { close });
        let deliveries = writer::finish(&self.outbox, words, events);
        debug_assert!(deliveries.balance() && deliveries.pending == 0, "deliveries do not balance: {deliveries}");
        self.metrics.connection_closed(self.number, self.encoding.name(), end.word());
        deliveries
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        if !self.said {
            self.outbox.end(End::Internal);
            // Nobody is left who would log them.
            _ = self.write(End::Internal, Vec::new());
        }
    }
}
