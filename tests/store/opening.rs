//! Opening a file: which files are refused, with which sentence, and that a refused file is unchanged.
//!
//! Also the migration of an older file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use roomd::chat::Span;
use roomd::store::sqlite::SqliteOpenError;

use crate::database::{direct, number};
use crate::drafts::{message, page, room, texts};
use crate::harness::{TestDirectory, TestStore};

/// The first version of the schema, as it was released.
const VERSION_1: &str = include_str!("version_1.sql");

fn fill(directory: &TestDirectory) {
    let store = TestStore::file(directory);
    let mut room_log = store.open(&room("den"), 0).unwrap().room_log;
    for number in 1..=200 {
        room_log
            .append(&[message("Anna", &format!("message {number} {}", "x".repeat(200)), &format!("m{number}"))])
            .unwrap();
    }
}

/// The sentence with which the file is refused; the file is unchanged.
fn refused(directory: &TestDirectory) -> String {
    let before = fs::read(directory.data()).ok();
    let error = TestStore::with(&directory.data(), |_| ()).err().expect("it was opened");
    assert!(fs::read(directory.data()).ok() == before, "the file was changed: {error}");
    let process = directory.roomd(&["serve", "--listen=127.0.0.1:0", "--lines=off"]).output().unwrap();
    assert_eq!((process.status.code(), process.stdout.len()), (Some(2), 0));
    assert_eq!(String::from_utf8(process.stderr).unwrap(), format!("roomd: {error}\n"));
    assert!(fs::read(directory.data()).ok() == before, "the file was changed: {error}");
    error.to_string()
}

