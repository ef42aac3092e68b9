//! Two servers with one history: two users who write to each other through different ones, while a device connects.
//!
//! The store is what a database would be to them; each server has a thread that looks what was said through the other, as the
//! change feed does. What a device is given is checked when all is quiet.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use roomd::auth::Auth;
use roomd::chat::listed_room::ReadPosition;
use roomd::chat::policy::{AuditEntry, Policy};
use roomd::chat::room::Snapshot;
use roomd::chat::webhook::Movement;
use roomd::chat::{
    Appended, Authors, CallSignal, Draft, Event, FoldedName, Identity, Message, Operation, Outcome, ReceiptMark,
    RemoteEvent, RoomName, RoomRequest, SearchPosition, StoreFailed, Time, UserName, Visibility,
};
use roomd::engine::Engine;
use roomd::engine::base::clock::Clock;
use roomd::engine::base::sync::channel::{Receiver, bounded};
use roomd::engine::base::sync::{Mutex, thread};
use roomd::engine::base::threads::Threads;
use roomd::engine::clients::recipient::{ChannelRecipient, Form};
use roomd::engine::rooms::broker;
use roomd::engine::rooms::inbox::RoomHandle;
use roomd::engine::users::directory::DirectoryEntry;
use roomd::engine::users::endpoint::Endpoint;
use roomd::engine::users::user_connection::{ConnectionOrigin, UserConnection};
use roomd::store::{
    ChangesQuery, Found, FoundInRooms, Memory, OpenedRoom, Page, PageQuery, RemotePart, RoomLog, SharedConnection,
    SharedUsers, Store,
};

use crate::{check, limits_in_force, publish, user};

/// Messages that are said.
const SAID: usize = 2;

/// What was said in the conversation, through which server.
#[derive(Default)]
struct History {
    said: Vec<(usize, Message)>,
    /// How much of it each server has read, to tell its users.
    read: [usize; 2],
    /// The first and the newest message that each server has read and not dispatched.
    waiting: [Option<(u64, u64)>; 2],
}

impl History {
    /// The first and the newest message of the other server that this one has not read.
    fn unread(&self, server: usize) -> Option<(u64, u64)> {
        let unread = self.said[self.read[server]..].iter().filter(|(through, _)| *through != server);
        let seqs: Vec<_> = unread.map(|(_, message)| message.seq).collect();
        Some((*seqs.first()?, *seqs.last()?))
    }
}

/// One server's view of it.
#[derive(Clone)]
struct OneOfTwo {
    server: usize,
    history: Arc<Mutex<History>>,
    /// Whether a conversation is told what was not dispatched: otherwise the schedules must find what is lost.
    tells_undispatched: bool,
}

impl OneOfTwo {
    /// Reads what was said through the other server; whether there was anything.
    fn look(&self) -> bool {
        let mut history = self.history.lock();
        let unread = history.unread(self.server);
        history.read[self.server] = history.said.len();
        if let Some((first, newest)) = unread {
            let waiting = history.waiting[self.server].get_or_insert((first, newest));
            *waiting = (waiting.0.min(first), newest);
        }
        unread.is_some()
    }

    fn has_read_all(&self) -> bool {
        self.history.lock().read[self.server] == SAID
    }
}

impl SharedUsers for OneOfTwo {
    fn came(&self, _: &UserName, _: SharedConnection) {}

    fn went(&self, _: &UserName, _: SharedConnection) {}

    fn is_reachable_elsewhere(&self, _: &UserName) -> bool {
        true
    }

    fn alike_elsewhere(&self, _: &FoldedName) -> Vec<(UserName, bool)> {
        Vec::new()
    }

    fn signal(&self, _: &CallSignal) -> Result<(), StoreFailed> {
        Err(StoreFailed)
    }

    fn undispatched(&self, _: &RoomName) -> Option<u64> {
        self.history.lock().waiting[self.server].map(|(_, newest)| newest)
    }

    fn dispatched(&self, _: &RoomName, newest: u64) {
        let waiting = &mut self.history.lock().waiting[self.server];
        *waiting = waiting.filter(|(_, waiting)| *waiting > newest);
    }
}

