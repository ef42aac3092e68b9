//! Rooms and their messages: the traits that number and keep them, and what they are asked.
//!
//! A room's broker is the only one to append to its log, and a server has one log of a room; another server may have
//! another, of the same history. Readers are the connections' own threads. What every
//! backend has to answer has no default body: one that forgot it would silently show a private room or lose an audit.

use std::sync::Arc;
use std::time::Duration;

use super::change_feed::ChangeFeed;
use super::cluster::ClusterFigures;
use super::shared_sessions::SharedSessions;
use super::shared_users::SharedUsers;
use crate::chat::listed_room::ReadPosition;
use crate::chat::policy::{AuditEntry, Policy};
use crate::chat::room::Snapshot;
use crate::chat::webhook::Movement;
use crate::chat::{
    Appended, Attendance, Draft, Event, Message, ReceiptMark, RemoteAttendance, RemoteEvent, RoomName, SearchPosition,
    Span, StoreFailed, Time, UserName,
};

/// Numbers the messages of rooms and keeps them. One whose history is its server's alone need not say what follows from that:
/// there are no others to hear of.
pub trait Store: Send + Sync {
    /// Opens a room's history, which is created if there is none. At most one log of a room is open at a time in a
    /// server. May
    /// block on a disk.
    ///
    /// # Errors
    /// The history is unavailable now; the room does not open.
    fn open(&self, room: &RoomName, recent_max: usize) -> Result<OpenedRoom, StoreFailed>;

    /// A page of a room's history. `None`: this store keeps none of this room. May block on a disk, never on a write.
    ///
    /// # Errors
    /// The history cannot be read now.
    fn page(&self, room: &RoomName, query: PageQuery) -> Result<Option<Page>, StoreFailed>;

    /// Messages after the number `after`, up to `query.seen`, that were edited or deleted when `query.seen` or a later
    /// one was the newest; as they are now, in ascending order, bounded by the query. May block on a disk.
    ///
    /// # Errors
    /// The history cannot be read now.
    fn changes(&self, room: &RoomName, after: u64, query: ChangesQuery) -> Result<Vec<Message>, StoreFailed>;

    /// The newest messages before the number `before` that contain each word of `text`, oldest first; at most `count`.
    /// A word of three letters or more may be the beginning of a longer one, unless many messages of the room have it as
    /// it is. In scripts without spaces between words any part of a text is a word. Neither ciphertext nor deleted
    /// messages match. May block on a disk, and ends within a few seconds.
    ///
    /// # Errors
    /// The history cannot be read now.
    fn search(&self, room: &RoomName, text: &str, before: u64, count: usize) -> Result<Found, StoreFailed>;

    /// The same in all rooms for which `readable` tells from when on their messages may be read; the newest first.
    /// `readable` does not block.
    ///
    /// # Errors
    /// The history cannot be read now.
    fn search_rooms(
        &self,
        text: &str,
        before: Option<SearchPosition>,
        count: usize,
        readable: &dyn Fn(&RoomName) -> Option<Time>,
    ) -> Result<FoundInRooms, StoreFailed>;

    /// For each user and receipt, the first mark that covers the message `seq`; ordered by user, then receipt. `seq` in
    /// each mark is the mark's own, which may be later. `None`: there is no such message. May block on a disk.
    ///
    /// # Errors
    /// The history cannot be read now.
    fn receipts(&self, room: &RoomName, seq: u64) -> Result<Option<Vec<ReceiptMark>>, StoreFailed>;

    /// The policies of the rooms that have one. May block on a disk.
    ///
    /// # Errors
    /// They cannot be read now.
    fn policies(&self) -> Result<Vec<(RoomName, Policy)>, StoreFailed>;

