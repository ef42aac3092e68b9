//! What goes by retention, and what stays when it has gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use roomd::chat::{Body, Operation, Outcome, Receipt, ReceiptMark, Span, Time};
use roomd::store::sqlite::{DataFile, RetentionOverride};
use roomd::store::{Page, PageQuery, Retention, Store};

use crate::claims::{draft, edit, request, room, user};
use crate::harness::{Keeper, Place, direct, number, until};
use crate::kept::texts;

const KEEP_ALL: Retention = Retention { age: Duration::ZERO, count: 0 };

fn kept(store: &dyn Store) -> Page {
    store.page(&room("den"), PageQuery { span: Span::After(0), count: 1_000, bytes: 1 << 20 }).unwrap().unwrap()
}

/// A history of ten messages of the times 100, 200, …, which no server keeps open.
fn ten(place: &Place) {
    let keeper = Keeper::file(place);
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    for at in 1..=10 {
        let operation = Operation::Publish {
            to: None,
            body: Body::Text(format!("word {at}").into()),
            about: None,
            mid: roomd::chat::Mid::parse(&format!("m{at}")).ok(),
        };
        room_log.append(&[draft("Anna", at * 100, operation)]).unwrap();
    }
}

/// Opens it with this retention at this time, and waits for the first sweep.
fn swept(place: &Place, retention: Retention, now: u64, oldest: u64) -> Keeper {
    let keeper = Keeper::retaining(place, retention, &Arc::new(AtomicU64::new(now)));
    until("the sweep is over", || kept(&*keeper).oldest == oldest);
    keeper
}

#[test]
fn the_oldest_go_by_count_and_numbers_and_mids_stay() {
    let place = Place::new();
    ten(&place);
    let keeper = swept(&place, Retention { count: 3, ..KEEP_ALL }, 0, 8);
    assert_eq!(texts(&kept(&*keeper).messages).len(), 3);
    assert_eq!(keeper.search(&room("den"), "word", u64::MAX, 100).unwrap().len(), 3);
    assert_eq!(keeper.receipts(&room("den"), 7).unwrap(), None);
    let mut room_log = keeper.open(&room("den"), 100).unwrap().room_log;
    let outcomes =
        room_log.append(&[request("Anna", "again", "m1"), edit("Anna", 7, "x"), request("Anna", "eleven", "")]);
    assert_eq!(
        outcomes,
        Ok(vec![Outcome::Repeat { seq: 1, at: Time(100) }, Outcome::Missing, Outcome::Stored { seq: 11 }])
    );
    drop(room_log);
    drop(keeper);
    assert!(place.roomd(&["check"]).output().unwrap().status.success());
}

#[test]
fn the_oldest_go_by_age_up_to_the_first_that_is_young_enough() {
    let place = Place::new();
    ten(&place);
    let keeper = swept(&place, Retention { age: Duration::from_millis(500), count: 0 }, 1_000, 5);
    assert_eq!((kept(&*keeper).oldest, kept(&*keeper).newest), (5, 10));
}

#[test]
fn after_everything_went_numbering_goes_on() {
    let place = Place::new();
    ten(&place);
    drop(swept(&place, Retention { age: Duration::from_millis(1), count: 0 }, 1 << 40, 11));
    let keeper = Keeper::file(&place);
    let opened = keeper.open(&room("den"), 9).unwrap();
    assert_eq!((opened.past.seq, opened.past.recent.len()), (10, 0));
    let page = kept(&*keeper);
    assert_eq!((page.oldest, page.newest, page.messages.len()), (11, 10, 0));
    let mut room_log = opened.room_log;
    assert_eq!(room_log.append(&[request("Anna", "eleven", "")]), Ok(vec![Outcome::Stored { seq: 11 }]));
}

#[test]
fn a_clock_that_jumped_leaves_no_gap() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    for at in [100, 900, 200, 300, 950] {
        room_log
            .append(&[draft(
                "Anna",
                at,
                Operation::Publish { to: None, body: Body::Text("x".into()), about: None, mid: None },
            )])
            .unwrap();
    }
    drop(room_log);
    drop(keeper);
    // The third and the fourth are old, and stand behind one that is young.
    let keeper = swept(&place, Retention { age: Duration::from_millis(500), count: 0 }, 1_000, 2);
    assert_eq!(kept(&*keeper).messages.iter().map(|message| message.at.0).collect::<Vec<_>>(), [900, 200, 300, 950]);
    drop(keeper);
    // A clock that stands before all of them takes nothing away.
    let keeper = Keeper::retaining(&place, Retention { age: Duration::from_millis(1), count: 0 }, &Arc::default());
    until("the sweep and the index are over", || number(&place.data(), "SELECT indexed FROM rooms") == 5);
    assert_eq!(kept(&*keeper).oldest, 2);
}

