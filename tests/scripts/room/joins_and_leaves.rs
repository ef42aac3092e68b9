//! Joins and leaves, and which members are told.

use roomd::chat::Limits;

use crate::stage::Stage;

#[test]
fn a_join_is_answered_then_shows_the_history_and_then_is_announced() {
    Stage::new().check(
        "
            > Ann joins
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Ann says one
            > Ann says two
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: one
                to Ann: sent 2 at 0s
                to all: message 2 Ann: two
            > Bob joins history 1 marked 7
                Bob is in
                to Bob [7]: joined e1/2 with Ann, Bob
                to Bob: message 2 Ann: two
                to Bob: entered Bob
                to all but Bob: Bob joins
        ",
    );
}

#[test]
fn a_user_with_two_connections_comes_once_and_leaves_once() {
    Stage::new().check(
        "
            > Ann joins
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Bob joins
                Bob is in
                to Bob: joined e1/0 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Ann/2 joins
                Ann/2 is in
                to Ann/2: joined e1/0 with Ann, Bob
                to Ann/2: entered Ann
            > Ann leaves marked 1
                to Ann [1]: left
                Ann is out
            > Ann/2 leaves
                to Ann/2: left
                Ann/2 is out
                to all: Ann leaves
        ",
    );
}

#[test]
fn the_reason_of_a_leave_decides_what_others_are_told() {
    Stage::new().among(&["Ann", "Bob", "Cy", "Dan"]).check(
        "
            > Ann leaves
                to Ann: left
                Ann is out
                to all: Ann leaves
            > Bob is gone
                Bob is out
                to all: Bob leaves
                to all: presence Bob offline at 0s
            > Cy is closed
                Cy is out
            # Who is out is out.
            > Cy leaves
            > Cy is gone
        ",
    );
}

#[test]
fn a_connection_lost_beside_another_of_its_user_is_not_announced() {
    Stage::new().among(&["Ann", "Ann/2"]).check(
        "
            > Ann is gone
                Ann is out
        ",
    );
}

#[test]
fn a_member_that_joins_again_is_another_member() {
    Stage::new().check(
        "
            > Ann joins
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Ann leaves
                to Ann: left
                Ann is out
                to all: Ann leaves
            > Ann joins
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Ann says hi
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: hi
        ",
    );
}

#[test]
fn a_quiet_subscriber_is_not_announced_and_gets_everything() {
    Stage::new().among(&["Ann"]).check(
        "
            > Bob joins quietly history 5
                Bob is in
            > Ann says hi
            > Bob says ho quietly
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: hi
                to all: message 2 Bob: ho
            > Bob says hu quietly marked 4
            > stored
                to Bob [4]: sent 3 at 0s
                to all: message 3 Bob: hu
            > Bob is gone
                Bob is out
        ",
    );
}

#[test]
fn a_hidden_member_gets_everything_and_nobody_learns_of_it() {
    Stage::new().among(&["Ann"]).check(
        "
            > Eve joins hidden history 5
                Eve is in
                to Eve: joined e1/0 with Ann
                to Eve: entered Eve
            > Ann says hi
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: hi
            > Eve takes it all
            > +1s
            > Bob joins
                Bob is in
                to Bob: joined e1/1 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Ann/2 joins hidden away
                Ann/2 is in
                to Ann/2: joined e1/1 with Ann, Bob
                to Ann/2: entered Ann
            > Ann/2 is gone
                Ann/2 is out
            > Eve is gone
                Eve is out
        ",
    );
}

#[test]
fn a_quiet_connection_of_a_user_neither_announces_nor_hides_the_others() {
    Stage::new().check(
        "
            > Ann joins quietly
                Ann is in
            > Ann/2 joins
                Ann/2 is in
                to Ann/2: joined e1/0 with Ann
                to Ann/2: entered Ann
                to all but Ann/2: Ann joins
            > Ann/2 leaves
                to Ann/2: left
                Ann/2 is out
                to all: Ann leaves
            > Ann/2 joins
                Ann/2 is in
                to Ann/2: joined e1/0 with Ann
                to Ann/2: entered Ann
                to all but Ann/2: Ann joins
            > Ann leaves
                to Ann: left
                Ann is out
        ",
    );
}

#[test]
fn a_room_is_full_for_every_further_connection() {
    Stage::with(&Limits { room_members_max: 2, ..Limits::default() }).check(
        "
            > Ann joins
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Ann/2 joins
                Ann/2 is in
                to Ann/2: joined e1/0 with Ann
                to Ann/2: entered Ann
            > Bob joins marked 1
                Bob stays out, room_full: The room den is full
            > Ann/2 is gone
                Ann/2 is out
            > Bob joins
                Bob is in
                to Bob: joined e1/0 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
        ",
    );
}

#[test]
fn a_private_conversation_is_quiet_and_names_the_other() {
    Stage::private(&Limits::default()).check(
        "
            > Ann joins
                Ann is in
            > Bob joins
                Bob is in
            > Ann says psst marked 1
            > Bob says yes quietly
            > stored
                to Ann [1]: sent 1 at 0s
                to all: message 1 Ann to Bob: psst
                to all: message 2 Bob to Ann: yes
            > Bob wants 9 newest
                to Bob: history of e1: 1 Ann to Bob: psst | 2 Bob to Ann: yes, complete
            > Ann leaves
                to Ann: left
                Ann is out
        ",
    );
}

#[test]
fn in_a_private_conversation_each_connection_is_once() {
    Stage::private(&Limits::default()).check(
        "
            > Ann joins
                Ann is in
            > Ann joins
                Ann is in already, as Ann
            > Ann/2 joins
                Ann/2 is in
        ",
    );
}
