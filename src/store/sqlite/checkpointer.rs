//! The thread that takes the log into the file while the journal goes on writing.
//!
//! A checkpoint waits for the disk, tens of milliseconds for some thousand pages, and every room would wait with it. The
//! journal asks for one, goes on, and hears of the outcome when it looks. The thread blocks on its inbox and on the
//! disk; it ends when the journal drops its handle, which then waits until the connection is closed.

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use super::cause::cause;
use super::checkpoint::{Extent, checkpoint};

/// Asks for checkpoints; dropped, it ends the thread.
pub struct Checkpointer {
    /// `None` once it is to end.
    requests: Option<Sender<()>>,
    outcomes: Receiver<bool>,
    /// Whether one was asked for whose outcome is not known.
    is_busy: bool,
}

impl Checkpointer {
    /// The handle, and the body of the thread, which makes checkpoints through `connection`.
    pub fn new(connection: Connection) -> (Self, impl FnOnce() + Send + 'static) {
        // One at a time: neither side ever waits for space.
        let (requests, inbox) = bounded(1);
        let (outcome, outcomes) = bounded(1);
        (Self { requests: Some(requests), outcomes, is_busy: false }, move || run(connection, &inbox, outcome))
    }

    /// Asks for a checkpoint, unless one is being made. Does not block.
    pub fn ask(&mut self) {
        if let Some(requests) = self.requests.as_ref().filter(|_| !self.is_busy) {
            self.is_busy = requests.try_send(()).is_ok();
        }
    }

    /// Whether a checkpoint is being made.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Whether the outcome of one is there.
    pub fn has_outcome(&self) -> bool {
        !self.outcomes.is_empty()
    }

    /// Whether the checkpoint that was asked for took all of the log that there was; `None`: it is not over yet, or
    /// none was asked for. Does not block.
    pub fn outcome(&mut self) -> Option<bool> {
        let outcome = self.outcomes.try_recv().ok()?;
        self.is_busy = false;
        Some(outcome)
    }
}

impl Drop for Checkpointer {
    /// Blocks until a checkpoint that is being made is over, and the connection is closed.
    fn drop(&mut self) {
        self.requests = None;
        while self.outcomes.recv().is_ok() {}
    }
}

fn run(connection: Connection, inbox: &Receiver<()>, outcome: Sender<bool>) {
    let mut is_failing = false;
    while inbox.recv().is_ok() {
        let complete = checkpoint(&connection, Extent::Unread);
        if let Err(error) = &complete
            && !std::mem::replace(&mut is_failing, true)
        {
            log::error!(error = cause(error); "the log was not taken into the history");
        }
        is_failing &= complete.is_err();
        if outcome.send(complete.unwrap_or(false)).is_err() {
            break;
        }
    }
    // Before the journal hears of the end: whoever closes the file last takes the log away.
    drop(connection);
    drop(outcome);
}
