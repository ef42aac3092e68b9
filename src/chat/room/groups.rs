//! The groups of a room: which of their members is given which message.
//!
//! A part of [`Room`], stepped with it; costs one look at an empty map where nobody is in a group. A group is there from
//! the first join that names it, in this server's memory alone. What waits for it is bounded. Where the room has an
//! owner, whoever is in a group is on the list, and a message that has no space is refused, so none is lost. Elsewhere
//! anybody may be in one, and must not keep others from speaking: the oldest message leaves the group, and the next assignment says how many have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Effect, Room};
use crate::chat::draft::Operation;
use crate::chat::event::Event;
use crate::chat::group::{GroupName, GroupOptions};
use crate::chat::id::Id;
use crate::chat::join_options::JoinOptions;
use crate::chat::limits::Limits;
use crate::chat::members::MemberId;
use crate::chat::message::{Body, Message};
use crate::chat::policy::{Actor, Privilege};
use crate::chat::refusal::{Code, Refusal};
use crate::chat::ring::Ring;
use crate::chat::speaker::Speaker;
use crate::chat::time::Time;
use crate::chat::work_queue::{Assignment, WorkQueue};

/// Groups of one room, at most.
const GROUPS_MAX: usize = 16;

/// The groups of one room.
#[derive(Debug)]
pub struct Groups {
    queues: BTreeMap<GroupName, WorkQueue>,
    /// The group of each member that is in one.
    members: BTreeMap<MemberId, GroupName>,
    messages_max: usize,
    /// Bytes that may wait for one group; of one member half as much.
    bytes_max: usize,
    /// What a member has at once fits into its outbox twice.
    prefetch_max: usize,
}

impl Groups {
    /// None, with these bounds.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let (messages_max, bytes_max) = (limits.group_messages_max, limits.outbox_bytes);
        let prefetch_max = (limits.outbox_messages / 2).max(1);
        Self { queues: BTreeMap::new(), members: BTreeMap::new(), messages_max, bytes_max, prefetch_max }
    }

    /// Whether this member is in one.
    #[must_use]
    pub fn have(&self, member: MemberId) -> bool {
        self.members.contains_key(&member)
    }

    /// When [`Room::expire_groups`] has something to do, on the monotonic clock.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.queues.values().filter_map(WorkQueue::due).min()
    }

    /// Forgets them: the next message is the first of another history.
    pub fn clear(&mut self) {
        (self.queues, self.members) = Default::default();
    }

    /// Whether one more is let in: one in which nobody is and for which nothing waits gives its place.
    fn make_space(&mut self, name: &GroupName) -> bool {
        if self.queues.contains_key(name) || self.queues.len() < GROUPS_MAX {
            return true;
        }
        let unused = self.queues.iter().filter(|(_, queue)| queue.waiting() == 0);
        let unused = unused.filter_map(|(name, queue)| Some((queue.empty_since()?, name.clone())));
        unused.min().is_some_and(|(_, name)| self.queues.remove(&name).is_some())
    }

    fn of(&mut self, member: MemberId) -> Option<&mut WorkQueue> {
        self.queues.get_mut(self.members.get(&member)?)
    }

    /// The first group for which more would wait than may, with so much more. One message always may.
    fn full(&self, messages: usize, bytes: usize) -> Option<&GroupName> {
        let is_full = |queue: &WorkQueue| {
            let (messages, bytes) = (queue.waiting() + messages, queue.waiting_bytes() + bytes);
            messages > 1 && (messages > self.messages_max || bytes > self.bytes_max)
        };
        self.queues.iter().find(|(_, queue)| is_full(queue)).map(|(name, _)| name)
    }
}

impl Room {
    /// Whether this user may be in the group that a join names, if it names one.
    pub(super) fn admits_to_group(&mut self, actor: Actor<'_>, options: &JoinOptions) -> Result<(), Refusal> {
        let Some(group) = &options.group else { return Ok(()) };
        if self.private.is_some() {
            return Err(Refusal::bad_request("A private conversation has no groups"));
        }
        let policy = self.policy();
        if policy.owner().is_some() && policy.privilege(actor) < Privilege::Member {
            let message = format!("Only who is on the list of {} is in a group there", self.name);
            return Err(Refusal::new(Code::Forbidden, message));
        }
        if self.groups.make_space(&group.name) {
            return Ok(());
        }
        Err(Refusal::new(Code::RoomFull, format!("The room {} has {GROUPS_MAX} groups", self.name)))
    }

