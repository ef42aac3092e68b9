//! The table of sessions that can be resumed: those of live connections, and the detached ones.
//!
//! Where several servers share a history, others know of them (`store/shared_sessions.rs`), and may take one.
//! Each session has a token. When its connection is lost, the session is detached and kept here for the grace period;
//! a connection that knows the token resumes it. The grace period is the same for all, so one queue and one thread,
//! `sessions`, serve them. A reader that resumes a session whose connection is still live ends that connection and
//! waits here until the session is detached. Under the lock nothing is called but what does not block: sessions are left and outboxes
//! ended outside it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chat::{Code, End, Limits, Refusal, StoreFailed};
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::base::threads::Threads;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::Recipient;
use crate::engine::clients::session::Session;
use crate::engine::guards::address::Address;
use crate::store::{Handover, SessionKey, SharedSession, SharedSessions, TakenSession};

/// The role of the thread that leaves expired sessions.
const ROLE: &str = "sessions";
/// How long a replaced connection may take to detach its session.
const REPLACE_TIMEOUT: Duration = Duration::from_secs(10);

/// The token that resumes a session: 128 random bits, in hexadecimal. Never logged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(Arc<str>);

impl Token {
    fn draw() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives randomness");
        let number = u128::from_ne_bytes(bytes);
        Self(format!("{number:032x}").into())
    }

    /// The token as the client gets it.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// What others know of it.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        SessionKey::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }
}

/// See the module.
pub struct SessionTable {
    state: Mutex<State>,
    /// Where other servers see them; `None`: there are none.
    shared: Option<Arc<dyn SharedSessions>>,
    /// Notified when the thread `sessions` has a first session to wait for, and at the close.
    queued: Condvar,
    /// Notified when a session is no longer that of a live connection, and at the close: for those that resume one.
    changed: Condvar,
}

struct State {
    bounds: Bounds,
    slots: HashMap<SessionKey, Slot>,
    /// The detached sessions in the order in which they expire. A resumed one stays queued.
    queue: VecDeque<(Instant, SessionKey)>,
    detached: usize,
    /// How many of them each address has; addresses without one are not in it.
    by_address: BTreeMap<Address, usize>,
    closing: bool,
}

/// What the settings say of sessions.
struct Bounds {
    grace: Duration,
    sessions_max: usize,
    address_max: usize,
}

struct Slot {
    /// How often the session had been moved from server to server when this one had it last.
    moved: u32,
    holder: Holder,
}

enum Holder {
    /// A live connection, with this outbox.
    Live(Arc<Outbox>),
    /// Nobody: its connection was lost.
    Detached { until: Instant, session: Box<Session> },
    /// Another server: the connection here is about to end.
    Taken,
}

impl SessionTable {
    /// A table of as many detached sessions as there may be connections, also of one address, each kept for the grace
    /// period; none where that is zero.
    #[must_use]
    pub fn new(limits: &Limits, shared: Option<Arc<dyn SharedSessions>>) -> Self {
        let state = State {
            bounds: Bounds::of(limits),
            slots: HashMap::new(),
            queue: VecDeque::new(),
            detached: 0,
            by_address: BTreeMap::new(),
            closing: false,
        };
        Self { state: Mutex::new(state), shared, queued: Condvar::new(), changed: Condvar::new() }
    }

    /// Sessions that are detached from now on are kept by these limits.
    pub fn set_limits(&self, limits: &Limits) {
        self.state.lock().bounds = Bounds::of(limits);
    }

    /// Adds the session of a live connection; the token that resumes it.
    pub fn register(&self, outbox: &Arc<Outbox>) -> Option<Token> {
        let token = Token::draw();
        let mut state = self.state.lock();
        if state.bounds.grace.is_zero() {
            return None;
        }
        state.slots.insert(token.key(), Slot { moved: 0, holder: Holder::Live(Arc::clone(outbox)) });
        Some(token)
    }

    /// Adds the session of this token, which another server had, for a live connection. It has been moved so often.
    #[must_use]
    pub fn adopt(&self, token: &str, moved: u32, outbox: &Arc<Outbox>) -> Token {
        let token = Token(token.into());
        let slot = Slot { moved, holder: Holder::Live(Arc::clone(outbox)) };
        self.state.lock().slots.insert(token.key(), slot);
        token
    }

