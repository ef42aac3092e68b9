//! The full-text index of SQLite: a search is right whatever the index has, and deleted text leaves the file.
//!
//! The contract says what a search finds.

use std::fs;

use roomd::chat::Span;
use roomd::store::RoomLog;

use crate::database::number;
use crate::drafts::{delete, edit, message, page, room, room_log};
use crate::harness::{TestDirectory, TestStore, until};

/// What a search finds that had time for all of it.
fn found(store: &TestStore, text: &str) -> Vec<u64> {
    let mut found = Vec::new();
    until("a search looks at all of it", || {
        let answer = store.search(&room("den"), text, u64::MAX, 100).unwrap();
        found = answer.messages.iter().map(|message| message.seq).collect();
        answer.complete
    });
    found
}

/// Waits until the index has the room's messages up to this one.
fn wait_for_index(directory: &TestDirectory, newest: i64) {
    let sql = "SELECT indexed FROM rooms WHERE name = 'den'";
    until("the messages are indexed", || number(&directory.data(), sql) == newest);
}

fn fill(store: &TestStore, texts: &[&str]) -> Box<dyn RoomLog> {
    let mut room_log = store.open(&room("den"), 0).unwrap().room_log;
    let drafts: Vec<_> = texts.iter().map(|text| message("Anna", text, "")).collect();
    room_log.append(&drafts).unwrap();
    room_log
}

#[test]
fn a_search_finds_the_same_before_and_after_its_messages_are_indexed() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    drop(fill(&store, &["Hello World", "hello again, wörld", "goodbye", "foo-bar \"quoted\" 100%"]));
    let check = || {
        for (text, seqs) in [
            ("hello", &[1, 2][..]),
            ("bar-foo", &[]),
            ("\"quoted\"", &[4]),
            ("hello*", &[1, 2]),
            ("body : hello", &[]),
            ("NEAR(hello world)", &[]),
            ("\0", &[]),
        ] {
            assert_eq!(found(&store, text), seqs, "{text:?}");
        }
    };
    check();
    wait_for_index(&directory, 4);
    check();
}

#[test]
fn a_search_continues_from_the_messages_without_an_index_into_the_index() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    let mut room_log = fill(&store, &["word 1", "word 2", "other 3", "word 4"]);
    wait_for_index(&directory, 4);
    room_log.append(&[message("Anna", "word 5", ""), message("Anna", "word 6", "")]).unwrap();
    let seqs = |before, count| {
        let messages = store.search(&room("den"), "word", before, count).unwrap().messages;
        messages.iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(u64::MAX, 100), [1, 2, 4, 5, 6]);
    assert_eq!(seqs(u64::MAX, 3), [4, 5, 6]);
    assert_eq!(seqs(6, 2), [4, 5]);
    assert_eq!(seqs(5, 2), [2, 4]);
    assert_eq!((seqs(1, 9), seqs(0, 9), seqs(9, 0)), (vec![], vec![], vec![]));
}

#[test]
fn edited_and_deleted_text_is_found_no_more_and_is_nowhere_in_the_file() {
    for index_first in [false, true] {
        let directory = TestDirectory::new();
        let store = TestStore::file(&directory);
        let filler: Vec<_> = (0..300).map(|number| format!("filler words {number} of no interest")).collect();
        let filler: Vec<_> = filler.iter().map(String::as_str).collect();
        let mut room_log = fill(&store, &["the zebrasecret one", "the quaggasecret two"]);
        drop(fill(&store, &[]));
        let drafts: Vec<_> = filler.iter().map(|text| message("Anna", text, "")).collect();
        room_log.append(&drafts).unwrap();
        if index_first {
            wait_for_index(&directory, 302);
        }
        room_log.append(&[edit("Anna", 1, "the giraffe one"), delete("Anna", 2)]).unwrap();
        for (text, seqs) in
            [("zebrasecret", &[][..]), ("quaggasecret", &[]), ("giraffe", &[1]), ("one", &[1]), ("two", &[])]
        {
            assert_eq!(found(&store, text), seqs, "{text}, indexed: {index_first}");
        }
        wait_for_index(&directory, 302);
        assert_eq!(found(&store, "giraffe"), [1]);
        // The log is emptied once no request waits.
        let gone = |name: &str| {
            let bytes = fs::read(directory.file(name)).unwrap_or_default();
            ![&b"zebrasecret"[..], b"quaggasecret", b"zebrasec", b"quaggasec"]
                .iter()
                .any(|word| bytes.windows(word.len()).any(|part| part == *word))
        };
        until("the text is in no file", || ["room.db", "room.db-wal"].iter().all(|name| gone(name)));
        drop(room_log);
        drop(store);
        assert!(gone("room.db"));
        assert!(directory.roomd(&["check"]).output().unwrap().status.success());
    }
}

#[test]
fn the_next_journal_adds_to_the_index_what_the_last_one_left_out() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    drop(fill(&store, &["word 1", "word 2"]));
    drop(store);
    let store = TestStore::file(&directory);
    assert_eq!(found(&store, "word"), [1, 2]);
    wait_for_index(&directory, 2);
    assert_eq!(found(&store, "word"), [1, 2]);
}

#[test]
fn searches_that_take_every_place_of_theirs_delay_no_join_and_no_page() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    drop(fill(&store, &["a zebra"]));
    let (searching, told) = crossbeam_channel::unbounded();
    let (let_go, held) = crossbeam_channel::bounded::<()>(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let (store, searching, held) = (&store, searching.clone(), held.clone());
            scope.spawn(move || {
                // In the middle of its search, until it is let go.
                let readable = |_: &roomd::chat::RoomName| {
                    searching.send(()).unwrap();
                    _ = held.recv();
                    Some(roomd::chat::Time(0))
                };
                // Those that find no place are refused; they do not wait forever.
                _ = store.search_rooms("zebra", None, 9, &readable);
            });
        }
        told.recv().unwrap();
        told.recv().unwrap();
        for _ in 0..8 {
            assert_eq!(page(&*store, "den", Span::After(0)).newest, 1);
            assert_eq!(store.open(&room("den"), 9).unwrap().past.seq, 1);
        }
        room_log(&*store, "hall").append(&[message("Anna", "one", "")]).unwrap();
        drop(let_go);
    });
    assert_eq!(found(&store, "zebra"), [1]);
}

#[test]
fn the_index_catches_up_while_messages_keep_coming() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    let mut room_log = store.open(&room("den"), 0).unwrap().room_log;
    let drafts: Vec<_> = (0..256).map(|number| message("Anna", &format!("message {number}"), "")).collect();
    for _ in 0..40 {
        room_log.append(&drafts).unwrap();
    }
    let lag = 40 * 256 - number(&directory.data(), "SELECT indexed FROM rooms");
    assert!(lag <= 2 * 1_024, "{lag} messages are not in the index");
    assert_eq!(found(&store, "message 255").len(), 40);
}
