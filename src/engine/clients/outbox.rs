//! What goes out to one client, and the only place that writes to its socket.
//!
//! Brokers, and the client's own reader, call `take`: while nothing waits, the bytes go straight
//! to the socket without blocking; what does not fit waits in the backlog, and the client's writer
//! thread owns the socket until the backlog is empty. The lock is held across a non-blocking send,
//! never across a blocking one. The first reason for an end wins.
//!
//! The books balance at every moment that the lock is free.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::chat::{End, Limits, Slow};
use crate::engine::base::sync::{Condvar, Mutex, MutexGuard};
use crate::engine::clients::backlog::Backlog;
use crate::engine::clients::delivery_counts::{CountsDeliveries, DeliveryCounts};
use crate::engine::clients::recipient::{Care, Parcel, Piece, Recipient, Undelivered};

/// A socket, as an outbox and its writer use it. Bytes that a write reports as not written come first in
/// the next: a transport that had to encrypt them already relies on it.
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

    /// Ends one direction, or both: who blocks in it returns. Must not block.
    fn shutdown(&self, how: Shutdown);

    /// A send is near: brings what it touches into the cache. Does nothing else.
    fn prefetch(&self) {}
}

/// The parts that go into one system call.
const PARTS_MAX: usize = 16;

/// See the module.
///
/// A round of a broker touches thousands of these, each cold: what a delivery needs lies first, in
/// one line of the cache.
#[repr(C, align(64))]
pub struct Outbox {
    transport: Arc<dyn Transport>,
    state: Mutex<State>,
    /// Told when the writer has something to do, and when it is done.
    changed: Condvar,
    events_max: u64,
    bytes_max: usize,
    /// How often a ping goes out, and its frame; `None` where the protocol has none.
    ping: Option<(Duration, Bytes)>,
    /// How long the last words may take.
    last_words: Duration,
}

#[repr(C)]
struct State {
    phase: Phase,
    /// The writer has parts of the backlog in its hands.
    writing: bool,
    /// Somebody waits for the backlog to be empty.
    awaited: bool,
    backlog: Backlog,
    deliveries: DeliveryCounts,
    end: Option<End>,
    /// Until when the last words have time, once they are in the backlog.
    deadline: Option<Instant>,
    next_ping: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Takes events.
    Open,
    /// Takes no more; the last words are still to come.
    Ending,
    /// The last words are in the backlog.
    Finishing,
    /// The writer is done.
    Done,
}

