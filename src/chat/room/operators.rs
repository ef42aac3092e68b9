//! The operators of a room that nobody owns: the connection that opened it, and those that an operator added; and the
//! connections to which operators have given a voice.
//!
//! A part of [`Room`], stepped with it. A connection has the role and not a user, since anybody may use a guest's name;
//! it has it until it leaves. What operators decide is in force at once and in no store: it ends with the room's last
//! member, so that nobody is bound by somebody who is gone. A room in which anything was ever said is not opened anew,
//! and has none: its messages are those of others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Effect, Room};
use crate::chat::event::Event;
use crate::chat::leave_reason::LeaveReason;
use crate::chat::members::RoomMember;
use crate::chat::note::Note;
use crate::chat::policy::{Actor, ModerationAction, ModerationChange, ModerationRequest, Policy, Role};
use crate::chat::refusal::{Code, Refusal};
use crate::chat::speaker::Speaker;
use crate::chat::time::Time;
use roomd_protocol::{FIRST_ROOM, UserName};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Operators {
    /// The roles of connections, by their numbers: moderator, for an operator, or voice. Mostly one, or none.
    roles: BTreeMap<u64, Role>,
    /// While the policy is transient: what it is without their decisions.
    pub lasting: Option<Arc<Policy>>,
}

impl Room {
    /// A member is about to enter: if it opens the room, it is its operator. Nobody opens the first room, which clients
    /// enter without asking for it.
    pub(super) fn appoint_opener(&mut self, member: &RoomMember) {
        let opens = self.members.users() == 0 && self.moderation.policy.is_none() && self.ring.newest() == 0;
        let may_be_opened = self.private.is_none() && self.name.as_str() != FIRST_ROOM;
        if opens && may_be_opened && member.visibility.is_announced() {
            self.operators.roles.insert(member.connection, Role::Moderator);
        }
    }

    /// A member has left, or was evicted.
    pub(super) fn dismiss(&mut self, member: &RoomMember, reason: &LeaveReason, effects: &mut Vec<Effect>) {
        // Under another name it comes back.
        if *reason != LeaveReason::Renamed {
            self.operators.roles.remove(&member.connection);
        }
        if self.members.users() > 0 {
            return;
        }
        self.operators.roles.clear();
        if self.moderation.policy.as_ref().is_some_and(|policy| policy.is_transient()) {
            self.moderation.policy = self.operators.lasting.take();
            // Before the member's seat goes: who opens the next room of this name finds the policy that lasts.
            effects.push(Effect::PolicyChanged(self.moderation.policy.clone()));
        }
    }

    /// The role of a connection: none where there is an owner.
    pub(super) fn appointed_role(&self, connection: u64) -> Option<Role> {
        self.operators.roles.get(&connection).copied().filter(|_| self.policy().owner().is_none())
    }

    /// The speaker as the room's policy knows them. A non-member has no role, whatever their name.
    pub(super) fn actor<'a>(&self, speaker: &'a Speaker) -> Actor<'a> {
        let connection = self.members.member(speaker.member).map(|member| member.connection);
        let appointed = connection.and_then(|connection| self.appointed_role(connection));
        Actor { appointed, ..speaker.actor() }
    }

    /// The users behind the connections that have a role, in order, each with the highest of theirs.
    pub(super) fn appointed(&self) -> Vec<(UserName, Role)> {
        if self.operators.roles.is_empty() {
            return Vec::new();
        }
        let mut found = BTreeMap::new();
        for (_, member) in self.members.members() {
            if let Some(role) = self.appointed_role(member.connection) {
                let highest = found.entry(member.user.clone()).or_insert(role);
                *highest = role.max(*highest);
            }
        }
        Vec::from_iter(found)
    }

    /// The users in the room, and to whom operators have given a role.
    pub(super) fn listed(&self) -> Event {
        let (members, count) = (self.members.presences(), self.members.users());
        Event::Members { room: self.name.clone(), members, count, appointed: self.appointed() }
    }

    /// The same of one user, who may not be in it.
    pub(super) fn listed_alone(&self, user: &UserName) -> Event {
        let members = Vec::from_iter(self.members.presence(user));
        let appointed = Vec::from_iter(self.appointed().into_iter().find(|(one, _)| one == user));
        Event::Members { room: self.name.clone(), count: members.len(), members, appointed }
    }

    /// An operator gives a user who is in the room a role: on all their connections.
    pub(super) fn appoint(
        &mut self,
        speaker: Speaker,
        (user, role): (UserName, Role),
        (note, at): (Option<Note>, Time),
        effects: &mut Vec<Effect>,
    ) {
        let theirs = self.members.members().filter(|(_, member)| member.user == user && member.visibility.is_listed());
        let theirs: Vec<_> = theirs.map(|(_, member)| member.connection).collect();
        if theirs.is_empty() {
            let refusal = Refusal::new(Code::NotFound, format!("{user} is not in {}", self.name));
            return effects.push(Effect::One(speaker.member, None, Event::Refused(refusal)));
        }
        let roles = &mut self.operators.roles;
        let given = Some(role).filter(|role| *role > Role::Member);
        let before: Vec<_> = theirs.iter().map(|connection| roles.get(connection).copied()).collect();
        for connection in theirs {
            match given {
                Some(role) => _ = roles.insert(connection, role),
                None => _ = roles.remove(&connection),
            }
        }
        if before.iter().all(|role| *role == given) {
            return effects.push(Effect::One(speaker.member, None, Event::Done));
        }
        let was = before.into_iter().max().flatten();
        let action = ModerationAction { change: ModerationChange::Role { user, role, was, former_owner: None }, note };
        let event = Event::Moderated { room: self.name.clone(), by: speaker.user, action, evicted: false, at };
        effects.push(Effect::Everyone(event.clone()));
        effects.push(Effect::One(speaker.member, None, event));
    }
}

/// Whom a request gives which role where operators moderate. A room of theirs gets no owner.
pub(super) fn appointment(request: &ModerationRequest) -> Option<(UserName, Role)> {
    match request {
        ModerationRequest::Appoint { user, role } | ModerationRequest::Role { user, role } => {
            Some((user.clone(), *role)).filter(|_| *role < Role::Owner)
        }
        _ => None,
    }
}
