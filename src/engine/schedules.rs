//! Schedules: races of rooms, in every order of their steps.
//!
//! Each interaction between threads is one critical section of the hub or one operation of a channel, and each is one
//! function, so a test takes them one by one on one thread, with the real hub and real brokers. Clients are letters,
//! rooms are digits in the order in which they were opened. A test that fails prints the order; `replay` with it is the
//! regression test.

mod client;
mod moderation;
mod servers;
mod shared_store;
mod stepped_broker;
mod world;

use roomd_race::{Failure, Search, World, replay};
use world::Move::{
    Close, Detach, DropHandle, EndInput, HearResumed, Leave, ReleaseInbox, Resume, Say, SayGoodbye, StrayLeave,
};
use world::{BAN, CREATE, JOIN, JoinOutcome, Move, Rooms, Scenario};

use crate::chat::{Code, End, Recovery};

/// Orders of one scenario, at most.
const ORDERS_MAX: usize = 200_000;

/// Tries every order of a world; how many there are, or the first that leads to something wrong.
fn search<W: World>(make: impl Fn() -> W) -> Result<usize, Failure> {
    let tried = Search::default().orders_max(ORDERS_MAX).run(make)?;
    assert!(tried.whole, "more than {ORDERS_MAX} orders: the scenario is too large to be tried whole");
    Ok(tried.orders)
}

/// Tries every order of a scenario, with the rounds on the rooms' threads and with those of a free broker on the
/// senders' threads; `expect` checks the end of each.
fn check(scenario: &Scenario, expect: impl Fn(&Rooms) -> Result<(), String>) {
    check_queued(scenario, &expect);
    match search(|| scenario.shared().world(&expect)) {
        Ok(orders) => println!("{orders} orders, rounds on the senders' threads"),
        Err(found) => panic!("{}, with rounds on the senders' threads: replay(.., {:?})", found.why, found.order),
    }
}

/// Tries every order of a scenario in which commands wait in the inbox.
fn check_queued(scenario: &Scenario, expect: impl Fn(&Rooms) -> Result<(), String>) {
    match search(|| scenario.world(&expect)) {
        Ok(orders) => println!("{orders} orders, rounds on the rooms' threads"),
        Err(found) => panic!("{}: replay(.., {:?})", found.why, found.order),
    }
}

fn require(right: bool, what: &str) -> Result<(), String> {
    if right { Ok(()) } else { Err(what.to_owned()) }
}

fn both(first: &[Move], then: &[Move]) -> Vec<Move> {
    [first, then].concat()
}

#[test]
fn two_joins_at_once_make_one_room() {
    let scenario = Scenario::default().client('A', &JOIN).client('B', &JOIN);
    check(&scenario, |rooms| {
        require(rooms.openings() == 1, "more than one room was opened")?;
        require(rooms.answers.iter().all(|(_, answer)| *answer == JoinOutcome::Joined), "a join was refused")
    });
}

#[test]
fn three_joins_at_once_make_one_room() {
    let scenario = Scenario::default().client('A', &JOIN).client('B', &JOIN).client('C', &JOIN);
    check(&scenario, |rooms| {
        require(rooms.openings() == 1, "more than one room was opened")?;
        require(rooms.answers.iter().all(|(_, answer)| *answer == JoinOutcome::Joined), "a join was refused")
    });
}

#[test]
fn a_join_during_the_last_leave_gets_in() {
    for parting in [[Leave, ReleaseInbox], [DropHandle, ReleaseInbox], [ReleaseInbox, DropHandle]] {
        let scenario = Scenario::default().client('A', &both(&JOIN, &parting)).client('B', &JOIN).before("AA11A");
        check(&scenario, |rooms| {
            require(rooms.answers_to('B') == [JoinOutcome::Joined], "the join was refused")?;
            require(rooms.is_there(), "the room is gone under its member")
        });
    }
}

#[test]
fn two_clients_that_join_and_leave_keep_no_room_open_in_any_order() {
    let visit = both(&JOIN, &[Leave, ReleaseInbox]);
    let scenario = Scenario::default().client('A', &visit).client('B', &visit);
    check(&scenario, |rooms| {
        require(rooms.answers.iter().all(|(_, answer)| *answer == JoinOutcome::Joined), "a join was refused")?;
        require(!rooms.is_there(), "the room stays open when all have left")
    });
}

#[test]
fn a_join_queued_behind_the_last_leave_finds_the_room_open() {
    let scenario =
        Scenario::default().client('A', &both(&JOIN, &[Leave, ReleaseInbox])).client('B', &JOIN).before("AA11AABB");
    check_queued(&scenario, |rooms| {
        require(rooms.answers_to('B') == [JoinOutcome::Joined], "the join was refused")?;
        require(rooms.openings() == 1, "the room was opened again")
    });
}

