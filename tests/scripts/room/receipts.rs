//! Receipts: which messages were written, received and read, and which authors are told.

use roomd::chat::Limits;

use crate::stage::Stage;

fn at_most(receipts_members_max: usize) -> Limits {
    Limits { receipts_members_max, ..Limits::default() }
}

#[test]
fn advances_are_gathered_for_a_quarter_of_a_second_and_announced_once() {
    Stage::new().among(&["Ann", "Bob", "Cy"]).check(
        "
            > Ann says one quietly
            > Ann says two quietly
            > stored
                to all: message 1 Ann: one
                to all: message 2 Ann: two
            > Bob takes it all
            > +100ms
            > Cy takes it all
            > Bob has received 1
            > Bob has received 2
            > +149ms
            > +1ms
                kept: Bob written 2 at 0s, Cy written 2 at 100ms, Bob received 2 at 100ms; to Ann: Bob written 2 at 0s, Cy written 2 at 100ms, Bob received 2 at 100ms
            # Whoever takes it all again has taken nothing more.
            > Bob takes it all
            > Bob has received 2
            > +1s
        ",
    );
}

#[test]
fn what_was_read_was_received_and_nothing_goes_back() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > 3 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
                to all: message 3 Ann: x
            > Bob has read 2
            > +250ms
                kept: Bob received 2 at 0s, Bob read 2 at 0s; to Ann: Bob received 2 at 0s, Bob read 2 at 0s
            > Bob has read 1
            > Bob has received 1
            > Bob has read 2
            > +1s
            > Bob has received 3
            > Bob has read 1
            > +250ms
                kept: Bob received 3 at 1250ms; to Ann: Bob received 3 at 1250ms
        ",
    );
}

#[test]
fn a_receipt_for_a_message_that_does_not_exist_yet_is_refused() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Bob takes it all
            > Bob has read 0 marked 1
            > Bob has read 1 marked 2
                to Bob [2]: not_found: There is no message 1 yet
            > Ann says one quietly
            > Bob has received 1 marked 3
                to Bob [3]: not_found: There is no message 1 yet
            > Bob takes it all
            > +1s
            > stored
                to all: message 1 Ann: one
            > Bob has received 1 marked 4
            > +250ms
                kept: Bob received 1 at 1s; to Ann: Bob received 1 at 1s
        ",
    );
}

#[test]
fn receipts_go_to_the_authors_of_the_messages_and_nobody_gets_their_own() {
    Stage::new().among(&["Ann", "Bob", "Cy"]).check(
        "
            > Ann says one quietly
            > Bob says two quietly
            > Cy says three quietly
            > stored
                to all: message 1 Ann: one
                to all: message 2 Bob: two
                to all: message 3 Cy: three
            > Cy has received 2
            > +250ms
                kept: Cy received 2 at 0s; to Ann and Bob: Cy received 2 at 0s
            > Cy has received 3
            > +250ms
                kept: Cy received 3 at 250ms; to Cy: nothing
            > Ann has received 1
            > +250ms
                kept: Ann received 1 at 500ms; to Ann: nothing
            > Ann has received 2
            > +250ms
                kept: Ann received 2 at 750ms; to Bob: Ann received 2 at 750ms
        ",
    );
}

#[test]
fn an_author_gets_receipts_on_every_connection_but_a_quiet_subscriber() {
    Stage::new().among(&["Ann", "Ann/2", "Bob"]).check(
        "
            > Ann/3 joins quietly
                Ann/3 is in
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob takes it all
            > Ann leaves
                to Ann: left
                Ann is out
            > +250ms
                kept: Bob written 1 at 0s; to Ann/2: Bob written 1 at 0s
        ",
    );
}

#[test]
fn receipts_for_an_author_who_has_left_are_stored_and_not_sent() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob takes it all
            > Ann leaves
                to Ann: left
                Ann is out
                to all: Ann leaves
            > +250ms
                kept: Bob written 1 at 0s; to nobody
        ",
    );
}

