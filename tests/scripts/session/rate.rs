//! The rate limit: a bucket for messages, a larger one for all else, and the end of patience.

use roomd::chat::Limits;

use crate::client::Client;

fn limits() -> Limits {
    Limits { rate_burst: 3, rate_per_s: 2, rate_offences_max: 5, ..Limits::default() }
}

#[test]
fn a_burst_of_messages_passes_and_then_one_at_a_time() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > 4 times: hi
                in den: says hi quietly (3 times)
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi
            > +499ms
            > hi
                told: rate_limited: Rate limit exceeded, again in 1ms, not sent: hi
            > +1ms
            > 2 times: hi
                in den: says hi quietly
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi
        ",
    );
}

#[test]
fn messages_to_rooms_topics_and_users_share_a_bucket_and_all_else_another() {
    Client::json(limits()).check(
        r#"
            > {"type":"join","room":"den"}
                joins den, history 20
            > {"type":"message","room":"den","message":"hi"}
                in den: says hi
            > {"topic":"news","message":"hi"}
                joins news as a topic quietly, history 0, drop
                in news: says hi quietly
            > {"type":"private","to":"Bob","message":"hi"}
                to Bob: hi
            > {"type":"message","room":"den","message":"hi","id":1}
                told [1]: rate_limited: Rate limit exceeded, again in 500ms
            > {"topic":"news","message":"hi","id":2}
                told [2]: rate_limited: Rate limit exceeded, again in 500ms
            > {"type":"private","to":"Bob","message":"hi","id":3}
                told [3]: rate_limited: Rate limit exceeded, again in 500ms
            # The other bucket is ten times as large, and the join was its first.
            > 29 times: {"type":"ping"}
                told: pong (29 times)
            > {"type":"ping","id":4}
                told [4]: rate_limited: Rate limit exceeded, again in 50ms
        "#,
    );
}

#[test]
fn a_request_that_cannot_be_parsed_costs_as_much_as_a_command() {
    Client::text(limits()).check(
        "
            > 31 times: /dance
                told: unknown_type: There is no such command: /help lists them (30 times)
                told: rate_limited: Rate limit exceeded, again in 50ms
        ",
    );
}

#[test]
fn a_command_refused_for_its_rate_is_not_carried_out() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > 30 times: /who
                in den: asks who (30 times)
            > /join pub
                told: rate_limited: Rate limit exceeded, again in 50ms
            > /nick Bob
                told: rate_limited: Rate limit exceeded, again in 50ms
            > hi
                in den: says hi quietly
        ",
    );
}

#[test]
fn so_many_offences_end_the_session() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > 7 times: hi
                in den: says hi quietly (3 times)
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi (4 times)
            > hi
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi
                ends: too_fast
        ",
    );
}

#[test]
fn a_pause_that_fills_the_bucket_is_forgiven() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > 7 times: hi
                in den: says hi quietly (3 times)
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi (4 times)
            > +1500ms
            > 7 times: hi
                in den: says hi quietly (3 times)
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi (4 times)
        ",
    );
}

#[test]
fn a_pause_is_forgiven_whatever_comes_after_it() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > 7 times: hi
                in den: says hi quietly (3 times)
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi (4 times)
            > +1500ms
            > /dance
                told: unknown_type: There is no such command: /help lists them
            > 7 times: hi
                in den: says hi quietly (3 times)
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi (4 times)
        ",
    );
}

#[test]
fn a_shorter_pause_is_not_forgiven() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > 7 times: hi
                in den: says hi quietly (3 times)
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi (4 times)
            > +1s
            > 3 times: hi
                in den: says hi quietly (2 times)
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi
                ends: too_fast
        ",
    );
}

#[test]
fn a_command_of_the_other_kind_forgives_nothing() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > 7 times: hi
                in den: says hi quietly (3 times)
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi (4 times)
            # The bucket for this is full, the one that was overdrawn is not.
            > /rooms
                asks which rooms
            > hi
                told: rate_limited: Rate limit exceeded, again in 500ms, not sent: hi
                ends: too_fast
        ",
    );
}

#[test]
fn a_message_forgives_no_flood_of_other_commands() {
    Client::text(limits()).check(
        "
            > (begins in den)
                joins den, history 20
            > 34 times: /rooms
                asks which rooms (30 times)
                told: rate_limited: Rate limit exceeded, again in 50ms (4 times)
            > hi
                in den: says hi quietly
            > /rooms
                told: rate_limited: Rate limit exceeded, again in 50ms
                ends: too_fast
        ",
    );
}

#[test]
fn a_client_may_always_quit() {
    Client::text(limits()).check(
        "
            > 31 times: /who
                told: not_member: Join a room first: /join ROOM (30 times)
                told: rate_limited: Rate limit exceeded, again in 50ms
            > /quit
                ends: left
        ",
    );
}

#[test]
fn without_a_limit_nothing_is_too_fast() {
    Client::text(Limits { rate_per_s: 0, ..limits() }).check(
        "
            > (begins in den)
                joins den, history 20
            > 1000 times: hi
                in den: says hi quietly (1000 times)
            > 1000 times: /who
                in den: asks who (1000 times)
        ",
    );
}
