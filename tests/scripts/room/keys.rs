//! The newest message of each key, where the store keeps nothing and the room has them in memory.

use roomd::chat::Limits;

use crate::stage::Stage;

#[test]
fn who_joins_for_the_newest_is_sent_one_message_of_each_key_and_then_what_follows() {
    Stage::new().among(&["Ann"]).check(
        "
            > Ann says 11 keyed acme quietly
            > Ann says 7 keyed dull quietly
            > Ann says between quietly
            > Ann says 12 keyed acme quietly
            > stored
                to all: message 1 Ann: 11 of acme
                to all: message 2 Ann: 7 of dull
                to all: message 3 Ann: between
                to all: message 4 Ann: 12 of acme
            > Bob joins latest hidden
                Bob is in
                to Bob: joined e1/4 with Ann
                to Bob: message 2 Ann: 7 of dull
                to Bob: message 4 Ann: 12 of acme
                to Bob: entered Bob
            # A tombstone is a message, and its key has no value any more.
            > Ann says nothing keyed dull quietly
            > stored
                to all: message 5 Ann: (deleted) of dull
            > Ann wants 9 latest 0
                to Ann: history of e1: 4 Ann: 12 of acme, complete
            # An edit changes the value, a deletion removes it.
            > Ann edits 4 to 13
            > stored
                to Ann: done
                to all: Ann edits 4: 13 at 0s
            > Ann wants 1 latest 0
                to Ann: history of e1: 4 Ann: 13 of acme, edited at 0s, complete
            > Ann deletes 4
            > stored
                to Ann: done
                to all: Ann edits 4: (deleted) at 0s
            > Ann wants 9 latest 0
                to Ann: history of e1: nothing, complete
        ",
    );
}

#[test]
fn a_value_on_a_condition_of_its_key_is_stored_behind_that_message_and_no_other() {
    Stage::new().among(&["Ann", "Bob"]).check(
        "
            > Ann says one keyed x behind-its 0 marked 1
            > Bob says one keyed x behind-its 0 marked 2
            > Bob says two keyed y behind-its 0 quietly
            > stored
                to Ann [1]: sent 1 at 0s
                to all: message 1 Ann: one of x
                to Bob [2]: conflict in den: The newest message of the key is 1, newest 1
                to all: message 2 Bob: two of y
            > Ann says three keyed x behind-its 2 marked 3
            > Ann says three keyed z behind-its 2 marked 4
            > stored
                to Ann [3]: conflict in den: The newest message of the key is 1, newest 1
                to Ann [4]: conflict in den: The key has no value in den, newest 0
        ",
    );
}

#[test]
fn a_room_has_so_many_keys_and_no_more() {
    Stage::with(&Limits { keys_max: 1, ..Limits::default() }).among(&["Ann"]).check(
        "
            > Ann says one keyed x quietly
            > Ann says two keyed y marked 1
            > Ann says three keyed x quietly
            > stored
                to all: message 1 Ann: one of x
                to Ann [1]: room_full in den: The room den has as many keys as it may have
                to all: message 2 Ann: three of x
        ",
    );
}

#[test]
fn where_the_store_keeps_the_history_the_reader_fetches_the_newest_of_each_key() {
    Stage::kept(&Limits::default()).among(&["Ann"]).check(
        "
            > Ann says one keyed x quietly
            > stored
                to all: message 1 Ann: one of x
            > Bob joins latest hidden
                Bob is in
                Bob is given the newest of each key up to 1, with joined e1/1 with Ann
                to Bob: entered Bob
            > Cem joins latest hidden since e1/0
                Cem is in
                Cem is given the past after 0 to 1, or else the newest of each key, with joined e1/1 with Ann
                to Cem: entered Cem
        ",
    );
}
