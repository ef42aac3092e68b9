//! Typing notices and presence: when they are sent, and how they end.

use crate::stage::Stage;

#[test]
fn a_typing_notice_is_best_effort_and_sent_once() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann types
                in passing, not to Ann: Ann is typing
            > Ann types
            > Ann stops typing
                in passing, not to Ann: Ann is not typing
            > Ann stops typing
        ",
    );
}

// ANCHOR: six_seconds
#[test]
fn typing_ends_after_six_seconds_unless_it_is_renewed() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann types
                in passing, not to Ann: Ann is typing
            > +3s
            > Bob types
                in passing, not to Bob: Bob is typing
            > +2s
            > Ann types
            > +3999ms
            > +1ms
                in passing, not to Bob: Bob is not typing
            > +1999ms
            > +1ms
                in passing, not to Ann: Ann is not typing
        ",
    );
}
// ANCHOR_END: six_seconds

#[test]
fn a_message_ends_typing_without_a_further_notice() {
    Stage::new().among(&["Ann"]).check(
        "
            > Ann types
                in passing, not to Ann: Ann is typing
            > Ann says hi
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: hi
            > +7s
            > Ann types
                in passing, not to Ann: Ann is typing
        ",
    );
}

#[test]
fn a_leave_ends_typing_without_a_further_notice() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann types
                in passing, not to Ann: Ann is typing
            > Ann leaves
                to Ann: left
                Ann is out
                to all: Ann leaves
            > +7s
        ",
    );
}

#[test]
fn a_leave_that_is_not_announced_ends_typing_with_a_notice() {
    Stage::new().among(&["Ann"]).check(
        "
            > Bob joins quietly
                Bob is in
            > Bob types
                in passing, not to Bob: Bob is typing
            > Bob is gone
                Bob is out
                in passing, not to Bob: Bob is not typing
            > +7s
        ",
    );
}

#[test]
fn a_message_that_is_not_shown_does_not_end_typing() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one as m1
            > stored
                to Ann: sent 1 (m1) at 0s
                to all: message 1 Ann: one (m1)
            > Ann types
                in passing, not to Ann: Ann is typing
            > Ann says two
            > store fails
                to Ann: unavailable: It could not be stored; try again
            > Ann says one as m1
            > stored
                to Ann: sent 1 (m1) at 0s already
            > +6s
                in passing, not to Ann: Ann is not typing
        ",
    );
}

#[test]
fn a_user_who_types_on_after_a_message_of_the_same_moment_is_typing_until_it_is_shown() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one quietly
            > Ann types
                in passing, not to Ann: Ann is typing
            > stored
                to all: message 1 Ann: one
            > +7s
            > Ann types
                in passing, not to Ann: Ann is typing
        ",
    );
}

#[test]
fn typing_of_a_user_outlives_one_of_two_connections() {
    Stage::new().among(&["Ann", "Ann/2"]).check(
        "
            > Ann types
                in passing, not to Ann: Ann is typing
            > Ann leaves
                to Ann: left
                Ann is out
            > +6s
                in passing, not to Ann: Ann is not typing
        ",
    );
}

#[test]
fn presence_is_announced_when_it_changes_and_kept_for_the_list_of_members() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > +1s
            > Ann is away: lunch
                to all: presence Ann away (lunch) at 1s
            > Ann is away: lunch
            > Ann is away
                to all: presence Ann away at 1s
            > +1s
            > Bob asks who
                to Bob: members: Ann away at 1s, Bob online at 2s, operator Ann
            > Ann is back
                to all: presence Ann online at 2s
            > Bob asks who marked 3
                to Bob [3]: members: Ann online at 2s, Bob online at 2s, operator Ann
        ",
    );
}

#[test]
fn a_user_who_joins_while_away_is_announced_as_away() {
    Stage::new().check(
        "
            > Ann joins
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Bob joins away
                Bob is in
                to Bob: joined e1/0 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
                to all: presence Bob away at 0s
        ",
    );
}

#[test]
fn a_quiet_subscriber_that_is_away_is_not_announced() {
    Stage::new().among(&["Ann"]).check(
        "
            > Bob joins quietly away
                Bob is in
            > Ann asks who
                to Ann: members: Ann online at 0s, Bob away at 0s, operator Ann
        ",
    );
}

#[test]
fn a_quiet_connection_that_is_away_speaks_for_a_user_who_is_known_to_be_there() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Bob/2 joins quietly away
                Bob/2 is in
                to all: presence Bob away at 0s
        ",
    );
}
