//! The order that was found fails, and is the shortest; what is right does not fail in any.

use finding_races::outbox::{Outbox, WRONG};
use finding_races::{CHANGES, ORDER, RIGHT};
use roomd_race::{Failure, Sample, Search, Trace, diagram, replay, shrink};

const ORDERS: u64 = 1_000;

fn wrong() -> Outbox {
    Outbox::new(WRONG)
}

/// How many of a thousand orders fail that are drawn by priorities, with so many changes.
fn failures(changes: usize) -> usize {
    let mut sample = Sample::by_priorities(7, changes);
    (0..ORDERS).filter(|_| sample.order(wrong).is_err()).count()
}

#[test]
fn the_order_leaves_a_message_behind_and_there_is_no_shorter_one() {
    let failure = replay(wrong, ORDER).expect_err("it leaves a message behind");
    assert_eq!(failure.order, ORDER, "an order goes to its end");
    let found: Failure = Search::default().run(wrong).expect_err("there is one");
    let shortest = shrink(wrong, &found, 10_000);
    assert!(shortest.is_shortest);
    assert_eq!(ORDER.len(), shortest.failure.order.len(), "{}", diagram(&Trace::of(wrong, ORDER)));
}

#[test]
fn so_many_changes_are_needed_and_are_enough() {
    assert!(failures(CHANGES) > 0, "{CHANGES} changes do not find it");
    assert!(CHANGES == 0 || failures(CHANGES - 1) == 0, "fewer do, too");
}

#[test]
fn what_is_right_leaves_nothing_behind_in_any_order() {
    match Search::default().run(|| Outbox::new(RIGHT)) {
        Ok(tried) => assert!(tried.whole && tried.orders > 1, "{tried:?}"),
        Err(failure) => panic!("{failure}\n{}", diagram(&Trace::of(|| Outbox::new(RIGHT), &failure.order))),
    }
}
