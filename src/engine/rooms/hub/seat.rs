//! A seat: what keeps a room open, and what a member by a pattern has in its place.
//!
//! A part of the hub, whose entry counts the seats of its room: see [`Hub`]. A broker holds a seat for each member, and
//! whoever asks something holds one while it waits.

use std::sync::Arc;

use super::Hub;
use crate::chat::RoomName;
use crate::chat::members::MemberId;
use crate::engine::base::queue::InboxSender;
use crate::engine::rooms::inbox::{BrokerCommand, RoomHandle};
use crate::engine::rooms::pattern_index::TopicPermit;

/// Keeps a room open as long as it exists, unless it is that of a member by a pattern.
pub struct Seat {
    holds: Holds,
    pub(super) room: RoomName,
    number: MemberId,
    /// `None`: its member was removed, and has not noticed yet.
    token: Option<MembershipToken>,
}

/// What a seat holds.
enum Holds {
    /// The room.
    Room(Arc<Hub>),
    /// A topic's place among those that a subscriber's patterns may give it. The room ends without regard to it.
    Topic(TopicPermit),
}

/// Exists as long as a membership; its handle observes it through a weak reference.
pub type MembershipToken = Arc<()>;

impl Seat {
    /// A seat that the entry of the room in the map counts.
    pub(super) fn of_room(hub: &Arc<Hub>, room: &RoomName, number: MemberId) -> Self {
        let (holds, token) = (Holds::Room(Arc::clone(hub)), Some(MembershipToken::default()));
        Self { holds, room: room.clone(), number, token }
    }

    /// The seat of a member by a pattern, with this number: it keeps no room open, and has no handle.
    #[must_use]
    pub fn by_pattern(room: &RoomName, number: MemberId, permit: TopicPermit) -> Self {
        Self { holds: Holds::Topic(permit), room: room.clone(), number, token: None }
    }

    /// The topic's place, if its member is one by a pattern.
    #[must_use]
    pub fn topic_permit(&self) -> Option<&TopicPermit> {
        match &self.holds {
            Holds::Topic(permit) => Some(permit),
            Holds::Room(_) => None,
        }
    }

    /// Whether its member is one by a pattern.
    #[must_use]
    pub fn is_by_pattern(&self) -> bool {
        self.topic_permit().is_some()
    }

    /// The number of the member that holds it, or will.
    #[must_use]
    pub fn number(&self) -> MemberId {
        self.number
    }

    /// Ends the membership, which the member's handle can see.
    pub fn revoke(&mut self) {
        self.token = None;
    }

    /// The handle of its member.
    #[must_use]
    pub fn handle(&self, inbox: &InboxSender<BrokerCommand>) -> RoomHandle {
        let token = self.token.as_ref().map(Arc::downgrade).unwrap_or_default();
        RoomHandle::new(self.room.clone(), self.number, inbox.clone(), token)
    }
}

// ANCHOR: drop
impl Drop for Seat {
    fn drop(&mut self) {
        if let Holds::Room(hub) = &self.holds {
            hub.release(&self.room);
        }
    }
}
// ANCHOR_END: drop
