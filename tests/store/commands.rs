//! The commands that work on the file, as processes, beside a server that writes and without one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use roomd::chat::{Body, Mid, Operation, Outcome, RoomName, Span};
use roomd::store::{PageQuery, Store as _};

use crate::claims::{delete, draft, edit, request, room, user};
use crate::harness::{Keeper, Place, direct};
use crate::kept::page;

/// What a command says on standard output; it succeeds.
fn said_by(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command says when it fails.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn run(place: &Place, arguments: &[&str]) -> Output {
    place.roomd(arguments).output().unwrap()
}

fn import(place: &Place, text: &str) -> Output {
    let mut command = place.roomd(&["import"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may refuse before it has read all.
    _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

fn filled(place: &Place, count: u64) {
    let keeper = Keeper::file(place);
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    for number in 1..=count {
        room_log
            .append(&[draft(
                "Anna",
                number * 1_000,
                Operation::Publish {
                    to: None,
                    body: Body::Text(format!("message {number}").into()),
                    about: None,
                    mid: Mid::parse(&format!("m{number}")).ok(),
                },
            )])
            .unwrap();
    }
}

fn all(place: &Place, name: &RoomName) -> (String, Vec<roomd::chat::Message>) {
    let query = PageQuery { span: Span::After(0), count: 10_000, bytes: 1 << 30 };
    let page = Keeper::file(place).page(name, query).unwrap().unwrap();
    (page.epoch.to_string(), page.messages)
}

#[test]
fn what_is_exported_and_imported_is_the_same_history() {
    let (place, other) = (Place::new(), Place::new());
    filled(&place, 3);
    let private = RoomName::private(&user("Anna"), &user("Otto"));
    {
        let keeper = Keeper::file(&place);
        let cipher = Operation::Publish {
            to: Some(user("Otto")),
            body: Body::Cipher("{\"n\":[1, 2.50]}".into()),
            about: None,
            mid: None,
        };
        let mut room_log = keeper.open(&private, 0).unwrap().room_log;
        room_log
            .append(&[draft("Anna", 5, cipher), request("Otto", "line\nline \"x\" \u{1f600}", "m"), delete("Otto", 2)])
            .unwrap();
        keeper.open(&room("den"), 0).unwrap().room_log.append(&[edit("Anna", 2, "changed")]).unwrap();
    }
    for (name, count) in [(room("den"), 3), (private, 2)] {
        let export = said_by(&run(&place, &["export", name.as_str()]));
        assert_eq!(export.lines().count(), count + 1);
        fs::write(other.file("export.jsonl"), &export).unwrap();
        let imported = said_by(&run(&other, &["import", &other.file("export.jsonl")]));
        assert_eq!(imported, format!("{name}: {count} messages imported, 0 there already\n"));
        assert_eq!(all(&other, &name), all(&place, &name));
        assert_eq!(said_by(&run(&other, &["export", name.as_str()])), export);
    }
    let keeper = Keeper::file(&other);
    assert_eq!(keeper.search(&room("den"), "changed", u64::MAX, 9).unwrap().len(), 1);
    let outcomes = keeper
        .open(&room("den"), 0)
        .unwrap()
        .room_log
        .append(&[request("Anna", "again", "m3"), request("Anna", "4", "")]);
    assert!(matches!(outcomes.unwrap()[..], [Outcome::Repeat { seq: 3, .. }, Outcome::Stored { seq: 4 }]));
    drop(keeper);
    assert!(run(&other, &["check"]).status.success());
}

#[test]
fn an_export_can_begin_later_and_another_continue_it() {
    let (place, other) = (Place::new(), Place::new());
    filled(&place, 9);
    let seqs = |since: &str| {
        let export = said_by(&run(&place, &["export", "den", "--since", since]));
        let lines = export.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs("7"), [8, 9]);
    assert_eq!(seqs("1970-01-01T00:00:08Z"), [8, 9]);
    assert_eq!(seqs("1970-01-01T00:00:08.001Z"), [9]);
    assert_eq!(seqs("1970-01-01").len(), 9);
    assert_eq!((seqs("9"), seqs("99"), seqs("2026-01-01"), seqs("1day")), (vec![], vec![], vec![], vec![]));

    let whole = said_by(&run(&place, &["export", "den"]));
    let late = said_by(&run(&place, &["export", "den", "--since", "4"]));
    assert!(said_by(&import(&other, &late)).starts_with("den: 5 messages imported, 0 there"));
    assert!(said_by(&import(&other, &late)).starts_with("den: 0 messages imported, 5 there"));
    assert!(said_by(&import(&other, &whole)).starts_with("den: 0 messages imported, 9 there"));
    filled_more(&place);
    let more = said_by(&run(&place, &["export", "den", "--since", "6"]));
    assert!(said_by(&import(&other, &more)).starts_with("den: 1 messages imported, 3 there"));
    assert_eq!(all(&other, &room("den")).1[..], all(&place, &room("den")).1[4..]);
    assert!(run(&other, &["check"]).status.success());
}

fn filled_more(place: &Place) {
    Keeper::file(place).open(&room("den"), 0).unwrap().room_log.append(&[request("Anna", "ten", "")]).unwrap();
}

#[test]
fn an_import_that_is_refused_has_imported_nothing() {
    let place = Place::new();
    filled(&place, 5);
    let export = said_by(&run(&place, &["export", "den"]));
    let lines: Vec<_> = export.lines().collect();
    let other = Place::new();
    filled(&other, 1);
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
        assert!(Keeper::file(&other).open(&room("hall"), 9).unwrap().past.seq == 0);
    }
    assert!(said_by(&import(&other, &hall.join("\n\n"))).starts_with("hall: 5 messages"));
}

#[test]
fn commands_say_what_is_missing() {
    let place = Place::new();
    for command in [&["export", "den"][..], &["check"], &["backup", &place.file("copy")], &["retain", "den"]] {
        let sentence = complaint(&run(&place, command));
        assert!(sentence.contains("there is no file ") && sentence.ends_with(": name it with --data\n"), "{sentence}");
    }
    assert!(fs::read_dir(place.file("")).unwrap().next().is_none(), "a command that only looks has made something");
    filled(&place, 1);
    assert_eq!(complaint(&run(&place, &["export", "hall"])), "roomd: there is no room hall in the history\n");
    assert!(complaint(&run(&place, &["import", &place.file("none")])).contains("none: No such file"));
    fs::write(place.file("copy"), b"mine").unwrap();
    assert!(complaint(&run(&place, &["backup", &place.file("copy")])).contains("copy is there already"));
    assert_eq!(fs::read(place.file("copy")).unwrap(), b"mine");
    let keeper = Keeper::file(&place);
    let export = said_by(&run(&place, &["export", "den"]));
    assert!(complaint(&import(&place, &export)).contains("is in use by another roomd"));
    drop(keeper);
}

#[test]
fn a_backup_and_a_check_while_somebody_writes_see_one_moment() {
    let place = Place::new();
    filled(&place, 1);
    let keeper = Keeper::file(&place);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..3 {
            let (keeper, stop) = (&keeper, &stop);
            scope.spawn(move || {
                let mut room_log = keeper.open(&room(&format!("room-{number}")), 0).unwrap().room_log;
                let mut count = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    count += 1;
                    let mut drafts = vec![request("Anna", &format!("message {count}"), &format!("m{count}"))];
                    drafts.extend(count.is_multiple_of(3).then(|| delete("Anna", count - 1)));
                    room_log.append(&drafts).unwrap();
                }
            });
        }
        for copy in 0..5 {
            let copy = place.file(&format!("copy-{copy}.db"));
            said_by(&run(&place, &["backup", &copy]));
            said_by(&run(&place, &["check"]));
            assert!(!fs::exists(format!("{copy}.partial")).unwrap());
            let other = Place::new();
            fs::rename(&copy, other.data()).unwrap();
            said_by(&run(&other, &["check"]));
            drop(Keeper::file(&other));
        }
        let export = said_by(&run(&place, &["export", "room-1"]));
        let lines = export.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        assert!(lines.zip(1_u64..).all(|(line, seq)| line["seq"] == seq));
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_reader_of_an_export_that_goes_away_is_no_disaster() {
    let place = Place::new();
    filled(&place, 2_000);
    let mut child = place.roomd(&["export", "den"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(complaint(&output).starts_with("roomd: the export could not be written: "));
}

#[test]
fn a_check_lists_the_rooms_and_finds_what_is_wrong() {
    let place = Place::new();
    filled(&place, 5);
    said_by(&run(&place, &["retain", "den", "--messages", "10", "--age", "30days"]));
    let fine = said_by(&run(&place, &["check"]));
    assert_eq!(fine, "den: 1 to 5; at most 30days old, at most 10\n1 rooms, and nothing is wrong\n");
    for (sql, problem) in [
        ("DELETE FROM messages WHERE place = (1 << 40) + 3", "the room den has 4 messages, and its numbers are of 5"),
        ("DELETE FROM messages WHERE place = (1 << 40) + 1", "the room den has 4 messages, and its numbers are of 5"),
        ("UPDATE rooms SET indexed = 9", "the room den has 5 messages, and 9 in its index"),
        ("DELETE FROM rooms", "5 messages of a room that is not there"),
        ("DELETE FROM mids WHERE seq = 2", "1 messages whose mid is not kept"),
        ("INSERT INTO mids VALUES (1, 'Otto', 'm', 77, 0)", "1 mids of a message that never was"),
        ("INSERT INTO marks VALUES (1, 'Otto', 0, 77, 0)", "1 marks of a message that never was"),
        ("UPDATE messages SET kind = 2 WHERE place = (1 << 40) + 3", "1 deleted messages that still say something"),
    ] {
        let copy = Place::new();
        said_by(&run(&place, &["backup", &copy.data()]));
        direct(&copy.data()).execute_batch(sql).unwrap();
        let output = run(&copy, &["check"]);
        let found = String::from_utf8(output.stderr).unwrap();
        assert!(found.contains(&format!("roomd: {problem}\n")) && output.status.code() == Some(1), "{sql}: {found}");
    }
    let page = page(&*Keeper::file(&place), "den", Span::After(0));
    assert_eq!(page.newest, 5);
}
