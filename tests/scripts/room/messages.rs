//! The messages of a room: numbered before they are shown, shown to all members, acknowledged to the author.

use roomd::chat::Limits;

use crate::stage::Stage;

// ANCHOR: stored
#[test]
fn nothing_is_shown_before_it_is_stored_and_then_in_order() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > +1s
            > Ann says one as m1 marked 1
            > Bob says two
            > Ann says three quietly
            > +1s
            > stored
                to Ann [1]: sent 1 (m1) at 1s
                to all: message 1 Ann: one (m1)
                to Bob: sent 2 at 1s
                to all: message 2 Bob: two
                to all: message 3 Ann: three
            > stored
        ",
    );
}
// ANCHOR_END: stored

#[test]
fn a_message_that_is_not_stored_is_refused_to_its_author_and_the_room_goes_on() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one as m1 marked 1
            > Bob says two quietly
            > Ann edits 1 to uno marked 2
            > store fails
                to Ann [1]: unavailable: It could not be stored; try again
                to Bob: unavailable: It could not be stored; try again
                to Ann [2]: unavailable: It could not be stored; try again
            # The same again is no repeat: nothing was stored.
            > Ann says one as m1 marked 3
            > stored
                to Ann [3]: sent 1 (m1) at 0s
                to all: message 1 Ann: one (m1)
        ",
    );
}

#[test]
fn a_message_on_a_condition_is_stored_behind_that_message_and_no_other() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            # Both want to be the first: the store has one order, and one of them is.
            > Ann says mine behind 0 marked 1
            > Bob says mine behind 0 marked 2
            > Bob says ours behind 1 as m1 marked 3
            > stored
                to Ann [1]: sent 1 at 0s
                to all: message 1 Ann: mine
                to Bob [2]: conflict in den: The newest message of den is 1, newest 1
                to Bob [3]: sent 2 (m1) at 0s
                to all: message 2 Bob: ours (m1)
            # A repeat is a repeat, whatever its condition says by now.
            > Bob says ours behind 1 as m1 marked 4
            > Ann says theirs behind 7 quietly
            > stored
                to Bob [4]: sent 2 (m1) at 0s already
                to Ann: conflict in den: The newest message of den is 2, newest 2
        ",
    );
}

#[test]
fn a_message_that_is_not_to_be_stored_is_shown_behind_the_newest_and_is_in_no_history() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says first unstored
                to Ann: sent 0+1 at 0s
                to all: message 0+1 Ann: first
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            # Its mid is not remembered, so the same again is another message. It is nothing to refer to.
            > Bob says left as m1 unstored marked 1
                to Bob [1]: sent 1+2 (m1) at 0s
                to all: message 1+2 Bob: left (m1)
            > Bob says left as m1 unstored quietly
                to all: message 1+3 Bob: left (m1)
            > Ann says up keyed x re 1 unstored quietly
                to all: message 1+4 Ann: up re 1 of x
            > Ann wants 9 latest 0
                to Ann: history of e1: nothing, complete
            > Ann says two quietly
            > stored
                to all: message 2 Ann: two
            > Bob wants 9 after 0
                to Bob: history of e1: 1 Ann: one | 2 Ann: two, complete
        ",
    );
}

#[test]
fn a_repeated_mid_is_answered_with_the_first_number_and_not_shown() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one as m1
            > Ann says again as m1
            > stored
                to Ann: sent 1 (m1) at 0s
                to all: message 1 Ann: one (m1)
                to Ann: sent 1 (m1) at 0s already
            > +5s
            > Ann says later as m1 marked 9
            > Ann says last as m1 quietly
            # It is Bob's own m1.
            > Bob says mine as m1
            > stored
                to Ann [9]: sent 1 (m1) at 0s already
                to Bob: sent 2 (m1) at 5s
                to all: message 2 Bob: mine (m1)
        ",
    );
}

