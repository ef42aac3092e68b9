//! The outbox of one client: the only place that writes to its socket.
//!
//! Brokers, and the client's own reader, call `deliver`: while the backlog is empty, the bytes go straight to the
//! socket without blocking; what does not fit goes to the backlog, and the client's writer thread owns the socket
//! until the backlog is empty. The lock is held across a non-blocking send, never across a blocking one. The first
//! reason for an end wins.
//!
//! The delivery counts balance whenever the lock is free.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::chat::{End, Limits, Slow};
use crate::engine::base::sync::{Condvar, Mutex, MutexGuard};
use crate::engine::clients::backlog::Backlog;
use crate::engine::clients::delivery_counts::{CountsDeliveries, DeliveryCounts};
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Segment, Undelivered};

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
    /// How often a ping goes out, and its frame; `None` where the protocol has none.
    ping: Option<(Duration, Bytes)>,
    /// How long the farewell may take.
    farewell_timeout: Duration,
}

#[repr(C)]
struct State {
    phase: Phase,
    /// The writer is writing a part of the backlog.
    writing: bool,
    /// A reader waits for the backlog to be empty.
    awaited: bool,
    backlog: Backlog,
    deliveries: DeliveryCounts,
    end: Option<End>,
    /// When the farewell has to be written, once it is in the backlog.
    deadline: Option<Instant>,
    next_ping: Option<Instant>,
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
    /// The outbox of a connection. `ping` is the frame of a ping, if the protocol has one.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, limits: &Limits, ping: Option<Bytes>) -> Arc<Self> {
        let ping = ping.map(|frame| (limits.ping, frame));
        let state = State {
            phase: Phase::Open,
            writing: false,
            awaited: false,
            backlog: Backlog::default(),
            deliveries: DeliveryCounts::default(),
            end: None,
            deadline: None,
            next_ping: ping.as_ref().map(|(every, _)| Instant::now() + *every),
        };
        Arc::new(Self {
            transport,
            state: Mutex::new(state),
            changed: Condvar::new(),
            events_max: limits.outbox_messages as u64,
            bytes_max: limits.outbox_bytes,
            ping,
            farewell_timeout: limits.write_timeout,
        })
    }

    /// Sends bytes that are no event: a pong, the reply to a close frame.
    ///
    /// # Errors
    /// As [`Recipient::deliver`].
    pub fn control(&self, bytes: Bytes) -> Result<(), Undelivered> {
        let part = 0..bytes.len();
        let segment = Segment { buffer: bytes, part, events: 0, messages: 0, reply: true };
        self.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(Slow::Disconnect))
    }

    /// Adds the farewell and lets the writer end. Called once, by the connection's reader.
    pub fn finish(&self, farewell: Vec<u8>, events: u32) {
        let mut state = self.state.lock();
        if state.phase != Phase::Done {
            state.phase = Phase::Finishing;
            state.deadline = Some(Instant::now() + self.farewell_timeout);
            state.deliveries.enqueued += u64::from(events);
            if !farewell.is_empty() {
                state.push(farewell.into(), events);
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

    /// What the writer writes next: waits for a backlog, or until a ping is due. `None`: the writer has to end.
    pub(in crate::engine) fn next_parts(&self) -> Option<Vec<Bytes>> {
        let mut state = self.state.lock();
        loop {
            if state.phase == Phase::Finishing
                && (state.backlog.is_empty() || state.deadline.is_some_and(|deadline| Instant::now() > deadline))
            {
                return None;
            }
            if state.phase == Phase::Done {
                return None;
            }
            self.ping_if_due(&mut state);
            if !state.backlog.is_empty() {
                state.writing = true;
                return Some(state.backlog.parts(PARTS_MAX));
            }
            self.wait(&mut state);
        }
    }

    /// Takes the result of that write. False when the connection is broken.
    pub(in crate::engine) fn wrote(&self, result: io::Result<usize>) -> bool {
        let mut state = self.state.lock();
        state.writing = false;
        match result {
            Ok(count) if count > 0 => {
                state.pop(count);
                if state.backlog.is_empty() && std::mem::take(&mut state.awaited) {
                    self.changed.notify_all();
                }
                true
            }
            _ => {
                self.broken(&mut state);
                false
            }
        }
    }

    /// The writer is done; the rest of the backlog is dropped.
    pub(in crate::engine) fn done(&self) {
        let mut state = self.state.lock();
        state.phase = Phase::Done;
        state.drop_all();
        drop(state);
        self.transport.shutdown(Shutdown::Write);
        self.changed.notify_all();
    }

    /// The socket, for the writer.
    pub(in crate::engine) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    fn wait(&self, state: &mut MutexGuard<'_, State>) {
        match state.next_ping {
            // The loop that calls this checks the time itself.
            Some(at) if state.phase == Phase::Open => _ = self.changed.wait_until(state, at),
            _ => self.changed.wait(state),
        }
    }

    fn ping_if_due(&self, state: &mut State) {
        let (Some((every, frame)), Some(at)) = (&self.ping, state.next_ping) else { return };
        let now = Instant::now();
        if state.phase == Phase::Open && now >= at {
            state.next_ping = Some(now + *every);
            state.push(frame.clone(), 0);
        }
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
                for (i, segment) in unsent.iter().enumerate() {
                    let skip = if i == 0 { rest } else { 0 };
                    state.push_segment(segment, skip);
                }
                self.changed.notify_all();
                return Ok(());
            }
        }
        Ok(())
    }

    /// Adds to the backlog what the limits and the mode allow.
    fn keep(&self, state: &mut State, segments: &[Segment], mode: DeliveryMode) -> Result<(), Undelivered> {
        let bytes: usize = segments.iter().map(|segment| segment.part.len()).sum();
        let events: u64 = segments.iter().map(|segment| u64::from(segment.events)).sum();
        let fits = |state: &State, factor, bytes, events| {
            state.backlog.bytes() + bytes <= self.bytes_max * factor
                && state.deliveries.pending + events <= self.events_max * factor as u64
        };
        match mode {
            DeliveryMode::Policy(_) if fits(state, 1, bytes, events) => {
                segments.iter().for_each(|segment| state.push_segment(segment, 0));
                Ok(())
            }
            DeliveryMode::BestEffort => {
                state.deliveries.dropped += events;
                Err(Undelivered::Dropped { messages: 0 })
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
                        state.push_segment(segment, 0);
                        continue;
                    }
                    state.deliveries.dropped += u64::from(segment.events);
                    messages += segment.messages;
                    if segment.reply {
                        // A reply must not be lost silently: the connection ends.
                        self.end_with(state, End::Slow);
                    }
                }
                Err(Undelivered::Dropped { messages })
            }
        }
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
        state.phase = if state.phase == Phase::Finishing { Phase::Done } else { Phase::Ending };
        state.drop_all();
        self.transport.shutdown(Shutdown::Both);
        self.changed.notify_all();
    }
}

