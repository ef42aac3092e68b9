//! A broker's members: where each stands in the round, and what it misses.
//!
//! Owned by one broker. The members stand close together, because every round walks over all of
//! them; an index finds one by its number. A member keeps its seat, so the room lives while it does.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::chat::members::MemberId;
use crate::chat::{Event, RoomName, Slow, UserName};
use crate::engine::clients::recipient::{Care, Form, Parcel, Piece, Recipient};
use crate::engine::rooms::batch::{Cut, Offset, Sealed};
use crate::engine::rooms::broker::delivery::missed;
use crate::engine::rooms::hub::Seat;
use crate::engine::users::directory::Endpoint;
use crate::wire::{Encoder, Encoding};

/// Members whose outboxes are fetched from memory together: enough to hide how long one takes, few
/// enough to be in the cache still when their turn comes.
const ROW: usize = 32;

/// A member as its broker sees it.
pub struct Member {
    seat: Seat,
    /// Whose connection it is.
    pub user: UserName,
    /// The client.
    pub recipient: Arc<dyn Recipient>,
    /// In which form it takes events.
    pub form: Form,
    /// How much of its encoding's buffer it has, or has had cut for it.
    pub offset: Offset,
    /// What it gets before the buffer from its mark on. Most have none; those that do, few.
    cuts: Vec<Cut>,
    /// Messages that were dropped for it and not yet announced.
    missed: u64,
    /// Whether it was given messages that are not known to have reached its socket.
    unwritten: bool,
}

impl Member {
    /// A member that gets what comes after `offset`.
    #[must_use]
    pub fn new(seat: Seat, user: UserName, recipient: Arc<dyn Recipient>, form: Form, offset: Offset) -> Self {
        Self { seat, user, recipient, form, offset, cuts: Vec::new(), missed: 0, unwritten: false }
    }

    /// Gives it another client, which gets what comes after `offset`.
    pub fn resume(&mut self, recipient: Arc<dyn Recipient>, form: Form, offset: Offset) {
        (self.recipient, self.form, self.offset) = (recipient, form, offset);
        (self.cuts, self.missed) = (Vec::new(), 0);
    }

    /// It is a member no longer, and its handle can see so.
    pub fn revoke(&mut self) {
        self.seat.revoke();
    }

