//! Time as an argument.
//!
//! The engine reads the clocks and hands a `Moment` in. `at` goes into events and is what people
//! read; `since_start` only ever grows and is what every rule computes with, so that a wall clock
//! that jumps moves no deadline and reorders nothing.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point on the wall clock, in milliseconds since 1970-01-01T00:00:00Z.
/// Shown as RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

impl Time {
    /// The time after this duration.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time of an RFC 3339 text in UTC; `None` for another text, or one before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at = humantime::parse_rfc3339(text).ok()?;
        at.duration_since(UNIX_EPOCH).ok().map(|_| Self::from(at))
    }

    /// How long it is until `later`; zero when that is past.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Past year 9999 the formatter refuses; such a clock is wrong anyway.
        let ms = self.0.min(253_402_300_799_999);
        let at = UNIX_EPOCH + Duration::from_millis(ms);
        humantime::format_rfc3339_millis(at).fmt(f)
    }
}

impl From<SystemTime> for Time {
    /// A clock before 1970 reads as 1970.
    fn from(at: SystemTime) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A moment, on both clocks: for people, and for deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Wall clock.
    pub at: Time,
    /// Monotonic, since the server started.
    pub since_start: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_rfc_3339_in_utc_with_milliseconds() {
        assert_eq!(Time(1_795_197_600_007).to_string(), "2026-11-20T18:00:00.007Z");
        assert_eq!(Time(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }
}
