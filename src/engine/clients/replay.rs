//! Giving a client a part of the past, on its reader's thread.
//!
//! The messages come from the store, a page at a time, and each page waits until the client has
//! taken the one before: so a client that was away for long gets all that it missed, through an
//! outbox of the usual size. Blocks on the disk and on the client, never on a room.

use std::sync::Arc;

use crate::chat::room::ReplayRange;
use crate::chat::{End, Event, Id, Limits, Message, Recovery, RoomName, Slow, Span, Time, UserName};
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::{Care, Parcel, Piece, Recipient};
use crate::store::{ChangesQuery, Page, PageQuery, Store};
use crate::wire::{Encoder, Encoding};

/// Gives one client parts of the past.
pub struct Replay<'a> {
    /// Where the messages are.
    pub store: &'a dyn Store,
    /// The client.
    pub outbox: &'a Outbox,
    /// How it reads.
    pub encoding: Encoding,
    /// Every bound.
    pub limits: &'a Limits,
}

impl Replay<'_> {
    /// Gives the client what `replay` names, its answer first: all of it, or, where the store no
    /// longer has it all, the newest messages, and the answer says so.
    ///
    /// # Errors
    /// The connection has to end: the store failed in the middle, or the client is gone.
    #[inline(never)]
    pub fn give(&self, room: &RoomName, replay: ReplayRange, id: Option<&Id>) -> Result<(), End> {
        let ReplayRange { answer, after, until, history, offline } = replay;
        if let Some((to, since)) = offline {
            return self.offline_messages(room, (after, until), &to, since);
        }
        let recovery = self.recovery(room, after, until);
        let answer = answer.map(|answer| match answer {
            Event::Joined { room, epoch, seq, members, count, .. } => {
                Event::Joined { room, epoch, seq, members, count, recovery }
            }
            other => other,
        });
        self.tell(answer.iter().map(|answer| (id, answer)))?;
        match recovery {
            Recovery::Whole => self.replay(room, after, until),
            _ if history == 0 => Ok(()),
            _ => {
                let page = self.page(room, Span::Before(until.saturating_add(1)), history)?;
                self.tell_messages(page.map_or(Vec::new(), |page| page.messages))
            }
        }
    }

    /// Whether the store has everything after `after` up to `until`. Reads no message: a client that
    /// comes back is told of all its rooms first, and the first page of each would have to wait in memory.
    #[must_use]
    pub fn recovery(&self, room: &RoomName, after: u64, until: u64) -> Recovery {
        let options = PageQuery { span: Span::After(after), count: 0, bytes: 0 };
        match self.store.page(room, options) {
            // A room in which nothing was said yet is not in the store.
            Ok(_) if after >= until => Recovery::Whole,
            Ok(Some(page)) if page.oldest <= after + 1 => Recovery::Whole,
            Ok(_) => Recovery::TooOld,
            Err(_) => Recovery::Unavailable,
        }
    }

    /// Gives the client all messages after `after` up to `until`, after what was changed in those
    /// that it has seen.
    ///
    /// # Errors
    /// As [`Past::give`].
    pub fn replay(&self, room: &RoomName, mut after: u64, until: u64) -> Result<(), End> {
        let count = (self.limits.outbox_messages / 2).max(1);
        self.replay_changes(room, after, count)?;
        while after < until {
            let Some(page) = self.page(room, Span::After(after), count)? else { return Err(End::Internal) };
            let messages: Vec<_> = page.messages.into_iter().take_while(|message| message.seq <= until).collect();
            match messages.last() {
                Some(last) => after = last.seq,
                // What was there a moment ago was pruned: it cannot be whole any more.
                None => return Err(End::Internal),
            }
            self.tell_messages(messages)?;
        }
        Ok(())
    }

    /// Gives the client what was said to `to`, not before `since`, after the first number of `span` up
    /// to the second. What retention has taken is not owed any more.
    fn offline_messages(&self, room: &RoomName, span: (u64, u64), to: &UserName, since: Time) -> Result<(), End> {
        let count = (self.limits.outbox_messages / 2).max(1);
        let (mut after, until) = span;
        while after < until {
            let Some(page) = self.page(room, Span::After(after), count)? else { return Ok(()) };
            let Some(last) = page.messages.last() else { return Ok(()) };
            after = last.seq;
            let theirs = |letter: &Message| letter.seq <= until && letter.to.as_ref() == Some(to) && letter.at >= since;
            self.tell_messages(page.messages.into_iter().filter(theirs).collect())?;
        }
        Ok(())
    }

    /// Tells the client what was changed in messages up to `seen`.
    fn replay_changes(&self, room: &RoomName, seen: u64, count: usize) -> Result<(), End> {
        let options = ChangesQuery { seen, count, bytes: self.limits.outbox_bytes / 2 };
        let mut after = 0;
        loop {
            let messages = self.store.changes(room, after, options).map_err(|_| End::Internal)?;
            let Some(last) = messages.last() else { return Ok(()) };
            after = last.seq;
            let changes: Vec<_> = messages.iter().map(Event::changed).collect();
            self.tell(changes.iter().map(|change| (None, change)))?;
        }
    }

    fn page(&self, room: &RoomName, span: Span, count: usize) -> Result<Option<Page>, End> {
        let options = PageQuery { span, count, bytes: self.limits.outbox_bytes / 2 };
        self.store.page(room, options).map_err(|_| End::Internal)
    }

    fn tell_messages(&self, messages: Vec<Message>) -> Result<(), End> {
        let events: Vec<_> = messages.into_iter().map(|message| Event::Message(Arc::new(message))).collect();
        self.tell(events.iter().map(|event| (None, event)))
    }

    fn tell<'e>(&self, events: impl Iterator<Item = (Option<&'e Id>, &'e Event)>) -> Result<(), End> {
        let (mut buffer, mut encoder) = (Vec::new(), Encoder::default());
        let (mut count, mut messages) = (0, 0);
        for (id, event) in events {
            count += u32::from(encoder.encode(event, id, self.encoding, &mut buffer));
            messages += u32::from(event.is_message());
        }
        if buffer.is_empty() {
            return Ok(());
        }
        self.outbox.wait_drained()?;
        let piece = Piece { part: 0..buffer.len(), buffer: buffer.into(), events: count, messages, reply: true };
        let given = self.outbox.take(Parcel::Pieces(&[piece]), Care::Policy(Slow::Disconnect));
        given.map_err(|_| self.outbox.ended().unwrap_or(End::Slow))
    }
}
