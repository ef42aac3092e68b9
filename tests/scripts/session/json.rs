//! The JSON dialect: many rooms at once, each command with its mark.

use roomd::chat::Limits;

use crate::client::Client;

/// Nothing is too fast.
fn limits() -> Limits {
    Limits { rate_per_s: 0, ..Limits::default() }
}

#[test]
fn a_client_is_in_many_rooms_and_names_the_one_it_means() {
    Client::json(limits()).check(
        r#"
            > {"type":"join","room":"den","id":1}
                joins den [1], history 20
            > {"type":"join","room":"pub","history":3,"since":{"epoch":"e1","seq":4}}
                joins pub, history 3, since e1/4
            > {"type":"message","room":"den","message":"hi","mid":"m1","id":2}
                in den [2]: says hi (m1)
            > {"type":"message","room":"pub","message":"ho"}
                in pub: says ho
            > {"type":"leave","room":"den","id":3}
                leaves den [3]
            > {"type":"message","room":"den","message":"hu","id":4}
                told [4]: not_member: Not a member of den
            > {"type":"message","room":"pub","message":"he"}
                in pub: says he
        "#,
    );
}

#[test]
fn a_room_is_joined_once() {
    Client::json(limits()).check(
        r#"
            > {"type":"join","room":"den"}
                joins den, history 20
            > {"type":"join","room":"den","id":"again"}
                told [again]: bad_request: Already in den
            > {"type":"leave","room":"den"}
                leaves den
            > {"type":"leave","room":"den","id":2}
                told [2]: not_member: Not a member of den
            > {"type":"join","room":"den"}
                joins den, history 20
        "#,
    );
}

#[test]
fn a_connection_is_in_so_many_rooms_and_no_more() {
    Client::json(Limits { rooms_per_connection: 2, ..limits() }).check(
        r#"
            > {"type":"join","room":"one"}
                joins one, history 20
            > {"topic":"two","message":"hi"}
                joins two as a topic quietly, history 0, drop
                in two: says hi quietly
            > {"type":"join","room":"three","id":1}
                told [1]: too_many_rooms: A connection may be in 2 rooms
            > {"topic":"three","message":"hi","id":2}
                told [2]: too_many_rooms: A connection may be in 2 rooms
            > {"type":"leave","room":"one"}
                leaves one
            > {"topic":"three","message":"hi","id":3}
                joins three [3] as a topic quietly, history 0, drop
                in three [3]: says hi quietly
        "#,
    );
}

#[test]
fn the_bare_form_subscribes_once_and_quietly() {
    Client::json(limits()).check(
        r#"
            > {"topic":"news","message":"one"}
                joins news as a topic quietly, history 0, drop
                in news: says one quietly
            > {"topic":"news","message":"two","id":2}
                in news [2]: says two quietly
            > {"type":"join","room":"news","id":3}
                told [3]: bad_request: Already in news
        "#,
    );
}

#[test]
fn the_bare_form_publishes_nothing_where_it_cannot_subscribe() {
    Client::json(limits()).check(
        r#"
            > (news is full)
            > {"topic":"news","message":"one","id":1}
                joins news [1] as a topic quietly, history 0, drop
                which fails
            > {"topic":"news","message":"two","id":2}
                joins news [2] as a topic quietly, history 0, drop
                which fails
        "#,
    );
}

#[test]
fn a_topic_that_is_subscribed_by_name_is_announced_and_drops_for_the_slow() {
    Client::json(limits()).check(
        r#"
            > {"type":"subscribe","topic":"news","id":1}
                joins news [1] as a topic, history 20, drop
            > {"type":"publish","topic":"news","message":"one","id":2}
                in news [2]: says one
            > {"topic":"news","message":"two"}
                in news: says two quietly
            > {"type":"unsubscribe","topic":"news","id":3}
                leaves news [3]
        "#,
    );
}

