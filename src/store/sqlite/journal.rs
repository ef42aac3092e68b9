//! The one thread that writes: what arrives while it commits is its next transaction.
//!
//! Brokers send drafts and wait for the answer; the thread itself waits for its inbox and the disk. It takes one
//! request, drains the inbox, writes it all in one transaction, and then answers each request: with its outcomes when
//! the transaction was committed, else with a failure. A failure leaves nothing in memory either, so the next
//! transaction succeeds once the cause is gone: after a failure of the file a connection of its own is opened for it,
//! and a trial write every second finds out that the cause is gone. A panic fails one transaction, too. Marks wait for the next transaction, and no broker waits for them:
//! while the inbox is empty they get one of their own, and maintenance runs. The thread ends when every sender is
//! dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use rusqlite::{Connection, Error, ffi};

use super::cause::{cause, is_of_the_file, may_pass_on_another_connection};
use super::connector::Connector;
use super::insert_buffer::BufferedMids;
use super::maintenance::{Maintenance, PAUSE};
use super::message_key::RoomId;
use super::sequence::{self, Sequence};
use super::{deliveries, file_state, webhooks};
use crate::chat::webhook::Movement;
use crate::chat::{Draft, Outcome, ReceiptMark, RoomName, StoreFailed};
use crate::store::open::CommitReport;
use crate::store::rooms::Durability;
use crate::sync::oneshot;

/// Requests that may wait; a broker that finds the inbox full waits.
pub const INBOX_MAX: usize = 1_024;
/// Requests of one transaction, at most.
const REQUESTS_MAX: usize = 1_024;
/// Bytes of one transaction after which it takes no further request.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Marks that wait for a transaction, at most; beyond it the oldest are lost.
const MARKS_MAX: usize = 100_000;

/// Movements that wait for a transaction, at most; beyond it the newest are lost.
const MOVEMENTS_MAX: usize = 10_000;

/// How often a journal that cannot write tries whether it can again.
const TRIAL: Duration = Duration::from_secs(1);

