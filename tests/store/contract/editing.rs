//! Edits and deletions: by whom, of what, and who may have missed them.
//!
//! A change keeps the message's number.

use roomd::chat::{Body, Time};
use roomd::chat::{Operation, Outcome, Span};
use roomd::store::ChangesQuery;

use super::Promise::{History, Numbering};
use super::each;
use crate::drafts::{OnlyLog as _, delete, draft, edit, message, page, room, room_log, texts};

#[test]
fn authors_edit_and_delete_their_own_messages_alone() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Anna", "one", ""), message("Otto", "two", "")]).unwrap();
        let drafts = [edit("Anna", 1, "eins"), edit("Anna", 2, "zwei"), delete("Otto", 2), delete("Otto", 2)];
        let outcomes = [Outcome::Changed, Outcome::NotAuthor, Outcome::Changed, Outcome::Missing];
        assert_eq!(room_log.outcomes(&drafts).unwrap(), outcomes);
        let drafts = [edit("Otto", 2, "more"), delete("Anna", 1)];
        assert_eq!(room_log.outcomes(&drafts).unwrap(), [Outcome::Missing, Outcome::Changed]);
    });
}

#[test]
fn a_moderator_deletes_any_message() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Bob", "rude", "")]).unwrap();
        let as_moderator = draft("Ann", 3, Operation::Edit { seq: 1, body: Body::Deleted(None), as_moderator: true });
        assert_eq!(
            room_log.outcomes(&[delete("Ann", 1), as_moderator]).unwrap(),
            [Outcome::NotAuthor, Outcome::Changed]
        );
    });
}

#[test]
fn a_message_that_does_not_exist_cannot_be_changed() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let mut other = room_log(&*store, "hall");
        other.append(&[message("Anna", "other", "")]).unwrap();
        let mut room_log = room_log(&*store, "den");
        assert_eq!(room_log.outcomes(&[edit("Anna", 1, "x")]).unwrap(), [Outcome::Missing]);
        room_log.append(&[message("Anna", "one", "")]).unwrap();
        for seq in [0, 2, 1 << 39, 1 << 40, (1 << 40) + 1, u64::MAX] {
            let outcomes = room_log.outcomes(&[edit("Anna", seq, "x"), delete("Anna", seq)]).unwrap();
            assert_eq!(outcomes, [Outcome::Missing; 2], "{seq}");
        }
    });
}

#[test]
fn a_message_is_changed_in_the_call_that_published_it() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let drafts = [message("Anna", "one", ""), edit("Anna", 1, "eins"), delete("Anna", 1), edit("Anna", 1, "x")];
        let outcomes = [Outcome::Stored { seq: 1 }, Outcome::Changed, Outcome::Changed, Outcome::Missing];
        assert_eq!(room_log(&*store, "den").outcomes(&drafts).unwrap(), outcomes);
    });
}

#[test]
fn a_client_gets_the_changes_that_it_may_have_missed() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Anna", "one", ""), message("Anna", "two", "")]).unwrap();
        room_log.append(&[edit("Anna", 1, "eins")]).unwrap();
        room_log.append(&[message("Anna", "three", ""), message("Anna", "four", "")]).unwrap();
        room_log.append(&[delete("Anna", 2)]).unwrap();
        let all = page(&*store, "den", Span::After(0));
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
        let one_at_a_time = |after| texts(&store.changes(&room("den"), after, query(2, 1)).unwrap());
        assert_eq!(one_at_a_time(0), now[..1]);
        assert_eq!(one_at_a_time(1), now[1..2]);
        assert_eq!(one_at_a_time(2), []);
    });
}
