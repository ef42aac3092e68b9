//! The table of a broker's members: the offset of each in the round, and what it missed.
//!
//! Owned by one broker. The members are adjacent in memory, because every round walks over all of them; an index finds
//! one by its number. A member holds its seat, so the room stays open as long as it has members but those by patterns.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::chat::members::MemberId;
use crate::chat::{Authors, End, Event, RoomName, Slow, UserName};
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Form, Recipient, Segment, Undelivered};
use crate::engine::rooms::batch::{Cut, Offset, Sealed};
use crate::engine::rooms::hub::Seat;
use crate::engine::rooms::pattern_index::PatternSubscriber;
use crate::engine::users::endpoint::Endpoint;
use crate::wire::{Encoder, Encoding};

/// Members whose outboxes are prefetched together: enough to hide the latency of one, few enough to be in the cache
/// still when their turn comes.
const ROW: usize = 32;

/// A member as its broker knows it.
pub struct Subscriber {
    seat: Seat,
    /// The user of the connection.
    pub user: UserName,
    /// Takes its events.
    pub recipient: Arc<dyn Recipient>,
    /// The form of its events.
    pub form: Form,
    /// Whether it is in a group, and is given no message that all others are given.
    in_group: bool,
    /// Up to where its encoding's buffer was cut for it.
    pub offset: Offset,
    /// What it gets before the buffer from its offset on. Most members have none, the others few.
    cuts: Vec<Cut>,
    /// Messages that it will not get and that were not yet reported as `lagged`.
    missed: u64,
    /// How many of them have given their place to newer ones.
    conflated: u64,
    /// Whether it was given messages that are not known to be written to its socket.
    unwritten: bool,
}

impl Subscriber {
    /// A member that gets the events after `offset`.
    #[must_use]
    pub fn new(seat: Seat, user: UserName, recipient: Arc<dyn Recipient>, form: Form, offset: Offset) -> Self {
        let (cuts, missed, conflated, unwritten, in_group) = (Vec::new(), 0, 0, false, false);
        Self { seat, user, recipient, form, in_group, offset, cuts, missed, conflated, unwritten }
    }

    /// The same, in a group or not.
    #[must_use]
    pub fn in_group(self, in_group: bool) -> Self {
        Self { in_group, ..self }
    }

    /// Whether an event for all members is for this one too. Where it takes bytes, its encoding leaves the others out.
    #[must_use]
    pub fn is_given(&self, event: &Event) -> bool {
        !(self.in_group && event.is_for_one_of_a_group())
    }

    /// Attaches it to another recipient, which gets the events after `offset`.
    pub fn resume(&mut self, recipient: Arc<dyn Recipient>, form: Form, offset: Offset) {
        (self.recipient, self.form, self.offset) = (recipient, form, offset);
        (self.cuts, self.missed, self.conflated) = (Vec::new(), 0, 0);
    }

    /// Whether it is a member by a pattern.
    #[must_use]
    pub fn is_by_pattern(&self) -> bool {
        self.seat.is_by_pattern()
    }

    /// Whether it is this subscriber's, by a pattern.
    #[must_use]
    pub fn is_of(&self, subscriber: &Arc<PatternSubscriber>) -> bool {
        self.seat.topic_permit().is_some_and(|permit| permit.is_of(subscriber))
    }

    /// Ends the membership, which its handle can see.
    pub fn revoke(&mut self) {
        self.seat.revoke();
    }

