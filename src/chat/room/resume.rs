//! Detached members: their memberships are kept, and resumed with the messages that they missed.
//!
//! A part of [`Room`], stepped with it. What memory has, the room sends; where the store keeps the
//! history, the room names the range that the member's own reader is to fetch.

use super::{Effect, ReplayRange, Room};
use crate::chat::UserName;
use crate::chat::event::Event;
use crate::chat::members::MemberId;
use crate::chat::position::{Position, Since};
use crate::chat::presence::Status;
use crate::chat::recovery::{Recovery, ResumedRoom};
use crate::chat::ring::Ring;

impl Room {
    /// Detaches a member from its connection, or attaches it again.
    pub(super) fn detach(&mut self, id: MemberId, detached: bool) -> Option<Effect> {
        let user = self.members.member(id)?.user.clone();
        let before = self.members.status(&user);
        self.members.detach(id, detached);
        self.presence_change(&user, before)
    }

    /// The event that a user's presence has changed with one of its connections. Only of a user of whom others
    /// were announced_marks; in a private conversation both were.
    pub(super) fn presence_change(&self, user: &UserName, before: Option<Status>) -> Option<Effect> {
        let presence = self.members.presence(user)?;
        let is_known = self.private.is_some() || self.members.is_announced(user);
        let is_news = is_known && before.is_some_and(|before| before != presence.status);
        is_news.then_some(Effect::Everyone(Event::Presence(presence)))
    }

    pub(super) fn resume(&mut self, id: MemberId, seen: Since, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.member(id) else { return };
        let after = match seen {
            Since::Entry => Some(member.since),
            Since::Number(seq) => Some(seq),
            Since::Position(position) => self.number(&position),
        };
        let (recovery, events) = self.missed(after);
        // Where the replay cannot be whole there is nothing to fetch either.
        let after = after.filter(|_| recovery == Recovery::Whole);
        let until = self.ring.newest();
        let missed = after.map_or(0, |after| until - after);
        let replay = |after| ReplayRange { answer: None, after, until, history: 0, offline: None };
        let replay = after.filter(|_| self.kept).map(replay);
        effects.push(Effect::Resumed(id, ResumedRoom { room: self.name.clone(), recovery, missed }, replay));
        effects.extend(events.into_iter().map(|event| Effect::One(id, None, event)));
        let deferred = self.members.take_deferred_receipts(id).map(|mark| self.receipt_of(mark));
        effects.extend(deferred.map(|receipt| Effect::One(id, None, receipt)));
        effects.extend(self.detach(id, false));
    }

    /// The number of a position, if it is of this history.
    pub(super) fn number(&self, position: &Position) -> Option<u64> {
        (position.epoch == self.epoch).then_some(position.seq)
    }

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
}
