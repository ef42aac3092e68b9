//! How long to wait before the next attempt to connect.
//!
//! A value, used by the state machine. Delays double from one attempt to the next up to a bound, and each
//! is a random part between half of that and the whole, so that the clients of one server do not
//! reconnect at the same moment. The caller supplies the seed.

use std::time::Duration;

/// The delays of one client.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    /// Attempts since a connection was last steady.
    attempts: u32,
    /// The state of the random numbers.
    random: u64,
}

impl Backoff {
    /// Delays that grow from `min` to `max`; `seed` is a random number, another one for each client.
    #[must_use]
    pub fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max: max.max(min), attempts: 0, random: seed }
    }

    /// The delay before the next attempt. A delay that the server `requested` is kept whole, and a random
    /// part is added.
    pub fn next(&mut self, requested: Option<Duration>) -> Duration {
        let grown = self.min.saturating_mul(1 << self.attempts.min(20)).min(self.max);
        self.attempts += 1;
        let half = grown / 2;
        let spread = half.mul_f64(self.next_random());
        requested.unwrap_or(half).saturating_add(spread)
    }

    /// Starts again with the shortest delay, after a steady connection.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// A number from 0 to 1 (splitmix64: it only has to spread clients).
    fn next_random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The quotient of two numbers below 2^32 is exact enough to spread clients.
        f64::from((z >> 32) as u32) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn delays_grow_to_their_bound_and_are_random() {
        let mut backoff = Backoff::new(100 * MS, 1_000 * MS, 7);
        let delays: Vec<_> = (0..40).map(|_| backoff.next(None)).collect();
        for (i, whole) in [100, 200, 400, 800, 1_000, 1_000].into_iter().enumerate() {
            assert!((whole * MS / 2..=whole * MS).contains(&delays[i]), "{i}: {:?}", delays[i]);
        }
        assert!(delays[10..].windows(2).any(|pair| pair[0] != pair[1]), "they are all equal: {delays:?}");
        backoff.reset();
        assert!(backoff.next(None) <= 100 * MS);
    }

    #[test]
    fn a_requested_delay_is_kept_whole() {
        let mut backoff = Backoff::new(100 * MS, 1_000 * MS, 1);
        assert!(backoff.next(Some(5_000 * MS)) >= 5_000 * MS);
        assert!(backoff.next(Some(5_000 * MS)) <= 5_200 * MS);
    }

    #[test]
    fn two_clients_do_not_reconnect_together() {
        let next = |seed| Backoff::new(100 * MS, 1_000 * MS, seed).next(None);
        assert_ne!(next(1), next(2));
    }
}
