//! Ends connections whose time is over: a token that has expired, a stranger who never said who it is.
//!
//! One thread for all, `expiry`, which sleeps until the first of them is due; it warns the bearer of a
//! token in time, and records the end in the outbox, so that the connection's own reader ends the session
//! as ever. Tokens go by the clock on the wall, which may jump: so the thread looks at it once a minute at
//! least. The lock is a leaf: outboxes are told outside it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chat::{End, Event, Slow, Time};
use crate::engine::base::clock::Clock;
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::base::threads::Threads;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::{Care, Parcel, Piece, Recipient};
use crate::wire::{Encoder, Encoding};

/// The role of the thread.
const ROLE: &str = "expiry";
/// How long the thread sleeps, at most, while somebody is watched.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// See the module.
pub struct Expiry {
    state: Mutex<State>,
    /// Told when there is somebody new, and at the close.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    schedule: Schedule,
    closing: bool,
}

/// A connection that is watched.
#[derive(Clone)]
pub struct Watched {
    /// Where it is told.
    pub outbox: Arc<Outbox>,
    /// How.
    pub encoding: Encoding,
    /// When its time is over.
    pub until: Time,
    /// Why it ends then. One whose token expires is warned before.
    pub why: End,
}

impl Expiry {
    /// Watches nobody; the bearer of a token is warned so long before its end.
    #[must_use]
    pub fn new(warning: Duration) -> Self {
        let schedule = Schedule { warning, ..Schedule::default() };
        Self { state: Mutex::new(State { schedule, closing: false }), changed: Condvar::new() }
    }

    /// Watches a connection from now on, by its number, in place of what was watched under it.
    pub fn watch(&self, number: u64, watched: Watched) {
        self.state.lock().schedule.put(number, watched);
        self.changed.notify_all();
    }

    /// Watches it no longer.
    pub fn forget(&self, number: u64) {
        let gone = self.state.lock().schedule.take(number);
        drop(gone);
    }

    /// The body of the thread.
    pub fn run(&self, clock: Clock, threads: &Threads) {
        loop {
            let due = {
                let mut state = self.state.lock();
                loop {
                    if state.closing {
                        return;
                    }
                    let now = clock.now().at;
                    let due = state.schedule.due(now);
                    if !due.is_empty() {
                        break due;
                    }
                    match state.schedule.next() {
                        None => self.changed.wait(&mut state),
                        Some(next) => {
                            let until = Instant::now() + now.until(next).min(LOOK_AGAIN);
                            // Whether somebody is due, the loop sees for itself.
                            _ = self.changed.wait_until(&mut state, until);
                        }
                    }
                }
            };
            let now = clock.now().at;
            for (watched, notice) in due {
                // A connection that cannot be notified must not keep the others from their end.
                _ = threads.run_job(ROLE, || watched.notify(notice, now));
            }
        }
    }

    /// The thread ends.
    pub fn close(&self) {
        let gone = {
            let mut state = self.state.lock();
            state.closing = true;
            std::mem::take(&mut state.schedule)
        };
        self.changed.notify_all();
        drop(gone);
    }
}

impl Watched {
    fn notify(&self, notice: Notice, now: Time) {
        match notice {
            Notice::Over => self.outbox.end(self.why),
            Notice::Soon => {
                let event = Event::TokenExpiring { expires: self.until, left: now.until(self.until) };
                let mut buffer = Vec::new();
                if Encoder::default().encode(&event, None, self.encoding, &mut buffer) {
                    let part = 0..buffer.len();
                    let piece = Piece { part, buffer: buffer.into(), events: 1, messages: 0, reply: true };
                    // An outbox that cannot take it has ended the connection.
                    _ = self.outbox.take(Parcel::Pieces(&[piece]), Care::Policy(Slow::Disconnect));
                }
            }
        }
    }
}

/// What a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Notice {
    /// Its time is over soon.
    Soon,
    /// Its time is over.
    Over,
}

