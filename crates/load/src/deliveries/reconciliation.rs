//! Reconciliation: what a member is missing in the end, and what became of every message of a room.
//!
//! The generator reconciles a member when it leaves, and all that are left when the run is over; then it checks the
//! messages of each room once. A member that stayed to the end must have received its order to the end.

use std::collections::{BTreeMap, HashMap};

use crate::allowed_losses::AllowedLosses;
use crate::deliveries::member::MemberDeliveries;
use crate::deliveries::order::MessageOrder;
use crate::deliveries::room::{Acknowledgement, RoomDeliveries, SentMessage};
use crate::faults::Faults;

/// How a membership ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipEnd {
    /// With the run, when nothing was in flight any more.
    Drained,
    /// With the run, while deliveries were still in flight.
    InFlight,
    /// With its connection, before the end.
    Disconnected,
    /// The client left: it is to receive nothing after that.
    Left,
}

/// What has to be known about the senders of a room's messages.
pub struct SenderFacts<'a> {
    /// Whether a connection of a client was open at the end: the client, and which of its connections.
    pub stayed: &'a dyn Fn(u32, u32) -> bool,
    /// Whether a client's next connection resumes where the last one ended.
    pub resumes: &'a dyn Fn(u32) -> bool,
    /// Whether a client's messages are acknowledged.
    pub acknowledged: &'a dyn Fn(u32) -> bool,
    /// Refusals, by client, that did not say which message they are about.
    pub refused: BTreeMap<u32, u64>,
    /// Whether nothing was in flight any more.
    pub drained: bool,
}

impl RoomDeliveries {
    /// Counts what a member is missing.
    pub fn reconcile_member(
        &self,
        member: &MemberDeliveries,
        ending: MembershipEnd,
        faults: &mut Faults,
        allowed: &mut AllowedLosses,
    ) {
        let (missing, announced) = member.balance();
        let tail = self.missing_at_end(member);
        // Announced messages that are not between two deliveries come after the last.
        let behind = announced.saturating_sub(missing).min(tail);
        faults.lost += missing.saturating_sub(announced);
        allowed.dropped += missing.min(announced) + behind;
        allowed.unordered += member.unordered.len() as u64;
        match ending {
            MembershipEnd::Drained => {
                faults.lost += tail - behind;
                faults.stale += self.stale_values(member);
                faults.overannounced += announced.saturating_sub(missing + tail);
            }
            MembershipEnd::InFlight => allowed.under_way += tail - behind,
            MembershipEnd::Disconnected => allowed.gone += tail - behind,
            MembershipEnd::Left => {}
        }
    }

    /// Of how many keys a member has not the newest message.
    fn stale_values(&self, member: &MemberDeliveries) -> u64 {
        let newest = member.epoch.map(|epoch| &self.numbered[epoch].last_values);
        newest.map_or(0, |newest| member.last_values.stale(newest, member.values_from))
    }

    /// Whether this member has received all that it must by now.
    #[must_use]
    pub fn is_complete(&self, member: &MemberDeliveries) -> bool {
        let (missing, announced) = member.balance();
        missing == announced
            && self.missing_at_end(member) == 0
            && member.unordered.is_empty()
            && self.stale_values(member) == 0
    }

    /// Whether every message was delivered or refused, and acknowledged where the protocol does so.
    pub fn is_settled(&self, stayed: impl Fn(u32, u32) -> bool, acknowledged: impl Fn(u32) -> bool) -> bool {
        self.messages.iter().all(|message| match message.acknowledgement {
            _ if !message.expected => true,
            // The message or its acknowledgement was lost with the connection.
            Acknowledgement::Pending if !stayed(message.sender, message.connection) => true,
            Acknowledgement::Refused => true,
            Acknowledgement::Accepted => message.numbered_at.is_some(),
            Acknowledgement::Pending => message.delivered && !acknowledged(message.sender),
        }) && self.undone().0 == 0
    }

    /// How many messages were stored and are not done by the group, and of how many it was announced that they never will.
    fn undone(&self) -> (u64, u64) {
        let Some(group) = &self.group else { return (0, 0) };
        let (undone, announced) = group.undone(self.numbered.iter().flat_map(MessageOrder::numbers));
        (undone.saturating_sub(announced), undone.min(announced))
    }

