//! Accounts and keys: a name is registered once, whatever its spelling, and the newest key signs.
//!
//! Also that they are there when a backend is opened again.

use roomd::chat::Time;
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
        assert_eq!(store.accounts().register(&account("Alice", 1)), Ok(None));
        for spelling in ["Alice", "aLiCe", "\u{ff21}lice"] {
            assert_eq!(store.accounts().register(&account(spelling, 2)), Ok(Some(account("Alice", 1))), "{spelling}");
        }
        assert_eq!(store.accounts().register(&account("Bob", 3)), Ok(None));
        assert_eq!(accounts(&store), [account("Alice", 1), account("Bob", 3)]);
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
    });
}

#[test]
fn accounts_and_keys_are_there_when_a_backend_is_opened_again() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        store.accounts().register(&account("Alice", 1)).unwrap();
        store.accounts().add_key(&key("aa", 1)).unwrap();
        store.accounts().extend_key("aa", Time(9)).unwrap();
        drop(store);
        let store = fixture.open();
        assert_eq!(accounts(&store), [account("Alice", 1)]);
        assert_eq!(store.accounts().register(&account("ALICE", 2)), Ok(Some(account("Alice", 1))));
        assert_eq!(store.accounts().keys(), Ok(vec![ServerKey { until: Time(9), ..key("aa", 1) }]));
    });
}