/// Who is told what, and when. A value: time is an argument.
#[derive(Default)]
struct Schedule {
    warning: Duration,
    watched: HashMap<u64, Watched>,
    order: BTreeSet<(Time, u64, Notice)>,
}

impl Schedule {
    fn put(&mut self, number: u64, watched: Watched) {
        drop(self.take(number));
        if watched.why == End::Expired {
            self.order.insert((before(watched.until, self.warning), number, Notice::Soon));
        }
        self.order.insert((watched.until, number, Notice::Over));
        self.watched.insert(number, watched);
    }

    fn take(&mut self, number: u64) -> Option<Watched> {
        let watched = self.watched.remove(&number)?;
        self.order.remove(&(watched.until, number, Notice::Over));
        self.order.remove(&(before(watched.until, self.warning), number, Notice::Soon));
        Some(watched)
    }

    fn next(&self) -> Option<Time> {
        self.order.first().map(|(at, ..)| *at)
    }

    /// Takes those out that are due, the first first.
    fn due(&mut self, now: Time) -> Vec<(Watched, Notice)> {
        let mut due = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let Some((_, number, notice)) = self.order.pop_first() else { break };
            let watched = match notice {
                Notice::Soon => self.watched.get(&number).cloned(),
                Notice::Over => self.watched.remove(&number),
            };
            due.extend(watched.map(|watched| (watched, notice)));
        }
        due
    }
}

fn before(at: Time, warning: Duration) -> Time {
    Time(at.0.saturating_sub(u64::try_from(warning.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::io;
    use std::net::Shutdown;

    use super::*;
    use crate::chat::Limits;
    use crate::engine::clients::outbox::Transport;

    /// Nobody's socket.
    struct Nowhere;

    impl Transport for Nowhere {
        fn try_write(&self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
            Ok(parts.iter().map(|part| part.len()).sum())
        }
        fn write(&self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
            self.try_write(parts)
        }
        fn shutdown(&self, _: Shutdown) {}
    }

    fn watched(until: u64, why: End) -> Watched {
        let outbox = Outbox::new(Arc::new(Nowhere), &Limits::default(), None);
        Watched { outbox, encoding: Encoding::Json, until: Time(until), why }
    }

    fn due(schedule: &mut Schedule, now: u64) -> Vec<(u64, Notice)> {
        schedule.due(Time(now)).iter().map(|(watched, notice)| (watched.until.0, *notice)).collect()
    }

    fn schedule() -> Schedule {
        Schedule { warning: Duration::from_millis(10), ..Schedule::default() }
    }

    #[test]
    fn a_bearer_is_warned_and_then_it_is_over() {
        let mut schedule = schedule();
        schedule.put(1, watched(100, End::Expired));
        schedule.put(2, watched(95, End::Unidentified));
        assert_eq!(schedule.next(), Some(Time(90)));
        assert_eq!(due(&mut schedule, 89), []);
        assert_eq!(due(&mut schedule, 90), [(100, Notice::Soon)]);
        assert_eq!(due(&mut schedule, 200), [(95, Notice::Over), (100, Notice::Over)]);
        assert_eq!((schedule.next(), schedule.watched.len()), (None, 0));
    }

    #[test]
    fn a_token_that_ends_sooner_than_the_warning_is_told_at_once() {
        let mut schedule = schedule();
        schedule.put(1, watched(5, End::Expired));
        assert_eq!(due(&mut schedule, 1), [(5, Notice::Soon)]);
    }

    #[test]
    fn a_newer_token_takes_the_place_of_the_older() {
        let mut schedule = schedule();
        schedule.put(1, watched(100, End::Expired));
        assert_eq!(due(&mut schedule, 95), [(100, Notice::Soon)]);
        schedule.put(1, watched(300, End::Expired));
        assert_eq!(due(&mut schedule, 200), []);
        assert_eq!(due(&mut schedule, 290), [(300, Notice::Soon)]);
        drop(schedule.take(1));
        assert_eq!((due(&mut schedule, 999), schedule.next()), (vec![], None));
    }
}
