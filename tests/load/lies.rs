//! Each lie is found, as what it is and as often as it was told.

use std::time::Duration;

use roomd::load::{Excuses, Faults, Plan, Report};

use crate::liar::{Liar, Lie};
use crate::run;

/// Ten messages to three members of a server that lies.
fn loaded(lie: Lie) -> Report {
    let liar = Liar::start(lie, 3);
    let plan = Plan {
        server: liar.address.to_string(),
        clients: 3,
        rate: 100,
        duration: Duration::from_millis(100),
        // What is lost is waited for.
        drain: Duration::from_secs(1),
        ..Plan::default()
    };
    run(&plan)
}

fn check(lie: Lie, with: impl FnOnce(&mut Faults)) {
    let report = loaded(lie);
    let mut faults = Faults::default();
    with(&mut faults);
    assert_eq!(report.faults, faults, "{lie:?}\n{report}");
    assert_eq!(report.kept, faults == Faults::default(), "{lie:?}");
}

#[test]
fn an_honest_server_is_found_honest() {
    check(Lie::None, |_| ());
}

#[test]
fn a_delivery_that_does_not_come_is_lost() {
    check(Lie::Lose, |faults| faults.lost = 1);
}

#[test]
fn a_delivery_that_is_missing_and_announced_is_dropped() {
    let report = loaded(Lie::Drop);
    assert!(report.kept, "{report}");
    assert_eq!(report.excuses, Excuses { dropped: 1, ..Excuses::default() });
}

#[test]
fn a_delivery_that_is_announced_as_missing_and_comes_is_found() {
    check(Lie::Cry, |faults| faults.overannounced = 1);
}

#[test]
fn a_delivery_that_comes_twice_is_repeated() {
    check(Lie::Repeat, |faults| faults.repeated = 1);
}

#[test]
fn a_delivery_that_comes_after_a_later_one_is_out_of_order() {
    check(Lie::Swap, |faults| faults.disordered = 1);
}

#[test]
fn two_members_that_are_told_different_orders_contradict_each_other() {
    check(Lie::Exchange, |faults| faults.contradicted = 2);
}

#[test]
fn a_text_that_nobody_published_is_altered_and_the_published_one_lost() {
    check(Lie::Alter, |faults| (faults.altered, faults.lost) = (1, 1));
}

#[test]
fn a_message_that_nobody_is_shown_is_swallowed() {
    check(Lie::Swallow, |faults| faults.swallowed = 1);
}

#[test]
fn a_message_whose_sender_is_not_told_is_unacknowledged() {
    check(Lie::Silence, |faults| faults.unacknowledged = 1);
}

#[test]
fn a_connection_that_ends_without_a_word_is_broken() {
    check(Lie::Break, |faults| faults.broken = 1);
}

#[test]
fn a_connection_that_is_closed_for_a_failure_has_failed() {
    check(Lie::Fail, |faults| faults.failed = 1);
}
