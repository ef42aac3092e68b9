//! The writer's side of an outbox: who writes its backlog, from when on, and until when.
//!
//! A writer is wanted, started, runs, and retires, always under the outbox's lock, so there is one at most: a thread of
//! its own, the thread `writers` where the machine has no other, or the client's reader at the end.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Outbox, PARTS_MAX, Phase, State, Transport};
use crate::engine::base::sync::MutexGuard;
use crate::engine::clients::recipient::Segment;

/// Where an outbox gets its writer from, and who pings its client.
pub trait WriterSource: Send + Sync {
    /// Starts the outbox's writer soon. Must not block.
    fn want_writer(&self, outbox: Arc<Outbox>);

    /// The outbox of this number is done.
    fn detach(&self, number: u64);
}

/// What a writer does next.
pub(in crate::engine) enum NextWrite {
    /// Writes these bytes, or some of them.
    Parts(Vec<Bytes>),
    /// Ends, since nothing has waited for a while; another is started when something does.
    Retire,
    /// Ends, and the outbox is done.
    End,
}

/// The writer of an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriterState {
    /// There is none, and nothing waits.
    Absent,
    /// One is to be started.
    Wanted,
    /// One runs, or is about to.
    Running,
}

/// Keeps an outbox among those of its source until it is done.
pub(super) struct Attachment {
    source: Arc<dyn WriterSource>,
    number: u64,
    outbox: Weak<Outbox>,
    /// How long a writer stays when nothing waits; `None`: as long as the connection.
    idle: Option<Duration>,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.source.detach(self.number);
    }
}

impl Outbox {
    /// Has `source` start its writer when there is something to write. `idle`: how long a writer stays when nothing
    /// waits.
    pub(in crate::engine) fn attach(
        self: &Arc<Self>,
        source: Arc<dyn WriterSource>,
        number: u64,
        idle: Option<Duration>,
    ) {
        let attachment = Attachment { source, number, outbox: Arc::downgrade(self), idle };
        let mut state = self.state.lock();
        state.writer = WriterState::Absent;
        state.attachment = Some(attachment);
    }

    /// How often the client is to be pinged; `None` where the protocol has no ping.
    pub(in crate::engine) fn ping_every(&self) -> Option<Duration> {
        self.ping.as_ref().map(|(_, every)| *every)
    }

    /// Pings the client. It is told to send something, also when much waits for it.
    pub(in crate::engine) fn ping(&self) {
        let Some((frame, _)) = &self.ping else { return };
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return;
        }
        if state.backlog.is_empty() && !state.writing {
            let segment = Segment::new(frame.clone(), (0, 0), true);
            // What is broken ends by itself.
            _ = self.send(&mut state, &[segment]);
        } else {
            self.push(&mut state, frame.clone(), 0, (0, None));
        }
        self.want_writer(state);
    }

    /// Whether the caller has to write, since there is no writer; from now on it is the writer.
    pub(in crate::engine) fn begin_writing(&self) -> bool {
        let mut state = self.state.lock();
        state.writer != WriterState::Running && {
            state.writer = WriterState::Running;
            true
        }
    }

    /// Whether a writer is still wanted; from now on there is one.
    pub(in crate::engine) fn begin_wanted_writing(&self) -> bool {
        let mut state = self.state.lock();
        state.writer == WriterState::Wanted && {
            state.writer = WriterState::Running;
            true
        }
    }

    /// There is no thread for the writer that was to run.
    pub(in crate::engine) fn writer_not_started(&self) {
        let mut state = self.state.lock();
        state.writer = if state.backlog.is_empty() { WriterState::Absent } else { WriterState::Wanted };
        // A reader that has waited for it meanwhile writes itself.
        self.changed.notify_all();
    }

    /// Writes what the socket takes now, for an outbox that still wants a writer; whether something is left. Does not
    /// block.
    pub(in crate::engine) fn flush(&self) -> bool {
        let mut state = self.state.lock();
        while state.writer == WriterState::Wanted && !state.backlog.is_empty() {
            let parts = state.backlog.parts(PARTS_MAX);
            let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
            match self.transport.try_write(&slices) {
                Ok(count) if count > 0 => {
                    state.stalled = None;
                    self.pop(&mut state, count);
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.broken(&mut state),
                // It is full.
                _ => {
                    let now = Instant::now();
                    if now.saturating_duration_since(*state.stalled.get_or_insert(now)) < self.write_timeout {
                        return true;
                    }
                    self.broken(&mut state);
                }
            }
        }
        if state.writer == WriterState::Wanted {
            state.writer = WriterState::Absent;
        }
        false
    }

    /// What the writer writes next: waits for a backlog, or until nothing has waited for a while.
    pub(in crate::engine) fn next_write(&self) -> NextWrite {
        let mut state = self.state.lock();
        let mut retire_at = None;
        loop {
            let is_late = state.deadline.is_some_and(|deadline| Instant::now() > deadline);
            if state.phase == Phase::Finishing && (state.backlog.is_empty() || is_late) || state.phase == Phase::Done {
                return NextWrite::End;
            }
            if !state.backlog.is_empty() {
                state.writing = true;
                return NextWrite::Parts(state.backlog.parts(PARTS_MAX));
            }
            let idle = state.attachment.as_ref().and_then(|attachment| attachment.idle);
            let Some(idle) = idle.filter(|_| state.phase == Phase::Open) else {
                self.changed.wait(&mut state);
                continue;
            };
            let until = *retire_at.get_or_insert_with(|| Instant::now() + idle);
            let is_over = idle.is_zero() || self.changed.wait_until(&mut state, until).timed_out();
            if is_over && state.phase == Phase::Open && state.backlog.is_empty() {
                state.writer = WriterState::Absent;
                return NextWrite::Retire;
            }
        }
    }

    /// Takes the result of that write. False when the connection is broken.
    pub(in crate::engine) fn wrote(&self, result: io::Result<usize>) -> bool {
        let mut state = self.state.lock();
        state.writing = false;
        match result {
            Ok(count) if count > 0 && !state.cut => {
                self.pop(&mut state, count);
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
        self.drop_all(&mut state);
        let attachment = state.attachment.take();
        drop(state);
        // Outside the lock, since the source has one of its own.
        drop(attachment);
        self.transport.shutdown(Shutdown::Write);
        self.changed.notify_all();
    }

    /// The socket, for the writer.
    pub(in crate::engine) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// Has a writer started if something waits and there is none. Releases the lock.
    pub(super) fn want_writer(&self, mut state: MutexGuard<'_, State>) {
        if state.writer != WriterState::Absent || state.backlog.is_empty() {
            return;
        }
        state.writer = WriterState::Wanted;
        let attachment = state.attachment.as_ref();
        let wanted = attachment.and_then(|it| Some((Arc::clone(&it.source), it.outbox.upgrade()?)));
        drop(state);
        if let Some((source, outbox)) = wanted {
            source.want_writer(outbox);
        }
    }
}
