//! Each lie is found, under its name and once; but where two members contradict each other, nothing says which of
//! them is right.

use std::time::Duration;

use roomd_load::{AllowedLosses, Faults, Plan, Report};

use crate::liar::{Liar, Lie};
use crate::run;

/// Publishes ten messages to three members of a server that lies.
fn loaded(lie: Lie) -> Report {
    let liar = Liar::start(lie);
    let plan = Plan { server: liar.address.to_string(), ..plan() };
    run(&plan)
}

fn plan() -> Plan {
    // A lost delivery is waited for until the drain is over.
    let (duration, drain) = (Duration::from_millis(100), Duration::from_secs(1));
    Plan { clients: 3, rate: 100, duration, drain, ..Plan::default() }
}

fn check(lie: Lie, with: impl FnOnce(&mut Faults)) {
    let report = loaded(lie);
    let mut faults = Faults::default();
    with(&mut faults);
    assert_eq!(report.faults, faults, "{lie:?}\n{report}");
    assert_eq!(report.kept, faults == Faults::default(), "{lie:?}");
}

#[test]
fn a_session_that_was_kept_is_resumed_and_nothing_is_missed() {
    let liar = Liar::start(Lie::None);
    let plan = Plan { server: liar.address.to_string(), breaks: 50, ..plan() };
    let report = run(&plan);
    assert!(report.kept, "{report}");
    assert!(report.connections.returned > 0 && liar.resumed() == report.connections.returned, "{report}");
    assert_eq!(report.deliveries.delivered, 30, "{report}");
}

#[test]
fn an_honest_server_is_found_honest() {
    check(Lie::None, |_| ());
}

#[test]
fn a_delivery_that_does_not_arrive_is_lost() {
    check(Lie::Lose, |faults| faults.lost = 1);
}

#[test]
fn a_delivery_that_is_missing_and_announced_is_dropped() {
    let report = loaded(Lie::Drop);
    assert!(report.kept, "{report}");
    assert_eq!(report.allowed_losses, AllowedLosses { dropped: 1, ..AllowedLosses::default() });
}

#[test]
fn a_delivery_that_is_announced_as_missing_and_arrives_is_found() {
    check(Lie::Cry, |faults| faults.overannounced = 1);
}

#[test]
fn a_delivery_that_arrives_twice_is_repeated() {
    check(Lie::Repeat, |faults| faults.repeated = 1);
}

#[test]
fn a_delivery_that_arrives_after_a_later_one_is_out_of_order() {
    check(Lie::Swap, |faults| faults.disordered = 1);
}

#[test]
fn two_members_that_receive_different_orders_contradict_each_other() {
    // Which of them is believed depends on which is read first, and so does what else seems to be wrong.
    let report = loaded(Lie::Exchange);
    assert!(report.faults.contradicted >= 2 && !report.kept, "{report}");
}

#[test]
fn a_text_that_nobody_published_is_altered_and_the_published_one_lost() {
    check(Lie::Alter, |faults| (faults.altered, faults.lost) = (1, 1));
}

#[test]
fn a_message_that_is_delivered_to_no_member_is_swallowed() {
    check(Lie::Swallow, |faults| faults.swallowed = 1);
}

#[test]
fn a_message_that_is_delivered_and_not_acknowledged_is_found() {
    check(Lie::Silence, |faults| faults.unacknowledged = 1);
}

#[test]
fn a_connection_that_ends_without_a_close_frame_is_broken() {
    check(Lie::Break, |faults| faults.broken = 1);
}

#[test]
fn a_connection_that_is_closed_for_a_failure_has_failed() {
    check(Lie::Fail, |faults| faults.failed = 1);
}

#[test]
fn a_client_that_was_closed_as_slow_reconnects_and_misses_nothing() {
    let liar = Liar::start(Lie::Slow);
    let report = run(&Plan { server: liar.address.to_string(), slow_return: true, ..plan() });
    assert!(report.kept, "{report}");
    assert_eq!((report.closes.get(&4450), report.connections.returned, liar.resumed()), (Some(&1), 1, 1), "{report}");
    assert_eq!(report.deliveries.delivered, 30, "{report}");
}

#[test]
fn a_client_that_was_closed_as_slow_and_does_not_reconnect_is_no_fault() {
    let report = loaded(Lie::Slow);
    assert!(report.kept, "{report}");
    assert_eq!((report.closes.get(&4450), report.connections.returned), (Some(&1), 0), "{report}");
}

#[test]
fn what_should_follow_a_resume_and_does_not_is_lost() {
    let liar = Liar::start(Lie::Forget);
    let report = run(&Plan { server: liar.address.to_string(), slow_return: true, ..plan() });
    // How much it missed depends on when it reconnected.
    assert!(report.faults.lost > 0 && !report.kept, "{report}");
    assert_eq!(report.faults, Faults { lost: report.faults.lost, ..Faults::default() }, "{report}");
}

/// Publishes a message of each of ten keys to members of which some leave, and rejoin for the newest of each key.
fn rejoined(lie: Lie) -> Report {
    let liar = Liar::start(lie);
    let report = run(&Plan { server: liar.address.to_string(), keys: 10, churn: 50, ..plan() });
    assert!(report.connections.rejoined > 0, "{report}");
    report
}

#[test]
fn a_member_that_has_the_newest_message_of_every_key_is_not_stale() {
    let report = rejoined(Lie::None);
    assert!(report.kept, "{report}");
}

