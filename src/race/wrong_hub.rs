//! Wrong protocols for the life of a room, in the hub's place: real rooms and seats, and a map that is kept otherwise.
//!
//! Each has been written by somebody. A room of theirs has a real hub to itself, so that its broker and the seats in it are
//! the server's; whether a name leads to it, and when it ends, is decided here. Stepped by a server's `Rooms`.

use std::sync::Arc;

use super::stepped_client::room_name;
use crate::chat::{Authors, Refusal};
use crate::engine::base::queue::InboxSender;
use crate::engine::rooms::hub::{Hub, Opener, RoomKind, Seat};
use crate::engine::rooms::inbox::BrokerCommand;

/// A mistake in when a room ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HubMistake {
    /// An empty room removes its entry and ends, whatever is in its inbox.
    RemoveAndExit,
    /// The same, but the room looks into its inbox once more before it ends.
    LookOnceMore,
    /// An empty room is replaced at once, and lives on for the clients that looked it up.
    ReplaceWhenEmpty,
    /// An empty room ends when as many have been answered as have looked it up; what fails is not counted back.
    CountPendingJoins,
}

/// See the module.
pub struct WrongHub {
    mistake: HubMistake,
    /// The room to which the name leads.
    current: Option<usize>,
    rooms: Vec<WrongRoom>,
}

struct WrongRoom {
    hub: Arc<Hub>,
    /// Keeps the room of its own hub open until it is removed here.
    pin: Option<(Seat, InboxSender<BrokerCommand>)>,
    looked_up: usize,
    has_had_members: bool,
    /// Its last member has left.
    is_empty: bool,
}

/// A room after one of its steps.
pub struct Observed {
    /// Its members.
    pub members: usize,
    /// Those who looked it up, and were answered.
    pub answered: usize,
    /// Whether it has ended, after a panic.
    pub has_ended: bool,
}

impl WrongHub {
    /// Without rooms.
    pub fn new(mistake: HubMistake) -> Self {
        Self { mistake, current: None, rooms: Vec::new() }
    }

    /// The room to which the name leads.
    pub fn current(&self) -> Option<usize> {
        self.current
    }

    /// Takes a seat in that room, or opens one with `opener`.
    ///
    /// # Errors
    /// As of the hub.
    pub fn look_up(&mut self, opener: Opener) -> Result<(Seat, InboxSender<BrokerCommand>, usize), Refusal> {
        let is_replaced = |at: &usize| self.mistake == HubMistake::ReplaceWhenEmpty && self.rooms[*at].is_empty;
        let at = match self.current.filter(|at| !is_replaced(at)) {
            Some(at) => at,
            None => {
                let hub = Hub::new(1, 0, Arc::default(), Authors::default(), opener);
                let pin = Some(hub.reserve(&room_name(), &RoomKind::USUAL, None)?);
                self.rooms.push(WrongRoom { hub, pin, looked_up: 0, has_had_members: false, is_empty: false });
                *self.current.insert(self.rooms.len() - 1)
            }
        };
        let room = &mut self.rooms[at];
        room.looked_up += 1;
        let (seat, inbox) = room.hub.reserve(&room_name(), &RoomKind::USUAL, None)?;
        Ok((seat, inbox, at))
    }

    /// Whether a room ends with its next step. `seats`: those in it beside the pin, wherever they are.
    pub fn ends(&self, at: usize, is_inbox_empty: bool, seats: usize, answered: usize) -> bool {
        let room = &self.rooms[at];
        room.is_empty
            && match self.mistake {
                HubMistake::RemoveAndExit => true,
                HubMistake::LookOnceMore => is_inbox_empty,
                HubMistake::ReplaceWhenEmpty => is_inbox_empty && seats == 0,
                HubMistake::CountPendingJoins => is_inbox_empty && room.looked_up == answered,
            }
    }

    /// A room took a step.
    pub fn stepped(&mut self, at: usize, observed: &Observed) {
        let room = &mut self.rooms[at];
        room.has_had_members |= observed.members > 0;
        room.is_empty = room.has_had_members && observed.members == 0 && !observed.has_ended;
        let is_counted = self.mistake == HubMistake::CountPendingJoins && room.looked_up != observed.answered;
        if observed.has_ended && !is_counted {
            self.remove(at);
        }
    }

    /// The name leads to a room no more.
    pub fn remove(&mut self, at: usize) {
        self.current.take_if(|current| *current == at);
        self.rooms[at].is_empty = false;
        drop(self.rooms[at].pin.take());
    }
}
