//! Groups: of their members each message goes to one, until it is done.

use roomd::chat::Limits;

use crate::stage::Stage;

#[test]
fn each_message_goes_to_one_member_of_the_group_in_turn_and_to_everybody_else() {
    Stage::new().among(&["Ann", "Bob sharing agents", "Cem sharing agents"]).check(
        "
            > Ann says one quietly
            > Ann says two quietly
            > Ann says three quietly
            > stored
                to all: message 1 Ann: one
                to Bob: agents: 1 Ann: one
                to all: message 2 Ann: two
                to Cem: agents: 2 Ann: two
                to all: message 3 Ann: three
            > Cem finishes 2 marked 1
                to Cem [1]: done
                to Cem: agents: 3 Ann: three
            # It is nobody's but Bob's to finish, and once.
            > Cem finishes 1 marked 2
                to Cem [2]: not_found: The message 1 is not yours, or no longer
            > Cem finishes 2 marked 3
                to Cem [3]: not_found: The message 2 is not yours, or no longer
            > Ann finishes 1 marked 4
                to Ann [4]: not_found: The message 1 is not yours, or no longer
        ",
    );
}

#[test]
fn a_newcomer_is_given_what_waits_as_far_as_it_has_room() {
    Stage::new().among(&["Ann", "Bob sharing agents"]).check(
        "
            > Ann says one quietly
            > Ann says two quietly
            > Ann says three quietly
            > Ann says four quietly
            > stored
                to all: message 1 Ann: one
                to Bob: agents: 1 Ann: one
                to all: message 2 Ann: two
                to all: message 3 Ann: three
                to all: message 4 Ann: four
            > Cem joins sharing agents taking 2
                Cem is in
                to Cem: joined e1/4 with Ann, Bob, Cem
                to Cem: entered Cem
                to all but Cem: Cem joins
                to Cem: agents: 2 Ann: two
                to Cem: agents: 3 Ann: three
            # Another group has its own part, from now on.
            > Dan joins sharing watchers
                Dan is in
                to Dan: joined e1/4 with Ann, Bob, Cem, Dan
                to Dan: entered Dan
                to all but Dan: Dan joins
        ",
    );
}

#[test]
fn what_a_member_has_that_is_gone_or_detached_is_the_next_one_s() {
    Stage::new().among(&["Ann", "Bob sharing agents taking 2", "Cem sharing agents", "Dan sharing agents"]).check(
        "
            > Ann says one quietly
            > Ann says two quietly
            > Ann says three quietly
            > Ann says four quietly
            > stored
                to all: message 1 Ann: one
                to Bob: agents: 1 Ann: one
                to all: message 2 Ann: two
                to Cem: agents: 2 Ann: two
                to all: message 3 Ann: three
                to Dan: agents: 3 Ann: three
                to all: message 4 Ann: four
                to Bob: agents: 4 Ann: four
            > Bob breaks off
                to all: presence Bob away at 0s
            > Cem finishes 2
                to Cem: done
                to Cem: agents again: 1 Ann: one
            > Cem leaves
                to Cem: left
                Cem is out
                to all: Cem leaves
            > Dan finishes 3
                to Dan: done
                to Dan: agents again: 1 Ann: one
            # What it had is others' now, and what was said meanwhile it is not told.
            > Bob resumes after 0
                Bob is back, whole, missed 0
                to all: presence Bob online at 0s
                to Bob: agents again: 4 Ann: four
            > Bob finishes 1
                to Bob: not_found: The message 1 is not yours, or no longer
        ",
    );
}

#[test]
fn what_takes_too_long_is_another_member_s() {
    Stage::new().among(&["Ann", "Bob sharing agents seconds 10", "Cem sharing agents seconds 20"]).check(
        "
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
                to Bob: agents: 1 Ann: one
            > +9s
            > +1s
                to Cem: agents again: 1 Ann: one
            > Bob finishes 1
                to Bob: not_found: The message 1 is not yours, or no longer
            > +19s
            > Cem finishes 1
                to Cem: done
            > +1h
        ",
    );
}

