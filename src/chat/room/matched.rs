//! What a broker asks of the room for members by a pattern.
//!
//! Nobody learns of them and they take nobody's place: they are not counted where the size of the room decides.
//! The broker lets them in and out (`engine/rooms/broker/matching.rs`).

use super::Room;
use crate::chat::identity::Identity;
use crate::chat::members::MemberId;
use crate::chat::policy::Actor;
use crate::chat::time::Time;

impl Room {
    /// The connection that is the member of this number.
    #[must_use]
    pub fn connection(&self, member: MemberId) -> Option<u64> {
        self.members.member(member).map(|found| found.connection)
    }

    /// Whether a connection has joined the room. Looks at every member, if anybody has.
    #[must_use]
    pub fn has_joined(&self, connection: u64) -> bool {
        !self.members.is_empty() && self.members.of(connection).is_some()
    }

    /// Whether the policy lets this user in.
    #[must_use]
    pub fn may_enter(&self, who: &Identity, now: Time) -> bool {
        self.admits(Actor::from(who), now).is_ok()
    }

    /// Whether as many connections have joined as may.
    pub(super) fn is_full(&self) -> bool {
        self.members.joined() + self.members.elsewhere() >= self.members_max
    }
}
