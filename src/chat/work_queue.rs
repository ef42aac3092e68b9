//! The messages of one group: which wait, which member has which, and whose turn it is.
//!
//! Part of a room, stepped with it; time is an argument. A message is in one place: it waits, or it is one member's. It
//! goes with [`WorkQueue::done`], and back among those that wait, in the order of their numbers, when its member is gone
//! or its time is over. Members that have room are given the oldest in turn. Nothing here looks at all messages or at
//! all members but the end of a member.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::members::MemberId;
use super::message::{Body, Message};
use super::ring::Ring;
use super::time::Time;

/// How long a group without members is kept, with what waits for it.
pub const KEPT_FOR: Duration = Duration::from_secs(60 * 60);

/// A message for a member.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Who is given it.
    pub member: MemberId,
    /// The message.
    pub message: Arc<Message>,
    /// Whether a member, perhaps this one, had it before and has not done it.
    pub redelivered: bool,
    /// How many messages had no space in the group since the last assignment.
    pub missed: u64,
}

#[derive(Debug)]
struct Waiting {
    message: Arc<Message>,
    redelivered: bool,
}

#[derive(Debug)]
struct Assigned {
    message: Arc<Message>,
    member: MemberId,
    /// Until when it is the member's, on the monotonic clock.
    until: Duration,
}

#[derive(Debug)]
struct Worker {
    prefetch: usize,
    visibility: Duration,
    /// The messages that it has.
    has: BTreeSet<u64>,
    bytes: usize,
    /// Whether its connection is lost, so that it is given nothing.
    detached: bool,
    /// Whether it is in the list of turns.
    in_turn: bool,
}

/// See the module.
#[derive(Debug)]
pub struct WorkQueue {
    waiting: BTreeMap<u64, Waiting>,
    waiting_bytes: usize,
    assigned: BTreeMap<u64, Assigned>,
    /// When the messages that members have are theirs no longer, and their numbers.
    ends: BTreeSet<(Duration, u64)>,
    members: BTreeMap<MemberId, Worker>,
    /// Members that had room when they were put here: the next one first.
    turns: VecDeque<MemberId>,
    /// Bytes of messages that a member has, after which it is given no further one.
    member_bytes: usize,
    /// Messages that had no space, and of which no member was told.
    missed: u64,
    /// Since when it has had no member.
    empty_since: Option<Duration>,
}

impl WorkQueue {
    /// A group that has no member yet. A member that has so many bytes of messages is given no further one.
    #[must_use]
    pub fn new(member_bytes: usize, now: Duration) -> Self {
        Self {
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            assigned: BTreeMap::new(),
            ends: BTreeSet::new(),
            members: BTreeMap::new(),
            turns: VecDeque::new(),
            member_bytes,
            missed: 0,
            empty_since: Some(now),
        }
    }

    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many bytes of messages wait.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Since when nobody is in it; `None`: somebody is.
    #[must_use]
    pub fn empty_since(&self) -> Option<Duration> {
        self.empty_since
    }

