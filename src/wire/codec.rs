//! The encodings: each is a dialect, which parses commands and prints events, in a framing, which delimits them.
//!
//! What depends on a client's protocol is decided here, and nowhere outside `wire`. A new protocol is a row
//! of `Encoding::codec`, with a dialect or a framing of its own where those at hand do not serve.

use super::frame::{self, Opcode};
use super::{Unparsed, json, text};
use crate::chat::capabilities::Capabilities;
use crate::chat::{End, Request};

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

/// The two halves of an encoding.
#[derive(Clone, Copy)]
pub(super) struct Codec {
    pub(super) dialect: Dialect,
    pub(super) framing: Framing,
}

/// How commands and events are put into words.
#[derive(Clone, Copy)]
pub(super) enum Dialect {
    /// Lines for people, who are in one room at a time.
    Text,
    /// Objects for programs; `room_field` is the field that names a room.
    Json { room_field: &'static str },
}

/// How one unit of a stream is told from the next.
#[derive(Clone, Copy)]
pub(super) enum Framing {
    /// WebSocket text frames.
    Frames,
    /// Lines that end with LF.
    Lines,
}

impl Encoding {
    /// How many there are.
    pub const COUNT: usize = 4;

    /// Its name in logs and figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TextFrames => "websocket-text",
            Self::TextLines => "lines",
            Self::Json | Self::JsonTopic => "websocket-json",
        }
    }

    /// The encodings, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [Self::TextFrames, Self::TextLines, Self::Json, Self::JsonTopic];

    /// Its number, less than [`Encoding::COUNT`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its row in the table of encodings.
    pub(super) fn codec(self) -> Codec {
        let (dialect, framing) = match self {
            Self::TextFrames => (Dialect::Text, Framing::Frames),
            Self::TextLines => (Dialect::Text, Framing::Lines),
            Self::Json => (Dialect::Json { room_field: "room" }, Framing::Frames),
            Self::JsonTopic => (Dialect::Json { room_field: "topic" }, Framing::Frames),
        };
        Codec { dialect, framing }
    }

    /// The encoding of the events of a room that the client has called a topic.
    #[must_use]
    pub fn of_topic(self) -> Self {
        match self {
            Self::Json => Self::JsonTopic,
            other => other,
        }
    }

    /// What a client of this encoding can do.
    #[must_use]
    pub fn capabilities(self) -> Capabilities {
        match self.codec().dialect {
            Dialect::Text => Capabilities { single_room: true, welcome: false },
            Dialect::Json { .. } => Capabilities { single_room: false, welcome: true },
        }
    }

    /// Parses one unit of input: a line without its end, or the text of a frame. `None` when it is empty
    /// and asks for nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(self, text: &str) -> Result<Option<Request>, Unparsed> {
        match self.codec().dialect {
            Dialect::Text => text::parse(text),
            Dialect::Json { .. } => json::parse(text).map(Some),
        }
    }

    /// What keeps an idle connection alive and has its client answer; `None` where the protocol has nothing
    /// of the kind.
    #[must_use]
    pub fn keep_alive(self) -> Option<Vec<u8>> {
        match self.codec().framing {
            Framing::Frames => {
                let mut ping = Vec::new();
                frame::append(Opcode::Ping, b"", &mut ping);
                Some(ping)
            }
            Framing::Lines => None,
        }
    }

    /// The last bytes of a connection that ends for this reason, behind its goodbye; empty where the
    /// protocol has none, or none may follow.
    #[must_use]
    pub fn close(self, end: End) -> Vec<u8> {
        match (self.codec().framing, end.close_code()) {
            (Framing::Frames, Some(code)) => frame::close(code, end.word()),
            (Framing::Frames, None) | (Framing::Lines, _) => Vec::new(),
        }
    }
}

impl Framing {
    /// Appends one unit to `out`.
    pub(super) fn append(self, unit: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Frames => frame::append(Opcode::Text, unit, out),
            Self::Lines => {
                out.extend_from_slice(unit);
                out.push(b'\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_stands_at_its_number() {
        for (number, encoding) in Encoding::ALL.into_iter().enumerate() {
            assert_eq!(encoding.index(), number);
        }
    }

    #[test]
    fn a_stream_is_closed_as_its_framing_says() {
        assert_eq!(Encoding::Json.close(End::Slow), b"\x88\x06\x11\x62slow");
        assert_eq!(Encoding::TextFrames.close(End::Closed), b"");
        assert_eq!(Encoding::TextLines.close(End::Slow), b"");
    }
}
