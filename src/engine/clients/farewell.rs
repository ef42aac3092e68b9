//! The last words of a connection: a goodbye where one is due, and the close frame.
//!
//! Held by the connection on its reader's thread. Said once; when the reader panics they are said
//! all the same, so that the writer ends.

use std::sync::Arc;

use crate::chat::{End, Event};
use crate::engine::clients::delivery_counts::DeliveryCounts;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::Recipient;
use crate::wire::{Encoder, Encoding};

/// See the module.
pub struct Farewell {
    outbox: Arc<Outbox>,
    encoding: Encoding,
    /// Any number, one a connection: see [`End::retry_after`].
    spread: u64,
    request: bool,
}

impl Farewell {
    /// Last words that are still to be said.
    #[must_use]
    pub fn new(outbox: Arc<Outbox>, encoding: Encoding, spread: u64) -> Self {
        Self { outbox, encoding, spread, request: false }
    }

    /// Says them, and waits until the writer is done: at most for the write timeout. The final books.
    #[must_use]
    pub fn say(mut self, end: End) -> DeliveryCounts {
        self.write(end);
        self.outbox.wait_done()
    }

    fn write(&mut self, end: End) {
        self.request = true;
        let mut words = Vec::new();
        let mut events = 0;
        let explained =
            matches!(end, End::Closing | End::Internal | End::Silent | End::TooFast | End::Slow | End::Replaced)
                || matches!(end, End::Expired | End::Unidentified | End::Displaced);
        if explained {
            let goodbye = Event::Goodbye { end, retry_after: end.retry_after(self.spread) };
            events = u32::from(Encoder::default().encode(&goodbye, None, self.encoding, &mut words));
        }
        words.extend(self.encoding.close(end));
        self.outbox.finish(words, events);
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        if !self.request {
            self.outbox.end(End::Internal);
            self.write(End::Internal);
        }
    }
}
