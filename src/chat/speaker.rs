//! The author of a request to a room: a member, or a non-member such as a publisher over HTTP.
//!
//! Made by the broker for a member, by the hub for a non-member; drafts carry it to the store and back.

use super::identity::AuthLevel;
use super::members::MemberId;
use super::policy::Actor;
use roomd_protocol::UserName;

/// The author of a request to a room.
#[derive(Clone, Debug, PartialEq)]
pub struct Speaker {
    /// The member number to which the answer goes.
    pub member: MemberId,
    /// The user in whose name the request is made.
    pub user: UserName,
    /// How the user is authenticated.
    pub auth_level: AuthLevel,
    /// Whether the user's token says its rate, or it is a program in this process: then the room's rate does not count it.
    pub has_own_rate: bool,
}

impl Speaker {
    /// The user as a policy knows them; what an operator has made them, the room adds.
    #[must_use]
    pub fn actor(&self) -> Actor<'_> {
        Actor { user: &self.user, auth_level: self.auth_level, appointed: None }
    }
}
