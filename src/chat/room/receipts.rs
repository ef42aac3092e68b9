//! Receipts of a room: recorded, and announced to the authors.
//!
//! A part of [`Room`], stepped with it. What was written to sockets comes from the broker, what was
//! received and read from clients.

use std::time::Duration;

use super::{Effect, Room};
use crate::chat::UserName;
use crate::chat::event::Event;
use crate::chat::members::{MemberId, RoomMember};
use crate::chat::receipt::{Receipt, ReceiptMark};
use crate::chat::receipts::Advances;
use crate::chat::refusal::{Code, Refusal};
use crate::chat::time::Moment;

impl Room {
    /// The receipts to announce, and to which members: the authors' connections, without those
    /// that only subscribe.
    pub(super) fn advanced(&mut self, now: Duration) -> Option<Effect> {
        let Advances { marks, authors } = self.receipts.gather(&self.ring, now)?;
        // Users are not told of their own receipts.
        let alone = authors.first().filter(|_| authors.len() == 1);
        let announced_marks: Vec<_> = marks.iter().filter(|mark| Some(&mark.user) != alone).cloned().collect();
        let listens = |member: &RoomMember| self.private.is_some() || member.announced;
        let members = self.members.members().filter(|(_, member)| listens(member) && authors.contains(&member.user));
        let members = members.filter(|_| self.tells_receipts()).map(|(id, member)| (id, member.detached));
        let (away, here): (Vec<_>, Vec<_>) = members.partition(|(_, detached)| *detached);
        away.iter().for_each(|(id, _)| self.members.defer_receipts(*id, &announced_marks));
        let to = here.into_iter().map(|(id, _)| id).collect();
        let events = announced_marks.into_iter().map(|mark| self.receipt_of(mark)).collect();
        Some(Effect::Advanced { marks, to, events })
    }

    pub(super) fn receipt_of(&self, mark: ReceiptMark) -> Event {
        Event::Receipt { room: self.name.clone(), mark }
    }

    pub(super) fn written(&mut self, id: MemberId, now: Moment) {
        if let Some(member) = self.members.member(id).filter(|_| self.wants_receipts()) {
            self.receipts.advance(&member.user, Receipt::Written, self.ring.newest(), now);
        }
    }

    pub(super) fn receipt(
        &mut self,
        user: &UserName,
        (receipt, seq): (Receipt, u64),
        now: Moment,
    ) -> Result<(), Refusal> {
        if seq > self.ring.newest() {
            return Err(Refusal::new(Code::NotFound, format!("There is no message {seq} yet")));
        }
        if self.wants_receipts() {
            self.receipts.advance(user, receipt, seq, now);
        }
        Ok(())
    }
}
