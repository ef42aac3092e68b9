//! From events to the bytes that go on the wire.
//!
//! Each broker and each connection has an encoder of its own; it keeps a buffer, so encoding an
//! event allocates nothing once the buffer has grown.

use super::frame::{self, Opcode};
use super::{json_out, text_out};
use crate::chat::{Event, Id};

/// A dialect in a framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The text dialect, one WebSocket text frame a line.
    TextFrames,
    /// The text dialect, lines that end with LF.
    TextLines,
    /// The JSON dialect, one object a WebSocket text frame.
    Json,
    /// The same, with `topic` in place of `room`.
    JsonTopic,
}

impl Encoding {
    /// How many there are.
    pub const COUNT: usize = 4;

    /// Its number, less than [`Encoding::COUNT`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [Self::TextFrames, Self::TextLines, Self::Json, Self::JsonTopic];
}

/// Encodes events.
#[derive(Debug, Default)]
pub struct Encoder {
    payload: Vec<u8>,
}

impl Encoder {
    /// Appends `event` to `out`; false when the encoding has no words for it and nothing was added.
    pub fn encode(&mut self, event: &Event, id: Option<&Id>, encoding: Encoding, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        match encoding {
            Encoding::TextLines => text_out::print(event, |line| {
                out.extend_from_slice(line.as_bytes());
                out.push(b'\n');
            }),
            Encoding::TextFrames => text_out::print(event, |line| frame::append(Opcode::Text, line.as_bytes(), out)),
            Encoding::Json | Encoding::JsonTopic => {
                self.payload.clear();
                let place = if encoding == Encoding::Json { "room" } else { "topic" };
                if json_out::print(event, id, place, &mut self.payload) {
                    frame::append(Opcode::Text, &self.payload, out);
                }
            }
        }
        out.len() > before
    }
}