    /// Adds a member to its group, if its join names one, and gives it its part.
    pub(super) fn join_group(&mut self, id: MemberId, options: Option<&GroupOptions>, effects: &mut Vec<Effect>) {
        let (Some(options), now) = (options, self.last_input) else { return };
        let Groups { queues, members, bytes_max, prefetch_max, .. } = &mut self.groups;
        let queue = queues.entry(options.name.clone()).or_insert_with(|| WorkQueue::new(*bytes_max / 2, now));
        queue.join(id, options.prefetch.min(*prefetch_max), options.visibility);
        members.insert(id, options.name.clone());
        self.assign(effects);
    }

    /// A member is gone, or detached: what it has, others are given.
    pub(super) fn leave_group(&mut self, id: MemberId, is_detached: bool, effects: &mut Vec<Effect>) {
        let now = self.last_input;
        let Some(queue) = self.groups.of(id) else { return };
        if is_detached {
            queue.detach(id);
        } else {
            queue.leave(id, now);
            self.groups.members.remove(&id);
        }
        self.assign(effects);
    }

    /// A member has a connection again.
    pub(super) fn resume_group(&mut self, id: MemberId, effects: &mut Vec<Effect>) {
        if let Some(queue) = self.groups.of(id) {
            queue.resume(id);
            self.assign(effects);
        }
    }

    /// A member has done a message.
    pub(super) fn finish(&mut self, speaker: &Speaker, seq: u64, id: Option<Id>, effects: &mut Vec<Effect>) {
        let is_done = self.groups.of(speaker.member).is_some_and(|queue| queue.done(speaker.member, seq));
        let refusal = || Refusal::new(Code::NotFound, format!("The message {seq} is not yours, or no longer"));
        let answer = if is_done { Event::Done } else { Event::Refused(refusal()) };
        effects.push(Effect::One(speaker.member, id, answer));
        if is_done {
            self.assign(effects);
        }
    }

    /// Why a message has no space in a group; `None`: it has, or takes it.
    pub(super) fn lacks_group_space(&self, body: &Body) -> Option<Refusal> {
        if self.groups.queues.is_empty() || self.policy().owner().is_none() {
            return None;
        }
        let drafts = self.drafts.iter().filter_map(|draft| match &draft.operation {
            Operation::Publish { publication, .. } => Some(&publication.body),
            _ => None,
        });
        let sizes = drafts.chain([body]).map(Ring::size_with);
        let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
        let name = self.groups.full(count, bytes)?.as_str();
        Some(Refusal::new(Code::RoomFull, format!("As much waits for the group {name} as may")))
    }

    /// A message was shown: each group has one more.
    pub(super) fn share_out(&mut self, message: &Arc<Message>, effects: &mut Vec<Effect>) {
        if self.groups.queues.is_empty() {
            return;
        }
        self.groups.queues.values_mut().for_each(|queue| queue.push(Arc::clone(message)));
        self.assign(effects);
        while let Some(name) = self.groups.full(0, 0).cloned() {
            let Some(queue) = self.groups.queues.get_mut(&name) else { return };
            queue.drop_oldest();
        }
    }

    /// A message that waits, or that a member has, has another body.
    pub(super) fn change_in_groups(&mut self, seq: u64, body: &Body, at: Time) {
        self.groups.queues.values_mut().for_each(|queue| queue.change(seq, body, at));
    }

    /// Gives others what members had for too long, and forgets the groups in which nobody has been for long.
    pub(super) fn expire_groups(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.groups.due().is_none_or(|due| due > now) {
            return;
        }
        self.groups.queues.values_mut().for_each(|queue| queue.expire(now));
        self.groups.queues.retain(|_, queue| !queue.is_over(now));
        self.assign(effects);
    }

    /// Gives what waits to whose turn it is.
    pub(super) fn assign(&mut self, effects: &mut Vec<Effect>) {
        let now = self.last_input;
        for (name, queue) in &mut self.groups.queues {
            let assigned = |Assignment { member, message, redelivered, missed }: Assignment| {
                Effect::One(member, None, Event::Assigned { message, group: name.clone(), redelivered, missed })
            };
            effects.extend(queue.assign(now).into_iter().map(assigned));
        }
    }
}
