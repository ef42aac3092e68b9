//! The delivery at the end of a broker's round: each member is given what is new for it.
//!
//! One walk over the table and one write a member; then receipts and typing notices, for a few members. On the
//! broker's thread, and it never waits for a client.

use std::sync::Arc;

use super::Broker;
use crate::chat::room::Input;
use crate::chat::webhook::Movement;
use crate::chat::{End, Event};
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Form};
use crate::engine::rooms::batch::Sealed;

impl Broker {
    pub(super) fn deliver(&mut self) {
        let sealed = self.batch.seal();
        let own = std::mem::take(&mut self.own);
        if sealed.is_empty() && !self.lagging {
            // In a large room, the reply to one member costs no walk over the others.
            for id in own {
                if let Some(member) = self.table.get_mut(id) {
                    member.deliver(&sealed, self.slow, (self.room.name(), &self.view.authors));
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
            // Each is cold: prefetched together they cost a third of what they cost one after the other.
            row.iter().for_each(|member| member.recipient.prefetch());
            for member in row {
                member.deliver(sealed, self.slow, (self.room.name(), &self.view.authors));
                lagging |= member.is_lagging();
            }
        }
        self.lagging = lagging;
    }

    /// What follows from an event that everybody is told: webhooks are told who enters and who leaves, and who has said
    /// something has stopped typing.
    pub(super) fn note_consequences(&mut self, event: &Event) {
        let (joins, user, at) = match event {
            // A notice after the message would be wrong.
            Event::Message(message) => return self.best_effort.retain(|(user, _)| *user != message.user),
            Event::Join { user, at, .. } => (true, user, *at),
            Event::Leave { user, at, .. } => (false, user, *at),
            _ => return,
        };
        self.room_log.moved(Movement { joins, user: user.clone(), at });
    }

    /// Tells the room which members' messages have been written to their sockets.
    fn note_written(&mut self) {
        self.unwritten = false;
        if !self.room.wants_written() {
            return;
        }
        let mut written = Vec::new();
        for member in self.table.iter_mut() {
            if member.is_written_now() {
                written.push(member.id());
            }
            self.unwritten |= member.is_unwritten();
        }
        let now = self.clock.now();
        written.into_iter().for_each(|member| self.step_room_at(now, Input::Written { member }));
    }

    /// Delivers receipts to the authors: encoded once for all of them.
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
                    member.give(whole.unwrap_or_default(), self.slow, (self.room.name(), &self.view.authors));
                }
            }
        }
    }

    /// Delivers typing notices after everything else, to the members that keep up.
    fn deliver_best_effort(&mut self) {
        for (user, event) in std::mem::take(&mut self.best_effort) {
            self.batch.append(&event);
            let sealed = self.batch.seal();
            let event = Arc::new(event);
            for member in self.table.iter_mut().filter(|member| member.user != user) {
                let given = match member.form {
                    Form::Events => member.recipient.deliver(Delivery::Event(&event), DeliveryMode::BestEffort),
                    Form::Bytes(encoding) => sealed.whole(encoding).map_or(Ok(()), |segment| {
                        member
                            .recipient
                            .deliver(Delivery::Segments(std::slice::from_ref(segment)), DeliveryMode::BestEffort)
                    }),
                };
                // It is tried once.
                _ = given;
            }
        }
    }
}

impl Drop for Broker {
    /// When the broker panics, it ends the connections of its members, so that their clients come back to a new room;
    /// a broker that ends regularly has no members left.
    fn drop(&mut self) {
        for member in self.table.iter_mut() {
            member.recipient.end(End::Internal);
        }
    }
}
