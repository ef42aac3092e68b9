//! The users of a room who are in it through other servers, and what those are to be told of the users here.
//!
//! A part of [`Members`]. A room that one server has to itself has nobody elsewhere and notes no changes.

use std::collections::BTreeMap;

use super::{Members, User};
use crate::chat::attendance::{Attendance, Attending, ServerId};
use crate::chat::leave_reason::LeaveReason;
use crate::chat::time::Time;
use roomd_protocol::UserName;

/// The users whose attendance has changed here, each with the reason of its last leave.
pub(super) type Changes = BTreeMap<UserName, Option<LeaveReason>>;

impl Members {
    /// Notes from now on how users are in the room, for other servers.
    pub fn share(&mut self) {
        self.changes = Some(Changes::new());
    }

    /// Whether other servers are to be told of something.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.changes.as_ref().is_some_and(|changes| !changes.is_empty())
    }

    /// What other servers are to be told since it was last asked.
    pub fn take_changes(&mut self) -> Vec<(UserName, Attendance)> {
        let changes = self.changes.as_mut().map(std::mem::take).unwrap_or_default();
        let attendance = |(user, reason): (UserName, Option<LeaveReason>)| {
            let here = self.users.get(&user).and_then(User::attending);
            let gone = || Attendance::Gone(reason.unwrap_or(LeaveReason::Disconnected), [0; 3]);
            let attendance = here.map_or_else(gone, Attendance::Here);
            (user, attendance)
        };
        changes.into_iter().map(attendance).collect()
    }

    /// Another server tells how a user is in the room through it; `None`: not at all.
    pub fn set_elsewhere(&mut self, server: ServerId, name: &UserName, attending: Option<Attending>) {
        let user = match (self.users.get_mut(name), &attending) {
            (Some(user), _) => user,
            (None, Some(attending)) => self.users.entry(name.clone()).or_insert(User::new(attending.last_seen)),
            (None, None) => return,
        };
        let added = attending.as_ref().map_or(0, |attending| attending.connections);
        let removed = match attending {
            Some(attending) => user.elsewhere.insert(server, attending),
            None => user.elsewhere.remove(&server),
        };
        if let Some(removed) = &removed {
            user.last_seen = user.last_seen.max(removed.last_seen);
        }
        if user.connections == 0 && user.elsewhere.is_empty() {
            self.users.remove(name);
        }
        self.connections_elsewhere += added;
        self.connections_elsewhere -= removed.map_or(0, |attending| attending.connections);
    }

    /// Nobody is in the room through another server.
    pub fn clear_elsewhere(&mut self) {
        if self.connections_elsewhere == 0 {
            return;
        }
        self.connections_elsewhere = 0;
        self.users.values_mut().for_each(|user| user.elsewhere.clear());
        self.users.retain(|_, user| user.connections > 0);
    }

    /// Connections that are in the room through other servers.
    #[must_use]
    pub fn elsewhere(&self) -> usize {
        self.connections_elsewhere
    }

    /// Other servers are to be told how far a user here has got, if anybody is there to learn of it.
    pub fn has_got_on(&mut self, name: &UserName) {
        if self.connections_elsewhere > 0 && self.connections(name) > 0 {
            self.changed(name, None);
        }
    }

    /// Other servers are to be told of everybody here, with how far each has got: as long as nobody was there to learn of that, it
    /// was not told.
    pub fn tell_all_again(&mut self) {
        let here = self.users.iter().filter(|(_, user)| user.connections > 0).map(|(name, _)| name.clone());
        let here: Vec<_> = if self.connections_elsewhere > 0 { here.collect() } else { Vec::new() };
        here.iter().for_each(|name| self.changed(name, None));
    }

    /// Whether a user is in the room through other servers alone.
    #[must_use]
    pub fn is_elsewhere(&self, name: &UserName) -> bool {
        self.users.get(name).is_some_and(|user| user.connections == 0)
    }

    pub(super) fn changed(&mut self, user: &UserName, reason: Option<&LeaveReason>) {
        if let Some(changes) = &mut self.changes {
            changes.insert(user.clone(), reason.cloned());
        }
    }
}

impl User {
    /// How the user is in the room through this server; `None`: not at all.
    fn attending(&self) -> Option<Attending> {
        (self.connections > 0).then(|| Attending {
            connections: self.connections,
            announced: self.announced > 0,
            registered: self.registered,
            detached: self.detached == self.connections,
            status: self.status,
            note: self.note.clone(),
            set_at: self.set_at,
            last_seen: self.last_seen,
            marks: [0; 3],
        })
    }

    /// A time for what the user says now: later than for what was said elsewhere, whatever the clocks.
    pub(super) fn later_than_elsewhere(&self, now: Time) -> Time {
        let newest = self.elsewhere.values().map(|attending| attending.set_at.0 + 1).max();
        newest.map_or(now, |newest| now.max(Time(newest)))
    }
}
