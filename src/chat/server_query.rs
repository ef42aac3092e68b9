//! Questions to the server that a session answers by itself: no room, store or directory is asked.
//!
//! A new one is a variant with its answer here, an [`Event`] and a row in the table of commands.

use super::event::Event;
use super::time::Moment;

/// A question to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerQuery {
    /// Whether the server is there.
    Ping,
    /// Which commands the text dialect has.
    Help,
    /// What the time is at the server.
    Time,
}

impl ServerQuery {
    /// The answer at this moment.
    #[must_use]
    pub fn answer(self, now: Moment) -> Event {
        match self {
            Self::Ping => Event::Pong,
            Self::Help => Event::Help,
            Self::Time => Event::Time { at: now.at },
        }
    }
}
