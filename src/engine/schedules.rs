//! Races of rooms, in every order of their steps.
//!
//! Each interaction between threads is one critical section of the hub or one operation of a
//! channel, and each is one function, so a test takes them one by one on one thread, with the real
//! hub and real brokers. Clients are letters, rooms are digits in the order in which they opened.
//! When a test fails it prints the order; `replay` with it is the regression test.

mod client;
mod explorer;
mod moderation;
mod stepped_broker;
mod world;
mod wrong;

use explorer::{replay, search};
use world::Move::{Arrive, Close, Leave, LetGo, Park, Return, Say, StrayLeave, Vanish};
use world::{BAN, CREATE, JOIN, Move, ResumeAnswer, Rooms, Scenario};
use wrong::{AccountStore, Mistake};

use crate::chat::{Code, End, Recovery};

/// Orders of one scenario, at most.
const ORDERS_MAX: usize = 200_000;

/// Tries every order of a scenario; `expect` is asked at the end of each.
fn check(scenario: &Scenario, expect: impl Fn(&Rooms) -> Result<(), String>) {
    match search(|| scenario.world(&expect), ORDERS_MAX) {
        Ok(orders) => println!("{orders} orders"),
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
        require(rooms.answers.iter().all(|(_, answer)| *answer == ResumeAnswer::Joined), "a join was refused")
    });
}

#[test]
fn three_joins_at_once_make_one_room() {
    let scenario = Scenario::default().client('A', &JOIN).client('B', &JOIN).client('C', &JOIN);
    check(&scenario, |rooms| {
        require(rooms.openings() == 1, "more than one room was opened")?;
        require(rooms.answers.iter().all(|(_, answer)| *answer == ResumeAnswer::Joined), "a join was refused")
    });
}

#[test]
fn a_join_during_the_last_leave_gets_in() {
    for parting in [[Leave, LetGo], [Vanish, LetGo], [LetGo, Vanish]] {
        let scenario = Scenario::default().client('A', &both(&JOIN, &parting)).client('B', &JOIN).before("AA11A");
        check(&scenario, |rooms| {
            require(rooms.answers_to('B') == [ResumeAnswer::Joined], "the join was refused")?;
            require(rooms.is_there(), "the room is gone under its member")
        });
    }
}

#[test]
fn two_who_come_and_go_leave_nothing_in_any_order() {
    let visit = both(&JOIN, &[Leave, LetGo]);
    let scenario = Scenario::default().client('A', &visit).client('B', &visit);
    check(&scenario, |rooms| {
        require(rooms.answers.iter().all(|(_, answer)| *answer == ResumeAnswer::Joined), "a join was refused")?;
        require(!rooms.is_there(), "the room stays when all have left")
    });
}

#[test]
fn a_join_queued_behind_the_last_leave_finds_the_room_open() {
    let scenario = Scenario::default().client('A', &both(&JOIN, &[Leave, LetGo])).client('B', &JOIN).before("AA11AABB");
    check(&scenario, |rooms| {
        require(rooms.answers_to('B') == [ResumeAnswer::Joined], "the join was refused")?;
        require(rooms.openings() == 1, "the room was opened again")
    });
}