    /// Removes a session that has ended.
    pub fn forget(&self, token: &Token) {
        let gone = {
            let mut state = self.state.lock();
            self.forget_shared(token.key());
            state.slots.remove(&token.key())
        };
        self.changed.notify_all();
        drop(gone);
    }

    /// Another server has taken the session, which by then had been moved so often: whoever has it here lets it go, unless it has
    /// come back since. Where it is about to come back, and nobody has it yet, it is told again. Blocks on its rooms, if it is
    /// detached.
    pub fn let_go(&self, key: SessionKey, moved: u32) {
        let (session, outbox) = {
            let mut state = self.state.lock();
            let Some(slot) = state.slots.get_mut(&key) else { return };
            if let Some(shared) = &self.shared {
                shared.let_go(key, moved);
            }
            if slot.moved >= moved {
                return;
            }
            match std::mem::replace(&mut slot.holder, Holder::Taken) {
                Holder::Detached { session, .. } => {
                    self.forget_shared(key);
                    state.slots.remove(&key);
                    state.uncount(session.address);
                    (Some(session), None)
                }
                Holder::Live(outbox) => (None, Some(outbox)),
                Holder::Taken => (None, None),
            }
        };
        self.changed.notify_all();
        // Not under the lock: leaving may block.
        outbox.into_iter().for_each(|outbox| outbox.end(End::Replaced));
        session.into_iter().for_each(|session| session.leave(End::Replaced));
    }

    /// Whether other servers can take sessions of this one.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Has other servers see what the session is now, unless there is nothing to go on with. Does not block.
    pub fn keep_shared(&self, session: &Session) {
        if let (Some(shared), Some(token)) = (&self.shared, &session.token)
            && !session.state.is_unheard()
        {
            shared.keep(token.key(), &session.shared());
        }
    }

    /// Takes a session from the server that has it; without others it is this one's own. Blocks on the store.
    ///
    /// # Errors
    /// Who has it cannot be told now.
    pub fn take_from_others(&self, token: &str) -> Result<TakenSession, StoreFailed> {
        self.shared.as_ref().map_or(Ok(TakenSession::Own), |shared| shared.take(SessionKey::of(token)))
    }

    /// The rooms of a session that was taken from another server are entered. Does not block.
    pub fn entered(&self, handover: Handover, session: &SharedSession) {
        if let Some(shared) = &self.shared {
            shared.entered(handover, session);
        }
    }