#[test]
fn a_message_that_was_changed_is_given_as_it_is_now_and_a_deleted_one_to_nobody() {
    Stage::new().among(&["Ann", "Bob sharing agents"]).check(
        "
            > Ann says one quietly
            > Ann says two quietly
            > Ann says three quietly
            > stored
                to all: message 1 Ann: one
                to Bob: agents: 1 Ann: one
                to all: message 2 Ann: two
                to all: message 3 Ann: three
            > Ann edits 3 to THREE
            > Ann deletes 2
            > Ann deletes 1
            > stored
                to Ann: done
                to all: Ann edits 3: THREE at 0s
                to Ann: done
                to all: Ann edits 2: (deleted) at 0s
                to Ann: done
                to all: Ann edits 1: (deleted) at 0s
            > Bob breaks off
                to all: presence Bob away at 0s
            > Bob resumes after 3
                Bob is back, whole, missed 0
                to Bob: Ann edits 1: (deleted) at 0s
                to Bob: Ann edits 2: (deleted) at 0s
                to Bob: Ann edits 3: THREE at 0s
                to all: presence Bob online at 0s
                to Bob: agents: 3 Ann: THREE, edited at 0s
        ",
    );
}

#[test]
fn a_group_without_members_is_kept_for_an_hour() {
    let script = "
            > Bob leaves
                to Bob: left
                Bob is out
                to all: Bob leaves
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
            > +59m
            > Cem joins sharing agents
                Cem is in
                to Cem: joined e1/1 with Ann, Cem
                to Cem: entered Cem
                to all but Cem: Cem joins
                to Cem: agents: 1 Ann: one
            > Cem is gone
                Cem is out
                to all: Cem leaves
                to all: presence Cem offline at 3540s
            > +1h
            > Dan joins sharing agents
                Dan is in
                to Dan: joined e1/1 with Ann, Dan
                to Dan: entered Dan
                to all but Dan: Dan joins
        ";
    Stage::new().among(&["Ann", "Bob sharing agents"]).check(script);
}

#[test]
fn an_ephemeral_message_is_for_all_members_of_a_group() {
    Stage::new().among(&["Ann", "Bob sharing agents"]).check(
        "
            > Ann says soon unstored quietly
                to all: message 0+1 Ann: soon
        ",
    );
}

#[test]
fn where_nobody_owns_the_room_the_oldest_message_leaves_a_full_group_and_the_next_one_says_so() {
    let limits = Limits { group_messages_max: 2, ..Limits::default() };
    Stage::with(&limits).among(&["Ann", "Bob sharing agents"]).check(
        "
            > Ann says one quietly
            > Ann says two quietly
            > Ann says three quietly
            > Ann says four quietly
            > Ann says five quietly
            > stored
                to all: message 1 Ann: one
                to Bob: agents: 1 Ann: one
                to all: message 2 Ann: two
                to all: message 3 Ann: three
                to all: message 4 Ann: four
                to all: message 5 Ann: five
            > Bob finishes 1
                to Bob: done
                to Bob: agents: 4 Ann: four, 2 missed
        ",
    );
}

#[test]
fn where_the_room_has_an_owner_a_full_group_refuses_the_message_and_strangers() {
    let limits = Limits { group_messages_max: 1, ..Limits::default() };
    Stage::with(&limits).check(
        "
            > @Ann creates public Bob registered
                policy: public, Ann owner, Bob member
                to @Ann: created den, pinned
            > Ann joins registered
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Eve joins sharing agents
                Eve stays out, forbidden: Only who is on the list of den is in a group there
            > Bob joins sharing agents
                Bob stays out, forbidden: Only who is on the list of den is in a group there
            > Bob joins sharing agents registered
                Bob is in
                to Bob: joined e1/0 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Ann says one quietly
            > stored
                to all: message 1 Ann: one
                to Bob: agents: 1 Ann: one
            > Ann says two quietly
            > Ann says three quietly
                to Ann: room_full: As much waits for the group agents as may
            > stored
                to all: message 2 Ann: two
            > Ann says three quietly
                to Ann: room_full: As much waits for the group agents as may
            > Bob finishes 1
                to Bob: done
                to Bob: agents: 2 Ann: two
            > Ann says three quietly
            > stored
                to all: message 3 Ann: three
        ",
    );
}
