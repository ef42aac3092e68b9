//! The commands that work on the file, as processes, beside a server that writes and without one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;
use roomd::chat::{Body, Operation, Publication, RoomName, Span};
use roomd::store::PageQuery;

use crate::database::direct;
use crate::drafts::{delete, draft, message, message_at, page, room, room_log};
use crate::harness::{TestDirectory, TestStore};

/// The standard output of a command, which succeeds.
fn output_of(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The standard error of a command, which fails.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn run(directory: &TestDirectory, arguments: &[&str]) -> Output {
    directory.roomd(arguments).output().unwrap()
}

fn import(directory: &TestDirectory, text: &str) -> Output {
    let mut command = directory.roomd(&["import"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may refuse before it has read everything.
    _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

fn fill(directory: &TestDirectory, count: u64) {
    let store = TestStore::file(directory);
    let mut room_log = store.open(&room("den"), 0).unwrap().room_log;
    for number in 1..=count {
        let (text, mid) = (format!("message {number}"), format!("m{number}"));
        room_log.append(&[message_at("Anna", number * 1_000, &text, &mid)]).unwrap();
    }
}

fn all(directory: &TestDirectory, name: &RoomName) -> (String, Vec<roomd::chat::Message>) {
    let query = PageQuery { span: Span::After(0), count: 10_000, bytes: 1 << 30 };
    let page = TestStore::file(directory).page(name, query).unwrap().unwrap();
    (page.epoch.to_string(), page.messages)
}

#[test]
fn an_export_can_begin_later_and_another_continue_it() {
    let (directory, other) = (TestDirectory::new(), TestDirectory::new());
    fill(&directory, 9);
    let seqs = |since: &str| {
        let export = output_of(&run(&directory, &["export", "den", "--since", since]));
        let lines = export.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs("7"), [8, 9]);
    assert_eq!(seqs("1970-01-01T00:00:08Z"), [8, 9]);
    assert_eq!(seqs("1970-01-01T00:00:08.001Z"), [9]);
    assert_eq!(seqs("1970-01-01").len(), 9);
    assert_eq!((seqs("9"), seqs("99"), seqs("2026-01-01"), seqs("1day")), (vec![], vec![], vec![], vec![]));

    let whole = output_of(&run(&directory, &["export", "den"]));
    let late = output_of(&run(&directory, &["export", "den", "--since", "4"]));
    assert!(output_of(&import(&other, &late)).starts_with("den: 5 messages imported, 0 there"));
    assert!(output_of(&import(&other, &late)).starts_with("den: 0 messages imported, 5 there"));
    assert!(output_of(&import(&other, &whole)).starts_with("den: 0 messages imported, 9 there"));
    fill_more(&directory);
    let more = output_of(&run(&directory, &["export", "den", "--since", "6"]));
    assert!(output_of(&import(&other, &more)).starts_with("den: 1 message imported, 3 there"));
    assert_eq!(all(&other, &room("den")).1[..], all(&directory, &room("den")).1[4..]);
    assert!(run(&other, &["check"]).status.success());
}

fn fill_more(directory: &TestDirectory) {
    TestStore::file(directory).open(&room("den"), 0).unwrap().room_log.append(&[message("Anna", "ten", "")]).unwrap();
}

#[test]
fn an_import_that_is_refused_has_imported_nothing() {
    let directory = TestDirectory::new();
    fill(&directory, 5);
    let export = output_of(&run(&directory, &["export", "den"]));
    let lines: Vec<_> = export.lines().collect();
    let other = TestDirectory::new();
    fill(&other, 1);
    let before = all(&other, &room("den"));
    let hall = export.replace("\"room\":\"den\"", "\"room\":\"hall\"");
    let hall: Vec<_> = hall.lines().collect();
    let cut = &hall[4][..20];
    for (text, complaint_of) in [
        (String::new(), "there is nothing to import"),
        ("hello".to_owned(), "line 1 is not the first of an export of roomd; nothing was imported"),
        (lines[1..].join("\n"), "line 1 is not the first of an export of roomd; nothing was imported"),
        ("{\"type\":\"message\"}".to_owned(), "line 1 is not the first of an export of roomd; nothing was imported"),
        (
            hall[0].replace("\"version\":1", "\"version\":2"),
            "line 1 is of version 2 of the form, and this roomd knows 1",
        ),
        (hall[0].replace("hall", "a b"), "line 1 names a room that must not hold the character ' '"),
        (export.clone(), "the room den has another history (epoch "),
        (hall[..4].join("\n"), "the export ends with the number 3, and its room had 5: it is not whole"),
        ([&hall[..4], &[cut]].concat().join("\n"), "line 5 is no message: "),
        ([&hall[..2], &hall[3..]].concat().join("\n"), "line 3 has the number 3, and 2 comes next"),
        ([&hall[..2], &hall[..]].concat().join("\n"), "line 3 is no message: "),
        (hall.join("\n").replace("\"m5\"", "\"m4\""), "line 6 has a mid that an earlier message of its user has"),
        (hall.join("\n").replace("\"user\"", "\"who\""), "line 2 is no message: "),
    ] {
        let sentence = complaint(&import(&other, &text));
        assert!(sentence.starts_with(&format!("roomd: {complaint_of}")), "{sentence}");
        assert_eq!(all(&other, &room("den")), before);
        assert!(TestStore::file(&other).open(&room("hall"), 9).unwrap().past.seq == 0);
    }
    assert!(output_of(&import(&other, &hall.join("\n\n"))).starts_with("hall: 5 messages"));
}

#[test]
fn commands_name_what_is_missing() {
    let directory = TestDirectory::new();
    for command in [&["export", "den"][..], &["check"], &["backup", &directory.file("copy")], &["retain", "den"]] {
        let sentence = complaint(&run(&directory, command));
        assert!(sentence.contains("there is no file ") && sentence.ends_with(": name it with --data\n"), "{sentence}");
    }
    assert!(fs::read_dir(directory.file("")).unwrap().next().is_none(), "a command that only reads has created a file");
    fill(&directory, 1);
    assert_eq!(complaint(&run(&directory, &["export", "hall"])), "roomd: there is no room hall in the history\n");
    assert!(complaint(&run(&directory, &["import", &directory.file("none")])).contains("none: No such file"));
    fs::write(directory.file("copy"), b"mine").unwrap();
    assert!(complaint(&run(&directory, &["backup", &directory.file("copy")])).contains("copy is there already"));
    assert_eq!(fs::read(directory.file("copy")).unwrap(), b"mine");
    let store = TestStore::file(&directory);
    let export = output_of(&run(&directory, &["export", "den"]));
    assert!(complaint(&import(&directory, &export)).contains("is in use by another roomd"));
    drop(store);
}

#[test]
fn a_backup_and_a_check_while_rooms_write_see_one_moment() {
    let directory = TestDirectory::new();
    fill(&directory, 1);
    let store = TestStore::file(&directory);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..3 {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                let mut room_log = store.open(&room(&format!("room-{number}")), 0).unwrap().room_log;
                let mut count = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    count += 1;
                    let mut drafts = vec![message("Anna", &format!("message {count}"), &format!("m{count}"))];
                    drafts.extend(count.is_multiple_of(3).then(|| delete("Anna", count - 1)));
                    room_log.append(&drafts).unwrap();
                }
            });
        }
        for copy in 0..5 {
            let copy = directory.file(&format!("copy-{copy}.db"));
            output_of(&run(&directory, &["backup", &copy]));
            output_of(&run(&directory, &["check"]));
            assert!(!fs::exists(format!("{copy}.partial")).unwrap());
            let other = TestDirectory::new();
            fs::rename(&copy, other.data()).unwrap();
            output_of(&run(&other, &["check"]));
            drop(TestStore::file(&other));
        }
        let export = output_of(&run(&directory, &["export", "room-1"]));
        let lines = export.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        assert!(lines.zip(1_u64..).all(|(line, seq)| line["seq"] == seq));
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn an_export_whose_reader_is_gone_fails_with_a_sentence() {
    let directory = TestDirectory::new();
    fill(&directory, 2_000);
    let mut child = directory.roomd(&["export", "den"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(complaint(&output).starts_with("roomd: the export could not be written: "));
}

#[test]
fn a_check_lists_the_rooms_and_finds_what_is_wrong() {
    let directory = TestDirectory::new();
    fill(&directory, 5);
    output_of(&run(&directory, &["retain", "den", "--messages", "10", "--age", "30days"]));
    let fine = output_of(&run(&directory, &["check"]));
    assert_eq!(fine, "den: 1 to 5; at most 30days old, at most 10\n1 room, and nothing is wrong\n");
    for (sql, problem) in [
        ("DELETE FROM messages WHERE place = (1 << 40) + 3", "the room den has 4 messages, and its numbers are of 5"),
        ("DELETE FROM messages WHERE place = (1 << 40) + 1", "the room den has 4 messages, and its numbers are of 5"),
        ("UPDATE rooms SET indexed = 9", "the room den has 5 messages, and 9 in its index"),
        ("DELETE FROM rooms", "5 messages of a room that is not there"),
        ("DELETE FROM mids WHERE seq = 2", "1 messages whose mid is not kept"),
        ("INSERT INTO mids VALUES (1, 'Otto', 'm', 77, 0)", "1 mids of a message that never was"),
        ("INSERT INTO marks VALUES (1, 'Otto', 0, 77, 0)", "1 marks of a message that never was"),
        (
            "UPDATE messages SET kind = 2, body = hex(zeroblob(101)) WHERE place = (1 << 40) + 3",
            "1 deleted messages that say more than a reason",
        ),
    ] {
        let copy = TestDirectory::new();
        output_of(&run(&directory, &["backup", &copy.data()]));
        direct(&copy.data()).execute_batch(sql).unwrap();
        let output = run(&copy, &["check"]);
        let found = String::from_utf8(output.stderr).unwrap();
        assert!(found.contains(&format!("roomd: {problem}\n")) && output.status.code() == Some(1), "{sql}: {found}");
    }
    let page = page(&*TestStore::file(&directory), "den", Span::After(0));
    assert_eq!(page.newest, 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn bytes_survive_an_export_and_its_import(all_bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..2_000), 1..20)) {
        let (directory, other) = (TestDirectory::new(), TestDirectory::new());
        let body = |bytes: &Vec<u8>| Body::Data(bytes.as_slice().into());
        let publish = |bytes| Operation::Publish { to: None, publication: Publication::new(body(bytes)) };
        let drafts: Vec<_> = all_bytes.iter().map(|bytes| draft("Anna", 1, publish(bytes))).collect();
        room_log(&*TestStore::file(&directory), "den").append(&drafts).unwrap();
        let export = output_of(&run(&directory, &["export", "den"]));
        prop_assert_eq!(export.lines().count(), all_bytes.len() + 1);
        output_of(&import(&other, &export));
        let read: Vec<_> = all(&other, &room("den")).1.into_iter().map(|message| message.body).collect();
        let sent: Vec<_> = all_bytes.iter().map(body).collect();
        prop_assert_eq!(read, sent);
        prop_assert_eq!(output_of(&run(&other, &["export", "den"])), export);
        prop_assert!(run(&other, &["check"]).status.success());
    }
}
