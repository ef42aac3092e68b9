//! Administration: what was exported from one backend and imported into another is the same history.
//!
//! What a backend cannot do it refuses in a sentence.

use std::path::Path;

use roomd::chat::policy::{ModerationChange, Role};
use roomd::chat::{Body, Key, Publication, RoomName, Time};
use roomd::chat::{Operation, Outcome, Span};
use roomd::store::administration::{BoundChange, ExportStart, RetentionChange};
use roomd::store::{Account, AdministrationError, PageQuery, ServerKey};

use super::Promise::{self, Administration, Backups, History, Numbering, Reopening};
use super::{Fixture, backends, each};
use crate::drafts::{
    OnlyLog as _, delete, draft, edit, message, message_at, moderate, page, private_message, room, room_log, user,
};
use crate::harness::TestStore;

/// Two rooms with everything that a message can be.
fn fill(store: &TestStore) -> [RoomName; 2] {
    let mut den = room_log(&**store, "den");
    let drafts: Vec<_> =
        (1..=5).map(|i| message_at("Anna", i * 1_000, &format!("word {i}"), &format!("m{i}"))).collect();
    den.append(&drafts).unwrap();
    den.append(&[edit("Anna", 2, "changed"), delete("Anna", 3)]).unwrap();
    let conversation = RoomName::private(&user("Anna"), &user("Otto"));
    let mut log = store.open(&conversation, 0).unwrap().room_log;
    let keyed = |key, body| {
        let publication = Publication { key: Key::parse(key).ok(), ..Publication::new(body) };
        draft("Anna", 5, Operation::Publish { to: Some(user("Otto")), publication })
    };
    let cipher = keyed("k", Body::Cipher("{\"n\":[1, 2.50]}".into()));
    log.append(&[keyed("gone", Body::Text("a value".into())), keyed("gone", Body::Deleted(None))]).unwrap();
    let bytes = keyed("", Body::Data([0, 0xff].as_slice().into()));
    log.append(&[bytes, cipher, private_message("Otto", "Anna", "line\nline \"x\" \u{1f600}")]).unwrap();
    [room("den"), conversation]
}

fn export(store: &TestStore, room: &RoomName, start: ExportStart) -> String {
    let mut lines = Vec::new();
    store.administration().export(room, start, &mut lines).unwrap();
    String::from_utf8(lines).unwrap()
}

#[test]
fn an_export_imported_into_another_backend_is_the_same_history() {
    for from in backends(History) {
        for to in backends(Administration) {
            let (from, to) = (Fixture::new(from), Fixture::new(to));
            let source = from.open();
            let rooms = fill(&source);
            drop(to.open());
            for name in &rooms {
                let lines = export(&source, name, ExportStart::Seq(0));
                let imported = to.administration().import(&mut lines.as_bytes()).unwrap();
                assert_eq!((&imported.room, imported.known), (name, 0));
                let again = to.administration().import(&mut lines.as_bytes()).unwrap();
                assert_eq!((again.added, again.known), (0, imported.added));
            }
            let target = to.open();
            for name in &rooms {
                for span in [Span::After(0), Span::Latest(0)] {
                    let query = PageQuery { span, count: 99, bytes: 1 << 20 };
                    assert_eq!(target.page(name, query).unwrap(), source.page(name, query).unwrap());
                }
                let both = [&target, &source].map(|store| export(store, name, ExportStart::Seq(0)));
                assert_eq!(both[0], both[1]);
            }
            assert_eq!(target.search(&room("den"), "changed", u64::MAX, 9).unwrap().messages.len(), 1);
            let drafts = [message("Anna", "again", "m5"), message("Anna", "six", "")];
            let outcomes = room_log(&*target, "den").outcomes(&drafts).unwrap();
            assert_eq!(outcomes, [Outcome::Repeat { seq: 5, at: Time(5_000) }, Outcome::Stored { seq: 6 }]);
            drop(target);
            assert_eq!(to.administration().check().unwrap().problems, [""; 0]);
        }
    }
}

#[test]
fn an_export_begins_after_a_number_or_at_a_time() {
    each(History, |fixture| {
        let store = fixture.open();
        fill(&store);
        let messages = |start| export(&store, &room("den"), start).lines().count() - 1;
        assert_eq!(messages(ExportStart::Seq(0)), 5);
        assert_eq!(messages(ExportStart::Seq(3)), 2);
        assert_eq!(messages(ExportStart::Seq(9)), 0);
        assert_eq!(messages(ExportStart::Time(Time(4_000))), 2);
        assert_eq!(messages(ExportStart::Time(Time(4_001))), 1);
        let missing = store.administration().export(&room("hall"), ExportStart::Seq(0), &mut Vec::new());
        assert!(matches!(missing, Err(AdministrationError::NoRoom(name)) if name == room("hall")));
    });
}

