//! What a store promises that keeps what it numbers.
//!
//! Claims as in `claims`, run against each such store.

use roomd::chat::{About, Body, Message, Mid, Operation, Outcome, Receipt, ReceiptMark, Span, Time};
use roomd::store::{ChangesQuery, Page, PageQuery, Store};

use crate::claims::{Claim, delete, draft, edit, request, room, room_log, user};

/// A part of the history with all that fits.
pub fn page(store: &dyn Store, name: &str, span: Span) -> Page {
    store.page(&room(name), PageQuery { span, count: 1_000, bytes: 1 << 30 }).unwrap().expect("the room is kept")
}

/// What messages say, with their numbers.
pub fn texts(messages: &[Message]) -> Vec<(u64, String)> {
    let text = |message: &Message| match &message.body {
        Body::Text(text) | Body::Cipher(text) => text.to_string(),
        Body::Deleted => "-".to_owned(),
    };
    messages.iter().map(|message| (message.seq, text(message))).collect()
}

/// For stores that keep what they number.
pub const KEPT: [Claim; 9] = [
    ("a room goes on where it was", |store| {
        let opened = store.open(&room("den"), 10).unwrap();
        let (epoch, mut room_log) = (opened.past.epoch, opened.room_log);
        assert_eq!((opened.past.seq, opened.past.recent.len()), (0, 0));
        room_log
            .append(&[request("Anna", "one", "m"), request("Anna", "two", ""), request("Anna", "three", "")])
            .unwrap();
        drop(room_log);
        let mut opened = store.open(&room("den"), 2).unwrap();
        assert_eq!((&opened.past.epoch, opened.past.seq), (&epoch, 3));
        assert_eq!(texts(&opened.past.recent), [(2, "two".to_owned()), (3, "three".to_owned())]);
        let outcomes = opened.room_log.append(&[request("Anna", "again", "m"), request("Anna", "four", "")]).unwrap();
        assert_eq!(outcomes, [Outcome::Repeat { seq: 1, at: Time(1) }, Outcome::Stored { seq: 4 }]);
    }),
    ("a room in which nothing was said leaves nothing behind", |store| {
        drop(room_log(store, "den"));
        let query = PageQuery { span: Span::After(0), count: 1, bytes: 1 };
        assert_eq!(store.page(&room("den"), query).unwrap(), None);
        assert_eq!(store.receipts(&room("den"), 1).unwrap(), None);
        assert_eq!(store.search(&room("den"), "one", u64::MAX, 9).unwrap(), []);
    }),
    ("everything that a message is comes back", |store| {
        let mut room_log = room_log(store, "den");
        // 16 MiB, the longest that a message can be.
        let long = "ß words ".repeat(16 * 1024 * 1024 / 9);
        let bodies = [Body::Text("a\0\u{1f600}\n\"".into()), Body::Cipher("{\"n\":1}".into()), Body::Text(long.into())];
        let abouts = [None, Some(About::Reply(1)), Some(About::Reaction(2))];
        for ((at, body), about) in (7..).zip(&bodies).zip(abouts) {
            let operation = Operation::Publish {
                to: Some(user("Otto")),
                body: body.clone(),
                about,
                mid: Mid::parse(&format!("m{at}")).ok(),
            };
            room_log.append(&[draft("Anna", at, operation)]).unwrap();
        }
        let kept = page(store, "den", Span::After(0)).messages;
        for ((message, (at, body)), about) in kept.iter().zip((7..).zip(bodies)).zip(abouts) {
            let (room, user, to, mid) =
                (room("den"), user("Anna"), Some(user("Otto")), Mid::parse(&format!("m{at}")).ok());
            let (seq, at, edited) = (at - 6, Time(at), None);
            assert_eq!(*message, Message { room, user, to, body, about, seq, mid, at, edited });
        }
    }),
    ("any part of a history can be had", |store| {
        let mut room_log = room_log(store, "den");
        let drafts: Vec<_> = (1..=10).map(|i| request("Anna", &format!("{i:010}"), "")).collect();
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
    }),
    ("changes keep their number, and are told to whoever may not know", |store| {
        let mut room_log = room_log(store, "den");
        room_log.append(&[request("Anna", "one", ""), request("Anna", "two", "")]).unwrap();
        room_log.append(&[edit("Anna", 1, "eins")]).unwrap();
        room_log.append(&[request("Anna", "three", ""), request("Anna", "four", "")]).unwrap();
        room_log.append(&[delete("Anna", 2)]).unwrap();
        let all = page(store, "den", Span::After(0));
        let now = [(1, "eins"), (2, "-"), (3, "three"), (4, "four")].map(|(seq, text)| (seq, text.to_owned()));
        assert_eq!(texts(&all.messages), now);
        assert_eq!((all.messages[0].edited, all.messages[1].edited), (Some(Time(2)), Some(Time(3))));
        let query = |seen, count| ChangesQuery { seen, count, bytes: 1 << 20 };
        let changed = |seen| texts(&store.changes(&room("den"), 0, query(seen, 9)).unwrap());
        assert_eq!(changed(0), []);
        assert_eq!(changed(1), now[..1]);
        assert_eq!(changed(2), now[..2]);
        assert_eq!(changed(3), now[1..2]);
        assert_eq!(changed(4), now[1..2]);
        // A part at a time.
        let part = |after| texts(&store.changes(&room("den"), after, query(2, 1)).unwrap());
        assert_eq!((&part(0)[..], &part(1)[..], &part(2)[..]), (&now[..1], &now[1..2], &now[..0]));
    }),
    ("order is that of the numbers, whatever the clock says", |store| {
        let mut room_log = room_log(store, "den");
        for (seq, at) in [(1, 1_000), (2, 500), (3, 0), (4, 2_000)] {
            let operation = Operation::Publish { to: None, body: Body::Text("x".into()), about: None, mid: None };
            assert_eq!(room_log.append(&[draft("Anna", at, operation)]).unwrap(), [Outcome::Stored { seq }]);
        }
        drop(room_log);
        let opened = store.open(&room("den"), 9).unwrap();
        assert_eq!(opened.past.recent.iter().map(|message| message.at.0).collect::<Vec<_>>(), [1_000, 500, 0, 2_000]);
    }),
    ("marks only go forward, and say when a message was reached", |store| {
        let mark = |who: &str, receipt, seq, at| ReceiptMark { user: user(who), receipt, seq, at: Time(at) };
        let mut room_log = room_log(store, "den");
        room_log.append(&[request("Anna", "1", ""), request("Anna", "2", ""), request("Anna", "3", "")]).unwrap();
        room_log.mark(&[mark("Otto", Receipt::Received, 1, 10), mark("Otto", Receipt::Read, 1, 11)]);
        room_log.mark(&[mark("Otto", Receipt::Received, 3, 20), mark("Cleo", Receipt::Written, 2, 21)]);
        room_log.mark(&[mark("Otto", Receipt::Received, 2, 30)]);
        // The next message takes them along.
        room_log.append(&[request("Anna", "4", "")]).unwrap();
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
    }),
    ("rooms do not see each other", |store| {
        let (mut den, mut hall) = (room_log(store, "den"), room_log(store, "hall"));
        den.append(&[request("Anna", "den one", "")]).unwrap();
        hall.append(&[request("Anna", "hall one", "")]).unwrap();
        den.append(&[request("Anna", "den two", ""), delete("Anna", 1)]).unwrap();
        assert_eq!(texts(&page(store, "hall", Span::After(0)).messages), [(1, "hall one".to_owned())]);
        assert_eq!(store.changes(&room("hall"), 0, ChangesQuery { seen: 1, count: 9, bytes: 1 << 20 }).unwrap(), []);
        assert_eq!(store.search(&room("hall"), "den", u64::MAX, 9).unwrap(), []);
    }),
    ("a closed store opens nothing, and lets what is open go on", |store| {
        let mut room_log = room_log(store, "den");
        store.close();
        assert!(store.open(&room("den"), 0).is_err());
        assert_eq!(room_log.append(&[request("Anna", "one", "")]).unwrap(), [Outcome::Stored { seq: 1 }]);
        assert_eq!(page(store, "den", Span::After(0)).messages.len(), 1);
    }),
];
