//! What becomes of each message of a group's: one member has it at a time, until it is done.
//!
//! A room has one if its load has a group. The generator's thread records each message that a member is given, asks to
//! have done, and gives up as it leaves; so it knows who has a message without asking the server. A member whose
//! connection breaks while it waits for the answer to `done` does not know whether the message is done.

use std::collections::BTreeMap;

use crate::faults::Faults;

/// See the module.
#[derive(Debug, Default)]
pub struct GroupDeliveries {
    /// By number.
    tasks: Vec<Task>,
    /// Members at present.
    members: usize,
    /// How many messages the server announced as dropped by the group.
    announced: u64,
    /// Messages that were given again.
    pub redelivered: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Task {
    /// Whether a member has it.
    held: bool,
    /// Whether a member has had it.
    given: bool,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outcome {
    #[default]
    Open,
    /// It was asked to be done over a connection that broke before the answer.
    Unknown,
    Done,
}

/// What one member of a group has, by number.
#[derive(Debug, Default)]
pub struct HeldMessages(BTreeMap<u32, Held>);

#[derive(Debug)]
struct Held {
    /// The server's number.
    seq: u64,
    /// Whether the member has asked to have it done.
    asked: bool,
}

impl HeldMessages {
    /// The messages that it has not asked to have done, with the server's numbers, which it asks now; `keeps`: but for the
    /// newest.
    pub fn do_all(&mut self, keeps: bool) -> Vec<(u32, u64)> {
        let open = self.0.iter_mut().rev().filter(|(_, held)| !held.asked).skip(usize::from(keeps));
        open.map(|(number, held)| {
            held.asked = true;
            (*number, held.seq)
        })
        .collect()
    }
}

impl GroupDeliveries {
    /// A client becomes a member.
    pub fn join(&mut self) {
        self.members += 1;
    }

    /// A member is given a message, of this number and this one of the server. Returns whether nobody was given it before.
    pub fn give(
        &mut self,
        held: &mut HeldMessages,
        (number, seq): (u32, u64),
        redelivered: bool,
        faults: &mut Faults,
    ) -> bool {
        let task = self.task(number);
        if task.held || task.outcome == Outcome::Done {
            faults.shared += 1;
            return false;
        }
        let is_first = !std::mem::replace(&mut task.given, true);
        task.held = true;
        faults.unmarked += u64::from(!is_first && !redelivered);
        self.redelivered += u64::from(!is_first);
        held.0.insert(number, Held { seq, asked: false });
        is_first
    }

    /// The server has confirmed that a message is done.
    pub fn done(&mut self, held: &mut HeldMessages, number: u32) {
        held.0.remove(&number);
        let task = self.task(number);
        (task.held, task.outcome) = (false, Outcome::Done);
    }

    /// A member asks to leave: what it has not done is given to others. It is still told what it asked for.
    pub fn begin_leave(&mut self, held: &mut HeldMessages) {
        for (number, _) in std::mem::take(&mut held.0).into_iter().filter(|(_, held)| !held.asked) {
            self.task(number).held = false;
        }
    }

    /// A member is gone; with its connection, if it `broke`.
    pub fn leave(&mut self, held: &mut HeldMessages, broke: bool) {
        self.members -= 1;
        for (number, held) in std::mem::take(&mut held.0) {
            let task = self.task(number);
            task.held = false;
            if broke && held.asked {
                task.outcome = Outcome::Unknown;
            }
        }
    }

    /// Records that the server announced so many messages as dropped by the group.
    pub fn announce_missing(&mut self, messages: u64) {
        self.announced += messages;
    }

    /// How many of these messages are not done, though there are members, and of how many that was announced.
    pub fn undone(&self, numbers: impl Iterator<Item = u32>) -> (u64, u64) {
        let outcome = |number: u32| self.tasks.get(number as usize).map_or(Outcome::Open, |task| task.outcome);
        let undone = numbers.filter(|number| outcome(*number) == Outcome::Open).count() as u64;
        if self.members == 0 { (0, self.announced) } else { (undone, self.announced) }
    }

    fn task(&mut self, number: u32) -> &mut Task {
        let index = number as usize;
        if index >= self.tasks.len() {
            self.tasks.resize(index + 1, Task::default());
        }
        &mut self.tasks[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group with two members, and the faults that are found.
    fn group() -> (GroupDeliveries, [HeldMessages; 2], Faults) {
        let mut group = GroupDeliveries::default();
        group.join();
        group.join();
        (group, Default::default(), Faults::default())
    }

    fn give(
        group: &mut GroupDeliveries,
        held: &mut HeldMessages,
        number: u32,
        redelivered: bool,
        faults: &mut Faults,
    ) -> bool {
        group.give(held, (number, u64::from(number) + 100), redelivered, faults)
    }

    #[test]
    fn a_message_is_one_members_until_it_is_done_or_the_member_leaves() {
        let (mut group, [mut one, mut other], mut faults) = group();
        assert!(give(&mut group, &mut one, 0, false, &mut faults) && give(&mut group, &mut one, 1, false, &mut faults));
        assert_eq!((one.do_all(true), one.do_all(true)), (vec![(0, 100)], vec![]));
        group.done(&mut one, 0);
        assert_eq!(group.undone(0..2), (1, 0));
        group.begin_leave(&mut one);
        group.leave(&mut one, false);
        assert!(!give(&mut group, &mut other, 1, true, &mut faults));
        assert_eq!(other.do_all(false), [(1, 101)]);
        group.done(&mut other, 1);
        assert_eq!((group.undone(0..2), group.redelivered, faults), ((0, 0), 1, Faults::default()));
    }

    #[test]
    fn what_two_have_or_is_given_after_it_was_done_is_shared() {
        let (mut group, [mut one, mut other], mut faults) = group();
        give(&mut group, &mut one, 0, false, &mut faults);
        give(&mut group, &mut other, 0, true, &mut faults);
        assert_eq!(faults.shared, 1);
        group.done(&mut one, 0);
        give(&mut group, &mut other, 0, true, &mut faults);
        assert_eq!(faults, Faults { shared: 2, ..Faults::default() });
    }

    #[test]
    fn what_is_given_again_says_so() {
        let (mut group, [mut one, mut other], mut faults) = group();
        give(&mut group, &mut one, 0, false, &mut faults);
        group.leave(&mut one, true);
        give(&mut group, &mut other, 0, false, &mut faults);
        assert_eq!(faults, Faults { unmarked: 1, ..Faults::default() });
    }

    #[test]
    fn what_was_asked_to_be_done_over_a_connection_that_broke_may_be_done_or_not() {
        let (mut group, [mut one, mut other], mut faults) = group();
        (0..2).for_each(|number| _ = give(&mut group, &mut one, number, false, &mut faults));
        one.do_all(true);
        group.leave(&mut one, true);
        // The first may be done; the second was not.
        assert_eq!(group.undone(0..2), (1, 0));
        (0..2).for_each(|number| _ = give(&mut group, &mut other, number, true, &mut faults));
        assert_eq!(faults, Faults::default());
    }

    #[test]
    fn without_members_nothing_needs_to_be_done() {
        let (mut group, [mut one, mut other], _) = group();
        assert_eq!(group.undone(0..3), (3, 0));
        group.leave(&mut one, false);
        group.leave(&mut other, false);
        assert_eq!(group.undone(0..3).0, 0);
    }
}
