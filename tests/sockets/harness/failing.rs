//! A store in memory that fails at its n-th call.
//!
//! Each call of the store and of its room logs that can fail is counted, in order. A scenario is tried for
//! every n until it ends before the n-th call: then each call has failed once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use roomd::chat::listed_room::ReadPosition;
use roomd::chat::policy::{AuditEntry, Policy};
use roomd::chat::webhook::Movement;
use roomd::chat::{Appended, Draft, Message, ReceiptMark, RoomName, SearchPosition, StoreFailed, Time, UserName};
use roomd::store::{
    ChangesQuery, Found, FoundInRooms, Memory, OpenedRoom, Page, PageQuery, RemotePart, RoomLog, Store,
};

/// See the module.
pub struct Failing {
    calls: Arc<Calls>,
}

struct Calls {
    made: AtomicU64,
    fails: u64,
}

impl Calls {
    fn next(&self) -> Result<(), StoreFailed> {
        if self.made.fetch_add(1, Ordering::Relaxed) + 1 == self.fails { Err(StoreFailed) } else { Ok(()) }
    }
}

impl Failing {
    /// One that fails at this call; the first is 1.
    pub fn at(fails: u64) -> Arc<Self> {
        Arc::new(Self { calls: Arc::new(Calls { made: AtomicU64::new(0), fails }) })
    }

    /// Whether it has failed.
    pub fn has_failed(&self) -> bool {
        self.calls.made.load(Ordering::Relaxed) >= self.calls.fails
    }
}

impl Store for Failing {
    fn open(&self, room: &RoomName, recent_max: usize) -> Result<OpenedRoom, StoreFailed> {
        self.calls.next()?;
        let opened = Memory.open(room, recent_max)?;
        let room_log = Box::new(FailingLedger { inner: opened.room_log, calls: Arc::clone(&self.calls) });
        Ok(OpenedRoom { room_log, ..opened })
    }

    fn page(&self, room: &RoomName, query: PageQuery) -> Result<Option<Page>, StoreFailed> {
        self.calls.next()?;
        Memory.page(room, query)
    }

    fn changes(&self, room: &RoomName, after: u64, query: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        self.calls.next()?;
        Memory.changes(room, after, query)
    }

    fn search(&self, room: &RoomName, text: &str, before: u64, count: usize) -> Result<Found, StoreFailed> {
        self.calls.next()?;
        Memory.search(room, text, before, count)
    }

    fn search_rooms(
        &self,
        text: &str,
        before: Option<SearchPosition>,
        count: usize,
        readable: &dyn Fn(&RoomName) -> Option<Time>,
    ) -> Result<FoundInRooms, StoreFailed> {
        Memory.search_rooms(text, before, count, readable)
    }

    fn receipts(&self, room: &RoomName, seq: u64) -> Result<Option<Vec<ReceiptMark>>, StoreFailed> {
        self.calls.next()?;
        Memory.receipts(room, seq)
    }

    fn policies(&self) -> Result<Vec<(RoomName, Policy)>, StoreFailed> {
        Memory.policies()
    }

    fn audit(&self, room: &RoomName, before: u64, count: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed> {
        self.calls.next()?;
        Memory.audit(room, before, count)
    }

    fn keeps_offline_messages(&self) -> bool {
        Memory.keeps_offline_messages()
    }

    fn offline_messages(&self, user: &UserName) -> Result<Vec<RoomName>, StoreFailed> {
        Memory.offline_messages(user)
    }

    fn conversations(&self, user: &UserName, since: Time, count: usize) -> Result<Vec<RoomName>, StoreFailed> {
        Memory.conversations(user, since, count)
    }

    fn read_positions(&self, user: &UserName, rooms: &[RoomName]) -> Result<Vec<Option<ReadPosition>>, StoreFailed> {
        Memory.read_positions(user, rooms)
    }

    fn rooms(&self, count: usize) -> Result<Vec<RoomName>, StoreFailed> {
        Memory.rooms(count)
    }

    fn is_writable(&self) -> bool {
        !self.has_failed()
    }

    fn close(&self) {
        Memory.close();
    }
}

struct FailingLedger {
    inner: Box<dyn RoomLog>,
    calls: Arc<Calls>,
}

impl RoomLog for FailingLedger {
    fn append(&mut self, drafts: &[Draft]) -> Result<Appended, StoreFailed> {
        self.calls.next()?;
        self.inner.append(drafts)
    }

    fn catch_up(&mut self) -> Result<RemotePart, StoreFailed> {
        self.calls.next()?;
        self.inner.catch_up()
    }

    fn pruned(&self) -> u64 {
        self.inner.pruned()
    }

    fn mark(&mut self, marks: &[ReceiptMark]) {
        self.inner.mark(marks);
    }

    fn moved(&mut self, movement: Movement) {
        self.inner.moved(movement);
    }
}
