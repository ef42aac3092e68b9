//! What a history keeps of each message, and what it keeps when it is closed.
//!
//! Also the opposite: a room that was only opened leaves nothing behind, and a backend without a history claims none.

use roomd::chat::{About, Body, Key, Message, Mid, Publication, Time};
use roomd::chat::{Operation, Outcome, Span};
use roomd::store::{ChangesQuery, PageQuery};

use super::Promise::{Exclusion, History, Numbering, Reopening};
use super::{Promise, each};
use crate::drafts::{OnlyLog as _, delete, draft, message, page, room, room_log, texts, user};

#[test]
fn a_message_is_read_back_as_it_was_stored() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        // 16 MiB, the longest that a message can be.
        let long = "ß words ".repeat(16 * 1024 * 1024 / 9);
        let bodies = [Body::Text("a\0\u{1f600}\n\"".into()), Body::Cipher("{\"n\":1}".into()), Body::Text(long.into())];
        let abouts = [None, Some(About::Reply(1)), Some(About::Reaction(2))];
        for ((at, body), about) in (7..).zip(&bodies).zip(abouts) {
            let (to, mid) = (Some(user("Otto")), Mid::parse(&format!("m{at}")).ok());
            let publication = Publication { about, mid, key: Key::parse("k").ok(), ..Publication::new(body.clone()) };
            room_log.append(&[draft("Anna", at, Operation::Publish { to, publication })]).unwrap();
        }
        let stored = page(&*store, "den", Span::After(0)).messages;
        assert_eq!(stored.len(), bodies.len());
        for ((message, (at, body)), about) in stored.iter().zip((7..).zip(bodies)).zip(abouts) {
            let (room, user, to, mid) =
                (room("den"), user("Anna"), Some(user("Otto")), Mid::parse(&format!("m{at}")).ok());
            let (seq, at, edited) = (at - 6, Time(at), None);
            assert!(
                *message
                    == Message {
                        to,
                        about,
                        mid,
                        key: Key::parse("k").ok(),
                        edited,
                        ..Message::new(room, user, body, seq, at)
                    },
                "message {seq}"
            );
        }
    });
}

#[test]
fn a_room_without_a_message_leaves_nothing_behind() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        drop(room_log(&*store, "den"));
        let query = PageQuery { span: Span::After(0), count: 1, bytes: 1 };
        assert_eq!(store.page(&room("den"), query).unwrap(), None);
        assert_eq!(store.receipts(&room("den"), 1).unwrap(), None);
        assert_eq!(store.audit(&room("den"), u64::MAX, 9).unwrap(), None);
        assert_eq!(store.search(&room("den"), "one", u64::MAX, 9).unwrap().messages, []);
        assert_eq!(store.changes(&room("den"), 0, ChangesQuery { seen: 1, count: 9, bytes: 9 }).unwrap(), []);
        assert_eq!(store.policies().unwrap(), []);
    });
}

#[test]
fn only_a_backend_with_a_history_says_that_it_keeps_one() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let history = fixture.backend.promises.contains(&Promise::History);
        let mut opened = store.open(&room("den"), 9).unwrap();
        opened.room_log.append(&[message("Anna", "one", "")]).unwrap();
        assert_eq!(opened.past.kept, history);
        assert_eq!(store.keeps_offline_messages(), history);
        let query = PageQuery { span: Span::After(0), count: 1, bytes: 1 };
        assert_eq!(store.page(&room("den"), query).unwrap().is_some(), history);
    });
}

#[test]
fn rooms_do_not_see_each_other() {
    each(History, |fixture| {
        let store = fixture.open();
        let (mut den, mut hall) = (room_log(&*store, "den"), room_log(&*store, "hall"));
        den.append(&[message("Anna", "den one", "")]).unwrap();
        hall.append(&[message("Anna", "hall one", "")]).unwrap();
        den.append(&[message("Anna", "den two", ""), delete("Anna", 1)]).unwrap();
        assert_eq!(texts(&page(&*store, "hall", Span::After(0)).messages), [(1, "hall one".to_owned())]);
        assert_eq!(store.changes(&room("hall"), 0, ChangesQuery { seen: 1, count: 9, bytes: 1 << 20 }).unwrap(), []);
        assert_eq!(store.search(&room("hall"), "den", u64::MAX, 9).unwrap().messages, []);
    });
}

#[test]
fn a_closed_store_opens_no_room_and_an_open_room_goes_on() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        store.close();
        assert!(store.open(&room("den"), 0).is_err());
        assert_eq!(room_log.outcomes(&[message("Anna", "one", "")]).unwrap(), [Outcome::Stored { seq: 1 }]);
        assert_eq!(page(&*store, "den", Span::After(0)).messages.len(), 1);
    });
}

#[test]
fn a_history_is_there_when_it_is_opened_again() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Anna", "one", "m"), message("Otto", "two", "")]).unwrap();
        room_log.append(&[delete("Otto", 2)]).unwrap();
        let before = page(&*store, "den", Span::After(0));
        drop(room_log);
        drop(store);
        let store = fixture.open();
        assert_eq!(page(&*store, "den", Span::After(0)), before);
        let drafts = [message("Anna", "again", "m"), message("Anna", "three", "")];
        let outcomes = store.open(&room("den"), 0).unwrap().room_log.outcomes(&drafts).unwrap();
        assert_eq!(outcomes, [Outcome::Repeat { seq: 1, at: Time(1) }, Outcome::Stored { seq: 3 }]);
    });
}

#[test]
fn two_servers_on_one_history_are_refused() {
    each(Exclusion, |fixture| {
        let store = fixture.open();
        let error = fixture.try_open().err().expect("it was opened twice").to_string();
        assert!(error.contains("is in use by another roomd"), "{error}");
        drop(store);
        drop(fixture.open());
    });
}
