//! The backend that keeps nothing beyond the rooms that are open: it numbers messages, and the room keeps the newest.
//!
//! Each opening has an epoch of its own, so that a client that returns to a room of the same name learns that its
//! numbers mean nothing any more. Bodies are in the room's ring; here are only the numbers, the authors and the newest
//! `mid`s.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, Write};
use std::path::Path;

use super::accounts::ServerKey;
use super::administration::{
    Administration, AdministrationError, ExportStart, Findings, Imported, PreparedToken, RetentionChange,
    RetentionOverride,
};
use super::rooms::{ChangesQuery, OpenedRoom, Page, PageQuery, RoomLog, Store};
use crate::chat::policy::{AuditEntry, ModerationChange, Policy};
use crate::chat::room::Snapshot;
use crate::chat::{
    Body, Draft, Epoch, Message, Mid, Operation, Outcome, ReceiptMark, RoomName, StoreFailed, Time, UserName,
};

/// Messages of a room whose author and `mid` are remembered: some kilobytes, and more than a client repeats after an
/// interruption.
pub const REMEMBERED_MAX: usize = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Memory;

#[derive(Default)]
struct MemoryLog {
    seq: u64,
    /// The newest messages, oldest first.
    messages: VecDeque<Numbered>,
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

    /// None: a policy goes with its room, and an open room has its own.
    fn policies(&self) -> Result<Vec<(RoomName, Policy)>, StoreFailed> {
        Ok(Vec::new())
    }

    fn audit(&self, _: &RoomName, _: u64, _: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed> {
        Ok(None)
    }

    fn keeps_offline_messages(&self) -> bool {
        false
    }

    fn offline_messages(&self, _: &UserName) -> Result<Vec<RoomName>, StoreFailed> {
        Ok(Vec::new())
    }

    /// Nothing: there is no file, and no thread.
    fn close(&self) {}
}

impl RoomLog for MemoryLog {
    fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Outcome>, StoreFailed> {
        drafts.iter().map(|draft| self.apply(draft)).collect()
    }

    fn pruned(&self) -> u64 {
        0
    }

    /// Nothing: the members of the room have seen them, and nobody else can ask.
    fn mark(&mut self, _: &[ReceiptMark]) {}
}

impl MemoryLog {
    fn apply(&mut self, draft: &Draft) -> Result<Outcome, StoreFailed> {
        let user = &draft.speaker.user;
        Ok(match &draft.operation {
            Operation::Publish { mid, .. } => self.publish(user, mid.as_ref(), draft.at),
            Operation::Edit { seq, body, as_moderator } => self.edit(*seq, user, *body == Body::Deleted, *as_moderator),
            Operation::Moderate(action) if action.change == ModerationChange::Ended => {
                let epoch = Epoch(getrandom::u64().map_err(|_| StoreFailed)?);
                *self = Self::default();
                Outcome::Ended { epoch }
            }
            // The room keeps its own policy.
            Operation::Moderate(_) => Outcome::Changed,
        })
    }

    fn publish(&mut self, user: &UserName, mid: Option<&Mid>, at: Time) -> Outcome {
        let key = mid.map(|mid| (user.clone(), mid.clone()));
        if let Some(&(seq, at)) = key.as_ref().and_then(|key| self.mids.get(key)) {
            return Outcome::Repeat { seq, at };
        }
        if self.messages.len() >= REMEMBERED_MAX
            && let Some(Numbered { user, mid: Some(mid), .. }) = self.messages.pop_front()
        {
            self.mids.remove(&(user, mid));
        }
        self.seq += 1;
        self.messages.push_back(Numbered { user: user.clone(), mid: mid.cloned(), deleted: false });
        self.mids.extend(key.map(|key| (key, (self.seq, at))));
        Outcome::Stored { seq: self.seq }
    }

    /// Edits or deletes; `as_moderator`: also somebody else's message.
    fn edit(&mut self, seq: u64, user: &UserName, delete: bool, as_moderator: bool) -> Outcome {
        let oldest = self.seq + 1 - self.messages.len() as u64;
        let index = seq.checked_sub(oldest).and_then(|index| usize::try_from(index).ok());
        match index.and_then(|index| self.messages.get_mut(index)).filter(|message| !message.deleted) {
            None => Outcome::Missing,
            Some(message) if message.user != *user && !as_moderator => Outcome::NotAuthor,
            Some(message) => {
                message.deleted = delete;
                Outcome::Changed
            }
        }
    }
}

/// The administration of a backend that keeps nothing: it refuses everything.
#[derive(Debug, Default)]
pub struct NoAdministration;

fn unsupported<T>(what: &str) -> Result<T, AdministrationError> {
    let sentence = format!("cannot {what}: this server keeps no history; name a file with --data");
    Err(AdministrationError::Unsupported(sentence))
}

impl Administration for NoAdministration {
    fn export(&self, _: &RoomName, _: ExportStart, _: &mut dyn Write) -> Result<u64, AdministrationError> {
        unsupported("export")
    }

    fn import(&self, _: &mut dyn BufRead) -> Result<Imported, AdministrationError> {
        unsupported("import")
    }

    fn backup(&self, _: &Path) -> Result<u64, AdministrationError> {
        unsupported("make a backup")
    }

    fn check(&self) -> Result<Findings, AdministrationError> {
        unsupported("check")
    }

    fn retain(&self, _: &RoomName, _: RetentionChange) -> Result<RetentionOverride, AdministrationError> {
        unsupported("set the retention of a room")
    }

    fn keys(&self) -> Result<Vec<ServerKey>, AdministrationError> {
        unsupported("list keys")
    }

    fn rotate_keys(&self, _: &ServerKey) -> Result<usize, AdministrationError> {
        unsupported("rotate keys")
    }

    fn prepare_token(&self, _: &UserName, _: Time, _: Time) -> Result<PreparedToken, AdministrationError> {
        unsupported("sign a token")
    }
}
