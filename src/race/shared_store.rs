//! A history that several servers have: a store with a log for each, which loses answers.
//!
//! Used by scenarios with two servers, on one thread. It is what a database would be to them: it numbers, it remembers
//! which policy a draft was decided by, and it tells each log what the others did. Where the answer to an append is lost,
//! the drafts may be stored all the same, at once or later. With a mistake built in, the scenarios must find it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chat::listed_room::ReadPosition;
use crate::chat::policy::{AuditEntry, Policy};
use crate::chat::room::Snapshot;
use crate::chat::webhook::Movement;
use crate::chat::{
    Appended, Attendance, Attending, Draft, Message, Operation, Outcome, ReceiptMark, RemoteAttendance, RemoteEvent,
    RoomName, SearchPosition, ServerId, StoreFailed, Time, UserName,
};
use crate::engine::base::sync::Mutex;
use crate::store::{
    ChangesQuery, Found, FoundInRooms, HeardElsewhere, Memory, OpenedRoom, Page, PageQuery, RemotePart, RoomLog, Store,
};

/// What may become of an append whose answer is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// It is stored.
    Stored,
    /// It is stored later, unless its server has appended again.
    Late,
}

/// A mistake of a store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StoreMistake {
    /// An answer comes without what others did before.
    Unfilled,
    /// Nobody looks whether the policy has changed.
    NeverStale,
    /// What a log has appended itself is told as what others did.
    TellsOwn,
    /// Nobody looks at the condition of a message.
    Unconditional,
}

/// See the module.
#[derive(Clone)]
pub struct SharedStore {
    history: Arc<Mutex<History>>,
    mistake: Option<StoreMistake>,
}

#[derive(Default)]
struct History {
    events: Vec<RemoteEvent>,
    newest: u64,
    policy: Option<Policy>,
    /// What becomes of the next append.
    loses: Option<Loss>,
    /// Drafts that were sent and are not stored yet: by which log, as which of its appends, and the events that it knew.
    late: Vec<(usize, u64, usize, Vec<Draft>)>,
    /// The appends of each log.
    appends: Vec<u64>,
    /// Who came into the room and left it, through which log.
    attendance: Vec<RemoteAttendance>,
}

impl SharedStore {
    /// A history of which nothing was said yet.
    pub fn new(mistake: Option<StoreMistake>) -> Self {
        Self { history: Arc::default(), mistake }
    }

    /// The next append gets no answer.
    pub fn lose(&self, loss: Loss) {
        self.history.lock().loses = Some(loss);
    }

    /// Stores what is late.
    pub fn store_late(&self) {
        let mut history = self.history.lock();
        for (log, append, known, drafts) in std::mem::take(&mut history.late) {
            if history.appends[log] == append {
                history.store(&drafts, known, self.mistake);
            }
        }
    }

    /// The users who are in the room, through whatever log.
    pub fn users(&self) -> BTreeSet<UserName> {
        self.history.lock().here(|_| true).into_iter().map(|(_, user, _)| user).collect()
    }

    /// All of it, as [`what_happened`] writes it.
    pub fn events(&self) -> Vec<String> {
        self.history.lock().events.iter().map(what_happened).collect()
    }
}

/// A message by its author and number, a ban as `x`.
fn what_happened(event: &RemoteEvent) -> String {
    match event {
        RemoteEvent::Message(message) => format!("{}{}", message.user, message.seq),
        _ => "x".to_owned(),
    }
}

impl History {
    /// Who is in the room now, through such logs.
    fn here(&self, through: impl Fn(ServerId) -> bool) -> Vec<(ServerId, UserName, Attending)> {
        let mut here = BTreeMap::new();
        for RemoteAttendance { server, user, attendance } in self.attendance.iter().filter(|one| through(one.server)) {
            match attendance {
                Attendance::Here(attending) => _ = here.insert((*server, user.clone()), attending.clone()),
                Attendance::Gone(..) => _ = here.remove(&(*server, user.clone())),
            }
        }
        here.into_iter().map(|((server, user), attending)| (server, user, attending)).collect()
    }

    /// Stores drafts that were decided when this many events were known.
    fn store(&mut self, drafts: &[Draft], known: usize, mistake: Option<StoreMistake>) -> Vec<Outcome> {
        let moderated = |event: &RemoteEvent| matches!(event, RemoteEvent::Moderated { .. });
        if self.events[known..].iter().any(moderated) && mistake != Some(StoreMistake::NeverStale) {
            return vec![Outcome::Stale; drafts.len()];
        }
        drafts.iter().map(|draft| self.apply(draft, mistake)).collect()
    }

