//! Who opens a room moderates it, as long as they are there.

use crate::stage::Stage;

/// Ann, a guest, has opened the room, and Bob is in it.
const OPENED: &str = "
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
";

#[test]
fn who_opens_a_room_moderates_it_until_it_is_empty() {
    Stage::new().check(&format!(
        "{OPENED}
            > Bob asks who
                to Bob: members: Ann online at 0s, Bob online at 0s, operator Ann
            > Bob kicks Ann
                to Bob: forbidden: This room belongs to nobody: only its operators may do that, or an admin
            > Ann announces
                policy: public, announcement
                to all: Ann: settings announcement true
                to Ann: Ann: settings announcement true
            > Bob says hi
                to Bob: forbidden: Only moderators and users with a voice speak in this room
            > Ann says hi
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: hi
            > Bob says ho
                to Bob: forbidden: Only moderators and users with a voice speak in this room
            > Ann ends
                to Ann: forbidden: This room belongs to nobody: only an admin may do that
            # Anybody may say that they are Ann; another connection is not the one that opened the room.
            > Ann/2 joins
                Ann/2 is in
                to Ann/2: joined e1/1 with Ann, Bob
                to Ann/2: entered Ann
            > Ann/2 converses
                to Ann/2: forbidden: This room belongs to nobody: only its operators may do that, or an admin
            > Ann/2 says hi
                to Ann/2: forbidden: Only moderators and users with a voice speak in this room
            > @Ann converses
                to @Ann: forbidden: This room belongs to nobody: only its operators may do that, or an admin
            > @Ann says hi
                to @Ann: forbidden: Only moderators and users with a voice speak in this room
            > Ann/2 leaves
                to Ann/2: left
                Ann/2 is out
            > Ann leaves
                to Ann: left
                Ann is out
                to all: Ann leaves
            > Bob asks who
                to Bob: members: Bob online at 0s
            > Bob leaves
                no policy
                to Bob: left
                Bob is out
                to all: Bob leaves
            # What was said is others' now: who comes back does not open the room.
            > Ann joins
                Ann is in
                to Ann: joined e1/1 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Ann announces
                to Ann: forbidden: This room belongs to nobody: only its operators may do that, or an admin
        "
    ));
}

#[test]
fn an_operator_makes_others_operators_who_are_there() {
    Stage::new().check(&format!(
        "{OPENED}
            > Ann appoints Cy moderator
                to Ann: not_found: Cy is not in den
            > Ann appoints Bob moderator
                to all: Ann: role Bob moderator
                to Ann: Ann: role Bob moderator
            > Ann makes Bob moderator
                to Ann: done
            > Bob asks who
                to Bob: members: Ann online at 0s, Bob online at 0s, operator Ann, operator Bob
            > Bob kicks Ann
                policy: public
                to all: Bob: kicked Ann
                Ann is put out
                to all: Ann leaves
                to Bob: Bob: kicked Ann
            # A connection that comes back is another member.
            > Ann joins
                Ann is in
                to Ann: joined e1/0 with Ann, Bob
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Bob makes Bob member
                to all: Bob: role Bob member
                to Bob: Bob: role Bob member
            > Bob kicks Ann
                to Bob: forbidden: This room belongs to nobody: only its operators may do that, or an admin
        "
    ));
}

#[test]
fn what_an_admin_decides_outlives_what_operators_decide() {
    Stage::new().check(&format!(
        "{OPENED}
            > Ann mutes Bob
                policy: public, Bob muted
                to all: Ann: muted Bob
                to Ann: Ann: muted Bob
            > @Root mutes Gus admin
            > stored
                policy: public, Bob muted, Gus muted
                to all: Root: muted Gus
                to @Root: Root: muted Gus
            > Bob leaves
                to Bob: left
                Bob is out
                to all: Bob leaves
            > Ann leaves
                policy: public, Gus muted
                to Ann: left
                Ann is out
                to all: Ann leaves
        "
    ));
}

#[test]
fn a_limit_of_users_binds_who_comes_and_neither_who_is_there_nor_who_moderates() {
    Stage::new().check(&format!(
        "{OPENED}
            > Ann limits to 1
                policy: public, at most 1
                to all: Ann: settings at most 1
                to Ann: Ann: settings at most 1
            > Cy joins
                Cy stays out, room_full: This room is limited to 1 users
            # Who is there may come with another device.
            > Bob/2 joins
                Bob/2 is in
                to Bob/2: joined e1/0 with Ann, Bob
                to Bob/2: entered Bob
            > Ann limits to 0
                policy: public
                to all: Ann: settings at most 0
                to Ann: Ann: settings at most 0
            > Cy joins
                Cy is in
                to Cy: joined e1/0 with Ann, Bob, Cy
                to Cy: entered Cy
                to all but Cy: Cy joins
        "
    ));
}

#[test]
fn what_everybody_may_do_because_an_operator_says_so_ends_with_it() {
    Stage::new().check(&format!(
        "{OPENED}
            > Bob describes tea
                to Bob: forbidden: This room belongs to nobody: only its operators may do that, or an admin
            > Ann opens the subject
                policy: public, open subject
                to all: Ann: settings open subject true
                to Ann: Ann: settings open subject true
            > Bob describes tea
                policy: public, open subject
                to all: Bob: described Description {{ subject: Some(\"tea\"), description: None }}
                to Bob: Bob: described Description {{ subject: Some(\"tea\"), description: None }}
        "
    ));
}