    /// How many positions at the end of its order a member has not received; of one by a pattern, also of those before its
    /// first that it must have received.
    fn missing_at_end(&self, member: &MemberDeliveries) -> u64 {
        match (member.epoch, member.next) {
            (Some(epoch), Some(next)) if member.by_pattern => {
                let order = &self.numbered[epoch];
                let expected = |position: &u32| order.number(*position).is_some_and(|n| n >= member.expected_from);
                let before = (0..member.first.unwrap_or(next)).filter(expected).count() as u64;
                before + u64::from(order.len().saturating_sub(next))
            }
            (None, _) if member.by_pattern => {
                let published = self.messages.iter().skip(member.expected_from as usize);
                published.filter(|message| message.numbered_at.is_some() || message.delivered).count() as u64
            }
            (Some(epoch), Some(next)) => self.numbered[epoch].len().saturating_sub(next).into(),
            (Some(_), None) => 0,
            (None, next) => {
                let from = next.unwrap_or(member.order_length_at_join);
                (from..self.unnumbered.len()).filter(|position| self.is_expected(member, *position)).count() as u64
            }
        }
    }

    /// Checks every message once: whether it was delivered, answered, and in its sender's order.
    pub fn reconcile_messages(&self, mut senders: SenderFacts<'_>, faults: &mut Faults, allowed: &mut AllowedLosses) {
        for log in self.numbered.iter().chain([&self.unnumbered]) {
            faults.disordered += self.inversions(log.numbers(), senders.resumes);
        }
        let places = self.unnumbered.numbers().filter_map(|number| self.messages[number as usize].numbered_at);
        faults.disordered += descents(places);
        let (undone, dropped) = self.undone();
        allowed.dropped += dropped;
        *if senders.drained { &mut faults.undone } else { &mut allowed.under_way } += undone;
        for message in &self.messages {
            let stayed = (senders.stayed)(message.sender, message.connection);
            if message.numbered_at.is_some() || message.delivered {
                let wanted =
                    (senders.acknowledged)(message.sender) && message.acknowledgement == Acknowledgement::Pending;
                faults.unacknowledged += u64::from(wanted && stayed && senders.drained);
                continue;
            }
            match message.acknowledgement {
                _ if !message.expected => {}
                Acknowledgement::Refused => {}
                Acknowledgement::Pending if !stayed => allowed.undecided += 1,
                Acknowledgement::Pending if refused(&mut senders.refused, message) => {}
                _ if !senders.drained => allowed.undecided += 1,
                _ => faults.swallowed += 1,
            }
        }
    }

    /// Messages that come after a later one of the same sender. A client that does not resume counts as another
    /// sender after its connection broke: the order in which the server reads the two is undefined.
    fn inversions(&self, numbers: impl Iterator<Item = u32>, resumes: impl Fn(u32) -> bool) -> u64 {
        let mut latest: HashMap<(u32, u32), u32> = HashMap::new();
        let mut count = 0;
        for number in numbers {
            let SentMessage { sender, connection, is_postponed, .. } = self.messages[number as usize];
            if is_postponed {
                continue;
            }
            let connection = if resumes(sender) { 0 } else { connection };
            let last = latest.entry((sender, connection)).or_insert(number);
            count += u64::from(number < *last);
            *last = number.max(*last);
        }
        count
    }
}

/// Uses up one of the sender's refusals, if there is one left.
fn refused(refusals: &mut BTreeMap<u32, u64>, message: &SentMessage) -> bool {
    let left = refusals.get_mut(&message.sender).filter(|left| **left > 0);
    left.map(|left| *left -= 1).is_some()
}

