//! `roomd import slack` and `mattermost`, as processes; the formats have their tests in `crates/archives`.

use std::process::Output;

use roomd::chat::policy::Role;
use roomd::chat::{About, Span, Time, UserName};
use roomd::store::PageQuery;

use crate::drafts::{message, room};
use crate::harness::{TestDirectory, TestStore};

const EXPORT: &str = r#"{"type":"version","version":1}
{"type":"channel","channel":{"team":"acme","name":"town-square","type":"O","header":"All of us"}}
{"type":"channel","channel":{"team":"acme","name":"board","type":"P"}}
{"type":"user","user":{"username":"anna","teams":[{"name":"acme","channels":[{"name":"board"}]}]}}
{"type":"post","post":{"team":"acme","channel":"town-square","user":"anna","message":"hi","create_at":1000,"replies":[{"user":"otto","message":"yes","create_at":2000}]}}
{"type":"post","post":{"team":"acme","channel":"board","user":"anna","message":"budget","create_at":3000}}
{"type":"direct_post","direct_post":{"channel_members":["anna","otto"],"user":"anna","message":"psst","create_at":500}}
{"type":"emoji","emoji":{"name":"logo","image":"x.png"}}
"#;

fn import(directory: &TestDirectory, more: &str, arguments: &[&str]) -> Output {
    let path = directory.file("export.jsonl");
    std::fs::write(&path, format!("{EXPORT}{more}")).unwrap();
    let arguments = [&["import", "mattermost", &path], arguments].concat();
    directory.roomd(&arguments).output().unwrap()
}

fn printed(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn an_archive_is_imported_once_and_a_later_one_continues_it() {
    let directory = TestDirectory::new();
    let tried = import(&directory, "", &["--dry-run"]);
    assert!(tried.status.success());
    assert_eq!(
        printed(&tried)[3..],
        ["3 rooms and 2 users; nothing was imported", "left out: lines of the type \"emoji\": 1"]
    );
    let registered = "2 names registered; roomd token --user NAME lets each in";
    for (more, [square, board, direct]) in [("", ["2 messages", "1 message", "1 message"]), ("", ["0 messages"; 3])] {
        let output = import(&directory, more, &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = printed(&output);
        assert!(lines[0].starts_with(&format!("town-square: {square} imported")), "{lines:?}");
        assert!(lines[1].starts_with(&format!("board: {board} imported")), "{lines:?}");
        assert!(lines[2].starts_with(&format!("dm:anna:otto: {direct} imported")), "{lines:?}");
        assert_eq!(lines[3], registered);
    }
    let more =
        r#"{"type":"post","post":{"team":"acme","channel":"board","user":"anna","message":"more","create_at":4000}}"#;
    assert_eq!(printed(&import(&directory, more, &[]))[1], "board: 1 message imported, 1 there already");

    let store = TestStore::file(&directory);
    let all = PageQuery { span: Span::After(0), count: 10, bytes: 1 << 20 };
    let square = store.page(&room("town-square"), all).unwrap().unwrap().messages;
    let shown: Vec<_> = square.iter().map(|message| (message.user.as_str(), message.at, message.about)).collect();
    assert_eq!(shown, [("anna", Time(1_000), None), ("otto", Time(2_000), Some(About::Reply(1)))]);
    let policies = store.policies().unwrap();
    let policy = |name: &str| &policies.iter().find(|(room, _)| room.as_str() == name).unwrap().1;
    let anna = UserName::parse("anna").unwrap();
    assert!(policy("board").is_private());
    assert_eq!(policy("board").people().get(&anna), Some(&Role::Member));
    assert!(!policy("town-square").is_private());
    let otto = UserName::parse("otto").unwrap();
    assert_eq!(store.offline_messages(&otto).unwrap(), [], "what was said long ago is not new");
}

#[test]
fn a_room_that_is_refused_stops_no_other() {
    let directory = TestDirectory::new();
    TestStore::file(&directory).open(&room("board"), 0).unwrap().room_log.append(&[message("Eve", "x", "")]).unwrap();
    let output = import(&directory, "", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output)[1].starts_with("dm:anna:otto: 1 message imported"));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.starts_with("roomd: board: the room board has another history (epoch "), "{complaint}");
}

#[test]
fn what_is_no_archive_imports_nothing() {
    let directory = TestDirectory::new();
    let output = import(&directory, "{}", &[]);
    assert_eq!((output.status.code(), printed(&output).len()), (Some(1), 0));
    assert!(String::from_utf8(output.stderr).unwrap().ends_with("nothing was imported\n"));
    let path = directory.file("export.jsonl");
    let output = directory.roomd(&["import", "slack", &path]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("it is no ZIP file"));
}
