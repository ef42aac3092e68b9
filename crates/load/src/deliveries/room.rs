//! The delivery accounting of one room: every message that was published, and the position that it has for the members.
//!
//! The generator's thread records each message before it is sent, and each delivery together with the member that
//! received it. Nothing is sampled: a message is lost, repeated or out of order for exactly the members for which it
//! is. `reconciliation.rs` counts what is missing in the end.

use crate::allowed_losses::AllowedLosses;
use crate::deliveries::group::GroupDeliveries;
use crate::deliveries::member::MemberDeliveries;
use crate::deliveries::order::{MessageOrder, Placement};
use crate::faults::Faults;

/// See the module.
#[derive(Debug, Default)]
pub struct RoomDeliveries {
    /// By number.
    pub(super) messages: Vec<SentMessage>,
    /// The orders of the protocols with numbers, one for each epoch; the last is the current one.
    pub(super) numbered: Vec<MessageOrder>,
    /// The order of the protocols without numbers.
    pub(super) unnumbered: MessageOrder,
    /// Members at present.
    members: usize,
    /// Of those, the ones whose deliveries the closed loop waits for.
    awaited: u32,
    /// Messages that the closed loop still waits for.
    in_flight: Vec<u32>,
    /// Keys that its messages have; 0: none.
    keys: usize,
    /// Of the group whose members share its messages.
    pub group: Option<GroupDeliveries>,
}

/// A message that was published.
#[derive(Debug)]
pub(super) struct SentMessage {
    /// When it was due: nanoseconds since the run began.
    due: u64,
    /// The client that sent it, and on which of its connections.
    pub(super) sender: u32,
    pub(super) connection: u32,
    /// It was refused for the moment, and its sender went on: it may come behind later ones.
    pub(super) is_postponed: bool,
    /// Members whose deliveries the closed loop still waits for.
    waiting: u32,
    /// Whether any member must receive it.
    pub(super) expected: bool,
    /// Whether any member has received it.
    pub(super) delivered: bool,
    /// Epoch and position in the order with numbers.
    pub(super) numbered_at: Option<(u32, u32)>,
    /// Position in the order without numbers.
    pub(super) unnumbered_at: Option<u32>,
    pub(super) acknowledgement: Acknowledgement,
}

/// What the sender was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledgement {
    Pending,
    Accepted,
    Refused,
}

/// What a member received.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// The message; `None` when it is another program's.
    pub number: Option<u32>,
    /// The server's number, in the protocols that have it.
    pub seq: Option<u64>,
}

/// The first delivery of a message to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// When the message was due: nanoseconds since the run began.
    pub due: u64,
    /// Whether the closed loop waits for no further delivery of it, and may publish the next.
    pub complete: bool,
}

impl RoomDeliveries {
    /// The accounting of a room whose messages have so many keys, and which may have a group.
    #[must_use]
    pub fn new(keys: usize, has_group: bool) -> Self {
        Self { keys, group: has_group.then(GroupDeliveries::default), ..Self::default() }
    }

    /// Messages published.
    #[must_use]
    pub fn published(&self) -> u32 {
        u32::try_from(self.messages.len()).unwrap_or(u32::MAX)
    }

    #[must_use]
    pub fn members(&self) -> usize {
        self.members
    }

    /// Records a message that is about to be sent; returns its number. `closed`: the closed loop waits for it.
    pub fn publish(&mut self, sender: &MemberDeliveries, due: u64, closed: bool) -> u32 {
        let number = self.published();
        let waiting = self.awaited - u32::from(sender.awaited && !sender.receives_own);
        self.messages.push(SentMessage {
            due,
            sender: sender.client,
            connection: sender.connection,
            is_postponed: false,
            waiting,
            expected: sender.receives_own || self.members > 1,
            delivered: false,
            numbered_at: None,
            unnumbered_at: None,
            acknowledgement: Acknowledgement::Pending,
        });
        if closed {
            self.in_flight.push(number);
        }
        number
    }

    /// The messages of a client of which it does not know whether they were accepted, from now on those of this connection
    /// of it: it sends them again.
    pub fn take_over_pending(&mut self, sender: u32, connection: u32) -> Vec<u32> {
        let is_pending =
            |message: &SentMessage| message.sender == sender && message.acknowledgement == Acknowledgement::Pending;
        let pending = (0..).zip(&mut self.messages).filter(|(_, message)| is_pending(message));
        let renewed = pending.map(|(number, message)| {
            message.connection = connection;
            number
        });
        renewed.collect()
    }

    /// When a message was due: nanoseconds since the run began.
    #[must_use]
    pub fn due(&self, number: u32) -> u64 {
        self.messages[number as usize].due
    }

    /// Whether this client published this number.
    #[must_use]
    pub fn is_sent_by(&self, number: u32, sender: u32) -> bool {
        self.messages.get(number as usize).is_some_and(|message| message.sender == sender)
    }

