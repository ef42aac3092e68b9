//! What another server does in the room, and the drafts that were decided without knowing it.
//!
//! `elsewhere …` is stored by another server; the room is told of it before what it has stored itself, or when it
//! catches up. Drafts behind a change of the policy that the room was not told of are stale.

use crate::stage::Stage;
use roomd::chat::Limits;

#[test]
fn what_another_server_did_is_shown_before_what_was_numbered_behind_it() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
        > elsewhere Cy says hello
        > Ann says hi
        > stored
            to all: message 1 Cy: hello
            to Ann: sent 2 at 0s
            to all: message 2 Ann: hi
        > Ann edits 1 to hey
        > Bob edits 2 to no
        > stored
            to Ann: forbidden: The message 1 is somebody else's
            to Bob: forbidden: The message 2 is somebody else's
        > elsewhere Cy edits 1 to hallo
        > elsewhere Cy deletes 1
        > the room catches up
            to all: Cy edits 1: hallo at 0s
            to all: Cy edits 1: (deleted) at 0s
        > the room catches up
        ",
    );
}

#[test]
fn a_message_from_elsewhere_ends_its_authors_typing_notice() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
        > Bob types
            in passing, not to Bob: Bob is typing
        > elsewhere Bob says hello
        > the room catches up
            to all: message 1 Bob: hello
        > +10s
        ",
    );
}

#[test]
fn a_stale_draft_is_decided_by_the_policy_that_is_in_force() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob", "Cy"]).check(
        "
        > elsewhere Root mutes Bob
        > Ann says one marked 1
        > Bob says two marked 2
        > Bob deletes 1 marked 3
        > stored
            policy: public, Bob muted
            to all: Root: muted Bob
            to Bob [2]: muted: You are muted in this room
        > stored
            to Ann [1]: sent 1 at 0s
            to all: message 1 Ann: one
            to Bob [3]: forbidden: The message 1 is somebody else's
        ",
    );
}

#[test]
fn what_a_member_said_before_it_was_evicted_elsewhere_is_refused() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
        > elsewhere Root kicks Bob
        > Bob says one marked 1
        > Ann says two
        > stored
            policy: public
            to all: Root: kicked Bob
            Bob is put out
            to all: Bob leaves
            to Bob [1]: not_member: Not a member of den
        > stored
            to Ann: sent 1 at 0s
            to all: message 1 Ann: two
        ",
    );
}

#[test]
fn of_two_moderators_the_second_is_judged_by_what_the_first_has_decided() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
        > elsewhere Root bans Bob
        > @Root unbans Bob admin
            to @Root: not_found: Bob is not banned
        > the room catches up
            policy: public, Bob banned
            to all: Root: banned Bob
            Bob is put out
            to all: Bob leaves
        > @Root unbans Bob admin
        > elsewhere Boss mutes Bob
        > stored
            policy: public, Bob banned, Bob muted
            to all: Boss: muted Bob
        > stored
            policy: public, Bob muted
            to all: Root: unbanned Bob
            to @Root: Root: unbanned Bob
        > elsewhere Boss slows to 10
        > @Root slows to 10 admin
        > stored
            policy: public, Bob muted, slow 10s
            to all: Boss: settings slow 10s
            to @Root: done
        ",
    );
}

#[test]
fn a_room_that_is_created_elsewhere_as_private_has_no_strangers() {
    Stage::kept(&Limits::default()).check(
        "
        > Ann joins registered
            Ann is in
            to Ann: joined e1/0 with Ann
            to Ann: entered Ann
            to all but Ann: Ann joins
        > Bob joins
            Bob is in
            to Bob: joined e1/0 with Ann, Bob
            to Bob: entered Bob
            to all but Bob: Bob joins
        > elsewhere Ann creates private Cy
        > the room catches up
            policy: private, Ann owner, Cy member
            Bob is put out
            to all: Bob leaves
        > @Dan creates public registered
            to @Dan: name_taken: There is a room den
        ",
    );
}

#[test]
fn of_two_who_create_a_room_at_once_one_does() {
    Stage::kept(&Limits::default()).check(
        "
        > elsewhere Ann creates private Cy
        > @Dan creates public registered
        > stored
            policy: private, Ann owner, Cy member
            to @Dan: name_taken: There is a room den
        ",
    );
}

#[test]
fn slow_mode_counts_what_was_said_elsewhere() {
    Stage::kept(&Limits::default()).among(&["Ann", "Bob"]).check(
        "
        > elsewhere Root slows to 10
        > the room catches up
            policy: public, slow 10s
            to all: Root: settings slow 10s
        > elsewhere Bob says one
        > the room catches up
            to all: message 1 Bob: one
        > Bob says two
            to Bob: rate_limited in den: This room takes one message of each user in 10 s, again in 10s, not sent: two
        > +10s
        > Bob says two
        > elsewhere Root mutes Gus
        > stored
            policy: public, Gus muted, slow 10s
            to all: Root: muted Gus
        > stored
            to Bob: sent 2 at 10s
            to all: message 2 Bob: two
        ",
    );
}

#[test]
fn a_room_that_ended_elsewhere_begins_again() {
    Stage::kept(&Limits::default()).among(&["Ann"]).check(
        "
        > elsewhere Cy says hello
        > elsewhere Root ends
        > the room catches up
            to all: message 1 Cy: hello
            no policy
            to all: Root: ended
            Ann is put out
        > Bob joins
            Bob is in
            to Bob: joined e0000000000000002/0 with Bob
            to Bob: entered Bob
            to all but Bob: Bob joins
        ",
    );
}
