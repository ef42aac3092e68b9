//! The one thread that stores drafts: what arrives while a statement runs is the next one's.
//!
//! Brokers send drafts and wait for the answer; the thread waits for its inbox and the database. It takes one request,
//! drains the inbox, stores all of it with one call of a function, and answers each. Every batch has a number, which is
//! stored with it: what is in doubt, because the connection broke or the answer did not come, is asked again under the
//! same number, for some seconds, and is never done twice. While there is no connection drafts are refused at once. The
//! thread ends when every sender is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::batch::{self, AppendAnswer, BatchAnswer};
use super::history::Standing;
use super::lasting_link::LastingLink;
use super::link::{DatabaseLink, LinkError};
use super::maintenance::PostgresMaintenance;
use super::notifier::Notice;
use super::row::{number, receipt_number};
use super::search_index::StoredCount;
use super::webhooks;
use crate::chat::webhook::Movement;
use crate::chat::{Draft, ReceiptMark, RoomName, StoreFailed};
use crate::store::columns::ms;
use crate::store::open::CommitReport;
use crate::sync::oneshot;

/// Requests that may wait; a broker that finds the inbox full waits.
pub const INBOX_MAX: usize = 1_024;
/// Requests of one statement, at most.
const REQUESTS_MAX: usize = 1_024;
/// Bytes of one statement after which it takes no further request.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Marks that wait for a statement, at most; beyond it the oldest are lost.
const MARKS_MAX: usize = 100_000;
/// Movements that wait for a statement, at most; beyond it the newest are lost.
const MOVEMENTS_MAX: usize = 10_000;
/// How long marks wait for drafts that take them along.
const MARKS_FOR: Duration = Duration::from_millis(500);
/// How long what is in doubt is asked again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before it is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// A request to the journal.
pub enum WriteRequest {
    /// Numbers the drafts and stores them.
    Append(AppendRequest),
    /// Keeps how far users have got.
    Mark(i64, Vec<ReceiptMark>),
    /// Keeps, for webhooks, who entered or left a room of this epoch.
    Move(RoomName, Arc<str>, Movement),
    /// Stores the marks that came before, and answers.
    StoreMarks(oneshot::Sender<()>),
    /// Writes next to nothing, to see whether that can be done.
    Touch(Sender<()>),
}

/// Drafts of one room.
pub struct AppendRequest {
    /// The room.
    pub room: RoomName,
    /// What the room knows.
    pub standing: Standing,
    /// What to store, in order.
    pub drafts: Vec<Draft>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<AppendAnswer, StoreFailed>>,
}

/// Where a room stood in the database when its drafts were stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    /// The row's id.
    pub id: i64,
    /// The newest number.
    pub newest: u64,
    /// The version.
    pub version: u64,
}

/// Whom the journal tells of what it did.
pub struct Reports {
    /// Called after each attempt to store drafts.
    pub on_commit: Box<dyn Fn(CommitReport) + Send>,
    /// Called when something waits for a webhook.
    pub on_delivery: Box<dyn Fn() + Send>,
    /// Called when a panic was caught.
    pub on_panic: Box<dyn Fn() + Send>,
}

/// See the module.
pub struct PostgresJournal {
    link: LastingLink,
    /// The number of this server.
    server: i64,
    /// The number of the newest batch.
    number: i64,
    /// The number of the newest batch that was acknowledged: a database that does not have it has lost something.
    acknowledged: Arc<AtomicI64>,
    inbox: Receiver<WriteRequest>,
    /// A request that has to wait for the next statement: its room is in this one.
    held: Option<AppendRequest>,
    batch: Vec<AppendRequest>,
    marks: Vec<(i64, ReceiptMark)>,
    /// Who entered and left rooms, for webhooks.
    movements: Vec<(RoomName, Arc<str>, Movement)>,
    marked_at: Instant,
    maintenance: PostgresMaintenance,
    /// Takes the rooms that have gone on: what the notifier has no space for is not told.
    notes: Sender<Notice>,
    /// Has words sorted into the index.
    stored: StoredCount,
    reports: Reports,
    writable: Arc<AtomicBool>,
    /// Whether the last statement failed: logged once, not at each.
    failing: bool,
}

