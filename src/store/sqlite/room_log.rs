//! A room's own end of the journal.
//!
//! Lives in the room's broker, and goes with it; called on the room's thread alone. It remembers
//! where the numbering stands, so the journal need not look it up, and takes it over from an answer
//! only when what was asked has been committed.

use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};

use super::journal::{Append, Request};
use super::sequence::Sequence;
use super::watermark::{Watermark, Watermarks};
use crate::chat::{Draft, Outcome, ReceiptMark, StoreFailed};
use crate::store::RoomLog;

/// Marks that wait for a place in the journal's inbox, at most; beyond it only the newest of each
/// user and receipt are kept.
const MARKS_MAX: usize = 1_024;

/// See the module.
pub struct SqliteLog {
    sequence: Sequence,
    journal: Sender<Request>,
    /// Marks that the journal had no place for.
    marks: Vec<ReceiptMark>,
    watermarks: Arc<Watermarks>,
    /// `None` until something was said in the room.
    watermark: Option<Watermark>,
}

impl SqliteLog {
    /// The ledger of the room that `sequence` tells of.
    pub fn new(sequence: Sequence, journal: Sender<Request>, watermarks: Arc<Watermarks>) -> Self {
        let watermark = sequence.room.map(|room| watermarks.follow(room));
        Self { sequence, journal, marks: Vec::new(), watermarks, watermark }
    }

    fn hand_over(&mut self) {
        let Some(room) = self.sequence.room.filter(|_| !self.marks.is_empty()) else { return };
        let request = Request::Mark(room, std::mem::take(&mut self.marks));
        if let Err(refused) = self.journal.try_send(request)
            && let Request::Mark(_, marks) = refused.into_inner()
        {
            self.marks = marks;
        }
    }
}

impl RoomLog for SqliteLog {
    fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Outcome>, StoreFailed> {
        self.hand_over();
        let (reply, answer) = bounded(1);
        let append = Append { sequence: self.sequence.clone(), drafts: drafts.to_vec(), reply };
        self.journal.send(Request::Append(append)).map_err(|_| StoreFailed)?;
        // No answer means that the journal died.
        let (sequence, outcomes) = answer.recv().map_err(|_| StoreFailed)??;
        if sequence.epoch != self.sequence.epoch {
            // The room has ended: marks of its messages mean nothing any more, nor does how far they went.
            self.marks.clear();
            self.watermark = None;
        }
        self.sequence = sequence;
        if self.watermark.is_none() {
            self.watermark = self.sequence.room.map(|room| self.watermarks.follow(room));
        }
        Ok(outcomes)
    }

    fn pruned(&self) -> u64 {
        self.watermark.as_ref().map_or(0, Watermark::seq)
    }

    fn mark(&mut self, marks: &[ReceiptMark]) {
        self.marks.extend_from_slice(marks);
        self.hand_over();
        if self.marks.len() > MARKS_MAX {
            newest_of_each(&mut self.marks);
        }
    }
}

impl Drop for SqliteLog {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Leaves the newest mark of each user and receipt.
fn newest_of_each(marks: &mut Vec<ReceiptMark>) {
    marks.sort_by(|a, b| (&a.user, a.receipt, b.seq).cmp(&(&b.user, b.receipt, a.seq)));
    marks.dedup_by(|later, kept| (&later.user, later.receipt) == (&kept.user, kept.receipt));
}