    fn apply(&mut self, draft: &Draft, mistake: Option<StoreMistake>) -> Outcome {
        let (by, at) = (draft.speaker.user.clone(), draft.at);
        match &draft.operation {
            Operation::Publish { publication, .. }
                if publication.if_seq.is_some_and(|seq| seq != self.newest)
                    && mistake != Some(StoreMistake::Unconditional) =>
            {
                Outcome::Conflict { newest: self.newest }
            }
            Operation::Publish { publication, .. } => {
                self.newest += 1;
                let message =
                    Message::new(super::stepped_client::room_name(), by, publication.body.clone(), self.newest, at);
                self.events.push(RemoteEvent::Message(message));
                Outcome::Stored { seq: self.newest }
            }
            Operation::Moderate(action) => {
                self.policy.get_or_insert_default().apply(&action.change, &by, at);
                self.events.push(RemoteEvent::Moderated { by, action: action.clone(), at });
                Outcome::Changed
            }
            Operation::Edit { .. } => unreachable!("nobody edits in a schedule"),
        }
    }
}

impl Store for SharedStore {
    fn open(&self, _: &RoomName, _: usize) -> Result<OpenedRoom, StoreFailed> {
        let mut history = self.history.lock();
        let recent = history.events.iter().filter_map(|event| match event {
            RemoteEvent::Message(message) => Some(message.clone()),
            _ => None,
        });
        let past = Snapshot { epoch: "e1".into(), seq: history.newest, recent: recent.collect(), kept: true };
        let number = history.appends.len();
        history.appends.push(0);
        let (known, heard) = (history.events.len(), history.attendance.len());
        let here = history.here(|_| true).into_iter();
        let elsewhere = here.map(|(server, user, attending)| RemoteAttendance {
            server,
            user,
            attendance: Attendance::Here(attending),
        });
        let (elsewhere, policy) = (elsewhere.collect(), history.policy.clone());
        let room_log = Box::new(SharedLog { store: self.clone(), number, known, heard, read_ahead: known });
        Ok(OpenedRoom { past, marks: Vec::new(), policy, elsewhere, room_log })
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

    fn close(&self) {}
}

/// One server's log of the room.
struct SharedLog {
    store: SharedStore,
    number: usize,
    /// How many events the room was told, or has brought about.
    known: usize,
    /// How much the room was told of who is in it through other servers.
    heard: usize,
    /// How many events were left to the log without a look at the history.
    read_ahead: usize,
}

impl Drop for SharedLog {
    /// Nobody is in the room through this log any more.
    fn drop(&mut self) {
        let mut history = self.store.history.lock();
        let here = history.here(|server| server.0 == self.number as u64);
        let gone =
            here.into_iter().map(|(server, user, _)| RemoteAttendance { server, user, attendance: Attendance::LOST });
        history.attendance.extend(gone);
    }
}

impl RoomLog for SharedLog {
    fn append(&mut self, drafts: &[Draft]) -> Result<Appended, StoreFailed> {
        let SharedStore { history, mistake } = &self.store;
        let mut history = history.lock();
        history.appends[self.number] += 1;
        match history.loses.take() {
            Some(Loss::Late) => {
                let append = history.appends[self.number];
                history.late.push((self.number, append, self.known, drafts.to_vec()));
                return Err(StoreFailed);
            }
            Some(Loss::Stored) => {
                history.store(drafts, self.known, *mistake);
                return Err(StoreFailed);
            }
            None => {}
        }
        let own = history.events.len();
        let outcomes = history.store(drafts, self.known, *mistake);
        let before = history.events[self.known..own].to_vec();
        self.known = if *mistake == Some(StoreMistake::TellsOwn) { own } else { history.events.len() };
        let before = if *mistake == Some(StoreMistake::Unfilled) { Vec::new() } else { before };
        Ok(Appended { before, outcomes })
    }

    fn catch_up(&mut self) -> Result<RemotePart, StoreFailed> {
        let history = self.store.history.lock();
        let events = history.events[self.known..].to_vec();
        self.known = history.events.len();
        Ok(RemotePart { events, is_last: true })
    }

    fn pruned(&self) -> u64 {
        0
    }

    fn mark(&mut self, _: &[ReceiptMark]) {}

    fn moved(&mut self, _: Movement) {}

    fn attend(&mut self, changes: Vec<(UserName, Attendance)>) {
        let mut history = self.store.history.lock();
        let server = ServerId(self.number as u64);
        for (user, attendance) in changes {
            history.attendance.push(RemoteAttendance { server, user, attendance });
        }
    }

    fn heard(&mut self) -> HeardElsewhere {
        let history = self.store.history.lock();
        let heard = history.attendance[self.heard..].iter().filter(|one| one.server.0 != self.number as u64);
        let attendance = heard.cloned().collect();
        self.heard = history.attendance.len();
        // Read before the newest event was stored, and left once.
        let until = history.events.len().saturating_sub(1);
        let events = history.events.get(self.known..until).unwrap_or_default();
        let is_left = self.read_ahead < until && events.iter().all(|event| matches!(event, RemoteEvent::Message(_)));
        let messages = is_left.then(|| RemotePart { events: events.to_vec(), is_last: true });
        self.read_ahead = until;
        if is_left {
            self.known = self.known.max(until);
        }
        HeardElsewhere { attendance, messages, ..HeardElsewhere::default() }
    }
}
