//! The one thread that writes: what arrives while it commits is its next transaction.
//!
//! Brokers send drafts and wait for the answer; the thread itself waits for its inbox and the disk. It takes one
//! request, drains the inbox, writes it all in one transaction, and then answers each request: with its outcomes when
//! the transaction was committed, else with a failure. A failure leaves nothing in memory either, so the next
//! transaction succeeds once the cause is gone. Marks wait for the next transaction, and no broker waits for them:
//! while the inbox is empty they get one of their own, and maintenance runs. The thread ends when every sender is
//! dropped.

use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use rusqlite::Connection;

use super::lock::Lock;
use super::maintenance::{Maintenance, PAUSE};
use super::message_key::RoomId;
use super::sequence::{self, Sequence};
use crate::chat::{Draft, Outcome, ReceiptMark, StoreFailed};
use crate::store::open::CommitReport;
use crate::sync::oneshot;

/// Requests that may wait; a broker that finds the inbox full waits.
pub const INBOX_MAX: usize = 1_024;
/// Requests of one transaction, at most.
const REQUESTS_MAX: usize = 1_024;
/// Bytes of one transaction after which it takes no further request.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Marks that wait for a transaction, at most; beyond it the oldest are lost.
const MARKS_MAX: usize = 100_000;

/// A request to the journal.
pub enum JournalRequest {
    /// Numbers the drafts and keeps them.
    Append(Append),
    /// Keeps how far users have got.
    Mark(RoomId, Vec<ReceiptMark>),
    /// Writes something else, in a transaction of its own.
    Work(Work),
}

/// Writes something, and returns what to do once it is committed: to answer the one who waits. When the work fails the
/// answer's sender is dropped.
pub type Work = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Box<dyn FnOnce() + Send>> + Send>;

/// Drafts of one room.
pub struct Append {
    /// Where the room's numbering stands.
    pub sequence: Sequence,
    /// What to store, in order.
    pub drafts: Vec<Draft>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Answer>,
}

/// Where the numbering stands now, and the outcome of each draft.
pub type Answer = Result<(Sequence, Vec<Outcome>), StoreFailed>;

/// See the module.
pub struct Journal {
    connection: Connection,
    inbox: Receiver<JournalRequest>,
    /// The requests of this transaction.
    batch: Vec<Append>,
    marks: Vec<(RoomId, ReceiptMark)>,
    /// When the oldest of the marks arrived.
    marked_at: Instant,
    maintenance: Maintenance,
    on_commit: Box<dyn Fn(CommitReport) + Send>,
    /// Whether the last slice of maintenance failed: logged once, not at each.
    maintenance_failing: bool,
    /// Whether the last transaction failed: logged once, not at each.
    failing: bool,
    /// Released last.
    _lock: Option<Lock>,
}

impl Journal {
    /// The journal that writes through `connection`. It releases `lock` when it ends.
    pub fn new(
        connection: Connection,
        inbox: Receiver<JournalRequest>,
        maintenance: Maintenance,
        on_commit: Box<dyn Fn(CommitReport) + Send>,
        lock: Option<Lock>,
    ) -> Self {
        Self {
            connection,
            inbox,
            batch: Vec::new(),
            marks: Vec::new(),
            marked_at: Instant::now(),
            maintenance,
            on_commit,
            maintenance_failing: false,
            failing: false,
            _lock: lock,
        }
    }

