//! The replay of missed messages to a client, on its reader's thread, or to a program, on the thread that joins.
//!
//! The messages come from the store, a page at a time, and each page waits until the client has taken the one before:
//! so a client that was away for long gets every message that it missed, through an outbox of the usual size. Blocks
//! on the disk and on the client, never on a room.

use std::sync::Arc;

use crate::chat::room::{Latest, ReplayRange};
use crate::chat::{Authors, End, Event, Id, Limits, Message, Recovery, RoomName, Slow, Span, Time, UserName};
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Segment};
use crate::store::{ChangesQuery, Page, PageQuery, Store};
use crate::wire::{Encoder, Encoding};

/// What a replay to one client needs.
pub struct Replay<'a> {
    /// The store of the messages.
    pub store: &'a dyn Store,
    /// Who is given them.
    pub to: ReplayTarget<'a>,
    /// The bounds of a page.
    pub limits: Arc<Limits>,
}

/// Who is given a replay.
pub enum ReplayTarget<'a> {
    /// A client with a socket: its outbox, the encoding of its events, and what is known of their authors.
    Client(&'a Outbox, Encoding, Authors),
    /// A program, which is given them one by one, and has to take each at once.
    Program(&'a dyn Recipient),
}

impl Replay<'_> {
    /// Sends the client the reply to its join and then the messages of `replay`; where the store no longer has them
    /// all, the newest ones, and the reply says so.
    ///
    /// # Errors
    /// The connection has to end: the store failed during the replay, or the client is gone.
    #[inline(never)]
    pub fn give(&self, room: &RoomName, replay: ReplayRange, id: Option<&Id>) -> Result<(), End> {
        let ReplayRange { answer, after, until, history, latest, offline } = replay;
        if let Some((to, since)) = offline {
            return self.offline_messages(room, (after, until), &to, since);
        }
        if latest == Latest::Only {
            // What the room says of a position that the client named stays true.
            let readable = self.recovery(room, until, until);
            let answer =
                answer.map(|answer| if readable == Recovery::Whole { answer } else { recovered(answer, 0, readable) });
            self.send(None, answer.iter().map(|answer| (id, answer)))?;
            return if readable == Recovery::Whole { self.last_values(room, until) } else { Ok(()) };
        }
        let recovery = self.recovery(room, after, until);
        let newest = match recovery {
            Recovery::Whole => None,
            _ if history == 0 || latest == Latest::Fallback => None,
            _ => self.page(room, Span::Before(until.saturating_add(1)), history)?,
        };
        let begin = match recovery {
            Recovery::Whole => after,
            _ if latest == Latest::Fallback => 0,
            _ => newest.as_ref().and_then(|page| page.messages.first()).map_or(until, |first| first.seq - 1),
        };
        let answer = answer.map(|answer| recovered(answer, begin, recovery));
        self.send(None, answer.iter().map(|answer| (id, answer)))?;
        match recovery {
            Recovery::Whole => self.replay(room, after, until),
            Recovery::TooOld if latest == Latest::Fallback => self.last_values(room, until),
            _ => newest.map_or(Ok(()), |page| self.send_messages(&page.epoch, page.messages)),
        }
    }

    /// Whether the store has every message after `after` up to `until`. Reads no message: a client that resumes is
    /// told of all its rooms first, and the first page of each would have to wait in memory.
    #[must_use]
    pub fn recovery(&self, room: &RoomName, after: u64, until: u64) -> Recovery {
        let options = PageQuery { span: Span::After(after), count: 0, bytes: 0 };
        match self.store.page(room, options) {
            // A room without messages is not in the store.
            Ok(_) if after >= until => Recovery::Whole,
            Ok(Some(page)) if page.oldest <= after + 1 => Recovery::Whole,
            Ok(_) => Recovery::TooOld,
            Err(_) => Recovery::Unavailable,
        }
    }

    /// Sends the client the changes of messages that it has seen, and then the messages after `after` up to `until`.
    ///
    /// # Errors
    /// As [`Replay::give`].
    pub fn replay(&self, room: &RoomName, mut after: u64, until: u64) -> Result<(), End> {
        let count = (self.limits.outbox_messages / 2).max(1);
        self.replay_changes(room, after, count)?;
        while after < until {
            let Some(page) = self.page(room, Span::After(after), count)? else { return Err(End::Internal) };
            let messages: Vec<_> = page.messages.into_iter().take_while(|message| message.seq <= until).collect();
            match messages.last() {
                Some(last) => after = last.seq,
                // Retention has removed what was there a moment ago: the replay cannot be complete any more.
                None => return Err(End::Internal),
            }
            self.send_messages(&page.epoch, messages)?;
        }
        Ok(())
    }

    /// Sends the client the newest message of each key up to `until`. Of a key that gets another value meanwhile the room
    /// tells, behind them.
    fn last_values(&self, room: &RoomName, until: u64) -> Result<(), End> {
        let count = (self.limits.outbox_messages / 2).max(1);
        let mut after = 0;
        while after < until {
            let Some(page) = self.page(room, Span::Latest(after), count)? else { return Ok(()) };
            let Some(last) = page.messages.last() else { return Ok(()) };
            after = last.seq;
            let messages = page.messages.into_iter().take_while(|message| message.seq <= until).collect();
            self.send_messages(&page.epoch, messages)?;
        }
        Ok(())
    }

    /// Sends the client the messages to `to` that are not older than `since`, after the first number of `span` up to
    /// the second. What retention has removed is skipped.
    fn offline_messages(&self, room: &RoomName, span: (u64, u64), to: &UserName, since: Time) -> Result<(), End> {
        let count = (self.limits.outbox_messages / 2).max(1);
        let (mut after, until) = span;
        while after < until {
            let Some(page) = self.page(room, Span::After(after), count)? else { return Ok(()) };
            let Some(last) = page.messages.last() else { return Ok(()) };
            after = last.seq;
            let theirs =
                |message: &Message| message.seq <= until && message.to.as_ref() == Some(to) && message.at >= since;
            self.send_messages(&page.epoch, page.messages.into_iter().filter(theirs).collect())?;
        }
        Ok(())
    }

    /// Sends the client the changes of messages up to `seen`.
    fn replay_changes(&self, room: &RoomName, seen: u64, count: usize) -> Result<(), End> {
        let options = ChangesQuery { seen, count, bytes: self.limits.outbox_bytes / 2 };
        let mut after = 0;
        loop {
            let messages = self.store.changes(room, after, options).map_err(|_| End::Internal)?;
            let Some(last) = messages.last() else { return Ok(()) };
            after = last.seq;
            let changes: Vec<_> = messages.iter().map(Event::changed).collect();
            self.send(None, changes.iter().map(|change| (None, change)))?;
        }
    }

    fn page(&self, room: &RoomName, span: Span, count: usize) -> Result<Option<Page>, End> {
        let options = PageQuery { span, count, bytes: self.limits.outbox_bytes / 2 };
        self.store.page(room, options).map_err(|_| End::Internal)
    }

    fn send_messages(&self, epoch: &Arc<str>, messages: Vec<Message>) -> Result<(), End> {
        let events: Vec<_> = messages.into_iter().map(|message| Event::Message(Arc::new(message))).collect();
        self.send(Some(epoch), events.iter().map(|event| (None, event)))
    }

    /// Sends events; `epoch` is that of the messages among them.
    fn send<'e>(
        &self,
        epoch: Option<&Arc<str>>,
        events: impl Iterator<Item = (Option<&'e Id>, &'e Event)>,
    ) -> Result<(), End> {
        let (outbox, encoding, authors) = match &self.to {
            ReplayTarget::Client(outbox, encoding, authors) => (*outbox, *encoding, authors.clone()),
            ReplayTarget::Program(recipient) => return give_program(*recipient, events.map(|(_, event)| event)),
        };
        let (mut buffer, mut encoder) = (Vec::new(), Encoder::new(authors));
        epoch.into_iter().for_each(|epoch| encoder.set_epoch(epoch));
        let (mut count, mut messages) = (0, 0);
        for (id, event) in events {
            count += u32::from(encoder.encode(event, id, encoding, &mut buffer));
            messages += u32::from(event.is_message());
        }
        if buffer.is_empty() {
            return Ok(());
        }
        outbox.wait_drained()?;
        let segment = Segment::new(buffer.into(), (count, messages), true);
        let given = outbox.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(Slow::Disconnect));
        given.map_err(|_| outbox.ended().unwrap_or(End::Slow))
    }
}

fn give_program<'e>(recipient: &dyn Recipient, mut events: impl Iterator<Item = &'e Event>) -> Result<(), End> {
    let mode = DeliveryMode::Policy(Slow::Disconnect);
    events
        .try_for_each(|event| recipient.deliver(Delivery::Event(&Arc::new(event.clone())), mode).map_err(|_| End::Slow))
}

/// The answer to a join with what has become of the replay, and the number after which it begins.
fn recovered(answer: Event, begin: u64, whole: Recovery) -> Event {
    match answer {
        Event::Joined { room, epoch, seq, read, members, count, rate, .. } => {
            Event::Joined { room, epoch, seq, after: begin, read, members, count, recovery: whole, rate }
        }
        other => other,
    }
}
