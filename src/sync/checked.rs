//! The primitives under `--cfg shuttle`: the same names and shapes over shuttle's.
//!
//! The channel is made of the mutex and the condition here, since crossbeam's cannot run under
//! shuttle. A deadline never passes.

use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, TryLockError};

use shuttle::sync;
pub use shuttle::sync::atomic;
pub use shuttle::thread;

#[path = "checked_channel.rs"]
pub mod channel;

/// parking_lot's shape (no poison) over shuttle's mutex.
#[derive(Debug, Default)]
pub struct Mutex<T>(sync::Mutex<T>);

/// Holds a [`Mutex`]; empty only while a [`Condvar`] waits with it.
pub struct MutexGuard<'a, T>(Option<sync::MutexGuard<'a, T>>);

/// parking_lot's shape over shuttle's condition.
#[derive(Debug, Default)]
pub struct Condvar(sync::Condvar);

/// Whether a wait was given up: never, here.
pub struct WaitTimeoutResult;

impl<T> Mutex<T> {
    /// As parking_lot's.
    pub fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    /// As parking_lot's. A failing schedule unwinds through locks, and its own panic is reported: poison is ignored.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// As parking_lot's.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(MutexGuard(Some(guard))),
            Err(TryLockError::Poisoned(poisoned)) => Some(MutexGuard(Some(poisoned.into_inner()))),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("a guard is empty only inside a wait")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("a guard is empty only inside a wait")
    }
}

impl WaitTimeoutResult {
    /// As parking_lot's.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    /// As parking_lot's.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As parking_lot's.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take().expect("a guard is empty only inside a wait");
        guard.0 = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// As parking_lot's, but the deadline never passes.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: std::time::Instant) -> WaitTimeoutResult {
        self.wait(guard);
        WaitTimeoutResult
    }

    /// As parking_lot's.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// As parking_lot's.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
