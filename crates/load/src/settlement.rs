//! Closing the books of a room: what is missing at the end, and what every message came to.
//!
//! The generator settles an account when its member goes, and all that are left when the run is over;
//! then it audits each room once. A member that stayed to the end is owed the log to its end.

use std::collections::{BTreeMap, HashMap};

use super::account::Account;
use super::faults::{Excuses, Faults};
use super::ledger::{Answer, Ledger, Record};

/// How a membership ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With the run, and nothing was under way any more.
    Settled,
    /// With the run, and something was.
    UnderWay,
    /// With its connection, before the end.
    Gone,
    /// By its own wish: nothing that came after is owed.
    Left,
}

/// What an audit must know about senders.
pub struct Senders<'a> {
    /// Whether this connection of a client lived to the end: a client, and which of its connections.
    pub stayed: &'a dyn Fn(u32, u32) -> bool,
    /// Whether a client's next connection goes on where the last one ended.
    pub resumes: &'a dyn Fn(u32) -> bool,
    /// Whether a client is told of each message that it is in.
    pub told: &'a dyn Fn(u32) -> bool,
    /// Refusals, by client, that did not say which message they are about.
    pub refused: BTreeMap<u32, u64>,
    /// Whether nothing was under way any more.
    pub settled: bool,
}

impl Ledger {
    /// Closes an account.
    pub fn settle(&self, account: &Account, ending: Ending, faults: &mut Faults, excuses: &mut Excuses) {
        let (missing, announced) = account.balance();
        let tail = self.tail(account);
        // What was announced and does not lie between two deliveries lies behind the last.
        let behind = announced.saturating_sub(missing).min(tail);
        faults.lost += missing.saturating_sub(announced);
        excuses.dropped += missing.min(announced) + behind;
        excuses.unordered += account.pending.len() as u64;
        match ending {
            Ending::Settled => {
                faults.lost += tail - behind;
                faults.overannounced += announced.saturating_sub(missing + tail);
            }
            Ending::UnderWay => excuses.under_way += tail - behind,
            Ending::Gone => excuses.gone += tail - behind,
            Ending::Left => {}
        }
    }

    /// Whether this member has had all that it is owed by now.
    #[must_use]
    pub fn is_square(&self, account: &Account) -> bool {
        let (missing, announced) = account.balance();
        missing == announced && self.tail(account) == 0 && account.pending.is_empty()
    }

    /// Whether every message was shown or refused, and its sender told where that is the custom.
    pub fn is_answered(&self, stayed: impl Fn(u32, u32) -> bool, told: impl Fn(u32) -> bool) -> bool {
        self.records.iter().all(|record| match record.answer {
            _ if !record.owed => true,
            // Its answer went with its connection, or it did.
            Answer::Nothing if !stayed(record.sender, record.life) => true,
            Answer::Refused => true,
            Answer::Sent => record.place.is_some(),
            Answer::Nothing => record.heard && !told(record.sender),
        })
    }

    /// Positions at the end of its log that a member has not had.
    fn tail(&self, account: &Account) -> u64 {
        match (account.epoch, account.next) {
            (Some(epoch), Some(next)) => self.numbered[epoch].len().saturating_sub(next).into(),
            (Some(_), None) => 0,
            (None, next) => {
                let from = next.unwrap_or(account.joined_at);
                (from..self.spoken.len()).filter(|position| self.is_owed(account, *position)).count() as u64
            }
        }
    }

