//! What a member is given that joins or resumes: the messages that it missed, or the newest ones. The membership of a
//! detached member is kept meanwhile.
//!
//! A part of [`Room`], stepped with it. What memory has, the room sends; where the store keeps the
//! history, the room names the range that the member's own reader is to fetch.

use std::sync::Arc;

use super::{Effect, Latest, ReplayRange, Room};
use crate::chat::UserName;
use crate::chat::event::Event;
use crate::chat::id::Id;
use crate::chat::join_options::JoinOptions;
use crate::chat::members::MemberId;
use crate::chat::position::{Position, Since};
use crate::chat::recovery::{Recovery, ResumedRoom};
use crate::chat::ring::Ring;
use crate::chat::visibility::Visibility;

impl Room {
    /// Detaches a member from its connection, or attaches it again.
    pub(super) fn detach(&mut self, id: MemberId, detached: bool) -> Option<Effect> {
        let user = self.members.member(id)?.user.clone();
        let before = self.members.status(&user);
        self.members.detach(id, detached);
        self.presence_change(&user, before)
    }

    pub(super) fn resume(&mut self, id: MemberId, seen: Since, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.member(id) else { return };
        let user = member.user.clone();
        let after = match seen {
            // What it missed, others were given.
            _ if self.groups.have(id) => Some(self.ring.newest()),
            Since::Number(seq) => Some(seq),
            Since::Position(position) => self.number(&position),
        };
        let (recovery, events) = self.missed(after);
        // Where the replay cannot be whole there is nothing to fetch either.
        let after = after.filter(|_| recovery == Recovery::Whole);
        let until = self.ring.newest();
        let missed = after.map_or(0, |after| until - after);
        let replay = |after| ReplayRange { answer: None, after, until, history: 0, latest: Latest::No, offline: None };
        let replay = after.filter(|_| self.kept).map(replay);
        let position = Some(Position { epoch: Arc::clone(&self.epoch), seq: until });
        let resumed = ResumedRoom { room: self.name.clone(), recovery, missed, position, read: self.read_by(&user) };
        effects.push(Effect::Resumed(id, resumed, replay));
        effects.extend(events.into_iter().map(|event| Effect::One(id, None, event)));
        let asks_receipts = member.asks_receipts;
        self.give_deferred_receipts(id, &user, asks_receipts, effects);
        self.counts.repeat(&user, self.last_input);
        effects.extend(self.detach(id, false));
        self.resume_group(id, effects);
    }

    /// What a new member is sent first: the answer to its join, and what it missed, the newest messages or those of each key.
    pub(super) fn begin(
        &self,
        id: MemberId,
        request_id: Option<Id>,
        (user, visibility): (&UserName, Visibility),
        options: &JoinOptions,
        effects: &mut Vec<Effect>,
    ) {
        let (recovery, shown, after) = self.initial_events(options);
        let answer = visibility.is_answered().then(|| self.joined((id, user), after, recovery));
        let until = self.ring.newest();
        match options.since {
            Some(Position { seq: after, .. }) if self.kept && recovery == Recovery::Whole => {
                let latest = if options.latest { Latest::Fallback } else { Latest::No };
                let history = options.history.unwrap_or(0);
                effects.push(Effect::Replay(id, ReplayRange { answer, after, until, history, latest, offline: None }));
            }
            _ if self.kept && options.latest => {
                let (after, history, latest) = (0, 0, Latest::Only);
                effects.push(Effect::Replay(id, ReplayRange { answer, after, until, history, latest, offline: None }));
            }
            _ => {
                effects.extend(answer.map(|joined| Effect::One(id, request_id, joined)));
                effects.extend(shown.into_iter().map(|event| Effect::One(id, None, event)));
            }
        }
    }

    /// The answer to a join.
    pub(super) fn joined(&self, (id, user): (MemberId, &UserName), after: u64, recovery: Recovery) -> Event {
        let is_counted = self.rate_per_s > 0 && self.members.member(id).is_some_and(|member| !member.has_own_rate);
        Event::Joined {
            room: self.name.clone(),
            epoch: Arc::clone(&self.epoch),
            seq: self.ring.newest(),
            after,
            read: self.read_by(user),
            members: self.members.names(),
            count: self.members.users(),
            recovery,
            rate: is_counted.then_some(self.rate_per_s),
        }
    }

    /// What a new member is sent: all events since its last message, or else the newest messages; and the number
    /// after which these begin. Where the store keeps the history, the reader fetches the events since then.
    pub(super) fn initial_events(&self, options: &JoinOptions) -> (Recovery, Vec<Event>, u64) {
        let recovery = match &options.since {
            Some(since) => match self.missed(self.number(since)) {
                (Recovery::Whole, missed) => return (Recovery::Whole, missed, since.seq),
                (reason, _) => reason,
            },
            None => Recovery::Whole,
        };
        if options.latest {
            // Its bounds are such that all of them fit in an answer.
            let values = self.last_values.after(0).into_iter().map(Event::Message).collect();
            return (recovery, values, 0);
        }
        let count = options.history.unwrap_or(0);
        let newest: Vec<_> = self.ring.before(u64::MAX, count, self.history_bytes).cloned().collect();
        let after = newest.first().map_or(self.ring.newest(), |first| first.seq - 1);
        (recovery, newest.into_iter().map(Event::Message).collect(), after)
    }

    /// The number of a position, if it is of this history.
    pub(super) fn number(&self, position: &Position) -> Option<u64> {
        (position.epoch == self.epoch).then_some(position.seq)
    }

    // ANCHOR: missed
    /// Whether all events after this number can be replayed, and those that memory replays: none where
    /// the store keeps the history, and else the changes of earlier messages first. `None` is a number of
    /// another history.
    pub(super) fn missed(&self, after: Option<u64>) -> (Recovery, Vec<Event>) {
        let newest = self.ring.newest();
        let Some(after) = after.filter(|after| *after <= newest) else {
            return (Recovery::EpochChanged, Vec::new());
        };
        if self.kept {
            return (Recovery::Whole, Vec::new());
        }
        let changes: Vec<_> = self.ring.changes(after).collect();
        let bytes: usize = changes.iter().map(|message| Ring::size(message)).sum();
        let messages: Vec<_> = self.ring.after(after, usize::MAX, self.history_bytes.saturating_sub(bytes)).collect();
        if bytes > self.history_bytes || messages.len() as u64 != newest - after {
            return (Recovery::TooOld, Vec::new());
        }
        let changes = changes.into_iter().map(|message| Event::changed(message));
        (Recovery::Whole, changes.chain(messages.into_iter().cloned().map(Event::Message)).collect())
    }
    // ANCHOR_END: missed
}
