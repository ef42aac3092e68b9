//! The expiry of connections: their token expires, or they did not authenticate in time.
//!
//! One thread for all, `expiry`, sleeps until the first of them is due; it warns the client before its token expires,
//! and records the end in the outbox, so that the connection's own reader ends the connection. Tokens expire by the
//! wall clock, which may jump: so the thread reads it at least once a minute. The lock is a leaf: outboxes are written
//! to outside it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chat::{Authors, End, Event, Slow, Time};
use crate::engine::base::clock::Clock;
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::base::threads::Threads;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Segment};
use crate::wire::{Encoder, Encoding};

/// The role of the thread.
const ROLE: &str = "expiry";
/// How long the thread sleeps, at most, while a connection is watched.
const CHECK_EVERY: Duration = Duration::from_secs(60);

/// See the module.
pub struct Expiry {
    state: Mutex<State>,
    /// Notified when a connection is added, and at the close.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    schedule: Schedule,
    closing: bool,
}

/// A connection that is watched.
#[derive(Clone)]
pub struct WatchedConnection {
    /// Its outbox.
    pub outbox: Arc<Outbox>,
    /// The encoding of its events.
    pub encoding: Encoding,
    /// What that asks about the server and the authors of events.
    pub authors: Authors,
    /// When it ends.
    pub until: Time,
    /// Why it ends then. A client whose token expires is warned before.
    pub why: End,
}

impl Expiry {
    /// Watches no connection yet; clients are warned `warning` before their token expires.
    #[must_use]
    pub fn new(warning: Duration) -> Self {
        let schedule = Schedule { warning, ..Schedule::default() };
        Self { state: Mutex::new(State { schedule, closing: false }), changed: Condvar::new() }
    }

    /// Connections that are watched from now on are warned so long before their tokens expire.
    pub fn set_warning(&self, warning: Duration) {
        self.state.lock().schedule.warning = warning;
    }

    /// Watches the connection of this number, with this deadline instead of an earlier one.
    pub fn watch(&self, number: u64, watched: WatchedConnection) {
        self.state.lock().schedule.put(number, watched);
        self.changed.notify_all();
    }

    /// Stops watching a connection.
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
                            let until = Instant::now() + now.until(next).min(CHECK_EVERY);
                            // The loop checks the time itself.
                            _ = self.changed.wait_until(&mut state, until);
                        }
                    }
                }
            };
            let now = clock.now().at;
            for (watched, notice) in due {
                // A connection that cannot be notified must not keep the others alive.
                _ = threads.run_job(ROLE, || watched.notify(notice, now));
            }
        }
    }

    /// Ends the thread.
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

impl WatchedConnection {
    fn notify(&self, notice: Notice, now: Time) {
        match notice {
            Notice::End => self.outbox.end(self.why),
            Notice::Warning => {
                let event = Event::TokenExpiring { expires: self.until, left: now.until(self.until) };
                if let Some(segment) = Segment::of(&mut Encoder::new(self.authors.clone()), &event, None, self.encoding)
                {
                    // An outbox that cannot take it has ended the connection.
                    _ = self.outbox.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(Slow::Disconnect));
                }
            }
        }
    }
}

/// What is due for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Notice {
    /// The warning.
    Warning,
    /// The end.
    End,
}

/// What is due for which connection, and when. A value: time is an argument.
#[derive(Default)]
struct Schedule {
    warning: Duration,
    watched: HashMap<u64, WatchedConnection>,
    order: BTreeSet<(Time, u64, Notice)>,
}

impl Schedule {
    fn put(&mut self, number: u64, watched: WatchedConnection) {
        drop(self.take(number));
        if watched.why == End::Expired {
            self.order.insert((before(watched.until, self.warning), number, Notice::Warning));
        }
        self.order.insert((watched.until, number, Notice::End));
        self.watched.insert(number, watched);
    }

    fn take(&mut self, number: u64) -> Option<WatchedConnection> {
        let watched = self.watched.remove(&number)?;
        self.order.remove(&(watched.until, number, Notice::End));
        self.order.remove(&(before(watched.until, self.warning), number, Notice::Warning));
        Some(watched)
    }

    fn next(&self) -> Option<Time> {
        self.order.first().map(|(at, ..)| *at)
    }

    /// Removes what is due, the earliest first.
    fn due(&mut self, now: Time) -> Vec<(WatchedConnection, Notice)> {
        let mut due = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let Some((_, number, notice)) = self.order.pop_first() else { break };
            let watched = match notice {
                Notice::Warning => self.watched.get(&number).cloned(),
                Notice::End => self.watched.remove(&number),
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

    fn watched(until: u64, why: End) -> WatchedConnection {
        let outbox = Outbox::new(&Arc::default(), Arc::new(Nowhere), &Limits::default(), None);
        WatchedConnection { outbox, encoding: Encoding::Json, authors: Authors::default(), until: Time(until), why }
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
        assert_eq!(due(&mut schedule, 90), [(100, Notice::Warning)]);
        assert_eq!(due(&mut schedule, 200), [(95, Notice::End), (100, Notice::End)]);
        assert_eq!((schedule.next(), schedule.watched.len()), (None, 0));
    }

    #[test]
    fn a_token_that_ends_sooner_than_the_warning_is_told_at_once() {
        let mut schedule = schedule();
        schedule.put(1, watched(5, End::Expired));
        assert_eq!(due(&mut schedule, 1), [(5, Notice::Warning)]);
    }

    #[test]
    fn a_newer_token_takes_the_place_of_the_older() {
        let mut schedule = schedule();
        schedule.put(1, watched(100, End::Expired));
        assert_eq!(due(&mut schedule, 95), [(100, Notice::Warning)]);
        schedule.put(1, watched(300, End::Expired));
        assert_eq!(due(&mut schedule, 200), []);
        assert_eq!(due(&mut schedule, 290), [(300, Notice::Warning)]);
        drop(schedule.take(1));
        assert_eq!((due(&mut schedule, 999), schedule.next()), (vec![], None));
    }
}
