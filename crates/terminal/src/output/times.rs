//! When a message was said, in the time of this machine.
//!
//! Pure but for the time zone, which is read from the system once. Called on the main thread for each message.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// How long after the last message that was shown the time is told again, in seconds.
const GAP_S: i64 = 5 * 60;

/// Tells the time where it matters: before a message that comes some minutes after the last, or on another day.
#[derive(Clone, Debug)]
pub struct Times {
    zone: TimeZone,
    /// When the last message was said.
    last: Option<Zoned>,
}

impl Times {
    /// Times of this machine's zone.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self { zone: TimeZone::system(), last: None }
    }

    /// The time of a message, such as `18:03`; empty for what is no time.
    #[must_use]
    pub fn clock(&self, at: &str) -> String {
        self.parse(at).map(|at| at.strftime("%H:%M").to_string()).unwrap_or_default()
    }

    /// What stands before a message of this time; `None` where the one before it was said just now.
    pub fn announce(&mut self, at: &str) -> Option<String> {
        let at = self.parse(at)?;
        let last = self.last.replace(at.clone());
        match last {
            Some(last) if last.date() == at.date() => {
                let seconds = at.timestamp().as_second() - last.timestamp().as_second();
                (seconds.abs() >= GAP_S).then(|| at.strftime("%H:%M").to_string())
            }
            _ => Some(at.strftime("%A, %-d %B %Y, %H:%M").to_string()),
        }
    }

    fn parse(&self, at: &str) -> Option<Zoned> {
        Some(at.parse::<Timestamp>().ok()?.to_zoned(self.zone.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_told_when_some_has_passed() {
        let mut times = Times { zone: TimeZone::UTC, last: None };
        for (at, told) in [
            ("2026-11-20T18:00:00.000Z", Some("Friday, 20 November 2026, 18:00")),
            ("2026-11-20T18:04:59.000Z", None),
            ("2026-11-20T18:10:00.000Z", Some("18:10")),
            ("2026-11-20T18:01:00.000Z", Some("18:01")),
            ("2026-11-21T00:00:30.000Z", Some("Saturday, 21 November 2026, 00:00")),
            ("soon", None),
        ] {
            assert_eq!(times.announce(at).as_deref(), told, "{at}");
        }
        assert_eq!((times.clock("2026-11-20T18:03:59Z").as_str(), times.clock("soon").as_str()), ("18:03", ""));
    }
}
