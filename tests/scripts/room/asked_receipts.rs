//! What a member is told that has asked how far others have got with its messages: lines, and in a large room counts.

use roomd::chat::Limits;

use crate::stage::Stage;

#[test]
fn who_has_received_and_read_the_last_message_is_told_to_an_author_who_has_asked() {
    Stage::new().among(&["Ann", "Ann/2", "Bob", "Cy"]).check(
        "
            > Ann asks for receipts
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob has received 1
            > Cy has received 1
            > Cy has read 1
            > +250ms
                kept: Bob received 1 at 0s, Cy received 1 at 0s, Cy read 1 at 0s; to Ann and Ann/2: Bob received 1 at 0s, Cy received 1 at 0s, Cy read 1 at 0s
                to Ann: Bob received 1
                to Ann: Cy read 1
            > Bob has read 1
            > +250ms
                kept: Bob read 1 at 250ms; to Ann and Ann/2: Bob read 1 at 250ms
                to Ann: Bob read 1
            > Ann asks for no receipts
            > Ann says two quietly
            > stored
                to all: message 2 Ann: two
            > Bob has received 2
            > +250ms
                kept: Bob received 2 at 500ms; to Ann and Ann/2: Bob received 2 at 500ms
        ",
    );
}

#[test]
fn of_several_messages_the_last_is_told_of_and_how_many_are_news() {
    Stage::new().among(&["Ann", "Bob", "Cy"]).check(
        "
            > Ann asks for receipts
            > Ann says one quietly
            > Bob says two quietly
            > Ann says three quietly
            > Ann says four quietly
            > stored
                to all: message 1 Ann: one
                to all: message 2 Bob: two
                to all: message 3 Ann: three
                to all: message 4 Ann: four
            # Not there yet.
            > Bob has read 3
            > Ann has read 4
            > +250ms
                kept: Ann received 4 at 0s, Bob received 3 at 0s, Ann read 4 at 0s, Bob read 3 at 0s; to Ann and Bob: Ann received 4 at 0s, Bob received 3 at 0s, Ann read 4 at 0s, Bob read 3 at 0s
            > Bob has received 4
            > Cy has received 4
            > +250ms
                kept: Bob received 4 at 250ms, Cy received 4 at 250ms; to Ann and Bob: Bob received 4 at 250ms, Cy received 4 at 250ms
                to Ann: Bob, Cy received 1
            > Cy has read 4
            > +250ms
                kept: Cy read 4 at 500ms; to Ann and Bob: Cy read 4 at 500ms
                to Ann: Cy read 3
            > Ann deletes 4
            > stored
                to Ann: done
                to all: Ann edits 4: (deleted) at 750ms
            > Cy says five quietly
            > stored
                to all: message 5 Cy: five
            # What is last now was read already.
            > Cy has read 5
            > +250ms
                kept: Cy received 5 at 750ms, Cy read 5 at 750ms; to Cy: nothing
        ",
    );
}

#[test]
fn a_detached_author_who_has_asked_is_told_when_it_resumes() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann asks for receipts
            > Ann says one quietly
            > Ann says two quietly
            > stored
                to all: message 1 Ann: one
                to all: message 2 Ann: two
            > Ann breaks off
                to all: presence Ann away at 0s
            > Bob has received 2
            > +250ms
                kept: Bob received 2 at 0s; to nobody
            > Ann resumes since e1/2
                Ann is back, whole, missed 0
                to Ann: Bob received 1
                to Ann: Bob received 2 at 0s
                to all: presence Ann online at 0s
        ",
    );
}

#[test]
fn in_a_private_conversation_they_say_that_the_message_is_private() {
    Stage::private(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
            > Ann asks for receipts
            > Ann says psst quietly
            > stored
                to all: message 1 Ann to Bob: psst
            > Bob has read 1
            > +250ms
                kept: Ann written 1 at 0s, Bob received 1 at 0s, Bob read 1 at 0s; to Ann: Bob received 1 at 0s, Bob read 1 at 0s
                to Ann: Bob read 1 private
        ",
    );
}

fn large() -> Limits {
    Limits { receipts_members_max: 2, ..Limits::default() }
}

#[test]
fn in_a_large_room_an_author_who_has_asked_is_told_counts_and_nobody_else_anything() {
    Stage::with(&large()).among(&["Ann", "Bob", "Cy", "Dan"]).check(
        "
            > Ann asks for receipts
            > Bob says zero quietly
            > Ann says one quietly
            > stored
                to all: message 1 Bob: zero
                to all: message 2 Ann: one
            > Ann takes it all
            > Bob takes it all
            > Cy takes it all
            > Dan has received 1
            > Cy has received 2
            > Eve joins
                Eve is in
                to Eve: joined e1/2 with Ann, Bob, Cy, Dan, Eve
                to Eve: entered Eve
                to all but Eve: Eve joins
            > Eve takes it all
            > Eve has received 2
            > +999ms
            > +1ms
                to Ann: 2: written 2, received 1, read 0
            > Dan has read 2
            > +2s
                kept: Dan read 2 at 1s; to nobody
                to Ann: 2: written 3, received 2, read 1
            > Bob takes it all
            > +1m
            > Bob has read 2
            > +3s
                kept: Bob read 2 at 63s; to nobody
            > +1s
                to Ann: 2: written 3, received 3, read 2
        ",
    );
}

#[test]
fn the_counts_are_of_the_authors_last_message_and_end_with_the_history() {
    Stage::with(&large()).among(&["Ann", "Ann/2", "Bob", "Cy"]).check(
        "
            > Ann asks for receipts
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Cy has received 1
            > Ann/2 says two quietly
            > stored
                to all: message 2 Ann: two
            > +1s
            > Ann breaks off
            > Bob has received 2
            > +1s
            > Ann resumes since e1/2
                Ann is back, whole, missed 0
            > +0s
                to Ann: 2: written 1, received 1, read 0
            > Cy has received 2
            > Ann asks for no receipts
            > +1m
            > Ann asks for receipts
            > @Root ends admin
            > stored
                no policy
                to all: Root: ended
                Ann is put out
                Ann/2 is put out
                Bob is put out
                Cy is put out
                to @Root: Root: ended
            > +1h
        ",
    );
}

#[test]
fn where_receipts_are_switched_off_there_are_no_counts() {
    let off = Limits { receipts_members_max: 0, ..Limits::default() };
    Stage::with(&off).among(&["Ann", "Bob"]).check(
        "
            > Ann asks for receipts
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob has received 1
            > +1h
        ",
    );
}

#[test]
fn the_counts_of_a_message_end_with_the_next_also_in_a_room_that_has_become_small() {
    Stage::with(&large()).among(&["Ann", "Bob", "Cy"]).check(
        "
            > Ann asks for receipts
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob has received 1
            > Cy leaves
                to Cy: left
                Cy is out
                to all: Cy leaves
            > Ann says two quietly
            > stored
                to all: message 2 Ann: two
            > Bob has received 2
            > +250ms
                kept: Bob received 2 at 0s; to Ann: Bob received 2 at 0s
                to Ann: Bob received 2
            > +1h
        ",
    );
}
