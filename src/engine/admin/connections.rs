//! The connections of this server: which there are, and ending one.
//!
//! Read from the directory of users, one connection after the other, so the list is of no single moment. To end a
//! connection is to note so in it and then to look among the detached sessions; a connection that is lost is detached
//! first and then looks whether it was ended, so of two at the same moment one sees the other.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Listed, PAGE_MAX, check};
use crate::chat::admin::{ConnectionInfo, ServerActionKind};
use crate::chat::{Code, End, FoldedName, Identity, Refusal, RoomName, UserName};
use crate::engine::Engine;
use crate::engine::users::user_connection::UserConnection;

/// Which connections are asked for; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Their user, in any spelling.
    pub user: Option<UserName>,
    /// The network that their clients come from; an address is one, too.
    pub network: Option<IpNet>,
    /// Their door.
    pub door: Option<Box<str>>,
    /// A room that they are in.
    pub room: Option<RoomName>,
}

impl ConnectionFilter {
    fn has(&self, info: &ConnectionInfo) -> bool {
        let Self { user: _, network, door, room } = self;
        let is_from = |network: &IpNet| info.ip.is_some_and(|ip| contains(network, ip));
        network.as_ref().is_none_or(is_from)
            && door.as_ref().is_none_or(|door| **door == *info.door)
            && room.as_ref().is_none_or(|room| info.rooms.contains(room))
    }
}

/// Whether an address is of a network.
#[must_use]
pub fn contains(network: &IpNet, ip: IpAddr) -> bool {
    network.contains(&ip.to_canonical())
}

impl Engine {
    /// The connections behind this number, the oldest first; at most `count`. Does not block.
    ///
    /// # Errors
    /// Who asks is no admin.
    pub fn connections(
        &self,
        who: &Identity,
        filter: &ConnectionFilter,
        after: u64,
        count: usize,
    ) -> Result<Listed<ConnectionInfo>, Refusal> {
        check(who)?;
        let mut connections = match &filter.user {
            Some(user) => self.directory.connections_of(&FoldedName::of(user)),
            None => self.directory.all(),
        };
        connections.retain(|connection| connection.number > after);
        connections.sort_unstable_by_key(|connection| connection.number);
        // A connection that is taking another name is there twice.
        connections.dedup_by_key(|connection| connection.number);
        let count = count.clamp(1, PAGE_MAX);
        let found = connections.iter().map(|connection| connection.info()).filter(|info| filter.has(info));
        Ok(Listed::of(found, count, |info| info.number))
    }

    /// Ends a connection: its client is told so, and its session cannot be resumed. Waits for the store, and for the rooms of
    /// a session that is detached.
    ///
    /// # Errors
    /// Who asks is no admin, there is no such connection, or the audit cannot be written now.
    pub fn end_connection(&self, who: &Identity, number: u64) -> Result<(), Refusal> {
        check(who)?;
        let find = || self.directory.all().into_iter().find(|one| one.number == number && one.ended().is_none());
        let found = find().ok_or_else(|| Refusal::new(Code::NotFound, format!("There is no connection {number}")))?;
        let user = found.user().clone();
        self.record(who, ServerActionKind::ConnectionEnded, &format!("{number} {user}"))?;
        // Until there is none, since it may take another name meanwhile.
        while let Some(connection) = find() {
            connection.end(End::EndedByAdmin);
        }
        self.sessions.end(&BTreeSet::from([number]), End::EndedByAdmin);
        log::info!(connection = number, user = user.as_str(), by = who.user.as_str(); "connection ended by an admin");
        Ok(())
    }

    /// Ends these connections, and their sessions. Blocks on the rooms of those that are detached.
    pub(super) fn end_all(&self, connections: &[Arc<UserConnection>], end: End) {
        connections.iter().for_each(|connection| connection.end(end));
        let numbers: BTreeSet<_> = connections.iter().map(|connection| connection.number).collect();
        self.sessions.end(&numbers, end);
    }
}