    /// Its seat and endpoint, after it was removed.
    #[must_use]
    pub fn into_evicted(self) -> (Seat, Endpoint) {
        let Self { seat, recipient, form, .. } = self;
        (seat, Endpoint { recipient, form, authors: Authors::default() })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> MemberId {
        self.seat.number()
    }

    /// Whether it gets the whole buffer and no other event.
    #[must_use]
    fn is_plain(&self) -> bool {
        self.cuts.is_empty() && self.offset == Offset::default() && self.missed == 0
    }

    /// Whether it has missed messages that were not reported to it yet.
    #[must_use]
    pub fn is_lagging(&self) -> bool {
        self.missed > 0
    }

    /// Whether messages for it are not yet written to its socket, as far as is known.
    #[must_use]
    pub fn is_unwritten(&self) -> bool {
        self.unwritten
    }

    /// Checks whether all its messages have been written to its socket since.
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

    /// Adds events of its own.
    pub fn own(&mut self, segment: Segment) {
        self.cuts.push(Cut::Own(segment));
    }

    /// Takes what was cut for it, as segments; its offset is that of the next round's start.
    pub fn take_cuts(&mut self, shared: impl Fn(&Range<Offset>) -> Option<Segment>) -> Vec<Segment> {
        self.offset = Offset::default();
        let cuts = std::mem::take(&mut self.cuts);
        cuts.into_iter()
            .filter_map(|cut| match cut {
                Cut::Shared(part) => shared(&part),
                Cut::Own(segment) => Some(segment),
            })
            .collect()
    }

    /// Delivers what a round has for it, of this room, on a server that knows these authors.
    pub fn deliver(&mut self, sealed: &Sealed, slow: Slow, of: (&RoomName, &Authors)) {
        let Form::Bytes(encoding) = self.form else { return };
        if self.is_plain() {
            let whole = sealed.whole(encoding).map(std::slice::from_ref);
            return self.give(whole.unwrap_or_default(), slow, of);
        }
        let rest = sealed.rest(encoding, self.offset);
        let mut segments = self.take_cuts(|part| sealed.part(encoding, part));
        segments.extend(rest);
        self.give(&segments, slow, of);
    }

    /// Delivers segments, after a report of what it missed, if that fits again; as in [`Subscriber::deliver`].
    pub fn give(&mut self, segments: &[Segment], slow: Slow, of: (&RoomName, &Authors)) {
        if let (true, Form::Bytes(encoding)) = (self.missed > 0, self.form) {
            self.announce_missed(encoding, slow, of);
        }
        if !segments.is_empty() {
            let given = self.recipient.deliver(Delivery::Segments(segments), DeliveryMode::Policy(slow));
            let messages: u32 = segments.iter().map(|segment| segment.messages).sum();
            self.unwritten |= match given {
                Ok(()) => messages > 0,
                Err(Undelivered::Dropped { messages: dropped, .. }) => messages > dropped,
                Err(Undelivered::Slow | Undelivered::Closed) => false,
            };
            self.note_missed(given);
        }
    }

    /// Delivers one event as a value.
    pub fn hand(&mut self, event: &Arc<Event>, slow: Slow) {
        if self.missed > 0
            && let Event::Message(message) = &**event
        {
            let lagged = Arc::new(self.lagged(&message.room));
            if self.recipient.deliver(Delivery::Event(&lagged), DeliveryMode::Policy(Slow::Drop)).is_ok() {
                (self.missed, self.conflated) = (0, 0);
            }
        }
        let given = self.recipient.deliver(Delivery::Event(event), DeliveryMode::Policy(slow));
        self.unwritten |= given.is_ok() && event.is_message();
        self.note_missed(given);
    }

    fn announce_missed(&mut self, encoding: Encoding, slow: Slow, (room, authors): (&RoomName, &Authors)) {
        // A member that is given the newest of each key misses some in each round until it has caught up.
        if slow == Slow::Latest && !self.recipient.is_drained() {
            return;
        }
        let mut buffer = Vec::new();
        Encoder::new(authors.clone()).encode(&self.lagged(room), None, encoding, &mut buffer);
        // Not counted as an event: it is tried until it fits.
        let segment = Segment::new(buffer.into(), (0, 0), false);
        if self.recipient.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(Slow::Drop)).is_ok() {
            (self.missed, self.conflated) = (0, 0);
        }
    }

    fn lagged(&self, room: &RoomName) -> Event {
        Event::Lagged { room: room.clone(), missed: self.missed, conflated: self.conflated }
    }

    /// Counts the messages that it misses by a delivery; ends its connection if it is too slow.
    fn note_missed(&mut self, given: Result<(), Undelivered>) {
        match given {
            Ok(()) | Err(Undelivered::Closed) => {}
            Err(Undelivered::Dropped { messages, conflated }) => {
                self.missed += u64::from(messages) + u64::from(conflated);
                self.conflated += u64::from(conflated);
            }
            Err(Undelivered::Slow) => self.recipient.end(End::Slow),
        }
    }
}

/// The members of a room.
#[derive(Default)]
pub struct Table {
    members: Vec<Subscriber>,
    index: HashMap<MemberId, usize>,
    /// Members that take events as values.
    taking_events: usize,
    /// Members by a pattern.
    by_pattern: usize,
}

impl Table {
    /// How many members there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// How many of them are members by a pattern.
    #[must_use]
    pub fn by_pattern(&self) -> usize {
        self.by_pattern
    }

    /// Adds a member.
    pub fn insert(&mut self, member: Subscriber) {
        self.by_pattern += usize::from(member.is_by_pattern());
        self.taking_events += usize::from(member.form == Form::Events);
        self.index.insert(member.id(), self.members.len());
        self.members.push(member);
    }

    /// Removes a member.
    pub fn remove(&mut self, id: MemberId) -> Option<Subscriber> {
        let at = self.index.remove(&id)?;
        let member = self.members.swap_remove(at);
        if let Some(moved) = self.members.get(at) {
            self.index.insert(moved.id(), at);
        }
        self.taking_events -= usize::from(member.form == Form::Events);
        self.by_pattern -= usize::from(member.is_by_pattern());
        Some(member)
    }

    /// Whether there is a member of this number.
    #[must_use]
    pub fn has(&self, id: MemberId) -> bool {
        self.index.contains_key(&id)
    }

    /// The member of this number.
    pub fn get_mut(&mut self, id: MemberId) -> Option<&mut Subscriber> {
        self.index.get(&id).map(|at| &mut self.members[*at])
    }

    /// The members.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subscriber> {
        self.members.iter_mut()
    }

    /// The members, a row at a time.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [Subscriber]> {
        self.members.chunks_mut(ROW)
    }

    /// The members that take events as values; costs nothing when there are none.
    pub fn taking_events(&mut self) -> impl Iterator<Item = &mut Subscriber> {
        let any = self.taking_events > 0;
        self.members.iter_mut().filter(move |_| any).filter(|member| member.form == Form::Events)
    }
}