impl CountsDeliveries for Outbox {
    fn deliveries(&self) -> DeliveryCounts {
        self.state.lock().deliveries
    }
}

impl Recipient for Outbox {
    fn deliver(&self, delivery: Delivery<'_>, mode: DeliveryMode) -> Result<(), Undelivered> {
        let Delivery::Segments(segments) = delivery else { return Err(Undelivered::Closed) };
        let events: u64 = segments.iter().map(|segment| u64::from(segment.events)).sum();
        let mut state = self.state.lock();
        state.deliveries.enqueued += events;
        if state.phase != Phase::Open {
            state.deliveries.dropped += events;
            return Err(Undelivered::Closed);
        }
        if state.backlog.is_empty() && !state.writing {
            self.send(&mut state, segments)
        } else {
            self.keep(&mut state, segments, mode)
        }
    }

    fn is_drained(&self) -> bool {
        let state = self.state.lock();
        state.phase == Phase::Open && state.backlog.is_empty()
    }

    fn prefetch(&self) {
        self.transport.prefetch();
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
    fn push(&mut self, bytes: Bytes, events: u32) {
        self.deliveries.pending += u64::from(events);
        self.backlog.push(bytes, events);
    }

    /// Adds a segment without its first `skip` bytes, which are written.
    fn push_segment(&mut self, segment: &Segment, skip: usize) {
        let part = segment.part.start + skip..segment.part.end;
        self.push(segment.buffer.slice(part), segment.events);
    }

    /// Takes the first `count` bytes off the backlog, which are written.
    fn pop(&mut self, count: usize) {
        let events = self.backlog.pop(count);
        self.deliveries.written += events;
        self.deliveries.pending -= events;
    }

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

    fn drop_all(&mut self) {
        self.backlog.clear();
        self.deliveries.dropped += self.deliveries.pending;
        self.deliveries.pending = 0;
    }
}
