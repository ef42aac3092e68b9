//! How a file is opened, and which are refused, with which sentence, and left as they were.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use roomd::chat::Span;
use roomd::store::Store as _;
use roomd::store::sqlite::OpenError;

use crate::claims::{request, room};
use crate::harness::{Keeper, Place, direct, number};
use crate::kept::{page, texts};

/// The first version of the schema, as it was released.
const VERSION_1: &str = include_str!("version_1.sql");

fn filled(place: &Place) {
    let keeper = Keeper::file(place);
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    for number in 1..=200 {
        room_log
            .append(&[request("Anna", &format!("message {number} {}", "x".repeat(200)), &format!("m{number}"))])
            .unwrap();
    }
}

/// The sentence that refuses the file, which stays as it is.
fn refused(place: &Place) -> String {
    let before = fs::read(place.data()).ok();
    let error = Keeper::with(&place.data(), |_| ()).err().expect("it was opened");
    assert!(fs::read(place.data()).ok() == before, "the file was changed: {error}");
    let process = place.roomd(&["serve", "--listen=127.0.0.1:0", "--lines=off"]).output().unwrap();
    assert_eq!((process.status.code(), process.stdout.len()), (Some(2), 0));
    assert_eq!(String::from_utf8(process.stderr).unwrap(), format!("roomd: {error}\n"));
    assert!(fs::read(place.data()).ok() == before, "the file was changed: {error}");
    error.to_string()
}

