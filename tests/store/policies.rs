//! What a room that ended leaves in the file.
//!
//! The contract says what is seen of it; here is what only the tables and the bytes show.

use roomd::chat::policy::ModerationChange;
use roomd::chat::{Outcome, Receipt, Span};
use roomd::store::PageQuery;

use crate::database::number;
use crate::drafts::{OnlyLog as _, mark, message, moderate, room, user};
use crate::harness::{TestDirectory, TestStore, until};

fn created() -> ModerationChange {
    ModerationChange::Created { private: true, owner: Some(user("Ann")), members: vec![user("Bob")] }
}

#[test]
fn a_room_that_ended_leaves_nothing_in_the_file_and_its_name_is_free() {
    let directory = TestDirectory::new();
    {
        let store = TestStore::file(&directory);
        let mut room_log = store.open(&room("den"), 0).unwrap().room_log;
        room_log.append(&[moderate("Ann", 1, created())]).unwrap();
        for batch in 0..20 {
            let drafts: Vec<_> =
                (0..20).map(|i| message("Bob", &format!("xyzzy {batch} {i}"), &format!("m{batch}-{i}"))).collect();
            room_log.append(&drafts).unwrap();
        }
        room_log.mark(&[mark("Bob", Receipt::Read, 400, 9)]);
        let epoch = store.page(&room("den"), NEWEST).unwrap().unwrap().epoch;
        let outcome = room_log.outcomes(&[moderate("Ann", 9, ModerationChange::Ended)]).unwrap();
        let [Outcome::Ended { epoch: fresh }] = outcome[..] else { panic!("not ended: {outcome:?}") };
        assert_ne!(*epoch, fresh.to_string());
        assert_eq!(store.page(&room("den"), NEWEST).unwrap(), None);
        assert_eq!(store.policies().unwrap(), []);
        assert_eq!(store.audit(&room("den"), u64::MAX, 9).unwrap(), None);
        // The same log continues with another history; marks of the old one are not taken for its own.
        let first = message("Cy", "first", "m0-0");
        assert_eq!(room_log.outcomes(&[first]).unwrap(), [Outcome::Stored { seq: 1 }]);
        assert_eq!(*store.page(&room("den"), NEWEST).unwrap().unwrap().epoch, fresh.to_string());
        assert_eq!(store.search(&room("den"), "xyzzy", u64::MAX, 9).unwrap().messages, []);
        until("the rows of the room are deleted", || number(&directory.data(), "SELECT count(*) FROM rooms") == 1);
    }
    for (table, left) in [("messages", 1), ("mids", 1), ("marks", 0), ("people", 0), ("audit", 0), ("charters", 0)] {
        assert_eq!(number(&directory.data(), &format!("SELECT count(*) FROM {table}")), left, "{table}");
    }
    let bytes = std::fs::read(directory.data()).unwrap();
    assert!(!bytes.windows(5).any(|window| window == b"xyzzy"), "deleted text is still in the file");
    assert!(directory.roomd(&["check"]).output().unwrap().status.success());
}

const NEWEST: PageQuery = PageQuery { span: Span::Before(u64::MAX), count: 1, bytes: 1 };
