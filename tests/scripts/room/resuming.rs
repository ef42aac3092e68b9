//! Detached members: their memberships are kept, and they resume with what they missed.
//!
//! What memory has, the room shows; where the store keeps the past it names the part of it that the
//! member's reader is to fetch. That none is missed and none shown twice whatever the order is in
//! `properties`.

use roomd::chat::Limits;

use crate::stage::Stage;

#[test]
fn a_resumed_member_gets_the_history_from_its_reader_and_new_messages_from_the_room() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob breaks off
                to all: presence Bob away at 0s
            > Ann says two quietly
            > Ann says three quietly
            > stored
                to all: message 2 Ann: two
                to all: message 3 Ann: three
            > Bob resumes since e1/1
                Bob is back, whole, missed 2, is given the past after 1 to 3
                to all: presence Bob online at 0s
            > Ann says four quietly
            > stored
                to all: message 4 Ann: four
        ",
    );
}

#[test]
fn a_resumed_member_that_missed_no_message_gets_the_changes() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob breaks off
                to all: presence Bob away at 0s
            > Ann edits 1 to uno
            > stored
                to Ann: done
                to all: Ann edits 1: uno at 0s
            # The part of the past is empty; what was changed before it goes with it.
            > Bob resumes since e1/1
                Bob is back, whole, missed 0, is given the past after 1 to 1
                to all: presence Bob online at 0s
        ",
    );
}

#[test]
fn without_a_store_memory_replays_the_changes_of_messages_already_seen() {
    Stage::with(&Limits { history: 3, ..Limits::default() }).among(&["Ann", "Bob"]).check(
        "
            > 3 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
                to all: message 3 Ann: x
            > Bob breaks off
                to all: presence Bob away at 0s
            > Ann edits 1 to u
            > Ann edits 2 to v
            > Ann deletes 3
            > Ann says y quietly
            > stored
                to Ann: done
                to all: Ann edits 1: u at 0s
                to Ann: done
                to all: Ann edits 2: v at 0s
                to Ann: done
                to all: Ann edits 3: (deleted) at 0s
                to all: message 4 Ann: y
            # The first is no longer in memory.
            > Bob resumes since e1/3
                Bob is back, whole, missed 1
                to Bob: Ann edits 2: v at 0s
                to Bob: Ann edits 3: (deleted) at 0s
                to Bob: message 4 Ann: y
                to all: presence Bob online at 0s
            > Bob breaks off
                to all: presence Bob away at 0s
            > Bob resumes since e1/2
                Bob is back, whole, missed 2
                to Bob: Ann edits 2: v at 0s
                to Bob: message 3 Ann: (deleted), edited at 0s
                to Bob: message 4 Ann: y
                to all: presence Bob online at 0s
            > Bob breaks off
                to all: presence Bob away at 0s
            > Bob resumes since e1/4
                Bob is back, whole, missed 0
                to all: presence Bob online at 0s
            > Cy joins since e1/3
                Cy is in
                to Cy: joined e1/4 with Ann, Bob, Cy
                to Cy: Ann edits 2: v at 0s
                to Cy: Ann edits 3: (deleted) at 0s
                to Cy: message 4 Ann: y
                to Cy: entered Cy
                to all but Cy: Cy joins
        ",
    );
}

#[test]
fn more_changes_than_an_answer_holds_are_too_old() {
    Stage::with(&Limits { outbox_bytes: 600, ..Limits::default() }).among(&["Ann", "Bob"]).check(
        "
            > 2 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
            > Bob breaks off
                to all: presence Bob away at 0s
            > Ann edits 1 to u
            > stored
                to Ann: done
                to all: Ann edits 1: u at 0s
            > Bob resumes since e1/2
                Bob is back, whole, missed 0
                to Bob: Ann edits 1: u at 0s
                to all: presence Bob online at 0s
            > Bob breaks off
                to all: presence Bob away at 0s
            > Ann edits 2 to v
            > stored
                to Ann: done
                to all: Ann edits 2: v at 0s
            > Bob resumes since e1/2
                Bob is back, too_old, missed 0
                to all: presence Bob online at 0s
        ",
    );
}

#[test]
fn a_resume_without_a_number_replays_everything_since_the_join() {
    for (stage, shown) in [
        (Stage::kept(&Limits::default()), "missed 2, is given the past after 1 to 3"),
        (
            Stage::new(),
            "missed 2
                to Bob: message 2 Ann: two
                to Bob: message 3 Ann: three",
        ),
    ] {
        stage.among(&["Ann"]).check(&format!(
            "
                > Ann says one quietly
                > stored
                    to all: message 1 Ann: one
                > Bob joins history 5
                    Bob is in
                    to Bob: joined e1/1 with Ann, Bob
                    to Bob: message 1 Ann: one
                    to Bob: entered Bob
                    to all but Bob: Bob joins
                > Ann says two quietly
                > stored
                    to all: message 2 Ann: two
                > Bob breaks off
                    to all: presence Bob away at 0s
                > Ann says three quietly
                > stored
                    to all: message 3 Ann: three
                > Bob resumes
                    Bob is back, whole, {shown}
                    to all: presence Bob online at 0s
            "
        ));
    }
}

#[test]
fn a_position_in_another_history_or_beyond_the_newest_message_is_not_replayed() {
    for stage in [Stage::kept(&Limits::default()), Stage::new()] {
        stage.among(&["Ann", "Bob"]).check(
            "
                > Ann says one quietly
                > stored
                    to all: message 1 Ann: one
                > Bob breaks off
                    to all: presence Bob away at 0s
                > Bob resumes since e0/1
                    Bob is back, epoch_changed, missed 0
                    to all: presence Bob online at 0s
                > Bob breaks off
                    to all: presence Bob away at 0s
                > Bob resumes since e1/2
                    Bob is back, epoch_changed, missed 0
                    to all: presence Bob online at 0s
                > Bob breaks off
                    to all: presence Bob away at 0s
                > Bob resumes after 2
                    Bob is back, epoch_changed, missed 0
                    to all: presence Bob online at 0s
            ",
        );
    }
}