#[test]
fn a_value_that_gave_its_place_to_none_is_stale() {
    let liar = Liar::start(Lie::Drop);
    let report = run(&Plan { server: liar.address.to_string(), keys: 10, ..plan() });
    assert_eq!(report.faults, Faults { stale: 1, ..Faults::default() }, "{report}");
    assert_eq!(report.allowed_losses.dropped, 1, "{report}");
}

#[test]
fn a_value_in_whose_place_a_newer_one_came_is_not_missed() {
    let liar = Liar::start(Lie::Drop);
    let report = run(&Plan { server: liar.address.to_string(), keys: 7, ..plan() });
    assert!(report.kept && report.allowed_losses.dropped == 1, "{report}");
}

#[test]
fn last_values_that_are_missing_or_come_twice_or_in_another_order_are_found() {
    for lie in [Lie::Stale, Lie::Echo, Lie::Reverse] {
        let report = rejoined(lie);
        let Faults { stale, repeated, disordered, .. } = report.faults;
        // How many there are depends on when the members rejoined.
        let (count, expected) = match lie {
            Lie::Stale => (stale, Faults { stale, ..Faults::default() }),
            Lie::Echo => (repeated, Faults { repeated, ..Faults::default() }),
            _ => (disordered, Faults { disordered, ..Faults::default() }),
        };
        assert!(count > 0 && report.faults == expected, "{lie:?}\n{report}");
    }
}

/// Publishes ten messages to a group of three, of whom some leave.
fn shared(lie: Lie, churn: u32) -> Report {
    let liar = Liar::start(lie);
    let report = run(&Plan { server: liar.address.to_string(), group: true, clients: 4, churn, ..plan() });
    assert!(churn == 0 || report.connections.rejoined > 0, "{report}");
    report
}

#[test]
fn a_group_whose_messages_are_done_once_each_is_found_honest() {
    for churn in [0, 50] {
        let report = shared(Lie::None, churn);
        assert!(report.kept, "{report}");
        // The publisher is in no group: it hears all of it.
        assert_eq!((report.deliveries.asked, report.deliveries.delivered), (20, 20), "{report}");
    }
}

#[test]
fn a_message_that_two_of_a_group_have_or_that_comes_again_when_it_is_done_is_found() {
    let report = shared(Lie::Again, 0);
    assert_eq!(report.faults, Faults { shared: 1, ..Faults::default() }, "{report}");
    let report = shared(Lie::Share, 0);
    // All three are given it, one of them twice.
    assert_eq!(report.faults, Faults { shared: 3, ..Faults::default() }, "{report}");
}

#[test]
fn a_message_that_no_member_of_a_group_is_given_is_not_done() {
    let report = shared(Lie::Idle, 0);
    assert_eq!(report.faults, Faults { undone: 1, ..Faults::default() }, "{report}");
}

/// The first load in which a member leaves with a message undone that the server lies about, which depends on when they leave. Of a
/// load without one the server has kept its promises.
fn left_undone(lie: Lie) -> Report {
    (0..50).map(|_| shared(lie, 50)).find(|report| !report.kept).expect("somebody leaves with a message undone")
}

#[test]
fn what_a_member_leaves_undone_is_given_to_another_and_says_so() {
    let report = left_undone(Lie::Unmarked);
    let Faults { unmarked, .. } = report.faults;
    assert!(unmarked > 0 && report.faults == Faults { unmarked, ..Faults::default() }, "{report}");
    let report = left_undone(Lie::Abandon);
    let Faults { undone, .. } = report.faults;
    assert!(undone > 0 && report.faults == Faults { undone, ..Faults::default() }, "{report}");
}

/// Publishes ten messages to a room that three hear by a pattern, two of them since before it is open.
fn heard(lie: Lie) -> Report {
    let liar = Liar::of_room(lie, "load.0");
    run(&Plan { server: liar.address.to_string(), clients: 1, patterns: 3, ..plan() })
}

#[test]
fn who_hears_a_room_by_a_pattern_gets_each_message_once_and_in_order() {
    let report = heard(Lie::None);
    assert!(report.kept && (report.deliveries.asked, report.deliveries.delivered) == (40, 40), "{report}");
    for (lie, faults) in [
        (Lie::Lose, Faults { lost: 1, ..Faults::default() }),
        (Lie::Behead, Faults { lost: 1, ..Faults::default() }),
        (Lie::Repeat, Faults { repeated: 1, ..Faults::default() }),
        (Lie::Swap, Faults { disordered: 1, ..Faults::default() }),
        (Lie::Alter, Faults { altered: 1, lost: 1, ..Faults::default() }),
        (Lie::Misname, Faults { altered: 1, lost: 1, ..Faults::default() }),
        (Lie::Cry, Faults { overannounced: 1, ..Faults::default() }),
        (Lie::Break, Faults { broken: 1, ..Faults::default() }),
        // Both that were subscribed before.
        (Lie::Overlook, Faults { lost: 20, ..Faults::default() }),
    ] {
        let report = heard(lie);
        assert_eq!(report.faults, faults, "{lie:?}\n{report}");
    }
    let report = heard(Lie::Drop);
    assert!(report.kept && report.allowed_losses.dropped == 1, "{report}");
    assert!(heard(Lie::Exchange).faults.contradicted >= 2);
}

#[test]
fn publishers_that_break_are_no_fault_of_the_server() {
    let liar = Liar::start(Lie::None);
    let (server, breaks) = (liar.address.to_string(), 50);
    let report = run(&Plan { server, breaks, publishers_too: true, publishers: 3, ..plan() });
    assert!(report.kept && report.connections.returned > 0, "{report}");
    assert_eq!(report.messages.published + report.messages.withheld, report.messages.due, "{report}");
}
