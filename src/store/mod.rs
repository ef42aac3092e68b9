//! Where messages get their numbers and stay.
//!
//! A broker opens its room's ledger and appends to it once a round, on its own thread, and waits
//! for the answer; what is not answered `Ok` is shown to nobody. A ledger goes with its broker.
//! Reading the past is for any thread and never waits for a write.

pub mod accounts;
pub mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::sync::Arc;
use std::time::Duration;

pub use accounts::{Account, AccountStore, ServerKey};
pub use memory::Memory;

use crate::chat::policy::{AuditEntry, Policy};
use crate::chat::room::Snapshot;
use crate::chat::{Draft, Event, Message, Outcome, ReceiptMark, RoomName, Span, StoreFailed, UserName};

/// The authority that numbers the messages of rooms, and keeps them.
pub trait Store: Send + Sync {
    /// Opens a room's history, which is made if there is none. At most one ledger of a room is open
    /// at a time. May block on a disk.
    ///
    /// # Errors
    /// The history cannot be had now; the room does not open.
    fn open(&self, room: &RoomName, recent_max: usize) -> Result<OpenedRoom, StoreFailed>;

    /// A part of a room's history. `None`: this store keeps none of this room.
    /// May block on a disk, never on a write.
    ///
    /// # Errors
    /// The history cannot be read now.
    fn page(&self, room: &RoomName, query: PageQuery) -> Result<Option<Page>, StoreFailed>;

    /// Messages after the number `after` up to `query.seen` that were edited or deleted when `query.seen`,
    /// or a later one, was the newest, as they are now: in the order of their numbers, a part at a
    /// time. May block on a disk.
    ///
    /// # Errors
    /// The history cannot be read now.
    fn changes(&self, room: &RoomName, after: u64, query: ChangesQuery) -> Result<Vec<Message>, StoreFailed>;

    /// The newest messages before the number `before` that hold all words of `text`, oldest first;
    /// at most `count`. Ciphertext and deleted messages hold none. May block on a disk.
    ///
    /// # Errors
    /// The history cannot be read now.
    fn search(&self, room: &RoomName, text: &str, before: u64, count: usize) -> Result<Vec<Message>, StoreFailed>;

    /// For each user and receipt, when it first covered the message `seq`; by user, then receipt.
    /// `seq` in each mark is the mark's own, which may be later. `None`: there is no such message.
    /// May block on a disk.
    ///
    /// # Errors
    /// The history cannot be read now.
    fn receipts(&self, room: &RoomName, seq: u64) -> Result<Option<Vec<ReceiptMark>>, StoreFailed>;

    /// The charters of all rooms that have one. May block on a disk.
    ///
    /// # Errors
    /// They cannot be read now.
    fn policies(&self) -> Result<Vec<(RoomName, Policy)>, StoreFailed> {
        Ok(Vec::new())
    }

    /// The newest entries of a room's audit before the number `before`, oldest first; at most `count`.
    /// `None`: this store keeps none of this room. May block on a disk, never on a write.
    ///
    /// # Errors
    /// The audit cannot be read now.
    fn audit(&self, _room: &RoomName, _before: u64, _count: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed> {
        Ok(None)
    }

    /// Whether it keeps what is said to a registered user who is away.
    fn keeps_offline_messages(&self) -> bool {
        false
    }

    /// The private conversations in which something waits for a registered user, the oldest first.
    /// May block on a disk.
    ///
    /// # Errors
    /// It cannot be read now.
    fn offline_messages(&self, _: &UserName) -> Result<Vec<RoomName>, StoreFailed> {
        Ok(Vec::new())
    }

    /// Opens no further history; what is open stays so until its ledger goes, and then the store's
    /// own threads end. Does not block.
    fn close(&self) {}
}

/// How much of a history is kept; what is beyond goes in the background, the oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How old a message may get, by the clock on the wall. 0: any age.
    pub age: Duration,
    /// How many messages of each room are kept. 0: all.
    pub count: usize,
}

/// What has happened to a message when it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk: it survives a loss of power.
    Fsync,
    /// It is with the operating system: it survives the end of the process, and not that of the
    /// machine.
    Os,
    /// As `Os`, but a loss of power may also damage the whole file.
    None,
}

/// A room's history as it is found when the room opens.
pub struct OpenedRoom {
    /// What the room goes on from, with at most as many recent messages as were asked for.
    pub past: Snapshot,
    /// The newest mark of each user and receipt.
    pub marks: Vec<ReceiptMark>,
    /// Who may do what in it, if anything was ever said about that.
    pub policy: Option<Policy>,
    /// Where to append.
    pub room_log: Box<dyn RoomLog>,
}

/// Which part of a history is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// From where, and in which direction.
    pub span: Span,
    /// Messages, at most.
    pub count: usize,
    /// Bytes of bodies, at most, but always one message if there is one.
    pub bytes: usize,
}

/// Which changes are wanted: those that a client may not know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangesQuery {
    /// The newest message that the client has seen.
    pub seen: u64,
    /// Messages, at most.
    pub count: usize,
    /// Bytes of bodies, at most, but always one message if there is one.
    pub bytes: usize,
}

/// A part of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The history's name.
    pub epoch: Arc<str>,
    /// The number of the room's newest message.
    pub newest: u64,
    /// The number of the oldest message that is kept; `newest + 1` when none is.
    pub oldest: u64,
    /// The messages, oldest first, without a gap.
    pub messages: Vec<Message>,
}

impl Page {
    /// The answer to one who asked for `span` of this room.
    #[must_use]
    pub fn into_history(self, room: RoomName, span: Span) -> Event {
        let complete = self.is_complete(span);
        let messages = self.messages.into_iter().map(Arc::new).collect();
        Event::History { room, epoch: self.epoch, messages, complete }
    }

    /// Whether nothing lies beyond it, in the direction of `span`.
    #[must_use]
    pub fn is_complete(&self, span: Span) -> bool {
        match span {
            Span::Before(_) => self.messages.first().is_none_or(|first| first.seq <= self.oldest),
            Span::After(after) => {
                let oldest_kept = self.oldest <= after.saturating_add(1);
                oldest_kept && self.messages.last().map_or(after, |last| last.seq) >= self.newest
            }
        }
    }
}

/// The open history of one room.
pub trait RoomLog: Send {
    /// Numbers the drafts and keeps them: all, or none. May block on a disk.
    /// The outcomes are as many as the drafts, in their order; new numbers are dense.
    ///
    /// # Errors
    /// Nothing was stored.
    fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Outcome>, StoreFailed>;

    /// The number up to which messages were taken away since the history was opened: retention goes on
    /// while a room lives. 0: none was. Does not block.
    fn pruned(&self) -> u64 {
        0
    }

    /// Keeps how far users have got; a mark that does not go beyond an earlier one changes nothing.
    /// Does not wait for a disk: a crash may lose the newest marks, never a message.
    fn mark(&mut self, marks: &[ReceiptMark]);
}
