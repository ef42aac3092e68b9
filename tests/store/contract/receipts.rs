//! Marks and receipts: how far users have got, and when.
//!
//! A mark only advances.

use roomd::chat::Receipt;

use super::Promise::{History, Reopening};
use super::each;
use crate::drafts::{mark, message, room, room_log};

#[test]
fn marks_only_advance_and_say_when_a_message_was_reached() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Anna", "1", ""), message("Anna", "2", ""), message("Anna", "3", "")]).unwrap();
        room_log.mark(&[mark("Otto", Receipt::Received, 1, 10), mark("Otto", Receipt::Read, 1, 11)]);
        room_log.mark(&[mark("Otto", Receipt::Received, 3, 20), mark("Cleo", Receipt::Written, 2, 21)]);
        room_log.mark(&[mark("Otto", Receipt::Received, 2, 30)]);
        // Marks are written with the next message at the latest.
        room_log.append(&[message("Anna", "4", "")]).unwrap();
        let newest = [
            mark("Cleo", Receipt::Written, 2, 21),
            mark("Otto", Receipt::Received, 3, 20),
            mark("Otto", Receipt::Read, 1, 11),
        ];
        drop(room_log);
        assert_eq!(store.open(&room("den"), 0).unwrap().marks, newest);
        let covers = |seq| store.receipts(&room("den"), seq).unwrap();
        let first = mark("Otto", Receipt::Received, 1, 10);
        assert_eq!(covers(1), Some(vec![newest[0].clone(), first, newest[2].clone()]));
        assert_eq!(covers(2), Some(newest[..2].to_vec()));
        assert_eq!(covers(3), Some(newest[1..2].to_vec()));
        assert_eq!(covers(4), Some(vec![]));
        assert_eq!((covers(0), covers(5), covers(1 << 40), covers(u64::MAX)), (None, None, None, None));
    });
}

#[test]
fn marks_are_there_when_a_history_is_opened_again() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        let mut log = room_log(&*store, "den");
        log.append(&[message("Anna", "1", "")]).unwrap();
        log.mark(&[mark("Otto", Receipt::Read, 1, 10)]);
        drop(log);
        drop(store);
        assert_eq!(fixture.open().open(&room("den"), 0).unwrap().marks, [mark("Otto", Receipt::Read, 1, 10)]);
    });
}