/// A request to the journal.
pub enum JournalRequest {
    /// Numbers the drafts and keeps them.
    Append(Append),
    /// Keeps how far users have got.
    Mark(RoomId, Vec<ReceiptMark>),
    /// Keeps, for webhooks, who entered or left a room of this epoch.
    Move(RoomName, Arc<str>, Movement),
    /// Writes something else, in a transaction of its own.
    Work(Work),
    /// The same, behind the marks and movements that came before it.
    WorkBehindMarks(Work),
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

/// Whom the journal tells of what it did.
pub struct JournalReports {
    /// Called after each attempt to store drafts.
    pub on_commit: Box<dyn Fn(CommitReport) + Send>,
    /// Called when something waits for a webhook.
    pub on_delivery: Box<dyn Fn() + Send>,
}

/// Where the numbering of a room stands, and what became of its drafts.
type AppendedRoom = (Sequence, Vec<Outcome>);

/// See the module.
pub struct Journal {
    connection: Connection,
    inbox: Receiver<JournalRequest>,
    /// The requests of this transaction.
    batch: Vec<Append>,
    marks: Vec<(RoomId, ReceiptMark)>,
    /// Who entered and left rooms, for webhooks.
    movements: Vec<(RoomName, Arc<str>, Movement)>,
    /// When the oldest of the marks and movements arrived.
    marked_at: Instant,
    /// The `mid`s that are not in their table yet.
    mids: BufferedMids,
    maintenance: Maintenance,
    /// Whether a commit waits for the disk, where it is to: one of maintenance does not.
    waits: bool,
    reports: JournalReports,
    /// Whether the last slice of maintenance failed: logged once, not at each.
    maintenance_failing: bool,
    /// Whether the last transaction failed: logged once, not at each.
    failing: bool,
    /// When to try whether the file can be written again; `None` while it can.
    trial_at: Option<Instant>,
    /// Whether the connection is to be replaced before it is used again.
    suspect: bool,
    /// Released last.
    connector: Connector,
}

impl Journal {
    /// The journal that writes through `connection`, which `connector` has opened. It releases the lock when it ends.
    pub fn new(
        connection: Connection,
        inbox: Receiver<JournalRequest>,
        maintenance: Maintenance,
        reports: JournalReports,
        connector: Connector,
    ) -> Self {
        Self {
            connection,
            inbox,
            batch: Vec::new(),
            marks: Vec::new(),
            movements: Vec::new(),
            marked_at: Instant::now(),
            mids: BufferedMids::default(),
            maintenance,
            waits: true,
            reports,
            maintenance_failing: false,
            failing: false,
            trial_at: (!connector.is_writable()).then(Instant::now),
            suspect: false,
            connector,
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
        self.maintenance.finish(&mut self.connection);
        if let Err((_, error)) = self.connection.close() {
            log::warn!(error:%; "history not closed");
        }
    }

    fn receive(&self) -> Result<JournalRequest, RecvTimeoutError> {
        let marks = self.has_marks().then(|| self.marked_at + PAUSE);
        let maintenance = self.maintenance.due_at();
        let due = marks.into_iter().chain(self.trial_at).fold(maintenance, Instant::min);
        self.inbox.recv_deadline(due)
    }

    // ANCHOR: handle
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
    // ANCHOR_END: handle

    /// The inbox is empty: does what there is to do until a request arrives.
    fn idle(&mut self) {
        if self.trial_at.is_some_and(|at| at <= Instant::now()) {
            self.try_to_write();
        }
        if self.has_marks() {
            self.commit();
        }
        while self.maintenance.due_at() <= Instant::now() && self.maintain() {
            while self.inbox.is_empty() && self.maintain() {}
        }
    }

    /// Writes next to nothing, to find out whether the file can be written again.
    fn try_to_write(&mut self) {
        let tried = self.transact(|journal| file_state::touch(&journal.connection));
        if tried.is_ok() && std::mem::take(&mut self.failing) {
            log::info!("messages can be stored again");
        }
    }

    /// Does a slice of maintenance; returns whether there is more to do.
    fn maintain(&mut self) -> bool {
        if (self.suspect && self.reconnect().is_err()) || self.set_waits(false).is_err() {
            self.maintenance.postpone();
            return false;
        }
        let exclusive = self.connector.exclusive();
        let slice = || self.maintenance.run_slice(&mut self.connection, &mut self.mids);
        let done = catch_unwind(AssertUnwindSafe(slice));
        drop(exclusive);
        match done.unwrap_or_else(|_| Err(self.panicked())) {
            Ok(more) => {
                self.maintenance_failing = false;
                more
            }
            Err(error) => {
                if !std::mem::replace(&mut self.maintenance_failing, true) {
                    log::error!(error = cause(&error); "maintenance of the history failed");
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
                self.mark_time();
                self.marks.extend(marks.into_iter().map(|mark| (room, mark)));
                let surplus = self.marks.len().saturating_sub(MARKS_MAX);
                self.marks.drain(..surplus);
                0
            }
            JournalRequest::Move(room, epoch, movement) => {
                self.mark_time();
                if self.movements.len() < MOVEMENTS_MAX {
                    self.movements.push((room, epoch, movement));
                }
                0
            }
            JournalRequest::Work(work) => {
                self.work(work);
                0
            }
            JournalRequest::WorkBehindMarks(work) => {
                if self.has_marks() {
                    self.commit();
                }
                self.work(work);
                0
            }
        }
    }

    /// Whether something waits for the next transaction.
    fn has_marks(&self) -> bool {
        !self.marks.is_empty() || !self.movements.is_empty()
    }

    fn mark_time(&mut self) {
        if !self.has_marks() {
            self.marked_at = Instant::now();
        }
    }

    fn work(&mut self, work: Work) {
        match self.transact(|journal| work(&journal.connection)) {
            Ok(answer) => answer(),
            Err(error) => log::error!(error = cause(&error); "not stored"),
        }
    }

    /// Writes the batch and the marks in one transaction, and answers.
    fn commit(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let began = Instant::now();
        let written = self.transact(|journal| journal.write(&batch));
        if !batch.is_empty() {
            let drafts = batch.iter().map(|append| append.drafts.len()).sum();
            (self.reports.on_commit)(CommitReport { drafts, took: began.elapsed(), stored: written.is_ok() });
        }
        match written {
            Ok((answers, told)) => {
                self.marks.clear();
                self.movements.clear();
                if told {
                    (self.reports.on_delivery)();
                }
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
                    log::error!(error = cause(&error); "messages cannot be stored, and are refused");
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
                Outcome::Repeat { .. } | Outcome::Ended { .. } => {}
                Outcome::Conflict { .. } | Outcome::KeyConflict { .. } | Outcome::TooManyKeys => {}
                Outcome::Missing | Outcome::NotAuthor | Outcome::Stale => {}
            }
        }
        if messages > 0 {
            self.maintenance.messages_stored(room, messages, bytes);
        }
    }

    /// Has `write` done in one transaction, or nothing of it.
    fn transact<T>(&mut self, write: impl FnOnce(&mut Self) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        if self.suspect {
            self.reconnect()?;
        }
        let turns = self.connector.turns.clone();
        let exclusive = turns.exclusive();
        let written = catch_unwind(AssertUnwindSafe(|| {
            self.set_waits(true)?;
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            let answers = write(self)?;
            self.connection.execute_batch("COMMIT")?;
            Ok(answers)
        }));
        if !matches!(written, Ok(Ok(_))) {
            self.mids.forget();
            if !self.connection.is_autocommit() {
                // Most failures have ended the transaction already; if this fails too, so will the next `BEGIN`.
                _ = self.connection.execute_batch("ROLLBACK");
            }
        }
        drop(exclusive);
        let written = written.unwrap_or_else(|_| Err(self.panicked()));
        match &written {
            Ok(_) => {
                self.trial_at = None;
                self.connector.set_writable(true);
            }
            Err(error) if is_of_the_file(error) => {
                self.trial_at = Some(Instant::now() + TRIAL);
                self.suspect |= may_pass_on_another_connection(error);
                self.connector.set_writable(false);
            }
            Err(_) => {}
        }
        written
    }

    /// Replaces the connection by another one to the same file.
    fn reconnect(&mut self) -> rusqlite::Result<()> {
        match self.connector.connect() {
            Ok(connection) => {
                self.connection = connection;
                (self.suspect, self.waits) = (false, true);
                self.mids.forget();
                log::info!("the history was opened again");
                Ok(())
            }
            Err(error) => {
                self.trial_at = Some(Instant::now() + TRIAL);
                Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), Some(error.to_string())))
            }
        }
    }

