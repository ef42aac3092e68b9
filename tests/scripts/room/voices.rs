//! Who has a voice speaks where else only moderators do, and may no more than that.

use crate::stage::Stage;

#[test]
fn in_an_announcement_room_moderators_speak_and_who_has_a_voice() {
    Stage::new().check(
        "
            > @Ann creates private Bob registered
                policy: private, Ann owner, Bob member
                to @Ann: created den, pinned
            > Bob joins registered
                Bob is in
                to Bob: joined e1/0 with Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > @Ann announces registered
            > stored
                policy: private, Ann owner, Bob member, announcement
                to all: Ann: settings announcement true
                to @Ann: Ann: settings announcement true
            > @Ann announces registered
                to @Ann: done
            > Bob says hi
                to Bob: forbidden: Only moderators and users with a voice speak in this room
            > @Ann makes Bob voice registered
            > stored
                policy: private, Ann owner, Bob voice, announcement
                to all: Ann: role Bob voice
                to @Ann: Ann: role Bob voice
            > Bob says hi
            > stored
                to Bob: sent 1 at 0s
                to all: message 1 Bob: hi
            > @Ann mutes Bob registered
            > stored
                policy: private, Ann owner, Bob voice, Bob muted, announcement
                to all: Ann: muted Bob
                to @Ann: Ann: muted Bob
            > Bob says ho
                to Bob: muted: You are muted in this room
            > @Ann unmutes Bob registered
            > stored
                policy: private, Ann owner, Bob voice, announcement
                to all: Ann: unmuted Bob
                to @Ann: Ann: unmuted Bob
            > @Ann makes Bob moderator registered
            > stored
                policy: private, Ann owner, Bob moderator, announcement
                to all: Ann: role Bob moderator
                to @Ann: Ann: role Bob moderator
            > Bob says ho
            > stored
                to Bob: sent 2 at 0s
                to all: message 2 Bob: ho
        ",
    );
}

#[test]
fn moderators_give_a_voice_and_take_it_and_no_other_role() {
    Stage::new().check(
        "
            > @Ann creates public Bob Cy registered
                policy: public, Ann owner, Bob member, Cy member
                to @Ann: created den, pinned
            > @Ann makes Bob moderator registered
            > stored
                policy: public, Ann owner, Bob moderator, Cy member
                to all: Ann: role Bob moderator
                to @Ann: Ann: role Bob moderator
            > @Cy makes Cy voice registered
                to @Cy: forbidden: Only the moderators of this room may do that
            > @Bob makes Cy voice registered
            > stored
                policy: public, Ann owner, Bob moderator, Cy voice
                to all: Bob: role Cy voice
                to @Bob: Bob: role Cy voice
            > @Bob makes Cy member registered
            > stored
                policy: public, Ann owner, Bob moderator, Cy member
                to all: Bob: role Cy member
                to @Bob: Bob: role Cy member
            > @Bob makes Bob voice registered
                to @Bob: forbidden: Only the owner of this room may do that
            > @Bob makes Cy moderator registered
                to @Bob: forbidden: Only the owner of this room may do that
            > @Bob makes Ann voice registered
                to @Bob: forbidden: Only the owner of this room may do that
            > @Ann makes Ann voice registered
                to @Ann: forbidden: Ann owns this room: the role of owner has to be given to somebody else first
        ",
    );
}

#[test]
fn who_has_a_voice_speaks_where_only_operators_do_until_it_is_taken() {
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
            > Ann announces
                policy: public, announcement
                to all: Ann: settings announcement true
                to Ann: Ann: settings announcement true
            > Bob appoints Bob voice
                to Bob: forbidden: This room belongs to nobody: only its operators may do that, or an admin
            > Ann appoints Bob voice
                to all: Ann: role Bob voice
                to Ann: Ann: role Bob voice
            > Ann appoints Bob voice
                to Ann: done
            > Bob asks who
                to Bob: members: Ann online at 0s, Bob online at 0s, operator Ann, voice Bob
            > Bob says hi
            > stored
                to Bob: sent 1 at 0s
                to all: message 1 Bob: hi
            # It is no more than that.
            > Bob kicks Ann
                to Bob: forbidden: This room belongs to nobody: only its operators may do that, or an admin
            > Ann appoints Bob member
                to all: Ann: role Bob member
                to Ann: Ann: role Bob member
            > Bob says ho
                to Bob: forbidden: Only moderators and users with a voice speak in this room
            > Ann appoints Bob voice
                to all: Ann: role Bob voice
                to Ann: Ann: role Bob voice
            # It is the connection that has it.
            > Bob leaves
                to Bob: left
                Bob is out
                to all: Bob leaves
            > Bob joins
                Bob is in
                to Bob: joined e1/1 with Ann, Bob
                to Bob: entered Bob
                to all but Bob: Bob joins
            > Bob says ho
                to Bob: forbidden: Only moderators and users with a voice speak in this room
        ",
    );
}
