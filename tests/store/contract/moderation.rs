//! Policies and the audit: what is read back is what was decided.
//!
//! A backend that forgot a policy would show a private room to everybody.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use roomd::chat::policy::{Description, ModerationAction, ModerationChange, Policy, Role, RoomSettings};
use roomd::chat::{Body, Time};
use roomd::chat::{Note, Operation, Outcome, Span};

use super::Promise::{History, Reopening};
use super::each;
use crate::drafts::{OnlyLog as _, delete, draft, message, moderate, page, room, room_log, user};

fn created(members: &[&str]) -> ModerationChange {
    let members = members.iter().map(|name| user(name)).collect();
    ModerationChange::Created { private: true, owner: Some(user("Ann")), members }
}

#[test]
fn a_policy_and_its_audit_are_there_when_a_history_is_opened_again() {
    each(Reopening, |fixture| {
        let changes = [
            created(&["Bob", "Cy"]),
            ModerationChange::Role { user: user("Bob"), role: Role::Moderator, was: None, former_owner: None },
            ModerationChange::Banned { user: user("Cy"), until: Some(Time(5_000)) },
            ModerationChange::Role { user: user("Eve"), role: Role::Voice, was: None, former_owner: None },
            ModerationChange::Muted { user: user("Dan"), until: None },
            ModerationChange::Settings(RoomSettings {
                slow_mode_s: Some(30),
                members_max: Some(20),
                ..RoomSettings::default()
            }),
            ModerationChange::Role { user: user("Bob"), role: Role::Owner, was: None, former_owner: None },
        ];
        let mut policy = Policy::default();
        {
            let store = fixture.open();
            let mut room_log = room_log(&*store, "den");
            for (at, change) in (1..).zip(&changes) {
                assert_eq!(room_log.outcomes(&[moderate("Ann", at, change.clone())]), Ok(vec![Outcome::Changed]));
                policy.apply(change, &user("Ann"), Time(at));
            }
        }
        let store = fixture.open();
        assert_eq!(store.policies().unwrap(), [(room("den"), policy.clone())]);
        assert_eq!(store.open(&room("den"), 0).unwrap().policy, Some(policy));
        assert_eq!(store.open(&room("hall"), 0).unwrap().policy, None);
        let audit = store.audit(&room("den"), u64::MAX, 100).unwrap().unwrap();
        assert_eq!(audit.iter().map(|entry| entry.action.change.clone()).collect::<Vec<_>>(), changes);
        for (entry, number) in audit.iter().zip(1..) {
            assert_eq!((entry.number, entry.at, &entry.by), (number, Time(number), &user("Ann")));
            assert_eq!(entry.action.note.as_deref(), Some("note"));
        }
        let part = store.audit(&room("den"), 4, 2).unwrap().unwrap();
        assert_eq!(part.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(store.audit(&room("hall"), u64::MAX, 100).unwrap(), None);
    });
}

#[test]
fn a_message_that_a_moderator_deleted_is_in_the_audit_with_its_author() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut room_log = room_log(&*store, "den");
        room_log.append(&[message("Bob", "rude", ""), message("Ann", "kind", "")]).unwrap();
        let body = Body::Deleted(Note::parse("off topic").ok());
        let as_moderator = |seq| draft("Ann", 3, Operation::Edit { seq, body: body.clone(), as_moderator: true });
        let outcomes = room_log.outcomes(&[as_moderator(1), as_moderator(2), as_moderator(3)]).unwrap();
        assert_eq!(outcomes, [Outcome::Changed, Outcome::Changed, Outcome::Missing]);
        let audit = store.audit(&room("den"), u64::MAX, 100).unwrap().unwrap();
        let actions: Vec<_> = audit.into_iter().map(|entry| entry.action).collect();
        let change = ModerationChange::Deleted { user: user("Bob"), seq: 1 };
        assert_eq!(actions, [ModerationAction { change, note: Note::parse("off topic").ok() }]);
        let bodies = page(&*store, "den", Span::After(0)).messages.into_iter().map(|message| message.body);
        assert_eq!(bodies.collect::<Vec<_>>(), [body.clone(), body.clone()]);
        assert_eq!(room_log.outcomes(&[delete("Ann", 1)]).unwrap(), [Outcome::Missing]);
    });
}

