//! The outbox of one client: the only place that writes to its socket.
//!
//! Brokers, and the client's own reader, call `deliver`: while the backlog is empty, the bytes go straight to the
//! socket without blocking; what does not fit goes to the backlog, and the client's writer owns the socket until the
//! backlog is empty. A writer is wanted with the first byte that has to wait, and started by `writers.rs`. The lock is
//! held across a non-blocking send, never across a blocking one. The first reason for an end wins.
//!
//! There is a writer, or one is wanted, whenever the lock is free and the backlog is not empty: whoever adds to the
//! backlog sees whether there is none, and a writer that retires sees under the same lock that nothing waits. The
//! delivery counts balance whenever the lock is free.

mod latest;
mod writing;

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

use latest::Missed;
pub(in crate::engine) use writing::NextWrite;
pub use writing::WriterSource;
use writing::{Attachment, WriterState};

use crate::chat::{End, Limits, Slow};
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::clients::backlog::{Backlog, ENTRY_BYTES, Popped};
use crate::engine::clients::conflation_key::ConflationKey;
use crate::engine::clients::delivery_counts::{CountsDeliveries, DeliveryCounts};
use crate::engine::clients::outbox_total::{HoldsEvents, OutboxShare, OutboxTotal};
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Segment, Undelivered};
use crate::wire::event_stream::Positions;

