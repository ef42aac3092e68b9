//! Sessions that could be taken up again: those of live connections, and those that wait.
//!
//! Each session has a token. When its connection breaks, its stay is parked here for the grace
//! period; who knows the token takes it. All wait equally long, so one queue and one thread serve
//! them. A reader that wants a session whose connection still lives ends that connection and waits
//! here until it has parked. The lock is a leaf: stays are left and outboxes told outside it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chat::{Code, End, Refusal};
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::base::threads::Threads;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::Recipient;
use crate::engine::clients::session::Session;

/// The role of the thread that leaves expired sessions.
const ROLE: &str = "sessions";
/// How long a connection that is to be replaced may take to park.
const REPLACING: Duration = Duration::from_secs(10);

/// What takes a session up again: 128 random bits, in hexadecimal. Never logged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(Arc<str>);

impl Token {
    fn draw() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives randomness");
        let number = u128::from_ne_bytes(bytes);
        Self(format!("{number:032x}").into())
    }

    /// As the client is told it.
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
    /// Told when a stay is parked or taken, and at the close.
    changed: Condvar,
    grace: Duration,
    sessions_max: usize,
}

#[derive(Default)]
struct State {
    slots: HashMap<Arc<str>, Slot>,
    /// The parked stays, in the order in which their time is over. One that was taken is still here.
    queue: VecDeque<(Instant, Arc<str>)>,
    detached: usize,
    closing: bool,
}

enum Slot {
    Live(Arc<Outbox>),
    Parked { until: Instant, session: Box<Session> },
}

impl SessionTable {
    /// A place where at most `stays_max` sessions wait, each for `grace`; zero keeps none.
    #[must_use]
    pub fn new(grace: Duration, sessions_max: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), grace, sessions_max }
    }

    /// Notes a session of a live connection.
    pub fn register(&self, outbox: &Arc<Outbox>) -> Option<Token> {
        if self.grace.is_zero() {
            return None;
        }
        let token = Token::draw();
        self.state.lock().slots.insert(token.text(), Slot::Live(Arc::clone(outbox)));
        Some(token)
    }

    /// The session is over.
    pub fn forget(&self, token: &Token) {
        let gone = self.state.lock().slots.remove(&token.0);
        self.changed.notify_all();
        drop(gone);
    }

    /// Keeps a stay whose connection broke. Gives it back if it cannot be kept: the server stops.
    ///
    /// # Errors
    /// The stay, to be left.
    pub fn detach(&self, token: &Token, session: Box<Session>) -> Result<(), Box<Session>> {
        let surplus = {
            let mut state = self.state.lock();
            if state.closing {
                return Err(session);
            }
            let until = Instant::now() + self.grace;
            state.slots.insert(token.text(), Slot::Parked { until, session });
            state.queue.push_back((until, token.text()));
            state.detached += 1;
            if state.detached > self.sessions_max { state.pop_oldest(None) } else { None }
        };
        self.changed.notify_all();
        // Leaving sends: not under the lock.
        surplus.into_iter().for_each(|session| session.leave(End::Gone));
        Ok(())
    }

    /// Takes a session up, for the connection of `outbox`. If the session's own connection still
    /// lives it is ended; blocks until it has parked.
    ///
    /// # Errors
    /// There is no such session (any more), or the caller's own connection has to end.
    pub fn take(&self, token: &str, outbox: &Arc<Outbox>) -> Result<Session, Refusal> {
        let expired = || Refusal::new(Code::SessionExpired, "There is no such session any more");
        let deadline = Instant::now() + REPLACING;
        let mut replaced: Option<Arc<Outbox>> = None;
        let mut state = self.state.lock();
        loop {
            if state.closing {
                return Err(Refusal::new(Code::Draining, "The server is shutting down"));
            }
            let rival = match state.slots.get_mut(token) {
                None => return Err(expired()),
                Some(slot @ Slot::Parked { .. }) => {
                    let Slot::Parked { session, .. } = std::mem::replace(slot, Slot::Live(Arc::clone(outbox))) else {
                        unreachable!("it has just been looked at");
                    };
                    state.detached -= 1;
                    return Ok(*session);
                }
                Some(Slot::Live(rival)) => Arc::clone(rival),
            };
            if Arc::ptr_eq(&rival, outbox) {
                return Err(Refusal::new(Code::BadRequest, "This is the session's own connection"));
            }
            if outbox.ended().is_some() {
                return Err(expired());
            }
            if replaced.as_ref().is_none_or(|replaced| !Arc::ptr_eq(replaced, &rival)) {
                drop(state);
                rival.end(End::Replaced);
                // Who waits here for another session may be the one that is to end.
                self.changed.notify_all();
                replaced = Some(rival);
                state = self.state.lock();
            } else if self.changed.wait_until(&mut state, deadline).timed_out() {
                return Err(Refusal::new(Code::Unavailable, "The session's connection does not end; try again"));
            }
        }
    }

    /// The body of the grace thread: leaves the stays whose time is over.
    pub fn watch(&self, threads: &Threads) {
        loop {
            let session = {
                let mut state = self.state.lock();
                loop {
                    if state.closing {
                        return;
                    }
                    match state.queue.front() {
                        None => self.changed.wait(&mut state),
                        Some((until, _)) if *until > Instant::now() => {
                            let until = *until;
                            // Whether the time is up, the loop sees for itself.
                            _ = self.changed.wait_until(&mut state, until);
                        }
                        Some(_) => break state.pop_oldest(Some(Instant::now())),
                    }
                }
            };
            if let Some(session) = session {
                log::info!(session = session.number, user = session.state.user().as_str(); "session expired");
                // A session that cannot be left must not keep the others for ever.
                _ = threads.run_job(ROLE, || session.leave(End::Gone));
            }
        }
    }

    /// From now on nothing is kept, and what is kept is left.
    pub fn close(&self) {
        let slots = {
            let mut state = self.state.lock();
            state.closing = true;
            state.queue.clear();
            std::mem::take(&mut state.slots)
        };
        self.changed.notify_all();
        for slot in slots.into_values() {
            if let Slot::Parked { session, .. } = slot {
                session.leave(End::Gone);
            }
        }
    }

    /// Sessions that wait.
    #[must_use]
    pub fn detached(&self) -> usize {
        self.state.lock().detached
    }
}

impl State {
    /// Takes the stay out that has waited longest: only if its time is over, when `now` says.
    fn pop_oldest(&mut self, now: Option<Instant>) -> Option<Session> {
        let is_over = |until: Instant| now.is_none_or(|now| until <= now);
        while self.queue.front().is_some_and(|(until, _)| is_over(*until)) {
            let Some((until, token)) = self.queue.pop_front() else { break };
            // It may have been taken, and even parked again, since.
            let waits =
                |slot: &Slot| matches!(slot, Slot::Parked { until: room_or_current, .. } if *room_or_current == until);
            if self.slots.get(&token).is_some_and(waits)
                && let Some(Slot::Parked { session, .. }) = self.slots.remove(&token)
            {
                self.detached -= 1;
                return Some(*session);
            }
        }
        None
    }
}