#[test]
fn a_room_that_ended_has_no_policy_and_no_audit() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut log = room_log(&*store, "den");
        log.append(&[moderate("Ann", 1, created(&["Bob"])), message("Ann", "secret", "")]).unwrap();
        assert_eq!(store.policies().unwrap().len(), 1);
        log.append(&[moderate("Ann", 2, ModerationChange::Ended)]).unwrap();
        assert_eq!(store.policies().unwrap(), []);
        assert_eq!(store.audit(&room("den"), u64::MAX, 9).unwrap(), None);
        assert_eq!(store.search(&room("den"), "secret", u64::MAX, 9).unwrap().messages, []);
        drop(log);
        let opened = store.open(&room("den"), 9).unwrap();
        assert_eq!((opened.policy, opened.past.seq, opened.past.recent.len()), (None, 0, 0));
    });
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["Ann", "Bob", "Cy", "Dan"])
}

fn change() -> impl Strategy<Value = ModerationChange> {
    let until = || prop::option::of((0..40_u64).prop_map(Time));
    let role = prop::sample::select(Role::ALL.to_vec());
    prop_oneof![
        name().prop_map(|name| ModerationChange::Invited { user: user(name) }),
        name().prop_map(|name| ModerationChange::Removed { user: user(name) }),
        name().prop_map(|name| ModerationChange::Kicked { user: user(name) }),
        (name(), until()).prop_map(|(name, until)| ModerationChange::Banned { user: user(name), until }),
        name().prop_map(|name| ModerationChange::Unbanned { user: user(name) }),
        (name(), until()).prop_map(|(name, until)| ModerationChange::Muted { user: user(name), until }),
        name().prop_map(|name| ModerationChange::Unmuted { user: user(name) }),
        (name(), role).prop_map(|(name, role)| ModerationChange::Role {
            user: user(name),
            role,
            was: None,
            former_owner: None
        }),
        (
            prop::option::of(0..9_u32),
            prop::option::of(any::<bool>()),
            prop::option::of(0..9_u32),
            prop::option::of(any::<bool>())
        )
            .prop_map(|(slow_mode_s, announcement, members_max, open_subject)| {
                ModerationChange::Settings(RoomSettings { slow_mode_s, announcement, members_max, open_subject })
            }),
        (prop::option::of(name()), prop::option::of(prop::sample::select(vec!["", "of\ntwo lines"]))).prop_map(
            |(subject, description)| {
                let (subject, description) = (subject.map(Into::into), description.map(Into::into));
                ModerationChange::Described(Description { subject, description })
            }
        ),
        (1..9_u64).prop_map(|seq| ModerationChange::Pinned { seq }),
        (1..9_u64).prop_map(|seq| ModerationChange::Unpinned { seq }),
    ]
}

/// Whether a room could decide this: its owner is neither removed nor banned, and loses the role only to a new owner.
fn keeps_owner(policy: &Policy, change: &ModerationChange) -> bool {
    let loses = match change {
        ModerationChange::Removed { user } | ModerationChange::Banned { user, .. } => Some(user),
        ModerationChange::Role { user, role, .. } if *role != Role::Owner => Some(user),
        _ => None,
    };
    loses.is_none() || loses != policy.owner()
}

#[test]
fn a_policy_is_read_back_as_it_was_decided() {
    each(History, |fixture| {
        let (store, cases) = (fixture.open(), Cell::new(0));
        let decided = prop::collection::vec(change(), 0..40);
        let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
        let result = runner.run(&decided, |changes| {
            // A room for each case: a store for each would take a second with a server database.
            let name = format!("den{}", cases.replace(cases.get() + 1));
            let mut log = room_log(&*store, &name);
            let (mut policy, mut drafts) = (Policy::default(), Vec::new());
            for (at, change) in (0..).zip(std::iter::once(created(&["Bob"])).chain(changes)) {
                if keeps_owner(&policy, &change) {
                    policy.apply(&change, &user("Ann"), Time(at));
                    drafts.push(moderate("Ann", at, change));
                }
            }
            log.append(&drafts).unwrap();
            drop(log);
            prop_assert_eq!(store.open(&room(&name), 0).unwrap().policy, Some(policy));
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    });
}
