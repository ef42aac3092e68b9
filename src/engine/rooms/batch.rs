//! One round of a broker: what is encoded once and read by many.
//!
//! Each encoding that a member of the room uses has a buffer; each event for everybody is appended
//! to each buffer once. A member has a mark in its buffer and gets the bytes from there in one
//! write. What is for one member, or for all but one, is done by cutting that member's part: it
//! collects pieces of the buffer and of its own, and its mark moves on.

use std::ops::Range;

use bytes::Bytes;

use crate::chat::{Event, Id};
use crate::engine::clients::recipient::{Form, Piece};
use crate::wire::{Encoder, Encoding};

/// A place in a buffer: bytes, events and messages before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset {
    at: usize,
    events: u32,
    messages: u32,
}

/// What a member gets: parts of the shared buffer, and pieces of its own.
#[derive(Debug)]
pub enum Cut {
    /// A part of its encoding's buffer.
    Shared(Range<Offset>),
    /// Encoded for it alone.
    Own(Piece),
}

#[derive(Default)]
struct Stream {
    /// Members that read it.
    readers: usize,
    buffer: Vec<u8>,
    end: Offset,
}

/// The buffers of one round.
#[derive(Default)]
pub struct Batch {
    encoder: Encoder,
    streams: [Stream; Encoding::COUNT],
    messages: u32,
}

/// The buffers of a round that is over, to be read from.
pub struct Sealed {
    /// For each encoding, all that everybody gets.
    whole: [Option<Piece>; Encoding::COUNT],
}

impl Batch {
    /// A member that reads this encoding has come, or gone.
    pub fn readers(&mut self, encoding: Encoding, change: isize) {
        let stream = &mut self.streams[encoding.index()];
        stream.readers = stream.readers.checked_add_signed(change).expect("readers are counted in pairs");
    }

    /// One more takes events in this form; where it begins.
    pub fn enter(&mut self, form: Form) -> Offset {
        match form {
            Form::Bytes(encoding) => {
                self.readers(encoding, 1);
                self.end(encoding)
            }
            Form::Events => Offset::default(),
        }
    }

    /// Where the buffer of an encoding ends now.
    #[must_use]
    pub fn end(&self, encoding: Encoding) -> Offset {
        self.streams[encoding.index()].end
    }

    /// Bytes in all buffers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.streams.iter().map(|stream| stream.buffer.len()).sum()
    }

    /// Messages for everybody in this round.
    #[must_use]
    pub fn messages(&self) -> u32 {
        self.messages
    }

    /// Encodes an event for everybody.
    pub fn append(&mut self, event: &Event) {
        let messages = u32::from(event.is_message());
        self.messages += messages;
        for encoding in Encoding::ALL {
            let stream = &mut self.streams[encoding.index()];
            if stream.readers > 0 && self.encoder.encode(event, None, encoding, &mut stream.buffer) {
                stream.end.at = stream.buffer.len();
                stream.end.events += 1;
                stream.end.messages += messages;
            }
        }
    }

    /// Encodes an event for one member; `None` when its encoding has no words for it.
    pub fn own(&mut self, event: &Event, id: Option<&Id>, encoding: Encoding) -> Option<Piece> {
        let mut buffer = Vec::new();
        let request = self.encoder.encode(event, id, encoding, &mut buffer);
        let messages = u32::from(event.is_message());
        request.then(|| Piece { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages, reply: true })
    }

    /// A copy of a part of a buffer, for one who cannot wait for the round's end.
    #[must_use]
    pub fn copy(&self, encoding: Encoding, part: &Range<Offset>) -> Option<Piece> {
        let bytes = &self.streams[encoding.index()].buffer[part.start.at..part.end.at];
        piece(Bytes::copy_from_slice(bytes), 0, part)
    }

    /// Ends the round: the buffers are empty again.
    pub fn seal(&mut self) -> Sealed {
        self.messages = 0;
        let whole = self.streams.each_mut().map(|stream| {
            let end = std::mem::take(&mut stream.end);
            // The next round is likely to be of the same size.
            let next = Vec::with_capacity(stream.buffer.len());
            piece(std::mem::replace(&mut stream.buffer, next).into(), 0, &(Offset::default()..end))
        });
        Sealed { whole }
    }
}

impl Sealed {
    /// Whether nobody gets anything but what is its own.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.iter().all(Option::is_none)
    }

    /// All that everybody with this encoding gets; `None` for nothing.
    #[must_use]
    pub fn whole(&self, encoding: Encoding) -> Option<&Piece> {
        self.whole[encoding.index()].as_ref()
    }

    /// A part of it.
    #[must_use]
    pub fn part(&self, encoding: Encoding, part: &Range<Offset>) -> Option<Piece> {
        let whole = self.whole(encoding)?;
        piece(whole.buffer.clone(), part.start.at, part)
    }

    /// From a mark to the end.
    #[must_use]
    pub fn rest(&self, encoding: Encoding, from: Offset) -> Option<Piece> {
        let whole = self.whole(encoding)?;
        let end = Offset { at: whole.buffer.len(), events: whole.events, messages: whole.messages };
        self.part(encoding, &(from..end))
    }
}

fn piece(buffer: Bytes, begin: usize, part: &Range<Offset>) -> Option<Piece> {
    let (start, end) = (part.start, part.end);
    let bytes = begin..begin + (end.at - start.at);
    (!bytes.is_empty()).then(|| Piece {
        buffer,
        part: bytes,
        events: end.events - start.events,
        messages: end.messages - start.messages,
        reply: false,
    })
}
