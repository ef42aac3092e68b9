//! Moderation of a room: who may join and speak, who may change that, and who is evicted.

use crate::stage::Stage;

/// A private room of Ann's, with Bob on its list, and Ann and Bob in it.
const PRIVATE: &str = "
    > @Ann creates private Bob registered
        policy: private, Ann owner, Bob member
        to @Ann: created den, pinned
    > Ann joins registered
        Ann is in
        to Ann: joined e1/0 with Ann
        to Ann: entered Ann
        to all but Ann: Ann joins
    > Bob joins registered
        Bob is in
        to Bob: joined e1/0 with Ann, Bob
        to Bob: entered Bob
        to all but Bob: Bob joins
";

#[test]
fn only_those_on_the_list_enter_a_private_room() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > Cy joins registered
                Cy stays out, forbidden: This room is private: only those who are invited may enter
            # A guest who has the name of somebody on the list is somebody else.
            > Bob/2 joins
                Bob/2 stays out, forbidden: This room is private: only those who are invited may enter
            > @Ann invites Cy registered
            > stored
                policy: private, Ann owner, Bob member, Cy member
                to all: Ann: invited Cy
                to @Ann: Ann: invited Cy
            > @Ann invites Cy registered
                to @Ann: done
            > Cy joins registered
                Cy is in
                to Cy: joined e1/0 with Ann, Bob, Cy
                to Cy: entered Cy
                to all but Cy: Cy joins
            > Root joins admin
                Root is in
                to Root: joined e1/0 with Ann, Bob, Cy, Root
                to Root: entered Root
                to all but Root: Root joins
        "
    ));
}

#[test]
fn for_an_outsider_a_private_room_does_not_exist() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > @Cy wants 5 newest
                to @Cy: not_found: There is no room den
            > @Cy asks who registered
                to @Cy: not_found: There is no room den
            > @Cy asks what was decided registered
                to @Cy: not_found: There is no room den
            > @Cy invites Cy registered
                to @Cy: not_found: There is no room den
            > @Cy ends registered
                to @Cy: not_found: There is no room den
            # What would make a room of this name learns that the name is taken.
            > @Cy creates private registered
                to @Cy: name_taken: There is a room den
            > @Cy says hi
                to @Cy: forbidden: This room is private: only those who are invited may enter
        "
    ));
}

#[test]
fn a_room_that_does_not_exist_cannot_be_moderated() {
    Stage::new().check(
        "
            > @Ann kicks Bob admin
                to @Ann: not_found: There is no room den
            > @Ann ends admin
                to @Ann: not_found: There is no room den
        ",
    );
}

#[test]
fn a_removed_user_is_told_and_evicted_on_every_device_and_cannot_rejoin() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > Bob/2 joins registered
                Bob/2 is in
                to Bob/2: joined e1/0 with Ann, Bob
                to Bob/2: entered Bob
            > @Ann removes Bob registered because moving
            > stored
                policy: private, Ann owner
                to all: Ann: removed Bob (moving)
                Bob is put out
                Bob/2 is put out
                to all: Bob leaves
                to @Ann: Ann: removed Bob (moving)
            > Bob joins registered
                Bob stays out, forbidden: This room is private: only those who are invited may enter
        "
    ));
}

#[test]
fn a_kicked_user_may_rejoin() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > Bob types
                in passing, not to Bob: Bob is typing
            > @Ann kicks Bob registered
            > stored
                policy: private, Ann owner, Bob member
                to all: Ann: kicked Bob
                Bob is put out
                to all: Bob leaves
                to @Ann: Ann: kicked Bob
            > @Ann kicks Bob registered
                to @Ann: not_found: Bob is not in den
            > Bob joins registered
                Bob is in
                to Bob: joined e1/0 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
        "
    ));
}

#[test]
fn a_ban_lasts_as_long_as_it_was_given() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > @Ann bans Bob for 10m registered
            > stored
                policy: private, Ann owner, Bob banned until 600s
                to all: Ann: banned Bob until 600s
                Bob is put out
                to all: Bob leaves
                to @Ann: Ann: banned Bob until 600s
            > Bob joins registered
                Bob stays out, forbidden: You are banned from this room until 1970-01-01T00:10:00.000Z, again in 600s
            > @Ann invites Bob registered
                to @Ann: forbidden: Bob is banned from this room
            > +10m
            > @Ann unbans Bob registered
                to @Ann: not_found: Bob is not banned
            > @Ann invites Bob registered
            > stored
                policy: private, Ann owner, Bob member, Bob banned until 600s
                to all: Ann: invited Bob
                to @Ann: Ann: invited Bob
            > Bob joins registered
                Bob is in
                to Bob: joined e1/0 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
        "
    ));
}

