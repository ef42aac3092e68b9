//! The events of one round of a broker, encoded once for all members.
//!
//! Each encoding that a member of the room uses has a buffer; each event for everybody is appended to each buffer
//! once. A member has an offset in its buffer and gets the bytes from there in one write. An event for one member, or
//! for all but one, cuts that member's part: it collects segments of the buffer and segments of its own, and its
//! offset moves on.

use std::ops::Range;

use bytes::Bytes;

use crate::chat::{Event, Id};
use crate::engine::clients::recipient::{Form, Segment};
use crate::wire::{Encoder, Encoding};

/// A position in a buffer: the bytes, events and messages before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset {
    at: usize,
    events: u32,
    messages: u32,
}

/// A part of what a member gets in a round.
#[derive(Debug)]
pub enum Cut {
    /// A range of its encoding's buffer.
    Shared(Range<Offset>),
    /// Events that are encoded for it alone.
    Own(Segment),
}

#[derive(Default)]
struct Stream {
    /// Members that use the encoding.
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

/// The buffers of a finished round.
pub struct Sealed {
    /// By encoding, everything that is for all members.
    whole: [Option<Segment>; Encoding::COUNT],
}

impl Batch {
    /// Counts a member that uses this encoding in or out.
    pub fn readers(&mut self, encoding: Encoding, change: isize) {
        let stream = &mut self.streams[encoding.index()];
        stream.readers = stream.readers.checked_add_signed(change).expect("readers are counted in pairs");
    }

    /// Counts a new member in; the offset from which it gets events.
    pub fn enter(&mut self, form: Form) -> Offset {
        match form {
            Form::Bytes(encoding) => {
                self.readers(encoding, 1);
                self.end(encoding)
            }
            Form::Events => Offset::default(),
        }
    }

    /// The current end of an encoding's buffer.
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

    /// Encodes an event for one member; `None` when its encoding cannot express the event.
    pub fn own(&mut self, event: &Event, id: Option<&Id>, encoding: Encoding) -> Option<Segment> {
        let mut buffer = Vec::new();
        let is_encoded = self.encoder.encode(event, id, encoding, &mut buffer);
        let messages = u32::from(event.is_message());
        is_encoded.then(|| Segment { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages, reply: true })
    }

    /// A copy of a part of a buffer, for a member that leaves before the round ends.
    #[must_use]
    pub fn copy(&self, encoding: Encoding, part: &Range<Offset>) -> Option<Segment> {
        let bytes = &self.streams[encoding.index()].buffer[part.start.at..part.end.at];
        segment(Bytes::copy_from_slice(bytes), 0, part)
    }

    /// Ends the round: the buffers are empty again.
    pub fn seal(&mut self) -> Sealed {
        self.messages = 0;
        let whole = self.streams.each_mut().map(|stream| {
            let end = std::mem::take(&mut stream.end);
            // The next round is likely to be of the same size.
            let next = Vec::with_capacity(stream.buffer.len());
            segment(std::mem::replace(&mut stream.buffer, next).into(), 0, &(Offset::default()..end))
        });
        Sealed { whole }
    }
}

impl Sealed {
    /// Whether there is no event for all members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.iter().all(Option::is_none)
    }

    /// Everything in this encoding; `None`: there is no event.
    #[must_use]
    pub fn whole(&self, encoding: Encoding) -> Option<&Segment> {
        self.whole[encoding.index()].as_ref()
    }

    /// A part of the buffer.
    #[must_use]
    pub fn part(&self, encoding: Encoding, part: &Range<Offset>) -> Option<Segment> {
        let whole = self.whole(encoding)?;
        segment(whole.buffer.clone(), part.start.at, part)
    }

    /// The buffer from an offset to its end.
    #[must_use]
    pub fn rest(&self, encoding: Encoding, from: Offset) -> Option<Segment> {
        let whole = self.whole(encoding)?;
        let end = Offset { at: whole.buffer.len(), events: whole.events, messages: whole.messages };
        self.part(encoding, &(from..end))
    }
}

fn segment(buffer: Bytes, begin: usize, part: &Range<Offset>) -> Option<Segment> {
    let (start, end) = (part.start, part.end);
    let bytes = begin..begin + (end.at - start.at);
    (!bytes.is_empty()).then(|| Segment {
        buffer,
        part: bytes,
        events: end.events - start.events,
        messages: end.messages - start.messages,
        reply: false,
    })
}