struct Log {
    room: RoomName,
    store: OneOfTwo,
    /// How much of what was said the room knows.
    known: usize,
}

impl RoomLog for Log {
    fn append(&mut self, drafts: &[Draft]) -> Result<Appended, StoreFailed> {
        let before = self.catch_up()?.events;
        let mut history = self.store.history.lock();
        // Between the two others may have said more.
        let more = history.said[self.known..].iter().map(|(_, message)| RemoteEvent::Message(message.clone()));
        let before = before.into_iter().chain(more).collect();
        let mut outcomes = Vec::new();
        for draft in drafts {
            let Operation::Publish { to, publication } = &draft.operation else { unreachable!("nobody edits") };
            let seq = history.said.len() as u64 + 1;
            let (author, body) = (draft.speaker.user.clone(), publication.body.clone());
            let message = Message::new(self.room.clone(), author, body, seq, draft.at);
            history.said.push((self.store.server, Message { to: to.clone(), ..message }));
            outcomes.push(Outcome::Stored { seq });
        }
        self.known = history.said.len();
        Ok(Appended { before, outcomes })
    }

    fn catch_up(&mut self) -> Result<RemotePart, StoreFailed> {
        let history = self.store.history.lock();
        let events = history.said[self.known..].iter().map(|(_, message)| RemoteEvent::Message(message.clone()));
        let events = events.collect();
        self.known = history.said.len();
        Ok(RemotePart { events, is_last: true })
    }

    fn pruned(&self) -> u64 {
        0
    }

    fn mark(&mut self, _: &[ReceiptMark]) {}

    fn moved(&mut self, _: Movement) {}

    fn undispatched_from(&mut self) -> Result<Option<u64>, StoreFailed> {
        let history = self.store.history.lock();
        let (waiting, unread) = (history.waiting[self.store.server], history.unread(self.store.server));
        let first = waiting.into_iter().chain(unread).map(|(first, _)| first).min();
        Ok(first.filter(|_| self.store.tells_undispatched))
    }
}

impl Store for OneOfTwo {
    fn open(&self, room: &RoomName, _: usize) -> Result<OpenedRoom, StoreFailed> {
        let history = self.history.lock();
        let recent: Vec<_> = history.said.iter().map(|(_, message)| message.clone()).collect();
        let known = recent.len();
        let past = Snapshot { epoch: "e1".into(), seq: known as u64, recent, kept: true };
        let room_log = Box::new(Log { room: room.clone(), store: self.clone(), known });
        Ok(OpenedRoom { past, marks: Vec::new(), policy: None, elsewhere: Vec::new(), room_log })
    }

    fn page(&self, _: &RoomName, _: PageQuery) -> Result<Option<Page>, StoreFailed> {
        Err(StoreFailed)
    }

    fn changes(&self, _: &RoomName, _: u64, _: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        Err(StoreFailed)
    }

    fn search(&self, _: &RoomName, _: &str, _: u64, _: usize) -> Result<Found, StoreFailed> {
        Err(StoreFailed)
    }

    fn search_rooms(
        &self,
        _: &str,
        _: Option<SearchPosition>,
        _: usize,
        _: &dyn Fn(&RoomName) -> Option<Time>,
    ) -> Result<FoundInRooms, StoreFailed> {
        Err(StoreFailed)
    }

    fn receipts(&self, _: &RoomName, _: u64) -> Result<Option<Vec<ReceiptMark>>, StoreFailed> {
        Err(StoreFailed)
    }

    fn policies(&self) -> Result<Vec<(RoomName, Policy)>, StoreFailed> {
        Err(StoreFailed)
    }

