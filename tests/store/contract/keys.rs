//! The newest message of each key: what is one, and what is told of it.
//!
//! A backend that keeps no history decides the same and tells nothing.

use roomd::chat::policy::ModerationChange;
use roomd::chat::{Body, Draft};
use roomd::chat::{Key, Operation, Outcome, Publication, Span};
use roomd::store::{PageQuery, Retention};

use super::Promise::{History, Numbering, Reopening};
use super::each;
use crate::drafts::{OnlyLog as _, delete, draft, edit, message, moderate, page, room, room_log};
use crate::harness::until;

/// A message of Anna's with this key; an empty text is a tombstone.
fn keyed(key: &str, text: &str) -> Draft {
    let body = if text.is_empty() { Body::Deleted(None) } else { Body::Text(text.into()) };
    let publication = Publication { key: Key::parse(key).ok(), ..Publication::new(body) };
    draft("Anna", 1, Operation::Publish { to: None, publication })
}

/// The same, on the condition that this is the key's newest message.
fn behind(seq: u64, key: &str, text: &str) -> Draft {
    let Draft { operation, .. } = keyed(key, text);
    let Operation::Publish { publication, .. } = operation else { unreachable!() };
    draft("Anna", 1, Operation::Publish { to: None, publication: Publication { if_key_seq: Some(seq), ..publication } })
}

/// The numbers of a page of last values, and whether there is no more.
fn values(store: &dyn roomd::store::Store, after: u64, count: usize) -> (Vec<u64>, bool) {
    let query = PageQuery { span: Span::Latest(after), count, bytes: 1 << 20 };
    let page = store.page(&room("den"), query).unwrap().unwrap();
    let complete = page.is_complete(query.span);
    (page.messages.iter().map(|message| message.seq).collect(), complete)
}

#[test]
fn a_message_on_a_condition_of_its_key_is_stored_behind_that_message_and_no_other() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let mut den = room_log(&*store, "den");
        let (stored, conflict) = (|seq| Outcome::Stored { seq }, |newest| Outcome::KeyConflict { newest });
        assert_eq!(den.outcomes(&[behind(1, "x", "early")]), Ok(vec![conflict(0)]), "the key has no value yet");
        let drafts = [behind(0, "x", "one"), keyed("y", "two"), behind(0, "x", "no"), behind(1, "x", "three")];
        assert_eq!(den.outcomes(&drafts), Ok(vec![stored(1), stored(2), conflict(1), stored(3)]));
        // A tombstone is a message, and leaves the key without a value; so does the deletion of the newest.
        let drafts = [keyed("x", ""), behind(4, "x", "no"), behind(0, "x", "five"), delete("Anna", 5)];
        assert_eq!(den.outcomes(&drafts), Ok(vec![stored(4), conflict(0), stored(5), Outcome::Changed]));
        let drafts = [behind(5, "x", "no"), behind(0, "x", "six"), delete("Anna", 1), behind(6, "x", "seven")];
        assert_eq!(den.outcomes(&drafts), Ok(vec![conflict(0), stored(6), Outcome::Changed, stored(7)]));
        assert_eq!(den.outcomes(&[edit("Anna", 4, "a tombstone has no text")]), Ok(vec![Outcome::Missing]));
    });
}

#[test]
fn a_room_has_so_many_keys_and_no_more() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let mut den = room_log(&*store, "den");
        let bounded = |draft: Draft| Draft { keys_max: 2, ..draft };
        let drafts = ["a", "b", "c", "a"].map(|key| bounded(keyed(key, "x")));
        let stored = |seq| Outcome::Stored { seq };
        assert_eq!(den.outcomes(&drafts), Ok(vec![stored(1), stored(2), Outcome::TooManyKeys, stored(3)]));
        let drafts = [bounded(keyed("b", "")), bounded(keyed("c", "x")), bounded(keyed("d", ""))];
        assert_eq!(den.outcomes(&drafts), Ok(vec![stored(4), stored(5), stored(6)]), "a tombstone makes space");
        assert_eq!(den.outcomes(&[bounded(message("Anna", "no key", ""))]), Ok(vec![stored(7)]));
    });
}

#[test]
fn the_newest_message_of_each_key_is_read_a_page_at_a_time() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut den = room_log(&*store, "den");
        den.append(&[message("Anna", "no key", ""), keyed("a", "1"), keyed("b", "1"), keyed("c", "1")]).unwrap();
        assert_eq!(values(&*store, 0, 9), (vec![2, 3, 4], true));
        den.append(&[keyed("a", "2"), keyed("b", ""), message("Anna", "no key", "")]).unwrap();
        assert_eq!(values(&*store, 0, 9), (vec![4, 5], true));
        assert_eq!(values(&*store, 0, 1), (vec![4], false));
        assert_eq!(values(&*store, 4, 1), (vec![5], true));
        assert_eq!(values(&*store, 5, 9), (vec![], true));
        den.append(&[edit("Anna", 4, "edited"), delete("Anna", 5)]).unwrap();
        let query = PageQuery { span: Span::Latest(0), count: 9, bytes: 99 };
        let read = store.page(&room("den"), query).unwrap().unwrap().messages;
        assert_eq!((read.len(), &read[0].body, &read[0].key), (1, &Body::Text("edited".into()), &Key::parse("c").ok()));
        assert_eq!(
            page(&*store, "den", Span::After(5)).messages[0].key,
            Key::parse("b").ok(),
            "a tombstone has its key"
        );
    });
}

#[test]
fn a_value_goes_with_its_message_and_with_its_room() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        let mut den = room_log(&*store, "den");
        den.append(&[keyed("a", "1"), keyed("b", "1"), keyed("c", "1")]).unwrap();
        drop(den);
        drop(store);
        let store = fixture.open_retaining(Retention { count: 2, ..Retention::default() }, 0);
        until("the oldest is pruned", || page(&*store, "den", Span::After(0)).oldest == 2);
        assert_eq!(values(&*store, 0, 9), (vec![2, 3], true));
        let mut den = room_log(&*store, "den");
        assert_eq!(den.outcomes(&[behind(0, "a", "2")]), Ok(vec![Outcome::Stored { seq: 4 }]));
        let ended = den.outcomes(&[moderate("Anna", 5, ModerationChange::Ended), behind(0, "a", "1")]).unwrap();
        assert_eq!(ended[1], Outcome::Stored { seq: 1 }, "the next room of this name has keys of its own");
        assert_eq!(values(&*store, 0, 9), (vec![1], true));
    });
}
