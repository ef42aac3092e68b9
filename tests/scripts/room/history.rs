//! The history that a room has in memory, and what of it a returning client is sent.

use roomd::chat::Limits;

use crate::stage::Stage;

#[test]
fn history_is_complete_when_nothing_lies_beyond_it() {
    Stage::new().among(&["Ann"]).check(
        "
            > Ann wants 5 newest
                to Ann: history of e1: nothing, complete
            > Ann wants 5 after 0
                to Ann: history of e1: nothing, complete
            > 4 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
                to all: message 3 Ann: x
                to all: message 4 Ann: x
            > Ann wants 2 newest
                to Ann: history of e1: 3 Ann: x | 4 Ann: x
            > Ann wants 4 newest
                to Ann: history of e1: 1 Ann: x | 2 Ann: x | 3 Ann: x | 4 Ann: x, complete
            > Ann wants 2 before 3
                to Ann: history of e1: 1 Ann: x | 2 Ann: x, complete
            > Ann wants 1 before 3
                to Ann: history of e1: 2 Ann: x
            > Ann wants 5 before 1
                to Ann: history of e1: nothing, complete
            > Ann wants 5 before 0
                to Ann: history of e1: nothing, complete
            > Ann wants 3 after 0
                to Ann: history of e1: 1 Ann: x | 2 Ann: x | 3 Ann: x
            > Ann wants 4 after 0 marked 8
                to Ann [8]: history of e1: 1 Ann: x | 2 Ann: x | 3 Ann: x | 4 Ann: x, complete
            > Ann wants 5 after 3
                to Ann: history of e1: 4 Ann: x, complete
            > Ann wants 5 after 4
                to Ann: history of e1: nothing, complete
            > Ann wants 5 after 99
                to Ann: history of e1: nothing, complete
        ",
    );
}

#[test]
fn history_that_left_memory_is_never_called_complete() {
    Stage::with(&Limits { history: 2, ..Limits::default() }).among(&["Ann"]).check(
        "
            > 4 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
                to all: message 3 Ann: x
                to all: message 4 Ann: x
            > Ann wants 9 newest
                to Ann: history of e1: 3 Ann: x | 4 Ann: x
            > Ann wants 9 before 3
                to Ann: history of e1: nothing
            > Ann wants 9 before 1
                to Ann: history of e1: nothing, complete
            > Ann wants 9 after 0
                to Ann: history of e1: 3 Ann: x | 4 Ann: x
            > Ann wants 9 after 1
                to Ann: history of e1: 3 Ann: x | 4 Ann: x
            > Ann wants 9 after 2
                to Ann: history of e1: 3 Ann: x | 4 Ann: x, complete
        ",
    );
}

#[test]
fn a_join_with_since_gets_all_missed_messages_or_the_reason_why_not() {
    Stage::with(&Limits { history: 3, ..Limits::default() }).among(&["Ann"]).check(
        "
            > 5 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
                to all: message 3 Ann: x
                to all: message 4 Ann: x
                to all: message 5 Ann: x
            # All, whatever it asked for besides.
            > Bob joins since e1/2 history 1
                Bob is in
                to Bob: joined e1/5 with Ann, Bob
                to Bob: message 3 Ann: x
                to Bob: message 4 Ann: x
                to Bob: message 5 Ann: x
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Bob leaves
                to Bob: left
                Bob is out
                to all: Bob leaves
            # Nothing was missed.
            > Bob joins since e1/5 history 2
                Bob is in
                to Bob: joined e1/5 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Bob leaves
                to Bob: left
                Bob is out
                to all: Bob leaves
            # One that it missed is no longer there: the newest, as for any join.
            > Bob joins since e1/1 history 2
                Bob is in
                to Bob: joined e1/5 with Ann, Bob, too_old
                to Bob: message 4 Ann: x
                to Bob: message 5 Ann: x
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Bob leaves
                to Bob: left
                Bob is out
                to all: Bob leaves
            > Bob joins since e0/5 history 1
                Bob is in
                to Bob: joined e1/5 with Ann, Bob, epoch_changed
                to Bob: message 5 Ann: x
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Bob leaves
                to Bob: left
                Bob is out
                to all: Bob leaves
            # A number that this history never had.
            > Bob joins since e1/6
                Bob is in
                to Bob: joined e1/5 with Ann, Bob, epoch_changed
                to Bob: entered Bob
                to all but Bob: Bob joins
        ",
    );
}