#[test]
fn a_ban_keeps_a_guest_out_of_a_public_room_until_it_is_lifted() {
    Stage::new().among(&["Ann", "Gus"]).check(
        "
            > @Ann bans Gus
                to @Ann: forbidden: This room belongs to nobody: only its operators may do that, or an admin
            > @Root bans Gus admin
            > stored
                policy: public, Gus banned
                to all: Root: banned Gus
                Gus is put out
                to all: Gus leaves
                to @Root: Root: banned Gus
            > Gus joins
                Gus stays out, forbidden: You are banned from this room
            > @Gus says hi
                to @Gus: forbidden: You are banned from this room
            > @Root unbans Gus admin
            > stored
                policy: public
                to all: Root: unbanned Gus
                to @Root: Root: unbanned Gus
            > Gus joins
                Gus is in
                to Gus: joined e1/0 with Ann, Gus
                to Gus: entered Gus
                to all but Gus: Gus joins
        ",
    );
}

#[test]
fn a_muted_user_cannot_publish_until_the_mute_ends() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > Bob says before
            > stored
                to Bob: sent 1 at 0s
                to all: message 1 Bob: before
            > @Ann mutes Bob for 1m registered because loud
            > stored
                policy: private, Ann owner, Bob member, Bob muted until 60s
                to all: Ann: muted Bob until 60s (loud)
                to @Ann: Ann: muted Bob until 60s (loud)
            > +20s
            > Bob says hi marked 1
                to Bob [1]: muted: You are muted in this room until 1970-01-01T00:01:00.000Z, again in 40s
            > Bob types
                to Bob: muted: You are muted in this room until 1970-01-01T00:01:00.000Z, again in 40s
            > Bob edits 1 to after
                to Bob: muted: You are muted in this room until 1970-01-01T00:01:00.000Z, again in 40s
            # What was said can be taken back.
            > Bob deletes 1
            > stored
                to Bob: done
                to all: Bob edits 1: (deleted) at 20s
            > +40s
            > Bob says hi
            > stored
                to Bob: sent 2 at 60s
                to all: message 2 Bob: hi
            > @Ann unmutes Bob registered
                to @Ann: not_found: Bob is not muted
        "
    ));
}

#[test]
fn in_slow_mode_each_user_waits_and_moderators_do_not() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > @Ann slows to 30 registered
            > stored
                policy: private, Ann owner, Bob member, slow 30s
                to all: Ann: settings slow 30s
                to @Ann: Ann: settings slow 30s
            > Bob says one
            > Bob says two marked 2
                to Bob [2]: rate_limited in den: This room takes one message of each user in 30 s, again in 30s
            # What is not stored does not count.
            > store fails
                to Bob: unavailable: It could not be stored; try again
            > Bob says one
            > stored
                to Bob: sent 1 at 0s
                to all: message 1 Bob: one
            > Ann says a
            > Ann says b
            > stored
                to Ann: sent 2 at 0s
                to all: message 2 Ann: a
                to Ann: sent 3 at 0s
                to all: message 3 Ann: b
            > +29s
            > Bob says two
                to Bob: rate_limited in den: This room takes one message of each user in 30 s, again in 1s, not sent: two
            > +1s
            > Bob says two
            > stored
                to Bob: sent 4 at 30s
                to all: message 4 Bob: two
        "
    ));
}

#[test]
fn nobody_moderates_a_user_of_the_same_privilege() {
    Stage::new().check(
        "
            > @Ann creates public Bob Cy Dan registered
                policy: public, Ann owner, Bob member, Cy member, Dan member
                to @Ann: created den, pinned
            > @Bob mutes Gus registered
                to @Bob: forbidden: Only the moderators of this room may do that
            > @Gus mutes Bob
                to @Gus: forbidden: Only the moderators of this room may do that
            > @Ann makes Bob moderator registered
            > @Ann makes Cy moderator registered
            > stored
                policy: public, Ann owner, Bob moderator, Cy member, Dan member
                to all: Ann: role Bob moderator
                to @Ann: Ann: role Bob moderator
                policy: public, Ann owner, Bob moderator, Cy moderator, Dan member
                to all: Ann: role Cy moderator
                to @Ann: Ann: role Cy moderator
            > @Bob removes Cy registered
                to @Bob: forbidden: Cy is a moderator of this room
            > @Bob bans Ann registered
                to @Bob: forbidden: Ann owns this room: the role of owner has to be given to somebody else first
            > @Bob mutes Ann registered
                to @Bob: forbidden: Ann is the owner of this room
            > @Bob makes Dan moderator registered
                to @Bob: forbidden: Only the owner of this room may do that
            > @Bob ends registered
                to @Bob: forbidden: Only the owner of this room may do that
            > @Bob mutes Dan registered
            > stored
                policy: public, Ann owner, Bob moderator, Cy moderator, Dan member, Dan muted
                to all: Bob: muted Dan
                to @Bob: Bob: muted Dan
            # One who was muted from above does not lift it.
            > @Ann mutes Bob registered
            > stored
                policy: public, Ann owner, Bob moderator, Cy moderator, Dan member, Bob muted, Dan muted
                to all: Ann: muted Bob
                to @Ann: Ann: muted Bob
            > @Bob unmutes Bob registered
                to @Bob: forbidden: Bob is a moderator of this room
        ",
    );
}

