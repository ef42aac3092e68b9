//! Numbers and `mid`s: dense, per room, and never given twice.
//!
//! Also what becomes of them when a room ends.

use roomd::chat::policy::ModerationChange;
use roomd::chat::{Outcome, Time};

use super::Promise::{History, Numbering};
use super::each;
use crate::drafts::{OnlyLog as _, delete, edit, message, message_at, message_behind, moderate, room, room_log};

#[test]
fn numbers_are_dense_one_by_one_and_many_at_a_time() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        let mut next = 1;
        for count in [1, 3, 1, 200] {
            let drafts: Vec<_> = (0..count).map(|i| message("Anna", &format!("{i}"), "")).collect();
            let outcomes = room_log.outcomes(&drafts).unwrap();
            assert_eq!(outcomes, (next..next + count).map(|seq| Outcome::Stored { seq }).collect::<Vec<_>>());
            next += count;
        }
        assert_eq!(room_log.outcomes(&[]), Ok(vec![]));
        assert_eq!(room_log.pruned(), 0);
    });
}

#[test]
fn a_mid_is_published_once_per_user_also_within_one_call() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        let drafts = [message("Anna", "one", "m"), message("Anna", "again", "m"), message("Otto", "mine", "m")];
        let repeat = Outcome::Repeat { seq: 1, at: Time(1) };
        assert_eq!(
            room_log.outcomes(&drafts),
            Ok(vec![Outcome::Stored { seq: 1 }, repeat, Outcome::Stored { seq: 2 }])
        );
        let drafts = [message_at("Anna", 99, "late", "m"), message("Anna", "next", "n")];
        assert_eq!(room_log.outcomes(&drafts), Ok(vec![repeat, Outcome::Stored { seq: 3 }]));
    });
}

#[test]
fn a_message_on_a_condition_is_stored_behind_that_message_and_no_other() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let mut den = room_log(&*store, "den");
        let conflict = |newest| Outcome::Conflict { newest };
        let stored = |seq| Outcome::Stored { seq };
        assert_eq!(den.outcomes(&[message_behind(3, "early", "m")]), Ok(vec![conflict(0)]), "nothing was said yet");
        let drafts = [message_behind(0, "one", "m"), message_behind(0, "two", "n"), message_behind(1, "three", "n")];
        assert_eq!(den.outcomes(&drafts), Ok(vec![stored(1), conflict(1), stored(2)]));
        let drafts = [message_behind(0, "one", "m"), message_behind(1, "again", ""), message("Anna", "four", "")];
        let repeat = Outcome::Repeat { seq: 1, at: Time(1) };
        assert_eq!(den.outcomes(&drafts), Ok(vec![repeat, conflict(2), stored(3)]));
        // An edit makes no newer message; another room has its own.
        let drafts = [edit("Anna", 3, "vier"), message_behind(3, "five", "")];
        assert_eq!(den.outcomes(&drafts), Ok(vec![Outcome::Changed, stored(4)]));
        assert_eq!(room_log(&*store, "hall").outcomes(&[message_behind(4, "no", "")]), Ok(vec![conflict(0)]));
    });
}

#[test]
fn each_room_has_numbers_and_mids_of_its_own() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        for name in ["den", "hall"] {
            let outcomes = room_log(&*store, name).outcomes(&[message("Anna", "one", "m")]);
            assert_eq!(outcomes, Ok(vec![Outcome::Stored { seq: 1 }]), "{name}");
        }
    });
}

#[test]
fn a_room_that_ends_numbers_from_one_again_in_a_new_epoch() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Anna", "one", "m"), message("Anna", "two", "n")]).unwrap();
        let first = room_log.outcomes(&[moderate("Anna", 4, ModerationChange::Ended)]).unwrap();
        let second = room_log.outcomes(&[moderate("Anna", 4, ModerationChange::Ended)]).unwrap();
        assert!(matches!(first[..], [Outcome::Ended { .. }]) && first != second);
        let again = room_log.outcomes(&[delete("Anna", 1), message("Anna", "one", "m")]).unwrap();
        assert_eq!(again, [Outcome::Missing, Outcome::Stored { seq: 1 }]);
    });
}

#[test]
fn a_room_that_opens_again_continues_its_numbers_mids_and_epoch() {
    each(History, |fixture| {
        let store = fixture.open();
        let opened = store.open(&room("den"), 10).unwrap();
        let (epoch, mut room_log) = (opened.past.epoch, opened.room_log);
        assert_eq!((opened.past.seq, opened.past.recent.len()), (0, 0));
        room_log
            .outcomes(&[message("Anna", "one", "m"), message("Anna", "two", ""), message("Anna", "three", "")])
            .unwrap();
        drop(room_log);
        let mut opened = store.open(&room("den"), 2).unwrap();
        assert_eq!((&opened.past.epoch, opened.past.seq), (&epoch, 3));
        assert_eq!(opened.past.recent.iter().map(|message| message.seq).collect::<Vec<_>>(), [2, 3]);
        let outcomes = opened.room_log.outcomes(&[message("Anna", "again", "m"), message("Anna", "four", "")]).unwrap();
        assert_eq!(outcomes, [Outcome::Repeat { seq: 1, at: Time(1) }, Outcome::Stored { seq: 4 }]);
    });
}

#[test]
fn rooms_that_append_at_once_each_get_their_own_numbers() {
    each(History, |fixture| {
        let store = fixture.open();
        std::thread::scope(|scope| {
            for number in 0..16 {
                let store = &*store;
                scope.spawn(move || {
                    let name = format!("room-{number}");
                    let mut room_log = room_log(store, &name);
                    for count in 1..=50 {
                        let text = format!("{name}: {count}");
                        let outcomes = room_log.outcomes(&[message("Anna", &text, &format!("m{count}"))]).unwrap();
                        assert_eq!(outcomes, [Outcome::Stored { seq: count }]);
                    }
                });
            }
        });
        for number in 0..16 {
            assert_eq!(store.open(&room(&format!("room-{number}")), 0).unwrap().past.seq, 50);
        }
    });
}
