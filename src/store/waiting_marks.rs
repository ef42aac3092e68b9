//! Receipt marks on their way from a room's log to the journal.
//!
//! Nobody waits for marks: those that the journal's inbox has no space for wait here, and go with the next. Owned by a
//! room's log, on the broker's thread.

use crate::chat::ReceiptMark;

/// Marks that wait, at most; beyond it only the newest of each user and receipt are kept.
const MARKS_MAX: usize = 1_024;

/// See the module.
#[derive(Default)]
pub struct WaitingMarks(Vec<ReceiptMark>);

impl WaitingMarks {
    /// Adds marks behind those that wait.
    pub fn add(&mut self, marks: &[ReceiptMark]) {
        self.0.extend_from_slice(marks);
    }

    /// Gives all that wait to `send`, which gives them back if they cannot go now.
    pub fn flush(&mut self, send: impl FnOnce(Vec<ReceiptMark>) -> Result<(), Vec<ReceiptMark>>) {
        if self.0.is_empty() {
            return;
        }
        if let Err(marks) = send(std::mem::take(&mut self.0)) {
            self.0 = marks;
            if self.0.len() > MARKS_MAX {
                self.keep_newest();
            }
        }
    }

    /// Keeps the newest mark of each user and receipt.
    fn keep_newest(&mut self) {
        self.0.sort_by(|a, b| (&a.user, a.receipt, b.seq).cmp(&(&b.user, b.receipt, a.seq)));
        self.0.dedup_by(|later, kept| (&later.user, later.receipt) == (&kept.user, kept.receipt));
    }
}
