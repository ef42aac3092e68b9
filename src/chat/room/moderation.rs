//! Moderation of a room: which requests its policy allows, how it changes, and whom a change evicts.
//!
//! A part of [`Room`], stepped with it. A change is a draft like a message: it is in force, and
//! announced, when it is stored and not before. The broker settles at once, so no request after a
//! moderation request is decided by the policy before it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::operators::appointment;
use super::{Effect, Room};
use crate::chat::UserName;
use crate::chat::draft::{Draft, Epoch, Operation};
use crate::chat::event::Event;
use crate::chat::id::Id;
use crate::chat::identity::AuthLevel;
use crate::chat::leave_reason::LeaveReason;
use crate::chat::members::MemberId;
use crate::chat::note::Note;
use crate::chat::policy::{
    Actor, AuditEntry, ModerationAction, ModerationChange, ModerationRequest, Policy, Privilege, Role, RoomOptions,
};
use crate::chat::refusal::{Code, Refusal};
use crate::chat::room_request::RoomRequest;
use crate::chat::speaker::Speaker;
use crate::chat::time::{Moment, Time};

/// The policy of a room that has none of its own.
static NONE: Policy = Policy::none();

/// Entries of the audit log that a room keeps when its store does not.
const AUDIT_MAX: usize = 200;

/// The moderation state of a room.
#[derive(Debug, Default)]
pub(super) struct Moderation {
    /// `None`: anybody may join and speak.
    pub policy: Option<Arc<Policy>>,
    /// In slow mode: when each user last published, on the monotonic clock.
    last_message: BTreeMap<UserName, Duration>,
    /// At how many entries those are removed whose users may publish again.
    last_message_max: usize,
    /// The newest entries of the audit log, and how many there were; only where the store keeps none.
    audit: VecDeque<AuditEntry>,
    audited: u64,
}

impl Room {
    /// With this policy.
    #[must_use]
    pub fn with_policy(mut self, policy: Option<Arc<Policy>>) -> Self {
        self.moderation.policy = policy;
        self
    }

    /// Whether a user may join.
    pub(super) fn admits(&self, actor: Actor<'_>, now: Time) -> Result<(), Refusal> {
        self.moderation.policy.as_ref().map_or(Ok(()), |policy| policy.may_enter(actor, now))
    }

    /// Whether the policy has a place for this user, who may be in the room already.
    pub(super) fn has_place(&self, actor: Actor<'_>) -> Result<(), Refusal> {
        match &self.moderation.policy {
            Some(policy) if !self.members.has(actor.user) => policy.has_place(actor, self.members.users()),
            _ => Ok(()),
        }
    }

    /// Whether the policy allows this request. Costs nothing where there is no policy.
    pub(super) fn authorize(&mut self, speaker: &Speaker, request: &RoomRequest, now: Moment) -> Result<(), Refusal> {
        let Some(policy) = &self.moderation.policy else { return Ok(()) };
        let actor = self.actor(speaker);
        // A member was admitted when it joined; a non-member was not.
        if policy.restricts_joining() && self.members.member(speaker.member).is_none() {
            match request {
                RoomRequest::Publish { .. } => policy.may_enter(actor, now.at)?,
                RoomRequest::Edit { .. } if policy.is_seen_by(actor) => policy.may_enter(actor, now.at)?,
                // Refused below: the name is taken.
                RoomRequest::Create(_) => {}
                // Whoever shows the code of an invitation.
                RoomRequest::Moderate { request: ModerationRequest::Admit { .. }, .. } => {}
                _ if !policy.is_seen_by(actor) => return Err(Refusal::no_room(&self.name)),
                _ => {}
            }
        }
        match request {
            RoomRequest::Publish { .. } => {
                policy.may_speak(actor, now.at)?;
                let wait = policy.slow_mode();
                if wait.is_zero() || policy.privilege(actor) >= Privilege::Moderator {
                    return Ok(());
                }
                let checked = self.moderation.check_slow_mode(&speaker.user, wait, now.since_start);
                checked.map_err(|rest| Refusal::slow_mode(&self.name, wait, rest))
            }
            // Who may not speak may delete, and says nothing with it.
            RoomRequest::Edit { body, .. } if !body.is_empty() => policy.may_speak(actor, now.at),
            RoomRequest::Typing(true) => policy.may_speak(actor, now.at),
            _ => Ok(()),
        }
    }

    /// A user has published on another server: in slow mode that counts as here.
    pub(super) fn saw_message(&mut self, user: &UserName) {
        if self.moderation.policy.as_ref().is_some_and(|policy| !policy.slow_mode().is_zero()) {
            self.moderation.last_message.insert(user.clone(), self.last_input);
        }
    }

