//! The one thread that writes: what waits for it while it commits is its next transaction.
//!
//! Brokers send their drafts and wait for the answer; nothing else waits for this thread, and it
//! waits for its inbox and the disk. It takes one request, drains what else is there, writes it all
//! in one transaction, and then answers all: with their outcomes when the transaction was committed,
//! else all with a failure. A failure leaves nothing behind in memory either, so the next transaction
//! succeeds by itself when its cause is gone. Marks wait for the next transaction, and for nobody:
//! in a quiet moment they get one of their own, and errands are done. The thread ends when nobody
//! holds a sender.

use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rusqlite::Connection;

use super::lock::Lock;
use super::maintenance::{Maintenance, PAUSE};
use super::message_key::RoomId;
use super::sequence::{self, Sequence};
use crate::chat::{Draft, Outcome, ReceiptMark, StoreFailed};

/// Requests that may wait; a broker that finds no place waits for one.
pub const INBOX_MAX: usize = 1_024;
/// Requests of one transaction, at most.
const REQUESTS_MAX: usize = 1_024;
/// Bytes of one transaction after which no further request is taken into it.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Marks that wait for a transaction, at most; the oldest are then forgotten.
const MARKS_MAX: usize = 100_000;

/// What the journal is asked.
pub enum Request {
    /// Numbers the drafts and keeps them.
    Append(Append),
    /// Keeps how far users have got.
    Mark(RoomId, Vec<ReceiptMark>),
    /// Writes something else, in a transaction of its own.
    Work(Work),
}

/// What is to be written. It gives back what is to be done once that is on the disk: to answer who waits
/// for it, which sees the answer's other end go when the work has failed.
pub type Work = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Box<dyn FnOnce() + Send>> + Send>;

/// Drafts of one room.
pub struct Append {
    /// Where the room's numbering stands.
    pub sequence: Sequence,
    /// What is to be stored, in order.
    pub drafts: Vec<Draft>,
    /// Where the answer goes. It has a place for it.
    pub reply: Sender<Answer>,
}

/// Where the numbering stands now, and what became of each draft.
pub type Answer = Result<(Sequence, Vec<Outcome>), StoreFailed>;

/// See the module.
pub struct Journal {
    connection: Connection,
    inbox: Receiver<Request>,
    /// The requests of this transaction.
    batch: Vec<Append>,
    marks: Vec<(RoomId, ReceiptMark)>,
    /// When the oldest of the marks came.
    marked_at: Instant,
    maintenance: Maintenance,
    /// Whether the last errand failed.
    errand_failing: bool,
    /// Whether the last transaction failed: said once, not at each.
    failing: bool,
    /// Goes last.
    _lock: Option<Lock>,
}

impl Journal {
    /// The journal that writes through `connection`. `lock` is given up when it ends.
    pub fn new(connection: Connection, inbox: Receiver<Request>, maintenance: Maintenance, lock: Option<Lock>) -> Self {
        Self {
            connection,
            inbox,
            batch: Vec::new(),
            marks: Vec::new(),
            marked_at: Instant::now(),
            maintenance,
            errand_failing: false,
            failing: false,
            _lock: lock,
        }
    }

