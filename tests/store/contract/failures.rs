//! An append that fails stores nothing of its drafts, and the next one succeeds.
//!
//! The backend's row in the table says how a test makes it fail.

use roomd::chat::{Outcome, Span, StoreFailed};

use super::Promise::Failures;
use super::each;
use crate::drafts::{OnlyLog as _, edit, message, page, room_log, texts};
use crate::harness::TestStore;

#[test]
fn an_append_that_fails_stores_nothing_and_uses_no_number_and_no_mid() {
    each(Failures, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Anna", "one", "")]).unwrap();
        fixture.fail_appends();
        let drafts = [
            message("Anna", "two", "m2"),
            message("Anna", "three", "m3"),
            edit("Anna", 1, "x"),
            message("Anna", "fail", ""),
        ];
        assert_eq!(room_log.outcomes(&drafts), Err(StoreFailed));
        assert_eq!(texts(&page(&*store, "den", Span::After(0)).messages), [(1, "one".to_owned())]);
        let outcomes = room_log.outcomes(&drafts[..2]);
        assert_eq!(outcomes, Ok(vec![Outcome::Stored { seq: 2 }, Outcome::Stored { seq: 3 }]));
    });
}

#[test]
fn a_first_append_that_fails_leaves_no_room() {
    each(Failures, |fixture| {
        let store = fixture.open();
        drop(room_log(&*store, "hall").append(&[message("Anna", "one", "")]));
        fixture.fail_appends();
        let mut room_log = room_log(&*store, "den");
        assert_eq!(room_log.outcomes(&[message("Anna", "fail", "")]), Err(StoreFailed));
        assert_eq!(store.receipts(&crate::drafts::room("den"), 1), Ok(None));
        assert_eq!(room_log.outcomes(&[message("Anna", "one", "")]), Ok(vec![Outcome::Stored { seq: 1 }]));
    });
}

#[test]
fn each_attempt_to_store_drafts_is_reported_with_its_result() {
    each(Failures, |fixture| {
        let (report, reports) = crossbeam_channel::unbounded();
        let store = TestStore::with(&fixture.url(), |options| {
            options.on_commit = Box::new(move |commit| report.send((commit.drafts, commit.stored)).unwrap());
        });
        let store = store.unwrap();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Anna", "one", ""), message("Anna", "two", "")]).unwrap();
        fixture.fail_appends();
        room_log.append(&[message("Anna", "fail", "")]).unwrap_err();
        assert_eq!(reports.try_iter().collect::<Vec<_>>(), [(2, true), (1, false)]);
    });
}