#[test]
fn two_exits_at_once_are_as_good_as_one() {
    for parting in [[Leave, LetGo], [Vanish, LetGo]] {
        let scenario = Scenario::default()
            .client('A', &both(&JOIN, &[Leave, LetGo]))
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
        .client('A', &both(&JOIN, &[StrayLeave, StrayLeave, Leave, LetGo]))
        .client('B', &both(&JOIN, &[Leave, LetGo]))
        .client('C', &JOIN)
        .before("AA11ABB1BCC1C");
    check(&scenario, |rooms| require(rooms.leaves_seen_by('C') == 2, "not each exit was seen once"));
}

#[test]
fn a_broker_that_panics_loses_no_seat_and_the_next_join_opens_a_fresh_room() {
    let scenario = Scenario::default()
        .client('A', &both(&JOIN, &[Leave, LetGo]))
        .client('B', &JOIN)
        .client('F', &JOIN)
        .fatal('F')
        .before("AA11A");
    check(&scenario, |rooms| {
        let answer = rooms.answers_to('B');
        require([ResumeAnswer::Joined, ResumeAnswer::Failed].contains(&answer[0]), "a join has a strange answer")?;
        let in_vain = answer[0] == ResumeAnswer::Joined && rooms.openings() == 1;
        require(!in_vain || rooms.end_of('B') == Some(End::Internal), "a member does not know that its room failed")
    });
}

#[test]
fn a_room_that_does_not_come_to_life_refuses_all_and_the_next_is_another() {
    let scenario = Scenario::default().client('A', &JOIN).client('B', &JOIN).stillborn(1);
    check(&scenario, |rooms| {
        require(rooms.answers_to('A').len() + rooms.answers_to('B').len() == 2, "a join has not one answer")?;
        require(
            rooms.answers.contains(&('A', ResumeAnswer::Refused(Code::Unavailable))) || rooms.openings() == 2,
            "the dead room let one in",
        )
    });
}

#[test]
fn a_room_that_is_created_while_somebody_joins_is_one_room() {
    let scenario = Scenario::default().client('A', &both(&JOIN, &[Leave, LetGo])).client('C', &CREATE);
    check(&scenario, |rooms| {
        require(rooms.answers_to('A') == [ResumeAnswer::Joined], "the join was refused")?;
        let made = rooms.creations == [Ok(())];
        require(made || rooms.creations == [Err(Code::NameTaken)], "a strange answer to the creation")?;
        require(rooms.is_there() == made, "the room stays when it should go, or the other way")
    });
}

#[test]
fn a_join_during_the_close_is_let_in_or_refused_and_leaves_nothing() {
    let scenario = Scenario::default()
        .client('A', &both(&JOIN, &[Vanish, LetGo]))
        .client('B', &JOIN)
        .client('S', &both(&CREATE, &[Close]))
        .before("S11S1SAA1A");
    check(&scenario, |rooms| {
        let answer = rooms.answers_to('B')[0];
        require([ResumeAnswer::Joined, ResumeAnswer::Refused(Code::Draining)].contains(&answer), "a strange answer")
    });
}

#[test]
fn a_created_room_whose_broker_fails_is_opened_again_by_the_next_join() {
    let scenario = Scenario::default().client('S', &CREATE).client('F', &JOIN).fatal('F').before("S11S1S");
    check(&scenario, |_| Ok(()));
}

#[test]
fn of_two_who_create_a_room_at_once_one_does() {
    let scenario = Scenario::default().client('C', &CREATE).client('D', &CREATE);
    check(&scenario, |rooms| {
        let made = rooms.creations.iter().filter(|made| made.is_ok()).count();
        require(made == 1 && rooms.creations.contains(&Err(Code::NameTaken)), "not one of two made it")?;
        require(rooms.is_there(), "the room does not stay")
    });
}

#[test]
fn what_one_who_is_put_out_says_is_shown_before_that_or_refused() {
    let scenario = Scenario::default()
        .client('B', &both(&JOIN, &[Say, Say, LetGo]))
        .client('W', &JOIN)
        .client('M', &BAN)
        .before("BB11BWW1W");
    check(&scenario, |rooms| {
        let (answers, later) = rooms.said_by('B');
        let taken = answers.iter().filter(|taken| **taken).count();
        require(rooms.rulings == [Ok(())], "the ban was refused")?;
        require(
            answers.len() == 2 && answers.is_sorted_by(|a, b| a >= b),
            "not each message has its answer, in order",
        )?;
        require(later == 0, "one who is out was shown something")?;
        let expected = format!("{}xl", "m".repeat(taken));
        require(rooms.shown_to('W') == expected, "what others were shown is not what was taken")
    });
}

#[test]
fn a_join_beside_a_ban_is_refused_or_ends_with_it() {
    let scenario =
        Scenario::default().client('W', &JOIN).client('B', &both(&JOIN, &[LetGo])).client('M', &BAN).before("WW11W");
    check(&scenario, |rooms| {
        require(rooms.rulings == [Ok(())], "the ban was refused")?;
        let shown = rooms.shown_to('W');
        match rooms.answers_to('B')[..] {
            [ResumeAnswer::Refused(Code::Forbidden)] => require(shown == "x", "others were shown a leave of nobody"),
            [ResumeAnswer::Joined] => {
                require(shown == "xl" && rooms.shown_to('B') == "x", "the one who is out is not told so")
            }
            _ => Err("the join has a strange answer".to_owned()),
        }
    });
}

#[test]
fn one_who_was_put_out_while_away_does_not_come_back() {
    let scenario = Scenario::default()
        .client('W', &JOIN)
        .client('B', &both(&JOIN, &[Park, Return, Arrive, LetGo]))
        .client('M', &BAN)
        .before("WW11WBB1B");
    check(&scenario, |rooms| {
        require(rooms.rulings == [Ok(())], "the ban was refused")?;
        match rooms.returns[..] {
            [Some(Recovery::Removed)] => Ok(()),
            [Some(Recovery::Whole)] => require(rooms.shown_to('B').contains('x'), "the one who is out is not told so"),
            _ => Err("the return has a strange answer".to_owned()),
        }
    });
}

#[test]
fn a_ban_during_the_last_leave_holds_for_the_next_who_comes() {
    let scenario = Scenario::default().client('B', &both(&JOIN, &[Leave, LetGo])).client('M', &BAN).before("BB11B");
    check(&scenario, |rooms| {
        // In a room that nobody is in, and that has no rules, there is nothing to rule over.
        require(rooms.rulings == [Ok(())] || rooms.rulings == [Err(Code::NotFound)], "a strange answer to the ban")
    });
}

#[test]
fn an_order_that_was_found_can_be_replayed() {
    let mut scenario = Scenario::default().client('A', &both(&JOIN, &[Leave, LetGo]));
    scenario = scenario.client('B', &JOIN);
    let gets_in = |rooms: &Rooms| require(rooms.answers_to('B') == [ResumeAnswer::Joined], "the join was refused");
    assert_eq!(replay(|| scenario.world(gets_in), "AA11AABBA11B"), Ok(()));
}

#[test]
fn the_explorer_finds_what_is_wrong_with_wrong_protocols() {
    for (mistake, clients, wrong) in [
        (Mistake::RemoveAndExit, "AB", "waits for ever"),
        (Mistake::LookOnceMore, "AB", "waits for ever"),
        (Mistake::ReplaceWhenEmpty, "ABC", "two rooms of one name"),
    ] {
        let found = search(|| AccountStore::new(mistake, clients), ORDERS_MAX).expect_err("the mistake is there");
        assert!(found.why.contains(wrong), "{mistake:?}: {found:?}");
        let again = replay(|| AccountStore::new(mistake, clients), &found.order);
        assert_eq!(again.expect_err("the order shows it again"), found.why);
    }
}
