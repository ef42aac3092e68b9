//! Receipts of a room: recorded, and announced to the authors, and to the user's own other connections.
//!
//! A part of [`Room`], stepped with it. What was written to sockets comes from the broker, what was
//! received and read from clients.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Effect, Room};
use crate::chat::UserName;
use crate::chat::event::Event;
use crate::chat::id::Id;
use crate::chat::members::{MemberId, RoomMember};
use crate::chat::message::Message;
use crate::chat::receipt::{Receipt, ReceiptMark};
use crate::chat::receipts::{Advance, Advances};
use crate::chat::refusal::{Code, Refusal};
use crate::chat::speaker::Speaker;
use crate::chat::time::Moment;

impl Room {
    /// The receipts to announce, and to which members: the authors' connections, and how far a user has read to
    /// that user's other connections; without those that only subscribe.
    pub(super) fn advanced(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(Advances { advances, authors, readers }) = self.receipts.gather(&self.ring, now) else { return };
        let reached = self.reached(&advances, &authors);
        let mut marks: Vec<_> = advances.into_iter().map(|Advance { mark, .. }| mark).collect();
        // Users are not told of their own receipts, except among those of others.
        let alone = authors.first().filter(|_| authors.len() == 1);
        let announced_marks: Vec<_> = marks.iter().filter(|mark| Some(&mark.user) != alone).cloned().collect();
        let told = |user: &UserName| self.tells_receipts() && authors.contains(user);
        let members = self.members.members().filter(|(_, member)| self.tells_receipts() && self.listens(member));
        let members = members.filter(|(_, member)| authors.contains(&member.user));
        let (away, here): (Vec<_>, Vec<_>) =
            members.map(|(id, member)| (id, member.detached)).partition(|(_, detached)| *detached);
        let own = self.own_reads(&marks, readers, |user| told(user) && Some(user) != alone);
        away.iter().for_each(|(id, _)| self.members.defer_receipts(*id, &announced_marks));
        let to = here.into_iter().map(|(id, _)| id).collect();
        let events = announced_marks.into_iter().map(|mark| self.receipt_of(mark)).collect();
        // Other servers store how far those have got who are there alone, and are told of the others.
        marks.retain(|mark| !self.members.is_elsewhere(&mark.user));
        marks.iter().for_each(|mark| self.members.has_got_on(&mark.user));
        effects.push(Effect::Advanced { marks, to, events });
        effects.extend(reached);
        for (id, mark, detached) in own {
            if detached {
                self.members.defer_receipts(id, &[mark]);
            } else {
                effects.push(Effect::One(id, None, self.receipt_of(mark)));
            }
        }
    }

    /// What is told to the authors who have asked for it in lines: who has got to the last of their messages. Who has
    /// not got there yet is told of when they have, so a script that says a hundred lines is not answered with a hundred.
    fn reached(&self, advances: &[Advance], authors: &BTreeSet<UserName>) -> Vec<Effect> {
        let asks = |member: &RoomMember| {
            member.asks_receipts && !member.detached && self.listens(member) && authors.contains(&member.user)
        };
        let members = self.members.members().filter(|(_, member)| self.tells_receipts() && asks(member));
        let told = members.flat_map(|(id, member)| {
            let events = self.reached_by(&member.user, advances);
            events.into_iter().map(move |event| Effect::One(id, None, event))
        });
        told.collect()
    }

    /// Who has received, and who has read, the last message of this user by these advances.
    fn reached_by(&self, author: &UserName, advances: &[Advance]) -> Vec<Event> {
        let own = self.own_messages(author);
        let Some(last) = own.last() else { return Vec::new() };
        let gets_there = |Advance { mark, from }: &&Advance| mark.user != *author && *from < *last && *last <= mark.seq;
        let of = |receipt| advances.iter().filter(gets_there).filter(move |advance| advance.mark.receipt == receipt);
        let has_read = |user: &UserName| of(Receipt::Read).any(|advance| advance.mark.user == *user);
        let event = |receipt| {
            // What was read was received.
            let news = of(receipt).filter(|advance| receipt == Receipt::Read || !has_read(&advance.mark.user));
            let (users, from): (Vec<_>, Vec<_>) = news.map(|advance| (advance.mark.user.clone(), advance.from)).unzip();
            // As many as are news of every one of them.
            let from = from.into_iter().max()?;
            let messages = own.iter().filter(|seq| **seq > from).count();
            let (room, private) = (self.name.clone(), self.private.is_some());
            Some(Event::Reached { room, private, receipt, users, messages })
        };
        [Receipt::Received, Receipt::Read].into_iter().filter_map(event).collect()
    }

    /// The numbers of this user's messages that are in memory, without those that were deleted.
    pub(super) fn own_messages(&self, author: &UserName) -> Vec<u64> {
        let is_own = |message: &&Arc<Message>| message.user == *author && !message.body.is_deleted();
        self.ring.after(0, usize::MAX, usize::MAX).filter(is_own).map(|own| own.seq).collect()
    }

