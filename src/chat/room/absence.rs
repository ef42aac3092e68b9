//! Members whose connection broke: their places are kept, and given back with what they missed.
//!
//! A part of [`Room`], stepped with it. What memory has, the room shows; where the store keeps the
//! past, it names the part of it that the member's own reader is to fetch.

use std::sync::Arc;

use super::{Effect, Recall, Room};
use crate::chat::event::{Event, Recovery, Returned};
use crate::chat::message::{Message, Position, Since};
use crate::chat::roster::MemberId;

impl Room {
    /// Keeps a member's place without its connection, or gives it back.
    pub(super) fn park(&mut self, id: MemberId, parked: bool) -> Option<Effect> {
        self.roster.park(id, parked).map(|presence| Effect::Everyone(Event::Presence(presence)))
    }

    pub(super) fn resume(&mut self, id: MemberId, seen: Since, effects: &mut Vec<Effect>) {
        let Some(member) = self.roster.member(id) else { return };
        let after = match seen {
            Since::Entry => Some(member.since),
            Since::Number(seq) => Some(seq),
            Since::Position(position) => self.number(&position),
        };
        let (recovery, messages) = self.missed(after);
        // Where it cannot be whole there is nothing to fetch either.
        let after = after.filter(|_| recovery == Recovery::Whole);
        let until = self.ring.newest();
        let missed = after.map_or(0, |after| until - after);
        let recall = |after| Recall { answer: None, after, until, history: 0, letters: None };
        let recall = after.filter(|_| self.kept).map(recall);
        effects.push(Effect::Returned(id, Returned { room: self.name.clone(), recovery, missed }, recall));
        effects.extend(messages.into_iter().map(|message| Effect::One(id, None, Event::Message(message))));
        effects.extend(self.park(id, false));
    }

    /// The number that a place in a history has in this one.
    pub(super) fn number(&self, position: &Position) -> Option<u64> {
        (position.epoch == self.epoch).then_some(position.seq)
    }

    /// Whether all that came after this number can be given, and what of it memory gives: nothing where
    /// the store keeps it. `None` is a number of another history.
    pub(super) fn missed(&self, after: Option<u64>) -> (Recovery, Vec<Arc<Message>>) {
        let newest = self.ring.newest();
        let Some(after) = after.filter(|after| *after <= newest) else {
            return (Recovery::EpochChanged, Vec::new());
        };
        if self.kept {
            return (Recovery::Whole, Vec::new());
        }
        let messages = self.ring_after(after);
        if messages.len() as u64 == newest - after {
            (Recovery::Whole, messages)
        } else {
            (Recovery::TooOld, Vec::new())
        }
    }
}