    /// What is left of it when it was put out.
    #[must_use]
    pub fn ghost(self) -> (Seat, Endpoint) {
        let Self { seat, recipient, form, .. } = self;
        (seat, Endpoint { recipient, form })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> MemberId {
        self.seat.number()
    }

    /// Whether it gets the whole buffer and nothing else.
    #[must_use]
    fn is_plain(&self) -> bool {
        self.cuts.is_empty() && self.offset == Offset::default() && self.missed == 0
    }

    /// Whether it has missed something that it was not told of.
    #[must_use]
    pub fn is_lagging(&self) -> bool {
        self.missed > 0
    }

    /// Whether what it was given has not all reached its socket yet, as far as is known.
    #[must_use]
    pub fn is_unwritten(&self) -> bool {
        self.unwritten
    }

    /// Looks whether what it was given has all reached its socket since.
    pub fn is_written_now(&mut self) -> bool {
        let written = self.unwritten && self.missed == 0 && self.recipient.is_drained();
        self.unwritten &= !written;
        written
    }

    /// Cuts the buffer up to `end` for it.
    pub fn cut(&mut self, end: Offset) {
        if self.offset != end {
            self.cuts.push(Cut::Shared(self.offset..end));
            self.offset = end;
        }
    }

    /// Adds something of its own.
    pub fn own(&mut self, piece: Piece) {
        self.cuts.push(Cut::Own(piece));
    }

    /// What was cut for it, as pieces; its mark is at the beginning of the next round.
    pub fn take_cuts(&mut self, shared: impl Fn(&Range<Offset>) -> Option<Piece>) -> Vec<Piece> {
        self.offset = Offset::default();
        let cuts = std::mem::take(&mut self.cuts);
        cuts.into_iter()
            .filter_map(|cut| match cut {
                Cut::Shared(part) => shared(&part),
                Cut::Own(piece) => Some(piece),
            })
            .collect()
    }

    /// Gives it what a round has for it.
    pub fn deliver(&mut self, sealed: &Sealed, slow: Slow, room: &RoomName) {
        let Form::Bytes(encoding) = self.form else { return };
        if self.is_plain() {
            let whole = sealed.whole(encoding).map(std::slice::from_ref);
            return self.give(whole.unwrap_or_default(), slow, room);
        }
        let rest = sealed.rest(encoding, self.offset);
        let mut pieces = self.take_cuts(|part| sealed.part(encoding, part));
        pieces.extend(rest);
        self.give(&pieces, slow, room);
    }

    /// Gives it pieces, after the news of what it missed, if there is room for that again.
    pub fn give(&mut self, pieces: &[Piece], slow: Slow, room: &RoomName) {
        if let (true, Form::Bytes(encoding)) = (self.missed > 0, self.form) {
            self.announce_missed(encoding, room);
        }
        if !pieces.is_empty() {
            let given = self.recipient.take(Parcel::Pieces(pieces), Care::Policy(slow));
            self.unwritten |= given.is_ok() && pieces.iter().any(|piece| piece.messages > 0);
            self.missed += missed(given, self);
        }
    }

    /// Hands it one event as a value.
    pub fn hand(&mut self, event: &Arc<Event>, slow: Slow) {
        if self.missed > 0
            && let Event::Message(message) = &**event
        {
            let lagged = Arc::new(Event::Lagged { room: message.room.clone(), missed: self.missed });
            if self.recipient.take(Parcel::Event(&lagged), Care::Policy(Slow::Drop)).is_ok() {
                self.missed = 0;
            }
        }
        let given = self.recipient.take(Parcel::Event(event), Care::Policy(slow));
        self.unwritten |= given.is_ok() && event.is_message();
        self.missed += missed(given, self);
    }

    fn announce_missed(&mut self, encoding: Encoding, room: &RoomName) {
        let lagged = Event::Lagged { room: room.clone(), missed: self.missed };
        let mut buffer = Vec::new();
        Encoder::default().encode(&lagged, None, encoding, &mut buffer);
        // Not an event of the books: it is tried until there is room for it.
        let piece = Piece { part: 0..buffer.len(), buffer: buffer.into(), events: 0, messages: 0, reply: false };
        if self.recipient.take(Parcel::Pieces(&[piece]), Care::Policy(Slow::Drop)).is_ok() {
            self.missed = 0;
        }
    }
}

/// The members of a room.
#[derive(Default)]
pub struct Table {
    members: Vec<Member>,
    index: HashMap<MemberId, usize>,
    /// Members that take events as values.
    taking_events: usize,
}

impl Table {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Adds one.
    pub fn insert(&mut self, member: Member) {
        self.taking_events += usize::from(member.form == Form::Events);
        self.index.insert(member.id(), self.members.len());
        self.members.push(member);
    }

    /// Takes one out.
    pub fn remove(&mut self, id: MemberId) -> Option<Member> {
        let at = self.index.remove(&id)?;
        let member = self.members.swap_remove(at);
        if let Some(moved) = self.members.get(at) {
            self.index.insert(moved.id(), at);
        }
        self.taking_events -= usize::from(member.form == Form::Events);
        Some(member)
    }

    /// The one of this number.
    pub fn get_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.index.get(&id).map(|at| &mut self.members[*at])
    }

    /// All of them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.members.iter_mut()
    }

    /// All of them, a row at a time.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [Member]> {
        self.members.chunks_mut(ROW)
    }

    /// Those that take events as values; costs nothing when there are none.
    pub fn taking_events(&mut self) -> impl Iterator<Item = &mut Member> {
        let any = self.taking_events > 0;
        self.members.iter_mut().filter(move |_| any).filter(|member| member.form == Form::Events)
    }
}
