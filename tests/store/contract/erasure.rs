//! Erasing a person: what a store finds of them, and what it puts an alias in the place of.

use roomd::chat::policy::ModerationChange;
use roomd::chat::{Body, Outcome, Publication, Receipt, RoomName, Span};
use roomd::store::server::{AuthoredPart, HistoryPosition};

use super::Promise::{History, Numbering};
use super::each;
use crate::drafts::{
    OnlyLog, delete, draft, mark, message, moderate, page, private_message, room, room_log, texts, user,
};

const BEGINNING: HistoryPosition = HistoryPosition { room: 0, seq: 0 };

#[test]
fn the_messages_of_a_user_are_found_in_rooms_and_conversations_until_they_are_deleted() {
    each(History, |fixture| {
        let store = fixture.open();
        let (anna, between) = (user("Anna"), RoomName::private(&user("Anna"), &user("Otto")));
        let mut den = room_log(&*store, "den");
        den.append(&[message("Anna", "one", "a"), message("Otto", "two", ""), message("Anna", "three", "")]).unwrap();
        let mut talk = store.open(&between, 0).unwrap().room_log;
        talk.append(&[private_message("Otto", "Anna", "hi"), private_message("Anna", "Otto", "ho")]).unwrap();
        den.append(&[delete("Anna", 3)]).unwrap();
        let found = |messages: &[(&RoomName, u64)]| AuthoredPart {
            messages: messages.iter().map(|(room, seq)| (RoomName::clone(room), *seq)).collect(),
            end: None,
        };
        let of = |name| store.server().messages_of(&user(name), BEGINNING);
        assert_eq!(of("Anna"), Ok(found(&[(&room("den"), 1), (&between, 2)])));
        assert_eq!(of("anna"), Ok(found(&[])), "a name that is not registered is what it is spelled as");
        talk.append(&[delete("Anna", 2)]).unwrap();
        den.append(&[delete("Anna", 1)]).unwrap();
        assert_eq!(of("Anna"), Ok(found(&[])));
        assert_eq!(of("Otto"), Ok(found(&[(&room("den"), 2), (&between, 1)])));
        drop((den, talk));
        let alias = user("erased-1");
        assert_eq!(store.server().rename_deleted(&anna, &alias, (BEGINNING, None)), Ok(()));
        let messages = page(&*store, "den", Span::Before(9)).messages;
        let authors: Vec<_> = messages.iter().map(|message| message.user.as_str()).collect();
        assert_eq!(authors, ["erased-1", "Otto", "erased-1"]);
        assert_eq!(texts(&messages), [(1, "-".to_owned()), (2, "two".to_owned()), (3, "-".to_owned())]);
        assert!(messages.iter().all(|message| message.mid.is_none()));
    });
}

#[test]
fn a_message_that_is_still_there_keeps_its_author() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut den = room_log(&*store, "den");
        den.append(&[message("Anna", "one", "a")]).unwrap();
        store.server().rename_deleted(&user("Anna"), &user("erased-1"), (BEGINNING, None)).unwrap();
        let kept = &page(&*store, "den", Span::Before(9)).messages[0];
        assert_eq!((kept.user.as_str(), kept.mid.as_ref().map(|mid| mid.as_str())), ("Anna", Some("a")));
    });
}

#[test]
fn receipts_and_what_a_message_was_called_are_forgotten_also_those_that_were_just_marked() {
    each(History, |fixture| {
        let store = fixture.open();
        let (anna, alias) = (user("Anna"), user("erased-1"));
        let mut den = room_log(&*store, "den");
        den.append(&[message("Anna", "one", "a"), message("Otto", "two", "")]).unwrap();
        den.append(&[moderate("Anna", 5, ModerationChange::Created { private: false, owner: None, members: vec![] })])
            .unwrap();
        den.append(&[moderate("Otto", 6, ModerationChange::Kicked { user: anna.clone() })]).unwrap();
        den.mark(&[mark("Anna", Receipt::Read, 1, 10), mark("Otto", Receipt::Read, 1, 10)]);
        den.append(&[message("Otto", "three", "")]).unwrap();
        assert_eq!(store.server().marks_of(&anna), Ok(1));
        den.mark(&[mark("Anna", Receipt::Read, 2, 11)]);
        assert_eq!(store.server().forget(&anna, &alias), Ok(2));
        assert_eq!((store.server().marks_of(&anna), store.server().marks_of(&user("Otto"))), (Ok(0), Ok(1)));
        // Nothing knows any more that this was published once.
        assert_eq!(den.outcomes(&[message("Anna", "again", "a")]), Ok(vec![Outcome::Stored { seq: 4 }]));
        assert_eq!(store.server().marks_of(&anna), Ok(0), "and none comes late");
        let audit = store.audit(&room("den"), u64::MAX, 9).unwrap().unwrap();
        let said: Vec<_> = audit
            .iter()
            .map(|entry| (entry.by.as_str(), entry.action.change.user().map(|user| user.as_str())))
            .collect();
        assert_eq!(said, [("erased-1", None), ("Otto", Some("erased-1"))]);
    });
}

#[test]
fn a_tombstone_is_a_message_that_is_deleted() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut den = room_log(&*store, "den");
        let publication =
            Publication { key: roomd::chat::Key::parse("k").ok(), ..Publication::new(Body::Deleted(None)) };
        den.append(&[draft("Anna", 1, roomd::chat::Operation::Publish { to: None, publication })]).unwrap();
        assert_eq!(store.server().messages_of(&user("Anna"), BEGINNING).unwrap().messages, []);
        store.server().rename_deleted(&user("Anna"), &user("erased-1"), (BEGINNING, None)).unwrap();
        assert_eq!(page(&*store, "den", Span::Before(9)).messages[0].user, user("erased-1"));
    });
}

#[test]
fn where_nothing_is_kept_there_is_nothing_to_erase() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let (anna, alias) = (user("Anna"), user("erased-1"));
        assert_eq!(store.server().messages_of(&anna, BEGINNING), Ok(AuthoredPart::default()));
        assert_eq!(store.server().rename_deleted(&anna, &alias, (BEGINNING, None)), Ok(()));
        assert_eq!((store.server().marks_of(&anna), store.server().forget(&anna, &alias)), (Ok(0), Ok(0)));
    });
}
