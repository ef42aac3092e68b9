//! A token bucket, with time as an argument.
//!
//! Owned by a session and used by its reader, or by a room. It holds at most `burst` tokens and gains `per_s` a
//! second; a message takes one. It counts in nanoseconds of credit, so nothing is lost to rounding.

use std::time::Duration;

/// How much somebody may send.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// What a full bucket holds: the time in which it fills.
    full: Duration,
    /// What one token costs; zero when there is no limit.
    price: Duration,
    /// What is in it, as time.
    credit: Duration,
    /// When `credit` was last right.
    at: Duration,
}

impl Bucket {
    /// A full bucket of `burst` tokens that gains `per_s` a second. `per_s` 0 is no limit.
    #[must_use]
    pub fn new(burst: u32, per_s: u32) -> Self {
        let price = Duration::from_secs(1).checked_div(per_s).unwrap_or_default();
        let full = price * burst.max(1);
        Self { full, price, credit: full, at: Duration::ZERO }
    }

    /// Takes one token at `now` (monotonic), or returns how long to wait for one.
    ///
    /// # Errors
    /// The time to wait. Nothing was taken.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.take_several(now, 1)
    }

    /// Takes several tokens at `now`, or as many as it holds if that is less; or returns how long to wait for them.
    ///
    /// # Errors
    /// The time to wait. Nothing was taken.
    pub fn take_several(&mut self, now: Duration, count: u32) -> Result<(), Duration> {
        self.credit = (self.credit + now.saturating_sub(self.at)).min(self.full);
        self.at = self.at.max(now);
        let price = (self.price * count).min(self.full);
        match self.credit.checked_sub(price) {
            Some(rest) => {
                self.credit = rest;
                Ok(())
            }
            None => Err(price - self.credit),
        }
    }

    /// Becomes a bucket of another size, full to the same part; all of it, where there was no limit.
    pub fn become_another(&mut self, full: Self) {
        let credit = match self.full.as_secs_f64() {
            size if size > 0.0 => full.full.mul_f64((self.credit.as_secs_f64() / size).min(1.0)),
            _ => full.full,
        };
        *self = Self { credit: credit.min(full.full), at: self.at, ..full };
    }

    /// Puts back what was taken for something that did not come to pass.
    pub fn give_back(&mut self) {
        self.credit = (self.credit + self.price).min(self.full);
    }

    /// Whether it is full at `now`: there was a pause long enough for everything to be forgiven.
    #[must_use]
    pub fn is_full(&self, now: Duration) -> bool {
        self.credit + now.saturating_sub(self.at) >= self.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_passes_and_the_next_waits_for_its_token() {
        let mut bucket = Bucket::new(10, 10);
        for _ in 0..10 {
            assert_eq!(bucket.take(MS), Ok(()));
        }
        assert_eq!(bucket.take(MS), Err(100 * MS));
        assert_eq!(bucket.take(51 * MS), Err(50 * MS));
        assert_eq!(bucket.take(101 * MS), Ok(()));
        assert_eq!(bucket.take(101 * MS), Err(100 * MS));
    }

    #[test]
    fn several_tokens_are_taken_together_or_not_at_all() {
        let mut bucket = Bucket::new(10, 10);
        assert_eq!(bucket.take_several(MS, 7), Ok(()));
        assert_eq!(bucket.take_several(MS, 7), Err(400 * MS));
        assert_eq!(bucket.take_several(MS, 3), Ok(()));
        // A full bucket is enough for whatever costs more than it holds.
        assert_eq!(bucket.take_several(1001 * MS, 99), Ok(()));
        assert_eq!(bucket.take(1001 * MS), Err(100 * MS));
    }

    #[test]
    fn a_pause_fills_the_bucket_and_no_more() {
        let mut bucket = Bucket::new(3, 1);
        let later = Duration::from_secs(1000);
        for _ in 0..3 {
            assert_eq!(bucket.take(later), Ok(()));
        }
        assert!(bucket.take(later).is_err());
    }

    #[test]
    fn a_bucket_is_full_again_when_all_that_was_taken_has_come_back() {
        let mut bucket = Bucket::new(2, 1);
        assert!(bucket.is_full(MS));
        assert_eq!((bucket.take(MS), bucket.take(MS)), (Ok(()), Ok(())));
        assert!(!bucket.is_full(2000 * MS));
        assert!(bucket.is_full(2001 * MS));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let mut bucket = Bucket::new(1, 1);
        assert_eq!(bucket.take(5 * MS), Ok(()));
        assert!(bucket.take(MS).is_err());
        assert!(bucket.take(5 * MS).is_err());
    }

    #[test]
    fn zero_a_second_is_no_limit() {
        let mut bucket = Bucket::new(1, 0);
        assert!((0..10_000).all(|_| bucket.take(Duration::ZERO).is_ok()));
    }
}
