//! A session that is interrupted and goes on through another connection, and how far its user has got.

use roomd::chat::Limits;

use crate::client::Client;

/// Nothing is too fast.
fn limits() -> Limits {
    Limits { rate_per_s: 0, ..Limits::default() }
}

#[test]
fn a_json_client_says_what_it_has_seen_of_each_room() {
    Client::json(limits()).check(
        r#"
            > {"type":"resume","resume":"t1","rooms":{"den":{"epoch":"e1","seq":4},"dm:Ann:Bob":{"epoch":"e2","seq":0}},"id":1}
                resumes t1 [1], seen den e1/4, dm:Ann:Bob e2/0
            > {"type":"resume","resume":"t1"}
                resumes t1, seen nothing
            > {"type":"resume","rooms":{},"id":2}
                told [2]: bad_request: resume is missing
            > {"type":"resume","resume":"t1","rooms":{"a b":{"epoch":"e1","seq":4}},"id":3}
                told [3]: bad_request: room must not hold the character ' '
            # How it could be is said to a program in its welcome.
            > {"type":"session","id":4}
                told [4]: unknown_type: There is no command of this type
        "#,
    );
}

#[test]
fn a_text_client_asks_in_its_room_and_names_one_number() {
    Client::text(limits()).check(
        "
            > /session
                told: not_member: Join a room first: /join ROOM
            > (begins in den)
                joins den, history 20
            > /session
                in den: asks for the session
            > /resume t1 7
                resumes t1, seen 7
            > /resume t1
                told: bad_request: Usage: /resume TOKEN SEQ
            > /resume t1 seven
                told: bad_request: Usage: /resume TOKEN SEQ
        ",
    );
}

#[test]
fn an_unauthenticated_client_may_resume_its_session_and_not_ask_for_one() {
    Client::text(limits()).check(
        "
            > (is unauthenticated)
            > /session
                told: unauthorized: Say first who you are: show a token
            # What the session answers by itself needs no user.
            > /time
                told: time 0s
            > /resume t1 7
                resumes t1, seen 7
        ",
    );
}

#[test]
fn a_resume_costs_as_much_as_any_command() {
    Client::json(Limits { rate_burst: 1, rate_per_s: 1, ..limits() }).check(
        r#"
            > 9 times: {"type":"ping"}
                told: pong (9 times)
            > {"type":"resume","resume":"t1","id":1}
                resumes t1 [1], seen nothing
            > {"type":"resume","resume":"t2","id":2}
                told [2]: rate_limited: Rate limit exceeded, again in 100ms
        "#,
    );
}

#[test]
fn a_resumed_session_is_in_its_rooms_and_has_no_more_allowance_than_before() {
    Client::json(Limits { rate_burst: 2, rate_per_s: 1, rooms_per_connection: 2, ..limits() }).check(
        r#"
            > {"type":"join","room":"den"}
                joins den, history 20
            > {"type":"join","room":"pub"}
                joins pub, history 20
            > {"type":"message","room":"den","message":"hi"}
                in den: says hi
            > (goes on as json)
            > {"type":"join","room":"den","id":1}
                told [1]: bad_request: Already in den
            > {"type":"join","room":"bar","id":2}
                told [2]: too_many_rooms: A connection may be in 2 rooms
            > {"type":"message","room":"pub","message":"ho"}
                in pub: says ho
            > {"type":"message","room":"den","message":"hu","id":3}
                told [3]: rate_limited: Rate limit exceeded, again in 1s
        "#,
    );
}

#[test]
fn a_room_that_was_not_resumed_is_no_longer_the_session_s() {
    Client::json(limits()).check(
        r#"
            > {"type":"join","room":"den"}
                joins den, history 20
            > (den is gone)
            > (goes on as json)
            > {"type":"message","room":"den","message":"hi","id":1}
                told [1]: not_member: Not a member of den
            > {"type":"join","room":"den"}
                joins den, history 20
        "#,
    );
}

#[test]
fn a_session_resumed_as_text_speaks_in_the_room_that_it_joined_last() {
    Client::json(limits()).check(
        r#"
            > {"type":"join","room":"den"}
                joins den, history 20
            > {"type":"join","room":"pub"}
                joins pub, history 20
            > (goes on as text)
            > hello
                in pub: says hello quietly
            > /join bar
                joins bar, history 20
                leaves pub
        "#,
    );
}

#[test]
fn receipts_are_for_the_client_s_rooms_and_conversations() {
    Client::json(limits()).check(
        r#"
            > {"type":"received","room":"den","seq":1,"id":1}
                told [1]: not_member: Not a member of den
            > {"type":"join","room":"den"}
                joins den, history 20
            > {"type":"received","room":"den","seq":3,"id":2}
                in den [2]: has received 3
            > {"type":"read","room":"den","seq":2}
                in den: has read 2
            > {"type":"read","room":"den","id":3}
                told [3]: bad_request: seq is missing
            > {"type":"read","room":"dm:Ann:Bob","seq":5}
                in dm:Ann:Bob: has read 5
            > {"type":"read","room":"dm:Bob:Cy","seq":5,"id":4}
                told [4]: not_member: Not a member of dm:Bob:Cy
            # What was written is for the server to see.
            > {"type":"written","room":"den","seq":1,"id":5}
                told [5]: unknown_type: There is no command of this type
        "#,
    );
}
