//! The clocks, which are read here alone.
//!
//! Whatever decides by time gets it as an argument, from here: order and deadlines rest on the monotonic clock; the
//! wall clock is shown to people, and dates the expiry of tokens.

use std::time::{Duration, Instant, SystemTime};

use crate::chat::{Moment, Time};

/// Reads both clocks. A small value, copied into each thread that needs time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    /// The time at which it stands still, if it does. To look costs nothing beside the system call that is saved or follows.
    stopped: Option<Moment>,
}

impl Clock {
    /// A clock whose monotonic time begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now(), stopped: None }
    }

    /// A clock that stands still: what goes by it does the same, however fast the machine is. For scenarios of races.
    #[must_use]
    pub fn stopped() -> Self {
        let at = Time::from(SystemTime::now());
        Self { stopped: Some(Moment { at, since_start: Duration::ZERO }), ..Self::start() }
    }

    /// The time on both clocks.
    #[must_use]
    pub fn now(&self) -> Moment {
        if let Some(moment) = self.stopped {
            return moment;
        }
        Moment { at: Time::from(SystemTime::now()), since_start: self.started.elapsed() }
    }

    /// The time on the monotonic clock.
    #[must_use]
    pub fn instant_now(&self) -> Instant {
        if let Some(moment) = self.stopped {
            return self.instant(moment.since_start);
        }
        Instant::now()
    }

    /// The instant of a time since the start.
    #[must_use]
    pub fn instant(&self, since_start: Duration) -> Instant {
        self.started + since_start
    }
}
