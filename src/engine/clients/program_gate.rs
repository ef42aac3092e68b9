//! A gate before the recipient of a program: holds back what a room sends to it while it is given what it missed.
//!
//! As [`Gate`](super::gate::Gate) does for a client with a socket: the program is a member at once, so no message is lost, and its own thread
//! reads the earlier ones from the store. What the room sends meanwhile waits here, as many events as in an outbox, and
//! follows when that thread opens the gate. No lock is held while the program's recipient is called.

use std::sync::Arc;

use crate::chat::{End, Event};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Undelivered};

/// See the module.
pub struct ProgramGate {
    recipient: Arc<dyn Recipient>,
    /// `None`: the gate is open.
    held: Mutex<Option<Held>>,
    events_max: usize,
}

/// What is held, in order, and what happens to each that does not fit.
type Held = Vec<(Arc<Event>, DeliveryMode)>;

impl ProgramGate {
    /// A closed gate, which holds so many events at most.
    #[must_use]
    pub fn closed(recipient: Arc<dyn Recipient>, events_max: usize) -> Arc<Self> {
        Arc::new(Self { recipient, held: Mutex::new(Some(Held::new())), events_max })
    }

    /// Delivers what was held; later deliveries pass directly.
    ///
    /// # Errors
    /// The recipient did not take all of it.
    pub fn open(&self) -> Result<(), Undelivered> {
        loop {
            // What comes while these are delivered is held, and comes after them.
            let some = {
                let mut held = self.held.lock();
                let some = held.as_mut().map(std::mem::take).unwrap_or_default();
                if some.is_empty() {
                    *held = None;
                    return Ok(());
                }
                some
            };
            some.iter().try_for_each(|(event, mode)| self.recipient.deliver(Delivery::Event(event), *mode))?;
        }
    }
}

impl Recipient for ProgramGate {
    fn deliver(&self, delivery: Delivery<'_>, mode: DeliveryMode) -> Result<(), Undelivered> {
        if let (Some(held), Delivery::Event(event)) = (&mut *self.held.lock(), delivery) {
            if held.len() >= self.events_max {
                return Err(Undelivered::Slow);
            }
            held.push((Arc::clone(event), mode));
            return Ok(());
        }
        self.recipient.deliver(delivery, mode)
    }

    fn is_drained(&self) -> bool {
        self.held.lock().is_none() && self.recipient.is_drained()
    }

    fn prefetch(&self) {
        self.recipient.prefetch();
    }

    fn is_prompt(&self) -> bool {
        self.recipient.is_prompt()
    }

    fn waiting(&self) -> (u64, usize) {
        self.recipient.waiting()
    }

    fn end(&self, end: End) {
        self.recipient.end(end);
    }
}