#[test]
fn a_member_without_echo_gets_the_number_and_not_the_message() {
    Stage::new().check(
        "
            > Ann joins unechoed
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Bob joins
                Bob is in
                to Bob: joined e1/0 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Ann says hi
            > Bob says ho
            > stored
                to Ann: sent 1 at 0s
                to all but Ann: message 1 Ann: hi
                to Bob: sent 2 at 0s
                to all: message 2 Bob: ho
        ",
    );
}

#[test]
fn an_author_who_left_before_the_store_answered_is_shown_to_the_others() {
    Stage::new().check(
        "
            > Ann joins unechoed
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Bob joins
                Bob is in
                to Bob: joined e1/0 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Ann says bye
            > Ann leaves
                to Ann: left
                Ann is out
                to all: Ann leaves
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: bye
        ",
    );
}

#[test]
fn an_edit_keeps_the_number_and_is_shown_where_the_message_was() {
    Stage::new().among(&["Ann"]).check(
        "
            > Ann says one
            > Ann says two
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: one
                to Ann: sent 2 at 0s
                to all: message 2 Ann: two
            > +1s
            > Ann edits 1 to uno marked 5
            > stored
                to Ann [5]: done
                to all: Ann edits 1: uno at 1s
            > Ann wants 9 newest
                to Ann: history of e1: 1 Ann: uno, edited at 1s | 2 Ann: two, complete
        ",
    );
}

#[test]
fn a_message_is_changed_by_its_author_alone_and_while_it_is_there() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: one
            > Bob edits 1 to mine marked 1
            > Bob deletes 1 marked 2
            > Ann edits 2 to what marked 3
            > Ann deletes 1 marked 4
            > Ann edits 1 to back marked 5
            > Ann deletes 1 marked 6
            > stored
                to Bob [1]: forbidden: The message 1 is somebody else's
                to Bob [2]: forbidden: The message 1 is somebody else's
                to Ann [3]: not_found: There is no message 2
                to Ann [4]: done
                to all: Ann edits 1: (deleted) at 0s
                to Ann [5]: not_found: There is no message 1
                to Ann [6]: not_found: There is no message 1
            > Bob wants 9 newest
                to Bob: history of e1: 1 Ann: (deleted), edited at 0s, complete
        ",
    );
}

#[test]
fn a_message_that_left_memory_can_still_be_changed() {
    Stage::with(&Limits { history: 1, ..Limits::default() }).among(&["Ann"]).check(
        "
            > Ann says one
            > Ann says two
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: one
                to Ann: sent 2 at 0s
                to all: message 2 Ann: two
            > Ann edits 1 to uno
            > stored
                to Ann: done
                to all: Ann edits 1: uno at 0s
            > Ann wants 9 newest
                to Ann: history of e1: 2 Ann: two
        ",
    );
}

#[test]
fn a_nonmember_that_publishes_is_answered_and_is_no_member() {
    Stage::new().among(&["Ann"]).check(
        "
            > @Vic says ding as m1 marked 1
            > stored
                to @Vic [1]: sent 1 (m1) at 0s
                to all: message 1 Vic: ding (m1)
            > @Vic says ding as m1
            > stored
                to @Vic: sent 1 (m1) at 0s already
            > @Vic asks who
                to @Vic: members: Ann online at 0s, operator Ann
            > @Vic asks about Ann
                to @Vic: members: Ann online at 0s, operator Ann
            > @Vic asks about Bob
                to @Vic: members: nobody
            > @Vic says lost
            > store fails
                to @Vic: unavailable: It could not be stored; try again
        ",
    );
}

#[test]
fn a_reply_and_a_reaction_need_the_message_that_they_are_about() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob says two re 1 as m2
            > Bob says +1 upon 1 quietly
            > stored
                to Bob: sent 2 (m2) at 0s
                to all: message 2 Bob: two re 1 (m2)
                to all: message 3 Bob: +1 upon 1
            > Bob says again re 4 marked 1
                to Bob [1]: not_found: There is no message 4
            > Bob says again upon 0 marked 2
                to Bob [2]: not_found: There is no message 0
            > Ann wants 2 newest
                to Ann: history of e1: 2 Bob: two re 1 (m2) | 3 Bob: +1 upon 1
        ",
    );
}
