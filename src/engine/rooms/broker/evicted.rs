//! Those who were put out of a room and do not know it yet.
//!
//! A reader sees that its membership is over before it hears its client's next command; what it sent
//! before that is in the room's inbox, and is refused here, so that every command is answered. A ghost
//! keeps its seat until its handle leaves, so the bound on rooms holds for it too; to everybody else it
//! is gone.

use std::collections::HashMap;
use std::sync::Arc;

use crate::chat::members::MemberId;
use crate::chat::room::LeaveReason;
use crate::chat::{Event, Id, Recovery, Refusal, ResumedRoom, RoomName, RoomRequest, Slow};
use crate::engine::clients::recipient::{Absent, Form};
use crate::engine::rooms::hub::Seat;
use crate::engine::rooms::inbox::ResumeAnswer;
use crate::engine::users::directory::Endpoint;

/// See the module.
#[derive(Default)]
pub struct Evicted {
    evicted: HashMap<MemberId, (Seat, Endpoint)>,
}

impl Evicted {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.evicted.len()
    }

    /// One was put out.
    pub fn add(&mut self, ghost: Option<(Seat, Endpoint)>) {
        self.evicted.extend(ghost.map(|(seat, client)| (seat.number(), (seat, client))));
    }

    /// Refuses what it says. To one who was never in, or has left, nothing is owed.
    pub fn refuse(&self, id: MemberId, request: &RoomRequest, mark: Option<&Id>, room: &RoomName) {
        // A status is told to every room, and answered by none.
        if !matches!(request, RoomRequest::Presence { .. }) {
            self.tell(id, mark, Event::Refused(Refusal::not_member(room)));
        }
    }

    /// Its handle leaves.
    pub fn leave(&mut self, id: MemberId, reason: LeaveReason, mark: Option<&Id>, room: &RoomName) {
        if reason == LeaveReason::Left {
            self.tell(id, mark, Event::Left { room: room.clone() });
        }
        self.evicted.remove(&id);
    }

    /// Its connection broke.
    pub fn detach(&mut self, id: MemberId) {
        if let Some((_, client)) = self.evicted.get_mut(&id) {
            *client = Endpoint { recipient: Arc::new(Absent), form: Form::Events };
        }
    }

    /// What is answered to it when it wants to come back.
    #[must_use]
    pub fn answer(&self, id: MemberId, room: &RoomName) -> Option<ResumeAnswer> {
        let resumed = ResumedRoom { room: room.clone(), recovery: Recovery::Removed, missed: 0 };
        self.evicted.contains_key(&id).then_some((resumed, None))
    }

    fn tell(&self, id: MemberId, mark: Option<&Id>, event: Event) {
        if let Some((_, client)) = self.evicted.get(&id) {
            // One that cannot take it is ended by its own outbox, or is gone.
            _ = client.tell(mark, &Arc::new(event), Slow::Disconnect);
        }
    }
}