    /// The newest entries of a room's audit before the number `before`, oldest first; at most `count`. `None`: this
    /// store keeps none of this room. May block on a disk, never on a write.
    ///
    /// # Errors
    /// The audit cannot be read now.
    fn audit(&self, room: &RoomName, before: u64, count: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed>;

    /// Whether it keeps messages to a registered user who is offline.
    fn keeps_offline_messages(&self) -> bool;

    /// The private conversations with undelivered messages for a registered user, oldest conversation first. May block
    /// on a disk.
    ///
    /// # Errors
    /// They cannot be read now.
    fn offline_messages(&self, user: &UserName) -> Result<Vec<RoomName>, StoreFailed>;

    /// The private conversations of a user in which messages newer than `since` are kept, the newest conversation first;
    /// at most `count`. May block on a disk.
    ///
    /// # Errors
    /// They cannot be read now.
    fn conversations(&self, user: &UserName, since: Time, count: usize) -> Result<Vec<RoomName>, StoreFailed>;

    /// How far a user has read in each of these rooms, in their order; `None`: this store keeps nothing of the room. May
    /// block on a disk.
    ///
    /// # Errors
    /// They cannot be read now.
    fn read_positions(&self, user: &UserName, rooms: &[RoomName]) -> Result<Vec<Option<ReadPosition>>, StoreFailed>;

    /// The rooms that have a history, without private conversations, by name; of more than `count`, those that were
    /// opened last. May block on a disk.
    ///
    /// # Errors
    /// They cannot be read now.
    fn rooms(&self, count: usize) -> Result<Vec<RoomName>, StoreFailed>;

    /// Whether messages can be stored now, as far as can be told within a second. May write, and block on a disk, once
    /// in a few seconds.
    fn is_writable(&self) -> bool;

    /// Whether other servers may have the same history: then each room is stored, since none could number it alone.
    fn is_shared(&self) -> bool {
        false
    }

    /// What this server knows of those that have the history together; `None`: it is this server's alone. Does not block.
    fn cluster_figures(&self) -> Option<ClusterFigures> {
        None
    }

    /// What other servers do in a history that is shared, for the first who asks; `None` where none is.
    fn change_feed(&self) -> Option<Box<dyn ChangeFeed>> {
        None
    }

    /// The users of the servers that have the history together; `None`: it is this server's alone.
    fn shared_users(&self) -> Option<Arc<dyn SharedUsers>> {
        None
    }

    /// The sessions of the servers that have the history together; `None`: it is this server's alone.
    fn shared_sessions(&self) -> Option<Arc<dyn SharedSessions>> {
        None
    }

    /// Opens no further history, and ends the feed. A log that is open stays so until it is dropped; after the last of them the store's
    /// own threads end. Does not block.
    fn close(&self);
}

/// A part of what others have done in a room.
#[derive(Clone, Debug, PartialEq)]
pub struct RemotePart {
    /// What it was, in the room's order.
    pub events: Vec<RemoteEvent>,
    /// Whether there was nothing more when it was read.
    pub is_last: bool,
}

/// The open history of one room. What concerns other servers is nothing, unless the store is shared.
pub trait RoomLog: Send {
    /// Numbers the drafts and keeps them: all, or none. One outcome per draft, in order; new numbers are dense. With
    /// them comes what others did before, up to the drafts' own numbers, that this log has not told yet; where others
    /// have changed the policy since, nothing is stored, and the outcomes are [`Outcome::Stale`](crate::chat::Outcome).
    /// May block on a disk.
    ///
    /// # Errors
    /// Nothing was stored. Where others append too: or it is not known, and if it was, the log tells it later as it
    /// tells what others did.
    fn append(&mut self, drafts: &[Draft]) -> Result<Appended, StoreFailed>;

    /// What others have done since, in the room's order, a part at a time; nothing ever where a room has one log. May block
    /// on a database.
    ///
    /// # Errors
    /// It cannot be read now.
    fn catch_up(&mut self) -> Result<RemotePart, StoreFailed> {
        Ok(RemotePart { events: Vec::new(), is_last: true })
    }

    /// Whether the history is over, since a database that failed over has lost a part of it and gives its numbers again in another
    /// epoch: nothing is appended or told any more, and who opens the room again has that epoch. Does not block.
    fn is_superseded(&self) -> bool {
        false
    }

    /// The number up to which retention has deleted messages since the history was opened; 0: none. Does not block.
    fn pruned(&self) -> u64;

    /// The version of the policy that the log has told. Does not block.
    fn policy_version(&self) -> PolicyVersion {
        PolicyVersion::default()
    }

    /// Keeps how far users have got; a mark that does not go beyond an earlier one changes nothing. Does not wait for a
    /// disk: a crash may lose the newest marks, never a message.
    fn mark(&mut self, marks: &[ReceiptMark]);

    /// Has the webhooks that want to know told who entered or left the room. Does not wait for a disk: a crash may lose
    /// the newest movements, never a message.
    fn moved(&mut self, movement: Movement);

