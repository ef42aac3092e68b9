//! A rate limit for each of many keys: connections by address, claims by user.
//!
//! A value, like the bucket of a session, with time as an argument; its owner keeps it under a
//! lock of its own. For each key it keeps one moment: when all that the key took is earned again.
//! A key without one has its full allowance, so only keys that were used lately take memory, and of
//! these `keys_max` at most: beyond it the key that is closest to its full allowance is forgotten, and the key
//! that owes most is remembered longest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// See the module.
#[derive(Clone, Debug)]
pub struct Limiter<K> {
    /// The time in which one is earned; zero when there is no limit.
    price: Duration,
    /// The time in which as many are earned as can be taken at once.
    full: Duration,
    keys_max: usize,
    forgiven: BTreeMap<K, Duration>,
    /// The same, the first to be forgiven first.
    order: BTreeSet<(Duration, K)>,
}

impl<K: Ord + Clone> Limiter<K> {
    /// Each key may do `burst` at once, and as many again in each `period`. A burst of 0 is no limit.
    #[must_use]
    pub fn new(burst: u32, period: Duration, keys_max: usize) -> Self {
        let (price, full) = (Duration::ZERO, Duration::ZERO);
        let mut limiter = Self { price, full, keys_max, forgiven: BTreeMap::new(), order: BTreeSet::new() };
        limiter.set_rate(burst, period);
        limiter
    }

    /// Sets another rate. What the keys have used counts on; without a limit it is forgotten.
    pub fn set_rate(&mut self, burst: u32, period: Duration) {
        self.price = period.checked_div(burst).unwrap_or_default();
        self.full = self.price * burst;
        if self.price.is_zero() {
            self.forgiven.clear();
            self.order.clear();
        }
    }

    /// Takes one use at `now` (monotonic), or returns how long to wait.
    ///
    /// # Errors
    /// The time to wait. Nothing was taken: trying again and again makes it no longer.
    pub fn take(&mut self, key: &K, now: Duration) -> Result<(), Duration> {
        self.look(key, now)?;
        if self.price.is_zero() {
            return Ok(());
        }
        let before = self.forgiven.remove(key);
        if let Some(before) = before {
            self.order.remove(&(before, key.clone()));
        }
        self.make_room(now);
        let until = before.map_or(now, |before| before.max(now)) + self.price;
        self.forgiven.insert(key.clone(), until);
        self.order.insert((until, key.clone()));
        Ok(())
    }

    /// Checks a use at `now` without taking it, for uses that count only when they fail, such as logins.
    ///
    /// # Errors
    /// The time to wait.
    pub fn look(&self, key: &K, now: Duration) -> Result<(), Duration> {
        let paid = self.forgiven.get(key).map_or(now, |until| now.max(*until));
        let wait = (paid + self.price).saturating_sub(now + self.full);
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// Keys that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.forgiven.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forgiven.is_empty()
    }

    /// Forgets the keys with their full allowance, and if there are none, the key closest to it.
    fn make_room(&mut self, now: Duration) {
        while let Some((until, _)) = self.order.first()
            && (*until <= now || self.order.len() >= self.keys_max)
            && let Some((_, key)) = self.order.pop_first()
        {
            self.forgiven.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn limiter(keys_max: usize) -> Limiter<&'static str> {
        Limiter::new(3, 60 * S, keys_max)
    }

    #[test]
    fn a_burst_passes_and_each_further_one_is_earned() {
        let mut limiter = limiter(10);
        assert!((0..3).all(|_| limiter.take(&"a", S).is_ok()));
        assert_eq!(limiter.take(&"a", S), Err(20 * S));
        assert_eq!(limiter.take(&"a", 11 * S), Err(10 * S));
        assert_eq!(limiter.take(&"a", 21 * S), Ok(()));
        assert_eq!(limiter.take(&"a", 21 * S), Err(20 * S));
    }

    #[test]
    fn keys_do_not_pay_for_each_other() {
        let mut limiter = limiter(10);
        assert!((0..3).all(|_| limiter.take(&"a", S).is_ok()));
        assert_eq!(limiter.take(&"b", S), Ok(()));
    }

    #[test]
    fn looking_takes_nothing() {
        let mut limiter = limiter(10);
        assert!((0..9).all(|_| limiter.look(&"a", S).is_ok()));
        assert!((0..3).all(|_| limiter.take(&"a", S).is_ok()));
        assert_eq!(limiter.look(&"a", S), Err(20 * S));
    }

    #[test]
    fn who_is_forgiven_is_forgotten() {
        let mut limiter = limiter(10);
        assert_eq!((limiter.take(&"a", S), limiter.take(&"b", S)), (Ok(()), Ok(())));
        assert_eq!(limiter.len(), 2);
        assert_eq!(limiter.take(&"c", 60 * S), Ok(()));
        assert_eq!(limiter.len(), 1);
    }

    #[test]
    fn many_keys_take_bounded_memory_and_who_owes_most_is_remembered() {
        let mut limiter = Limiter::new(3, 60 * S, 100);
        assert!((0..3).all(|_| limiter.take(&usize::MAX, S).is_ok()));
        for key in 0..10_000 {
            assert_eq!(limiter.take(&key, S), Ok(()));
            assert!(limiter.len() <= 100);
        }
        assert_eq!(limiter.take(&usize::MAX, S), Err(20 * S));
    }

    #[test]
    fn a_burst_of_none_is_no_limit_and_no_memory() {
        let mut limiter = Limiter::new(0, 60 * S, 100);
        assert!((0..10_000).all(|key| limiter.take(&key, Duration::ZERO).is_ok()));
        assert!(limiter.is_empty());
    }

    #[test]
    fn another_rate_counts_what_was_used_and_none_forgets_it() {
        let mut limiter = limiter(10);
        assert!((0..3).all(|_| limiter.take(&"a", S).is_ok()));
        // Six a minute: three were used, which were half of it at the old rate and are all of it still.
        limiter.set_rate(6, 60 * S);
        assert_eq!(limiter.take(&"a", S), Err(10 * S));
        assert_eq!(limiter.take(&"b", S), Ok(()));
        limiter.set_rate(0, 60 * S);
        assert_eq!(limiter.take(&"a", S), Ok(()));
        limiter.set_rate(3, 60 * S);
        assert!((0..3).all(|_| limiter.take(&"a", S).is_ok()));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut limiter = limiter(10);
        assert!((0..3).all(|_| limiter.take(&"a", 50 * S).is_ok()));
        assert!(limiter.take(&"a", S).is_err());
        assert_eq!(limiter.take(&"a", 70 * S), Ok(()));
    }
}
