//! The journal's handle in a room: numbers and keeps the room's messages.
//!
//! Owned by the room's broker, and used on its thread alone. It keeps the room's sequence, so that the journal need not
//! look it up, and replaces it with the one in the journal's answer only when that was committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;

use super::journal::{Append, JournalRequest};
use super::sequence::Sequence;
use super::watermark::{Watermark, Watermarks};
use crate::chat::webhook::Movement;
use crate::chat::{Appended, Draft, ReceiptMark, StoreFailed};
use crate::store::rooms::RoomLog;
use crate::store::waiting_marks::WaitingMarks;
use crate::sync::oneshot;

/// See the module.
pub struct SqliteLog {
    sequence: Sequence,
    journal: Sender<JournalRequest>,
    /// Marks that the journal's inbox had no space for.
    marks: WaitingMarks,
    watermarks: Arc<Watermarks>,
    /// `None` until the room has a history.
    watermark: Option<Watermark>,
    /// Whether a webhook wants to know who enters and leaves.
    movements_wanted: Arc<AtomicBool>,
}

impl SqliteLog {
    /// The log of the room that `sequence` numbers.
    pub fn new(
        sequence: Sequence,
        journal: Sender<JournalRequest>,
        watermarks: Arc<Watermarks>,
        movements_wanted: Arc<AtomicBool>,
    ) -> Self {
        let watermark = sequence.room.map(|room| watermarks.follow(room));
        Self { sequence, journal, marks: WaitingMarks::default(), watermarks, watermark, movements_wanted }
    }

    fn flush_marks(&mut self) {
        let (room, journal) = (self.sequence.room, &self.journal);
        self.marks.flush(|marks| match room {
            // It is not stored yet.
            None => Err(marks),
            Some(room) => {
                journal.try_send(JournalRequest::Mark(room, marks)).map_err(|refused| match refused.into_inner() {
                    JournalRequest::Mark(_, marks) => marks,
                    _ => Vec::new(),
                })
            }
        });
    }
}

impl RoomLog for SqliteLog {
    fn append(&mut self, drafts: &[Draft]) -> Result<Appended, StoreFailed> {
        self.flush_marks();
        let (reply, answer) = oneshot::channel();
        let append = Append { sequence: self.sequence.clone(), drafts: drafts.to_vec(), reply };
        self.journal.send(JournalRequest::Append(append)).map_err(|_| StoreFailed)?;
        // No answer: the journal is gone.
        let (sequence, outcomes) = answer.wait().map_err(|_| StoreFailed)??;
        if sequence.epoch != self.sequence.epoch {
            // The room has ended: neither the marks of its messages nor its watermark mean anything any more.
            self.marks = WaitingMarks::default();
            self.watermark = None;
        }
        self.sequence = sequence;
        if self.watermark.is_none() {
            self.watermark = self.sequence.room.map(|room| self.watermarks.follow(room));
        }
        Ok(outcomes.into())
    }

    fn pruned(&self) -> u64 {
        self.watermark.as_ref().map_or(0, Watermark::seq)
    }

    fn mark(&mut self, marks: &[ReceiptMark]) {
        self.marks.add(marks);
        self.flush_marks();
    }

    fn moved(&mut self, movement: Movement) {
        let Sequence { name, epoch, .. } = &self.sequence;
        if self.movements_wanted.load(Ordering::Relaxed) && !name.is_conversation() {
            // A journal that is gone delivers nothing.
            _ = self.journal.send(JournalRequest::Move(name.clone(), Arc::clone(epoch), movement));
        }
    }
}

impl Drop for SqliteLog {
    fn drop(&mut self) {
        self.flush_marks();
    }
}
