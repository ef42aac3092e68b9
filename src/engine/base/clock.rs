//! The only place that reads the clocks.
//!
//! Everything that decides by time gets it as an argument, from here: order and deadlines rest on
//! the clock that never goes back, the other is only shown to people.

use std::time::{Duration, Instant, SystemTime};

use crate::chat::{Moment, Time};

/// When the server started; cheap to copy, one in every thread that needs time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Now, on both clocks.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment { at: Time::from(SystemTime::now()), since_start: self.started.elapsed() }
    }

    /// The instant at which so much time has passed since the start.
    #[must_use]
    pub fn instant(&self, since_start: Duration) -> Instant {
        self.started + since_start
    }
}