#[test]
fn a_join_with_a_position_is_answered_by_the_reader_before_the_replay() {
    Stage::kept(&Limits::default()).among(&["Ann"]).check(
        "
            > 3 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
                to all: message 3 Ann: x
            > Bob joins since e1/1 history 2 marked 7
                Bob is in
                Bob is given the past after 1 to 3, or else the newest 2, with joined e1/3 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Cy joins since e1/3
                Cy is in
                Cy is given the past after 3 to 3, with joined e1/3 with Ann, Bob, Cy
                to Cy: entered Cy
                to all but Cy: Cy joins
            # Whether the store still has it is for the reader to see; that it never had it, the room sees.
            > Dan joins since e0/3 history 1 marked 8
                Dan is in
                to Dan [8]: joined e1/3 with Ann, Bob, Cy, Dan, epoch_changed
                to Dan: message 3 Ann: x
                to Dan: entered Dan
                to all but Dan: Dan joins
            > Eve joins quietly since e1/2
                Eve is in
                Eve is given the past after 2 to 3
        ",
    );
}

#[test]
fn a_member_evicted_while_detached_does_not_resume() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
            > Bob breaks off
                to all: presence Bob away at 0s
            > @Root kicks Bob admin
            > stored
                policy: public
                to all: Root: kicked Bob
                Bob is put out
                to all: Bob leaves
                to @Root: Root: kicked Bob
            > Bob resumes
            > Bob breaks off
            > Bob is gone
        ",
    );
}

#[test]
fn a_member_detached_when_the_room_ends_does_not_resume_in_the_next() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
            > Bob breaks off
                to all: presence Bob away at 0s
            > @Root ends admin
            > stored
                no policy
                to all: Root: ended
                Ann is put out
                Bob is put out
                to @Root: Root: ended
            > Bob resumes since e1/0
        ",
    );
}

#[test]
fn a_detached_member_that_does_not_resume_in_time_leaves() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Bob breaks off
                to all: presence Bob away at 0s
            > Ann asks who
                to Ann: members: Ann online at 0s, Bob away at 0s, operator Ann
            # It broke off already.
            > Bob breaks off
            > +30s
            > Bob is gone
                Bob is out
                to all: Bob leaves
                to all: presence Bob offline at 30s
            > Bob resumes after 0
        ",
    );
}

#[test]
fn a_resume_of_a_member_that_is_attached_is_answered_and_not_announced() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob resumes after 1
                Bob is back, whole, missed 0
        ",
    );
}

#[test]
fn a_resumed_user_whose_status_was_away_is_still_away() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Bob is away: lunch
                to all: presence Bob away (lunch) at 0s
            > Bob breaks off
            > Bob resumes after 0
                Bob is back, whole, missed 0
            > Bob is back
                to all: presence Bob online at 0s
        ",
    );
}

#[test]
fn how_a_session_is_resumed_is_asked_in_a_room() {
    Stage::new().among(&["Ann"]).check(
        "
            > Ann asks for the session marked 1
                to Ann [1]: session t1 at 0
            > 2 times: Ann says x quietly
            > stored
                to all: message 1 Ann: x
                to all: message 2 Ann: x
            > Ann asks for the session
                to Ann: session t1 at 2
        ",
    );
}

#[test]
fn a_user_is_away_when_the_last_of_its_connections_is_lost() {
    Stage::new().among(&["Ann", "Bob", "Bob/2"]).check(
        "
            > Bob breaks off
            > Bob/2 breaks off
                to all: presence Bob away at 0s
            > Bob resumes after 0
                Bob is back, whole, missed 0
                to all: presence Bob online at 0s
            > Bob/2 resumes after 0
                Bob/2 is back, whole, missed 0
        ",
    );
}

#[test]
fn a_user_is_online_again_when_another_connection_joins_and_away_again_when_that_leaves() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Bob breaks off
                to all: presence Bob away at 0s
            > Bob/2 joins
                Bob/2 is in
                to Bob/2: joined e1/0 with Ann, Bob
                to Bob/2: entered Bob
                to all: presence Bob online at 0s
            > Bob/2 leaves
                to Bob/2: left
                Bob/2 is out
                to all: presence Bob away at 0s
            > Bob/3 joins quietly
                Bob/3 is in
                to all: presence Bob online at 0s
            > Bob is gone
                Bob is out
                to all: Bob leaves
        ",
    );
}

#[test]
fn a_quiet_subscriber_that_is_detached_is_not_announced() {
    Stage::new().among(&["Ann"]).check(
        "
            > Bob joins quietly
                Bob is in
            > Bob breaks off
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > Bob resumes after 0
                Bob is back, whole, missed 1
                to Bob: message 1 Ann: one
        ",
    );
}

#[test]
fn in_a_private_conversation_the_other_user_is_told_of_a_lost_connection() {
    Stage::kept(&Limits::default()).between("Ann", "Bob").check(
        "
            > Ann joins
                Ann is in
            > Bob joins
                Bob is in
            > Bob breaks off
                to all: presence Bob away at 0s
            > Ann says psst quietly
            > stored
                to all: message 1 Ann to Bob: psst
            > Bob resumes
                Bob is back, whole, missed 1, is given the past after 0 to 1
                to all: presence Bob online at 0s
        ",
    );
}
