//! The author of a request to a room: a member, or a non-member such as a publisher over HTTP.
//!
//! Made by the broker for a member, by the hub for a non-member; drafts carry it to the store and back.

use super::identity::AuthLevel;
use super::members::MemberId;
use super::policy::Actor;
use roomd_protocol::UserName;

/// Who says something: a member, or one who only visits (a publisher over HTTP).
#[derive(Clone, Debug, PartialEq)]
pub struct Speaker {
    /// The number to which the answer goes.
    pub member: MemberId,
    /// In whose name.
    pub user: UserName,
    /// What that name is worth.
    pub auth_level: AuthLevel,
}

impl Speaker {
    /// The user as a policy knows them.
    #[must_use]
    pub fn actor(&self) -> Actor<'_> {
        Actor { user: &self.user, auth_level: self.auth_level }
    }
}