#[test]
fn a_new_history_is_readable_by_its_owner_alone() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    store.open(&room("den"), 0).unwrap().room_log.append(&[message("Anna", "one", "")]).unwrap();
    for name in ["room.db", "room.db-wal", "room.db.lock"] {
        assert_eq!(fs::metadata(directory.file(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert!(!fs::exists(directory.file("room.db.new")).unwrap());
}

#[test]
fn a_second_server_is_refused_whatever_path_leads_to_the_file() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    std::os::unix::fs::symlink(directory.data(), directory.file("link.db")).unwrap();
    for data in [directory.data(), directory.file("./room.db"), directory.file("link.db")] {
        let refusal = TestStore::with(&data, |_| ()).err().unwrap();
        let held = refusal.downcast_ref::<SqliteOpenError>();
        assert!(
            matches!(held, Some(SqliteOpenError::Held(_, Some(process))) if *process == std::process::id()),
            "{refusal}"
        );
    }
    let process = directory.roomd(&["serve", "--listen=127.0.0.1:0", "--lines=off"]).output().unwrap();
    let sentence = String::from_utf8(process.stderr).unwrap();
    assert!(sentence.contains("is in use by another roomd (process "), "{sentence}");
    // A room that is still open keeps the file, also after the close.
    let room_log = store.open(&room("den"), 0).unwrap().room_log;
    store.close();
    assert!(TestStore::with(&directory.data(), |_| ()).is_err());
    drop(room_log);
    drop(store);
    drop(TestStore::file(&directory));
}

#[test]
fn a_damaged_file_is_refused_with_what_to_do() {
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [(&str, Damage, &str); 7] = [
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
    for (name, damage, what) in damages {
        let directory = TestDirectory::new();
        fill(&directory);
        assert!(!fs::exists(directory.file("room.db-wal")).unwrap(), "the log was not taken into the file");
        fs::write(directory.data(), damage(fs::read(directory.data()).unwrap())).unwrap();
        let sentence = refused(&directory);
        assert!(sentence.contains(&format!("room.db is damaged ({what}")), "{name}: {sentence}");
        assert!(
            sentence.ends_with(
                "roomd restore FILE puts a backup in its place and keeps them; or start with an empty history by \
                 naming another file with --data"
            ),
            "{sentence}"
        );
    }
}

#[test]
fn a_history_that_was_closed_has_no_log_beside_it() {
    for _ in 0..20 {
        let directory = TestDirectory::new();
        let store = TestStore::file(&directory);
        let mut room_log = store.open(&room("den"), 0).unwrap().room_log;
        room_log.append(&[message("Anna", "one", "")]).unwrap();
        drop(room_log);
        drop(store);
        assert!(!fs::exists(directory.file("room.db-wal")).unwrap());
    }
}

#[test]
fn a_refused_file_keeps_its_log() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    store.open(&room("den"), 0).unwrap().room_log.append(&[message("Anna", "one", "")]).unwrap();
    direct(&directory.data()).execute_batch("PRAGMA user_version = 99").unwrap();
    let newer = TestDirectory::new();
    fs::copy(directory.data(), newer.data()).unwrap();
    fs::copy(directory.file("room.db-wal"), newer.file("room.db-wal")).unwrap();
    let log = fs::read(newer.file("room.db-wal")).unwrap();
    refused(&newer);
    assert!(fs::read(newer.file("room.db-wal")).unwrap() == log);
}

#[test]
fn a_log_without_its_file_is_not_taken_for_a_new_history() {
    let directory = TestDirectory::new();
    fill(&directory);
    fs::remove_file(directory.data()).unwrap();
    fs::write(directory.file("room.db-wal"), b"something").unwrap();
    assert!(refused(&directory).contains("it is gone, but its log"));
}

#[test]
fn a_newer_file_and_one_of_another_program_are_refused() {
    let directory = TestDirectory::new();
    fill(&directory);
    direct(&directory.data()).execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(
        refused(&directory).contains("was written by a newer roomd (version 99 of the schema, and this one knows ")
    );
    for sql in
        ["CREATE TABLE notes (text)", "PRAGMA application_id = 7; CREATE TABLE notes (text)", "PRAGMA user_version = 3"]
    {
        let directory = TestDirectory::new();
        direct(&directory.data()).execute_batch(sql).unwrap();
        assert!(refused(&directory).contains("is a database of another program"), "{sql}");
    }
}

#[test]
fn a_path_that_cannot_be_used_is_refused() {
    let directory = TestDirectory::new();
    let refused = |data: &str| TestStore::with(data, |_| ()).err().unwrap().to_string();
    assert!(refused(&directory.file("no/such/room.db")).contains("no/such/room.db: No such file or directory"));
    fs::create_dir(directory.file("directory.db")).unwrap();
    assert!(refused(&directory.file("directory.db")).starts_with("cannot use "));
    // The remains of an interrupted start do no harm.
    fs::write(directory.file("room.db.new"), b"half of").unwrap();
    drop(TestStore::file(&directory));
}

/// The version of a new file, and how many columns its table of rooms has.
fn newest() -> (i64, i64) {
    let directory = TestDirectory::new();
    drop(TestStore::file(&directory));
    version_and_columns(&directory)
}

fn version_and_columns(directory: &TestDirectory) -> (i64, i64) {
    let columns = "SELECT count(*) FROM pragma_table_info('rooms')";
    (number(&directory.data(), "PRAGMA user_version"), number(&directory.data(), columns))
}

fn version_1(directory: &TestDirectory) {
    // As a server of that version leaves it.
    fs::write(directory.file("room.db.lock"), "1234\n").unwrap();
    direct(&directory.data()).execute_batch(VERSION_1).unwrap();
}

#[test]
fn an_older_file_is_migrated_and_keeps_its_messages() {
    let directory = TestDirectory::new();
    version_1(&directory);
    let store = TestStore::file(&directory);
    let stored = page(&*store, "den", Span::After(0));
    assert_eq!(texts(&stored.messages), [(1, "hello world".to_owned()), (2, "-".to_owned())]);
    assert_eq!(&*stored.epoch, "e1");
    assert_eq!(store.search(&room("den"), "world", u64::MAX, 9).unwrap().messages.len(), 1);
    drop(store);
    assert_eq!(version_and_columns(&directory), newest());
    assert!(directory.roomd(&["check"]).output().unwrap().status.success());
}

#[test]
fn a_migration_that_fails_half_way_has_not_happened() {
    let directory = TestDirectory::new();
    version_1(&directory);
    // The step creates a view first, and then finds that the name of its next table is taken.
    direct(&directory.data()).execute_batch("CREATE TABLE words (taken)").unwrap();
    let sentence = TestStore::with(&directory.data(), |_| ()).err().unwrap().to_string();
    assert!(sentence.contains("already exists"), "{sentence}");
    let views = "SELECT count(*) FROM sqlite_schema WHERE type = 'view'";
    assert_eq!((number(&directory.data(), "PRAGMA user_version"), number(&directory.data(), views)), (1, 0));
    direct(&directory.data()).execute_batch("DROP TABLE words").unwrap();
    drop(TestStore::file(&directory));
    assert_eq!(version_and_columns(&directory), newest());
}

#[test]
fn a_migration_that_is_killed_is_complete_or_has_not_happened() {
    let newest = newest();
    for pause in 0..12 {
        let directory = TestDirectory::new();
        version_1(&directory);
        let mut server = directory.roomd(&["serve", "--listen=127.0.0.1:0", "--lines=off"]).spawn().unwrap();
        // At some moment between its start and long after the migration; which one does not matter.
        for _ in 0..pause * 400 {
            std::thread::yield_now();
        }
        server.kill().unwrap();
        server.wait().unwrap();
        let found = version_and_columns(&directory);
        assert!([(1, 4), newest].contains(&found), "version {} with {} columns", found.0, found.1);
        let store = TestStore::file(&directory);
        assert_eq!(page(&*store, "den", Span::After(0)).messages.len(), 2);
    }
}
