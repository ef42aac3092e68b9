//! Charters in the file: what is read back is what was decided, and what a room that ended leaves behind.

use proptest::prelude::*;
use roomd::chat::policy::{ModerationAction, ModerationChange, Policy, Role, RoomSettings};
use roomd::chat::{Body, Draft, Operation, Outcome, Receipt, ReceiptMark, Span, Time};
use roomd::store::sqlite::DataFile;
use roomd::store::{PageQuery, Store};

use crate::claims::{delete, draft, request, room, user};
use crate::harness::{Keeper, Place, number, until};

fn moderate(who: &str, at: u64, change: ModerationChange) -> Draft {
    draft(who, at, Operation::Moderate(ModerationAction { change, note: Some(roomd::chat::Note::stored("so")) }))
}

fn created(members: &[&str]) -> ModerationChange {
    let members = members.iter().map(|name| user(name)).collect();
    ModerationChange::Created { private: true, owner: Some(user("Ann")), members }
}

fn check(place: &Place) {
    let findings = DataFile::named(&place.data()).unwrap().check().unwrap();
    assert_eq!(findings.problems, [""; 0]);
}

#[test]
fn a_charter_and_its_audit_are_there_after_a_restart() {
    let place = Place::new();
    let changes = [
        created(&["Bob", "Cy"]),
        ModerationChange::Role { user: user("Bob"), role: Role::Moderator },
        ModerationChange::Banned { user: user("Cy"), until: Some(Time(5_000)) },
        ModerationChange::Muted { user: user("Dan"), until: None },
        ModerationChange::Settings(RoomSettings { slow_mode_s: Some(30), announcement: None }),
        ModerationChange::Role { user: user("Bob"), role: Role::Owner },
    ];
    let mut policy = Policy::default();
    {
        let keeper = Keeper::file(&place);
        let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
        for (at, change) in (1..).zip(&changes) {
            assert_eq!(room_log.append(&[moderate("Ann", at, change.clone())]), Ok(vec![Outcome::Changed]));
            policy.apply(change, Time(at));
        }
    }
    let keeper = Keeper::file(&place);
    assert_eq!(keeper.policies().unwrap(), [(room("den"), policy.clone())]);
    assert_eq!(keeper.open(&room("den"), 0).unwrap().policy, Some(policy));
    assert_eq!(keeper.open(&room("hall"), 0).unwrap().policy, None);
    let audit = keeper.audit(&room("den"), u64::MAX, 100).unwrap().unwrap();
    assert_eq!(audit.iter().map(|entry| entry.action.change.clone()).collect::<Vec<_>>(), changes);
    assert!(
        audit.iter().zip(1..).all(|(entry, n)| entry.number == n && entry.at == Time(n) && entry.by == user("Ann"))
    );
    assert!(audit.iter().all(|entry| entry.action.note.as_deref() == Some("so")));
    let part = keeper.audit(&room("den"), 4, 2).unwrap().unwrap();
    assert_eq!(part.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(keeper.audit(&room("hall"), u64::MAX, 100).unwrap(), None);
    drop(keeper);
    check(&place);
}

#[test]
fn a_message_that_a_moderator_took_away_is_in_the_audit_with_its_author() {
    let keeper = Keeper::memory();
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    room_log.append(&[request("Bob", "rude", ""), request("Ann", "kind", "")]).unwrap();
    let deletion = |seq| draft("Ann", 3, Operation::Edit { seq, body: Body::Deleted, as_moderator: true });
    assert_eq!(
        room_log.append(&[deletion(1), deletion(2), deletion(3)]).unwrap(),
        [Outcome::Changed, Outcome::Changed, Outcome::Missing]
    );
    let audit = keeper.audit(&room("den"), u64::MAX, 100).unwrap().unwrap();
    let changes: Vec<_> = audit.into_iter().map(|entry| entry.action.change).collect();
    assert_eq!(changes, [ModerationChange::Deleted { user: user("Bob"), seq: 1 }]);
    assert_eq!(room_log.append(&[delete("Ann", 1)]).unwrap(), [Outcome::Missing]);
}

#[test]
fn a_room_that_ended_leaves_nothing_and_its_name_is_free() {
    let place = Place::new();
    {
        let keeper = Keeper::file(&place);
        let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
        room_log.append(&[moderate("Ann", 1, created(&["Bob"]))]).unwrap();
        for batch in 0..20 {
            let drafts: Vec<_> =
                (0..20).map(|i| request("Bob", &format!("xyzzy {batch} {i}"), &format!("m{batch}-{i}"))).collect();
            room_log.append(&drafts).unwrap();
        }
        room_log.mark(&[ReceiptMark { user: user("Bob"), receipt: Receipt::Read, seq: 400, at: Time(9) }]);
        let epoch = keeper.page(&room("den"), NEWEST).unwrap().unwrap().epoch;
        let outcome = room_log.append(&[moderate("Ann", 9, ModerationChange::Ended)]).unwrap();
        let [Outcome::Ended { epoch: fresh }] = outcome[..] else { panic!("not ended: {outcome:?}") };
        assert_ne!(*epoch, fresh.to_string());
        assert_eq!(keeper.page(&room("den"), NEWEST).unwrap(), None);
        assert_eq!(keeper.policies().unwrap(), []);
        assert_eq!(keeper.audit(&room("den"), u64::MAX, 9).unwrap(), None);
        // The same ledger goes on with another history; marks of the old one are not taken for its own.
        let first = request("Cy", "first", "m0-0");
        assert_eq!(room_log.append(&[first]).unwrap(), [Outcome::Stored { seq: 1 }]);
        assert_eq!(*keeper.page(&room("den"), NEWEST).unwrap().unwrap().epoch, fresh.to_string());
        assert_eq!(keeper.search(&room("den"), "xyzzy", u64::MAX, 9).unwrap(), []);
        until("the room is buried", || number(&place.data(), "SELECT count(*) FROM rooms") == 1);
    }
    for (table, left) in [("messages", 1), ("mids", 1), ("marks", 0), ("people", 0), ("audit", 0), ("charters", 0)] {
        assert_eq!(number(&place.data(), &format!("SELECT count(*) FROM {table}")), left, "{table}");
    }
    let bytes = std::fs::read(place.data()).unwrap();
    assert!(!bytes.windows(5).any(|window| window == b"xyzzy"), "what was said is still in the file");
    check(&place);
}

const NEWEST: PageQuery = PageQuery { span: Span::Before(u64::MAX), count: 1, bytes: 1 };

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
        (name(), role).prop_map(|(name, role)| ModerationChange::Role { user: user(name), role }),
        (prop::option::of(0..9_u32), prop::option::of(any::<bool>())).prop_map(|(slow_mode_s, announcement)| {
            ModerationChange::Settings(RoomSettings { slow_mode_s, announcement })
        }),
    ]
}

