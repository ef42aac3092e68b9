//! Invitations, which are a part of a room's policy; and in which conversations a user is, and how far they have read.

use roomd::chat::listed_room::ReadPosition;
use roomd::chat::policy::{ModerationChange, Policy, Role};
use roomd::chat::{Receipt, RoomName, Time};
use roomd::store::{RoomLog, Store};

use super::Promise::{History, Numbering, Reopening};
use super::each;
use crate::drafts::{mark, message, message_at, moderate, private_message, room, room_log, user};
use crate::harness::until;

#[test]
fn who_is_invited_and_by_which_code_is_read_back_as_it_was_decided() {
    let created = |number, code: &str, until, uses| ModerationChange::InvitationCreated {
        number,
        code: code.into(),
        until: Time(until),
        uses,
    };
    let admitted = |name: &str, invitation| ModerationChange::Admitted { user: user(name), invitation };
    let changes = [
        ModerationChange::Created { private: true, owner: Some(user("Ann")), members: vec![user("Bob"), user("Cy")] },
        ModerationChange::Accepted { user: user("Bob") },
        ModerationChange::Role { user: user("Cy"), role: Role::Moderator, was: None, former_owner: None },
        ModerationChange::Role { user: user("Dan"), role: Role::Member, was: None, former_owner: None },
        ModerationChange::Invited { user: user("Eve") },
        created(1, "over", 7, 9),
        created(2, "abc", 1_000, 2),
        admitted("Fay", 2),
        created(3, "def", 1_000, 1),
        admitted("Gus", 3),
        created(4, "ghi", 1_000, 1),
        ModerationChange::InvitationRevoked { number: 4 },
        ModerationChange::Removed { user: user("Eve") },
        ModerationChange::Invited { user: user("Eve") },
    ];
    each(Reopening, |fixture| {
        let mut policy = Policy::default();
        {
            let store = fixture.open();
            let mut room_log = room_log(&*store, "den");
            for (at, change) in (1..).zip(&changes) {
                room_log.append(&[moderate("Ann", at, change.clone())]).unwrap();
                policy.apply(change, &user("Ann"), Time(at));
            }
        }
        assert_eq!(policy.invitations(Time(20)).len(), 1);
        let store = fixture.open();
        assert_eq!(store.policies().unwrap(), [(room("den"), policy)]);
        let audit = store.audit(&room("den"), u64::MAX, 100).unwrap().unwrap();
        let whats: Vec<_> = audit.iter().map(|entry| entry.action.change.as_str()).collect();
        assert_eq!(whats, changes.each_ref().map(ModerationChange::as_str));
        assert!(!format!("{audit:?}").contains("abc"));
    });
}

fn conversation(store: &dyn Store, one: &str, other: &str) -> Box<dyn RoomLog> {
    store.open(&RoomName::private(&user(one), &user(other)), 0).unwrap().room_log
}

#[test]
fn a_users_conversations_are_found_whichever_of_the_two_they_are() {
    each(History, |fixture| {
        let store = fixture.open();
        for (one, other) in [("Cleo", "Otto"), ("Otto", "Zoe"), ("Cleo", "Zoe"), ("Otto;", "Zoe"), ("Ann", "Otto2")] {
            conversation(&*store, one, other).append(&[private_message(one, other, "hello")]).unwrap();
        }
        // Nobody says anything in it.
        drop(conversation(&*store, "Otto", "Silent"));
        room_log(&*store, "den").append(&[message("Otto", "hello", "")]).unwrap();
        let of = |name: &str, since, count| store.conversations(&user(name), Time(since), count).unwrap();
        let names = [("Otto", "Zoe"), ("Cleo", "Otto")].map(|(one, other)| RoomName::private(&user(one), &user(other)));
        assert_eq!(of("Otto", 0, 9), names);
        assert_eq!(of("Otto", 0, 1), names[..1]);
        assert_eq!(of("Otto", 1, 9), [], "the messages are as old as the name");
        assert_eq!(of("Nobody", 0, 9), []);
    });
}

#[test]
fn how_far_a_user_has_read_is_told_of_each_room() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut log = room_log(&*store, "den");
        log.append(&[message("Ann", "one", ""), message_at("Ann", 2, "two", "")]).unwrap();
        let rooms = [room("den"), room("hall")];
        let of = |name: &str| store.read_positions(&user(name), &rooms).unwrap();
        assert_eq!(of("Bob"), [Some(ReadPosition { newest: 2, read: 0 }), None]);
        log.mark(&[mark("Bob", Receipt::Read, 1, 9), mark("Bob", Receipt::Received, 2, 9)]);
        until("the mark is kept", || of("Bob")[0] == Some(ReadPosition { newest: 2, read: 1 }));
        assert_eq!(of("Cy")[0], Some(ReadPosition { newest: 2, read: 0 }));
    });
}

#[test]
fn who_keeps_no_history_knows_of_no_room() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        assert_eq!(store.read_positions(&user("Bob"), &[room("hall"), room("den")]), Ok(vec![None, None]));
        assert_eq!(store.conversations(&user("Bob"), Time(0), 9), Ok(vec![]));
    });
}