#[test]
fn two_exits_at_once_are_as_good_as_one() {
    for parting in [[Leave, ReleaseInbox], [DropHandle, ReleaseInbox]] {
        let scenario = Scenario::default()
            .client('A', &both(&JOIN, &[Leave, ReleaseInbox]))
            .client('B', &both(&JOIN, &parting))
            .client('C', &JOIN)
            .before("AA11ABB1BCC1C");
        check(&scenario, |rooms| {
            require(rooms.is_there(), "the room is gone under its member")?;
            require(rooms.leaves_seen_by('C') == 2, "not each exit was seen once")
        });
    }
}

#[test]
fn leaving_twice_is_leaving_once() {
    let scenario = Scenario::default()
        .client('A', &both(&JOIN, &[StrayLeave, StrayLeave, Leave, ReleaseInbox]))
        .client('B', &both(&JOIN, &[Leave, ReleaseInbox]))
        .client('C', &JOIN)
        .before("AA11ABB1BCC1C");
    check(&scenario, |rooms| require(rooms.leaves_seen_by('C') == 2, "not each exit was seen once"));
}

#[test]
fn a_broker_that_panics_loses_no_seat_and_the_next_join_opens_a_fresh_room() {
    let scenario = Scenario::default()
        .client('A', &both(&JOIN, &[Leave, ReleaseInbox]))
        .client('B', &JOIN)
        .client('F', &JOIN)
        .fatal('F')
        .before("AA11A");
    check(&scenario, |rooms| {
        let answer = rooms.answers_to('B');
        require([JoinOutcome::Joined, JoinOutcome::Failed].contains(&answer[0]), "a join has a strange answer")?;
        let in_vain = answer[0] == JoinOutcome::Joined && rooms.openings() == 1;
        require(!in_vain || rooms.end_of('B') == Some(End::Internal), "a member does not know that its room failed")
    });
}

#[test]
fn a_room_without_a_history_refuses_all_joins_and_the_next_join_opens_another() {
    let scenario = Scenario::default().client('A', &JOIN).client('B', &JOIN).stillborn(1);
    check(&scenario, |rooms| {
        require(rooms.answers_to('A').len() + rooms.answers_to('B').len() == 2, "a join has not one answer")?;
        require(
            rooms.answers.contains(&('A', JoinOutcome::Refused(Code::Unavailable))) || rooms.openings() == 2,
            "the room without a history let a client in",
        )
    });
}

#[test]
fn a_room_that_is_created_while_somebody_joins_is_one_room() {
    let scenario = Scenario::default().client('A', &both(&JOIN, &[Leave, ReleaseInbox])).client('C', &CREATE);
    check(&scenario, |rooms| {
        require(rooms.answers_to('A') == [JoinOutcome::Joined], "the join was refused")?;
        let made = rooms.creations == [Ok(())];
        require(made || rooms.creations == [Err(Code::NameTaken)], "a strange answer to the creation")?;
        require(rooms.is_there() == made, "the room stays open when it should close, or the other way round")
    });
}

#[test]
fn a_join_during_the_close_is_let_in_or_refused_and_leaves_nothing() {
    let scenario = Scenario::default()
        .client('A', &both(&JOIN, &[DropHandle, ReleaseInbox]))
        .client('B', &JOIN)
        .client('S', &both(&CREATE, &[Close]))
        .before("S11S1SAA1A");
    check(&scenario, |rooms| {
        let answer = rooms.answers_to('B')[0];
        require([JoinOutcome::Joined, JoinOutcome::Refused(Code::Draining)].contains(&answer), "a strange answer")
    });
}

#[test]
fn a_created_room_whose_broker_fails_is_opened_again_by_the_next_join() {
    let scenario = Scenario::default().client('S', &CREATE).client('F', &JOIN).fatal('F').before("S11S1S");
    check(&scenario, |_| Ok(()));
}

#[test]
fn of_two_clients_that_create_a_room_at_once_one_does() {
    let scenario = Scenario::default().client('C', &CREATE).client('D', &CREATE);
    check(&scenario, |rooms| {
        let made = rooms.creations.iter().filter(|made| made.is_ok()).count();
        require(made == 1 && rooms.creations.contains(&Err(Code::NameTaken)), "not one of two made it")?;
        require(rooms.is_there(), "the room does not stay")
    });
}

