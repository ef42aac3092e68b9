//! A store that numbers and forgets: a room's history lasts as long as the room.
//!
//! Each opening has an epoch of its own, so that a client that comes back to a room of the same
//! name knows that its numbers mean nothing any more. The text of messages is kept by the room's
//! ring; here are only the numbers, and the newest `mid`s.

use std::collections::{HashMap, VecDeque};

use super::{ChangesQuery, OpenedRoom, Page, PageQuery, RoomLog, Store};
use crate::chat::policy::ModerationChange;
use crate::chat::room::Snapshot;
use crate::chat::{
    Body, Draft, Epoch, Message, Mid, Operation, Outcome, ReceiptMark, RoomName, StoreFailed, Time, UserName,
};

/// Messages of a room whose author and `mid` are remembered: some kilobytes, and more than a client
/// repeats after an interruption.
pub const REMEMBERED_MAX: usize = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Memory;

#[derive(Default)]
struct MemoryLog {
    seq: u64,
    /// The newest messages, oldest first.
    entries: VecDeque<Numbered>,
    mids: HashMap<(UserName, Mid), (u64, Time)>,
}

struct Numbered {
    user: UserName,
    mid: Option<Mid>,
    deleted: bool,
}

impl Store for Memory {
    fn open(&self, _: &RoomName, _: usize) -> Result<OpenedRoom, StoreFailed> {
        let epoch = Epoch(getrandom::u64().map_err(|_| StoreFailed)?);
        let past = Snapshot { epoch: epoch.to_string().into(), seq: 0, recent: Vec::new(), kept: false };
        Ok(OpenedRoom { past, marks: Vec::new(), policy: None, room_log: Box::<MemoryLog>::default() })
    }

    fn page(&self, _: &RoomName, _: PageQuery) -> Result<Option<Page>, StoreFailed> {
        Ok(None)
    }

    fn changes(&self, _: &RoomName, _: u64, _: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        Ok(Vec::new())
    }

    fn search(&self, _: &RoomName, _: &str, _: u64, _: usize) -> Result<Vec<Message>, StoreFailed> {
        Ok(Vec::new())
    }

    fn receipts(&self, _: &RoomName, _: u64) -> Result<Option<Vec<ReceiptMark>>, StoreFailed> {
        Ok(None)
    }
}

impl RoomLog for MemoryLog {
    fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Outcome>, StoreFailed> {
        drafts.iter().map(|draft| self.take(draft)).collect()
    }

    fn mark(&mut self, _: &[ReceiptMark]) {
        // Whoever is in the room has been told; nobody else can ask.
    }
}

impl MemoryLog {
    fn take(&mut self, draft: &Draft) -> Result<Outcome, StoreFailed> {
        let user = &draft.speaker.user;
        Ok(match &draft.operation {
            Operation::Publish { mid, .. } => self.enter(user, mid.as_ref(), draft.at),
            Operation::Edit { seq, body, as_moderator } => {
                self.change(*seq, user, (*body == Body::Deleted, *as_moderator))
            }
            Operation::Moderate(action) if action.change == ModerationChange::Ended => {
                let epoch = Epoch(getrandom::u64().map_err(|_| StoreFailed)?);
                *self = Self::default();
                Outcome::Ended { epoch }
            }
            // The room remembers it by itself.
            Operation::Moderate(_) => Outcome::Changed,
        })
    }

    fn enter(&mut self, user: &UserName, mid: Option<&Mid>, at: Time) -> Outcome {
        let key = mid.map(|mid| (user.clone(), mid.clone()));
        if let Some(&(seq, at)) = key.as_ref().and_then(|key| self.mids.get(key)) {
            return Outcome::Repeat { seq, at };
        }
        if self.entries.len() >= REMEMBERED_MAX
            && let Some(Numbered { user, mid: Some(mid), .. }) = self.entries.pop_front()
        {
            self.mids.remove(&(user, mid));
        }
        self.seq += 1;
        self.entries.push_back(Numbered { user: user.clone(), mid: mid.cloned(), deleted: false });
        self.mids.extend(key.map(|key| (key, (self.seq, at))));
        Outcome::Stored { seq: self.seq }
    }

    fn change(&mut self, seq: u64, user: &UserName, (delete, as_moderator): (bool, bool)) -> Outcome {
        let oldest = self.seq + 1 - self.entries.len() as u64;
        let index = seq.checked_sub(oldest).and_then(|index| usize::try_from(index).ok());
        match index.and_then(|index| self.entries.get_mut(index)).filter(|entry| !entry.deleted) {
            None => Outcome::Missing,
            Some(entry) if entry.user != *user && !as_moderator => Outcome::NotAuthor,
            Some(entry) => {
                entry.deleted = delete;
                Outcome::Changed
            }
        }
    }
}