    /// What a panic in a transaction is for the one who waits. Nothing that it had in hand is used again.
    fn panicked(&mut self) -> Error {
        self.suspect = true;
        self.connector.record_panic();
        Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERNAL), Some("a defect: it panicked".to_owned()))
    }

    /// Sets whether commits wait for the disk, where they are to. What maintenance writes may be lost with the power: it
    /// is done again then. It never overtakes what was written before it.
    fn set_waits(&mut self, waits: bool) -> rusqlite::Result<()> {
        if self.waits != waits && self.connector.durability == Durability::Fsync {
            let level = if waits { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level)?;
        }
        self.waits = waits;
        Ok(())
    }

    /// The answers to the batch, and whether webhooks are told of something.
    fn write(&mut self, batch: &[Append]) -> rusqlite::Result<(Vec<AppendedRoom>, bool)> {
        self.mids.begin(&self.connection, batch.len())?;
        let (webhooks, mut told) = (webhooks::are_there(&self.connection)?, false);
        for (room, epoch, movement) in self.movements.iter().filter(|_| webhooks) {
            told |= deliveries::of_movement(&self.connection, room, epoch, movement)?;
        }
        let mut answers = Vec::with_capacity(batch.len());
        for Append { sequence: before, drafts, .. } in batch {
            let mut sequence = before.clone();
            let outcomes = sequence.append(&self.connection, &mut self.mids, drafts)?;
            if webhooks {
                told |= deliveries::of_drafts(&self.connection, before, drafts, &outcomes)?;
            }
            answers.push((sequence, outcomes));
        }
        for (room, mark) in &self.marks {
            sequence::mark(&self.connection, *room, mark)?;
        }
        Ok((answers, told))
    }
}
