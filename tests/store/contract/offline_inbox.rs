//! The offline inbox: which private conversations have undelivered messages for a registered user.
//!
//! A mark of the user's socket empties it.

use roomd::chat::Receipt;
use roomd::chat::{RoomName, Time};
use roomd::store::{Account, RoomLog, Store};

use super::Promise::{History, Reopening};
use super::each;
use crate::drafts::{mark, message, private_message, room_log, user};
use crate::harness::{TestStore, until};

fn register(store: &TestStore, name: &str) {
    store.accounts().register(&Account { name: user(name), since: Time(1) }, None).unwrap();
}

fn conversation(store: &dyn Store, one: &str, other: &str) -> Box<dyn RoomLog> {
    store.open(&RoomName::private(&user(one), &user(other)), 0).unwrap().room_log
}

#[test]
fn a_registered_user_is_kept_the_conversations_with_undelivered_messages() {
    each(History, |fixture| {
        let store = fixture.open();
        register(&store, "Otto");
        let mut with_cleo = conversation(&*store, "Cleo", "Otto");
        let mut with_anna = conversation(&*store, "Anna", "Otto");
        with_cleo.append(&[private_message("Cleo", "Otto", "hello")]).unwrap();
        with_anna.append(&[private_message("Anna", "Otto", "one"), private_message("Anna", "Otto", "two")]).unwrap();
        let names = ["Cleo", "Anna"].map(|name| RoomName::private(&user(name), &user("Otto")));
        assert_eq!(store.offline_messages(&user("Otto")).unwrap(), names);
        assert_eq!(store.offline_messages(&user("Anna")).unwrap(), []);

        with_anna.mark(&[mark("Otto", Receipt::Written, 1, 9)]);
        // A mark is written with the next message at the latest.
        with_anna.append(&[message("Otto", "three", "")]).unwrap();
        assert_eq!(store.offline_messages(&user("Otto")).unwrap(), names, "the second was not delivered");
        with_anna.mark(&[mark("Otto", Receipt::Written, 3, 9)]);
        until("the newest was delivered", || store.offline_messages(&user("Otto")).unwrap() == names[..1]);
    });
}

#[test]
fn messages_to_a_name_before_it_was_registered_are_nobodys() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut log = conversation(&*store, "Anna", "Otto");
        log.append(&[private_message("Anna", "Otto", "for a guest")]).unwrap();
        register(&store, "Otto");
        assert_eq!(store.offline_messages(&user("Otto")).unwrap(), []);
        room_log(&*store, "den").append(&[message("Anna", "to everybody", "")]).unwrap();
        assert_eq!(store.offline_messages(&user("Otto")).unwrap(), []);
    });
}

#[test]
fn undelivered_messages_are_there_when_a_history_is_opened_again() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        register(&store, "Otto");
        conversation(&*store, "Anna", "Otto").append(&[private_message("Anna", "Otto", "hello")]).unwrap();
        drop(store);
        let rooms = [RoomName::private(&user("Anna"), &user("Otto"))];
        assert_eq!(fixture.open().offline_messages(&user("Otto")).unwrap(), rooms);
    });
}
