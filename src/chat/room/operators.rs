//! The operators of a room that nobody owns: the connection that opened it, and those that an operator added.
//!
//! A part of [`Room`], stepped with it. An operator is a connection and not a user, since anybody may use a guest's name;
//! it is one until it leaves. What operators decide is in force at once and in no store: it ends with the room's last
//! member, so that nobody is bound by somebody who is gone. A room in which anything was ever said is not opened anew,
//! and has none: its messages are those of others.

use std::collections::BTreeSet;
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
    /// The numbers of their connections; mostly one, or none.
    connections: Vec<u64>,
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
            self.operators.connections.push(member.connection);
        }
    }

    /// A member has left, or was evicted.
    pub(super) fn dismiss(&mut self, member: &RoomMember, reason: &LeaveReason, effects: &mut Vec<Effect>) {
        // Under another name it comes back.
        if *reason != LeaveReason::Renamed {
            self.operators.connections.retain(|connection| *connection != member.connection);
        }
        if self.members.users() > 0 {
            return;
        }
        self.operators.connections.clear();
        if self.moderation.policy.as_ref().is_some_and(|policy| policy.is_transient()) {
            self.moderation.policy = self.operators.lasting.take();
            // Before the member's seat goes: who opens the next room of this name finds the policy that lasts.
            effects.push(Effect::PolicyChanged(self.moderation.policy.clone()));
        }
    }

    /// Whether a connection is an operator: never where there is an owner.
    pub(super) fn is_operator(&self, connection: Option<u64>) -> bool {
        let is_one = connection.is_some_and(|connection| self.operators.connections.contains(&connection));
        is_one && self.policy().owner().is_none()
    }

    /// The speaker as the room's policy knows them. A non-member is no operator, whatever their name.
    pub(super) fn actor<'a>(&self, speaker: &'a Speaker) -> Actor<'a> {
        let connection = self.members.member(speaker.member).map(|member| member.connection);
        Actor { operator: self.is_operator(connection), ..speaker.actor() }
    }

    /// The users behind the operators, in order.
    pub(super) fn operators(&self) -> Vec<UserName> {
        if self.operators.connections.is_empty() {
            return Vec::new();
        }
        let members = self.members.members().map(|(_, member)| member);
        let found = members.filter(|member| self.is_operator(Some(member.connection)));
        Vec::from_iter(found.map(|member| member.user.clone()).collect::<BTreeSet<_>>())
    }

    /// An operator makes a user who is in the room another one, or ends that.
    pub(super) fn appoint(
        &mut self,
        speaker: Speaker,
        (user, on): (UserName, bool),
        (note, at): (Option<Note>, Time),
        effects: &mut Vec<Effect>,
    ) {
        let theirs = self.members.members().filter(|(_, member)| member.user == user && member.visibility.is_listed());
        let theirs: Vec<_> = theirs.map(|(_, member)| member.connection).collect();
        if theirs.is_empty() {
            let refusal = Refusal::new(Code::NotFound, format!("{user} is not in {}", self.name));
            return effects.push(Effect::One(speaker.member, None, Event::Refused(refusal)));
        }
        let before = self.operators.connections.len();
        let operators = &mut self.operators.connections;
        if on {
            let new: Vec<_> = theirs.into_iter().filter(|connection| !operators.contains(connection)).collect();
            operators.extend(new);
        } else {
            operators.retain(|connection| !theirs.contains(connection));
        }
        if operators.len() == before {
            return effects.push(Effect::One(speaker.member, None, Event::Done));
        }
        let role = if on { Role::Moderator } else { Role::Member };
        let action = ModerationAction { change: ModerationChange::Role { user, role }, note };
        let event = Event::Moderated { room: self.name.clone(), by: speaker.user, action, evicted: false, at };
        effects.push(Effect::Everyone(event.clone()));
        effects.push(Effect::One(speaker.member, None, event));
    }
}

/// Whom a request makes an operator where operators moderate, or no longer one.
pub(super) fn appointment(request: &ModerationRequest) -> Option<(UserName, bool)> {
    match request {
        ModerationRequest::Operator { user, on } => Some((user.clone(), *on)),
        ModerationRequest::Role { user, role: Role::Moderator } => Some((user.clone(), true)),
        ModerationRequest::Role { user, role: Role::Member } => Some((user.clone(), false)),
        _ => None,
    }
}
