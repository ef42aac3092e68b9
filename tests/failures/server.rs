//! A server without sockets: an engine, a store that records what it stored, and threads that may fail.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use roomd::auth::Auth;
use roomd::chat::listed_room::ReadPosition;
use roomd::chat::policy::{AuditEntry, Policy};
use roomd::chat::webhook::Movement;
use roomd::chat::{
    Appended, Body, Draft, Limits, Message, Operation, Outcome, ReceiptMark, RoomName, SearchPosition, StoreFailed,
    Time, UserName,
};
use roomd::engine::Engine;
use roomd::engine::base::clock::Clock;
use roomd::engine::base::threads::{Threads, start};
use roomd::engine::rooms::broker;
use roomd::store::{ChangesQuery, Found, FoundInRooms, Memory, OpenedRoom, Page, PageQuery, RoomLog, Store};
use roomd::sync::ArcCell;

use crate::client::Client;
use crate::fault::Fault;
use crate::wire::Wire;

/// How long anything that must happen may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// What fails, and when.
#[derive(Clone)]
pub struct Faults {
    /// The opening of a history.
    pub open: Arc<Fault>,
    /// The storing of drafts.
    pub append: Arc<Fault>,
    /// The starting of a thread.
    pub thread: Arc<Fault>,
}

impl Faults {
    /// Nothing fails.
    pub fn none() -> Self {
        Self { open: Fault::never(), append: Fault::never(), thread: Fault::never() }
    }

    /// From now on nothing fails.
    pub fn end(&self) {
        [&self.open, &self.append, &self.thread].into_iter().for_each(|fault| fault.end());
    }
}

/// See the module.
pub struct TestServer {
    pub engine: Arc<Engine>,
    /// The stored messages, in the order of each room: room, number, text.
    stored: Log,
    /// The number up to which retention has removed every room's history.
    pub pruned: Arc<AtomicU64>,
}

type Log = Arc<Mutex<Vec<(RoomName, u64, String)>>>;

impl TestServer {
    /// A server that has these faults.
    pub fn new(faults: &Faults) -> Self {
        let threads = threads(&faults.thread);
        let limits = Limits { linger: Duration::ZERO, rate_per_s: 0, ..Limits::default() };
        let limits = Arc::new(ArcCell::new(limits));
        let clock = Clock::start();
        let stored = Log::default();
        let pruned = Arc::<AtomicU64>::default();
        let store = FaultyStore { faults: faults.clone(), stored: Arc::clone(&stored), pruned: Arc::clone(&pruned) };
        let store = Arc::new(store);
        let (of_rooms, stored_in) = (Arc::clone(&limits), Arc::clone(&store) as _);
        let opener = broker::thread_per_room(Arc::clone(&threads), clock, of_rooms, stored_in);
        let engine = Engine::new(limits, threads, clock, store, Auth::guests_only(), Arc::default(), opener);
        Self { engine, stored, pruned }
    }

    /// A client; if there is no thread for it, it connects once more.
    pub fn enter(&self, name: &'static str, wire: Arc<Wire>) -> Client {
        let again = Arc::clone(&wire);
        Client::enter(&self.engine, name, wire).or_else(|_| Client::enter(&self.engine, name, again)).unwrap()
    }

    /// The stored messages of a room, by number.
    pub fn stored(&self, room: &str) -> Vec<(u64, String)> {
        let stored = self.stored.lock();
        let ours = stored.iter().filter(|(other, ..)| other.as_str() == room);
        ours.map(|(_, seq, text)| (*seq, text.clone())).collect()
    }

    /// Stops the server, whose clients have left, and checks that nothing is left of it.
    pub fn close(self, users: &[&str]) {
        self.engine.close();
        nothing_is_left(&self.engine.threads);
        assert!(self.engine.hub.is_empty(), "rooms are left");
        for user in users {
            assert!(self.engine.directory.connections(&UserName::parse(user).unwrap()).is_empty(), "{user} is left");
        }
        let deliveries = self.engine.deliveries();
        assert!(deliveries.balance() && deliveries.pending == 0, "counts do not balance: {deliveries}");
    }
}

/// Waits for a state that no event reports.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !happened() {
        assert!(Instant::now() < deadline, "not within the deadline: {what}");
        std::thread::yield_now();
    }
}

/// No thread runs, and none has panicked.
pub fn nothing_is_left(threads: &Arc<Threads>) {
    assert_eq!(threads.join_all(Instant::now() + DEADLINE), [""; 0], "threads are left");
    assert_eq!((threads.live(), threads.panics()), (0, 0));
}

/// Threads of which one fails to start.
pub fn threads(fault: &Arc<Fault>) -> Arc<Threads> {
    let fault = Arc::clone(fault);
    Threads::started_by(Box::new(move |name, body| {
        if fault.strikes() { Err(io::ErrorKind::WouldBlock.into()) } else { start(name, body) }
    }))
}

/// The store in memory, with faults and a record.
struct FaultyStore {
    faults: Faults,
    stored: Log,
    pruned: Arc<AtomicU64>,
}

impl Store for FaultyStore {
    fn open(&self, room: &RoomName, recent_max: usize) -> Result<OpenedRoom, StoreFailed> {
        if self.faults.open.strikes() {
            return Err(StoreFailed);
        }
        let opened = Memory.open(room, recent_max)?;
        let (fault, stored) = (Arc::clone(&self.faults.append), Arc::clone(&self.stored));
        let pruned = Arc::clone(&self.pruned);
        let log = FaultyLog { room: room.clone(), inner: opened.room_log, fault, stored, pruned };
        Ok(OpenedRoom { room_log: Box::new(log), ..opened })
    }

    fn page(&self, room: &RoomName, query: PageQuery) -> Result<Option<Page>, StoreFailed> {
        Memory.page(room, query)
    }

    fn changes(&self, room: &RoomName, after: u64, query: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        Memory.changes(room, after, query)
    }

    fn search(&self, room: &RoomName, text: &str, before: u64, count: usize) -> Result<Found, StoreFailed> {
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
        Memory.receipts(room, seq)
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

/// The log of one room.
struct FaultyLog {
    room: RoomName,
    inner: Box<dyn RoomLog>,
    fault: Arc<Fault>,
    stored: Log,
    pruned: Arc<AtomicU64>,
}

impl RoomLog for FaultyLog {
    fn append(&mut self, drafts: &[Draft]) -> Result<Appended, StoreFailed> {
        if self.fault.strikes() {
            return Err(StoreFailed);
        }
        let appended = self.inner.append(drafts)?;
        for (draft, outcome) in drafts.iter().zip(&appended.outcomes) {
            if let (Operation::Publish { publication, .. }, Outcome::Stored { seq }) = (&draft.operation, outcome)
                && let Body::Text(text) = &publication.body
            {
                self.stored.lock().push((self.room.clone(), *seq, text.to_string()));
            }
        }
        Ok(appended)
    }

    fn pruned(&self) -> u64 {
        self.pruned.load(Ordering::Relaxed)
    }

    fn mark(&mut self, marks: &[ReceiptMark]) {
        self.inner.mark(marks);
    }

    fn moved(&mut self, movement: Movement) {
        self.inner.moved(movement);
    }
}
