//! Every order in which Ann, Ben and the room can take their steps.

use ownership_as_lifetime::{OCCUPIED, Shared, ann, ben, room};
use roomd_race::{Program, Search, Trace, diagram, replay, shrink};

fn program() -> Program<Shared> {
    Program::new(OCCUPIED).thread('A', ann()).thread('B', ben()).thread('R', room()).always(always).at_end(at_end)
}

/// What holds after each step.
fn always(s: &Shared) -> Result<(), String> {
    if s.has_ended && !s.inbox.is_empty() {
        return Err("something is in the inbox of a room that has ended, and nobody will ever take it out".to_owned());
    }
    if s.is_in_map == s.has_ended {
        return Err("the map and the room do not agree on whether there is a room".to_owned());
    }
    Ok(())
}

/// What holds when nobody has a step left.
fn at_end(s: &Shared) -> Result<(), String> {
    match (s.is_answered, s.has_opened) {
        (false, false) => return Err("Ben is in no room".to_owned()),
        (true, true) => return Err("Ben is in two rooms of one name".to_owned()),
        _ => {}
    }
    if !s.has_ended {
        return Err("everybody has left, and the room is still there".to_owned());
    }
    Ok(())
}

#[test]
fn no_order_loses_a_join_or_leaves_a_room_behind() {
    match Search::default().run(program) {
        Ok(tried) => assert!(tried.whole && tried.orders > 1, "{tried:?}"),
        Err(failure) => {
            let shortest = shrink(program, &failure, 10_000).failure;
            panic!("{shortest}\n{}", diagram(&Trace::of(program, &shortest.order)));
        }
    }
}

#[test]
fn ben_gets_into_the_room_if_he_is_quick() {
    let went =
        replay(|| program().at_end(|s| if s.is_answered { Ok(()) } else { Err("Ben did not".to_owned()) }), "BB");
    assert_eq!(went, Ok(()));
}

#[test]
fn ben_opens_another_room_if_he_is_late() {
    let went =
        replay(|| program().at_end(|s| if s.has_opened { Ok(()) } else { Err("Ben did not".to_owned()) }), "ARRB");
    assert_eq!(went, Ok(()));
}
