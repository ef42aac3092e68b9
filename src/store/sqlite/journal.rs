//! The one thread that writes: what waits for it while it commits is its next transaction.
//!
//! Brokers send their drafts and wait for the answer; nothing else waits for this thread, and it
//! waits for its inbox and the disk. It takes one request, drains what else is there, writes it all
//! in one transaction, and then answers all: with their outcomes when the transaction was committed,
//! else all with a failure. A failure leaves nothing behind in memory either, so the next transaction
//! succeeds by itself when its cause is gone. Marks wait for the next transaction, and for nobody:
//! in a quiet moment they get one of their own. The thread ends when nobody holds a sender.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rusqlite::Connection;

use super::account::{self, Account};
use super::lock::Lock;
use super::place::RoomId;
use crate::chat::record::{Draft, Mark, Outcome, StoreFailed};

/// Requests that may wait; a broker that finds no place waits for one.
pub const INBOX_MAX: usize = 1_024;
/// Requests of one transaction, at most.
const REQUESTS_MAX: usize = 1_024;
/// Bytes of one transaction after which no further request is taken into it.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Marks that wait for a transaction, at most; the oldest are then forgotten.
const MARKS_MAX: usize = 100_000;
/// How long nobody wants anything before the journal does what nobody waits for.
const QUIET: Duration = Duration::from_millis(100);

/// What the journal is asked.
pub enum Request {
    /// Numbers the drafts and keeps them.
    Append(Append),
    /// Keeps how far users have got.
    Mark(RoomId, Vec<Mark>),
}

/// Drafts of one room.
pub struct Append {
    /// Where the room's numbering stands.
    pub account: Account,
    /// What is to be stored, in order.
    pub drafts: Vec<Draft>,
    /// Where the answer goes. It has a place for it.
    pub reply: Sender<Answer>,
}

/// Where the numbering stands now, and what became of each draft.
pub type Answer = Result<(Account, Vec<Outcome>), StoreFailed>;

/// See the module.
pub struct Journal {
    connection: Connection,
    inbox: Receiver<Request>,
    /// The requests of this transaction.
    batch: Vec<Append>,
    marks: Vec<(RoomId, Mark)>,
    /// Whether the last transaction failed: said once, not at each.
    failing: bool,
    /// Goes last.
    _lock: Option<Lock>,
}

impl Journal {
    /// The journal that writes through `connection`. `lock` is given up when it ends.
    pub fn new(connection: Connection, inbox: Receiver<Request>, lock: Option<Lock>) -> Self {
        Self { connection, inbox, batch: Vec::new(), marks: Vec::new(), failing: false, _lock: lock }
    }

    /// Runs until nobody can send any more. The body of the journal's thread.
    pub fn run(mut self) {
        loop {
            match self.next() {
                Ok(request) => self.round(request),
                Err(RecvTimeoutError::Timeout) => self.settle(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.settle();
        if let Err((_, error)) = self.connection.close() {
            log::warn!(error:%; "history not closed");
        }
    }

    fn next(&self) -> Result<Request, RecvTimeoutError> {
        if self.marks.is_empty() {
            self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            self.inbox.recv_timeout(QUIET)
        }
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
                self.marks.extend(marks.into_iter().map(|mark| (room, mark)));
                let surplus = self.marks.len().saturating_sub(MARKS_MAX);
                self.marks.drain(..surplus);
                0
            }
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
                for (append, answer) in batch.into_iter().zip(answers) {
                    append.answer(Ok(answer));
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    log::error!(error:%; "messages cannot be stored, and are refused");
                }
                for append in batch {
                    append.answer(Err(StoreFailed));
                }
            }
        }
    }

    fn write(&mut self, batch: &[Append]) -> rusqlite::Result<Vec<(Account, Vec<Outcome>)>> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let written = self.rows(batch).and_then(|answers| {
            self.connection.execute_batch("COMMIT")?;
            Ok(answers)
        });
        if written.is_err() && !self.connection.is_autocommit() {
            // Most failures have ended the transaction already; if this fails too, so will the next `BEGIN`.
            _ = self.connection.execute_batch("ROLLBACK");
        }
        written
    }

    fn rows(&self, batch: &[Append]) -> rusqlite::Result<Vec<(Account, Vec<Outcome>)>> {
        let mut answers = Vec::with_capacity(batch.len());
        for Append { account, drafts, .. } in batch {
            let mut account = account.clone();
            let outcomes = account.enter(&self.connection, drafts)?;
            answers.push((account, outcomes));
        }
        for (room, mark) in &self.marks {
            account::mark(&self.connection, *room, mark)?;
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