    /// Looks at every message once: whether it was shown, answered, and in its sender's order.
    pub fn audit(&self, mut senders: Senders<'_>, faults: &mut Faults, excuses: &mut Excuses) {
        for log in self.numbered.iter().chain([&self.spoken]) {
            faults.disordered += self.inversions(log.numbers(), senders.resumes);
        }
        let places = self.spoken.numbers().filter_map(|number| self.records[number as usize].place);
        faults.disordered += descents(places);
        for record in &self.records {
            let stayed = (senders.stayed)(record.sender, record.life);
            if record.place.is_some() || record.heard {
                let wanted = (senders.told)(record.sender) && record.answer == Answer::Nothing;
                faults.unacknowledged += u64::from(wanted && stayed && senders.settled);
                continue;
            }
            match record.answer {
                _ if !record.owed => {}
                Answer::Refused => {}
                Answer::Nothing if !stayed => excuses.undecided += 1,
                Answer::Nothing if refused(&mut senders.refused, record) => {}
                _ if !senders.settled => excuses.undecided += 1,
                _ => faults.swallowed += 1,
            }
        }
    }

    /// Messages that come after a later one of the same sender. One that does not resume is another
    /// sender after its connection broke: nothing says in which order the server hears the two.
    fn inversions(&self, numbers: impl Iterator<Item = u32>, resumes: impl Fn(u32) -> bool) -> u64 {
        let mut latest: HashMap<(u32, u32), u32> = HashMap::new();
        let mut count = 0;
        for number in numbers {
            let Record { sender, life, .. } = self.records[number as usize];
            let life = if resumes(sender) { 0 } else { life };
            let last = latest.entry((sender, life)).or_insert(number);
            count += u64::from(number < *last);
            *last = number.max(*last);
        }
        count
    }
}