    /// How far users have read, for their connections that do not know it; and whether each is detached. `told` are
    /// the users that are told anyway. Looks at every member only if a reader has other connections.
    fn own_reads(
        &self,
        marks: &[ReceiptMark],
        readers: BTreeMap<UserName, MemberId>,
        told: impl Fn(&UserName) -> bool,
    ) -> Vec<(MemberId, ReceiptMark, bool)> {
        let reads = marks.iter().filter(|mark| mark.receipt == Receipt::Read && !told(&mark.user));
        let reads = reads.filter_map(|mark| Some((&mark.user, (mark, *readers.get(&mark.user)?))));
        // The connection that said so may have left meanwhile.
        let has_others = |user: &UserName, by: MemberId| {
            self.members.connections(user) > usize::from(self.members.member(by).is_some())
        };
        let reads: BTreeMap<_, _> = reads.filter(|(user, (_, by))| has_others(user, *by)).collect();
        if reads.is_empty() {
            return Vec::new();
        }
        let theirs = self.members.members().filter(|(_, member)| self.listens(member)).filter_map(|(id, member)| {
            let (mark, by) = reads.get(&member.user)?;
            (*by != id).then(|| (id, (*mark).clone(), member.detached))
        });
        theirs.collect()
    }

    /// Counts how far others get with a message, if its author has asked and the room is too large to tell who they are.
    /// Where receipts are switched off there are no counts either.
    pub(super) fn follow_receipts(&mut self, message: &Message) {
        self.counts.end(&message.user);
        let asks = self.members.asking(&message.user).next().is_some();
        if asks && !self.tells_receipts() && self.receipts_members_max > 0 && self.private.is_none() {
            let others = self.members.users().saturating_sub(1);
            self.counts.follow(message.user.clone(), message.seq, others, self.last_input);
        }
    }

    /// Tells the counts that have news to the authors. Looks at no member but theirs.
    pub(super) fn tell_counts(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        for (author, seq, counts) in self.counts.gather(now) {
            let here = |id: &MemberId| self.members.member(*id).is_some_and(|member| !member.detached);
            for id in self.members.asking(&author).filter(here) {
                effects.push(Effect::One(id, None, Event::ReceiptCounts { room: self.name.clone(), seq, counts }));
            }
        }
    }

    /// Gives a member that resumes the receipts that were kept for it.
    pub(super) fn give_deferred_receipts(
        &mut self,
        id: MemberId,
        user: &UserName,
        asks_receipts: bool,
        effects: &mut Vec<Effect>,
    ) {
        let deferred: Vec<_> = self.members.take_deferred_receipts(id).collect();
        if asks_receipts {
            // Only the newest mark of each user was kept, so how many messages are news is not known: one is.
            let from = self.own_messages(user).last().map_or(0, |last| last - 1);
            let advances: Vec<_> = deferred.iter().map(|mark| Advance { mark: mark.clone(), from }).collect();
            let reached = self.reached_by(user, &advances);
            effects.extend(reached.into_iter().map(|event| Effect::One(id, None, event)));
        }
        effects.extend(deferred.into_iter().map(|mark| Effect::One(id, None, self.receipt_of(mark))));
    }

    fn listens(&self, member: &RoomMember) -> bool {
        self.private.is_some() || member.visibility.is_announced()
    }

    pub(super) fn receipt_of(&self, mark: ReceiptMark) -> Event {
        Event::Receipt { room: self.name.clone(), mark }
    }

    pub(super) fn written(&mut self, id: MemberId, now: Moment) {
        // Who is in a group is not given all messages up to the newest.
        let tells = |member: &&RoomMember| member.visibility.is_listed() && !self.groups.have(id);
        let Some(member) = self.members.member(id).filter(tells) else { return };
        self.counts.advance(&member.user, Receipt::Written, self.ring.newest(), now.since_start);
        if self.wants_receipts() {
            self.receipts.advance(&member.user, Receipt::Written, self.ring.newest(), now);
        }
    }

    pub(super) fn receipt(
        &mut self,
        speaker: &Speaker,
        (receipt, seq): (Receipt, u64),
        now: Moment,
    ) -> Result<(), Refusal> {
        if seq > self.ring.newest() {
            return Err(Refusal::new(Code::NotFound, format!("There is no message {seq} yet")));
        }
        let Speaker { user, member, .. } = speaker;
        if self.members.has(user) {
            self.counts.advance(user, receipt, seq, now.since_start);
        }
        match (receipt, self.wants_receipts()) {
            (Receipt::Read, true) => self.receipts.read(user, seq, *member, now),
            // It stays unread on no device of the user's, however large the room is.
            (Receipt::Read, false) => self.receipts.read_in_large_room(user, seq, *member, now),
            (_, true) => self.receipts.advance(user, receipt, seq, now),
            (_, false) => {}
        }
        Ok(())
    }

    /// The answer to the question how far a user has read.
    pub(super) fn read_mark(&self, Speaker { user, member, .. }: Speaker, id: Option<Id>, now: Moment) -> Effect {
        let mark = ReceiptMark { receipt: Receipt::Read, seq: self.read_by(&user), user, at: now.at };
        Effect::One(member, id, self.receipt_of(mark))
    }

    /// How far a user has read; 0: nothing.
    pub(super) fn read_by(&self, user: &UserName) -> u64 {
        self.receipts.reached(user, Receipt::Read).min(self.ring.newest())
    }
}
