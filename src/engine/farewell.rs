//! The last words of a connection: a goodbye where one is due, and the close frame.
//!
//! Held by the connection on its reader's thread. Said once; when the reader panics they are said
//! all the same, so that the writer ends.

use std::sync::Arc;

use super::books::Books;
use super::outbox::Outbox;
use super::recipient::Recipient;
use crate::chat::{End, Event};
use crate::wire::{Encoder, Encoding, frame};

/// See the module.
pub struct Farewell {
    outbox: Arc<Outbox>,
    encoding: Encoding,
    /// Any number, one a connection: see [`End::retry_after`].
    spread: u64,
    said: bool,
}

impl Farewell {
    /// Last words that are still to be said.
    #[must_use]
    pub fn new(outbox: Arc<Outbox>, encoding: Encoding, spread: u64) -> Self {
        Self { outbox, encoding, spread, said: false }
    }

    /// Says them, and waits until the writer is done: at most for the write timeout. The final books.
    #[must_use]
    pub fn say(mut self, end: End) -> Books {
        self.write(end);
        self.outbox.wait_done()
    }

    fn write(&mut self, end: End) {
        self.said = true;
        let mut words = Vec::new();
        let mut events = 0;
        let explained =
            matches!(end, End::Closing | End::Internal | End::Silent | End::TooFast | End::Slow | End::Replaced)
                || matches!(end, End::Expired | End::Unidentified | End::Displaced);
        if explained {
            let goodbye = Event::Goodbye { end, retry_after: end.retry_after(self.spread) };
            events = u32::from(Encoder::default().encode(&goodbye, None, self.encoding, &mut words));
        }
        if let (false, Some(code)) = (self.encoding == Encoding::TextLines, end.close_code()) {
            words.extend(frame::close(code, end.word()));
        }
        self.outbox.finish(words, events);
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        if !self.said {
            self.outbox.end(End::Internal);
            self.write(End::Internal);
        }
    }
}
