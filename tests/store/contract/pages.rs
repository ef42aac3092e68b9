//! Pages of a history: any part of it, in the order of the numbers, within bounds.
//!
//! The bounds are messages and bytes; one message always fits.

use roomd::chat::{Outcome, Span};
use roomd::store::PageQuery;

use super::Promise::History;
use super::each;
use crate::drafts::{OnlyLog as _, message, message_at, room, room_log};

#[test]
fn a_page_is_any_part_of_a_history_within_its_bounds() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        let drafts: Vec<_> = (1..=10).map(|i| message("Anna", &format!("{i:010}"), "")).collect();
        room_log.append(&drafts).unwrap();
        let seqs = |span, count, bytes| {
            let page = store.page(&room("den"), PageQuery { span, count, bytes }).unwrap().unwrap();
            assert_eq!((page.oldest, page.newest), (1, 10));
            page.messages.iter().map(|message| message.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(Span::Before(u64::MAX), 3, 1000), [8, 9, 10]);
        assert_eq!(seqs(Span::Before(3), 9, 1000), [1, 2]);
        assert_eq!(seqs(Span::After(7), 9, 1000), [8, 9, 10]);
        assert_eq!(seqs(Span::After(0), 2, 1000), [1, 2]);
        assert_eq!(seqs(Span::After(2), 9, 25), [3, 4]);
        assert_eq!(seqs(Span::Before(9), 9, 25), [7, 8]);
        assert_eq!(seqs(Span::After(2), 9, 0), [3]);
        for empty in [Span::Before(0), Span::Before(1), Span::After(10), Span::After(1 << 40), Span::After(u64::MAX)] {
            assert_eq!(seqs(empty, 9, 1000), [0; 0], "{empty:?}");
        }
        assert_eq!(seqs(Span::After(0), 0, 1000), [0; 0]);
    });
}

#[test]
fn a_page_says_whether_anything_lies_beyond_it() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        let drafts: Vec<_> = (1..=5).map(|i| message("Anna", &format!("{i}"), "")).collect();
        room_log.append(&drafts).unwrap();
        for (span, complete) in [
            (Span::Before(6), false),
            (Span::Before(4), true),
            (Span::Before(1), true),
            (Span::After(0), false),
            (Span::After(2), true),
            (Span::After(5), true),
        ] {
            let page = store.page(&room("den"), PageQuery { span, count: 3, bytes: 99 }).unwrap().unwrap();
            assert_eq!(page.is_complete(span), complete, "{span:?}");
        }
    });
}

#[test]
fn order_is_that_of_the_numbers_whatever_the_times() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        for (seq, at) in [(1, 1_000), (2, 500), (3, 0), (4, 2_000)] {
            let outcomes = room_log.outcomes(&[message_at("Anna", at, "x", "")]).unwrap();
            assert_eq!(outcomes, [Outcome::Stored { seq }]);
        }
        drop(room_log);
        let opened = store.open(&room("den"), 9).unwrap();
        let times: Vec<_> = opened.past.recent.iter().map(|message| message.at.0).collect();
        assert_eq!(times, [1_000, 500, 0, 2_000]);
    });
}