#[test]
fn an_owner_hands_the_room_over_and_only_then_resigns() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > @Ann removes Ann registered
                to @Ann: forbidden: Ann owns this room: the role of owner has to be given to somebody else first
            > @Ann makes Ann member registered
                to @Ann: forbidden: Ann owns this room: the role of owner has to be given to somebody else first
            > @Root removes Ann admin
                to @Root: forbidden: Ann owns this room: the role of owner has to be given to somebody else first
            > @Ann makes Bob owner registered
            > stored
                policy: private, Ann moderator, Bob owner
                to all: Ann: role Bob owner
                to @Ann: Ann: role Bob owner
            > @Ann removes Ann registered
            > stored
                policy: private, Bob owner
                to all: Ann: removed Ann
                Ann is put out
                to all: Ann leaves
                to @Ann: Ann: removed Ann
        "
    ));
}

#[test]
fn a_moderator_deletes_messages_of_others_and_the_audit_log_has_it() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > Bob says rude
            > Ann says kind
            > stored
                to Bob: sent 1 at 0s
                to all: message 1 Bob: rude
                to Ann: sent 2 at 0s
                to all: message 2 Ann: kind
            > Bob deletes 2
            > stored
                to Bob: forbidden: The message 2 is somebody else's
            > Ann edits 1 to nice
            > stored
                to Ann: forbidden: The message 1 is somebody else's
            > Ann deletes 1
            > Ann deletes 2
            > stored
                to Ann: done
                to all: Ann edits 1: (deleted) at 0s
                to Ann: done
                to all: Ann edits 2: (deleted) at 0s
            > @Bob asks what was decided registered
                to @Bob: forbidden: Only the moderators of this room may do that
            > @Ann asks what was decided registered
                to @Ann: audit: 1 Ann: founded private Bob | 2 Ann: deleted 1 of Bob
        "
    ));
}

#[test]
fn a_room_that_ends_evicts_all_and_begins_anew() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > Bob says hi
            > stored
                to Bob: sent 1 at 0s
                to all: message 1 Bob: hi
            > @Bob ends registered
                to @Bob: forbidden: Only the owner of this room may do that
            > @Ann ends registered because done
            > stored
                no policy
                to all: Ann: ended (done)
                Ann is put out
                Bob is put out
                to @Ann: Ann: ended (done)
            > @Ann ends registered
                to @Ann: not_found: There is no room den
            > Cy joins history 5
                Cy is in
                to Cy: joined e0000000000000002/0 with Cy
                to Cy: entered Cy
                to all but Cy: Cy joins
            > Cy says first
            > stored
                to Cy: sent 1 at 0s
                to all: message 1 Cy: first
        "
    ));
}

#[test]
fn a_change_that_is_not_stored_has_not_happened() {
    Stage::new().check(&format!(
        "{PRIVATE}
            > @Ann removes Bob registered
            > store fails
                to @Ann: unavailable: It could not be stored; try again
            > Bob says hi
            > stored
                to Bob: sent 1 at 0s
                to all: message 1 Bob: hi
        "
    ));
}

#[test]
fn a_room_of_a_name_that_is_taken_is_not_created() {
    Stage::new().check(
        "
            > Gus joins
                Gus is in
                to Gus: joined e1/0 with Gus
                to Gus: entered Gus
                to all but Gus: Gus joins
            > @Ann creates public registered
                to @Ann: name_taken: There is a room den
            > Gus says mine
            > stored
                to Gus: sent 1 at 0s
                to all: message 1 Gus: mine
            > Gus leaves
                to Gus: left
                Gus is out
                to all: Gus leaves
            # What others have said is nobody's to own.
            > @Ann creates private registered
                to @Ann: name_taken: There is a room den
            # A guest's room belongs to nobody.
            > @Gus creates public
                policy: public
                to @Gus: created den, pinned
            > @Gus creates public
                to @Gus: name_taken: There is a room den
        ",
    );
}