    /// The message was not stored: its author may publish it again at once.
    pub(super) fn forget_last_message(&mut self, speaker: &Speaker) {
        self.moderation.last_message.remove(&speaker.user);
    }

    /// Whether this speaker may delete other users' messages. An operator may not: that would outlast the room.
    pub(super) fn may_delete_others(&self, speaker: &Speaker) -> bool {
        self.policy().may_delete_others(speaker.actor())
    }

    /// Creates the room: it stays when nobody is in it.
    pub(super) fn create(&mut self, speaker: Speaker, options: RoomOptions, now: Moment, effects: &mut Vec<Effect>) {
        let owner = (speaker.auth_level > AuthLevel::Guest).then(|| speaker.user.clone());
        // An owner moderates all messages of the room; so a room with messages of others cannot be owned.
        let has_messages = owner.is_some() && self.ring.newest() > 0;
        let is_deserted = self.members.is_empty() && self.members.elsewhere() == 0;
        if self.moderation.policy.is_some() || !is_deserted || has_messages {
            let refusal = Refusal::new(Code::NameTaken, format!("There is a room {}", self.name));
            return effects.push(Effect::One(speaker.member, None, Event::Refused(refusal)));
        }
        let request = RoomRequest::Create(options.clone());
        let RoomOptions { private, members } = options;
        let stays = owner.is_some() && self.kept;
        let change = ModerationChange::Created { private, owner, members };
        if stays {
            let operation = Operation::Moderate(ModerationAction { change, note: None });
            self.drafts.push(Draft { request: Some(Box::new(request)), ..Draft::new(speaker, operation, now.at) });
        } else {
            self.apply(&change, &speaker.user, (now.at, true), effects);
            self.moderated(speaker, ModerationAction { change, note: None }, now.at, None, effects);
        }
    }

    /// Makes a draft of the change that is asked for, if it is allowed; what an operator decides is in force at once.
    pub(super) fn moderate(
        &mut self,
        (speaker, connection): (Speaker, Option<u64>),
        request: ModerationRequest,
        note: Option<Note>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let appointed = connection.and_then(|connection| self.appointed_role(connection));
        let operator = appointed == Some(Role::Moderator) && speaker.auth_level < AuthLevel::Admin;
        if let Some(appointment) = appointment(&request).filter(|_| operator) {
            return self.appoint(speaker, appointment, (note, now.at), effects);
        }
        match self.decide(Actor { appointed, ..speaker.actor() }, &request, now.at) {
            Err(refusal) => effects.push(Effect::One(speaker.member, None, Event::Refused(refusal))),
            Ok(None) => effects.push(Effect::One(speaker.member, None, Event::Done)),
            // So does what everybody may do because an operator has said so.
            Ok(Some(change)) if operator || self.ends_with_operators(&speaker, &change) => {
                self.apply(&change, &speaker.user, (now.at, false), effects);
                self.moderated(speaker, ModerationAction { change, note }, now.at, None, effects);
            }
            Ok(Some(change)) => {
                let operation = Operation::Moderate(ModerationAction { change, note: note.clone() });
                let request = Some(Box::new(RoomRequest::Moderate { request, note, connection }));
                self.drafts.push(Draft { request, ..Draft::new(speaker, operation, now.at) });
            }
        }
    }

    /// Whether a change that somebody else makes in a room of operators ends with what they have decided.
    fn ends_with_operators(&self, speaker: &Speaker, change: &ModerationChange) -> bool {
        let is_open = matches!(change, ModerationChange::Described(_));
        is_open && self.policy().is_transient() && self.policy().privilege(speaker.actor()) < Privilege::Moderator
    }

    fn decide(
        &self,
        actor: Actor<'_>,
        request: &ModerationRequest,
        now: Time,
    ) -> Result<Option<ModerationChange>, Refusal> {
        let is_there = self.moderation.policy.is_some() || !self.members.is_empty() || self.ring.newest() > 0;
        if !is_there || self.private.is_some() {
            return Err(Refusal::no_room(&self.name));
        }
        let change = self.policy().decide(&self.name, actor, request, now)?;
        if let ModerationRequest::Pin { seq } | ModerationRequest::Unpin { seq } = request
            && !(1..=self.ring.newest()).contains(seq)
        {
            return Err(Refusal::new(Code::NotFound, format!("There is no message {seq}")));
        }
        match &change {
            Some(ModerationChange::Kicked { user }) if !self.members.has(user) => {
                Err(Refusal::new(Code::NotFound, format!("{user} is not in {}", self.name)))
            }
            _ => Ok(change),
        }
    }