    fn forget_all_shared<'a>(&self, sessions: impl IntoIterator<Item = &'a Session>) {
        sessions
            .into_iter()
            .filter_map(|session| session.token.as_ref())
            .for_each(|token| self.forget_shared(token.key()));
    }

    /// Under the lock: whoever takes the session up next comes after it.
    fn forget_shared(&self, key: SessionKey) {
        if let Some(shared) = &self.shared {
            shared.forget(key);
        }
    }

    /// Keeps a session whose connection was lost. Beyond what the table holds the oldest one ends; beyond what one
    /// address may have, the oldest of that address.
    ///
    /// # Errors
    /// The server stops, or another has taken the session, which is to be left.
    pub fn detach(&self, token: &Token, session: Box<Session>) -> Result<(), Box<Session>> {
        let (is_first, surplus) = {
            let mut state = self.state.lock();
            let key = token.key();
            let slot = state.slots.get(&key);
            if state.closing || slot.is_some_and(|slot| matches!(slot.holder, Holder::Taken)) {
                return Err(session);
            }
            let moved = slot.map_or(0, |slot| slot.moved);
            let until = Instant::now() + state.bounds.grace;
            let address = session.address;
            state.count(address);
            state.slots.insert(key, Slot { moved, holder: Holder::Detached { until, session } });
            // Each waits as long as every other, unless the period was changed meanwhile; the thread sleeps until the first
            // is over.
            let place = state.queue.iter().rposition(|(other, _)| *other <= until).map_or(0, |before| before + 1);
            state.queue.insert(place, (until, key));
            let is_first = place == 0;
            let of_address = address.and_then(|address| state.by_address.get(&address));
            let surplus = if of_address.is_some_and(|count| *count > state.bounds.address_max) {
                state.pop_oldest_of(address)
            } else if state.detached > state.bounds.sessions_max {
                state.pop_oldest(None)
            } else {
                None
            };
            self.forget_all_shared(&surplus);
            (is_first, surplus)
        };
        if is_first {
            self.queued.notify_all();
        }
        self.changed.notify_all();
        // Leaving may block: not under the lock.
        surplus.into_iter().for_each(|session| session.leave(End::Gone));
        Ok(())
    }

    /// Takes a session for the connection of `outbox`, which resumes it. If the session's own connection is still
    /// live, it is ended; blocks until the session is detached.
    ///
    /// # Errors
    /// The session does not exist or has expired, or the caller's own connection has to end.
    pub fn take(&self, token: &str, outbox: &Arc<Outbox>) -> Result<Session, Refusal> {
        let expired = || Refusal::new(Code::SessionExpired, "There is no such session any more");
        let (key, deadline) = (SessionKey::of(token), Instant::now() + REPLACE_TIMEOUT);
        let mut replaced: Option<Arc<Outbox>> = None;
        let mut state = self.state.lock();
        loop {
            if state.closing {
                return Err(Refusal::new(Code::Draining, "The server is shutting down"));
            }
            let holder = state.slots.get_mut(&key).map(|slot| &mut slot.holder);
            let current = match holder {
                None => return Err(expired()),
                Some(holder @ Holder::Detached { .. }) => {
                    let live = Holder::Live(Arc::clone(outbox));
                    let Holder::Detached { session, .. } = std::mem::replace(holder, live) else {
                        unreachable!("it has just been looked at");
                    };
                    state.uncount(session.address);
                    return Ok(*session);
                }
                Some(Holder::Live(current)) => Some(Arc::clone(current)),
                // The connection that had it is about to end.
                Some(Holder::Taken) => None,
            };
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, outbox)) {
                return Err(Refusal::new(Code::BadRequest, "This is the session's own connection"));
            }
            if outbox.ended().is_some() {
                return Err(expired());
            }
            let is_told = |current: &Arc<Outbox>| replaced.as_ref().is_some_and(|told| Arc::ptr_eq(told, current));
            if let Some(current) = current.filter(|current| !is_told(current)) {
                drop(state);
                current.end(End::Replaced);
                // The ended connection may itself be waiting here for another session.
                self.changed.notify_all();
                replaced = Some(current);
                state = self.state.lock();
            } else if self.changed.wait_until(&mut state, deadline).timed_out() {
                return Err(Refusal::new(Code::Unavailable, "The session's connection does not end; try again"));
            }
        }
    }

    /// Takes what is left here of a session that another server had since, as [`SessionTable::take`] does; `None`: nothing.
    /// It has been moved so often now: who took it before is late.
    ///
    /// # Errors
    /// As those of it.
    pub fn take_left_over(&self, token: &str, moved: u32, outbox: &Arc<Outbox>) -> Result<Option<Session>, Refusal> {
        if let Some(slot) = self.state.lock().slots.get_mut(&SessionKey::of(token)) {
            slot.moved = moved;
        }
        match self.take(token, outbox) {
            Err(refusal) if refusal.code == Code::SessionExpired => Ok(None),
            taken => taken.map(Some),
        }
    }

    /// Ends the sessions of these numbers that are detached. Blocks on their rooms.
    pub fn end(&self, numbers: &BTreeSet<u64>, end: End) {
        let sessions = {
            let mut state = self.state.lock();
            let sessions = state.take_numbered(numbers);
            self.forget_all_shared(&sessions);
            sessions
        };
        self.changed.notify_all();
        // Leaving may block: not under the lock.
        sessions.into_iter().for_each(|session| session.leave(end));
    }

    /// The body of the `sessions` thread: leaves the sessions that have expired.
    pub fn watch(&self, threads: &Threads) {
        loop {
            let session = {
                let mut state = self.state.lock();
                loop {
                    if state.closing {
                        return;
                    }
                    match state.queue.front() {
                        None => self.queued.wait(&mut state),
                        Some((until, _)) if *until > Instant::now() => {
                            let until = *until;
                            // The loop checks the time itself.
                            _ = self.queued.wait_until(&mut state, until);
                        }
                        Some(_) => {
                            let session = state.pop_oldest(Some(Instant::now()));
                            self.forget_all_shared(&session);
                            break session;
                        }
                    }
                }
            };
            if let Some(session) = session {
                log::info!(session = session.number, user = session.state.user().as_str(); "session expired");
                // A session that cannot be left must not keep the others forever.
                _ = threads.run_job(ROLE, || session.leave(End::Gone));
            }
        }
    }

    /// Leaves the detached sessions, and keeps no further one. Where other servers can take them, they are still in their
    /// rooms for others. Blocks for two seconds at most, and on rooms.
    pub fn close(&self) {
        let grace = self.state.lock().bounds.grace;
        if let Some(shared) = self.shared.as_ref().filter(|_| !grace.is_zero()) {
            shared.park(grace);
        }
        let slots = {
            let mut state = self.state.lock();
            state.closing = true;
            state.queue.clear();
            state.by_address.clear();
            std::mem::take(&mut state.slots)
        };
        self.queued.notify_all();
        self.changed.notify_all();
        for slot in slots.into_values() {
            if let Holder::Detached { session, .. } = slot.holder {
                session.leave(End::Gone);
            }
        }
    }

    /// How many sessions are detached.
    #[must_use]
    pub fn detached(&self) -> usize {
        self.state.lock().detached
    }
}

