//! Charters in the file: what is read back is what was decided, and what a room that ended leaves behind.

use proptest::prelude::*;
use roomd::chat::charter::{Amendment, Change, Charter, Role, Settings};
use roomd::chat::command::Span;
use roomd::chat::record::{Deed, Draft, Mark, Outcome, Receipt};
use roomd::chat::{Body, Time};
use roomd::store::sqlite::Archive;
use roomd::store::{PageWish, Store};

use crate::claims::{delete, draft, room, said, user};
use crate::harness::{Keeper, Place, number, until};

fn amend(who: &str, at: u64, change: Change) -> Draft {
    draft(who, at, Deed::Amend(Amendment { change, note: Some("so".into()) }))
}

fn founded(members: &[&str]) -> Change {
    let members = members.iter().map(|name| user(name)).collect();
    Change::Founded { private: true, owner: Some(user("Ann")), members }
}

fn check(place: &Place) {
    let findings = Archive::named(&place.data()).unwrap().check().unwrap();
    assert_eq!(findings.problems, [""; 0]);
}

#[test]
fn a_charter_and_its_audit_are_there_after_a_restart() {
    let place = Place::new();
    let changes = [
        founded(&["Bob", "Cy"]),
        Change::Role { user: user("Bob"), role: Role::Moderator },
        Change::Banned { user: user("Cy"), until: Some(Time(5_000)) },
        Change::Muted { user: user("Dan"), until: None },
        Change::Settings(Settings { slow_mode_s: Some(30), announcement: None }),
        Change::Role { user: user("Bob"), role: Role::Owner },
    ];
    let mut charter = Charter::default();
    {
        let keeper = Keeper::file(&place);
        let mut ledger = keeper.open(&room("den"), 0).unwrap().ledger;
        for (at, change) in (1..).zip(&changes) {
            assert_eq!(ledger.append(&[amend("Ann", at, change.clone())]), Ok(vec![Outcome::Changed]));
            charter.apply(change, Time(at));
        }
    }
    let keeper = Keeper::file(&place);
    assert_eq!(keeper.charters().unwrap(), [(room("den"), charter.clone())]);
    assert_eq!(keeper.open(&room("den"), 0).unwrap().charter, Some(charter));
    assert_eq!(keeper.open(&room("hall"), 0).unwrap().charter, None);
    let audit = keeper.audit(&room("den"), u64::MAX, 100).unwrap().unwrap();
    assert_eq!(audit.iter().map(|entry| entry.amendment.change.clone()).collect::<Vec<_>>(), changes);
    assert!(
        audit.iter().zip(1..).all(|(entry, n)| entry.number == n && entry.at == Time(n) && entry.by == user("Ann"))
    );
    assert!(audit.iter().all(|entry| entry.amendment.note.as_deref() == Some("so")));
    let part = keeper.audit(&room("den"), 4, 2).unwrap().unwrap();
    assert_eq!(part.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(keeper.audit(&room("hall"), u64::MAX, 100).unwrap(), None);
    drop(keeper);
    check(&place);
}

#[test]
fn a_message_that_a_moderator_took_away_is_in_the_audit_with_its_author() {
    let keeper = Keeper::memory();
    let mut ledger = keeper.open(&room("den"), 0).unwrap().ledger;
    ledger.append(&[said("Bob", "rude", ""), said("Ann", "kind", "")]).unwrap();
    let rules = |seq| draft("Ann", 3, Deed::Edit { seq, body: Body::Deleted, rules: true });
    assert_eq!(
        ledger.append(&[rules(1), rules(2), rules(3)]).unwrap(),
        [Outcome::Changed, Outcome::Changed, Outcome::Missing]
    );
    let audit = keeper.audit(&room("den"), u64::MAX, 100).unwrap().unwrap();
    let changes: Vec<_> = audit.into_iter().map(|entry| entry.amendment.change).collect();
    assert_eq!(changes, [Change::Deleted { user: user("Bob"), seq: 1 }]);
    assert_eq!(ledger.append(&[delete("Ann", 1)]).unwrap(), [Outcome::Missing]);
}

#[test]
fn a_room_that_ended_leaves_nothing_and_its_name_is_free() {
    let place = Place::new();
    {
        let keeper = Keeper::file(&place);
        let mut ledger = keeper.open(&room("den"), 0).unwrap().ledger;
        ledger.append(&[amend("Ann", 1, founded(&["Bob"]))]).unwrap();
        for batch in 0..20 {
            let drafts: Vec<_> =
                (0..20).map(|i| said("Bob", &format!("xyzzy {batch} {i}"), &format!("m{batch}-{i}"))).collect();
            ledger.append(&drafts).unwrap();
        }
        ledger.mark(&[Mark { user: user("Bob"), receipt: Receipt::Read, seq: 400, at: Time(9) }]);
        let epoch = keeper.page(&room("den"), NEWEST).unwrap().unwrap().epoch;
        let outcome = ledger.append(&[amend("Ann", 9, Change::Ended)]).unwrap();
        let [Outcome::Ended { epoch: fresh }] = outcome[..] else { panic!("not ended: {outcome:?}") };
        assert_ne!(*epoch, fresh.to_string());
        assert_eq!(keeper.page(&room("den"), NEWEST).unwrap(), None);
        assert_eq!(keeper.charters().unwrap(), []);
        assert_eq!(keeper.audit(&room("den"), u64::MAX, 9).unwrap(), None);
        // The same ledger goes on with another history; marks of the old one are not taken for its own.
        let first = said("Cy", "first", "m0-0");
        assert_eq!(ledger.append(&[first]).unwrap(), [Outcome::Stored { seq: 1 }]);
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

const NEWEST: PageWish = PageWish { span: Span::Before(u64::MAX), count: 1, bytes: 1 };

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["Ann", "Bob", "Cy", "Dan"])
}

fn change() -> impl Strategy<Value = Change> {
    let until = || prop::option::of((0..40_u64).prop_map(Time));
    let role = prop::sample::select(Role::ALL.to_vec());
    prop_oneof![
        name().prop_map(|name| Change::Invited { user: user(name) }),
        name().prop_map(|name| Change::Removed { user: user(name) }),
        name().prop_map(|name| Change::Kicked { user: user(name) }),
        (name(), until()).prop_map(|(name, until)| Change::Banned { user: user(name), until }),
        name().prop_map(|name| Change::Unbanned { user: user(name) }),
        (name(), until()).prop_map(|(name, until)| Change::Muted { user: user(name), until }),
        name().prop_map(|name| Change::Unmuted { user: user(name) }),
        (name(), role).prop_map(|(name, role)| Change::Role { user: user(name), role }),
        (prop::option::of(0..9_u32), prop::option::of(any::<bool>()))
            .prop_map(|(slow_mode_s, announcement)| { Change::Settings(Settings { slow_mode_s, announcement }) }),
    ]
}

/// What a room never decides: its owner loses the role to nobody.
fn keeps_owner(charter: &Charter, change: &Change) -> bool {
    let loses = match change {
        Change::Removed { user } | Change::Banned { user, .. } => Some(user),
        Change::Role { user, role } if *role != Role::Owner => Some(user),
        _ => None,
    };
    loses.is_none() || loses != charter.owner()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_read_back_is_what_was_decided(changes in prop::collection::vec(change(), 0..40)) {
        let keeper = Keeper::memory();
        let mut ledger = keeper.open(&room("den"), 0).unwrap().ledger;
        let mut charter = Charter::default();
        let mut all = vec![founded(&["Bob"])];
        all.extend(changes);
        for (at, change) in (0..).zip(all) {
            if keeps_owner(&charter, &change) {
                charter.apply(&change, Time(at));
                ledger.append(&[amend("Ann", at, change)]).unwrap();
            }
        }
        prop_assert_eq!(keeper.open(&room("den"), 0).unwrap().charter, Some(charter));
    }
}

#[test]
fn a_cipher_is_stored_and_replayed_and_never_searched() {
    let keeper = Keeper::memory();
    let mut ledger = keeper.open(&room("den"), 0).unwrap().ledger;
    let cipher = Body::Cipher(r#"{"alg":"A256GCM","ct":"findme"}"#.into());
    ledger
        .append(&[draft("Ann", 1, Deed::Publish { to: None, body: cipher.clone(), about: None, mid: None })])
        .unwrap();
    ledger.append(&[said("Ann", "findme", "")]).unwrap();
    let found = keeper.search(&room("den"), "findme", u64::MAX, 9).unwrap();
    assert_eq!(found.iter().map(|message| message.seq).collect::<Vec<_>>(), [2]);
    let page = keeper.page(&room("den"), PageWish { span: Span::After(0), count: 9, bytes: 999 }).unwrap().unwrap();
    assert_eq!(page.messages[0].body, cipher);
}

#[test]
fn a_private_room_that_is_imported_is_private_and_nobody_is_on_its_list() {
    let (from, to) = (Place::new(), Place::new());
    {
        let keeper = Keeper::file(&from);
        let mut ledger = keeper.open(&room("den"), 0).unwrap().ledger;
        ledger.append(&[amend("Ann", 1, founded(&["Bob"])), said("Ann", "secret", "")]).unwrap();
    }
    let mut lines = Vec::new();
    Archive::named(&from.data())
        .unwrap()
        .export(&room("den"), roomd::store::sqlite::Since::Seq(0), &mut lines)
        .unwrap();
    assert!(!String::from_utf8_lossy(&lines).contains("Bob"), "an export carries messages, and no list");
    drop(Keeper::file(&to));
    Archive::named(&to.data()).unwrap().import(&mut lines.as_slice()).unwrap();
    let charters = Keeper::file(&to).charters().unwrap();
    assert_eq!(charters.len(), 1);
    assert!(charters[0].1.is_private() && charters[0].1.people().is_empty());
    check(&to);
}