    /// A client becomes a member, by a protocol that does not tell the room's last number.
    pub fn join(&mut self, member: &mut MemberDeliveries) {
        member.expected_from = self.published();
        member.order_length_at_join = self.unnumbered.len();
        if self.messages.is_empty() {
            member.next.get_or_insert(0);
        }
        self.members += 1;
        self.awaited += u32::from(member.awaited);
    }

    /// A client becomes a member by a pattern, which does not tell the room's last number: it is given what is published from
    /// now on.
    pub fn join_by_pattern(&mut self, member: &mut MemberDeliveries) {
        (member.by_pattern, member.expected_from) = (true, self.published());
        self.members += 1;
        self.awaited += u32::from(member.awaited);
    }

    /// A client becomes a member of a room whose last number is `seq`. One that rejoins was sent
    /// all that it missed, if it `recovered`.
    pub fn join_at(
        &mut self,
        member: &mut MemberDeliveries,
        at: (&str, u64),
        recovered: bool,
        allowed: &mut AllowedLosses,
    ) {
        self.join(member);
        let (epoch, seq) = at;
        let same = self.order_of(epoch, seq);
        let next = self.numbered[same].after(seq).unwrap_or(0);
        if member.epoch != Some(same) {
            // It is told that nobody knows of what it missed of the last.
            allowed.too_old += member.epoch.map_or(0, |epoch| member.forget(self.numbered[epoch].len()));
            member.epoch = Some(same);
            member.next = Some(next);
            member.joined_at = next;
            member.last_values.clear();
        } else if !recovered {
            let had = member.next.unwrap_or(next);
            allowed.too_old += u64::from(next.saturating_sub(had));
            member.next = Some(next.max(had));
            member.joined_at = next.max(had);
            member.last_values.clear();
        }
        if !recovered {
            // The last values came if they could be had.
            member.values_from = next;
        }
    }

    /// A client resumes its membership, and what it missed follows if it `recovered`.
    pub fn resume(&mut self, member: &mut MemberDeliveries, recovered: bool) {
        self.join(member);
        if !recovered {
            member.next = None;
            member.values_from = member.epoch.map_or(0, |epoch| self.numbered[epoch].len());
        }
    }

    /// A client is no longer a member. Returns how many messages the closed loop waits for no longer.
    pub fn leave(&mut self, member: &MemberDeliveries) -> usize {
        self.members -= 1;
        if !member.awaited {
            return 0;
        }
        self.awaited -= 1;
        let Self { messages, in_flight, .. } = self;
        let before = in_flight.len();
        in_flight.retain(|&number| {
            let message = &mut messages[number as usize];
            let position = if member.epoch.is_some() {
                message.numbered_at.map(|(_, position)| position)
            } else {
                message.unnumbered_at
            };
            let counted = member.expected_from <= number && (member.receives_own || message.sender != member.client);
            let has =
                position.is_some_and(|position| member.has_received(position)) || member.unordered.contains(&number);
            message.waiting -= u32::from(counted && !has);
            message.waiting > 0
        });
        before - in_flight.len()
    }

    /// Where a member can resume: the epoch and the last number that it received.
    #[must_use]
    pub fn position(&self, member: &MemberDeliveries) -> Option<(&str, u64)> {
        let order = &self.numbered[member.epoch?];
        Some((order.epoch.as_deref()?, order.seq(member.next?)))
    }

    /// Records a delivery to a member. `None`: it is not the first of this message, or not of this run.
    pub fn deliver(
        &mut self,
        member: &mut MemberDeliveries,
        delivery: Delivery,
        faults: &mut Faults,
    ) -> Option<NewDelivery> {
        let fresh = match delivery.seq {
            Some(seq) => self.deliver_numbered(member, delivery.number, seq, faults),
            None => self.deliver_unnumbered(member, delivery.number?, faults),
        };
        let number = delivery.number.filter(|_| fresh)?;
        let message = &mut self.messages[number as usize];
        message.delivered = true;
        let counted = member.awaited && member.expected_from <= number && message.waiting > 0;
        message.waiting -= u32::from(counted);
        let complete = counted && message.waiting == 0;
        let due = message.due;
        Some(NewDelivery { due, complete: complete && self.complete(number) })
    }

    fn deliver_numbered(
        &mut self,
        member: &mut MemberDeliveries,
        number: Option<u32>,
        seq: u64,
        faults: &mut Faults,
    ) -> bool {
        let epoch = match member.epoch {
            Some(epoch) => epoch,
            None => *member.epoch.insert(self.current_epoch(seq)),
        };
        let position = self.numbered[epoch].after(seq).and_then(|after| after.checked_sub(1));
        let Some(position) = position else {
            faults.contradicted += 1;
            return false;
        };
        if !self.place(epoch, position, number, faults) {
            return false;
        }
        if let Some(number) = number.filter(|_| member.last_values.has_keys()) {
            if position < member.joined_at {
                member.receive_last_value(number, position, faults);
                return false;
            }
            member.last_values.receive(number, position);
        }
        member.receive(position, faults)
    }