    /// When [`Self::expire`] has something to do, or the group is over: on the monotonic clock.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let over = self.empty_since.map(|since| since + KEPT_FOR);
        self.ends.first().map(|(until, _)| *until).into_iter().chain(over).min()
    }

    /// Whether it had no member for so long that it is over.
    #[must_use]
    pub fn is_over(&self, now: Duration) -> bool {
        self.empty_since.is_some_and(|since| since + KEPT_FOR <= now)
    }

    /// A member joins, which has at most `prefetch` messages at once, each for as long as `visibility`.
    pub fn join(&mut self, id: MemberId, prefetch: usize, visibility: Duration) {
        let (has, bytes, detached, in_turn) = (BTreeSet::new(), 0, false, false);
        self.members.insert(id, Worker { prefetch, visibility, has, bytes, detached, in_turn });
        self.empty_since = None;
        self.queue(id);
    }

    /// A member is gone: what it has, others get.
    pub fn leave(&mut self, id: MemberId, now: Duration) {
        self.release(id);
        self.members.remove(&id);
        self.turns.retain(|other| *other != id);
        if self.members.is_empty() {
            self.empty_since = Some(now);
        }
    }

    /// A member's connection is lost: what it has, others get; it is given nothing until it is back.
    pub fn detach(&mut self, id: MemberId) {
        self.release(id);
        if let Some(worker) = self.members.get_mut(&id) {
            (worker.detached, worker.in_turn) = (true, false);
            self.turns.retain(|other| *other != id);
        }
    }

    /// A member has a connection again.
    pub fn resume(&mut self, id: MemberId) {
        if let Some(worker) = self.members.get_mut(&id) {
            worker.detached = false;
            self.queue(id);
        }
    }

    /// A new message waits.
    pub fn push(&mut self, message: Arc<Message>) {
        self.wait(message, false);
    }

    /// Forgets the oldest message that waits; the next assignment says so.
    pub fn drop_oldest(&mut self) {
        if let Some((_, Waiting { message, .. })) = self.waiting.pop_first() {
            self.waiting_bytes -= Ring::size(&message);
            self.missed += 1;
        }
    }

    /// A member has done a message; false: it is not that member's.
    pub fn done(&mut self, id: MemberId, seq: u64) -> bool {
        let is_theirs = self.assigned.get(&seq).is_some_and(|assigned| assigned.member == id);
        if is_theirs {
            self.take_back(seq);
            self.queue(id);
        }
        is_theirs
    }

    /// A message has another body. One that was deleted is nobody's work, but for the member that has it.
    pub fn change(&mut self, seq: u64, body: &Body, at: Time) {
        let Self { waiting, assigned, .. } = self;
        let deleted = body.is_deleted();
        let message = waiting.get_mut(&seq).map(|waiting| &mut waiting.message);
        let is_waiting = message.is_some();
        let Some(message) = message.or_else(|| assigned.get_mut(&seq).map(|assigned| &mut assigned.message)) else {
            return;
        };
        let before = Ring::size(message);
        let changed = Message { body: body.clone(), edited: Some(at), ..Message::clone(message) };
        let after = Ring::size(&changed);
        *message = Arc::new(changed);
        if is_waiting {
            self.waiting_bytes = self.waiting_bytes - before + after;
            if deleted && let Some(removed) = self.waiting.remove(&seq) {
                self.waiting_bytes -= Ring::size(&removed.message);
            }
        } else if let Some(worker) = assigned.get(&seq).and_then(|assigned| self.members.get_mut(&assigned.member)) {
            worker.bytes = worker.bytes - before + after;
        }
    }

    /// What was a member's for long enough waits again, and the member's turn comes last.
    pub fn expire(&mut self, now: Duration) {
        while let Some((until, seq)) = self.ends.first().copied()
            && until <= now
        {
            if let Some((member, message)) = self.take_back(seq) {
                self.wait(message, true);
                self.queue(member);
            }
        }
    }

    /// Gives what waits to the members that have room, in turn.
    pub fn assign(&mut self, now: Duration) -> Vec<Assignment> {
        let mut assignments = Vec::new();
        while !self.waiting.is_empty()
            && let Some(member) = self.turns.pop_front()
            && let Some(worker) = self.members.get_mut(&member)
            && let Some((seq, Waiting { message, redelivered })) = self.waiting.pop_first()
        {
            let (size, until) = (Ring::size(&message), now.saturating_add(worker.visibility));
            self.waiting_bytes -= size;
            worker.bytes += size;
            worker.has.insert(seq);
            worker.in_turn = false;
            self.ends.insert((until, seq));
            self.assigned.insert(seq, Assigned { message: Arc::clone(&message), member, until });
            self.queue(member);
            assignments.push(Assignment { member, message, redelivered, missed: std::mem::take(&mut self.missed) });
        }
        assignments
    }

    /// Puts a member that has room behind the others.
    fn queue(&mut self, id: MemberId) {
        let Some(worker) = self.members.get_mut(&id) else { return };
        let has_room =
            worker.has.len() < worker.prefetch && (worker.has.is_empty() || worker.bytes < self.member_bytes);
        if has_room && !worker.detached && !worker.in_turn {
            worker.in_turn = true;
            self.turns.push_back(id);
        }
    }

    fn wait(&mut self, message: Arc<Message>, redelivered: bool) {
        // One that was deleted meanwhile; a tombstone is a message as any other.
        if message.body.is_deleted() && message.edited.is_some() {
            return;
        }
        self.waiting_bytes += Ring::size(&message);
        self.waiting.insert(message.seq, Waiting { message, redelivered });
    }

    /// Takes a message from the member that has it.
    fn take_back(&mut self, seq: u64) -> Option<(MemberId, Arc<Message>)> {
        let Assigned { message, member, until } = self.assigned.remove(&seq)?;
        self.ends.remove(&(until, seq));
        if let Some(worker) = self.members.get_mut(&member) {
            worker.has.remove(&seq);
            worker.bytes -= Ring::size(&message);
        }
        Some((member, message))
    }

    /// All that a member has waits again.
    fn release(&mut self, id: MemberId) {
        let has = self.members.get(&id).map(|worker| worker.has.clone()).unwrap_or_default();
        for seq in has {
            if let Some((_, message)) = self.take_back(seq) {
                self.wait(message, true);
            }
        }
    }
}
