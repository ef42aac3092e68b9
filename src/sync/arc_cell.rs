//! A value that many threads read and that is exchanged whole, as the settings are.
//!
//! Over parking_lot's lock, under the checker too: nothing that may wait runs under it.

use std::sync::Arc;

use parking_lot::RwLock;

/// Holds a value; who has loaded it keeps it, however often it is exchanged.
///
/// A load takes a lock that readers share, for as long as a count goes up. A cell without a lock would do without, and have each
/// thread that reads enter a list that is searched from its start: with a thread for each connection, the ten-thousandth
/// client would pay for all that came before.
#[derive(Debug)]
pub struct ArcCell<T: ?Sized>(RwLock<Arc<T>>);

impl<T: ?Sized> Default for ArcCell<T>
where
    Arc<T>: Default,
{
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl<T: ?Sized> ArcCell<T> {
    /// A cell with this value.
    pub fn new(value: impl Into<Arc<T>>) -> Self {
        Self(RwLock::new(value.into()))
    }

    /// The value as it is now.
    #[must_use]
    pub fn load(&self) -> Arc<T> {
        Arc::clone(&self.0.read())
    }

    /// Puts another value in its place.
    pub fn store(&self, value: impl Into<Arc<T>>) {
        let value = value.into();
        self.update(|_| value);
    }

    /// Puts in its place what follows from it; no other change comes between.
    pub fn update<N: Into<Arc<T>>>(&self, next: impl FnOnce(&T) -> N) {
        let mut value = self.0.write();
        let next = next(&value).into();
        let before = std::mem::replace(&mut *value, next);
        drop(value);
        // Outside the lock: nobody waits while it is dropped.
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn who_has_loaded_a_value_keeps_it_when_another_takes_its_place() {
        let cell = ArcCell::new(1);
        let loaded = cell.load();
        cell.store(2);
        assert_eq!((*loaded, *cell.load()), (1, 2));
    }

    #[test]
    fn no_update_is_lost() {
        let cell = ArcCell::new(0);
        thread::scope(|scope| {
            (0..4).for_each(|_| _ = scope.spawn(|| (0..1_000).for_each(|_| cell.update(|count| count + 1))));
        });
        assert_eq!(*cell.load(), 4_000);
    }
}