    /// Whether the message has this position and no other, and no other message has it.
    fn place(&mut self, epoch: usize, position: u32, number: Option<u32>, faults: &mut Faults) -> bool {
        if self.numbered[epoch].place(position, number) == Placement::Conflict {
            faults.contradicted += 1;
            return number.is_some();
        }
        let Some(number) = number else { return true };
        let position = (u32::try_from(epoch).unwrap_or(u32::MAX), position);
        let known = self.messages[number as usize].numbered_at.get_or_insert(position);
        if known.0 < position.0 {
            // What another epoch lost was sent again.
            *known = position;
        }
        // One message with two numbers.
        let is_repeated = known.0 == position.0 && *known != position;
        faults.repeated += u64::from(is_repeated);
        !is_repeated
    }

    /// Without numbers, a message has a position once a member that defines the order has received it too.
    /// A member that has just joined, or does not receive its own messages, may receive it earlier.
    fn deliver_unnumbered(&mut self, member: &mut MemberDeliveries, number: u32, faults: &mut Faults) -> bool {
        member.unordered.push_back(number);
        self.order_pending(member, faults).unwrap_or(true)
    }

    /// Records deliveries without a position as far as their positions are known now. Returns whether the last was new;
    /// `None` if some are still without one.
    pub fn order_pending(&mut self, member: &mut MemberDeliveries, faults: &mut Faults) -> Option<bool> {
        let mut fresh = true;
        while let Some(&number) = member.unordered.front() {
            let knows = member.defines_order && member.next.is_some();
            let message = &mut self.messages[number as usize];
            let position = match message.unnumbered_at {
                Some(position) => position,
                None if knows => *message.unnumbered_at.insert(self.unnumbered.append(number)),
                None => return None,
            };
            member.unordered.pop_front();
            fresh = self.receive_unnumbered(member, position, faults);
        }
        Some(fresh)
    }

    fn receive_unnumbered(&mut self, member: &mut MemberDeliveries, position: u32, faults: &mut Faults) -> bool {
        // Before its first delivery it must receive only what was sent after it became a member.
        let from = member.next.unwrap_or(member.order_length_at_join.min(position));
        for skipped in from..position {
            if self.is_expected(member, skipped) {
                member.skip(skipped..skipped + 1);
            }
        }
        if from <= position {
            member.next = Some(position);
        }
        member.receive(position, faults)
    }

    /// Whether a member must receive a position of the order without numbers.
    pub(super) fn is_expected(&self, member: &MemberDeliveries, position: u32) -> bool {
        let Some(number) = self.unnumbered.number(position) else { return false };
        let own = self.messages[number as usize].sender == member.client && !member.receives_own;
        !own && (member.next.is_some() || member.expected_from <= number)
    }

    /// The sender was told that its message is published, with this number of the server.
    pub fn acknowledge(&mut self, member: &MemberDeliveries, number: u32, seq: u64, faults: &mut Faults) {
        let Some(message) = self.messages.get_mut(number as usize) else { return };
        message.acknowledgement = Acknowledgement::Accepted;
        let position = |order: &MessageOrder| order.after(seq).and_then(|after| after.checked_sub(1));
        if let Some(epoch) = member.epoch
            && let Some(position) = position(&self.numbered[epoch])
        {
            self.place(epoch, position, Some(number), faults);
        }
    }

    /// The sender was told that its message is refused. Returns whether the closed loop waited for it.
    pub fn refuse(&mut self, number: u32) -> bool {
        let Some(message) = self.messages.get_mut(number as usize) else { return false };
        message.acknowledgement = Acknowledgement::Refused;
        self.complete(number)
    }

    /// The sender was told that its message is refused for the moment; it sends it again.
    pub fn postpone(&mut self, number: u32) {
        if let Some(message) = self.messages.get_mut(number as usize) {
            message.is_postponed = true;
        }
    }

    /// Waits no longer for messages that were due before `due`; returns how many these were.
    pub fn give_up(&mut self, due: u64) -> usize {
        let Self { messages, in_flight, .. } = self;
        let before = in_flight.len();
        in_flight.retain(|&number| messages[number as usize].due >= due);
        before - in_flight.len()
    }

    fn complete(&mut self, number: u32) -> bool {
        let index = self.in_flight.iter().position(|in_flight| *in_flight == number);
        index.map(|index| self.in_flight.swap_remove(index)).is_some()
    }

    /// The order of an epoch that the server named.
    fn order_of(&mut self, name: &str, seq: u64) -> usize {
        if let Some(known) = self.numbered.iter().position(|order| order.epoch.as_deref() == Some(name)) {
            return known;
        }
        if let Some(MessageOrder { epoch: epoch @ None, .. }) = self.numbered.last_mut() {
            *epoch = Some(name.to_owned());
        } else {
            self.numbered.push(MessageOrder::near(Some(name.to_owned()), seq, self.keys));
        }
        self.numbered.len() - 1
    }

    /// The order of the current epoch, for a member that is not told its name.
    fn current_epoch(&mut self, seq: u64) -> usize {
        if self.numbered.is_empty() {
            self.numbered.push(MessageOrder::near(None, seq.saturating_sub(1), self.keys));
        }
        self.numbered.len() - 1
    }
}
