//! Reading what was said, for those who ask: over sockets, over HTTP, in process.
//!
//! Called on the asker's own thread. What the store keeps is read from the store, so no room is
//! delayed by a long question; of a room whose history is only in its ring, the room is asked.

use std::sync::Arc;

use crate::chat::{Code, Event, Identity, ReceiptMark, Refusal, RoomName, RoomRequest, Span, StoreFailed};
use crate::engine::Engine;
use crate::store::PageQuery;

impl Engine {
    /// A part of a room's stored history, an [`Event::History`]: at most `limit` messages, and no
    /// more than fit in half an outbox. `None`: the store keeps nothing of this room.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn stored_history(&self, room: &RoomName, span: Span, limit: usize) -> Result<Option<Event>, Refusal> {
        let options = PageQuery { span, count: limit, bytes: self.limits.outbox_bytes / 2 };
        let page = self.store.page(room, options).map_err(unavailable)?;
        Ok(page.map(|page| page.into_history(room.clone(), span)))
    }

    /// The same, of any room, for whoever asks. Blocks on the room if only it knows.
    ///
    /// # Errors
    /// `unavailable`, or `not_found`.
    pub fn history(&self, who: &Identity, room: &RoomName, span: Span, limit: usize) -> Result<Event, Refusal> {
        let sought = self.sought(who, room);
        if let Some(history) = self.stored_history(&sought, span, limit)? {
            return Ok(history);
        }
        if self.hub.population(&sought) == 0 && self.policies.policy(&sought).is_none() {
            return Err(Refusal::no_room(room));
        }
        match self.hub.ask(&sought, who.clone(), RoomRequest::History { span, limit })? {
            Event::Refused(refusal) => Err(refusal),
            history => Ok(history),
        }
    }

    /// The newest messages before the number `before` that hold all words of `text`, as an
    /// [`Event::History`].
    ///
    /// # Errors
    /// `unavailable`, or `not_found` for a room that the store does not know.
    pub fn search(
        &self,
        who: &Identity,
        room: &RoomName,
        text: &str,
        before: u64,
        limit: usize,
    ) -> Result<Event, Refusal> {
        let sought = self.sought(who, room);
        let options = PageQuery { span: Span::Before(1), count: 0, bytes: 0 };
        let Some(page) = self.store.page(&sought, options).map_err(unavailable)? else {
            return Err(Refusal::no_room(room));
        };
        let found = self.store.search(&sought, text, before, limit).map_err(unavailable)?;
        let complete = found.len() < limit;
        let messages = found.into_iter().map(Arc::new).collect();
        Ok(Event::History { room: sought, epoch: page.epoch, messages, complete })
    }

    /// Who has got a message, and when: see [`crate::store::Store::receipts`].
    ///
    /// # Errors
    /// `unavailable`, or `not_found` for a message that the store does not know, or of a private
    /// conversation that was not the asker's.
    pub fn receipts(&self, who: &Identity, room: &RoomName, seq: u64) -> Result<Vec<ReceiptMark>, Refusal> {
        let known = match room.conversation() {
            Some((one, other)) => [one, other].contains(&who.user) && self.was_said_to(who, room, seq)?,
            None => true,
        };
        let marks = if known { self.store.receipts(&self.sought(who, room), seq).map_err(unavailable)? } else { None };
        marks.ok_or_else(|| Refusal::new(Code::NotFound, format!("There is no message {seq} in {room}")))
    }

    /// Whether a message is of a time when the asker's name was theirs already.
    fn was_said_to(&self, who: &Identity, room: &RoomName, seq: u64) -> Result<bool, Refusal> {
        let Some(since) = who.since() else { return Ok(false) };
        let options = PageQuery { span: Span::After(seq.saturating_sub(1)), count: 1, bytes: 0 };
        let page = self.store.page(room, options).map_err(unavailable)?;
        Ok(page.is_some_and(|page| page.messages.iter().any(|message| message.seq == seq && message.at > since)))
    }
}

/// The history cannot be read.
pub(in crate::engine) fn unavailable(StoreFailed: StoreFailed) -> Refusal {
    Refusal::new(Code::Unavailable, "The history cannot be read now; try again")
}
