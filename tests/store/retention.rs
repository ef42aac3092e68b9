//! Retention, where only the tables of SQLite show it: marks, the index, sweeps in many slices.
//!
//! The contract says which messages are deleted.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use roomd::chat::{Outcome, Receipt, Span};
use roomd::store::Retention;
use roomd::store::administration::{BoundChange, RetentionChange};

use crate::database::{direct, number};
use crate::drafts::{OnlyLog as _, mark, message, message_at, page, room, room_log};
use crate::harness::{TestDirectory, TestStore, until};

const KEEP_ALL: Retention = Retention { age: Duration::ZERO, count: 0 };

/// A history of ten messages of the times 100, 200, …, which is closed.
fn ten(directory: &TestDirectory) {
    let store = TestStore::file(directory);
    let mut room_log = room_log(&*store, "den");
    for at in 1..=10 {
        room_log.append(&[message_at("Anna", at * 100, &format!("word {at}"), &format!("m{at}"))]).unwrap();
    }
}

fn open_retaining(directory: &TestDirectory, retention: Retention, now: u64) -> TestStore {
    TestStore::retaining(&directory.data(), retention, &Arc::new(AtomicU64::new(now)))
}

#[test]
fn a_clock_before_every_message_deletes_nothing() {
    let directory = TestDirectory::new();
    ten(&directory);
    let store = open_retaining(&directory, Retention { age: Duration::from_millis(1), count: 0 }, 0);
    until("the sweep and the index are done", || number(&directory.data(), "SELECT indexed FROM rooms") == 10);
    assert_eq!(page(&*store, "den", Span::After(0)).oldest, 1);
}

#[test]
fn a_room_whose_retention_was_set_before_its_first_message_begins_like_any_other() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    let opened = store.open(&room("den"), 0).unwrap();
    let change = RetentionChange { age_ms: None, count: Some(BoundChange::Set(5)) };
    roomd::store::administration(&directory.data()).unwrap().retain(&room("den"), change).unwrap();
    let mut room_log = opened.room_log;
    assert_eq!(room_log.outcomes(&[message("Anna", "one", "")]), Ok(vec![Outcome::Stored { seq: 1 }]));
    assert_eq!(page(&*store, "den", Span::After(0)).epoch, opened.past.epoch);
    assert_eq!(number(&directory.data(), "SELECT retain_count FROM rooms"), 5);
}

#[test]
fn marks_of_deleted_messages_are_deleted_but_for_the_newest_of_each_user() {
    let directory = TestDirectory::new();
    ten(&directory);
    let store = TestStore::file(&directory);
    let mut room_log = store.open(&room("den"), 0).unwrap().room_log;
    let mark = |name: &str, seq| mark(name, Receipt::Read, seq, seq);
    room_log.mark(&[mark("Otto", 1), mark("Otto", 3), mark("Otto", 9), mark("Cleo", 2)]);
    room_log.append(&[message("Anna", "eleven", "")]).unwrap();
    drop(room_log);
    drop(store);
    let store = open_retaining(&directory, Retention { count: 5, ..KEEP_ALL }, 0);
    until("the marks are deleted", || number(&directory.data(), "SELECT count(*) FROM marks") == 2);
    assert_eq!(store.open(&room("den"), 0).unwrap().marks, [mark("Cleo", 2), mark("Otto", 9)]);
}

#[test]
fn a_sweep_of_many_rooms_and_messages_ends() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    for number in 0..250 {
        let mut room_log = store.open(&room(&format!("room-{number}")), 0).unwrap().room_log;
        let count = if number == 7 { 1_000 } else { 2 };
        let drafts: Vec<_> = (0..count).map(|number| message("Anna", &format!("{number}"), "")).collect();
        room_log.append(&drafts).unwrap();
    }
    drop(store);
    let store = open_retaining(&directory, Retention { count: 1, ..KEEP_ALL }, 0);
    until("one message per room is left", || number(&directory.data(), "SELECT count(*) FROM messages") == 250);
    drop(store);
    assert!(directory.roomd(&["check"]).output().unwrap().status.success());
    assert_eq!(
        direct(&directory.data()).query_row("SELECT sum(pruned) FROM rooms", [], |row| row.get(0)),
        Ok(249 + 999)
    );
}
