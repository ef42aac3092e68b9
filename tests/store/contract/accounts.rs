//! Accounts and keys: a name is registered once, whatever its spelling, and the newest key signs.
//!
//! Also that they are there when a backend is opened again.

use roomd::chat::bookmark::BOOKMARKS_MAX;
use roomd::chat::{Bookmark, DisplayName, NotificationLevel, RoomName, Time};
use roomd::store::{Account, ServerKey};

use super::Promise::{Numbering, Reopening};
use super::each;
use crate::drafts::user;
use crate::harness::TestStore;

fn account(name: &str, since: u64) -> Account {
    Account { name: user(name), since: Time(since) }
}

fn key(kid: &str, made: u64) -> ServerKey {
    ServerKey { kid: kid.into(), secret: [u8::try_from(made).unwrap(); 32], made: Time(made), until: Time(0) }
}

fn accounts(store: &TestStore) -> Vec<Account> {
    let mut accounts = store.accounts().accounts().unwrap();
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    accounts
}

#[test]
fn a_name_is_registered_once_whatever_its_spelling() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        assert_eq!(accounts(&store), []);
        assert_eq!(store.accounts().register(&account("Alice", 1), None), Ok(None));
        for spelling in ["Alice", "aLiCe", "\u{ff21}lice"] {
            assert_eq!(
                store.accounts().register(&account(spelling, 2), None),
                Ok(Some(account("Alice", 1))),
                "{spelling}"
            );
        }
        assert_eq!(store.accounts().register(&account("Bob", 3), None), Ok(None));
        assert_eq!(accounts(&store), [account("Alice", 1), account("Bob", 3)]);
    });
}

#[test]
fn the_first_subject_of_a_name_keeps_it_whatever_its_spelling() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let accounts = store.accounts();
        assert_eq!(accounts.subjects(), Ok(vec![]));
        for (name, subject, bound) in
            [("Alice", "f81d4fae", "f81d4fae"), ("aLiCe", "other", "f81d4fae"), ("Bob", "other", "other")]
        {
            assert_eq!(accounts.bind_subject(&user(name), &subject.into()).as_deref(), Ok(bound), "{name} {subject}");
        }
        let mut subjects = accounts.subjects().unwrap();
        subjects.sort();
        assert_eq!(subjects, [(user("Alice"), "f81d4fae".into()), (user("Bob"), "other".into())]);
    });
}

#[test]
fn a_name_that_is_unregistered_is_free_and_takes_what_was_its_own_with_it() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let accounts = store.accounts();
        let room = RoomName::parse("den").unwrap();
        accounts.register(&account("Alice", 1), None).unwrap();
        accounts.note_use(&user("Alice"), Time(5)).unwrap();
        accounts.note_use(&user("Nobody"), Time(5)).unwrap();
        accounts.set_bookmark(&user("Alice"), &room, None).unwrap();
        assert!(accounts.uses().unwrap().contains(&(user("Alice"), Time(5))));
        accounts.bind_subject(&user("Alice"), &"one".into()).unwrap();
        let named = DisplayName::parse("Alice B.").unwrap();
        assert_eq!(accounts.set_display_name(&user("Nobody"), Some(&named)), Ok(false));
        assert_eq!(accounts.set_display_name(&user("alice"), Some(&named)), Ok(true));
        assert_eq!(accounts.display_names(), Ok(vec![(user("Alice"), named.clone())]));
        assert_eq!(accounts.set_display_name(&user("Alice"), None), Ok(true));
        assert_eq!(accounts.display_names(), Ok(vec![]));
        assert_eq!(accounts.set_display_name(&user("Alice"), Some(&named)), Ok(true));
        assert_eq!(accounts.unregister(&user("Alice")), Ok(true));
        assert_eq!(accounts.subjects(), Ok(vec![]));
        assert_eq!(accounts.unregister(&user("Alice")), Ok(false));
        assert_eq!((accounts.accounts(), accounts.bookmarks(&user("Alice"))), (Ok(vec![]), Ok(vec![])));
        assert_eq!(accounts.register(&account("alice", 9), None), Ok(None));
        assert_eq!(accounts.display_names(), Ok(vec![]));
        assert!(accounts.uses().unwrap().iter().all(|(name, _)| *name != user("alice")));
    });
}

