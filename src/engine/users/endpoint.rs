//! Where the events of a connection go: its outbox, a gate before it, or a program.
//!
//! Rooms keep one for each member, and the directory one for each connection, for what is sent to its user outside any
//! room. Called on any thread; does not block.

use std::sync::Arc;

use crate::chat::{Authors, Event, Id, Slow};
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Form, Recipient, Segment, Undelivered};
use crate::wire::Encoder;

/// Where events for a connection go, and in which form.
#[derive(Clone)]
pub struct Endpoint {
    /// Takes the events.
    pub recipient: Arc<dyn Recipient>,
    /// Their form.
    pub form: Form,
    /// What is known of the authors of events.
    pub authors: Authors,
}

impl Endpoint {
    /// Whether its client's read marks are times, which it has asked for.
    #[must_use]
    pub fn has_timed_marks(&self) -> bool {
        matches!(self.form, Form::Bytes(encoding) if encoding.has_timed_marks())
    }

    /// Whether its client is told by the door itself what users call themselves.
    #[must_use]
    pub fn has_real_names(&self) -> bool {
        matches!(self.form, Form::Bytes(encoding) if encoding.has_real_names())
    }

    /// Sends an event outside the order of any room. Does not block.
    ///
    /// # Errors
    /// The connection has ended, or cannot take the event, and is then ended by its own outbox.
    pub fn send(&self, id: Option<&Id>, event: &Arc<Event>, slow: Slow) -> Result<(), Undelivered> {
        match self.form {
            Form::Events => self.recipient.deliver(Delivery::Event(event), DeliveryMode::Policy(slow)),
            Form::Bytes(encoding) => {
                let mut encoder = Encoder::new(self.authors.clone());
                let Some(segment) = Segment::of(&mut encoder, event, id, encoding) else { return Ok(()) };
                self.recipient.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(Slow::Disconnect))
            }
        }
    }
}