#[test]
fn missed_messages_of_a_room_without_memory_are_too_old() {
    Stage::with(&Limits { history: 0, ..Limits::default() }).among(&["Ann"]).check(
        "
            > Ann says x quietly
            > stored
                to all: message 1 Ann: x
            > Bob joins since e1/0 history 5
                Bob is in
                to Bob: joined e1/1 with Ann, Bob, too_old
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Cy joins since e1/1 history 5
                Cy is in
                to Cy: joined e1/1 with Ann, Bob, Cy
                to Cy: entered Cy
                to all but Cy: Cy joins
        ",
    );
}

#[test]
fn paging_gets_past_a_message_that_is_larger_than_an_answer() {
    // Half of an outbox for an answer, and some of it for what stands round each message.
    Stage::with(&Limits { outbox_bytes: 600, ..Limits::default() }).among(&["Ann"]).check(
        "
            > Ann says small quietly
            > Ann says a-message-of-fifty-bytes-is-larger-than-an-answer quietly
            > Ann says small quietly
            > stored
                to all: message 1 Ann: small
                to all: message 2 Ann: a-message-of-fifty-bytes-is-larger-than-an-answer
                to all: message 3 Ann: small
            > Ann wants 9 newest
                to Ann: history of e1: 3 Ann: small
            > Ann wants 9 before 3
                to Ann: history of e1: 2 Ann: a-message-of-fifty-bytes-is-larger-than-an-answer
            > Ann wants 9 before 2
                to Ann: history of e1: 1 Ann: small, complete
            > Ann wants 9 after 1
                to Ann: history of e1: 2 Ann: a-message-of-fifty-bytes-is-larger-than-an-answer
            > Bob joins since e1/1
                Bob is in
                to Bob: joined e1/3 with Ann, Bob, too_old
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Cy joins since e1/2
                Cy is in
                to Cy: joined e1/3 with Ann, Bob, Cy
                to Cy: message 3 Ann: small
                to Cy: entered Cy
                to all but Cy: Cy joins
        ",
    );
}

#[test]
fn a_resumed_member_gets_all_missed_messages_or_the_reason_why_not() {
    // An answer holds one message, and the room's memory three.
    Stage::with(&Limits { outbox_bytes: 600, history: 3, ..Limits::default() }).among(&["Ann", "Bob"]).check(
        "
            > Bob breaks off
                to all: presence Bob away at 0s
            > 4 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
                to all: message 3 Ann: x
                to all: message 4 Ann: x
            > Bob resumes after 4
                Bob is back, whole, missed 0
                to all: presence Bob online at 0s
            > Bob breaks off
                to all: presence Bob away at 0s
            > Bob resumes after 3
                Bob is back, whole, missed 1
                to Bob: message 4 Ann: x
                to all: presence Bob online at 0s
            > Bob breaks off
                to all: presence Bob away at 0s
            > Bob resumes after 2
                Bob is back, too_old, missed 0
                to all: presence Bob online at 0s
            > Bob breaks off
                to all: presence Bob away at 0s
            > Bob resumes after 0
                Bob is back, too_old, missed 0
                to all: presence Bob online at 0s
            > Bob breaks off
                to all: presence Bob away at 0s
            > Bob resumes after 9
                Bob is back, epoch_changed, missed 0
                to all: presence Bob online at 0s
        ",
    );
}
