//! The table of sessions that can be resumed: those of live connections, and the detached ones.
//!
//! Each session has a token. When its connection is lost, the session is detached and kept here for the grace period;
//! a connection that knows the token resumes it. The grace period is the same for all, so one queue and one thread,
//! `sessions`, serve them. A reader that resumes a session whose connection is still live ends that connection and
//! waits here until the session is detached. The lock is a leaf: sessions are left and outboxes ended outside it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chat::{Code, End, Limits, Refusal};
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::base::threads::Threads;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::Recipient;
use crate::engine::clients::session::Session;
use crate::engine::guards::address::Address;

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
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }
}

/// See the module.
pub struct SessionTable {
    state: Mutex<State>,
    /// Notified when the thread `sessions` has a first session to wait for, and at the close.
    queued: Condvar,
    /// Notified when a session is no longer that of a live connection, and at the close: for those that resume one.
    changed: Condvar,
}

struct State {
    bounds: Bounds,
    slots: HashMap<Arc<str>, Slot>,
    /// The detached sessions in the order in which they expire. A resumed one stays queued.
    queue: VecDeque<(Instant, Arc<str>)>,
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

enum Slot {
    Live(Arc<Outbox>),
    Detached { until: Instant, session: Box<Session> },
}

impl SessionTable {
    /// A table of as many detached sessions as there may be connections, also of one address, each kept for the grace
    /// period; none where that is zero.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let state = State {
            bounds: Bounds::of(limits),
            slots: HashMap::new(),
            queue: VecDeque::new(),
            detached: 0,
            by_address: BTreeMap::new(),
            closing: false,
        };
        Self { state: Mutex::new(state), queued: Condvar::new(), changed: Condvar::new() }
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
        state.slots.insert(token.text(), Slot::Live(Arc::clone(outbox)));
        Some(token)
    }

    /// Removes a session that has ended.
    pub fn forget(&self, token: &Token) {
        let gone = self.state.lock().slots.remove(&token.0);
        self.changed.notify_all();
        drop(gone);
    }

    /// Keeps a session whose connection was lost. Beyond what the table holds the oldest one ends; beyond what one
    /// address may have, the oldest of that address.
    ///
    /// # Errors
    /// The server stops: the session, to be left.
    pub fn detach(&self, token: &Token, session: Box<Session>) -> Result<(), Box<Session>> {
        let (is_first, surplus) = {
            let mut state = self.state.lock();
            if state.closing {
                return Err(session);
            }
            let until = Instant::now() + state.bounds.grace;
            let address = session.address;
            state.count(address);
            state.slots.insert(token.text(), Slot::Detached { until, session });
            // Each waits as long as every other, unless the period was changed meanwhile; the thread sleeps until the first
            // is over.
            let place = state.queue.iter().rposition(|(other, _)| *other <= until).map_or(0, |before| before + 1);
            state.queue.insert(place, (until, token.text()));
            let is_first = place == 0;
            let of_address = address.and_then(|address| state.by_address.get(&address));
            let surplus = if of_address.is_some_and(|count| *count > state.bounds.address_max) {
                state.pop_oldest_of(address)
            } else if state.detached > state.bounds.sessions_max {
                state.pop_oldest(None)
            } else {
                None
            };
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
        let deadline = Instant::now() + REPLACE_TIMEOUT;
        let mut replaced: Option<Arc<Outbox>> = None;
        let mut state = self.state.lock();
        loop {
            if state.closing {
                return Err(Refusal::new(Code::Draining, "The server is shutting down"));
            }
            let current = match state.slots.get_mut(token) {
                None => return Err(expired()),
                Some(slot @ Slot::Detached { .. }) => {
                    let Slot::Detached { session, .. } = std::mem::replace(slot, Slot::Live(Arc::clone(outbox))) else {
                        unreachable!("it has just been looked at");
                    };
                    state.uncount(session.address);
                    return Ok(*session);
                }
                Some(Slot::Live(current)) => Arc::clone(current),
            };
            if Arc::ptr_eq(&current, outbox) {
                return Err(Refusal::new(Code::BadRequest, "This is the session's own connection"));
            }
            if outbox.ended().is_some() {
                return Err(expired());
            }
            if replaced.as_ref().is_none_or(|replaced| !Arc::ptr_eq(replaced, &current)) {
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

    /// Ends the sessions of these numbers that are detached. Blocks on their rooms.
    pub fn end(&self, numbers: &BTreeSet<u64>, end: End) {
        let sessions = self.state.lock().take_numbered(numbers);
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
                        Some(_) => break state.pop_oldest(Some(Instant::now())),
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

    /// Leaves the detached sessions, and keeps no further one.
    pub fn close(&self) {
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
            if let Slot::Detached { session, .. } = slot {
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
    /// Removes the session that expires first; with `now`, only if it has expired by then.
    fn pop_oldest(&mut self, now: Option<Instant>) -> Option<Session> {
        let is_over = |until: Instant| now.is_none_or(|now| until <= now);
        while self.queue.front().is_some_and(|(until, _)| is_over(*until)) {
            let Some((until, token)) = self.queue.pop_front() else { break };
            // It may have been resumed, and even detached again, since.
            let waits =
                |slot: &Slot| matches!(slot, Slot::Detached { until: detached_until, .. } if *detached_until == until);
            if self.slots.get(&token).is_some_and(waits)
                && let Some(Slot::Detached { session, .. }) = self.slots.remove(&token)
            {
                self.uncount(session.address);
                return Some(*session);
            }
        }
        None
    }

    /// Removes the session of this address that expires first. It stays queued.
    fn pop_oldest_of(&mut self, address: Option<Address>) -> Option<Session> {
        let is_oldest = |(queued, token): &&(Instant, Arc<str>)| match self.slots.get(token) {
            Some(Slot::Detached { until, session }) => until == queued && session.address == address,
            _ => false,
        };
        let (_, token) = self.queue.iter().find(is_oldest)?;
        let Some(Slot::Detached { session, .. }) = self.slots.remove(&Arc::clone(token)) else { return None };
        self.uncount(address);
        Some(*session)
    }

    /// Removes the detached sessions of these numbers. They stay queued.
    fn take_numbered(&mut self, numbers: &BTreeSet<u64>) -> Vec<Session> {
        let is_one =
            |slot: &mut Slot| matches!(slot, Slot::Detached { session, .. } if numbers.contains(&session.number));
        let mut taken = Vec::new();
        for (_, slot) in self.slots.extract_if(|_, slot| is_one(slot)) {
            if let Slot::Detached { session, .. } = slot {
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
