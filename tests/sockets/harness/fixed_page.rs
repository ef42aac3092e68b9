//! A store that has kept none of what it is asked for, or cannot tell.

use roomd::chat::listed_room::ReadPosition;
use roomd::chat::policy::{AuditEntry, Policy};
use roomd::chat::room::Snapshot;
use roomd::chat::{Message, ReceiptMark, RoomName, SearchPosition, StoreFailed, Time, UserName};
use roomd::store::{ChangesQuery, Found, FoundInRooms, Memory, OpenedRoom, Page, PageQuery, Store};

/// See the module.
pub struct FixedPage {
    page: Result<Option<Page>, StoreFailed>,
    before: Box<dyn Fn() + Send + Sync>,
}

impl FixedPage {
    /// The answer to every question for a page.
    pub fn new(page: Result<Option<Page>, StoreFailed>) -> Self {
        Self { page, before: Box::new(|| ()) }
    }

    /// The same, with what happens before each answer.
    pub fn after(self, before: impl Fn() + Send + Sync + 'static) -> Self {
        Self { before: Box::new(before), ..self }
    }
}

impl Store for FixedPage {
    fn open(&self, room: &RoomName, recent_max: usize) -> Result<OpenedRoom, StoreFailed> {
        let opened = Memory.open(room, recent_max)?;
        Ok(OpenedRoom { past: Snapshot { kept: true, ..opened.past }, ..opened })
    }

    fn page(&self, _: &RoomName, _: PageQuery) -> Result<Option<Page>, StoreFailed> {
        (self.before)();
        self.page.clone()
    }

    fn changes(&self, _: &RoomName, _: u64, _: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        Ok(Vec::new())
    }

    fn search(&self, _: &RoomName, _: &str, _: u64, _: usize) -> Result<Found, StoreFailed> {
        Ok(Found::default())
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

    fn receipts(&self, _: &RoomName, _: u64) -> Result<Option<Vec<ReceiptMark>>, StoreFailed> {
        Ok(None)
    }

    fn policies(&self) -> Result<Vec<(RoomName, Policy)>, StoreFailed> {
        Memory.policies()
    }

    fn audit(&self, room: &RoomName, before: u64, count: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed> {
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
        Memory.is_writable()
    }

    fn close(&self) {
        Memory.close();
    }
}