#[test]
fn a_new_history_is_for_its_owner_alone() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    keeper.open(&room("den"), 0).unwrap().room_log.append(&[request("Anna", "one", "")]).unwrap();
    for name in ["room.db", "room.db-wal", "room.db.lock"] {
        assert_eq!(fs::metadata(place.file(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert!(!fs::exists(place.file("room.db.new")).unwrap());
}

#[test]
fn a_second_server_is_refused_whatever_path_leads_to_the_file_and_let_in_when_the_first_is_gone() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    std::os::unix::fs::symlink(place.data(), place.file("link.db")).unwrap();
    for data in [place.data(), place.file("./room.db"), place.file("link.db")] {
        let refusal = Keeper::with(&data, |_| ()).err().unwrap();
        assert!(matches!(refusal, OpenError::Held(_, Some(process)) if process == std::process::id()), "{refusal}");
    }
    let process = place.roomd(&["serve", "--listen=127.0.0.1:0", "--lines=off"]).output().unwrap();
    let sentence = String::from_utf8(process.stderr).unwrap();
    assert!(sentence.contains("is in use by another roomd (process "), "{sentence}");
    // A room that is still open keeps the file, also after the close.
    let room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    keeper.close();
    assert!(Keeper::with(&place.data(), |_| ()).is_err());
    drop(room_log);
    drop(keeper);
    drop(Keeper::file(&place));
}

#[test]
fn a_damaged_file_is_refused_with_what_to_do() {
    type Harm = fn(Vec<u8>) -> Vec<u8>;
    let harms: [(&str, Harm, &str); 7] = [
        (
            "a header of zeros",
            |mut bytes| {
                bytes[..100].fill(0);
                bytes
            },
            "it is not a database",
        ),
        (
            "text",
            |_| b"Dear diary, this is no database at all, but it is long enough to be one.".repeat(60),
            "it is not a database",
        ),
        ("nothing", |_| Vec::new(), "it is empty"),
        ("the first half", |bytes| bytes[..bytes.len() / 2].to_vec(), "its pages do not fit together"),
        ("half a page less", |bytes| bytes[..bytes.len() - 2_048].to_vec(), ""),
        (
            "a page of zeros",
            |mut bytes| {
                bytes[4_096 * 3..4_096 * 4].fill(0);
                bytes
            },
            "",
        ),
        (
            "pages of noise",
            |mut bytes| {
                bytes[4_096 * 2..].chunks_mut(4_096).for_each(|page| page[..64].fill(0xa5));
                bytes
            },
            "",
        ),
    ];
    for (harm, make, what) in harms {
        let place = Place::new();
        filled(&place);
        assert!(!fs::exists(place.file("room.db-wal")).unwrap(), "the log was not taken into the file");
        fs::write(place.data(), make(fs::read(place.data()).unwrap())).unwrap();
        let sentence = refused(&place);
        assert!(sentence.contains(&format!("room.db is damaged ({what}")), "{harm}: {sentence}");
        assert!(
            sentence.ends_with(
                "put a backup in its place, or start with an empty history by naming another file with \
                                    --data; nothing was changed"
            ),
            "{sentence}"
        );
    }
}

#[test]
fn a_history_that_was_closed_has_no_log_beside_it() {
    for _ in 0..20 {
        let place = Place::new();
        let keeper = Keeper::file(&place);
        let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
        room_log.append(&[request("Anna", "one", "")]).unwrap();
        drop(room_log);
        drop(keeper);
        assert!(!fs::exists(place.file("room.db-wal")).unwrap());
    }
}

#[test]
fn a_refused_file_keeps_its_log() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    keeper.open(&room("den"), 0).unwrap().room_log.append(&[request("Anna", "one", "")]).unwrap();
    direct(&place.data()).execute_batch("PRAGMA user_version = 99").unwrap();
    let newer = Place::new();
    fs::copy(place.data(), newer.data()).unwrap();
    fs::copy(place.file("room.db-wal"), newer.file("room.db-wal")).unwrap();
    let log = fs::read(newer.file("room.db-wal")).unwrap();
    refused(&newer);
    assert!(fs::read(newer.file("room.db-wal")).unwrap() == log);
}

#[test]
fn a_log_without_its_file_is_not_taken_for_a_new_history() {
    let place = Place::new();
    filled(&place);
    fs::remove_file(place.data()).unwrap();
    fs::write(place.file("room.db-wal"), b"something").unwrap();
    assert!(refused(&place).contains("it is gone, but its log"));
}

#[test]
fn a_newer_file_and_one_of_another_program_are_refused() {
    let place = Place::new();
    filled(&place);
    direct(&place.data()).execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(refused(&place).contains("was written by a newer roomd (version 99 of the schema, and this one knows "));
    for sql in
        ["CREATE TABLE notes (text)", "PRAGMA application_id = 7; CREATE TABLE notes (text)", "PRAGMA user_version = 3"]
    {
        let place = Place::new();
        direct(&place.data()).execute_batch(sql).unwrap();
        assert!(refused(&place).contains("is a database of another program"), "{sql}");
    }
}

#[test]
fn a_path_that_cannot_be_used_is_refused() {
    let place = Place::new();
    let refused = |data: &str| Keeper::with(data, |_| ()).err().unwrap().to_string();
    assert!(refused(&place.file("no/such/room.db")).contains("no/such/room.db: No such file or directory"));
    fs::create_dir(place.file("directory.db")).unwrap();
    assert!(refused(&place.file("directory.db")).starts_with("cannot use "));
    // What a start that was interrupted has left is no hindrance.
    fs::write(place.file("room.db.new"), b"half of").unwrap();
    drop(Keeper::file(&place));
}

/// The version of a new file, and how many columns its table of rooms has.
fn newest() -> (i64, i64) {
    let place = Place::new();
    drop(Keeper::file(&place));
    nature(&place)
}

fn nature(place: &Place) -> (i64, i64) {
    let columns = "SELECT count(*) FROM pragma_table_info('rooms')";
    (number(&place.data(), "PRAGMA user_version"), number(&place.data(), columns))
}

fn version_1(place: &Place) {
    direct(&place.data()).execute_batch(VERSION_1).unwrap();
}

#[test]
fn an_older_file_is_brought_up_to_date_and_keeps_everything() {
    let place = Place::new();
    version_1(&place);
    let keeper = Keeper::file(&place);
    let kept = page(&*keeper, "den", Span::After(0));
    assert_eq!(texts(&kept.messages), [(1, "hello world".to_owned()), (2, "-".to_owned())]);
    assert_eq!(&*kept.epoch, "e1");
    assert_eq!(keeper.search(&room("den"), "world", u64::MAX, 9).unwrap().len(), 1);
    drop(keeper);
    assert_eq!(nature(&place), newest());
    assert!(place.roomd(&["check"]).output().unwrap().status.success());
}

#[test]
fn a_step_that_fails_half_way_has_not_happened() {
    let place = Place::new();
    version_1(&place);
    // The step makes a view first, and then finds that the name of its next table is taken.
    direct(&place.data()).execute_batch("CREATE TABLE words (taken)").unwrap();
    let sentence = Keeper::with(&place.data(), |_| ()).err().unwrap().to_string();
    assert!(sentence.contains("already exists"), "{sentence}");
    let views = "SELECT count(*) FROM sqlite_schema WHERE type = 'view'";
    assert_eq!((number(&place.data(), "PRAGMA user_version"), number(&place.data(), views)), (1, 0));
    direct(&place.data()).execute_batch("DROP TABLE words").unwrap();
    drop(Keeper::file(&place));
    assert_eq!(nature(&place), newest());
}

#[test]
fn a_step_that_is_killed_has_happened_whole_or_not_at_all() {
    let newest = newest();
    for patience in 0..12 {
        let place = Place::new();
        version_1(&place);
        let mut server = place.roomd(&["serve", "--listen=127.0.0.1:0", "--lines=off"]).spawn().unwrap();
        // At some moment between its start and long after the step; which one does not matter.
        for _ in 0..patience * 400 {
            std::thread::yield_now();
        }
        server.kill().unwrap();
        server.wait().unwrap();
        let found = nature(&place);
        assert!([(1, 4), newest].contains(&found), "version {} with {} columns", found.0, found.1);
        let keeper = Keeper::file(&place);
        assert_eq!(page(&*keeper, "den", Span::After(0)).messages.len(), 2);
    }
}