    /// The body of the journal's thread.
    pub fn run(mut self) {
        loop {
            match self.receive() {
                Ok(request) => self.handle(request),
                Err(RecvTimeoutError::Timeout) => self.idle(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.commit();
        // If somebody still reads, an empty log stays beside the file.
        self.maintenance.finish(&self.connection);
        if let Err((_, error)) = self.connection.close() {
            log::warn!(error:%; "history not closed");
        }
    }

    fn receive(&self) -> Result<JournalRequest, RecvTimeoutError> {
        let marks = (!self.marks.is_empty()).then(|| self.marked_at + PAUSE);
        let maintenance = self.maintenance.due_at();
        self.inbox.recv_deadline(marks.map_or(maintenance, |marks| marks.min(maintenance)))
    }

    fn handle(&mut self, first: JournalRequest) {
        let mut bytes = self.take(first);
        while self.batch.len() < REQUESTS_MAX && bytes < BYTES_MAX {
            let Ok(request) = self.inbox.try_recv() else { break };
            bytes += self.take(request);
        }
        // Marks alone are in no hurry.
        if !self.batch.is_empty() {
            self.commit();
        }
        while self.maintenance.is_urgent() && self.maintain() {}
    }

    /// The inbox is empty: does what there is to do until a request arrives.
    fn idle(&mut self) {
        if !self.marks.is_empty() {
            self.commit();
        }
        while self.maintenance.due_at() <= Instant::now() && self.maintain() {
            while self.inbox.is_empty() && self.maintain() {}
        }
    }

    /// Does a slice of maintenance; returns whether there is more to do.
    fn maintain(&mut self) -> bool {
        match self.maintenance.run_slice(&mut self.connection) {
            Ok(more) => {
                self.maintenance_failing = false;
                more
            }
            Err(error) => {
                if !std::mem::replace(&mut self.maintenance_failing, true) {
                    log::error!(error:%; "maintenance of the history failed");
                }
                false
            }
        }
    }

    /// Adds the request to the transaction; returns its bytes.
    fn take(&mut self, request: JournalRequest) -> usize {
        match request {
            JournalRequest::Append(append) => {
                let bytes = append.drafts.iter().map(Draft::bytes).sum();
                self.batch.push(append);
                bytes
            }
            JournalRequest::Mark(room, marks) => {
                if self.marks.is_empty() {
                    self.marked_at = Instant::now();
                }
                self.marks.extend(marks.into_iter().map(|mark| (room, mark)));
                let surplus = self.marks.len().saturating_sub(MARKS_MAX);
                self.marks.drain(..surplus);
                0
            }
            JournalRequest::Work(work) => {
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

    /// Writes the batch and the marks in one transaction, and answers.
    fn commit(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let began = Instant::now();
        let written = self.transact(|journal| journal.write(&batch));
        if !batch.is_empty() {
            let drafts = batch.iter().map(|append| append.drafts.len()).sum();
            (self.on_commit)(CommitReport { drafts, took: began.elapsed(), stored: written.is_ok() });
        }
        match written {
            Ok(answers) => {
                self.marks.clear();
                if std::mem::take(&mut self.failing) {
                    log::info!("messages are stored again");
                }
                for (append, (sequence, outcomes)) in batch.into_iter().zip(answers) {
                    self.schedule_maintenance(&append.drafts, &sequence, &outcomes);
                    append.reply.send(Ok((sequence, outcomes)));
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    log::error!(error:%; "messages cannot be stored, and are refused");
                }
                // The marks wait for the next transaction.
                self.marked_at = Instant::now();
                for append in batch {
                    append.reply.send(Err(StoreFailed));
                }
            }
        }
    }

    /// Tells maintenance what was stored, changed or ended.
    fn schedule_maintenance(&mut self, drafts: &[Draft], sequence: &Sequence, outcomes: &[Outcome]) {
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Ended { .. })) {
            self.maintenance.room_ended();
        }
        let Some(room) = sequence.room else { return };
        let (mut messages, mut bytes) = (0, 0);
        for (draft, outcome) in drafts.iter().zip(outcomes) {
            match outcome {
                Outcome::Stored { .. } => (messages, bytes) = (messages + 1, bytes + draft.bytes()),
                Outcome::Changed => self.maintenance.text_erased(),
                Outcome::Repeat { .. } | Outcome::Ended { .. } | Outcome::Missing | Outcome::NotAuthor => {}
            }
        }
        if messages > 0 {
            self.maintenance.messages_stored(room, messages, bytes);
        }
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

    fn write(&self, batch: &[Append]) -> rusqlite::Result<Vec<(Sequence, Vec<Outcome>)>> {
        let mut answers = Vec::with_capacity(batch.len());
        for Append { sequence, drafts, .. } in batch {
            let mut sequence = sequence.clone();
            let outcomes = sequence.append(&self.connection, drafts)?;
            answers.push((sequence, outcomes));
        }
        for (room, mark) in &self.marks {
            sequence::mark(&self.connection, *room, mark)?;
        }
        Ok(answers)
    }
}