    /// Runs until nobody can send any more. The body of the journal's thread.
    pub fn run(mut self) {
        loop {
            match self.next() {
                Ok(request) => self.round(request),
                Err(RecvTimeoutError::Timeout) => self.moment(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.settle();
        // Somebody may still read; then the log stays beside the file, and holds nothing.
        self.maintenance.end(&self.connection);
        if let Err((_, error)) = self.connection.close() {
            log::warn!(error:%; "history not closed");
        }
    }

    fn next(&self) -> Result<Request, RecvTimeoutError> {
        let marks = (!self.marks.is_empty()).then(|| self.marked_at + PAUSE);
        let maintenance = self.maintenance.due_at();
        self.inbox.recv_deadline(marks.map_or(maintenance, |marks| marks.min(maintenance)))
    }

    fn round(&mut self, first: Request) {
        let mut bytes = self.take(first);
        while self.batch.len() < REQUESTS_MAX && bytes < BYTES_MAX {
            let Ok(request) = self.inbox.try_recv() else { break };
            bytes += self.take(request);
        }
        // Marks alone are in no hurry.
        if !self.batch.is_empty() {
            self.settle();
        }
        while self.maintenance.pressing() && self.errand() {}
    }

    /// Nobody wants anything: what there is to do, until somebody does.
    fn moment(&mut self) {
        if !self.marks.is_empty() {
            self.settle();
        }
        while self.maintenance.due_at() <= Instant::now() && self.errand() {
            while self.inbox.is_empty() && self.errand() {}
        }
    }

    /// Does a slice of an errand; returns whether there is more to do.
    fn errand(&mut self) -> bool {
        match self.maintenance.slice(&mut self.connection) {
            Ok(more) => {
                self.errand_failing = false;
                more
            }
            Err(error) => {
                if !std::mem::replace(&mut self.errand_failing, true) {
                    log::error!(error:%; "history not tended");
                }
                false
            }
        }
    }

    /// Bytes that the request adds to the transaction.
    fn take(&mut self, request: Request) -> usize {
        match request {
            Request::Append(append) => {
                let bytes = append.drafts.iter().map(Draft::bytes).sum();
                self.batch.push(append);
                bytes
            }
            Request::Mark(room, marks) => {
                if self.marks.is_empty() {
                    self.marked_at = Instant::now();
                }
                self.marks.extend(marks.into_iter().map(|mark| (room, mark)));
                let surplus = self.marks.len().saturating_sub(MARKS_MAX);
                self.marks.drain(..surplus);
                0
            }
            Request::Work(work) => {
                self.work(work);
                0
            }
        }
    }

    fn work(&mut self, work: Work) {
        match self.transact(|journal| work(&journal.connection)) {
            Ok(answer) => answer(),
            Err(error) => log::error!(error:%; "not stored"),
        }
    }

    /// Writes what there is in one transaction, and answers.
    fn settle(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        match self.write(batch.as_slice()) {
            Ok(answers) => {
                self.marks.clear();
                if std::mem::take(&mut self.failing) {
                    log::info!("messages are stored again");
                }
                for (append, (sequence, outcomes)) in batch.into_iter().zip(answers) {
                    self.note(&append.drafts, &sequence, &outcomes);
                    append.answer(Ok((sequence, outcomes)));
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    log::error!(error:%; "messages cannot be stored, and are refused");
                }
                // Marks wait for their next time.
                self.marked_at = Instant::now();
                for append in batch {
                    append.answer(Err(StoreFailed));
                }
            }
        }
    }

    /// What was stored or changed makes errands.
    fn note(&mut self, drafts: &[Draft], sequence: &Sequence, outcomes: &[Outcome]) {
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Ended { .. })) {
            self.maintenance.ended();
        }
        let Some(room) = sequence.room else { return };
        let (mut messages, mut bytes) = (0, 0);
        for (draft, outcome) in drafts.iter().zip(outcomes) {
            match outcome {
                Outcome::Stored { .. } => (messages, bytes) = (messages + 1, bytes + draft.bytes()),
                Outcome::Changed => self.maintenance.erased(),
                Outcome::Repeat { .. } | Outcome::Ended { .. } | Outcome::Missing | Outcome::NotAuthor => {}
            }
        }
        if messages > 0 {
            self.maintenance.stored(room, messages, bytes);
        }
    }

    fn write(&mut self, batch: &[Append]) -> rusqlite::Result<Vec<(Sequence, Vec<Outcome>)>> {
        self.transact(|journal| journal.rows(batch))
    }

    fn transact<T>(&self, write: impl FnOnce(&Self) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let written = write(self).and_then(|answers| {
            self.connection.execute_batch("COMMIT")?;
            Ok(answers)
        });
        if written.is_err() && !self.connection.is_autocommit() {
            // Most failures have ended the transaction already; if this fails too, so will the next `BEGIN`.
            _ = self.connection.execute_batch("ROLLBACK");
        }
        written
    }

    fn rows(&self, batch: &[Append]) -> rusqlite::Result<Vec<(Sequence, Vec<Outcome>)>> {
        let mut answers = Vec::with_capacity(batch.len());
        for Append { sequence, drafts, .. } in batch {
            let mut sequence = sequence.clone();
            let outcomes = sequence.enter(&self.connection, drafts)?;
            answers.push((sequence, outcomes));
        }
        for (room, mark) in &self.marks {
            sequence::mark(&self.connection, *room, mark)?;
        }
        Ok(answers)
    }
}

impl Append {
    fn answer(self, answer: Answer) {
        // An error means that the broker is gone, and nobody waits.
        _ = self.reply.send(answer);
    }
}
