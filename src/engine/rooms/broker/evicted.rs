//! Evicted members: removed from a room, whose readers have not noticed yet.
//!
//! A reader checks its memberships before it handles its endpoint's next request; the requests that it sent before are
//! in the room's inbox and are refused here, so that every request is answered. An evicted member holds its seat until
//! its handle leaves, so it counts towards the bound on rooms; to the other members it is gone.

use std::collections::HashMap;
use std::sync::Arc;

use crate::chat::LeaveReason;
use crate::chat::members::MemberId;
use crate::chat::{Event, Id, Recovery, Refusal, ResumedRoom, RoomName, RoomRequest, Slow};
use crate::engine::clients::recipient::{Absent, Form};
use crate::engine::rooms::hub::Seat;
use crate::engine::rooms::inbox::ResumeAnswer;
use crate::engine::users::endpoint::Endpoint;

/// See the module.
#[derive(Default)]
pub struct Evicted {
    evicted: HashMap<MemberId, (Seat, Endpoint)>,
}

impl Evicted {
    /// How many evicted members there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.evicted.len()
    }

    /// Adds a member that was removed.
    pub fn add(&mut self, member: Option<(Seat, Endpoint)>) {
        self.evicted.extend(member.map(|(seat, endpoint)| (seat.number(), (seat, endpoint))));
    }

    /// Refuses a request of an evicted member. Others, who never joined or have left, get no reply.
    pub fn refuse(&self, id: MemberId, request: &RoomRequest, mark: Option<&Id>, room: &RoomName) {
        // What a client says of itself goes to every room, and none replies to it.
        let is_for_all =
            matches!(request, RoomRequest::Presence { .. } | RoomRequest::DisplayName(_) | RoomRequest::AskReceipts(_));
        if !is_for_all {
            self.send(id, mark, Event::Refused(Refusal::not_member(room)));
        }
    }

    /// Refuses what a member sent before another server evicted it.
    pub fn refuse_draft(&self, id: MemberId, mark: Option<&Id>, event: Event) {
        if let Event::Refused(_) = event {
            self.send(id, mark, event);
        }
    }

    /// Removes an evicted member whose handle leaves.
    pub fn leave(&mut self, id: MemberId, reason: &LeaveReason, mark: Option<&Id>, room: &RoomName) {
        if matches!(reason, LeaveReason::Left(_) | LeaveReason::Renamed) {
            self.send(id, mark, Event::Left { room: room.clone() });
        }
        self.evicted.remove(&id);
    }

    /// Detaches an evicted member from its lost connection.
    pub fn detach(&mut self, id: MemberId) {
        if let Some((_, endpoint)) = self.evicted.get_mut(&id) {
            (endpoint.recipient, endpoint.form) = (Arc::new(Absent), Form::Events);
        }
    }

    /// The answer to the resume of an evicted member.
    #[must_use]
    pub fn answer(&self, id: MemberId, room: &RoomName) -> Option<ResumeAnswer> {
        let resumed = ResumedRoom::lost(room.clone(), Recovery::Removed);
        self.evicted.contains_key(&id).then_some((resumed, None))
    }

    fn send(&self, id: MemberId, mark: Option<&Id>, event: Event) {
        if let Some((_, endpoint)) = self.evicted.get(&id) {
            // An outbox that cannot take it ends its connection, or the connection is gone.
            _ = endpoint.send(mark, &Arc::new(event), Slow::Disconnect);
        }
    }
}
