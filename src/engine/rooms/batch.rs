//! The events of one round of a broker, encoded once for all members.
//!
//! Each encoding that a member of the room uses has a buffer; each event for everybody is appended to each buffer
//! once. A member has an offset in its buffer and gets the bytes from there in one write. An event for one member, or
//! for all but one, cuts that member's part: it collects segments of the buffer and segments of its own, and its
//! offset moves on.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::chat::{Authors, Event, Id, Slow};
use crate::engine::clients::conflation_key::{ConflationKey, EventPart};
use crate::engine::clients::outbox_total::OutboxTotal;
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

struct Stream {
    encoding: Encoding,
    /// Members that use the encoding.
    readers: usize,
    buffer: Vec<u8>,
    end: Offset,
    /// Its events, where the room keeps the newest of each key for slow members.
    inner: Vec<EventPart>,
}

/// The buffers of one round.
pub struct Batch {
    /// Where they count while clients wait for them.
    total: Arc<OutboxTotal>,
    encoder: Encoder,
    /// One for each encoding in use: few, so they are searched one by one.
    streams: Vec<Stream>,
    messages: u32,
    /// Whether it notes where each event ends, and its key.
    latest: bool,
}

/// The buffers of a finished round.
pub struct Sealed {
    /// For each encoding that has events, everything that is for all members.
    whole: Vec<(Encoding, Segment)>,
}

impl Batch {
    /// An empty round, whose buffers count in `total`; of a room that treats its slow members so,
    /// on a server that knows these authors.
    #[must_use]
    pub fn new(total: Arc<OutboxTotal>, slow: Slow, authors: Authors) -> Self {
        let latest = slow == Slow::Latest;
        Self { total, encoder: Encoder::new(authors), streams: Vec::new(), messages: 0, latest }
    }

    /// Counts a member that uses this encoding in or out.
    pub fn readers(&mut self, encoding: Encoding, change: isize) {
        let stream = self.stream(encoding);
        stream.readers = stream.readers.checked_add_signed(change).expect("readers are counted in pairs");
    }

    /// Names the epoch of the room's history, for encodings whose events have it.
    pub fn set_epoch(&mut self, epoch: &Arc<str>) {
        self.encoder.set_epoch(epoch);
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
        let stream = self.streams.iter().find(|stream| stream.encoding == encoding);
        stream.map_or(Offset::default(), |stream| stream.end)
    }

    /// The stream of an encoding, made with its first reader.
    fn stream(&mut self, encoding: Encoding) -> &mut Stream {
        let at = self.streams.iter().position(|stream| stream.encoding == encoding).unwrap_or_else(|| {
            let (buffer, end, inner) = (Vec::new(), Offset::default(), Vec::new());
            self.streams.push(Stream { encoding, readers: 0, buffer, end, inner });
            self.streams.len() - 1
        });
        &mut self.streams[at]
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

    // ANCHOR: append
    /// Encodes an event for everybody.
    pub fn append(&mut self, event: &Event) {
        let messages = u32::from(event.is_message());
        self.messages += messages;
        let key = self.latest.then(|| ConflationKey::of(event)).flatten();
        for stream in &mut self.streams {
            if stream.readers > 0 && self.encoder.encode(event, None, stream.encoding, &mut stream.buffer) {
                stream.end.at = stream.buffer.len();
                stream.end.events += 1;
                stream.end.messages += messages;
                if self.latest {
                    let (end, is_message) = (stream.end.at, messages > 0);
                    stream.inner.push(EventPart { end, is_message, key: key.clone() });
                }
            }
        }
    }
    // ANCHOR_END: append

    /// Encodes an event for one member; `None` when its encoding cannot express the event.
    pub fn own(&mut self, event: &Event, id: Option<&Id>, encoding: Encoding) -> Option<Segment> {
        Segment::of(&mut self.encoder, event, id, encoding)
    }

    /// A copy of a part of a buffer, for a member that leaves before the round ends.
    #[must_use]
    pub fn copy(&self, encoding: Encoding, part: &Range<Offset>) -> Option<Segment> {
        let stream = self.streams.iter().find(|stream| stream.encoding == encoding)?;
        segment(Bytes::copy_from_slice(&stream.buffer[part.start.at..part.end.at]), None, 0, part)
    }

    /// Ends the round: the buffers are empty again.
    pub fn seal(&mut self) -> Sealed {
        self.messages = 0;
        let total = &self.total;
        let seal = |stream: &mut Stream| {
            let end = std::mem::take(&mut stream.end);
            // The next round is likely to be of the same size.
            let next = Vec::with_capacity(stream.buffer.len());
            let buffer = total.share(std::mem::replace(&mut stream.buffer, next));
            let inner = std::mem::take(&mut stream.inner);
            let inner = (!inner.is_empty()).then(|| Arc::from(inner));
            Some((stream.encoding, segment(buffer, inner, 0, &(Offset::default()..end))?))
        };
        let whole = self.streams.iter_mut().filter_map(seal).collect();
        self.streams.retain(|stream| stream.readers > 0);
        Sealed { whole }
    }
}

impl Sealed {
    /// Whether there is no event for all members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// Everything in this encoding; `None`: there is no event.
    #[must_use]
    pub fn whole(&self, encoding: Encoding) -> Option<&Segment> {
        self.whole.iter().find(|(of, _)| *of == encoding).map(|(_, segment)| segment)
    }

    /// A part of the buffer.
    #[must_use]
    pub fn part(&self, encoding: Encoding, part: &Range<Offset>) -> Option<Segment> {
        let whole = self.whole(encoding)?;
        segment(whole.buffer.clone(), whole.inner.clone(), part.start.at, part)
    }

    /// The buffer from an offset to its end.
    #[must_use]
    pub fn rest(&self, encoding: Encoding, from: Offset) -> Option<Segment> {
        let whole = self.whole(encoding)?;
        let end = Offset { at: whole.buffer.len(), events: whole.events, messages: whole.messages };
        self.part(encoding, &(from..end))
    }
}

fn segment(buffer: Bytes, inner: Option<Arc<[EventPart]>>, begin: usize, part: &Range<Offset>) -> Option<Segment> {
    let (start, end) = (part.start, part.end);
    let bytes = begin..begin + (end.at - start.at);
    (!bytes.is_empty()).then(|| Segment {
        buffer,
        part: bytes,
        events: end.events - start.events,
        messages: end.messages - start.messages,
        reply: false,
        inner,
    })
}
