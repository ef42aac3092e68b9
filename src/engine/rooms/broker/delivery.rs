//! The end of a broker's round: each member is given what is new for it.
//!
//! One walk over the table and one write a member; then, for few, who has got what and who is
//! typing. Nothing here waits for a client.

use std::sync::Arc;

use super::Broker;
use crate::chat::End;
use crate::chat::room::Input;
use crate::engine::clients::recipient::{Care, Form, Parcel, Undelivered};
use crate::engine::rooms::batch::Sealed;
use crate::engine::rooms::table::Member;

impl Broker {
    pub(super) fn deliver(&mut self) {
        let sealed = self.batch.seal();
        let own = std::mem::take(&mut self.own);
        if sealed.is_empty() && !self.lagging {
            // A large room in which one asks something, or enters unseen, has to do with that one alone.
            for id in own {
                if let Some(member) = self.table.get_mut(id) {
                    member.deliver(&sealed, self.slow, self.room.name());
                    self.lagging |= member.is_lagging();
                }
            }
        } else {
            self.deliver_to_all(&sealed);
        }
        self.note_written();
        self.deliver_best_effort();
        self.deliver_receipts();
    }

    fn deliver_to_all(&mut self, sealed: &Sealed) {
        let mut lagging = false;
        for row in self.table.rows_mut() {
            // Each is cold: fetched together they cost a third of what they do one after the other.
            row.iter().for_each(|member| member.recipient.prefetch());
            for member in row {
                member.deliver(sealed, self.slow, self.room.name());
                lagging |= member.is_lagging();
            }
        }
        self.lagging = lagging;
    }

    /// Tells the room whose sockets have taken what they were given.
    fn note_written(&mut self) {
        self.unwritten = false;
        if !self.room.wants_receipts() {
            return;
        }
        let mut written = Vec::new();
        for member in self.table.iter_mut() {
            if member.is_written_now() {
                written.push(member.id());
            }
            self.unwritten |= member.is_unwritten();
        }
        written.into_iter().for_each(|member| self.step_room(Input::Written { member }));
    }

    /// Tells the authors who has got what: encoded once for all of them.
    fn deliver_receipts(&mut self) {
        let (to, events) = std::mem::take(&mut self.receipts);
        if to.is_empty() || events.is_empty() {
            return;
        }
        events.iter().for_each(|event| self.batch.append(event));
        let sealed = self.batch.seal();
        let events: Vec<_> = events.into_iter().map(Arc::new).collect();
        for id in to {
            let Some(member) = self.table.get_mut(id) else { continue };
            match member.form {
                Form::Events => events.iter().for_each(|event| member.hand(event, self.slow)),
                Form::Bytes(encoding) => {
                    let whole = sealed.whole(encoding).map(std::slice::from_ref);
                    member.give(whole.unwrap_or_default(), self.slow, self.room.name());
                }
            }
        }
    }

    /// Typing notices go after everything else, to those who keep up.
    fn deliver_best_effort(&mut self) {
        for (user, event) in std::mem::take(&mut self.best_effort) {
            self.batch.append(&event);
            let sealed = self.batch.seal();
            let event = Arc::new(event);
            for member in self.table.iter_mut().filter(|member| member.user != user) {
                let given = match member.form {
                    Form::Events => member.recipient.take(Parcel::Event(&event), Care::BestEffort),
                    Form::Bytes(encoding) => sealed.whole(encoding).map_or(Ok(()), |piece| {
                        member.recipient.take(Parcel::Pieces(std::slice::from_ref(piece)), Care::BestEffort)
                    }),
                };
                // It was worth one try.
                _ = given;
            }
        }
    }
}

impl Drop for Broker {
    /// When the broker panics its members' connections end, so that their clients come back to a
    /// new room; in good order there is nobody left.
    fn drop(&mut self) {
        for member in self.table.iter_mut() {
            member.recipient.end(End::Internal);
        }
    }
}

/// What a member's trouble means to its room.
pub fn missed(given: Result<(), Undelivered>, member: &Member) -> u64 {
    match given {
        Ok(()) | Err(Undelivered::Closed) => 0,
        Err(Undelivered::Dropped { messages }) => u64::from(messages),
        Err(Undelivered::Slow) => {
            member.recipient.end(End::Slow);
            0
        }
    }
}
