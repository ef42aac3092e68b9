//! Search: messages that contain each word, whatever their case, and nothing that was deleted.
//!
//! A search finds what was stored before it began.

use roomd::chat::{Body, Operation};

use super::Promise::History;
use super::each;
use crate::drafts::{delete, draft, edit, message, room, room_log};
use crate::harness::TestStore;

fn found(store: &TestStore, text: &str) -> Vec<u64> {
    store.search(&room("den"), text, u64::MAX, 100).unwrap().iter().map(|message| message.seq).collect()
}

#[test]
fn a_search_finds_the_messages_with_each_word() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        let bodies = ["Hello World", "hello again, wörld", "goodbye", "foo-bar \"quoted\" 100%", "Привет мир"];
        let drafts: Vec<_> = bodies.iter().map(|text| message("Anna", text, "")).collect();
        room_log.append(&drafts).unwrap();
        let body = Body::Cipher("{\"ct\":\"hello\"}".into());
        room_log.append(&[draft("Anna", 1, Operation::Publish { to: None, body, about: None, mid: None })]).unwrap();
        for (text, seqs) in [
            ("hello", &[1, 2][..]),
            ("WORLD hello", &[1, 2]),
            ("world", &[1, 2]),
            ("again world", &[2]),
            ("hell", &[]),
            ("foo-bar", &[4]),
            ("foo bar", &[4]),
            ("100%", &[4]),
            ("привет", &[5]),
            ("", &[]),
            ("  !? ", &[]),
            ("hello AND goodbye", &[]),
            ("hello NOT again", &[]),
            ("ct", &[]),
        ] {
            assert_eq!(found(&store, text), seqs, "{text:?}");
        }
    });
}

#[test]
fn a_search_returns_the_newest_before_a_number_oldest_first() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        let drafts: Vec<_> = ["word 1", "word 2", "other 3", "word 4"].map(|text| message("Anna", text, "")).into();
        room_log.append(&drafts).unwrap();
        let seqs = |before, count| {
            let messages = store.search(&room("den"), "word", before, count).unwrap();
            messages.iter().map(|message| message.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(u64::MAX, 100), [1, 2, 4]);
        assert_eq!(seqs(u64::MAX, 2), [2, 4]);
        assert_eq!(seqs(4, 9), [1, 2]);
        assert_eq!((seqs(1, 9), seqs(0, 9), seqs(9, 0)), (vec![], vec![], vec![]));
    });
}

#[test]
fn an_edited_message_is_found_by_its_new_words_alone_and_a_deleted_one_not_at_all() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Anna", "zebra one", ""), message("Anna", "quagga two", "")]).unwrap();
        room_log.append(&[edit("Anna", 1, "giraffe one"), delete("Anna", 2)]).unwrap();
        for (text, seqs) in [("zebra", &[][..]), ("quagga", &[]), ("giraffe", &[1]), ("one", &[1]), ("two", &[])] {
            assert_eq!(found(&store, text), seqs, "{text}");
        }
    });
}