    /// A change is in force: it is announced.
    pub(super) fn moderated(
        &mut self,
        speaker: Speaker,
        action: ModerationAction,
        at: Time,
        id: Option<Id>,
        effects: &mut Vec<Effect>,
    ) {
        self.record(&speaker.user, &action, at);
        if let ModerationChange::Created { owner, .. } = &action.change {
            let pinned = owner.is_none() || !self.kept;
            return effects.push(Effect::One(speaker.member, id, Event::Created { room: self.name.clone(), pinned }));
        }
        let out = action.change.user().filter(|_| action.change.evicts()).cloned();
        let evicted = out.as_ref().is_some_and(|user| self.members.has(user));
        let is_told = is_told(&action.change);
        let event = Event::Moderated { room: self.name.clone(), by: speaker.user, action, evicted, at };
        effects.extend(is_told.then(|| Effect::Everyone(event.clone())));
        if let Some(user) = out {
            self.evict(&user, at, effects);
        }
        // The answer comes last: a client that has it may rely on all the rest.
        effects.push(Effect::One(speaker.member, id, event));
    }

    /// Another server's change is in force, and announced. Whoever came here before the room was created as a private
    /// one is a stranger to it.
    pub(super) fn moderated_elsewhere(
        &mut self,
        by: UserName,
        mut action: ModerationAction,
        at: Time,
        effects: &mut Vec<Effect>,
    ) {
        if let ModerationChange::Role { user, role, was, former_owner } = &mut action.change {
            *was = self.policy().people().get(user).copied();
            *former_owner = self.policy().owner().cloned().filter(|_| *role == Role::Owner);
        }
        self.apply(&action.change, &by, (at, true), effects);
        if let ModerationChange::Created { .. } = action.change {
            let strangers = self.members.members().filter(|(_, member)| {
                !self.policy().is_seen_by(Actor { user: &member.user, auth_level: member.auth_level, appointed: None })
            });
            let strangers: BTreeSet<_> = strangers.map(|(_, member)| member.user.clone()).collect();
            return strangers.iter().for_each(|user| self.evict(user, at, effects));
        }
        let out = action.change.user().filter(|_| action.change.evicts()).cloned();
        let evicted = out.as_ref().is_some_and(|user| self.members.has(user));
        if is_told(&action.change) {
            effects.push(Effect::Everyone(Event::Moderated { room: self.name.clone(), by, action, evicted, at }));
        }
        if let Some(user) = out {
            self.evict(&user, at, effects);
        }
    }

    /// Puts a change in force, and in the policy index; one that does not last, until the room is empty.
    pub(super) fn apply(
        &mut self,
        change: &ModerationChange,
        by: &UserName,
        (at, lasts): (Time, bool),
        effects: &mut Vec<Effect>,
    ) {
        let policy = self.moderation.policy.take();
        let is_transient = policy.as_ref().is_some_and(|policy| policy.is_transient());
        if lasts && is_transient {
            Arc::make_mut(self.operators.lasting.get_or_insert_default()).apply(change, by, at);
        } else if !lasts && !is_transient {
            self.operators.lasting.clone_from(&policy);
        }
        let mut policy = policy.map(Arc::unwrap_or_clone).unwrap_or_default();
        policy.apply(change, by, at);
        let policy = if lasts { policy } else { policy.made_transient() };
        let policy = Arc::new(policy);
        self.moderation.policy = Some(Arc::clone(&policy));
        // Before it is announced: requests that do not reach the room are decided by it from now on.
        effects.push(Effect::PolicyChanged(Some(policy)));
    }

    /// The room has ended: all members are evicted, and joins on their way find a new history. Returns what they are
    /// told.
    pub(super) fn end(
        &mut self,
        by: UserName,
        action: ModerationAction,
        (at, epoch): (Time, Epoch),
        effects: &mut Vec<Effect>,
    ) -> Event {
        self.moderation = Moderation::default();
        self.operators = Default::default();
        self.receipts = Default::default();
        self.counts.clear();
        self.epoch = epoch.to_string().into();
        self.ring.clear();
        self.last_values = Default::default();
        self.groups.clear();
        effects.push(Effect::PolicyChanged(None));
        let (room, evicted) = (self.name.clone(), false);
        let event = Event::Moderated { room, by, action, evicted, at };
        effects.push(Effect::Everyone(event.clone()));
        let members: Vec<_> = self.members.members().map(|(id, _)| id).collect();
        for id in members {
            self.members.leave(id, &LeaveReason::Evicted);
            effects.push(Effect::Evicted(id));
        }
        // Whoever is told of again is in the history that begins.
        self.members.clear_elsewhere();
        event
    }