/// Takes one refusal off its sender's, if there is one.
fn refused(refusals: &mut BTreeMap<u32, u64>, record: &Record) -> bool {
    let left = refusals.get_mut(&record.sender).filter(|left| **left > 0);
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
    use crate::ledger::Told;

    /// Two members of a room in which client 0 publishes five messages; each hears these of the
    /// server's numbers, or the messages themselves where there are none.
    fn room(numbered: bool, told: [&[(u32, u64)]; 2], lagged: u64) -> (Faults, Excuses) {
        let (mut ledger, mut faults, mut excuses) = (Ledger::default(), Faults::default(), Excuses::default());
        let mut accounts = [Account::new(0, true, true), Account::new(1, true, true)];
        for account in &mut accounts {
            if numbered {
                ledger.enter_at(account, ("e", 0), true, &mut excuses);
            } else {
                ledger.enter(account);
            }
        }
        for due in 0..5 {
            let number = ledger.publish(&accounts[0], due, true);
            if numbered {
                ledger.acknowledge(&accounts[0], number, u64::from(number) + 1, &mut faults);
            }
        }
        for (account, told) in accounts.iter_mut().zip(told) {
            for &(number, seq) in told {
                let told = Told { number: Some(number), seq: numbered.then_some(seq) };
                ledger.hear(account, told, &mut faults);
            }
        }
        accounts[1].announce(lagged);
        for account in &accounts {
            ledger.settle(account, Ending::Settled, &mut faults, &mut excuses);
        }
        let senders = Senders { told: &|_| numbered, ..senders() };
        ledger.audit(senders, &mut faults, &mut excuses);
        (faults, excuses)
    }

    /// Of whom every connection lived, and who are told.
    fn senders() -> Senders<'static> {
        let refused = BTreeMap::new();
        Senders { stayed: &|_, _| true, resumes: &|_| true, told: &|_| true, refused, settled: true }
    }

    /// A sender whose first connection broke after two messages, and whose second published a third;
    /// they are heard in this order.
    fn broken(heard: &[u32], resumes: bool) -> (Faults, Excuses) {
        let (mut ledger, mut faults, mut excuses) = (Ledger::default(), Faults::default(), Excuses::default());
        let mut accounts = [0, 1].map(|client| Account::new(client, true, true));
        let [sender, other] = &mut accounts;
        ledger.enter_at(sender, ("e", 0), true, &mut excuses);
        ledger.enter_at(other, ("e", 0), true, &mut excuses);
        for life in [0, 0, 1] {
            sender.life = life;
            ledger.publish(sender, 0, false);
        }
        for (seq, number) in (1..).zip(heard) {
            let told = Told { number: Some(*number), seq: Some(seq) };
            accounts.iter_mut().for_each(|account| _ = ledger.hear(account, told, &mut faults));
        }
        accounts.iter().for_each(|account| ledger.settle(account, Ending::Settled, &mut faults, &mut excuses));
        let stayed = |client: u32, life: u32| client == 1 || life == 1;
        let told = |_| false;
        ledger.audit(
            Senders { stayed: &stayed, resumes: &|_| resumes, told: &told, ..senders() },
            &mut faults,
            &mut excuses,
        );
        (faults, excuses)
    }

    #[test]
    fn what_was_under_way_when_its_connection_broke_may_be_lost_and_nothing_else() {
        let undecided = |count| (Faults::default(), Excuses { undecided: count, ..Excuses::default() });
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

    fn check(told: &[(u32, u64)], lagged: u64, with: impl Fn(&mut Faults, &mut Excuses)) {
        let mut expected = (Faults::default(), Excuses::default());
        with(&mut expected.0, &mut expected.1);
        for numbered in [true, false] {
            assert_eq!(room(numbered, [ALL, told], lagged), expected, "{told:?} {numbered}");
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
        check(&[ALL[0], ALL[4]], 3, |_, excuses| excuses.dropped = 3);
        check(&[ALL[0], ALL[4]], 2, |faults, excuses| (faults.lost, excuses.dropped) = (1, 2));
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
        let (mut ledger, mut faults, mut excuses) = (Ledger::default(), Faults::default(), Excuses::default());
        let mut account = Account::new(0, true, true);
        ledger.enter_at(&mut account, ("e", 0), true, &mut excuses);
        (0..5).for_each(|due| _ = ledger.publish(&account, due, false));
        for &(number, seq) in swapped {
            ledger.hear(&mut account, Told { number: Some(number), seq: Some(seq) }, &mut faults);
        }
        ledger.audit(senders(), &mut faults, &mut excuses);
        assert_eq!(faults, Faults { disordered: 1, unacknowledged: 5, ..Faults::default() });
    }

    #[test]
    fn who_has_just_come_does_not_say_what_came_before_what_it_hears() {
        let (mut ledger, mut faults, mut excuses) = (Ledger::default(), Faults::default(), Excuses::default());
        let mut accounts = [0, 1].map(|client| Account::new(client, true, true));
        let [old, new] = &mut accounts;
        ledger.enter(old);
        (0..2).for_each(|due| _ = ledger.publish(old, due, false));
        ledger.enter(new);
        let told = |number| Told { number: Some(number), seq: None };
        // The room showed the first before it let the second member in.
        ledger.hear(new, told(1), &mut faults);
        (0..2).for_each(|number| _ = ledger.hear(old, told(number), &mut faults));
        ledger.catch_up(new, &mut faults);
        for account in &accounts {
            ledger.settle(account, Ending::Settled, &mut faults, &mut excuses);
        }
        assert_eq!((faults, excuses), (Faults::default(), Excuses::default()));
    }

    #[test]
    fn a_message_that_nobody_heard_is_swallowed_unless_it_was_refused() {
        for (refusals, swallowed) in [(0, 2), (1, 1), (2, 0), (3, 0)] {
            let (mut ledger, mut faults, mut excuses) = (Ledger::default(), Faults::default(), Excuses::default());
            let mut account = Account::new(7, true, true);
            ledger.enter(&mut account);
            (0..2).for_each(|due| _ = ledger.publish(&account, due, false));
            let refused = BTreeMap::from([(7, refusals)]);
            let senders = Senders { told: &|_| false, refused, ..senders() };
            ledger.audit(senders, &mut faults, &mut excuses);
            assert_eq!(faults, Faults { swallowed, ..Faults::default() });
        }
    }
}
