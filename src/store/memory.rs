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
    Administration, AdministrationError, ExportStart, Findings, Imported, PreparedToken, Restored, RetentionChange,
    RetentionOverride, ServerProcess, WebhookAdministration,
};
use super::cluster::Cluster;
use super::rooms::{ChangesQuery, Found, FoundInRooms, OpenedRoom, Page, PageQuery, RoomLog, Store};
use crate::chat::hook::{Hook, HookDigest, NewHook};
use crate::chat::listed_room::ReadPosition;
use crate::chat::policy::{AuditEntry, ModerationChange, Policy};
use crate::chat::room::Snapshot;
use crate::chat::webhook::Movement;
use crate::chat::{
    Appended, Draft, Epoch, Key, Message, Mid, Operation, Outcome, Publication, ReceiptMark, RoomName, SearchPosition,
    StoreFailed, Time, UserName,
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
    /// The newest message of each key.
    keys: HashMap<Key, u64>,
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
        Ok(OpenedRoom {
            past,
            marks: Vec::new(),
            policy: None,
            elsewhere: Vec::new(),
            room_log: Box::<MemoryLog>::default(),
        })
    }

    fn page(&self, _: &RoomName, _: PageQuery) -> Result<Option<Page>, StoreFailed> {
        Ok(None)
    }

    fn changes(&self, _: &RoomName, _: u64, _: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        Ok(Vec::new())
    }

    fn search(&self, _: &RoomName, _: &str, _: u64, _: usize) -> Result<Found, StoreFailed> {
        Ok(Found { messages: Vec::new(), complete: true })
    }

    fn search_rooms(
        &self,
        _: &str,
        _: Option<SearchPosition>,
        _: usize,
        _: &dyn Fn(&RoomName) -> Option<Time>,
    ) -> Result<FoundInRooms, StoreFailed> {
        Ok(FoundInRooms { complete: true, ..FoundInRooms::default() })
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

    fn conversations(&self, _: &UserName, _: Time, _: usize) -> Result<Vec<RoomName>, StoreFailed> {
        Ok(Vec::new())
    }

    fn read_positions(&self, _: &UserName, rooms: &[RoomName]) -> Result<Vec<Option<ReadPosition>>, StoreFailed> {
        Ok(vec![None; rooms.len()])
    }

    /// None: a history lasts as long as its room is open.
    fn rooms(&self, _: usize) -> Result<Vec<RoomName>, StoreFailed> {
        Ok(Vec::new())
    }

    fn is_writable(&self) -> bool {
        true
    }

    /// Nothing: there is no file, and no thread.
    fn close(&self) {}
}

impl RoomLog for MemoryLog {
    fn append(&mut self, drafts: &[Draft]) -> Result<Appended, StoreFailed> {
        drafts.iter().map(|draft| self.apply(draft)).collect::<Result<Vec<_>, _>>().map(Appended::from)
    }

    fn pruned(&self) -> u64 {
        0
    }

    /// Nothing: the members of the room have seen them, and nobody else can ask.
    fn mark(&mut self, _: &[ReceiptMark]) {}

    /// Nothing: where nothing is kept there are no webhooks.
    fn moved(&mut self, _: Movement) {}
}

impl MemoryLog {
    fn apply(&mut self, draft: &Draft) -> Result<Outcome, StoreFailed> {
        let user = &draft.speaker.user;
        Ok(match &draft.operation {
            Operation::Publish { publication, .. } => self.publish(user, publication, draft),
            Operation::Edit { seq, body, as_moderator } => self.edit(*seq, user, body.is_deleted(), *as_moderator),
            Operation::Moderate(action) if action.change == ModerationChange::Ended => {
                let epoch = Epoch(getrandom::u64().map_err(|_| StoreFailed)?);
                *self = Self::default();
                Outcome::Ended { epoch }
            }
            // The room keeps its own policy.
            Operation::Moderate(_) => Outcome::Changed,
        })
    }

    fn publish(&mut self, user: &UserName, publication: &Publication, draft: &Draft) -> Outcome {
        let mid = publication.mid.as_ref();
        let id = mid.map(|mid| (user.clone(), mid.clone()));
        if let Some(&(seq, at)) = id.as_ref().and_then(|id| self.mids.get(id)) {
            return Outcome::Repeat { seq, at };
        }
        if publication.if_seq.is_some_and(|seq| seq != self.seq) {
            return Outcome::Conflict { newest: self.seq };
        }
        let newest = publication.key.as_ref().and_then(|key| self.keys.get(key)).copied();
        if publication.if_key_seq.is_some_and(|seq| seq != newest.unwrap_or(0)) {
            return Outcome::KeyConflict { newest: newest.unwrap_or(0) };
        }
        let is_tombstone = publication.body.is_deleted();
        if publication.key.is_some() && !is_tombstone && newest.is_none() && self.keys.len() >= draft.keys_max {
            return Outcome::TooManyKeys;
        }
        if self.messages.len() >= REMEMBERED_MAX
            && let Some(Numbered { user, mid: Some(mid), .. }) = self.messages.pop_front()
        {
            self.mids.remove(&(user, mid));
        }
        self.seq += 1;
        if let Some(key) = &publication.key {
            if is_tombstone {
                self.keys.remove(key);
            } else {
                self.keys.insert(key.clone(), self.seq);
            }
        }
        self.messages.push_back(Numbered { user: user.clone(), mid: mid.cloned(), deleted: is_tombstone });
        self.mids.extend(id.map(|id| (id, (self.seq, draft.at))));
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
                if delete {
                    self.keys.retain(|_, newest| *newest != seq);
                }
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

    fn restore(&self, _: &Path) -> Result<Restored, AdministrationError> {
        unsupported("restore a backup")
    }

    fn cluster(&self) -> Result<Cluster, AdministrationError> {
        unsupported("list its servers")
    }

    fn server(&self) -> Result<Option<ServerProcess>, AdministrationError> {
        unsupported("find its server")
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

    fn revoke_key(&self, _: &str) -> Result<bool, AdministrationError> {
        unsupported("revoke a key")
    }

    fn add_hook(&self, _: &NewHook, _: &HookDigest) -> Result<Option<u64>, AdministrationError> {
        unsupported("add a hook")
    }

    fn hooks(&self, _: &RoomName) -> Result<Vec<Hook>, AdministrationError> {
        unsupported("list hooks")
    }

    fn revoke_hook(&self, _: &RoomName, _: u64, _: Time) -> Result<bool, AdministrationError> {
        unsupported("revoke a hook")
    }

    fn webhooks(&self) -> Result<WebhookAdministration<'_>, AdministrationError> {
        unsupported("keep what a webhook is told")
    }

    fn prepare_token(&self, _: &UserName, _: Time, _: Time) -> Result<PreparedToken, AdministrationError> {
        unsupported("sign a token")
    }
}
