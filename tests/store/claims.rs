//! What every store promises, as claims that are run against each.
//!
//! A claim takes a store that holds nothing. What only a store that keeps can promise is in `kept`.

use roomd::chat::charter::{Amendment, Change};
use roomd::chat::record::{Deed, Draft, Outcome};
use roomd::chat::room::Speaker;
use roomd::chat::roster::MemberId;
use roomd::chat::{Body, Mid, RoomName, Standing, Time, UserName};
use roomd::store::{Ledger, Memory, Store};

/// What is claimed, and the test of it.
pub type Claim = (&'static str, fn(&dyn Store));

/// A room's name.
pub fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// A user.
pub fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

/// Something said; `at` is its time in milliseconds.
pub fn draft(who: &str, at: u64, deed: Deed) -> Draft {
    Draft {
        speaker: Speaker { member: MemberId(1), user: user(who), standing: Standing::Guest },
        deed,
        at: Time(at),
        id: None,
        quiet: false,
    }
}

/// A message; an empty `mid` is none.
pub fn said(who: &str, text: &str, mid: &str) -> Draft {
    draft(who, 1, Deed::Publish { to: None, body: Body::Text(text.into()), about: None, mid: Mid::parse(mid) })
}

/// The replacement of what a message says.
pub fn edit(who: &str, seq: u64, text: &str) -> Draft {
    draft(who, 2, Deed::Edit { seq, body: Body::Text(text.into()), rules: false })
}

/// The end of what a message says.
pub fn delete(who: &str, seq: u64) -> Draft {
    draft(who, 3, Deed::Edit { seq, body: Body::Deleted, rules: false })
}

/// The open history of a room.
pub fn ledger(store: &dyn Store, name: &str) -> Box<dyn Ledger> {
    store.open(&room(name), 0).unwrap().ledger
}

/// For all stores.
pub const ALL: [Claim; 7] = [
    ("numbers are dense, one by one and many at a time", |store| {
        let mut ledger = ledger(store, "den");
        let mut next = 1;
        for count in [1, 3, 1, 200] {
            let drafts: Vec<_> = (0..count).map(|i| said("Anna", &format!("{i}"), "")).collect();
            let outcomes = ledger.append(&drafts).unwrap();
            assert_eq!(outcomes, (next..next + count).map(|seq| Outcome::Stored { seq }).collect::<Vec<_>>());
            next += count;
        }
        assert_eq!(ledger.append(&[]), Ok(vec![]));
    }),
    ("a mid is published once for each user, also within one call", |store| {
        let mut ledger = ledger(store, "den");
        let first = ledger.append(&[said("Anna", "one", "m"), said("Anna", "again", "m"), said("Otto", "mine", "m")]);
        let repeat = Outcome::Repeat { seq: 1, at: Time(1) };
        assert_eq!(first, Ok(vec![Outcome::Stored { seq: 1 }, repeat, Outcome::Stored { seq: 2 }]));
        let late = draft(
            "Anna",
            99,
            Deed::Publish { to: None, body: Body::Text("late".into()), about: None, mid: Mid::parse("m") },
        );
        assert_eq!(ledger.append(&[late, said("Anna", "next", "n")]), Ok(vec![repeat, Outcome::Stored { seq: 3 }]));
    }),
    ("a mid means nothing in another room", |store| {
        for name in ["den", "hall"] {
            let outcomes = ledger(store, name).append(&[said("Anna", "one", "m")]);
            assert_eq!(outcomes, Ok(vec![Outcome::Stored { seq: 1 }]), "{name}");
        }
    }),
    ("one's own message is edited and deleted, once", |store| {
        let mut ledger = ledger(store, "den");
        ledger.append(&[said("Anna", "one", ""), said("Otto", "two", "")]).unwrap();
        let drafts = [edit("Anna", 1, "eins"), edit("Anna", 2, "zwei"), delete("Otto", 2), delete("Otto", 2)];
        let wanted = [Outcome::Changed, Outcome::Foreign, Outcome::Changed, Outcome::Missing];
        assert_eq!(ledger.append(&drafts).unwrap(), wanted);
        assert_eq!(
            ledger.append(&[edit("Otto", 2, "more"), delete("Anna", 1)]).unwrap(),
            [Outcome::Missing, Outcome::Changed]
        );
    }),
    ("a message that is not there cannot be changed", |store| {
        let mut other = ledger(store, "hall");
        other.append(&[said("Anna", "other", "")]).unwrap();
        let mut ledger = ledger(store, "den");
        assert_eq!(ledger.append(&[edit("Anna", 1, "x")]).unwrap(), [Outcome::Missing]);
        ledger.append(&[said("Anna", "one", "")]).unwrap();
        for seq in [0, 2, 1 << 39, 1 << 40, (1 << 40) + 1, u64::MAX] {
            assert_eq!(
                ledger.append(&[edit("Anna", seq, "x"), delete("Anna", seq)]).unwrap(),
                [Outcome::Missing; 2],
                "{seq}"
            );
        }
    }),
    ("a room that ends counts from one again, under another name of its history", |store| {
        let mut ledger = ledger(store, "den");
        ledger.append(&[said("Anna", "one", "m"), said("Anna", "two", "n")]).unwrap();
        let end = || draft("Anna", 4, Deed::Amend(Amendment { change: Change::Ended, note: None }));
        let first = ledger.append(&[end()]).unwrap();
        let second = ledger.append(&[end()]).unwrap();
        assert!(matches!(first[..], [Outcome::Ended { .. }]) && first != second);
        let again = ledger.append(&[delete("Anna", 1), said("Anna", "one", "m")]).unwrap();
        assert_eq!(again, [Outcome::Missing, Outcome::Stored { seq: 1 }]);
    }),
    ("what is changed in the call that published it is changed", |store| {
        let drafts = [said("Anna", "one", ""), edit("Anna", 1, "eins"), delete("Anna", 1), edit("Anna", 1, "x")];
        let wanted = [Outcome::Stored { seq: 1 }, Outcome::Changed, Outcome::Changed, Outcome::Missing];
        assert_eq!(ledger(store, "den").append(&drafts).unwrap(), wanted);
    }),
];

#[test]
fn a_store_in_memory_numbers_as_every_store_does() {
    for (claim, check) in ALL {
        println!("{claim}");
        check(&Memory);
    }
}