/// What a room never decides: its owner loses the role to nobody.
fn keeps_owner(policy: &Policy, change: &ModerationChange) -> bool {
    let loses = match change {
        ModerationChange::Removed { user } | ModerationChange::Banned { user, .. } => Some(user),
        ModerationChange::Role { user, role } if *role != Role::Owner => Some(user),
        _ => None,
    };
    loses.is_none() || loses != policy.owner()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_read_back_is_what_was_decided(changes in prop::collection::vec(change(), 0..40)) {
        let keeper = Keeper::memory();
        let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
        let mut policy = Policy::default();
        let mut all = vec![created(&["Bob"])];
        all.extend(changes);
        for (at, change) in (0..).zip(all) {
            if keeps_owner(&policy, &change) {
                policy.apply(&change, Time(at));
                room_log.append(&[moderate("Ann", at, change)]).unwrap();
            }
        }
        prop_assert_eq!(keeper.open(&room("den"), 0).unwrap().policy, Some(policy));
    }
}

#[test]
fn a_cipher_is_stored_and_replayed_and_never_searched() {
    let keeper = Keeper::memory();
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    let cipher = Body::Cipher(r#"{"alg":"A256GCM","ct":"findme"}"#.into());
    room_log
        .append(&[draft("Ann", 1, Operation::Publish { to: None, body: cipher.clone(), about: None, mid: None })])
        .unwrap();
    room_log.append(&[request("Ann", "findme", "")]).unwrap();
    let found = keeper.search(&room("den"), "findme", u64::MAX, 9).unwrap();
    assert_eq!(found.iter().map(|message| message.seq).collect::<Vec<_>>(), [2]);
    let page = keeper.page(&room("den"), PageQuery { span: Span::After(0), count: 9, bytes: 999 }).unwrap().unwrap();
    assert_eq!(page.messages[0].body, cipher);
}

#[test]
fn a_private_room_that_is_imported_is_private_and_nobody_is_on_its_list() {
    let (from, to) = (Place::new(), Place::new());
    {
        let keeper = Keeper::file(&from);
        let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
        room_log.append(&[moderate("Ann", 1, created(&["Bob"])), request("Ann", "secret", "")]).unwrap();
    }
    let mut lines = Vec::new();
    DataFile::named(&from.data())
        .unwrap()
        .export(&room("den"), roomd::store::sqlite::Since::Seq(0), &mut lines)
        .unwrap();
    assert!(!String::from_utf8_lossy(&lines).contains("Bob"), "an export carries messages, and no list");
    drop(Keeper::file(&to));
    DataFile::named(&to.data()).unwrap().import(&mut lines.as_slice()).unwrap();
    let policies = Keeper::file(&to).policies().unwrap();
    assert_eq!(policies.len(), 1);
    assert!(policies[0].1.is_private() && policies[0].1.people().is_empty());
    check(&to);
}
