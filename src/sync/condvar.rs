//! A condition variable for processes in which ten thousand threads wait, each on its own.
//!
//! Used in place of parking_lot's, with its mutex. Since Linux 6.16 a process keeps its waiting threads in a table of
//! its own, by default one of four lists for each CPU: with two CPUs and a writer asleep for
//! each of ten thousand clients, every wake-up of any thread walked past six hundred sleepers, and
//! that was half of what a new connection cost. Here the sleepers wait in the kernel's common table
//! (`futex(2)` without `FUTEX_PRIVATE_FLAG`), which is large, and the process's own stays short.
//!
//! The argument: a waiter counts itself and reads `turn` under the mutex; whoever notifies has
//! changed what the mutex guards, so it either sees the waiter counted and moves `turn`, which the
//! kernel compares before it puts the waiter to sleep, or the waiter sees the change.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Instant;

use parking_lot::MutexGuard;
use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec};

/// See the module.
#[derive(Debug, Default)]
pub struct Condvar {
    /// Incremented by each notification.
    turn: AtomicU32,
    /// Threads that wait, or are about to wait.
    waiters: AtomicU32,
}

impl Condvar {
    /// As parking_lot's.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As parking_lot's: releases the mutex and waits for a notification; may also return without one.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.sleep(guard, None);
    }

    /// As parking_lot's: waits until a deadline, which may have passed.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) -> Waited {
        let left = deadline.saturating_duration_since(Instant::now());
        // A duration that the kernel cannot represent is no bound.
        let over = !left.is_zero() && self.sleep(guard, Timespec::try_from(left).ok().as_ref());
        Waited { timed_out: over || left.is_zero() }
    }

    /// Wakes all waiting threads. A system call only when there are any.
    pub fn notify_all(&self) {
        if self.waiters.load(SeqCst) > 0 {
            self.turn.fetch_add(1, SeqCst);
            // It fails for no address that is mapped.
            _ = futex::wake(&self.turn, Flags::empty(), i32::MAX.cast_unsigned());
        }
    }

    /// Wakes one waiting thread. A system call only when there is any.
    pub fn notify_one(&self) {
        if self.waiters.load(SeqCst) > 0 {
            self.turn.fetch_add(1, SeqCst);
            // It fails for no address that is mapped.
            _ = futex::wake(&self.turn, Flags::empty(), 1);
        }
    }

    /// Returns whether the time ran out.
    fn sleep<T>(&self, guard: &mut MutexGuard<'_, T>, left: Option<&Timespec>) -> bool {
        self.waiters.fetch_add(1, SeqCst);
        let turn = self.turn.load(SeqCst);
        let slept = MutexGuard::unlocked(guard, || futex::wait(&self.turn, Flags::empty(), turn, left));
        self.waiters.fetch_sub(1, SeqCst);
        // Any other error means that the turn has moved, or a signal: the caller checks its condition.
        slept == Err(Errno::TIMEDOUT)
    }
}

/// The result of a wait with a deadline.
#[derive(Clone, Copy, Debug)]
pub struct Waited {
    timed_out: bool,
}

impl Waited {
    /// Whether the deadline passed.
    #[must_use]
    pub fn timed_out(self) -> bool {
        self.timed_out
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn a_notice_finds_everybody_who_has_seen_the_old_state() {
        for round in 0..200 {
            let (state, changed) = (Mutex::new(0), Condvar::new());
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let mut state = state.lock();
                        while *state < 3 {
                            changed.wait(&mut state);
                        }
                    });
                }
                for _ in 0..3 {
                    *state.lock() += 1;
                    changed.notify_all();
                }
            });
            assert_eq!(changed.waiters.load(SeqCst), 0, "round {round}");
        }
    }

    #[test]
    fn each_of_many_waiting_threads_gets_the_item_for_which_one_was_woken() {
        let (items, added) = (Mutex::new(0), Condvar::new());
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let mut items = items.lock();
                        while *items == 0 {
                            added.wait(&mut items);
                        }
                        *items -= 1;
                    }
                });
            }
            for _ in 0..8 * 500 {
                *items.lock() += 1;
                added.notify_one();
            }
        });
        assert_eq!((*items.lock(), added.waiters.load(SeqCst)), (0, 0));
    }

    #[test]
    fn a_deadline_passes_also_one_that_has_passed() {
        let (state, changed) = (Mutex::new(()), Condvar::new());
        let begin = Instant::now();
        for wait in [Duration::ZERO, Duration::from_millis(3)] {
            let mut state = state.lock();
            while !changed.wait_until(&mut state, begin + wait).timed_out() {}
            assert!(begin.elapsed() >= wait);
        }
        let far = begin + Duration::from_secs(1 << 40);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| changed.wait_until(&mut state.lock(), far).timed_out());
            while !waiter.is_finished() {
                let _held = state.lock();
                changed.notify_all();
            }
            assert!(!waiter.join().unwrap());
        });
    }
}
