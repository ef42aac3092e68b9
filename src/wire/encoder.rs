//! From events to the bytes that go on the wire.
//!
//! Each broker and each connection has an encoder of its own; it keeps a buffer, so encoding an
//! event allocates nothing once the buffer has grown. A large event, such as a page of a history, does
//! not leave its buffer behind: that would stay with the client as long as it is connected.

use std::sync::Arc;

use super::codec::{Codec, Dialect, Encoding, Framing};
use super::{event_stream, frame, irc, json, text};
use crate::chat::{Authors, Event, Id};

/// Bytes of the buffer that an encoder keeps, at most.
const KEPT_BYTES: usize = 4 * 1024;

/// Encodes events.
#[derive(Debug, Default)]
pub struct Encoder {
    payload: Vec<u8>,
    /// The epoch of the room whose events it encodes: a position names it, and a message does not.
    epoch: Option<Arc<str>>,
    /// What is known of the authors of events.
    authors: Authors,
}

impl Encoder {
    /// An encoder of events whose authors this index knows.
    #[must_use]
    pub fn new(authors: Authors) -> Self {
        Self { authors, ..Self::default() }
    }

    /// From now on it encodes the events of a room with a history of this epoch.
    pub fn set_epoch(&mut self, epoch: &Arc<str>) {
        if self.epoch.as_ref() != Some(epoch) {
            self.epoch = Some(Arc::clone(epoch));
        }
    }

    /// Appends `event` to `out`; false when the dialect has no form for it and nothing was added.
    pub fn encode(&mut self, event: &Event, id: Option<&Id>, encoding: Encoding, out: &mut Vec<u8>) -> bool {
        if matches!(encoding, Encoding::Group(_)) && event.is_for_one_of_a_group() {
            return false;
        }
        let before = out.len();
        let Codec { dialect, framing } = encoding.codec();
        match dialect {
            Dialect::Text => text::print(event, |line| framing.append(line.as_bytes(), out)),
            Dialect::TextOfPattern => text::print_of_pattern(event, |line| framing.append(line.as_bytes(), out)),
            Dialect::Irc(traits) => {
                let epoch = self.epoch.as_deref().unwrap_or_default();
                let options = irc::PrintOptions { traits, epoch, authors: &self.authors };
                irc::print(event, id, options, |line| framing.append(line, out));
            }
            Dialect::Json { room_field } => {
                self.payload.clear();
                if let (Framing::DataFrames, Some(data)) = (framing, event.data()) {
                    json::print_head(event, id, room_field, &mut self.payload);
                    frame::append_data(&self.payload, data, out);
                } else if json::print(event, id, room_field, &mut self.payload) {
                    if let Framing::Events = framing {
                        event_stream::append_fields(event, self.epoch.as_deref(), out);
                    }
                    framing.append(&self.payload, out);
                }
                if self.payload.capacity() > KEPT_BYTES {
                    self.payload = Vec::new();
                }
            }
        }
        out.len() > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Refusal;

    #[test]
    fn a_large_event_leaves_no_buffer_behind() {
        let mut encoder = Encoder::default();
        let mut encode = |text: String| {
            let event = Event::Refused(Refusal::bad_request(text));
            assert!(encoder.encode(&event, None, Encoding::Json, &mut Vec::new()));
            encoder.payload.capacity()
        };
        assert!((1..=KEPT_BYTES).contains(&encode("x".to_owned())));
        assert_eq!(encode("x".repeat(1024 * 1024)), 0);
        assert!((1..=KEPT_BYTES).contains(&encode("x".to_owned())));
    }
}
