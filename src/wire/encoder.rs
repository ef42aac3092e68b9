//! From events to the bytes that go on the wire.
//!
//! Each broker and each connection has an encoder of its own; it keeps a buffer, so encoding an
//! event allocates nothing once the buffer has grown.

use super::codec::{Codec, Dialect, Encoding};
use super::{json, text};
use crate::chat::{Event, Id};

/// Encodes events.
#[derive(Debug, Default)]
pub struct Encoder {
    payload: Vec<u8>,
}

impl Encoder {
    /// Appends `event` to `out`; false when the dialect has no form for it and nothing was added.
    pub fn encode(&mut self, event: &Event, id: Option<&Id>, encoding: Encoding, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let Codec { dialect, framing } = encoding.codec();
        match dialect {
            Dialect::Text => text::print(event, |line| framing.append(line.as_bytes(), out)),
            Dialect::Json { room_field } => {
                self.payload.clear();
                if json::print(event, id, room_field, &mut self.payload) {
                    framing.append(&self.payload, out);
                }
            }
        }
        out.len() > before
    }
}
