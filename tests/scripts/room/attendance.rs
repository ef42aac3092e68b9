//! Users who are in the room through other servers: shown as if they were here, and told of those who are.
//!
//! `server 2: Bob comes` is what another server tells; `others hear` shows what others are told of the users here.

use crate::stage::Stage;

#[test]
fn who_comes_and_goes_on_another_server_is_told_once_whatever_comes_twice() {
    Stage::shared().among(&["Ann"]).check(
        "
        > server 2: Bob comes
            to all here: Bob joins
        > server 2: Bob comes
        > server 3: Bob comes
        > server 2: Bob goes
        > @Eve asks who
            to @Eve: members: Ann online at 0s, Bob online at 0s, operator Ann
        > server 3: Bob goes
            to all here: Bob leaves
        > server 3: Bob goes
        > server 3: Cy comes
            to all here: Cy joins
        > server 3: Cy ends
            to all here: Cy leaves
            to all here: presence Cy offline at 0s
        ",
    );
}

#[test]
fn a_user_who_is_on_two_servers_joins_and_leaves_once() {
    Stage::shared().among(&["Ann"]).check(
        "
        > server 2: Bob comes
            to all here: Bob joins
        > Bob joins
            Bob is in
            to Bob: joined e1/0 with Ann, Bob
            to Bob: entered Bob
        > server 2: Bob goes
        > server 2: Bob comes
        > Bob leaves
            to Bob: left
            Bob is out
        > server 2: Bob goes
            to all here: Bob leaves
        ",
    );
}

#[test]
fn a_user_is_away_when_all_clients_are_lost_and_says_the_last_word_otherwise() {
    Stage::shared().among(&["Ann"]).check(
        "
        > server 2: Bob comes
            to all here: Bob joins
        > server 2: Bob is lost
            to all here: presence Bob away at 0s
        > server 3: Bob comes
            to all here: presence Bob online at 0s
        > +1s
        > server 2: Bob away lunch
            to all here: presence Bob away (lunch) at 1s
        > server 2: Bob goes
            to all here: presence Bob online at 1s
        > server 2: Dee away lunch
            to all here: Dee joins
            to all here: presence Dee away (lunch) at 1s
        ",
    );
}

#[test]
fn others_are_told_how_users_are_here_and_once() {
    Stage::shared().check(
        "
        > Ann joins
            Ann is in
            to Ann: joined e1/0 with Ann
            to Ann: entered Ann
            to all but Ann: Ann joins
        > others hear
            Ann: 1, Online
        > others hear
        > Ann is away: lunch
            to all: presence Ann away (lunch) at 0s
        > others hear
            Ann: 1, Away (lunch)
        > Ann breaks off
        > others hear
            Ann: 1, Away (lunch), lost
        > Ann leaves
            to Ann: left
            Ann is out
            to all: Ann leaves
        > others hear
            Ann: gone, Left(None)
        ",
    );
}

#[test]
fn a_subscriber_of_another_server_is_a_member_of_whom_nobody_is_told() {
    Stage::shared().among(&["Ann"]).check(
        "
        > server 2: Bob watches
        > @Eve asks who
            to @Eve: members: Ann online at 0s, Bob online at 0s, operator Ann
        > server 2: Bob comes
            to all here: Bob joins
        > elsewhere Root ends
        > the room catches up
            no policy
            to all: Root: ended
            Ann is put out
        > server 2: Bob goes
        ",
    );
}

#[test]
fn how_far_a_user_has_got_elsewhere_is_told_and_of_one_who_is_there_alone_not_stored_again() {
    Stage::shared().among(&["Ann", "Bob"]).check(
        "
        > Ann says one
        > stored
            to Ann: sent 1 at 0s
            to all: message 1 Ann: one
        > server 2: Cy reads 1
            to all here: Cy joins
        > server 2: Cy reads 9
        > +250ms
            kept: ; to Ann: Cy written 1 at 0s, Cy received 1 at 0s, Cy read 1 at 0s
        > server 2: Bob reads 1
        > others hear
            Ann: 1, Online
            Bob: 1, Online
        > +250ms
            kept: Bob written 1 at 250ms, Bob received 1 at 250ms, Bob read 1 at 250ms; to Ann: Bob written 1 at 250ms, Bob received 1 at 250ms, Bob read 1 at 250ms
            to Bob: Bob read 1 at 250ms
        > others hear
            Bob: 1, Online
        ",
    );
}

#[test]
fn a_typing_notice_goes_to_other_servers_if_somebody_is_there_and_ends_by_itself_if_it_is_not_renewed() {
    Stage::shared().among(&["Ann"]).check(
        "
        > Ann types
            in passing, not to Ann: Ann is typing
        > server 2: Bob comes
            to all here: Bob joins
        > Ann types
            others hear: Ann types: true
        > Ann stops typing
            others hear: Ann types: false
            in passing, not to Ann: Ann is not typing
        > on a server Bob types
            in passing, not to Bob: Bob is typing
        > +3s
        > on a server Bob types
        > +5s
        > on a server Bob stops
            in passing, not to Bob: Bob is not typing
        > on a server Bob types
            in passing, not to Bob: Bob is typing
        > elsewhere Bob says one
        > the room catches up
            to all: message 1 Bob: one
        > on a server Zoe types
        ",
    );
}
