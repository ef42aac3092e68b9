//! The schedule of a load: what is due at fixed rates.
//!
//! The generator asks, on its thread, and does what is due however late it is: a delay is never taken out of the
//! schedule, or the load would favour a server that stalls (coordinated omission).

use std::time::Duration;

/// What is due by the clock while messages are published.
pub struct Schedule {
    pub publish: FixedRate,
    pub churn: FixedRate,
    pub breaks: FixedRate,
    pub slow_reads: FixedRate,
    pub samples: FixedRate,
}

impl Schedule {
    /// A schedule in which nothing is due.
    #[must_use]
    pub fn none() -> Self {
        let never = FixedRate::new(0, Duration::ZERO);
        Self { publish: never, churn: never, breaks: never, slow_reads: never, samples: never }
    }
}

/// Due so many times a second, from a moment on.
#[derive(Clone, Copy, Debug)]
pub struct FixedRate {
    per_s: u32,
    begin: Duration,
    /// How often it has been due.
    count: u64,
}

impl FixedRate {
    /// The first time is at `begin`.
    #[must_use]
    pub fn new(per_s: u32, begin: Duration) -> Self {
        Self { per_s, begin, count: 0 }
    }

    /// When it is due next; `None`: never, at a rate of 0.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let nanos = (u128::from(self.count) * 1_000_000_000).checked_div(u128::from(self.per_s))?;
        Some(self.begin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// Takes the next time that is due by `now` and before `end`: its index, and when it was due.
    pub fn take(&mut self, now: Duration, end: Duration) -> Option<(u64, Duration)> {
        let due = self.next().filter(|due| *due <= now && *due < end)?;
        self.count += 1;
        Some((self.count - 1, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_is_due_when_it_was_due() {
        let ms = Duration::from_millis;
        let mut rate = FixedRate::new(100, ms(1000));
        assert_eq!(rate.take(ms(999), ms(9999)), None);
        let due: Vec<_> = std::iter::from_fn(|| rate.take(ms(1035), ms(9999))).collect();
        assert_eq!(due, [(0, ms(1000)), (1, ms(1010)), (2, ms(1020)), (3, ms(1030))]);
        assert_eq!(rate.next(), Some(ms(1040)));
        assert_eq!(rate.take(ms(5000), ms(1040)), None);
        assert_eq!(FixedRate::new(0, ms(0)).take(ms(5000), ms(9999)), None);
    }
}
