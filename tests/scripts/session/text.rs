//! The text dialect: one room at a time, and a name that may be chosen once.

use roomd::chat::Limits;

use crate::client::Client;

/// Nothing is too fast, and nothing but what a script says is small.
fn limits() -> Limits {
    Limits { rate_per_s: 0, ..Limits::default() }
}

#[test]
fn a_line_is_published_in_the_current_room() {
    Client::text(limits()).check(
        "
            > hello
                told: not_member: Join a room first: /join ROOM
            > /join den
                joins den, history 20
            > hello
                in den: says hello quietly
            > //join x
                in den: says /join x quietly
            > /leave
                leaves den
            > hello
                told: not_member: Join a room first: /join ROOM
            > /leave
                told: not_member: Join a room first: /join ROOM
        ",
    );
}

#[test]
fn a_client_joins_the_new_room_before_it_leaves_the_old() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > /join pub
                joins pub, history 20
                leaves den
            > hello
                in pub: says hello quietly
            > /join pub
                told: bad_request: Already in pub
            > /join den
                joins den, history 20
                leaves pub
            > hello
                in den: says hello quietly
        ",
    );
}

#[test]
fn a_client_that_cannot_join_the_new_room_stays_in_the_old() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > (pub is full)
            > /join pub
                joins pub, history 20
                which fails
            > hello
                in den: says hello quietly
        ",
    );
}

#[test]
fn a_text_client_may_always_change_rooms() {
    Client::text(Limits { rooms_per_connection: 1, ..limits() }).check(
        "
            > (begins in den)
                joins den, history 20
            > /join pub
                joins pub, history 20
                leaves den
            > /leave
                leaves pub
            > /join den
                joins den, history 20
        ",
    );
}

#[test]
fn a_name_may_be_taken_until_the_first_message() {
    Client::text(limits()).check(
        "
            > /nick Bob
                is Bob from now on
                told: named Bob
            > (begins in den)
                joins den, history 20
            > /nick Cy
                is Cy from now on
                leaves den
                told: named Cy
                joins den, history 0
            > /nick Cy
                is Cy from now on
                leaves den
                told: named Cy
                joins den, history 0
            > hello
                in den: says hello quietly
            > /nick Dan
                told: forbidden: A name can be taken before the first message only
        ",
    );
}

#[test]
fn a_private_message_settles_the_name_as_well() {
    Client::text(limits()).check(
        "
            > /msg Bob psst
                to Bob: psst
            > /nick Dan
                told: forbidden: A name can be taken before the first message only
        ",
    );
}

#[test]
fn a_message_that_was_refused_does_not_settle_the_name() {
    Client::text(Limits { message_bytes: 4, ..limits() }).check(
        "
            > hello
                told: too_large: A message may have 4 bytes
            > (begins in den)
                joins den, history 20
            > hello
                told: too_large: A message may have 4 bytes
            > /msg Ann psst
                told: bad_request: A private message needs another user
            > /nick Dan
                is Dan from now on
                leaves den
                told: named Dan
                joins den, history 0
        ",
    );
}

#[test]
fn a_renamed_client_that_cannot_rejoin_is_in_no_room() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > (den is full)
            > /nick Bob
                is Bob from now on
                leaves den
                told: named Bob
                joins den, history 0
                which fails
            > hello
                told: not_member: Join a room first: /join ROOM
        ",
    );
}

#[test]
fn every_command_has_its_action() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > /rooms
                asks which rooms
            > /who
                in den: asks who
            > /msg Bob psst
                to Bob: psst
            > /history
                in den: wants 32 newest
            > /history 5
                in den: wants 5 newest
            > /away
                in den: is away
                in conversations: is away
            > /away for lunch
                in den: is away (for lunch)
                in conversations: is away (for lunch)
            > /back
                in den: is online
                in conversations: is online
            > /help
                told: help
            > /time
                told: time 0s
            > /quit
                ends: left
        ",
    );
}

#[test]
fn what_needs_a_room_is_refused_in_none() {
    Client::text(limits()).check(
        "
            > /who
                told: not_member: Join a room first: /join ROOM
            > /history
                told: not_member: Join a room first: /join ROOM
            > /leave
                told: not_member: Join a room first: /join ROOM
            > hello
                told: not_member: Join a room first: /join ROOM
            # These do not.
            > /away
                in conversations: is away
            > /rooms
                asks which rooms
            > /msg Bob psst
                to Bob: psst
        ",
    );
}

#[test]
fn a_line_that_cannot_be_parsed_is_answered() {
    Client::text(limits()).check(
        "
            > /dance
                told: unknown_type: There is no such command: /help lists them
            > /join
                told: bad_request: Usage: /join ROOM [INVITATION]
            > /join a/b
                told: bad_request: The name of a room must not hold the character '/'
            > /msg Bob
                told: bad_request: Usage: /msg USER TEXT
            > /nick a:b
                told: bad_request: The name of a user must not hold the character ':'
            > /history 301
                told: bad_request: Usage: /history [1 to 300]
        ",
    );
}

#[test]
fn a_room_is_ended_when_its_end_is_repeated() {
    Client::text(limits()).check(
        "
            > /end den
                told: asked whether den is to end
            > /end den
                in den: ends
            > /end den
                told: asked whether den is to end
            > /end pub
                told: asked whether pub is to end
            > /end den
                told: asked whether den is to end
            > +61s
            > /end den
                told: asked whether den is to end
            > /end den
                in den: ends
        ",
    );
    // A program asks by itself.
    Client::json(Limits { rate_per_s: 0, ..Limits::default() }).check(
        r#"
            > {"type": "end", "room": "den"}
                in den: ends
        "#,
    );
}

#[test]
fn a_client_that_has_only_connected_enters_its_room_with_the_first_line_that_makes_sense() {
    for (line, follows) in [
        ("hi", "in lobby: says hi quietly"),
        ("/who", "in lobby: asks who"),
        ("/help", "told: help"),
        ("/msg Bob psst", "to Bob: psst"),
        ("/session", "in lobby: asks for the session"),
    ] {
        Client::text(limits()).check(&format!(
            "
                > (enters lobby with its first line)
                > bell\u{7}
                    told: bad_request: A line must not hold the character '\\u{{7}}'
                > /dance
                    told: unknown_type: There is no such command: /help lists them
                > {line}
                    joins lobby, history 20
                    {follows}
                > /time
                    told: time 0s
            "
        ));
    }
}

#[test]
fn a_first_line_that_names_a_room_or_a_user_enters_no_other() {
    for (line, follows) in [
        ("/join den", "joins den, history 20"),
        ("/nick Ann", "is Ann from now on\n told: named Ann\n joins lobby, history 20"),
        ("/auth Ann", "shows Ann\n joins lobby, history 20"),
        ("/resume t 7", "resumes t, seen 7"),
        ("/quit", "ends: left"),
    ] {
        let follows = follows.replace('\n', "\n                   ");
        Client::text(limits()).check(&format!(
            "
                > (enters lobby with its first line)
                > {line}
                    {follows}
            "
        ));
    }
}

#[test]
fn a_client_that_is_refused_its_first_room_tries_it_again_or_another() {
    Client::text(limits()).check(
        "
            > (enters lobby with its first line)
            > (lobby is full)
            > hi
                joins lobby, history 20
                which fails
            > /leave
                leaves lobby
            > hi
                joins lobby, history 20
                which fails
            > /join den
                joins den, history 20
            > hi
                in den: says hi quietly
            > /leave
                leaves den
            > hi
                told: not_member: Join a room first: /join ROOM
        ",
    );
}