    /// Adds the deletion of another user's message to the audit log, where the room keeps it and not the
    /// store.
    pub(super) fn record_deletion(&mut self, speaker: &Speaker, seq: u64, note: Option<&Note>, at: Time) {
        let Some(user) = self.ring.author(seq).filter(|author| **author != speaker.user).cloned() else { return };
        self.record(
            &speaker.user,
            &ModerationAction { change: ModerationChange::Deleted { user, seq }, note: note.cloned() },
            at,
        );
    }

    /// The newest entries of the audit log before the number `before`, at most `count`.
    pub(super) fn audit(&self, speaker: &Speaker, before: u64, count: usize) -> Event {
        if let Err(refusal) = self.policy().may_audit(&self.name, speaker.actor()) {
            return Event::Refused(refusal);
        }
        let entries = self.moderation.audit.iter().filter(|entry| entry.number < before);
        let skip = entries.clone().count().saturating_sub(count);
        Event::Audit { room: self.name.clone(), entries: entries.skip(skip).cloned().collect() }
    }

    /// Tells a new member what the room is about, if anything, and that they are in.
    pub(super) fn introduce(&self, id: MemberId, user: &UserName, effects: &mut Vec<Effect>) {
        if !self.policy().subject().is_empty() {
            effects.push(Effect::One(id, None, self.about()));
        }
        effects.push(Effect::One(id, None, Event::Entered { room: self.name.clone(), user: user.clone() }));
    }

    /// What the room is about.
    pub(super) fn about(&self) -> Event {
        Event::About { room: self.name.clone(), subject: self.policy().subject().clone() }
    }

    pub(super) fn policy(&self) -> &Policy {
        self.moderation.policy.as_deref().unwrap_or(&NONE)
    }

    /// Evicts all connections of a user.
    fn evict(&mut self, user: &UserName, at: Time, effects: &mut Vec<Effect>) {
        let theirs = self.members.members().filter(|(_, member)| member.user == *user);
        let theirs: Vec<_> = theirs.map(|(id, _)| id).collect();
        let mut announce = false;
        for id in theirs {
            if let Some((member, announced, _)) = self.members.leave(id, &LeaveReason::Evicted) {
                announce |= announced;
                self.dismiss(&member, &LeaveReason::Evicted, effects);
            }
            effects.push(Effect::Evicted(id));
            self.leave_group(id, false, effects);
        }
        if self.members.set_typing(user, None) && !announce {
            effects.push(self.typing(user.clone(), false));
        }
        if announce {
            let (room, user) = (self.name.clone(), user.clone());
            effects.push(Effect::Everyone(Event::Leave { room, user, reason: LeaveReason::Evicted, at }));
        }
    }

    fn record(&mut self, by: &UserName, action: &ModerationAction, at: Time) {
        if self.kept {
            return;
        }
        let Moderation { audit, audited, .. } = &mut self.moderation;
        *audited += 1;
        audit.push_back(AuditEntry { number: *audited, at, by: by.clone(), action: action.clone() });
        if audit.len() > AUDIT_MAX {
            audit.pop_front();
        }
    }
}

/// Whether the members are told of a change: that a user has entered is told by the join.
fn is_told(change: &ModerationChange) -> bool {
    !matches!(change, ModerationChange::Accepted { .. })
}

impl Moderation {
    /// Puts another name in the place of a user's in the audit, as far as the room keeps it.
    pub(super) fn rename(&mut self, user: &UserName, alias: &UserName) {
        self.last_message.remove(user);
        for entry in &mut self.audit {
            if entry.by == *user {
                entry.by = alias.clone();
            }
            if let Some(about) = entry.action.change.user_mut().filter(|about| **about == *user) {
                *about = alias.clone();
            }
        }
    }

    /// Lets a user publish once in a while; else returns how long to wait.
    fn check_slow_mode(&mut self, user: &UserName, wait: Duration, now: Duration) -> Result<(), Duration> {
        if let Some(at) = self.last_message.get(user).filter(|at| **at + wait > now) {
            return Err(*at + wait - now);
        }
        if self.last_message.len() >= self.last_message_max {
            self.last_message.retain(|_, at| *at + wait > now);
            self.last_message_max = 2 * self.last_message.len() + 64;
        }
        self.last_message.insert(user.clone(), now);
        Ok(())
    }
}