#[test]
fn the_newest_key_comes_first_and_is_valid_for_as_long_as_its_last_token() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let keys = store.accounts();
        assert_eq!(keys.keys(), Ok(vec![]));
        assert!(keys.extend_key("aa", Time(9)).is_err(), "there is no such key");
        for key in [key("aa", 1), key("bb", 2)] {
            keys.add_key(&key).unwrap();
        }
        keys.extend_key("aa", Time(9)).unwrap();
        keys.extend_key("aa", Time(5)).unwrap();
        assert_eq!(keys.keys(), Ok(vec![key("bb", 2), ServerKey { until: Time(9), ..key("aa", 1) }]));
        assert_eq!((keys.remove_key("aa"), keys.remove_key("aa")), (Ok(true), Ok(false)));
        assert_eq!(keys.keys(), Ok(vec![key("bb", 2)]));
    });
}

fn bookmark(room: &str, notify: NotificationLevel) -> Bookmark {
    Bookmark { room: RoomName::parse_known(room).unwrap(), notify, read: None }
}

#[test]
fn bookmarks_are_each_users_own_and_keep_their_level_until_another_is_given() {
    use NotificationLevel::{All, Mentions, Nothing};
    each(Numbering, |fixture| {
        let store = fixture.open();
        let (accounts, ann, bob) = (store.accounts(), user("Ann"), user("Bob"));
        let room = |name| RoomName::parse_known(name).unwrap();
        assert_eq!(accounts.bookmarks(&ann), Ok(vec![]));
        for (name, given, level) in [
            ("den", None, All),
            ("den", Some(Mentions), Mentions),
            ("den", None, Mentions),
            ("dm:Ann:Bob", Some(Nothing), Nothing),
        ] {
            assert_eq!(accounts.set_bookmark(&ann, &room(name), given), Ok(Some(level)));
        }
        assert_eq!(accounts.bookmarks(&ann), Ok(vec![bookmark("den", Mentions), bookmark("dm:Ann:Bob", Nothing)]));
        assert_eq!(accounts.bookmarks(&bob), Ok(vec![]));
        assert_eq!(accounts.remove_bookmark(&bob, &room("den")), Ok(false));
        assert_eq!(accounts.remove_bookmark(&ann, &room("den")), Ok(true));
        assert_eq!(accounts.remove_bookmark(&ann, &room("den")), Ok(false));
        assert_eq!(accounts.bookmarks(&ann), Ok(vec![bookmark("dm:Ann:Bob", Nothing)]));
    });
}

#[test]
fn a_user_has_so_many_bookmarks_and_can_still_change_them() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let (accounts, ann) = (store.accounts(), user("Ann"));
        let set = |name: &str, level| accounts.set_bookmark(&ann, &RoomName::parse(name).unwrap(), level);
        for number in 0..BOOKMARKS_MAX {
            assert!(set(&format!("r{number}"), None).unwrap().is_some());
        }
        assert_eq!(set("one-more", None), Ok(None));
        assert_eq!(set("r7", Some(NotificationLevel::Nothing)), Ok(Some(NotificationLevel::Nothing)));
        assert_eq!(
            accounts.set_bookmark(&user("Bob"), &RoomName::parse("one-more").unwrap(), None),
            Ok(Some(NotificationLevel::All))
        );
    });
}

#[test]
fn accounts_and_keys_are_there_when_a_backend_is_opened_again() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        store.accounts().register(&account("Alice", 1), None).unwrap();
        store.accounts().add_key(&key("aa", 1)).unwrap();
        store.accounts().extend_key("aa", Time(9)).unwrap();
        store.accounts().set_bookmark(&user("Alice"), &RoomName::parse("den").unwrap(), None).unwrap();
        drop(store);
        let store = fixture.open();
        assert_eq!(accounts(&store), [account("Alice", 1)]);
        assert_eq!(store.accounts().register(&account("ALICE", 2), None), Ok(Some(account("Alice", 1))));
        assert_eq!(store.accounts().keys(), Ok(vec![ServerKey { until: Time(9), ..key("aa", 1) }]));
        assert_eq!(store.accounts().bookmarks(&user("Alice")), Ok(vec![bookmark("den", NotificationLevel::All)]));
    });
}