#[test]
fn with_more_members_than_the_limit_no_receipts_are_sent_and_what_was_read_is_stored_for_the_reader() {
    Stage::with(&at_most(2)).among(&["Ann", "Bob"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            # What was noted before the third came is kept.
            > Bob takes it all
            > Cy joins
                Cy is in
                to Cy: joined e1/1 with Ann, Bob, Cy
                to Cy: entered Cy
                to all but Cy: Cy joins
            > +250ms
                kept: Bob written 1 at 0s; to nobody
            > Cy takes it all
            > Bob has received 1
            > Bob has read 1
            > Bob has read 2 marked 1
                to Bob [1]: not_found: There is no message 2 yet
            > +1999ms
            > +1ms
                kept: Bob read 1 at 250ms; to nobody
            > Cy leaves
                to Cy: left
                Cy is out
                to all: Cy leaves
            > Bob has received 1
            > +250ms
                kept: Bob received 1 at 2250ms; to Ann: Bob received 1 at 2250ms
        ",
    );
}

#[test]
fn what_a_user_reads_on_one_connection_is_told_to_their_others() {
    for (limits, told) in [
        (Limits::default(), "Bob received 1 at 0s, Bob read 1 at 0s; to Ann: Bob received 1 at 0s, Bob read 1 at 0s"),
        (at_most(2), "Bob read 1 at 0s; to nobody"),
    ] {
        Stage::with(&limits).among(&["Ann", "Bob", "Bob/2"]).check(&format!(
            "
                > Bob/3 joins quietly
                    Bob/3 is in
                > Ann says one quietly
                > stored
                    to all: message 1 Ann: one
                > Bob has read 1
                > +2s
                    kept: {told}
                    to Bob/2: Bob read 1 at 0s
                # What is known already is not told again.
                > Bob/2 has read 1
                > +2s
                > Bob/4 joins
                    Bob/4 is in
                    to Bob/4: joined e1/1 with Ann, Bob, 1 read
                    to Bob/4: entered Bob
            "
        ));
    }
}

#[test]
fn what_was_read_is_told_to_the_others_also_when_the_connection_has_left() {
    Stage::new().among(&["Ann", "Bob", "Bob/2"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob has read 1
            > Bob leaves
                to Bob: left
                Bob is out
            > +250ms
                kept: Bob received 1 at 0s, Bob read 1 at 0s; to Ann: Bob received 1 at 0s, Bob read 1 at 0s
                to Bob/2: Bob read 1 at 0s
        ",
    );
}

#[test]
fn the_connection_that_read_last_is_not_told_and_one_that_is_told_as_an_author_is_told_once() {
    Stage::new().among(&["Ann", "Ann/2", "Bob"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            # Of its own receipts alone an author is told only what was read elsewhere.
            > Ann has read 1
            > +250ms
                kept: Ann received 1 at 0s, Ann read 1 at 0s; to Ann and Ann/2: nothing
                to Ann/2: Ann read 1 at 0s
            > Ann says two quietly
            > Bob says three quietly
            > stored
                to all: message 2 Ann: two
                to all: message 3 Bob: three
            > Ann has read 2
            > Ann/2 has read 3
            > +250ms
                kept: Ann received 3 at 250ms, Ann read 3 at 250ms; to Ann and Ann/2 and Bob: Ann received 3 at 250ms, Ann read 3 at 250ms
        ",
    );
}

#[test]
fn a_detached_connection_learns_when_it_resumes_what_was_read_elsewhere() {
    Stage::new().among(&["Ann", "Bob", "Bob/2"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob/2 breaks off
            > Bob has read 1
            > +250ms
                kept: Bob received 1 at 0s, Bob read 1 at 0s; to Ann: Bob received 1 at 0s, Bob read 1 at 0s
            > Bob/2 resumes since e1/1
                Bob/2 is back, whole, missed 0, 1 read
                to Bob/2: Bob read 1 at 0s
        ",
    );
}

#[test]
fn a_detached_member_counts_and_is_written_nothing() {
    Stage::with(&at_most(2)).among(&["Ann", "Bob", "Cy"]).check(
        "
            > Cy breaks off
                to all: presence Cy away at 0s
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob takes it all
            > +1s
            > Cy is gone
                Cy is out
                to all: Cy leaves
                to all: presence Cy offline at 1s
            > Bob takes it all
            > +250ms
                kept: Bob written 1 at 1s; to Ann: Bob written 1 at 1s
        ",
    );
}

#[test]
fn receipts_of_a_private_conversation_are_stored_whatever_the_limit() {
    for (limits, told) in [(at_most(2), "to Ann: Bob written 1 at 0s"), (at_most(1), "to nobody")] {
        Stage::private(&limits).check(&format!(
            "
                > Ann joins
                    Ann is in
                > Bob joins
                    Bob is in
                > Ann says psst quietly
                > stored
                    to all: message 1 Ann to Bob: psst
                > Bob takes it all
                > +250ms
                    kept: Ann written 1 at 0s, Bob written 1 at 0s; {told}
            "
        ));
    }
}

#[test]
fn receipts_for_a_message_that_left_memory_are_not_sent() {
    Stage::with(&Limits { history: 2, ..Limits::default() }).among(&["Ann", "Bob", "Cy", "Dan"]).check(
        "
            > Ann says one quietly
            > Bob says two quietly
            > Cy says three quietly
            > stored
                to all: message 1 Ann: one
                to all: message 2 Bob: two
                to all: message 3 Cy: three
            # Bob's and Cy's are in memory, and not what Dan has received.
            > Dan has received 1
            > +250ms
                kept: Dan received 1 at 0s; to nobody
            > Dan has received 2
            > +250ms
                kept: Dan received 2 at 250ms; to Bob: Dan received 2 at 250ms
        ",
    );
}

#[test]
fn receipts_that_were_not_announced_are_stored_when_the_room_closes() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob takes it all
            > Bob has read 1
            > the room closes
                kept: Bob written 1 at 0s, Bob received 1 at 0s, Bob read 1 at 0s
            > the room closes
        ",
    );
}

#[test]
fn no_receipt_of_a_room_that_ended_goes_over_into_the_next() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > 2 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
            > Bob takes it all
            > @Root ends admin
            > stored
                no policy
                to all: Root: ended
                Ann is put out
                Bob is put out
                to @Root: Root: ended
            > +1s
            > Ann joins
                Ann is in
                to Ann: joined e0000000000000002/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Bob joins
                Bob is in
                to Bob: joined e0000000000000002/0 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Ann says anew quietly
            > stored
                to all: message 1 Ann: anew
            > Bob takes it all
            > +250ms
                kept: Bob written 1 at 1s; to Ann: Bob written 1 at 1s
        ",
    );
}

#[test]
fn receipts_for_a_detached_author_wait_until_it_resumes() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Ann breaks off
                to all: presence Ann away at 0s
            > Bob takes it all
            > +250ms
                kept: Bob written 1 at 0s; to nobody
            > Bob has read 1
            > +250ms
                kept: Bob received 1 at 250ms, Bob read 1 at 250ms; to nobody
            > Ann resumes since e1/1
                Ann is back, whole, missed 0
                to Ann: Bob written 1 at 0s
                to Ann: Bob received 1 at 250ms
                to Ann: Bob read 1 at 250ms
                to all: presence Ann online at 0s
            > +1s
            > Bob has read 1
            > +1s
        ",
    );
}