#[test]
fn a_room_has_its_own_word() {
    let place = Place::new();
    ten(&place);
    let archive = DataFile::named(&place.data()).unwrap();
    let word = RetentionOverride { age_ms: None, count: Some(2) };
    assert_eq!(archive.retain(&room("den"), |it| it.count = Some(2)).unwrap(), word);
    assert_eq!(archive.retain(&room("den"), |_| ()).unwrap(), word);
    drop(swept(&place, KEEP_ALL, 0, 9));
    archive.retain(&room("den"), |it| it.count = Some(0)).unwrap();
    let keeper = Keeper::retaining(&place, Retention { count: 1, ..KEEP_ALL }, &Arc::default());
    until("the index is whole", || number(&place.data(), "SELECT indexed FROM rooms") == 10);
    assert_eq!(kept(&*keeper).oldest, 9);
    drop(keeper);
    archive.retain(&room("den"), |it| it.count = None).unwrap();
    drop(swept(&place, Retention { count: 1, ..KEEP_ALL }, 0, 10));
}

#[test]
fn a_room_whose_word_came_before_its_first_message_begins_like_any_other() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    let opened = keeper.open(&room("den"), 0).unwrap();
    DataFile::named(&place.data()).unwrap().retain(&room("den"), |word| word.count = Some(5)).unwrap();
    let mut room_log = opened.room_log;
    assert_eq!(room_log.append(&[request("Anna", "one", "")]), Ok(vec![Outcome::Stored { seq: 1 }]));
    assert_eq!(kept(&*keeper).epoch, opened.past.epoch);
    assert_eq!(number(&place.data(), "SELECT retain_count FROM rooms"), 5);
}

#[test]
fn marks_of_what_is_gone_go_too_but_for_the_newest_of_each() {
    let place = Place::new();
    ten(&place);
    let keeper = Keeper::file(&place);
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    let mark = |who: &str, seq| ReceiptMark { user: user(who), receipt: Receipt::Read, seq, at: Time(seq) };
    room_log.mark(&[mark("Otto", 1), mark("Otto", 3), mark("Otto", 9), mark("Cleo", 2)]);
    room_log.append(&[request("Anna", "eleven", "")]).unwrap();
    drop(room_log);
    drop(keeper);
    let keeper = swept(&place, Retention { count: 5, ..KEEP_ALL }, 0, 7);
    until("the marks are gone", || number(&place.data(), "SELECT count(*) FROM marks") == 2);
    assert_eq!(keeper.open(&room("den"), 0).unwrap().marks, [mark("Cleo", 2), mark("Otto", 9)]);
}

#[test]
fn a_sweep_of_many_rooms_and_messages_ends() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    for number in 0..250 {
        let mut room_log = keeper.open(&room(&format!("room-{number}")), 0).unwrap().room_log;
        let count = if number == 7 { 1_000 } else { 2 };
        let drafts: Vec<_> = (0..count).map(|number| request("Anna", &format!("{number}"), "")).collect();
        room_log.append(&drafts).unwrap();
    }
    drop(keeper);
    let clock = Arc::new(AtomicU64::new(0));
    let keeper = Keeper::retaining(&place, Retention { count: 1, ..KEEP_ALL }, &clock);
    until("one message a room is left", || number(&place.data(), "SELECT count(*) FROM messages") == 250);
    clock.store(1, Ordering::Relaxed);
    drop(keeper);
    assert!(place.roomd(&["check"]).output().unwrap().status.success());
    assert_eq!(direct(&place.data()).query_row("SELECT sum(pruned) FROM rooms", [], |row| row.get(0)), Ok(249 + 999));
}

#[test]
fn an_open_history_says_how_far_it_was_taken_away() {
    let place = Place::new();
    ten(&place);
    // The sweep begins by asking for the time, and is not told before the history is open.
    let (told, ask) = crossbeam_channel::bounded::<()>(0);
    let keeper = Keeper::with(&place.data(), |plan| {
        plan.retention = Retention { count: 2, ..KEEP_ALL };
        plan.now = Box::new(move || Time(ask.recv().map_or(0, |()| 0)));
    });
    let keeper = keeper.unwrap();
    let room_log = keeper.open(&room("den"), 9).unwrap().room_log;
    assert_eq!(room_log.pruned(), 0);
    drop(told);
    until("the sweep is over", || room_log.pruned() == 8);
    assert_eq!(kept(&*keeper).oldest, 9);
}
