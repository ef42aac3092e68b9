//! What a search finds, and what it does not find any more.

use std::fs;

use roomd::chat::{Body, Operation, RoomName};
use roomd::store::{RoomLog, Store};

use crate::claims::{delete, draft, edit, request, room};
use crate::harness::{Keeper, Place, number, until};

fn found(store: &dyn Store, name: &RoomName, text: &str) -> Vec<u64> {
    store.search(name, text, u64::MAX, 100).unwrap().iter().map(|message| message.seq).collect()
}

/// Waits until the index has all of the room.
fn indexed(place: &Place, newest: i64) {
    let sql = "SELECT indexed FROM rooms WHERE name = 'den'";
    until("the index has all", || number(&place.data(), sql) == newest);
}

fn den(keeper: &Keeper, texts: &[&str]) -> Box<dyn RoomLog> {
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    let drafts: Vec<_> = texts.iter().map(|text| request("Anna", text, "")).collect();
    room_log.append(&drafts).unwrap();
    room_log
}

#[test]
fn a_search_finds_what_holds_all_words_before_and_after_it_is_in_the_index() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    let mut room_log =
        den(&keeper, &["Hello World", "hello again, wörld", "goodbye", "foo-bar \"quoted\" 100%", "Привет мир"]);
    let cipher =
        Operation::Publish { to: None, body: Body::Cipher("{\"ct\":\"hello\"}".into()), about: None, mid: None };
    room_log.append(&[draft("Anna", 1, cipher)]).unwrap();
    let finds = || {
        for (text, seqs) in [
            ("hello", &[1, 2][..]),
            ("WORLD hello", &[1, 2]),
            ("world", &[1, 2]),
            ("again world", &[2]),
            ("hell", &[]),
            ("foo-bar", &[4]),
            ("foo bar", &[4]),
            ("bar-foo", &[]),
            ("\"quoted\"", &[4]),
            ("100%", &[4]),
            ("привет", &[5]),
            ("", &[]),
            ("  !? ", &[]),
            ("hello AND goodbye", &[]),
            ("hello NOT again", &[]),
            ("hello*", &[1, 2]),
            ("body : hello", &[]),
            ("NEAR(hello world)", &[]),
            ("\0", &[]),
            ("ct", &[]),
        ] {
            assert_eq!(found(&*keeper, &room("den"), text), seqs, "{text:?}");
        }
    };
    finds();
    indexed(&place, 6);
    finds();
}

#[test]
fn a_search_gives_the_newest_before_a_number_oldest_first_across_the_end_of_the_index() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    let mut room_log = den(&keeper, &["word 1", "word 2", "other 3", "word 4"]);
    indexed(&place, 4);
    room_log.append(&[request("Anna", "word 5", ""), request("Anna", "word 6", "")]).unwrap();
    let seqs = |before, count| {
        let messages = keeper.search(&room("den"), "word", before, count).unwrap();
        messages.iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(u64::MAX, 100), [1, 2, 4, 5, 6]);
    assert_eq!(seqs(u64::MAX, 3), [4, 5, 6]);
    assert_eq!(seqs(6, 2), [4, 5]);
    assert_eq!(seqs(5, 2), [2, 4]);
    assert_eq!((seqs(1, 9), seqs(0, 9), seqs(9, 0)), (vec![], vec![], vec![]));
}

#[test]
fn what_is_edited_or_deleted_is_found_no_more_and_its_text_is_nowhere_in_the_file() {
    for wait in [false, true] {
        let place = Place::new();
        let keeper = Keeper::file(&place);
        let filler: Vec<_> = (0..300).map(|number| format!("filler words {number} of no interest")).collect();
        let filler: Vec<_> = filler.iter().map(String::as_str).collect();
        let mut room_log = den(&keeper, &["the zebrasecret one", "the quaggasecret two"]);
        drop(den(&keeper, &[]));
        let drafts: Vec<_> = filler.iter().map(|text| request("Anna", text, "")).collect();
        room_log.append(&drafts).unwrap();
        if wait {
            indexed(&place, 302);
        }
        room_log.append(&[edit("Anna", 1, "the giraffe one"), delete("Anna", 2)]).unwrap();
        for (text, seqs) in
            [("zebrasecret", &[][..]), ("quaggasecret", &[]), ("giraffe", &[1]), ("one", &[1]), ("two", &[])]
        {
            assert_eq!(found(&*keeper, &room("den"), text), seqs, "{text}, indexed: {wait}");
        }
        indexed(&place, 302);
        assert_eq!(found(&*keeper, &room("den"), "giraffe"), [1]);
        // The log is taken into the file and emptied, once nobody wants anything.
        let gone = |name: &str| {
            let bytes = fs::read(place.file(name)).unwrap_or_default();
            ![&b"zebrasecret"[..], b"quaggasecret", b"zebrasec", b"quaggasec"]
                .iter()
                .any(|word| bytes.windows(word.len()).any(|part| part == *word))
        };
        until("the text is in no file", || ["room.db", "room.db-wal"].iter().all(|name| gone(name)));
        drop(room_log);
        drop(keeper);
        assert!(gone("room.db"));
        assert!(place.roomd(&["check"]).output().unwrap().status.success());
    }
}

#[test]
fn what_a_journal_left_out_of_the_index_the_next_one_adds() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    drop(den(&keeper, &["word 1", "word 2"]));
    drop(keeper);
    let keeper = Keeper::file(&place);
    assert_eq!(found(&*keeper, &room("den"), "word"), [1, 2]);
    indexed(&place, 2);
    assert_eq!(found(&*keeper, &room("den"), "word"), [1, 2]);
}

#[test]
fn the_index_catches_up_while_messages_keep_coming() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    let drafts: Vec<_> = (0..256).map(|number| request("Anna", &format!("message {number}"), "")).collect();
    for _ in 0..40 {
        room_log.append(&drafts).unwrap();
    }
    let lag = 40 * 256 - number(&place.data(), "SELECT indexed FROM rooms");
    assert!(lag <= 2 * 1_024, "{lag} messages are not in the index");
    assert_eq!(keeper.search(&room("den"), "message 255", u64::MAX, 100).unwrap().len(), 40);
}
