//! Retention: which messages are deleted, and that numbers, `mid`s and open rooms take no harm.
//!
//! Deletion goes on in the background: each test waits for its result.

use std::time::Duration;

use roomd::chat::{Outcome, Receipt, Span, Time};
use roomd::store::administration::{BoundChange, RetentionChange, RetentionOverride};
use roomd::store::{Page, Retention};

use super::Promise::{Administration, Reopening};
use super::{Fixture, each};
use crate::drafts::{OnlyLog as _, edit, mark, message, message_at, page, room, room_log};
use crate::harness::{TestStore, until};

const KEEP_ALL: Retention = Retention { age: Duration::ZERO, count: 0 };

fn den(store: &TestStore) -> Page {
    page(&**store, "den", Span::After(0))
}

/// A history of ten messages of the times 100, 200, …, which is closed.
fn ten(fixture: &Fixture) {
    let store = fixture.open();
    let mut room_log = room_log(&*store, "den");
    for number in 1..=10 {
        room_log.append(&[message_at("Anna", number * 100, &format!("word {number}"), &format!("m{number}"))]).unwrap();
    }
}

/// Opens it with this retention at this time, and waits until the oldest message is this one.
fn swept(fixture: &Fixture, retention: Retention, now: u64, oldest: u64) -> TestStore {
    let store = fixture.open_retaining(retention, now);
    until("the sweep is over", || den(&store).oldest == oldest);
    store
}

#[test]
fn the_oldest_are_deleted_by_count_and_numbers_and_mids_stay() {
    each(Reopening, |fixture| {
        ten(fixture);
        let store = swept(fixture, Retention { count: 3, ..KEEP_ALL }, 0, 8);
        assert_eq!(den(&store).messages.len(), 3);
        assert_eq!(store.search(&room("den"), "word", u64::MAX, 100).unwrap().messages.len(), 3);
        assert_eq!(store.receipts(&room("den"), 7).unwrap(), None);
        let mut room_log = store.open(&room("den"), 100).unwrap().room_log;
        let drafts = [message("Anna", "again", "m1"), edit("Anna", 7, "x"), message("Anna", "eleven", "")];
        let outcomes = [Outcome::Repeat { seq: 1, at: Time(100) }, Outcome::Missing, Outcome::Stored { seq: 11 }];
        assert_eq!(room_log.outcomes(&drafts).unwrap(), outcomes);
    });
}

#[test]
fn the_oldest_are_deleted_by_age_up_to_the_first_that_is_young_enough() {
    each(Reopening, |fixture| {
        ten(fixture);
        let store = swept(fixture, Retention { age: Duration::from_millis(500), count: 0 }, 1_000, 5);
        assert_eq!((den(&store).oldest, den(&store).newest), (5, 10));
    });
}

#[test]
fn an_old_message_behind_a_young_one_stays() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        for at in [100, 900, 200, 300, 950] {
            room_log.append(&[message_at("Anna", at, "x", "")]).unwrap();
        }
        drop(room_log);
        drop(store);
        let store = swept(fixture, Retention { age: Duration::from_millis(500), count: 0 }, 1_000, 2);
        let times: Vec<_> = den(&store).messages.iter().map(|message| message.at.0).collect();
        assert_eq!(times, [900, 200, 300, 950]);
    });
}

#[test]
fn numbering_continues_when_no_message_is_left() {
    each(Reopening, |fixture| {
        ten(fixture);
        drop(swept(fixture, Retention { age: Duration::from_millis(1), count: 0 }, 1 << 40, 11));
        let store = fixture.open();
        let opened = store.open(&room("den"), 9).unwrap();
        assert_eq!((opened.past.seq, opened.past.recent.len()), (10, 0));
        let page = den(&store);
        assert_eq!((page.oldest, page.newest, page.messages.len()), (11, 10, 0));
        let mut room_log = opened.room_log;
        assert_eq!(room_log.outcomes(&[message("Anna", "eleven", "")]), Ok(vec![Outcome::Stored { seq: 11 }]));
    });
}

#[test]
fn a_room_has_its_own_retention_also_against_the_servers() {
    each(Administration, |fixture| {
        ten(fixture);
        let count = |count| RetentionChange { age_ms: None, count: Some(count) };
        let set = |value| fixture.administration().retain(&room("den"), count(BoundChange::Set(value))).unwrap();
        let own = RetentionOverride { age_ms: None, count: Some(2) };
        assert_eq!(set(2), own);
        assert_eq!(fixture.administration().retain(&room("den"), RetentionChange::default()).unwrap(), own);
        drop(swept(fixture, KEEP_ALL, 0, 9));
        set(0);
        let store = fixture.open_retaining(Retention { count: 1, ..KEEP_ALL }, 0);
        // Another room shows that a sweep has passed.
        store
            .open(&room("hall"), 0)
            .unwrap()
            .room_log
            .append(&[message("Anna", "1", ""), message("Anna", "2", "")])
            .unwrap();
        drop(store);
        let store = fixture.open_retaining(Retention { count: 1, ..KEEP_ALL }, 0);
        until("the sweep is over", || page(&*store, "hall", Span::After(0)).oldest == 2);
        assert_eq!(den(&store).oldest, 9);
        drop(store);
        let cleared = fixture.administration().retain(&room("den"), count(BoundChange::Clear)).unwrap();
        assert_eq!(cleared, RetentionOverride::default());
        drop(swept(fixture, Retention { count: 1, ..KEEP_ALL }, 0, 10));
    });
}

#[test]
fn the_newest_mark_of_each_user_stays() {
    each(Reopening, |fixture| {
        ten(fixture);
        let store = fixture.open();
        let mut log = room_log(&*store, "den");
        log.mark(&[
            mark("Otto", Receipt::Read, 3, 3),
            mark("Otto", Receipt::Read, 9, 9),
            mark("Cleo", Receipt::Read, 2, 2),
        ]);
        drop(log);
        drop(store);
        let store = swept(fixture, Retention { count: 5, ..KEEP_ALL }, 0, 6);
        let marks = [mark("Cleo", Receipt::Read, 2, 2), mark("Otto", Receipt::Read, 9, 9)];
        assert_eq!(store.open(&room("den"), 0).unwrap().marks, marks);
    });
}

#[test]
fn an_open_room_learns_how_far_its_messages_were_deleted() {
    each(Reopening, |fixture| {
        ten(fixture);
        // The sweep asks for the time first, and waits for it until the room is open.
        let (opened, wait) = crossbeam_channel::bounded::<()>(0);
        let store = TestStore::with(&fixture.url(), |options| {
            options.retention = Retention { count: 2, ..KEEP_ALL };
            options.now = Box::new(move || Time(wait.recv().map_or(0, |()| 0)));
        });
        let store = store.unwrap();
        let room_log = store.open(&room("den"), 9).unwrap().room_log;
        assert_eq!(room_log.pruned(), 0);
        drop(opened);
        until("the sweep is over", || room_log.pruned() == 8);
        assert_eq!(den(&store).oldest, 9);
    });
}
