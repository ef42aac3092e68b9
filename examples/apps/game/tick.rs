//! The tick: when the next one is due, and how late each of the last minute came.
//!
//! What is due is computed from the beginning and not from the tick before, so that lateness does not add up. A tick that is
//! late by more than a whole one, as on a machine that was asleep, is not made up for.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

/// Ticks of which the lateness is known: a minute at 20 a second.
const KEPT: usize = 1_200;
/// Ticks between two looks at all of them.
const SUMMED: u64 = 20;

pub struct Ticker {
    every: Duration,
    due: Instant,
}

impl Ticker {
    pub fn new(every: Duration) -> Self {
        Self { every, due: Instant::now() + every }
    }

    /// Waits until the next tick is due; returns how late it is.
    pub fn wait(&mut self) -> Duration {
        thread::sleep(self.due.saturating_duration_since(Instant::now()));
        let late = self.due.elapsed();
        self.due += self.every;
        if late > self.every {
            self.due = Instant::now() + self.every;
        }
        late
    }
}

/// How late the ticks of the last minute were.
#[derive(Default)]
pub struct Lateness {
    kept: VecDeque<Duration>,
    /// Ticks so far.
    pub ticks: u64,
    /// Of this tick.
    pub newest: Duration,
    /// Of half of them, of one in a hundred, and of the latest: `p50`, `p99` and the greatest.
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

impl Lateness {
    pub fn add(&mut self, late: Duration) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(late);
        self.newest = late;
        if self.ticks.is_multiple_of(SUMMED) {
            self.sum_up();
        }
        self.ticks += 1;
    }

    fn sum_up(&mut self) {
        let mut sorted: Vec<_> = self.kept.iter().copied().collect();
        sorted.sort_unstable();
        let at = |part: usize| sorted.get((sorted.len() * part).div_ceil(100).max(1) - 1).copied().unwrap_or_default();
        (self.p50, self.p99, self.max) = (at(50), at(99), at(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_minute_are_those_of_its_ticks_and_of_no_older_ones() {
        let mut lateness = Lateness::default();
        lateness.add(Duration::from_secs(1));
        assert_eq!((lateness.p50, lateness.max), (Duration::from_secs(1), Duration::from_secs(1)));
        for ms in (0..100).cycle().take(KEPT + usize::try_from(SUMMED).unwrap()) {
            lateness.add(Duration::from_millis(ms));
        }
        let ms = [lateness.p50, lateness.p99, lateness.max].map(|late| late.as_millis());
        assert_eq!(ms, [49, 98, 99]);
    }

    #[test]
    fn a_tick_that_is_late_by_more_than_a_whole_one_is_not_made_up_for() {
        let every = Duration::from_millis(1);
        let due = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let mut ticker = Ticker { every, due };
        assert!(ticker.wait() >= Duration::from_secs(1));
        assert!(ticker.due > due + Duration::from_secs(1));
    }
}