#[test]
fn a_private_room_that_is_imported_is_private_and_has_no_members() {
    each(Administration, |fixture| {
        let to = Fixture::new(fixture.backend);
        let store = fixture.open();
        let created = ModerationChange::Created { private: true, owner: Some(user("Ann")), members: vec![user("Bob")] };
        room_log(&*store, "den").append(&[moderate("Ann", 1, created), message("Ann", "secret", "")]).unwrap();
        let lines = export(&store, &room("den"), ExportStart::Seq(0));
        assert!(!lines.contains("Bob"), "an export has messages, and no list of members");
        drop(to.open());
        to.administration().import(&mut lines.as_bytes()).unwrap();
        let policies = to.open().policies().unwrap();
        assert_eq!(policies.len(), 1);
        assert!(policies[0].1.is_private() && policies[0].1.people().is_empty());
    });
}

#[test]
fn an_import_gives_a_new_room_the_policy_that_it_names() {
    each(Administration, |fixture| {
        drop(fixture.open());
        let import = |members: &str| {
            let header = format!(
                "{{\"roomd\":\"history\",\"version\":1,\"room\":\"den\",\"epoch\":\"e1\",\"newest\":0,\"private\":true,\
                 \"owner\":\"Ann\",\"members\":{members},\"subject\":\"plans\",\"description\":\"a\\nb\"}}\n"
            );
            fixture.administration().import(&mut header.as_bytes()).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(
            import("[\"a:b\"]").unwrap_err(),
            "line 1 names a user that must not hold the character ':'; nothing was imported"
        );
        import("[\"Bob\"]").unwrap();
        let policy = || {
            let store = fixture.open();
            let policies = store.policies().unwrap();
            assert_eq!(policies.len(), 1);
            let audit = store.audit(&room("den"), u64::MAX, 10).unwrap().unwrap();
            assert!(audit.iter().all(|entry| entry.by.as_str() == "roomd import"));
            (policies[0].1.clone(), audit.len())
        };
        let (imported, entries) = policy();
        let people: Vec<_> = imported.people().iter().map(|(name, role)| (name.to_string(), *role)).collect();
        assert_eq!(people, [("Ann".to_owned(), Role::Owner), ("Bob".to_owned(), Role::Member)]);
        assert!(imported.is_private());
        let described = &imported.subject().description;
        assert_eq!((described.subject.as_deref(), described.description.as_deref()), (Some("plans"), Some("a\nb")));
        import("[\"Eve\"]").unwrap();
        assert_eq!(policy(), (imported, entries), "a room that has a policy keeps it");
    });
}

#[test]
fn an_import_that_does_not_continue_the_room_is_refused() {
    each(Administration, |fixture| {
        drop(fixture.open());
        let line = |seq: u64, user: &str, second: u64| {
            format!("{{\"seq\":{seq},\"at\":\"2026-11-20T18:00:0{second}Z\",\"user\":\"{user}\",\"message\":\"x\"}}\n")
        };
        let import = |lines: &[String]| {
            let header = format!(
                "{{\"roomd\":\"history\",\"version\":1,\"room\":\"den\",\"epoch\":\"e1\",\"newest\":{}}}\n",
                lines.len()
            );
            let text = header + &lines.concat();
            let imported = fixture.administration().import(&mut text.as_bytes());
            imported.map(|imported| imported.added).map_err(|error| error.to_string())
        };
        assert_eq!(import(&[line(1, "Ann", 1), line(2, "Bob", 2), line(3, "Ann", 3)]), Ok(3));
        let sentence = "line 4 is not the message 3 of the room: it does not continue it; nothing was imported";
        // The first was removed there meanwhile, and two came; or the author is another.
        let shifted = [line(1, "Bob", 2), line(2, "Ann", 3), line(3, "Ann", 4), line(4, "Ann", 5)];
        assert_eq!(import(&shifted), Err(sentence.to_owned()));
        let other = [line(1, "Ann", 1), line(2, "Bob", 2), line(3, "Eve", 3), line(4, "Ann", 4)];
        assert_eq!(import(&other), Err(sentence.to_owned()));
        let more = [line(1, "Ann", 1), line(2, "Bob", 2), line(3, "Ann", 3), line(4, "Ann", 4)];
        assert_eq!(import(&more), Ok(1));
        assert_eq!(page(&*fixture.open(), "den", Span::After(0)).messages.len(), 4);
    });
}

#[test]
fn an_import_needs_the_history_to_itself() {
    each(History, |fixture| {
        let store = fixture.open();
        let [den, _] = fill(&store);
        let lines = export(&store, &den, ExportStart::Seq(0));
        let refused = store.administration().import(&mut lines.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains("in use by another roomd") || refused.contains("its server has it open"), "{refused}");
        assert_eq!(page(&*store, "den", Span::After(0)).messages.len(), 5);
    });
}

#[test]
fn commands_read_a_history_that_a_server_has_open() {
    each(Administration, |fixture| {
        let store = fixture.open();
        let [den, _] = fill(&store);
        let beside = fixture.administration();
        let mut lines = Vec::new();
        assert_eq!(beside.export(&den, ExportStart::Seq(0), &mut lines).unwrap(), 5);
        assert_eq!(beside.check().unwrap().problems, [""; 0]);
        let change = RetentionChange { age_ms: None, count: Some(BoundChange::Set(4)) };
        assert_eq!(beside.retain(&den, change).unwrap().count, Some(4));
    });
}

#[test]
fn a_backup_is_the_same_history() {
    each(Backups, |fixture| {
        let store = fixture.open();
        fill(&store);
        let copy = fixture.directory.file("copy.db");
        let bytes = store.administration().backup(Path::new(&copy)).unwrap();
        assert_eq!(std::fs::metadata(&copy).unwrap().len(), bytes);
        let refused = store.administration().backup(Path::new(&copy)).unwrap_err().to_string();
        assert!(refused.contains("is there already"), "{refused}");
        let findings = roomd::store::administration(&copy).unwrap().check().unwrap();
        assert_eq!((findings.rooms.len(), findings.problems.len()), (2, 0));
        let copy = TestStore::with(&copy, |_| ()).unwrap();
        let (copied, original) = (page(&*copy, "den", Span::After(0)), page(&*store, "den", Span::After(0)));
        assert_eq!(copied.messages, original.messages);
        assert_ne!(copied.epoch, original.epoch, "what follows in one is not what follows in the other");
    });
}

#[test]
fn a_backend_that_makes_no_backups_says_what_does() {
    each(History, |fixture| {
        if fixture.backend.promises.contains(&Backups) {
            return;
        }
        let store = fixture.open();
        let copy = fixture.directory.file("copy.db");
        for refused in [
            store.administration().backup(Path::new(&copy)).map(|_| ()),
            store.administration().restore(Path::new(&copy)).map(|_| ()),
        ] {
            assert!(matches!(&refused, Err(AdministrationError::Unsupported(sentence)) if sentence.contains("pg_")));
        }
        assert!(!Path::new(&copy).exists());
    });
}

#[test]
fn a_command_and_the_server_see_the_same_accounts_and_keys() {
    each(History, |fixture| {
        let store = fixture.open();
        let prepared = store.administration().prepare_token(&user("Alice"), Time(7), Time(99)).unwrap();
        let alice = Account { name: user("Alice"), since: Time(7) };
        assert_eq!(prepared.owner, alice);
        assert_eq!(store.accounts().accounts().unwrap(), std::slice::from_ref(&alice));
        assert_eq!(store.accounts().keys().unwrap(), [ServerKey { until: Time(99), ..prepared.key.clone() }]);
        let other = store.administration().prepare_token(&user("ALICE"), Time(8), Time(50)).unwrap();
        assert_eq!((other.owner, &other.key.kid), (alice, &prepared.key.kid));

        let key = |made| ServerKey { made: Time(made), ..ServerKey::draw(Time(0)).unwrap() };
        let [second, third] = [key(99), key(100)];
        assert_eq!(store.administration().rotate_keys(&second).unwrap(), 1);
        // The last token of the first has expired, and the second has signed none.
        assert_eq!(store.administration().rotate_keys(&third).unwrap(), 0);
        assert_eq!(store.administration().keys().unwrap(), std::slice::from_ref(&third));
        assert_eq!(store.accounts().keys().unwrap(), [third]);
    });
}

#[test]
fn tokens_are_prepared_without_a_server() {
    each(Reopening, |fixture| {
        drop(fixture.open());
        let prepared = fixture.administration().prepare_token(&user("Alice"), Time(7), Time(99)).unwrap();
        assert_eq!(fixture.open().accounts().keys().unwrap()[0].kid, prepared.key.kid);
    });
}

#[test]
fn what_a_backend_cannot_do_it_refuses_in_a_sentence() {
    each(Numbering, |fixture| {
        if fixture.backend.promises.contains(&Promise::History) {
            return;
        }
        let store = fixture.open();
        let key = ServerKey::draw(Time(0)).unwrap();
        let administration = store.administration();
        let den = room("den");
        let refusals = [
            administration.export(&den, ExportStart::Seq(0), &mut Vec::new()).err(),
            administration.import(&mut &b""[..]).err(),
            administration.backup(Path::new("copy")).err(),
            administration.check().err(),
            administration.retain(&den, RetentionChange::default()).err(),
            administration.keys().err(),
            administration.rotate_keys(&key).err(),
            administration.hooks(&den).err(),
            administration.revoke_hook(&den, 1, Time(9)).err(),
            administration.prepare_token(&user("Alice"), Time(0), Time(9)).err(),
        ];
        for refusal in refusals {
            assert!(matches!(&refusal, Some(AdministrationError::Unsupported(_))), "{refusal:?}");
        }
        assert!(!Path::new("copy").exists());
        assert!(roomd::store::administration(&fixture.url()).is_err());
    });
}
