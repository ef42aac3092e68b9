//! What carries notes from server to server: the database itself, with NOTIFY, or a Redis or Valkey.
//!
//! A note may be lost on either, so a further one needs nothing but [`Bus::send`] and [`Bus::take_heard`]. What triggers of the
//! database tell (`changes.sql`) comes through the database in any case: whoever makes such a change need not know of a bus.

use super::link::{DatabaseLink, LinkError};
use super::redis::{HeardNotes, RedisBus};

/// See the module.
#[derive(Clone)]
pub enum Bus {
    /// The channel of NOTIFY.
    Database(String),
    Redis(RedisBus),
}

impl Bus {
    /// Tells the other servers; over the database, in a transaction for each note.
    ///
    /// # Errors
    /// They are not told.
    pub fn send<'a>(
        &self,
        link: impl FnOnce() -> Result<&'a mut DatabaseLink, LinkError>,
        notes: &[String],
    ) -> Result<(), LinkError> {
        if notes.is_empty() {
            return Ok(());
        }
        match self {
            Self::Database(channel) => {
                let link = link()?;
                notes.iter().try_for_each(|note| link.query("SELECT pg_notify($1, $2)", &[channel, note]).map(drop))
            }
            Self::Redis(bus) => {
                bus.publish(notes);
                Ok(())
            }
        }
    }

    /// What was heard since the last call, but for what the connection that listens to the database brings.
    pub fn take_heard(&self) -> HeardNotes {
        match self {
            Self::Database(_) => HeardNotes::default(),
            Self::Redis(bus) => bus.take_heard(),
        }
    }

    /// Nothing is sent or heard any more.
    pub fn close(&self) {
        if let Self::Redis(bus) = self {
            bus.close();
        }
    }
}
