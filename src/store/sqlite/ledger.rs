//! A room's own end of the journal.
//!
//! Lives in the room's broker, and goes with it; called on the room's thread alone. It remembers
//! where the numbering stands, so the journal need not look it up, and takes it over from an answer
//! only when what was asked has been committed.

use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};

use super::account::Account;
use super::horizon::{Horizon, Horizons};
use super::journal::{Append, Request};
use crate::chat::record::{Draft, Mark, Outcome, StoreFailed};
use crate::store::Ledger;

/// Marks that wait for a place in the journal's inbox, at most; beyond it only the newest of each
/// user and receipt are kept.
const MARKS_MAX: usize = 1_024;

/// See the module.
pub struct Entry {
    account: Account,
    journal: Sender<Request>,
    /// Marks that the journal had no place for.
    marks: Vec<Mark>,
    horizons: Arc<Horizons>,
    /// `None` until something was said in the room.
    horizon: Option<Horizon>,
}

impl Entry {
    /// The ledger of the room that `account` tells of.
    pub fn new(account: Account, journal: Sender<Request>, horizons: Arc<Horizons>) -> Self {
        let horizon = account.room.map(|room| horizons.follow(room));
        Self { account, journal, marks: Vec::new(), horizons, horizon }
    }

    fn hand_over(&mut self) {
        let Some(room) = self.account.room.filter(|_| !self.marks.is_empty()) else { return };
        let request = Request::Mark(room, std::mem::take(&mut self.marks));
        if let Err(refused) = self.journal.try_send(request)
            && let Request::Mark(_, marks) = refused.into_inner()
        {
            self.marks = marks;
        }
    }
}

impl Ledger for Entry {
    fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Outcome>, StoreFailed> {
        self.hand_over();
        let (reply, answer) = bounded(1);
        let append = Append { account: self.account.clone(), drafts: drafts.to_vec(), reply };
        self.journal.send(Request::Append(append)).map_err(|_| StoreFailed)?;
        // No answer means that the journal died.
        let (account, outcomes) = answer.recv().map_err(|_| StoreFailed)??;
        if account.epoch != self.account.epoch {
            // The room has ended: marks of its messages mean nothing any more, nor does how far they went.
            self.marks.clear();
            self.horizon = None;
        }
        self.account = account;
        if self.horizon.is_none() {
            self.horizon = self.account.room.map(|room| self.horizons.follow(room));
        }
        Ok(outcomes)
    }

    fn pruned(&self) -> u64 {
        self.horizon.as_ref().map_or(0, Horizon::seq)
    }

    fn mark(&mut self, marks: &[Mark]) {
        self.marks.extend_from_slice(marks);
        self.hand_over();
        if self.marks.len() > MARKS_MAX {
            newest_of_each(&mut self.marks);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Leaves the newest mark of each user and receipt.
fn newest_of_each(marks: &mut Vec<Mark>) {
    marks.sort_by(|a, b| (&a.user, a.receipt, b.seq).cmp(&(&b.user, b.receipt, a.seq)));
    marks.dedup_by(|later, kept| (&later.user, later.receipt) == (&kept.user, kept.receipt));
}