    /// Tells other servers how users are in the room through this one: of each that was changed what is true now. Does not
    /// block. It is forgotten with the log.
    fn attend(&mut self, _changes: Vec<(UserName, Attendance)>) {}

    /// Tells other servers that a user types here, or has stopped. Does not block, and may be lost.
    fn typed(&mut self, _user: UserName, _typing: bool) {}

    /// What has come from other servers since the log was asked last; nothing ever where a room has one log. What a user had said
    /// before was stored before it is told who is in the room. Does not block.
    fn heard(&mut self) -> HeardElsewhere {
        HeardElsewhere::default()
    }

    /// In a private conversation: the first message that was said through another server and that not all connections of
    /// its users here were entered for yet ([`SharedUsers`]); `None`: there is none, and never where a room has one log. May
    /// block on a database.
    ///
    /// # Errors
    /// It cannot be read now.
    fn undispatched_from(&mut self) -> Result<Option<u64>, StoreFailed> {
        Ok(None)
    }
}

/// What has come from other servers of a room, without a look at its history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeardElsewhere {
    /// Who types, or has stopped.
    pub typing: Vec<(UserName, bool)>,
    /// The messages that follow, if they came with the news that the room has gone on: the log has told them now.
    pub messages: Option<RemotePart>,
    /// Who is there, or has gone.
    pub attendance: Vec<RemoteAttendance>,
}

/// Which of the policies of a room's name it is, in a history that several servers have: later ones are greater. In one that
/// a server has to itself all are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyVersion {
    /// The room: another one that has the name later is greater.
    pub room: u64,
    /// The change that made it.
    pub change: u64,
}

/// A room's history as it is found when the room opens.
pub struct OpenedRoom {
    /// Where the room continues, with at most as many recent messages as were asked for.
    pub past: Snapshot,
    /// The newest mark of each user and receipt.
    pub marks: Vec<ReceiptMark>,
    /// The room's policy, if it has one.
    pub policy: Option<Policy>,
    /// Who is in it through other servers.
    pub elsewhere: Vec<RemoteAttendance>,
    /// Where to append.
    pub room_log: Box<dyn RoomLog>,
}

/// How much history is kept. The oldest messages beyond it are deleted in the background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How old a message may get, by the wall clock. 0: any age.
    pub age: Duration,
    /// How many messages of each room are kept. 0: any number.
    pub count: usize,
}

/// What has happened to a message when it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk: it survives a loss of power.
    Fsync,
    /// The operating system has it: it survives the end of the process, not that of the machine.
    Os,
    /// As `Os`, but a loss of power may also damage the whole file.
    None,
}

/// Which page of a history to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// From where, and in which direction.
    pub span: Span,
    /// Messages, at most.
    pub count: usize,
    /// Bytes of bodies, at most, but always one message if there is one.
    pub bytes: usize,
}

/// Which changes to read: those that a client may have missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangesQuery {
    /// The newest message that the client has seen.
    pub seen: u64,
    /// Messages, at most.
    pub count: usize,
    /// Bytes of bodies, at most, but always one message if there is one.
    pub bytes: usize,
}

/// What a search in one room has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// Whether there was time for all of it: otherwise older messages may match as well.
    pub complete: bool,
}

/// What a search in several rooms has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundInRooms {
    /// The messages, newest first.
    pub messages: Vec<Message>,
    /// Whether that is all.
    pub complete: bool,
    /// Where to go on; `None` when that is all, or when there was no time to find anything.
    pub next: Option<SearchPosition>,
}

/// A page of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The history's epoch.
    pub epoch: Arc<str>,
    /// The number of the room's newest message; of the newest of each key, the newest of those.
    pub newest: u64,
    /// The number of the oldest message that is kept; `newest + 1` when none is.
    pub oldest: u64,
    /// The messages, oldest first, without a gap but between the newest of each key.
    pub messages: Vec<Message>,
}

impl Page {
    /// The reply to a request for `span` of this room.
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
            Span::Latest(after) => self.messages.last().map_or(after, |last| last.seq) >= self.newest,
            Span::Before(_) => self.messages.first().is_none_or(|first| first.seq <= self.oldest),
            Span::After(after) => {
                let oldest_kept = self.oldest <= after.saturating_add(1);
                oldest_kept && self.messages.last().map_or(after, |last| last.seq) >= self.newest
            }
        }
    }
}
