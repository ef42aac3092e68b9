//! The devices of claimed names: each with its label and its times, gone with the name.

use roomd::chat::Time;
use roomd::chat::device::{Device, DeviceId, DeviceLabel};
use roomd::store::Account;

use super::Promise::{Numbering, Reopening};
use super::each;
use crate::drafts::user;
use crate::harness::TestStore;

fn account(name: &str) -> Account {
    Account { name: user(name), since: Time(1) }
}

fn device(id: u64, label: Option<&str>, seen: Option<u64>) -> Device {
    Device { id: DeviceId(id), label: label.map(DeviceLabel::stored), created: Time(2), seen: seen.map(Time) }
}

fn devices(store: &TestStore) -> Vec<(String, Device)> {
    let mut devices: Vec<_> = store.accounts().devices().unwrap();
    devices.sort_by_key(|(name, device)| (name.clone(), device.id));
    devices.into_iter().map(|(name, device)| (name.to_string(), device)).collect()
}

#[test]
fn a_name_is_claimed_with_its_first_device_and_has_others_besides() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let accounts = store.accounts();
        let first = device(u64::MAX, Some("Chromium on Linux"), Some(3));
        assert_eq!(accounts.register(&account("Alice"), Some(&first)), Ok(None));
        // Who comes too late adds nothing.
        assert_eq!(accounts.register(&account("ALICE"), Some(&device(5, None, None))), Ok(Some(account("Alice"))));
        assert_eq!(accounts.put_device(&user("aLiCe"), &device(7, None, None)), Ok(true));
        assert_eq!(accounts.put_device(&user("Nobody"), &device(8, None, None)), Ok(false));
        let known = |device: &Device| ("Alice".to_owned(), device.clone());
        assert_eq!(devices(&store), [known(&device(7, None, None)), known(&first)]);
        let used = device(7, Some("nc"), Some(9));
        assert_eq!(accounts.put_device(&user("Alice"), &used), Ok(true));
        assert_eq!(devices(&store), [known(&used), known(&first)]);
        assert_eq!(accounts.remove_device(&user("alice"), DeviceId(u64::MAX)), Ok(true));
        assert_eq!(accounts.remove_device(&user("Alice"), DeviceId(u64::MAX)), Ok(false));
        assert_eq!(accounts.remove_device(&user("Nobody"), DeviceId(7)), Ok(false));
        assert_eq!(devices(&store), [known(&used)]);
    });
}

#[test]
fn the_devices_of_a_name_go_with_it() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let accounts = store.accounts();
        for name in ["Alice", "Bob"] {
            accounts.register(&account(name), Some(&device(7, None, None))).unwrap();
        }
        accounts.unregister(&user("Alice")).unwrap();
        accounts.register(&account("alice"), None).unwrap();
        assert_eq!(devices(&store), [("Bob".to_owned(), device(7, None, None))]);
    });
}

#[test]
fn devices_are_there_when_a_backend_is_opened_again() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        store.accounts().register(&account("Alice"), Some(&device(7, Some("nc"), Some(9)))).unwrap();
        drop(store);
        assert_eq!(devices(&fixture.open()), [("Alice".to_owned(), device(7, Some("nc"), Some(9)))]);
    });
}
