//! Members whose connection broke: their places are kept, and given back with what they missed.
//!
//! A part of [`Room`], stepped with it. What memory has, the room shows; where the store keeps the
//! past, it names the part of it that the member's own reader is to fetch.

use super::{Effect, Recall, Room};
use crate::chat::event::{Event, Recovery, Returned};
use crate::chat::message::{Position, Since};
use crate::chat::roster::MemberId;

impl Room {
    /// Keeps a member's place without its connection, or gives it back.
    pub(super) fn park(&mut self, id: MemberId, parked: bool) -> Option<Effect> {
        self.roster.park(id, parked).map(|presence| Effect::Everyone(Event::Presence(presence)))
    }

    pub(super) fn resume(&mut self, id: MemberId, seen: Since, effects: &mut Vec<Effect>) {
        let Some(member) = self.roster.member(id) else { return };
        let newest = self.ring.newest();
        let after = match seen {
            Since::Entry => Some(member.since),
            Since::Number(seq) => Some(seq),
            Since::Position(Position { epoch, seq }) => (epoch == self.epoch).then_some(seq),
        };
        let after = after.filter(|after| *after <= newest);
        let in_ring = after.filter(|_| !self.kept).map_or(Vec::new(), |after| self.ring_after(after));
        let recovery = match after {
            None => Recovery::EpochChanged,
            Some(after) if !self.kept && in_ring.len() as u64 != newest - after => Recovery::TooOld,
            Some(_) => Recovery::Whole,
        };
        let after = after.filter(|_| recovery == Recovery::Whole).unwrap_or(newest);
        let returned = Returned { room: self.name.clone(), recovery, missed: newest - after };
        let recall = Recall { answer: None, after, until: newest, history: 0, letters: None };
        effects.push(Effect::Returned(id, returned, self.kept.then_some(recall)));
        if recovery == Recovery::Whole {
            effects.extend(in_ring.into_iter().map(|message| Effect::One(id, None, Event::Message(message))));
        }
        effects.extend(self.park(id, false));
    }
}
