//! Whether the server drains: it is about to end, and tells its clients goodbye a part at a time.
//!
//! Set once, by the thread that owns the server; read wherever a client comes or goes. From then on nobody is let in, and
//! who is told goodbye is told when to come back: not before the server is to have ended, and each at a moment of their
//! own, so that the next server is not met by all at once.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::chat::{Code, End, Refusal};

/// Clients that come back in a second, as far as the pauses spread them.
const RETURNS_PER_S: u32 = 500;
/// The shortest time over which they come back.
const WINDOW_MIN: Duration = Duration::from_secs(4);
/// How long after the last goodbye the first may come back: another server starts.
const PAUSE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub struct Draining {
    plan: OnceLock<Plan>,
}

/// When the server ends, and when its clients come back.
struct Plan {
    ends: Instant,
    back_from: Instant,
    window: Duration,
}

impl Draining {
    /// The server drains from now on. It has so many clients, is to have told all of them goodbye at `told`, and ends at
    /// `ends` at the latest. A second call changes nothing; false.
    pub fn begin(&self, clients: usize, told: Instant, ends: Instant) -> bool {
        let window = Duration::from_secs(1) / RETURNS_PER_S * u32::try_from(clients).unwrap_or(u32::MAX);
        self.plan.set(Plan { ends, back_from: told + PAUSE, window: window.max(WINDOW_MIN) }).is_ok()
    }

    /// Whether it drains.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.plan.get().is_some()
    }

    /// When it ends; `None`: it does not drain.
    #[must_use]
    pub fn ends(&self) -> Option<Instant> {
        self.plan.get().map(|plan| plan.ends)
    }

    /// How long the client of this number should wait before it comes back after this end.
    #[must_use]
    pub fn retry_after(&self, end: End, number: u64) -> Duration {
        let Some(plan) = self.plan.get().filter(|_| end == End::Closing) else { return end.retry_after(number) };
        let left = plan.back_from.saturating_duration_since(Instant::now()).max(PAUSE);
        let window = u64::try_from(plan.window.as_millis()).unwrap_or(u64::MAX);
        // A prime, so that clients who came one after the other come back far from each other.
        left + Duration::from_millis(number.wrapping_mul(7_919) % window)
    }

    /// The refusal of a newcomer; `number` spreads those who try again.
    #[must_use]
    pub fn refusal(&self, number: u64) -> Refusal {
        let retry_after = Some(self.retry_after(End::Closing, number));
        Refusal { retry_after, ..Refusal::new(Code::Draining, "The server is shutting down") }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn clients_come_back_after_the_end_and_far_from_each_other() {
        let draining = Draining::default();
        assert_eq!(draining.retry_after(End::Closing, 7), End::Closing.retry_after(7));
        assert!(!draining.is_on());
        // The last goodbye was said already: only the pauses count.
        let now = Instant::now();
        assert!(draining.begin(10_000, now - PAUSE, now));
        assert!(!draining.begin(1, now, now + Duration::from_secs(60)));
        assert_eq!(draining.ends(), Some(now));
        let mut seconds = BTreeSet::new();
        let mut most = [0; 20];
        for number in 0..10_000 {
            let pause = draining.retry_after(End::Closing, number) - PAUSE;
            seconds.insert(pause);
            most[usize::try_from(pause.as_secs()).unwrap()] += 1;
        }
        assert_eq!(seconds.len(), 10_000);
        assert!(most.iter().all(|count| (450..=550).contains(count)), "{most:?}");
        assert_eq!(draining.retry_after(End::TooFast, 7), End::TooFast.retry_after(7));
        assert_eq!((draining.is_on(), draining.refusal(7).code), (true, Code::Draining));
    }
}
