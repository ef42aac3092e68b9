//! Search: messages that contain each word, whatever their case and script, and nothing that was deleted.
//!
//! A search finds what was stored before it began.

use roomd::chat::{Body, Operation, Publication, RoomName, Time};

use super::Promise::History;
use super::each;
use crate::drafts::{delete, draft, edit, message, message_at, room, room_log};
use crate::harness::TestStore;

fn found(store: &TestStore, text: &str) -> Vec<u64> {
    store.search(&room("den"), text, u64::MAX, 100).unwrap().messages.iter().map(|message| message.seq).collect()
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
        let publication = Publication::new(body);
        room_log.append(&[draft("Anna", 1, Operation::Publish { to: None, publication })]).unwrap();
        for (text, seqs) in [
            ("hello", &[1, 2][..]),
            ("WORLD hello", &[1, 2]),
            ("world", &[1, 2]),
            ("again world", &[2]),
            ("hell", &[1, 2]),
            ("he", &[]),
            ("wör aga", &[2]),
            ("ello", &[]),
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
fn a_search_finds_words_that_no_space_sets_apart() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        let bodies = [
            "今日は天気がいいですね",
            "天に気をつけて",
            "明天的天气很好。我们去公园吧",
            "오늘은 학교에서 공부했습니다",
            "วันนี้อากาศดีมาก",
            "iPhoneを買った、テレビも",
            "ﾃﾝｷ",
            "ខ្ញុំស្រលាញ់",
        ];
        let drafts: Vec<_> = bodies.iter().map(|text| message("Anna", text, "")).collect();
        room_log.append(&drafts).unwrap();
        for (text, seqs) in [
            ("天気", &[1][..]),
            ("天", &[1, 2, 3]),
            ("ね", &[1]),
            ("天気が いい", &[1]),
            ("がいいです", &[1]),
            ("気天", &[]),
            ("公园", &[3]),
            ("天气", &[3]),
            ("학교", &[4]),
            ("학교에서", &[4]),
            ("공부", &[4]),
            ("아니", &[]),
            ("อากาศ", &[5]),
            ("วันนี้", &[5]),
            ("ดี", &[5]),
            ("iphone", &[6]),
            ("iPhoneを買", &[6]),
            ("テレビ", &[6]),
            ("テンキ", &[7]),
            ("ｃａｆｅ天", &[]),
            ("ស្រលាញ់", &[8]),
        ] {
            assert_eq!(found(&store, text), seqs, "{text:?}");
        }
    });
}

#[test]
fn a_search_finds_longer_words_unless_many_messages_have_the_word_itself() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Anna", "deployment", ""), message("Anna", "deploy", "")]).unwrap();
        assert_eq!(found(&store, "deploy"), [1, 2]);
        let drafts: Vec<_> = (0..99).map(|_| message("Anna", "deploy", "")).collect();
        room_log.append(&drafts).unwrap();
        let before = |before| {
            let found = store.search(&room("den"), "deploy", before, 300).unwrap();
            assert!(found.complete);
            found.messages.iter().map(|message| message.seq).collect::<Vec<_>>()
        };
        assert_eq!((before(u64::MAX).len(), before(3)), (100, vec![2]), "on each page");
    });
}

#[test]
fn a_search_of_several_rooms_finds_the_newest_of_those_that_are_readable() {
    each(History, |fixture| {
        let store = fixture.open();
        for (name, times) in [("den", [1, 5]), ("hall", [3, 4]), ("yard", [2, 6])] {
            let drafts = times.map(|at| message_at("Anna", at, "a zebra", ""));
            room_log(&*store, name).append(&drafts).unwrap();
        }
        let readable = |name: &RoomName| match name.as_str() {
            "den" => Some(Time(0)),
            "yard" => Some(Time(3)),
            _ => None,
        };
        let at = |before, count| {
            let found = store.search_rooms("zeb", before, count, &readable).unwrap();
            (found.messages.iter().map(|message| message.at.0).collect::<Vec<_>>(), found.complete, found.next)
        };
        let (first, complete, next) = at(None, 2);
        assert_eq!((first, complete), (vec![6, 5], false));
        assert_eq!(at(next, 2), (vec![1], true, None));
        assert_eq!(at(None, 3), (vec![6, 5, 1], true, None));
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
            let messages = store.search(&room("den"), "word", before, count).unwrap().messages;
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

#[test]
fn long_texts_are_stored_and_found_by_their_words() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        let numbers: String = (0..9_000).map(|number| format!("w{number} ")).collect();
        let texts = ["again ".repeat(10_000), numbers, format!("{} short", "x".repeat(3_000))];
        room_log.append(&texts.map(|text| message("Anna", &text, ""))).unwrap();
        room_log.append(&[message("Anna", &"then ".repeat(10_000), ""), edit("Anna", 4, "again and then")]).unwrap();
        for (text, seqs) in [("again", &[1, 4][..]), ("w0", &[2]), ("w8999", &[2]), ("short", &[3]), ("then", &[4])] {
            assert_eq!(found(&store, text), seqs, "{text:?}");
        }
    });
}
