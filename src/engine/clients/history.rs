//! Queries of messages: history, search and receipts, over sockets, over HTTP, in process.
//!
//! Called on the asker's own thread. Stored messages are read from the store, so a long query delays no room; a room
//! whose history is only in its ring is asked.

use std::sync::Arc;

use crate::chat::{
    Code, Event, Identity, ReceiptMark, Refusal, RoomName, RoomRequest, SearchPosition, Span, StoreFailed, Time,
    UserName,
};
use crate::engine::Engine;
use crate::store::{Found, FoundInRooms, PageQuery};

impl Engine {
    /// A part of a room's stored history, an [`Event::History`]: at most `limit` messages, and no
    /// more than fit in half an outbox. `None`: the store keeps nothing of this room.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn stored_history(&self, room: &RoomName, span: Span, limit: usize) -> Result<Option<Event>, Refusal> {
        let options = PageQuery { span, count: limit, bytes: self.limits.load().outbox_bytes / 2 };
        let page = self.store.page(room, options).map_err(unavailable)?;
        Ok(page.map(|page| page.into_history(room.clone(), span)))
    }

    /// The same of any room, as far as `who` may see it. Blocks on the room if it is not stored.
    ///
    /// # Errors
    /// `unavailable`, or `not_found`.
    pub fn history(&self, who: &Identity, room: &RoomName, span: Span, limit: usize) -> Result<Event, Refusal> {
        let visible = self.visible_name(who, room);
        if let Some(history) = self.stored_history(&visible, span, limit)? {
            return Ok(history);
        }
        if self.hub.population(&visible) == 0 && self.policies.policy(&visible).is_none() {
            return Err(Refusal::no_room(room));
        }
        match self.hub.ask(&visible, who.clone(), RoomRequest::History { span, limit })? {
            Event::Refused(refusal) => Err(refusal),
            history => Ok(history),
        }
    }

    /// A part of the conversation of a registered user with another, an [`Event::History`], back to when the name became
    /// the user's. Blocks on its room if it is not stored.
    ///
    /// # Errors
    /// `not_found` where nothing was said, `unavailable`.
    pub fn private_history(&self, who: &Identity, with: &UserName, span: Span, limit: usize) -> Result<Event, Refusal> {
        let with = self.canonical_name(with);
        let room = RoomName::private(&who.user, &with);
        let nothing = || Refusal::new(Code::NotFound, format!("There is no conversation with {with}"));
        let mut history = match self.stored_history(&room, span, limit)? {
            Some(history) => history,
            None if !self.hub.has(&room) => return Err(nothing()),
            None => self.hub.ask(&room, who.clone(), RoomRequest::History { span, limit })?,
        };
        if let Event::Refused(refusal) = history {
            return Err(refusal);
        }
        said_since(&mut history, who.since().ok_or_else(nothing)?);
        Ok(history)
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
        let visible = self.visible_name(who, room);
        let options = PageQuery { span: Span::Before(1), count: 0, bytes: 0 };
        let Some(page) = self.store.page(&visible, options).map_err(unavailable)? else {
            return Err(Refusal::no_room(room));
        };
        let Found { messages: found, complete } =
            self.store.search(&visible, text, before, limit).map_err(unavailable)?;
        if found.is_empty() && !complete {
            return Err(too_long());
        }
        let complete = complete && found.len() < limit;
        let messages = found.into_iter().map(Arc::new).collect();
        Ok(Event::History { room: visible, epoch: page.epoch, messages, complete })
    }

    /// The newest messages, of all rooms that `who` may read, that hold all words of `text`; before this position if there
    /// is one.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn search_rooms(
        &self,
        who: &Identity,
        text: &str,
        before: Option<SearchPosition>,
        limit: usize,
    ) -> Result<FoundInRooms, Refusal> {
        let readable = |room: &RoomName| self.readable_since(who, room);
        let found = self.store.search_rooms(text, before, limit, &readable).map_err(unavailable)?;
        if found.messages.is_empty() && !found.complete { Err(too_long()) } else { Ok(found) }
    }

    /// From when on `who` may read the messages of a room; `None`: not at all.
    fn readable_since(&self, who: &Identity, room: &RoomName) -> Option<Time> {
        match room.conversation() {
            // What was said before the name was registered was said to somebody else.
            Some((one, other)) => {
                let since = who.since().filter(|_| [one, other].contains(&who.user));
                since.map(|since| Time(since.0.saturating_add(1)))
            }
            None => (who.allows(room).is_ok() && self.visible_name(who, room) == *room).then_some(Time(0)),
        }
    }

    /// Whether messages can be stored now: see [`crate::store::Store::is_writable`].
    #[must_use]
    pub fn store_is_writable(&self) -> bool {
        self.store.is_writable()
    }

    /// Who has received or read a message, and when: see [`crate::store::Store::receipts`].
    ///
    /// # Errors
    /// `unavailable`, or `not_found` for a message that the store does not know, or of a private
    /// conversation that was not the asker's.
    pub fn receipts(&self, who: &Identity, room: &RoomName, seq: u64) -> Result<Vec<ReceiptMark>, Refusal> {
        let known = match room.conversation() {
            Some((one, other)) => [one, other].contains(&who.user) && self.was_said_to(who, room, seq)?,
            None => true,
        };
        let marks =
            if known { self.store.receipts(&self.visible_name(who, room), seq).map_err(unavailable)? } else { None };
        marks.ok_or_else(|| Refusal::new(Code::NotFound, format!("There is no message {seq} in {room}")))
    }

    /// Whether a message of a conversation was said since the asker's name is theirs.
    ///
    /// # Errors
    /// `unavailable`.
    pub(in crate::engine) fn was_said_to(&self, who: &Identity, room: &RoomName, seq: u64) -> Result<bool, Refusal> {
        let Some(since) = who.since() else { return Ok(false) };
        let options = PageQuery { span: Span::After(seq.saturating_sub(1)), count: 1, bytes: 0 };
        let page = self.store.page(room, options).map_err(unavailable)?;
        Ok(page.is_some_and(|page| page.messages.iter().any(|message| message.seq == seq && message.at > since)))
    }
}

/// Leaves out of a conversation's history what was said to a previous user of the name.
pub(in crate::engine) fn said_since(history: &mut Event, since: Time) {
    if let Event::History { messages, complete, .. } = history {
        let before = messages.len();
        // A message of the same millisecond may have been to that user.
        messages.retain(|message| message.at > since);
        *complete |= messages.len() < before;
    }
}

/// The refusal of a search that found nothing in the time that it has.
fn too_long() -> Refusal {
    Refusal::new(Code::Unavailable, "The search took too long: search for a rarer word, or for several at once")
}

/// The refusal when the history cannot be read.
pub(in crate::engine) fn unavailable(StoreFailed: StoreFailed) -> Refusal {
    Refusal::new(Code::Unavailable, "The history cannot be read now; try again")
}