fn descents<T: Ord>(items: impl Iterator<Item = T>) -> u64 {
    let (mut latest, mut count) = (None, 0);
    for item in items {
        if latest.as_ref().is_some_and(|latest| item < *latest) {
            count += 1;
        } else {
            latest = Some(item);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliveries::room::Delivery;

    /// Two members of a room in which client 0 publishes five messages; each receives these numbers of the
    /// server, or the messages alone where there are none.
    fn room(numbered: bool, received: [&[(u32, u64)]; 2], lagged: u64) -> (Faults, AllowedLosses) {
        let (mut room, mut faults, mut allowed) =
            (RoomDeliveries::default(), Faults::default(), AllowedLosses::default());
        let mut members = [MemberDeliveries::new(0, true, true), MemberDeliveries::new(1, true, true)];
        for member in &mut members {
            if numbered {
                room.join_at(member, ("e", 0), true, &mut allowed);
            } else {
                room.join(member);
            }
        }
        for due in 0..5 {
            let number = room.publish(&members[0], due, true);
            if numbered {
                room.acknowledge(&members[0], number, u64::from(number) + 1, &mut faults);
            }
        }
        for (member, received) in members.iter_mut().zip(received) {
            for &(number, seq) in received {
                let delivery = Delivery { number: Some(number), seq: numbered.then_some(seq) };
                room.deliver(member, delivery, &mut faults);
            }
        }
        members[1].announce_missing(lagged);
        for member in &members {
            room.reconcile_member(member, MembershipEnd::Drained, &mut faults, &mut allowed);
        }
        let senders = SenderFacts { acknowledged: &|_| numbered, ..senders() };
        room.reconcile_messages(senders, &mut faults, &mut allowed);
        (faults, allowed)
    }

    /// Senders whose connections all stayed open, and whose messages are acknowledged.
    fn senders() -> SenderFacts<'static> {
        let refused = BTreeMap::new();
        SenderFacts { stayed: &|_, _| true, resumes: &|_| true, acknowledged: &|_| true, refused, drained: true }
    }

    /// A sender whose first connection broke after two messages, and whose second published a third;
    /// they are received in this order.
    fn broken(received: &[u32], resumes: bool) -> (Faults, AllowedLosses) {
        let (mut room, mut faults, mut allowed) =
            (RoomDeliveries::default(), Faults::default(), AllowedLosses::default());
        let mut members = [0, 1].map(|client| MemberDeliveries::new(client, true, true));
        let [sender, other] = &mut members;
        room.join_at(sender, ("e", 0), true, &mut allowed);
        room.join_at(other, ("e", 0), true, &mut allowed);
        for connection in [0, 0, 1] {
            sender.connection = connection;
            room.publish(sender, 0, false);
        }
        for (seq, number) in (1..).zip(received) {
            let delivery = Delivery { number: Some(*number), seq: Some(seq) };
            members.iter_mut().for_each(|member| _ = room.deliver(member, delivery, &mut faults));
        }
        members
            .iter()
            .for_each(|member| room.reconcile_member(member, MembershipEnd::Drained, &mut faults, &mut allowed));
        let stayed = |client: u32, connection: u32| client == 1 || connection == 1;
        let acknowledged = |_| false;
        room.reconcile_messages(
            SenderFacts { stayed: &stayed, resumes: &|_| resumes, acknowledged: &acknowledged, ..senders() },
            &mut faults,
            &mut allowed,
        );
        (faults, allowed)
    }

    #[test]
    fn what_was_under_way_when_its_connection_broke_may_be_lost_and_nothing_else() {
        let undecided = |count| (Faults::default(), AllowedLosses { undecided: count, ..AllowedLosses::default() });
        assert_eq!(broken(&[0, 1, 2], true), undecided(0));
        assert_eq!(broken(&[0, 2], true), undecided(1));
        assert_eq!(broken(&[2], true), undecided(2));
        assert_eq!(broken(&[0, 1], true).0, Faults { swallowed: 1, ..Faults::default() });
    }

    #[test]
    fn one_that_resumes_has_one_order_and_one_that_comes_anew_has_two() {
        assert_eq!(broken(&[2, 0, 1], true).0.disordered, 2);
        assert_eq!(broken(&[2, 0, 1], false).0.disordered, 0);
        assert_eq!(broken(&[2, 1, 0], false).0.disordered, 1);
    }

    const ALL: &[(u32, u64)] = &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)];

    fn check(received: &[(u32, u64)], lagged: u64, with: impl Fn(&mut Faults, &mut AllowedLosses)) {
        let mut expected = (Faults::default(), AllowedLosses::default());
        with(&mut expected.0, &mut expected.1);
        for numbered in [true, false] {
            assert_eq!(room(numbered, [ALL, received], lagged), expected, "{received:?} {numbered}");
        }
    }

    #[test]
    fn books_that_balance_have_no_fault() {
        check(ALL, 0, |_, _| ());
    }

    #[test]
    fn what_is_missing_is_lost_unless_it_was_announced() {
        check(&ALL[1..], 0, |faults, _| faults.lost = 1);
        check(&ALL[..2], 0, |faults, _| faults.lost = 3);
        check(&[], 0, |faults, _| faults.lost = 5);
        check(&[ALL[0], ALL[4]], 3, |_, allowed| allowed.dropped = 3);
        check(&[ALL[0], ALL[4]], 2, |faults, allowed| (faults.lost, allowed.dropped) = (1, 2));
        check(ALL, 1, |faults, _| faults.overannounced = 1);
    }

    #[test]
    fn what_comes_twice_is_repeated_and_what_comes_late_is_out_of_order() {
        check(&[ALL, &[ALL[2]]].concat(), 0, |faults, _| faults.repeated = 1);
        check(&[ALL[0], ALL[2], ALL[1], ALL[3], ALL[4]], 0, |faults, _| faults.disordered = 1);
    }

    #[test]
    fn two_members_that_are_told_different_messages_under_one_number_contradict_each_other() {
        let (faults, _) = room(true, [ALL, &[(0, 1), (2, 2), (1, 3), (3, 4), (4, 5)]], 0);
        assert_eq!(faults, Faults { contradicted: 2, ..Faults::default() });
    }

    #[test]
    fn a_sender_whose_messages_changed_places_for_all_alike_is_found() {
        let swapped: &[_] = &[(0, 1), (2, 2), (1, 3), (3, 4), (4, 5)];
        let (mut room, mut faults, mut allowed) =
            (RoomDeliveries::default(), Faults::default(), AllowedLosses::default());
        let mut member = MemberDeliveries::new(0, true, true);
        room.join_at(&mut member, ("e", 0), true, &mut allowed);
        (0..5).for_each(|due| _ = room.publish(&member, due, false));
        for &(number, seq) in swapped {
            room.deliver(&mut member, Delivery { number: Some(number), seq: Some(seq) }, &mut faults);
        }
        room.reconcile_messages(senders(), &mut faults, &mut allowed);
        assert_eq!(faults, Faults { disordered: 1, unacknowledged: 5, ..Faults::default() });
    }

    #[test]
    fn who_has_just_come_does_not_say_what_came_before_what_it_hears() {
        let (mut room, mut faults, mut allowed) =
            (RoomDeliveries::default(), Faults::default(), AllowedLosses::default());
        let mut members = [0, 1].map(|client| MemberDeliveries::new(client, true, true));
        let [old, new] = &mut members;
        room.join(old);
        (0..2).for_each(|due| _ = room.publish(old, due, false));
        room.join(new);
        let delivery = |number| Delivery { number: Some(number), seq: None };
        // The room delivered the first before the second member joined.
        room.deliver(new, delivery(1), &mut faults);
        (0..2).for_each(|number| _ = room.deliver(old, delivery(number), &mut faults));
        room.order_pending(new, &mut faults);
        for member in &members {
            room.reconcile_member(member, MembershipEnd::Drained, &mut faults, &mut allowed);
        }
        assert_eq!((faults, allowed), (Faults::default(), AllowedLosses::default()));
    }

    #[test]
    fn a_message_that_nobody_heard_is_swallowed_unless_it_was_refused() {
        for (refusals, swallowed) in [(0, 2), (1, 1), (2, 0), (3, 0)] {
            let (mut room, mut faults, mut allowed) =
                (RoomDeliveries::default(), Faults::default(), AllowedLosses::default());
            let mut member = MemberDeliveries::new(7, true, true);
            room.join(&mut member);
            (0..2).for_each(|due| _ = room.publish(&member, due, false));
            let refused = BTreeMap::from([(7, refusals)]);
            let senders = SenderFacts { acknowledged: &|_| false, refused, ..senders() };
            room.reconcile_messages(senders, &mut faults, &mut allowed);
            assert_eq!(faults, Faults { swallowed, ..Faults::default() });
        }
    }
}