#[test]
fn a_message_is_neither_empty_nor_too_large() {
    Client::json(Limits { message_bytes: 5, ..limits() }).check(
        r#"
            > {"type":"join","room":"den"}
                joins den, history 20
            > {"type":"message","room":"den","message":"","id":1}
                told [1]: bad_request: A message must say something
            > {"type":"message","room":"den","message":"12345","id":2}
                in den [2]: says 12345
            > {"type":"message","room":"den","message":"123456","id":3}
                told [3]: too_large: A message may have 5 bytes
            > {"type":"message","room":"den","cipher":{"a":1},"id":4}
                told [4]: too_large: A message may have 5 bytes
            > {"topic":"news","message":"123456","id":5}
                told [5]: too_large: A message may have 5 bytes
            > {"type":"private","to":"Bob","message":"123456","id":6}
                told [6]: too_large: A message may have 5 bytes
            > {"type":"private","to":"Bob","message":"","id":7}
                told [7]: bad_request: A message must say something
            > {"type":"offer","to":"Bob","payload":"1234","id":8}
                told [8]: too_large: A message may have 5 bytes
            > {"type":"offer","to":"Bob","payload":12345,"id":9}
                offer to Bob [9]: 12345
            # Its size counts before its place.
            > {"type":"message","room":"pub","message":"123456","id":10}
                told [10]: too_large: A message may have 5 bytes
        "#,
    );
}

#[test]
fn nobody_writes_to_themselves() {
    Client::json(limits()).check(
        r#"
            > {"type":"private","to":"Ann","message":"psst","id":1}
                told [1]: bad_request: A private message needs another user
            > {"type":"private","to":"Bob","message":"psst","mid":"m1","id":2}
                to Bob [2]: psst (m1)
        "#,
    );
}

#[test]
fn presence_goes_to_every_room_and_is_not_answered() {
    Client::json(limits()).check(
        r#"
            > {"type":"presence","status":"away","id":1}
                in conversations: is away
            > {"type":"join","room":"den"}
                joins den, history 20
            > {"type":"join","room":"pub"}
                joins pub, history 20
            > {"type":"presence","status":"away","note":"lunch","id":2}
                in den: is away (lunch)
                in pub: is away (lunch)
                in conversations: is away (lunch)
            > {"type":"presence","status":"online"}
                in den: is online
                in pub: is online
                in conversations: is online
        "#,
    );
}

#[test]
fn every_command_has_its_action() {
    Client::json(limits()).check(
        r#"
            > {"type":"join","room":"den"}
                joins den, history 20
            > {"type":"typing","room":"den","typing":true,"id":1}
                in den [1]: types
            > {"type":"typing","room":"den","typing":false}
                in den: stops typing
            > {"type":"history","room":"den","id":2}
                in den [2]: wants 32 newest
            > {"type":"history","room":"den","before":9,"limit":3}
                in den: wants 3 before 9
            > {"type":"history","room":"den","after":9,"limit":3}
                in den: wants 3 after 9
            > {"type":"members","room":"den","id":3}
                in den [3]: asks who
            > {"type":"rooms","id":4}
                asks which rooms [4]
            > {"type":"create","room":"plans","id":5}
                creates plans [5]
            > {"type":"offer","to":"Bob","payload":{"a":1},"id":6}
                offer to Bob [6]: {"a":1}
            > {"type":"hangup","to":"Bob"}
                hangup to Bob: {}
            > {"type":"ping","id":7}
                told [7]: pong
            > {"type":"time","id":8}
                told [8]: time 0s
        "#,
    );
}

#[test]
fn what_is_for_members_is_refused_to_others() {
    Client::json(limits()).check(
        r#"
            > {"type":"message","room":"den","message":"hi","id":1}
                told [1]: not_member: Not a member of den
            > {"type":"typing","room":"den","typing":true,"id":2}
                told [2]: not_member: Not a member of den
            > {"type":"history","room":"den","id":3}
                told [3]: not_member: Not a member of den
            > {"type":"members","room":"den","id":4}
                told [4]: not_member: Not a member of den
            > {"type":"leave","room":"den","id":5}
                told [5]: not_member: Not a member of den
        "#,
    );
}

#[test]
fn a_request_that_cannot_be_parsed_is_answered_with_its_id() {
    Client::json(limits()).check(
        r#"
            > hello
                told: bad_request: Not a command: expected value at line 1 column 1
            > {"type":"dance","id":1}
                told [1]: unknown_type: There is no command of this type
            > {"type":"join","id":2}
                told [2]: bad_request: room is missing
            > {"type":"join","room":"a b","id":3}
                told [3]: bad_request: room must not hold the character ' '
            > {"type":"message","room":"den","id":4}
                told [4]: bad_request: message is missing
            > {"type":"nick","name":"Bob","id":5}
                told [5]: unknown_type: There is no command of this type
        "#,
    );
}