#[test]
fn what_a_banned_member_sends_is_shown_before_the_ban_or_refused() {
    let scenario = Scenario::default()
        .client('B', &both(&JOIN, &[Say, Say, ReleaseInbox]))
        .client('W', &JOIN)
        .client('M', &BAN)
        .before("BB11BWW1W");
    check(&scenario, |rooms| {
        let (answers, later) = rooms.said_by('B');
        let taken = answers.iter().filter(|taken| **taken).count();
        require(rooms.moderations == [Ok(())], "the ban was refused")?;
        require(
            answers.len() == 2 && answers.is_sorted_by(|a, b| a >= b),
            "not each message has its answer, in order",
        )?;
        require(later == 0, "a banned member was shown something")?;
        let expected = format!("{}xl", "m".repeat(taken));
        require(rooms.shown_to('W') == expected, "what others were shown is not what was taken")
    });
}

#[test]
fn a_join_beside_a_ban_is_refused_or_ends_with_it() {
    let scenario = Scenario::default()
        .client('W', &JOIN)
        .client('B', &both(&JOIN, &[ReleaseInbox]))
        .client('M', &BAN)
        .before("WW11W");
    check(&scenario, |rooms| {
        require(rooms.moderations == [Ok(())], "the ban was refused")?;
        let shown = rooms.shown_to('W');
        match rooms.answers_to('B')[..] {
            [JoinOutcome::Refused(Code::Forbidden)] => require(shown == "x", "others were shown a leave of nobody"),
            [JoinOutcome::Joined] => {
                require(shown == "xl" && rooms.shown_to('B') == "x", "the banned member is not told so")
            }
            _ => Err("the join has a strange answer".to_owned()),
        }
    });
}

#[test]
fn a_member_that_was_banned_while_detached_does_not_resume() {
    let scenario = Scenario::default()
        .client('W', &JOIN)
        .client('B', &both(&JOIN, &[Detach, Resume, HearResumed, ReleaseInbox]))
        .client('M', &BAN)
        .before("WW11WBB1B");
    check(&scenario, |rooms| {
        require(rooms.moderations == [Ok(())], "the ban was refused")?;
        match rooms.resumes[..] {
            [Some(Recovery::Removed)] => Ok(()),
            [Some(Recovery::Whole)] => require(rooms.shown_to('B').contains('x'), "the banned member is not told so"),
            _ => Err("the resume has a strange answer".to_owned()),
        }
    });
}

#[test]
fn a_ban_during_the_last_leave_holds_for_the_next_join() {
    let scenario =
        Scenario::default().client('B', &both(&JOIN, &[Leave, ReleaseInbox])).client('M', &BAN).before("BB11B");
    check(&scenario, |rooms| {
        // A room without members and policy does not exist, so there is nothing to moderate.
        require(
            rooms.moderations == [Ok(())] || rooms.moderations == [Err(Code::NotFound)],
            "a strange answer to the ban",
        )
    });
}

/// A client that says two things and ends its input in this way, while another says something.
fn parting(end: &[Move]) -> Scenario {
    Scenario::default()
        .client('A', &[&JOIN[..], &[Say, Say], end].concat())
        .client('B', &both(&JOIN, &[Say]))
        .before("AA11ABB1B")
}

#[test]
fn the_end_of_the_input_waits_for_what_the_room_owes() {
    let scenario = parting(&[EndInput, SayGoodbye, ReleaseInbox]);
    check(&scenario, |rooms| {
        let answered = rooms.answered_before_goodbye('A');
        require(answered == (2, 2), &format!("{answered:?} answers came before the goodbye, and in all"))
    });
    let banned = Scenario::default()
        .client('B', &[&JOIN[..], &[Say, EndInput, SayGoodbye, ReleaseInbox]].concat())
        .client('M', &BAN)
        .before("BB11B");
    check(&banned, |rooms| {
        let answered = rooms.answered_before_goodbye('B');
        require(answered == (1, 1), &format!("{answered:?} answers came before the goodbye, and in all"))
    });
}

#[test]
fn a_goodbye_that_waits_for_nothing_overtakes_the_answer() {
    let scenario = parting(&[DropHandle, SayGoodbye, ReleaseInbox]);
    let answered =
        |rooms: &Rooms| require(rooms.answered_before_goodbye('A').0 == 2, "an answer is missing before the goodbye");
    let found = search(|| scenario.world(answered)).expect_err("the end overtakes the answer");
    assert_eq!(found.why, "an answer is missing before the goodbye");
}

#[test]
fn an_order_that_was_found_can_be_replayed() {
    let mut scenario = Scenario::default().client('A', &both(&JOIN, &[Leave, ReleaseInbox]));
    scenario = scenario.client('B', &JOIN);
    let gets_in = |rooms: &Rooms| require(rooms.answers_to('B') == [JoinOutcome::Joined], "the join was refused");
    assert_eq!(replay(|| scenario.world(gets_in), "AA11AABBA11B"), Ok(()));
}