/// A socket, as an outbox and its writer use it. Bytes that a write reports as not written come first in the next
/// write: a transport that has encrypted them already relies on it.
pub trait Transport: Send + Sync {
    /// Sends what fits now. Must not block.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits; anything else is the end of the connection.
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Sends at least one byte. Blocks, at most for the write timeout.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` when nothing went in time; every error is the end of the connection.
    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Shuts down one direction or both: a thread that blocks in it returns. Must not block.
    fn shutdown(&self, how: Shutdown);

    /// Has the kernel take hardly more than the network does at once: what is in its buffer, of which it would allow
    /// megabytes, cannot give its place to anything newer. How much may be on its way stays as it is, and with it what a
    /// fast client gets. Must not block.
    fn keep_little_unsent(&self) {}

    /// Brings what the next write touches into the cache. Does nothing else.
    fn prefetch(&self) {}
}

/// Buffers of one system call, at most.
const PARTS_MAX: usize = 16;

/// See the module.
///
/// A round of a broker touches thousands of outboxes, each cold: what a delivery needs comes first, in one line of
/// the cache.
#[repr(C, align(64))]
pub struct Outbox {
    transport: Arc<dyn Transport>,
    state: Mutex<State>,
    /// Notified when the writer has something to do, and when it is done.
    changed: Condvar,
    events_max: u64,
    bytes_max: usize,
    /// The frame of a ping, and how often it is sent; `None` where the protocol has none.
    ping: Option<(Bytes, Duration)>,
    /// How long a write may make no progress, and how long the farewell may take.
    write_timeout: Duration,
    /// What waits here, as a part of what waits for all clients.
    share: OutboxShare,
}

#[repr(C)]
struct State {
    phase: Phase,
    /// The writer is writing a part of the backlog.
    writing: bool,
    /// A reader waits for the backlog to be empty.
    awaited: bool,
    /// Where the client is in each of its rooms, if its events tell it all of them.
    positions: Option<Box<Positions>>,
    /// It is in a room that keeps the newest of each key for slow members, and its transport knows.
    wants_newest: bool,
    /// The backlog was dropped, perhaps in the middle of an event: nothing more is written.
    cut: bool,
    writer: WriterState,
    backlog: Backlog,
    deliveries: DeliveryCounts,
    end: Option<End>,
    /// When the farewell has to be written, once it is in the backlog.
    deadline: Option<Instant>,
    /// Since when the socket takes nothing, as far as [`Outbox::flush`] has seen.
    stalled: Option<Instant>,
    /// `None` for an outbox whose owner runs its writer, and for one that is done.
    attachment: Option<Attachment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Takes deliveries.
    Open,
    /// Takes no more deliveries; the farewell is still to come.
    Ending,
    /// The farewell is in the backlog.
    Finishing,
    /// The writer is done.
    Done,
}

impl Outbox {
    /// The outbox of a connection. `ping` is the frame of a ping, if the protocol has one. What waits in it counts in
    /// `total`. Somebody has to run its writer, or to attach it to `Writers`.
    #[must_use]
    pub fn new(
        total: &Arc<OutboxTotal>,
        transport: Arc<dyn Transport>,
        limits: &Limits,
        ping: Option<Bytes>,
    ) -> Arc<Self> {
        let state = State {
            phase: Phase::Open,
            writing: false,
            awaited: false,
            positions: None,
            wants_newest: false,
            cut: false,
            writer: WriterState::Running,
            backlog: Backlog::default(),
            deliveries: DeliveryCounts::default(),
            end: None,
            deadline: None,
            stalled: None,
            attachment: None,
        };
        Arc::new_cyclic(|outbox: &Weak<Self>| Self {
            transport,
            state: Mutex::new(state),
            changed: Condvar::new(),
            events_max: limits.outbox_messages as u64,
            bytes_max: limits.outbox_bytes,
            ping: ping.map(|frame| (frame, limits.ping)),
            write_timeout: limits.write_timeout,
            share: OutboxShare::new(total, limits.outbox_total, outbox.clone() as Weak<dyn HoldsEvents>),
        })
    }

    /// Sends bytes that are no event: a pong, the reply to a close frame. They may take as much again as events.
    ///
    /// # Errors
    /// As [`Recipient::deliver`].
    pub fn control(&self, bytes: Bytes) -> Result<(), Undelivered> {
        let segment = Segment::new(bytes, (0, 0), true);
        self.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(Slow::Drop))
    }

    /// Adds the farewell and lets the writer end. Called once, by the connection's reader.
    pub fn finish(&self, farewell: Vec<u8>, events: u32) {
        let mut state = self.state.lock();
        if state.phase != Phase::Done {
            state.phase = Phase::Finishing;
            state.deadline = Some(Instant::now() + self.write_timeout);
            state.deliveries.enqueued += u64::from(events);
            if state.cut {
                state.deliveries.dropped += u64::from(events);
            } else if !farewell.is_empty() {
                self.push(&mut state, farewell.into(), events, (0, None));
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until the writer is done, at most as long as the farewell may take; the final counts.
    pub fn wait_done(&self) -> DeliveryCounts {
        let mut state = self.state.lock();
        while state.phase != Phase::Done {
            self.changed.wait(&mut state);
        }
        state.deliveries
    }

    /// Has each event name the position in all rooms of a stream, of which the client has named these.
    pub(in crate::engine) fn merge_positions(&self, positions: Positions) {
        self.state.lock().positions = Some(Box::new(positions));
    }

    /// The events that come next and are of no room yet are those of the stream's room with this index.
    pub(in crate::engine) fn begin_room(&self, room: usize) {
        if let Some(positions) = &mut self.state.lock().positions {
            positions.join(room);
        }
    }

    /// Waits until the backlog is empty: for a reader that has much to send and must stay within the bounds. At
    /// most for the time that a write may make no progress.
    ///
    /// # Errors
    /// Why the connection has to end.
    pub fn wait_drained(&self) -> Result<(), End> {
        let mut state = self.state.lock();
        while state.phase == Phase::Open && !state.backlog.is_empty() {
            state.awaited = true;
            self.changed.wait(&mut state);
        }
        if state.phase == Phase::Open { Ok(()) } else { Err(state.end.unwrap_or(End::Gone)) }
    }

    /// Why the connection has to end, if it does.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        self.state.lock().end
    }

    /// Sends what the socket takes now, and keeps the rest in the backlog.
    fn send(&self, state: &mut State, segments: &[Segment]) -> Result<(), Undelivered> {
        let mut unsent = segments;
        while !unsent.is_empty() {
            let count = unsent.len().min(PARTS_MAX);
            let sent = match try_write(&*self.transport, &unsent[..count]) {
                Ok(sent) => sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(_) => {
                    let events: u64 = unsent.iter().map(|segment| u64::from(segment.events)).sum();
                    state.deliveries.dropped += events;
                    self.broken(state);
                    return Err(Undelivered::Closed);
                }
            };
            let (whole, rest) = state.account(&unsent[..count], sent);
            unsent = &unsent[whole..];
            if rest > 0 || whole < count {
                let mut missed = Missed::default();
                for (i, segment) in unsent.iter().enumerate() {
                    let skip = if i == 0 { rest } else { 0 };
                    if segment.inner.is_some() {
                        self.push_split(state, segment, skip, &mut missed);
                    } else {
                        self.push_segment(state, segment, skip);
                    }
                }
                self.changed.notify_all();
                return missed.told();
            }
        }
        Ok(())
    }

    /// Adds to the backlog what the limits and the mode allow.
    fn keep(&self, state: &mut State, segments: &[Segment], mode: DeliveryMode) -> Result<(), Undelivered> {
        let bytes: usize = segments.iter().map(|segment| segment.part.len()).sum();
        let events: u64 = segments.iter().map(|segment| u64::from(segment.events)).sum();
        let fits = |state: &State, factor, bytes, events| self.fits(state, factor, (bytes, events));
        match mode {
            DeliveryMode::Policy(Slow::Latest) => self.keep_latest(state, segments),
            DeliveryMode::Policy(_) if fits(state, 1, bytes, events) => {
                segments.iter().for_each(|segment| self.push_segment(state, segment, 0));
                Ok(())
            }
            DeliveryMode::BestEffort => {
                state.deliveries.dropped += events;
                Err(Undelivered::Dropped { messages: 0, conflated: 0 })
            }
            DeliveryMode::Policy(Slow::Disconnect) => {
                state.deliveries.dropped += events;
                self.end_with(state, End::Slow);
                Err(Undelivered::Slow)
            }
            DeliveryMode::Policy(Slow::Drop) => {
                let mut messages = 0;
                for segment in segments {
                    if segment.reply && fits(state, 2, segment.part.len(), u64::from(segment.events)) {
                        self.push_segment(state, segment, 0);
                        continue;
                    }
                    state.deliveries.dropped += u64::from(segment.events);
                    messages += segment.messages;
                    if segment.reply {
                        // A reply must not be lost silently: the connection ends.
                        self.end_with(state, End::Slow);
                    }
                }
                Err(Undelivered::Dropped { messages, conflated: 0 })
            }
        }
    }

    /// Whether so many bytes and events may wait too, within so many times the limits. Events that newer ones can replace
    /// do not count among them: see `latest.rs`.
    fn fits(&self, state: &State, factor: usize, (bytes, events): (usize, u64)) -> bool {
        let pending = state.deliveries.pending - state.backlog.keyed() as u64;
        state.backlog.bytes() + bytes <= self.bytes_max * factor && pending + events <= self.events_max * factor as u64
    }

    fn end_with(&self, state: &mut State, end: End) {
        state.end.get_or_insert(end);
        if state.phase == Phase::Open {
            state.phase = Phase::Ending;
            // Wakes the reader, which ends the connection: the only way in which connections end.
            self.transport.shutdown(Shutdown::Read);
            self.changed.notify_all();
        }
    }

    fn broken(&self, state: &mut State) {
        state.end.get_or_insert(End::WriteFailed);
        state.phase = match state.phase {
            Phase::Finishing | Phase::Done => Phase::Done,
            Phase::Open | Phase::Ending => Phase::Ending,
        };
        self.drop_all(state);
        self.transport.shutdown(Shutdown::Both);
        self.changed.notify_all();
    }

    /// As [`Recipient::deliver`], but cuts no client where too much waits for all of them.
    pub(in crate::engine) fn take(&self, delivery: Delivery<'_>, mode: DeliveryMode) -> Result<(), Undelivered> {
        let Delivery::Segments(segments) = delivery else { return Err(Undelivered::Closed) };
        let events: u64 = segments.iter().map(|segment| u64::from(segment.events)).sum();
        let mut state = self.state.lock();
        state.deliveries.enqueued += events;
        if state.phase != Phase::Open {
            state.deliveries.dropped += events;
            return Err(Undelivered::Closed);
        }
        if mode == DeliveryMode::Policy(Slow::Latest) && !std::mem::replace(&mut state.wants_newest, true) {
            self.transport.keep_little_unsent();
        }
        let merged: Vec<_>;
        let segments = match &mut state.positions {
            None => segments,
            Some(positions) => {
                merged = segments.iter().flat_map(Segment::split).map(|event| event.merged(positions)).collect();
                &merged
            }
        };
        // ANCHOR: taken
        let taken = if state.backlog.is_empty() && !state.writing {
            self.send(&mut state, segments)
        } else {
            self.keep(&mut state, segments, mode)
        };
        // ANCHOR_END: taken
        self.want_writer(state);
        taken
    }

    /// What waits for all clients.
    pub(in crate::engine) fn total(&self) -> &Arc<OutboxTotal> {
        self.share.total()
    }

    /// Adds bytes; `own` is how many of them are this client's alone, and what they are the newest of.
    fn push(&self, state: &mut State, bytes: Bytes, events: u32, own: (usize, Option<Arc<ConflationKey>>)) {
        let (own, key) = own;
        let own = own + ENTRY_BYTES;
        self.share.add(bytes.len(), own);
        state.deliveries.pending += u64::from(events);
        state.backlog.push(bytes, events, own, key);
    }

    /// Adds a segment without its first `skip` bytes, which are written.
    fn push_segment(&self, state: &mut State, segment: &Segment, skip: usize) {
        let part = segment.part.start + skip..segment.part.end;
        // Before the slice, which is a second reference.
        let own = segment.own_bytes();
        self.push(state, segment.buffer.slice(part), segment.events, (own, None));
    }

    /// Takes the first `count` bytes off the backlog, which are written.
    fn pop(&self, state: &mut State, count: usize) {
        let before = state.backlog.bytes();
        let Popped { events, own } = state.backlog.pop(count);
        self.share.remove(before - state.backlog.bytes(), own);
        state.deliveries.written += events;
        state.deliveries.pending -= events;
        if state.backlog.is_empty() && std::mem::take(&mut state.awaited) {
            self.changed.notify_all();
        }
    }

    fn drop_all(&self, state: &mut State) {
        let waiting = state.backlog.bytes();
        let Popped { own, .. } = state.backlog.clear();
        self.share.remove(waiting, own);
        state.deliveries.dropped += state.deliveries.pending;
        state.deliveries.pending = 0;
    }
}

impl HoldsEvents for Outbox {
    /// A client that gets no close frame, since the event that was being written to it is dropped too. It may resume.
    fn cut(&self) {
        let mut state = self.state.lock();
        state.end.get_or_insert(End::Slow);
        state.cut = true;
        self.broken(&mut state);
    }
}

impl CountsDeliveries for Outbox {
    fn deliveries(&self) -> DeliveryCounts {
        self.state.lock().deliveries
    }
}

impl Recipient for Outbox {
    fn deliver(&self, delivery: Delivery<'_>, mode: DeliveryMode) -> Result<(), Undelivered> {
        let delivered = self.take(delivery, mode);
        self.share.relieve();
        delivered
    }

    fn is_drained(&self) -> bool {
        let state = self.state.lock();
        state.phase == Phase::Open && state.backlog.is_empty()
    }

    fn prefetch(&self) {
        self.transport.prefetch();
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn waiting(&self) -> (u64, usize) {
        let state = self.state.lock();
        (state.deliveries.pending, state.backlog.bytes())
    }

    fn end(&self, end: End) {
        self.end_with(&mut self.state.lock(), end);
    }
}

/// Writes all segments in one system call, without an allocation.
fn try_write(transport: &dyn Transport, segments: &[Segment]) -> io::Result<usize> {
    let mut parts = [IoSlice::new(&[]); PARTS_MAX];
    for (part, segment) in parts.iter_mut().zip(segments) {
        *part = IoSlice::new(segment.bytes());
    }
    transport.try_write(&parts[..segments.len()])
}

impl State {
    /// Counts the segments that `sent` bytes complete as written; how many they are, and how many bytes of the next
    /// were sent.
    fn account(&mut self, segments: &[Segment], mut sent: usize) -> (usize, usize) {
        for (i, segment) in segments.iter().enumerate() {
            if segment.part.len() > sent {
                return (i, sent);
            }
            sent -= segment.part.len();
            self.deliveries.written += u64::from(segment.events);
        }
        (segments.len(), 0)
    }
}
