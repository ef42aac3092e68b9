//! The rate of a room: what it takes from all of its clients together.

use roomd::chat::Limits;

use crate::stage::Stage;

fn limits() -> Limits {
    Limits { room_rate_per_s: 2, ..Limits::default() }
}

#[test]
fn a_room_takes_so_much_from_all_together_but_for_those_whose_tokens_say_a_rate() {
    Stage::with(&limits()).check(
        "
            > Ann joins
                Ann is in
                to Ann: joined e1/0 with Ann
                to Ann: entered Ann
                to all but Ann: Ann joins
            > Ann says one
            > @Bob says two
            > @Cy says three
                to @Cy: rate_limited in den: The members of this room say more than it takes, again in 500ms, not sent: three
            # An id says which it was.
            > Ann says four marked 4
                to Ann [4]: rate_limited in den: The members of this room say more than it takes, again in 500ms
            > Ann edits 1 to uno
                to Ann: rate_limited in den: The members of this room say more than it takes, again in 500ms
            > Ann deletes 1
            > +500ms
            > Ann says four
            > Ann says five
                to Ann: rate_limited in den: The members of this room say more than it takes, again in 500ms, not sent: five
            > Feed joins rated
                Feed is in
                to Feed: joined e1/0 with Ann, Feed
                to Feed: entered Feed
                to all but Feed: Feed joins
            > Feed says six
            > Feed says seven
            > Feed says eight
        ",
    );
}

#[test]
fn what_is_refused_for_another_reason_uses_nothing_up() {
    Stage::with(&limits()).among(&["Ann"]).check(
        "
            > Ann announces
                policy: public, announcement
                to all: Ann: settings announcement true
                to Ann: Ann: settings announcement true
            > @Bob says one
                to @Bob: forbidden: Only moderators and users with a voice speak in this room
            > @Bob says two
                to @Bob: forbidden: Only moderators and users with a voice speak in this room
            > Ann says one
            > Ann says two
            > Ann says three
                to Ann: rate_limited in den: The members of this room say more than it takes, again in 500ms, not sent: three
        ",
    );
}

#[test]
fn who_is_refused_for_the_rate_of_the_room_does_not_wait_for_slow_mode() {
    Stage::with(&limits()).among(&["Ann"]).check(
        "
            > Ann slows to 30
                policy: public, slow 30s
                to all: Ann: settings slow 30s
                to Ann: Ann: settings slow 30s
            > Ann says one
            > Ann says two
            > @Bob says one
                to @Bob: rate_limited in den: The members of this room say more than it takes, again in 500ms, not sent: one
            > +500ms
            > @Bob says one
        ",
    );
}

#[test]
fn what_is_decided_again_is_counted_once() {
    Stage::kept(&limits()).among(&["Ann", "Bob"]).check(
        "
            > Ann says one
            > Bob says two
            > elsewhere Root mutes Gus
            > stored
                policy: public, Gus muted
                to all: Root: muted Gus
            > stored
                to Ann: sent 1 at 0s
                to all: message 1 Ann: one
                to Bob: sent 2 at 0s
                to all: message 2 Bob: two
            > +500ms
            > Ann edits 1 to uno
            > elsewhere Root mutes Ida
            > stored
                policy: public, Gus muted, Ida muted
                to all: Root: muted Ida
            > stored
                to Ann: done
                to all: Ann edits 1: uno at 500ms
            > Ann says three
                to Ann: rate_limited in den: The members of this room say more than it takes, again in 500ms, not sent: three
        ",
    );
}
