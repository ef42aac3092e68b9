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
}

impl Clock {
    /// A clock whose monotonic time begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The time on both clocks.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment { at: Time::from(SystemTime::now()), since_start: self.started.elapsed() }
    }

    /// The instant of a time since the start.
    #[must_use]
    pub fn instant(&self, since_start: Duration) -> Instant {
        self.started + since_start
    }
}
