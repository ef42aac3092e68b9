//! The insert buffer of SQLite: whether a message is in it or was merged makes no difference to anybody who asks.
//!
//! Here are messages that a killed server has left there, those of many rooms at once, and how they get where they belong.

use std::thread;

use roomd::chat::{Outcome, Span};
use roomd::store::Retention;

use crate::database::{direct, number};
use crate::drafts::{OnlyLog as _, delete, edit, message, page, room, room_log, texts};
use crate::harness::{TestDirectory, TestStore, until};

/// Moves the messages after the number 2 to the buffer, as if the server had been killed soon after it stored them.
const UNMERGE: &str = "
    INSERT INTO buffered (place, kind, at, user, mid, body)
        SELECT place, kind, at, user, mid, body FROM messages WHERE place & ((1 << 40) - 1) > 2 ORDER BY at;
    DELETE FROM messages WHERE place IN (SELECT place FROM buffered);
    DELETE FROM mids WHERE seq > 2;
    INSERT INTO words (words) VALUES ('delete-all');
    UPDATE rooms SET indexed = 0";

/// Four messages in each of two rooms, of which two are buffered.
fn left_by_a_killed_server() -> TestDirectory {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    for seq in 1..=4 {
        for name in ["den", "hall"] {
            let text = format!("word {name} {seq}");
            room_log(&*store, name).outcomes(&[message("Anna", &text, &format!("m{seq}"))]).unwrap();
        }
    }
    drop(store);
    direct(&directory.data()).execute_batch(UNMERGE).unwrap();
    directory
}

fn assert_intact(directory: &TestDirectory) {
    let output = directory.roomd(&["check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn number_of(directory: &TestDirectory, table: &str) -> i64 {
    number(&directory.data(), &format!("SELECT count(*) FROM {table}"))
}

#[test]
fn what_is_buffered_is_read_found_and_published_once() {
    let directory = left_by_a_killed_server();
    assert_intact(&directory);
    let store = TestStore::file(&directory);
    let opened = store.open(&room("den"), 3).unwrap();
    assert_eq!((opened.past.seq, texts(&opened.past.recent).first().map(|(seq, _)| *seq)), (4, Some(2)));
    let all = page(&*store, "den", Span::After(0));
    assert_eq!((all.oldest, all.newest), (1, 4));
    assert_eq!(texts(&all.messages), [1, 2, 3, 4].map(|seq| (seq, format!("word den {seq}"))));
    let found = store.search(&room("den"), "word", u64::MAX, 3).unwrap().messages;
    assert_eq!(found.iter().map(|message| message.seq).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(store.search_rooms("word", None, 9, &|_| Some(roomd::chat::Time(0))).unwrap().messages.len(), 8);
    let mut log = opened.room_log;
    let repeats = [1, 3, 4].map(|seq| message("Anna", "again", &format!("m{seq}")));
    let outcomes = log.outcomes(&repeats).unwrap();
    assert!(matches!(
        outcomes[..],
        [Outcome::Repeat { seq: 1, .. }, Outcome::Repeat { seq: 3, .. }, Outcome::Repeat { seq: 4, .. }]
    ));
    assert_eq!(log.outcomes(&[message("Otto", "mine", "m4")]), Ok(vec![Outcome::Stored { seq: 5 }]));
}

#[test]
fn what_is_buffered_is_merged_when_nobody_publishes_and_its_mids_are_kept() {
    let directory = left_by_a_killed_server();
    let store = TestStore::file(&directory);
    until("all is merged", || number_of(&directory, "buffered") == 0);
    assert_eq!(["messages", "mids"].map(|table| number_of(&directory, table)), [8, 8]);
    let outcomes = room_log(&*store, "hall").outcomes(&[message("Anna", "again", "m3")]).unwrap();
    assert!(matches!(outcomes[..], [Outcome::Repeat { seq: 3, .. }]));
    until("all is indexed", || number(&directory.data(), "SELECT min(indexed) FROM rooms") == 4);
    drop(store);
    assert_intact(&directory);
}

#[test]
fn a_buffered_message_is_edited_deleted_and_pruned_like_any_other() {
    let directory = left_by_a_killed_server();
    let retention = Retention { count: 3, ..Retention::default() };
    let store = TestStore::with(&directory.data(), |options| options.retention = retention).unwrap();
    let mut log = room_log(&*store, "den");
    assert_eq!(log.outcomes(&[edit("Anna", 3, "other"), delete("Anna", 4)]), Ok(vec![Outcome::Changed; 2]));
    assert_eq!(texts(&page(&*store, "den", Span::After(2)).messages), [(3, "other".to_owned()), (4, "-".to_owned())]);
    for name in ["den", "hall"] {
        until("the oldest is pruned", || page(&*store, name, Span::After(0)).oldest == 2);
    }
    drop((log, store));
    assert_intact(&directory);
}

#[test]
fn messages_of_many_rooms_under_constant_load_are_stored_once_and_merged() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    thread::scope(|scope| {
        for number in 0..20 {
            let mut log = room_log(&*store, &format!("room-{number}"));
            scope.spawn(move || {
                for round in 1..=90 {
                    let mids = [format!("a{round}"), format!("b{round}")];
                    let [one, two] = mids.each_ref().map(|mid| message("Anna", "word", mid));
                    let outcomes = log.outcomes(&[one, two.clone(), two]).unwrap();
                    let seq = round * 2;
                    assert_eq!(outcomes[..2], [Outcome::Stored { seq: seq - 1 }, Outcome::Stored { seq }]);
                    assert!(matches!(outcomes[2], Outcome::Repeat { seq: found, .. } if found == seq));
                }
                let outcomes = log.outcomes(&[message("Anna", "again", "a1"), message("Anna", "again", "b90")]);
                assert!(matches!(
                    outcomes.unwrap()[..],
                    [Outcome::Repeat { seq: 1, .. }, Outcome::Repeat { seq: 180, .. }]
                ));
            });
        }
    });
    drop(store);
    assert_eq!(["messages", "mids", "buffered"].map(|table| number_of(&directory, table)), [3_600, 3_600, 0]);
    assert_intact(&directory);
}