impl PostgresJournal {
    /// The journal of the server of this number, that writes through `link`.
    pub fn new(
        (server, link, acknowledged): (i64, LastingLink, Arc<AtomicI64>),
        inbox: Receiver<WriteRequest>,
        maintenance: PostgresMaintenance,
        (notes, stored): (Sender<Notice>, StoredCount),
        reports: Reports,
        writable: Arc<AtomicBool>,
    ) -> Self {
        Self {
            link,
            server,
            number: 0,
            acknowledged,
            inbox,
            held: None,
            batch: Vec::new(),
            marks: Vec::new(),
            movements: Vec::new(),
            marked_at: Instant::now(),
            maintenance,
            notes,
            stored,
            reports,
            writable,
            failing: false,
        }
    }

    /// The body of the journal's thread.
    pub fn run(mut self) {
        loop {
            let request = match self.held.take() {
                Some(append) => Ok(WriteRequest::Append(append)),
                None => self.inbox.recv_deadline(self.due()),
            };
            match request {
                Ok(request) => {
                    if catch_unwind(AssertUnwindSafe(|| self.handle(request))).is_err() {
                        self.recover();
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.idle(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.store_marks();
    }

    /// After a panic: who waits is refused, since the senders of the answers go; nothing that was in hand is used again.
    fn recover(&mut self) {
        (self.reports.on_panic)();
        (self.held, self.failing) = (None, true);
        self.batch.clear();
        self.link.disconnect();
    }

    fn due(&self) -> Instant {
        let marks = self.has_marks().then(|| self.marked_at + MARKS_FOR);
        marks.into_iter().chain(self.link.retry_at()).fold(self.maintenance.due_at(), Instant::min)
    }

    fn handle(&mut self, first: WriteRequest) {
        let mut bytes = self.take(first);
        while self.batch.len() < REQUESTS_MAX && bytes < BYTES_MAX && self.held.is_none() {
            let Ok(request) = self.inbox.try_recv() else { break };
            bytes += self.take(request);
        }
        if !self.batch.is_empty() {
            self.store_marks();
            self.commit();
        }
    }

    /// The inbox is empty: does what there is to do until a request arrives.
    fn idle(&mut self) {
        let is_linked = self.link.link().is_ok();
        self.writable.store(is_linked, Ordering::Relaxed);
        if is_linked {
            self.store_marks();
            while self.maintenance.due_at() <= Instant::now() && self.inbox.is_empty() {
                let Ok(link) = self.link.link() else { break };
                self.maintenance.run_slice(link);
            }
        } else {
            self.marked_at = Instant::now();
            self.maintenance.postpone();
        }
    }

    /// Adds the request to the batch; returns its bytes.
    fn take(&mut self, request: WriteRequest) -> usize {
        match request {
            WriteRequest::Append(append) => {
                if self.batch.iter().any(|other| other.room == append.room) {
                    self.held = Some(append);
                    return 0;
                }
                let bytes = append.drafts.iter().map(Draft::bytes).sum();
                self.batch.push(append);
                bytes
            }
            WriteRequest::Mark(room, marks) => {
                self.mark_time();
                self.marks.extend(marks.into_iter().map(|mark| (room, mark)));
                let surplus = self.marks.len().saturating_sub(MARKS_MAX);
                self.marks.drain(..surplus);
                0
            }
            WriteRequest::Move(room, epoch, movement) => {
                self.mark_time();
                if self.movements.len() < MOVEMENTS_MAX {
                    self.movements.push((room, epoch, movement));
                }
                0
            }
            WriteRequest::StoreMarks(reply) => {
                self.store_marks();
                reply.send(());
                0
            }
            WriteRequest::Touch(reply) => {
                let touched = self
                    .link
                    .link()
                    .is_ok_and(|link| link.execute("UPDATE installation SET version = version", &[]).is_ok());
                self.writable.store(touched, Ordering::Relaxed);
                if touched {
                    // Nobody waits any more if that took too long.
                    _ = reply.try_send(());
                }
                0
            }
        }
    }

    /// Stores the batch, and answers.
    fn commit(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let began = Instant::now();
        let stored = self.store(&batch, began + PATIENCE);
        let drafts = batch.iter().map(|append| append.drafts.len()).sum();
        (self.reports.on_commit)(CommitReport { drafts, took: began.elapsed(), stored: stored.is_ok() });
        match stored {
            Ok(BatchAnswer { rooms, told }) => {
                self.acknowledged.store(self.number, Ordering::Relaxed);
                self.stored.add(drafts);
                if told {
                    (self.reports.on_delivery)();
                }
                self.writable.store(true, Ordering::Relaxed);
                if std::mem::take(&mut self.failing) {
                    log::info!("messages are stored again");
                }
                for (append, answer) in batch.into_iter().zip(rooms) {
                    if let Some(head) = answer.head(&append.room) {
                        // The servers that are not told find it by themselves.
                        _ = self.notes.try_send(Notice::Head(head));
                    }
                    append.reply.send(Ok(answer));
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    log::error!(error:%; "messages cannot be stored, and are refused");
                }
                batch.into_iter().for_each(|append| append.reply.send(Err(StoreFailed)));
            }
        }
    }

    /// Stores the batch under the next number. What is in doubt at the end is refused, and its number never used again.
    fn store(&mut self, batch: &[AppendRequest], deadline: Instant) -> Result<BatchAnswer, LinkError> {
        self.number += 1;
        let mut in_doubt = false;
        loop {
            let stored = match self.link.link() {
                Ok(link) => batch::store(link, self.server, self.number, batch),
                // Nothing was sent.
                Err(error) if !in_doubt => return Err(error),
                Err(error) => Err(error),
            };
            match stored {
                Err(error) if (error.is_in_doubt() || in_doubt) && Instant::now() < deadline => {
                    in_doubt = true;
                    thread::sleep(AGAIN);
                    self.link.try_now();
                }
                Err(error) if error.may_pass() && Instant::now() < deadline => {}
                stored => return stored,
            }
        }
    }

    /// Whether something waits for the next statement.
    fn has_marks(&self) -> bool {
        !self.marks.is_empty() || !self.movements.is_empty()
    }

    fn mark_time(&mut self) {
        if !self.has_marks() {
            self.marked_at = Instant::now();
        }
    }

    /// Keeps the marks and movements; if that fails they wait for the next time.
    fn store_marks(&mut self) {
        if !self.movements.is_empty() {
            let movements = std::mem::take(&mut self.movements);
            match self.link.link().and_then(|link| webhooks::tell_movements(link, &movements)) {
                Ok(true) => (self.reports.on_delivery)(),
                Ok(false) => {}
                // One that is in doubt is not written twice.
                Err(error) => log::warn!(error:%; "webhooks are not told who entered and left"),
            }
        }
        if self.marks.is_empty() {
            return;
        }
        let mut marks = std::mem::take(&mut self.marks);
        // The users in one order for all servers, so that none waits for another that waits for it.
        marks.sort_by(|(room, mark), (other_room, other)| (room, &mark.user).cmp(&(other_room, &other.user)));
        let stored = self.link.link().and_then(|link| keep(link, &marks));
        if let Err(error) = stored {
            log::warn!(error:%; "receipts wait");
            self.marked_at = Instant::now();
            self.marks = marks;
        }
    }
}

fn keep(link: &mut DatabaseLink, marks: &[(i64, ReceiptMark)]) -> Result<(), LinkError> {
    let rooms: Vec<_> = marks.iter().map(|(room, _)| *room).collect();
    let users: Vec<_> = marks.iter().map(|(_, mark)| mark.user.as_str()).collect();
    let receipts: Vec<_> = marks.iter().map(|(_, mark)| receipt_number(mark.receipt)).collect();
    let seqs: Vec<_> = marks.iter().map(|(_, mark)| number(mark.seq)).collect();
    let times: Vec<_> = marks.iter().map(|(_, mark)| ms(mark.at)).collect();
    link.query("SELECT mark_1($1, $2, $3, $4, $5)", &[&rooms, &users, &receipts, &seqs, &times]).map(|_| ())
}
