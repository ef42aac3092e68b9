//! Those who were put out of a room and do not know it yet.
//!
//! A reader sees that its membership is over before it hears its client's next command; what it sent
//! before that is in the room's inbox, and is refused here, so that every command is answered. A ghost
//! keeps its seat until its handle leaves, so the bound on rooms holds for it too; to everybody else it
//! is gone.

use std::collections::HashMap;
use std::sync::Arc;

use crate::chat::event::{Recovery, Returned};
use crate::chat::room::{Departure, Said};
use crate::chat::roster::MemberId;
use crate::chat::{Event, Id, Refusal, RoomName, Slow};
use crate::engine::directory::Client;
use crate::engine::hub::Seat;
use crate::engine::inbox::Answer;
use crate::engine::recipient::{Absent, Form};

/// See the module.
#[derive(Default)]
pub struct Ghosts {
    ghosts: HashMap<MemberId, (Seat, Client)>,
}

impl Ghosts {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ghosts.len()
    }

    /// One was put out.
    pub fn add(&mut self, ghost: Option<(Seat, Client)>) {
        self.ghosts.extend(ghost.map(|(seat, client)| (seat.number(), (seat, client))));
    }

    /// Refuses what it says. To one who was never in, or has left, nothing is owed.
    pub fn refuse(&self, id: MemberId, said: &Said, mark: Option<&Id>, room: &RoomName) {
        // A status is told to every room, and answered by none.
        if !matches!(said, Said::Presence { .. }) {
            self.tell(id, mark, Event::Refused(Refusal::not_member(room)));
        }
    }

    /// Its handle leaves.
    pub fn leave(&mut self, id: MemberId, departure: Departure, mark: Option<&Id>, room: &RoomName) {
        if departure == Departure::Left {
            self.tell(id, mark, Event::Left { room: room.clone() });
        }
        self.ghosts.remove(&id);
    }

    /// Its connection broke.
    pub fn park(&mut self, id: MemberId) {
        if let Some((_, client)) = self.ghosts.get_mut(&id) {
            *client = Client { recipient: Arc::new(Absent), form: Form::Events };
        }
    }

    /// What is answered to it when it wants to come back.
    #[must_use]
    pub fn answer(&self, id: MemberId, room: &RoomName) -> Option<Answer> {
        let returned = Returned { room: room.clone(), recovery: Recovery::Removed, missed: 0 };
        self.ghosts.contains_key(&id).then_some((returned, None))
    }

    fn tell(&self, id: MemberId, mark: Option<&Id>, event: Event) {
        if let Some((_, client)) = self.ghosts.get(&id) {
            // One that cannot take it is ended by its own outbox, or is gone.
            _ = client.tell(mark, &Arc::new(event), Slow::Disconnect);
        }
    }
}
