//! What every store promises, as claims that are run against each.
//!
//! A claim takes a store that holds nothing. What only a store that keeps can promise is in `kept`.

use roomd::chat::members::MemberId;
use roomd::chat::policy::{ModerationAction, ModerationChange};
use roomd::chat::{AuthLevel, Body, Draft, Mid, Operation, Outcome, RoomName, Speaker, Time, UserName};
use roomd::store::{Memory, RoomLog, Store};

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
pub fn draft(who: &str, at: u64, operation: Operation) -> Draft {
    Draft {
        speaker: Speaker { member: MemberId(1), user: user(who), auth_level: AuthLevel::Guest },
        operation,
        at: Time(at),
        id: None,
        quiet: false,
    }
}

/// A message; an empty `mid` is none.
pub fn request(who: &str, text: &str, mid: &str) -> Draft {
    draft(
        who,
        1,
        Operation::Publish { to: None, body: Body::Text(text.into()), about: None, mid: Mid::parse(mid).ok() },
    )
}

/// The replacement of what a message says.
pub fn edit(who: &str, seq: u64, text: &str) -> Draft {
    draft(who, 2, Operation::Edit { seq, body: Body::Text(text.into()), as_moderator: false })
}

/// The end of what a message says.
pub fn delete(who: &str, seq: u64) -> Draft {
    draft(who, 3, Operation::Edit { seq, body: Body::Deleted, as_moderator: false })
}

/// The open history of a room.
pub fn room_log(store: &dyn Store, name: &str) -> Box<dyn RoomLog> {
    store.open(&room(name), 0).unwrap().room_log
}

/// For all stores.
pub const ALL: [Claim; 7] = [
    ("numbers are dense, one by one and many at a time", |store| {
        let mut room_log = room_log(store, "den");
        let mut next = 1;
        for count in [1, 3, 1, 200] {
            let drafts: Vec<_> = (0..count).map(|i| request("Anna", &format!("{i}"), "")).collect();
            let outcomes = room_log.append(&drafts).unwrap();
            assert_eq!(outcomes, (next..next + count).map(|seq| Outcome::Stored { seq }).collect::<Vec<_>>());
            next += count;
        }
        assert_eq!(room_log.append(&[]), Ok(vec![]));
    }),
    ("a mid is published once for each user, also within one call", |store| {
        let mut room_log = room_log(store, "den");
        let first = room_log.append(&[
            request("Anna", "one", "m"),
            request("Anna", "again", "m"),
            request("Otto", "mine", "m"),
        ]);
        let repeat = Outcome::Repeat { seq: 1, at: Time(1) };
        assert_eq!(first, Ok(vec![Outcome::Stored { seq: 1 }, repeat, Outcome::Stored { seq: 2 }]));
        let late = draft(
            "Anna",
            99,
            Operation::Publish { to: None, body: Body::Text("late".into()), about: None, mid: Mid::parse("m").ok() },
        );
        assert_eq!(
            room_log.append(&[late, request("Anna", "next", "n")]),
            Ok(vec![repeat, Outcome::Stored { seq: 3 }])
        );
    }),
    ("a mid means nothing in another room", |store| {
        for name in ["den", "hall"] {
            let outcomes = room_log(store, name).append(&[request("Anna", "one", "m")]);
            assert_eq!(outcomes, Ok(vec![Outcome::Stored { seq: 1 }]), "{name}");
        }
    }),
    ("one's own message is edited and deleted, once", |store| {
        let mut room_log = room_log(store, "den");
        room_log.append(&[request("Anna", "one", ""), request("Otto", "two", "")]).unwrap();
        let drafts = [edit("Anna", 1, "eins"), edit("Anna", 2, "zwei"), delete("Otto", 2), delete("Otto", 2)];
        let wanted = [Outcome::Changed, Outcome::NotAuthor, Outcome::Changed, Outcome::Missing];
        assert_eq!(room_log.append(&drafts).unwrap(), wanted);
        assert_eq!(
            room_log.append(&[edit("Otto", 2, "more"), delete("Anna", 1)]).unwrap(),
            [Outcome::Missing, Outcome::Changed]
        );
    }),
    ("a message that is not there cannot be changed", |store| {
        let mut other = room_log(store, "hall");
        other.append(&[request("Anna", "other", "")]).unwrap();
        let mut room_log = room_log(store, "den");
        assert_eq!(room_log.append(&[edit("Anna", 1, "x")]).unwrap(), [Outcome::Missing]);
        room_log.append(&[request("Anna", "one", "")]).unwrap();
        for seq in [0, 2, 1 << 39, 1 << 40, (1 << 40) + 1, u64::MAX] {
            assert_eq!(
                room_log.append(&[edit("Anna", seq, "x"), delete("Anna", seq)]).unwrap(),
                [Outcome::Missing; 2],
                "{seq}"
            );
        }
    }),
    ("a room that ends counts from one again, under another name of its history", |store| {
        let mut room_log = room_log(store, "den");
        room_log.append(&[request("Anna", "one", "m"), request("Anna", "two", "n")]).unwrap();
        let end =
            || draft("Anna", 4, Operation::Moderate(ModerationAction { change: ModerationChange::Ended, note: None }));
        let first = room_log.append(&[end()]).unwrap();
        let second = room_log.append(&[end()]).unwrap();
        assert!(matches!(first[..], [Outcome::Ended { .. }]) && first != second);
        let again = room_log.append(&[delete("Anna", 1), request("Anna", "one", "m")]).unwrap();
        assert_eq!(again, [Outcome::Missing, Outcome::Stored { seq: 1 }]);
    }),
    ("what is changed in the call that published it is changed", |store| {
        let drafts = [request("Anna", "one", ""), edit("Anna", 1, "eins"), delete("Anna", 1), edit("Anna", 1, "x")];
        let wanted = [Outcome::Stored { seq: 1 }, Outcome::Changed, Outcome::Changed, Outcome::Missing];
        assert_eq!(room_log(store, "den").append(&drafts).unwrap(), wanted);
    }),
];

#[test]
fn a_store_in_memory_numbers_as_every_store_does() {
    for (claim, check) in ALL {
        println!("{claim}");
        check(&Memory);
    }
}