impl Outbox {
    /// The outbox of a connection. `ping` is the frame that asks for life.
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
            last_words: limits.write_timeout,
        })
    }

    /// Sends bytes that are no event: a pong, the echo of a close.
    ///
    /// # Errors
    /// As [`Recipient::take`].
    pub fn control(&self, bytes: Bytes) -> Result<(), Undelivered> {
        let part = 0..bytes.len();
        let piece = Piece { buffer: bytes, part, events: 0, messages: 0, reply: true };
        self.take(Parcel::Pieces(&[piece]), Care::Policy(Slow::Disconnect))
    }

    /// Adds the last words and lets the writer end. Called once, by the connection's reader.
    pub fn finish(&self, last_words: Vec<u8>, events: u32) {
        let mut state = self.state.lock();
        if state.phase != Phase::Done {
            state.phase = Phase::Finishing;
            state.deadline = Some(Instant::now() + self.last_words);
            state.deliveries.enqueued += u64::from(events);
            if !last_words.is_empty() {
                state.push(last_words.into(), events);
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until the writer is done: at most the time that last words have. The final books.
    pub fn wait_done(&self) -> DeliveryCounts {
        let mut state = self.state.lock();
        while state.phase != Phase::Done {
            self.changed.wait(&mut state);
        }
        state.deliveries
    }

    /// Waits until nothing waits for the client: for one who has much to say and wants to keep within
    /// its bounds. At most for the time that a write may make no progress.
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

    /// Why the connection has to end, if anybody said so.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        self.state.lock().end
    }

    /// What the writer writes next: waits for a backlog, or for the time of a ping. `None` is the end.
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

    /// What came of writing that. False when the connection is broken.
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

    /// The writer is done; what still waits is dropped.
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
            // Whether the time is up, the loop that calls this sees for itself.
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

    /// Sends now what fits, and keeps the rest.
    fn send(&self, state: &mut State, pieces: &[Piece]) -> Result<(), Undelivered> {
        let mut unsent = pieces;
        while !unsent.is_empty() {
            let count = unsent.len().min(PARTS_MAX);
            let sent = match try_write(&*self.transport, &unsent[..count]) {
                Ok(sent) => sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(_) => {
                    let events: u64 = unsent.iter().map(|piece| u64::from(piece.events)).sum();
                    state.deliveries.dropped += events;
                    self.broken(state);
                    return Err(Undelivered::Closed);
                }
            };
            let (whole, rest) = state.account(&unsent[..count], sent);
            unsent = &unsent[whole..];
            if rest > 0 || whole < count {
                for (i, piece) in unsent.iter().enumerate() {
                    let skip = if i == 0 { rest } else { 0 };
                    state.push_piece(piece, skip);
                }
                self.changed.notify_all();
                return Ok(());
            }
        }
        Ok(())
    }

    /// Keeps what the limits and the policy allow.
    fn keep(&self, state: &mut State, pieces: &[Piece], care: Care) -> Result<(), Undelivered> {
        let bytes: usize = pieces.iter().map(|piece| piece.part.len()).sum();
        let events: u64 = pieces.iter().map(|piece| u64::from(piece.events)).sum();
        let fits = |state: &State, factor, bytes, events| {
            state.backlog.bytes() + bytes <= self.bytes_max * factor
                && state.deliveries.pending + events <= self.events_max * factor as u64
        };
        match care {
            Care::Policy(_) if fits(state, 1, bytes, events) => {
                pieces.iter().for_each(|piece| state.push_piece(piece, 0));
                Ok(())
            }
            Care::BestEffort => {
                state.deliveries.dropped += events;
                Err(Undelivered::Dropped { messages: 0 })
            }
            Care::Policy(Slow::Disconnect) => {
                state.deliveries.dropped += events;
                self.end_with(state, End::Slow);
                Err(Undelivered::Slow)
            }
            Care::Policy(Slow::Drop) => {
                let mut messages = 0;
                for piece in pieces {
                    if piece.reply && fits(state, 2, piece.part.len(), u64::from(piece.events)) {
                        state.push_piece(piece, 0);
                        continue;
                    }
                    state.deliveries.dropped += u64::from(piece.events);
                    messages += piece.messages;
                    if piece.reply {
                        // An answer that is lost without a word would be a lie; the end says it.
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
            // Wakes the reader, which ends the session: the one way in which sessions end.
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
    fn take(&self, parcel: Parcel<'_>, care: Care) -> Result<(), Undelivered> {
        let Parcel::Pieces(pieces) = parcel else { return Err(Undelivered::Closed) };
        let events: u64 = pieces.iter().map(|piece| u64::from(piece.events)).sum();
        let mut state = self.state.lock();
        state.deliveries.enqueued += events;
        if state.phase != Phase::Open {
            state.deliveries.dropped += events;
            return Err(Undelivered::Closed);
        }
        if state.backlog.is_empty() && !state.writing {
            self.send(&mut state, pieces)
        } else {
            self.keep(&mut state, pieces, care)
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

/// One system call for all the pieces, without an allocation.
fn try_write(transport: &dyn Transport, pieces: &[Piece]) -> io::Result<usize> {
    let mut parts = [IoSlice::new(&[]); PARTS_MAX];
    for (part, piece) in parts.iter_mut().zip(pieces) {
        *part = IoSlice::new(piece.bytes());
    }
    transport.try_write(&parts[..pieces.len()])
}

impl State {
    fn push(&mut self, bytes: Bytes, events: u32) {
        self.deliveries.pending += u64::from(events);
        self.backlog.push(bytes, events);
    }

    /// Adds a piece without its first `skip` bytes, which are written.
    fn push_piece(&mut self, piece: &Piece, skip: usize) {
        let part = piece.part.start + skip..piece.part.end;
        self.push(piece.buffer.slice(part), piece.events);
    }

    /// Takes the first `count` bytes off the backlog, which are written.
    fn pop(&mut self, count: usize) {
        let events = self.backlog.pop(count);
        self.deliveries.written += events;
        self.deliveries.pending -= events;
    }

    /// Books the pieces that `sent` bytes complete: how many, and how many bytes of the next went.
    fn account(&mut self, pieces: &[Piece], mut sent: usize) -> (usize, usize) {
        for (i, piece) in pieces.iter().enumerate() {
            if piece.part.len() > sent {
                return (i, sent);
            }
            sent -= piece.part.len();
            self.deliveries.written += u64::from(piece.events);
        }
        (pieces.len(), 0)
    }

    fn drop_all(&mut self) {
        self.backlog.clear();
        self.deliveries.dropped += self.deliveries.pending;
        self.deliveries.pending = 0;
    }
}