impl Bounds {
    fn of(limits: &Limits) -> Self {
        let Limits { grace, connections_max, address_connections_max, .. } = *limits;
        Self { grace, sessions_max: connections_max, address_max: address_connections_max }
    }
}

impl State {
    // ANCHOR: pop_oldest
    /// Removes the session that expires first; with `now`, only if it has expired by then.
    fn pop_oldest(&mut self, now: Option<Instant>) -> Option<Session> {
        let is_over = |until: Instant| now.is_none_or(|now| until <= now);
        while self.queue.front().is_some_and(|(until, _)| is_over(*until)) {
            let Some((until, key)) = self.queue.pop_front() else { break };
            // It may have been resumed, and even detached again, since.
            let waits = |slot: &Slot| matches!(&slot.holder, Holder::Detached { until: other, .. } if *other == until);
            if self.slots.get(&key).is_some_and(waits) {
                return self.remove_detached(&key);
            }
        }
        None
    }
    // ANCHOR_END: pop_oldest

    /// Removes the session of this address that expires first. It stays queued.
    fn pop_oldest_of(&mut self, address: Option<Address>) -> Option<Session> {
        let is_oldest = |(queued, key): &&(Instant, SessionKey)| match self.slots.get(key).map(|slot| &slot.holder) {
            Some(Holder::Detached { until, session }) => until == queued && session.address == address,
            _ => false,
        };
        let (_, key) = *self.queue.iter().find(is_oldest)?;
        self.remove_detached(&key)
    }

    fn remove_detached(&mut self, key: &SessionKey) -> Option<Session> {
        let Holder::Detached { session, .. } = self.slots.remove(key)?.holder else { return None };
        self.uncount(session.address);
        Some(*session)
    }

    /// Removes the detached sessions of these numbers. They stay queued.
    fn take_numbered(&mut self, numbers: &BTreeSet<u64>) -> Vec<Session> {
        let is_one = |slot: &mut Slot| match &slot.holder {
            Holder::Detached { session, .. } => numbers.contains(&session.number),
            _ => false,
        };
        let mut taken = Vec::new();
        for (_, slot) in self.slots.extract_if(|_, slot| is_one(slot)) {
            if let Holder::Detached { session, .. } = slot.holder {
                taken.push(*session);
            }
        }
        taken.iter().for_each(|session| self.uncount(session.address));
        taken
    }

    fn count(&mut self, address: Option<Address>) {
        self.detached += 1;
        if let Some(address) = address {
            *self.by_address.entry(address).or_default() += 1;
        }
    }

    fn uncount(&mut self, address: Option<Address>) {
        self.detached -= 1;
        if let Some(address) = address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}
