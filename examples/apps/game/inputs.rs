//! What players send, between two ticks: the newest input of each, and how many there were.
//!
//! A recipient of its own in place of a channel: an input that is older than another of its player is worth nothing, so there
//! is no queue that could be full, whatever anybody sends.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use roomd::chat::{Body, End, Event, UserName};
use roomd::{Delivery, DeliveryMode, Recipient, Undelivered};

use crate::wire::{Input, parse};

/// The newest input of a player, and how many came since the last tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newest {
    pub input: Input,
    pub count: u16,
}

#[derive(Default)]
pub struct Inputs(Mutex<State>);

#[derive(Default)]
struct State {
    players: BTreeMap<UserName, Newest>,
    malformed: u32,
}

impl Inputs {
    /// What came since the last call.
    pub fn take(&self) -> BTreeMap<UserName, Newest> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).players)
    }

    /// Messages that were no input.
    pub fn malformed(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).malformed
    }
}

impl Recipient for Inputs {
    fn deliver(&self, delivery: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        let Delivery::Event(event) = delivery else { return Err(Undelivered::Closed) };
        let Event::Message(message) = &**event else { return Ok(()) };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let input = match &message.body {
            Body::Data(bytes) => parse(bytes),
            _ => None,
        };
        let Some(input) = input else {
            state.malformed = state.malformed.wrapping_add(1);
            return Ok(());
        };
        let count = state.players.get(&message.user).map_or(0, |newest| newest.count).saturating_add(1);
        state.players.insert(message.user.clone(), Newest { input, count });
        Ok(())
    }

    fn end(&self, _: End) {}
}

/// The recipient of a member that only speaks.
pub struct Deaf;

impl Recipient for Deaf {
    fn deliver(&self, _: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        Ok(())
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn end(&self, _: End) {}
}