    fn audit(&self, _: &RoomName, _: u64, _: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed> {
        Err(StoreFailed)
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
        true
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn shared_users(&self) -> Option<Arc<dyn SharedUsers>> {
        Some(Arc::new(self.clone()))
    }

    fn close(&self) {}
}

fn engine(store: &OneOfTwo) -> Arc<Engine> {
    let (threads, clock) = (Threads::new(), Clock::start());
    let limits = limits_in_force();
    let opener = broker::thread_per_room(Arc::clone(&threads), clock, Arc::clone(&limits), Arc::new(store.clone()));
    Engine::new(limits, threads, clock, Arc::new(store.clone()), Auth::guests_only(), Arc::default(), opener)
}

/// A device of a user, and what it is given.
fn device(engine: &Arc<Engine>, name: &str, number: u64) -> (DirectoryEntry, Receiver<Arc<Event>>) {
    let (events, inbox) = bounded(64);
    let recipient = Arc::new(ChannelRecipient::new(events));
    let endpoint = Endpoint { recipient, form: Form::Events, authors: Authors::default() };
    let origin = ConnectionOrigin::in_process(Time(0));
    let peer = UserConnection::new(user(name).into(), number, origin, true, Visibility::Announced, endpoint);
    (engine.directory.register(peer), inbox)
}

fn seqs(inbox: &Receiver<Arc<Event>>) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Ok(event) = inbox.try_recv() {
        if let Event::Message(message) = &*event {
            seqs.push(message.seq);
        }
    }
    seqs
}

/// A on the first server and B on the second write to each other, each once, while B gets another device.
fn write_to_each_other(tells_undispatched: bool) {
    let history = Arc::new(Mutex::new(History::default()));
    let servers = [0, 1].map(|server| OneOfTwo { server, history: Arc::clone(&history), tells_undispatched });
    let engines = servers.each_ref().map(engine);
    let room = RoomName::private(&user("A"), &user("B"));
    let devices = [("A", 0), ("B", 1)].map(|(name, at)| device(&engines[at], name, at as u64 + 1));
    let speakers = [("B", 0), ("A", 1)].map(|(to, at)| {
        let (engine, from) = (Arc::clone(&engines[at]), Arc::clone(devices[at].0.connection()));
        thread::spawn(move || {
            let said = engine.directory.send_private(&engine.hub, &from, (&user(to), false), publish("hi"), None);
            assert_eq!(said, Ok(()));
        })
    });
    let lookers = [0, 1].map(|at| {
        let (engine, store, room) = (Arc::clone(&engines[at]), servers[at].clone(), room.clone());
        thread::spawn(move || {
            while !store.has_read_all() {
                if store.look() {
                    engine.enter_conversation(&room);
                    engine.hub.catch_up(&room);
                }
                thread::yield_now();
            }
        })
    });
    let phone = {
        let engine = Arc::clone(&engines[1]);
        thread::spawn(move || device(&engine, "B", 3))
    };
    speakers.into_iter().chain(lookers).for_each(|thread| thread.join().unwrap());
    let phone = phone.join().unwrap();
    // The rooms show what they have yet to catch up with.
    for engine in &engines {
        engine.hub.ask(&room, Identity::guest(user("C")), RoomRequest::Members).unwrap();
    }
    for (_, inbox) in &devices {
        assert_eq!(seqs(inbox), [1, 2], "each message once, in order");
    }
    let given = seqs(&phone.1);
    assert!([&[][..], &[2], &[1, 2]].contains(&&given[..]), "{given:?}: from one on, all");
    for (entry, _) in devices.iter().chain([&phone]) {
        entry.connection().retire().into_iter().for_each(RoomHandle::close);
    }
    drop((devices, phone));
    for engine in &engines {
        engine.close();
        assert_eq!(engine.threads.join_all(Instant::now()), Vec::<String>::new());
        assert_eq!((engine.threads.panics(), engine.hub.len()), (0, 0));
    }
}

#[test]
fn two_users_who_write_to_each_other_through_two_servers_are_given_both_messages_once() {
    check(|| write_to_each_other(true));
}

#[test]
fn the_schedules_find_a_conversation_that_is_not_told_what_was_said_before_somebody_entered_it() {
    let found = catch_unwind(AssertUnwindSafe(|| check(|| write_to_each_other(false))));
    assert!(found.is_err(), "a message was lost in no schedule");
}
