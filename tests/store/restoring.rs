//! A file that went back in time: what a server does with it, and `roomd restore`.
//!
//! Each test leaves a file with five messages behind, more of them in the history that went on, and puts the five in the
//! place of the many. What a client would be told follows from the epoch: another one, and it reads afresh.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use roomd::chat::Span;

use crate::database::{direct, number};
use crate::drafts::{message, page, room_log};
use crate::harness::{TestDirectory, TestStore};

/// Stores as many messages in the room den, after those that are there.
fn say(store: &TestStore, count: usize) {
    let mut den = room_log(&**store, "den");
    for _ in 0..count {
        den.append(&[message("Anna", "hello", "")]).unwrap();
    }
}

/// The epoch of the room den, and its newest number.
fn den(store: &TestStore) -> (String, u64) {
    let page = page(&**store, "den", Span::After(0));
    (page.epoch.to_string(), page.newest)
}

/// The same of a file that nobody has open.
fn den_of(directory: &TestDirectory) -> (String, u64) {
    den(&TestStore::file(directory))
}

fn copy(directory: &TestDirectory, from: &str, to: &str) {
    fs::copy(directory.file(from), directory.file(to)).unwrap();
}

/// A server in a process of its own, killed when it is dropped.
struct Served(Child);

impl Served {
    /// Serves the file of the directory.
    fn start(directory: &TestDirectory) -> Self {
        let arguments = ["serve", "--listen=127.0.0.1:0", "--lines=off"];
        let mut served = Self(directory.roomd(&arguments).stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(served.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("listening"), "{line}");
        served
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn log_bytes(directory: &TestDirectory) -> u64 {
    fs::metadata(directory.file("room.db-wal")).map_or(0, |log| log.len())
}

/// The file as a server leaves it that is killed: its newest messages are in the log.
///
/// The store is copied while it is open, with everything beside it.
fn killed(store: &TestStore, directory: &TestDirectory, into: &TestDirectory) {
    say(store, 1);
    assert!(log_bytes(directory) > 0);
    for name in ["room.db", "room.db-wal", "room.db.lock"] {
        fs::copy(directory.file(name), into.file(name)).unwrap();
    }
    // The copy stands for the file itself: its record names it.
    let inode = |directory: &TestDirectory| fs::metadata(directory.data()).unwrap().ino();
    let note = fs::read_to_string(into.file("room.db.lock")).unwrap();
    let note = note.replace(&format!("inode {}\n", inode(directory)), &format!("inode {}\n", inode(into)));
    fs::write(into.file("room.db.lock"), note).unwrap();
}

#[test]
fn an_epoch_survives_a_restart_a_crash_and_commands() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    say(&store, 3);
    let before = den(&store);
    drop(store);
    assert_eq!(den_of(&directory), before);
    for arguments in
        [&["check"][..], &["retain", "den", "--messages", "100"], &["export", "den"], &["token", "--user=a"]]
    {
        assert!(directory.roomd(arguments).output().unwrap().status.success());
        assert_eq!(den_of(&directory), before, "{arguments:?}");
    }
    for _ in 0..2 {
        drop(Served::start(&directory));
        assert!(directory.roomd(&["retain", "den", "--messages", "99"]).output().unwrap().status.success());
        assert_eq!(den_of(&directory), before);
    }
}

#[test]
fn a_backup_in_the_place_of_its_history_begins_new_epochs() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    say(&store, 5);
    let before = den(&store);
    store.administration().backup(Path::new(&directory.file("b.db"))).unwrap();
    say(&store, 5);
    drop(store);
    copy(&directory, "b.db", "room.db");
    let (epoch, newest) = den_of(&directory);
    assert!(epoch != before.0 && newest == 5, "{epoch}");
    // Once, and not at each start.
    assert_eq!(den_of(&directory), (epoch, 5));
}

#[test]
fn a_copy_by_hand_in_the_place_of_its_history_begins_new_epochs() {
    let by_move = |directory: &TestDirectory| fs::rename(directory.file("b.db"), directory.data()).unwrap();
    let by_copy = |directory: &TestDirectory| copy(directory, "b.db", "room.db");
    let puts: [&dyn Fn(&TestDirectory); 2] = [&by_move, &by_copy];
    for put in puts {
        let directory = TestDirectory::new();
        let store = TestStore::file(&directory);
        say(&store, 5);
        let before = den(&store);
        drop(store);
        copy(&directory, "room.db", "b.db");
        say(&TestStore::file(&directory), 5);
        put(&directory);
        let (epoch, newest) = den_of(&directory);
        assert!(epoch != before.0 && newest == 5, "{epoch}");
        assert_eq!(den_of(&directory), (epoch, 5));
    }
}

#[test]
fn a_copy_in_another_place_begins_new_epochs_with_its_record_and_without() {
    for names in [&["room.db"][..], &["room.db", "room.db.lock"]] {
        let (directory, other) = (TestDirectory::new(), TestDirectory::new());
        say(&TestStore::file(&directory), 5);
        let before = den_of(&directory);
        for name in names {
            fs::copy(directory.file(name), other.file(name)).unwrap();
        }
        let (epoch, newest) = den_of(&other);
        assert!(epoch != before.0 && newest == 5, "{epoch}");
        assert_eq!(den_of(&other), (epoch, 5));
    }
}

#[test]
fn a_log_beside_a_file_of_another_state_is_refused_and_nothing_is_changed() {
    type Copy = fn(&TestStore, &TestDirectory);
    let copies: [(&str, Copy); 3] = [
        ("roomd backup", |store, directory| {
            store.administration().backup(Path::new(&directory.file("b.db"))).unwrap();
        }),
        ("SQLite's own backup", |_, directory| {
            direct(&directory.data()).execute("VACUUM INTO ?1", [directory.file("b.db")]).unwrap();
        }),
        ("cp of the file alone", |_, directory| copy(directory, "room.db", "b.db")),
    ];
    for (what, make) in copies {
        let (directory, crashed) = (TestDirectory::new(), TestDirectory::new());
        let store = TestStore::file(&directory);
        say(&store, 5);
        drop(store);
        let store = TestStore::file(&directory);
        make(&store, &directory);
        // Enough for a checkpoint: the file without its log is another one from then on.
        let mut den = room_log(&*store, "den");
        for _ in 0..40 {
            den.append(&[message("Anna", &"x".repeat(1_000_000), "")]).unwrap();
        }
        drop(den);
        killed(&store, &directory, &crashed);
        drop(store);
        fs::copy(directory.file("b.db"), crashed.data()).unwrap();
        let all = || ["room.db", "room.db-wal"].map(|name| fs::read(crashed.file(name)).unwrap());
        let before = all();
        let refused =
            TestStore::with(&crashed.data(), |_| ()).err().unwrap_or_else(|| panic!("{what}: opened")).to_string();
        assert!(refused.contains("is not the file to which the log "), "{what}: {refused}");
        assert!(all() == before, "{what}");
        // The way out that the sentence names.
        let restored = crashed.roomd(&["restore", &crashed.data()]).output().unwrap();
        assert!(restored.status.success(), "{what}: {}", String::from_utf8_lossy(&restored.stderr));
        assert_eq!(den_of(&crashed).1, 5, "{what}");
        let kept = fs::read_dir(Path::new(&crashed.data()).parent().unwrap()).unwrap();
        assert!(kept.flatten().any(|file| file.file_name().to_string_lossy().contains(".replaced-")), "{what}");
    }
}

#[test]
fn a_crash_keeps_the_epoch_and_the_messages_in_the_log() {
    let (directory, crashed) = (TestDirectory::new(), TestDirectory::new());
    let store = TestStore::file(&directory);
    say(&store, 5);
    killed(&store, &directory, &crashed);
    assert_eq!(den_of(&crashed), den(&store));
}

#[test]
fn a_crash_whose_log_is_lost_begins_new_epochs() {
    let (directory, crashed) = (TestDirectory::new(), TestDirectory::new());
    let store = TestStore::file(&directory);
    say(&store, 5);
    let before = den(&store);
    drop(store);
    let store = TestStore::file(&directory);
    killed(&store, &directory, &crashed);
    fs::remove_file(crashed.file("room.db-wal")).unwrap();
    let (epoch, newest) = den_of(&crashed);
    assert!(epoch != before.0 && newest == 5, "{epoch} {newest}");
}

#[test]
fn a_file_that_was_not_closed_is_not_served_by_another_path_without_its_log() {
    let (directory, elsewhere) = (TestDirectory::new(), TestDirectory::new());
    let store = TestStore::file(&directory);
    say(&store, 5);
    fs::hard_link(directory.data(), elsewhere.data()).unwrap();
    let held = TestStore::with(&elsewhere.data(), |_| ()).err().expect("two servers have one file").to_string();
    assert!(held.contains("is in use by another roomd"), "{held}");
    drop(store);
    // Closed, it may be served by any of its names.
    assert_eq!(den_of(&elsewhere).1, 5);
    drop(Served::start(&directory));
    let changed = directory.roomd(&["retain", "den", "--messages", "99"]).output().unwrap();
    assert!(changed.status.success());
    let refused = TestStore::with(&elsewhere.data(), |_| ()).err().expect("its log is elsewhere").to_string();
    assert!(refused.contains(&format!("are in {}-wal", directory.data())), "{refused}");
    assert_eq!(den_of(&directory).1, 5);
    assert_eq!(den_of(&elsewhere).1, 5);
}

#[test]
fn restore_puts_a_backup_in_place_says_what_it_did_and_keeps_what_was_there() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    say(&store, 5);
    let before = den(&store);
    let backup = directory.file("b.db");
    store.administration().backup(Path::new(&backup)).unwrap();
    say(&store, 2);
    let held = directory.roomd(&["restore", &backup]).output().unwrap();
    let sentence = String::from_utf8(held.stderr).unwrap();
    assert!(held.status.code() == Some(1) && sentence.contains("is in use by another roomd"), "{sentence}");
    drop(store);

    let restored = directory.roomd(&["restore", &backup]).output().unwrap();
    let said = String::from_utf8(restored.stdout).unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert!(said.starts_with(&format!("{}: 1 room and 5 messages, the newest of ", directory.data())), "{said}");
    assert!(
        said.ends_with("the rooms begin new epochs at the next start: clients read their history afresh\n"),
        "{said}"
    );
    let (epoch, newest) = den_of(&directory);
    assert!(epoch != before.0 && newest == 5, "{epoch}");
    let kept = said.lines().find_map(|line| line.strip_prefix("what was there before is kept as ")).unwrap();
    assert_eq!(number(kept, "SELECT count(*) FROM messages"), 7);
    assert!(!fs::exists(directory.file("room.db.restored")).unwrap());
    assert!(directory.roomd(&["check"]).output().unwrap().status.success());
}

#[test]
fn restore_begins_a_history_where_none_was_and_restores_what_an_older_program_wrote() {
    let directory = TestDirectory::new();
    direct(&directory.file("b.db")).execute_batch(include_str!("version_1.sql")).unwrap();
    let restored = directory.roomd(&["restore", &directory.file("b.db")]).output().unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert!(!String::from_utf8(restored.stdout).unwrap().contains("kept"));
    let (epoch, newest) = den_of(&directory);
    assert!(epoch != "e1" && newest == 2, "{epoch}");
}

#[test]
fn restore_refuses_what_is_no_intact_history_and_leaves_everything_as_it_was() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    say(&store, 5);
    store.administration().backup(Path::new(&directory.file("b.db"))).unwrap();
    drop(store);
    let before = fs::read(directory.data()).unwrap();
    let mut damaged = fs::read(directory.file("b.db")).unwrap();
    damaged[4_096 * 2..].chunks_mut(4_096).for_each(|page| page[..64].fill(0xa5));
    fs::write(directory.file("damaged.db"), damaged).unwrap();
    fs::write(directory.file("empty.db"), "").unwrap();
    fs::write(directory.file("text.db"), "no database ".repeat(999)).unwrap();
    direct(&directory.file("other.db")).execute_batch("CREATE TABLE notes (text)").unwrap();
    for (name, what) in [
        ("damaged.db", "damaged.db is damaged"),
        ("empty.db", "empty.db is damaged (it is empty"),
        ("text.db", "text.db is damaged (it is not a database"),
        ("other.db", "is a database of another program"),
        ("none.db", "cannot read "),
    ] {
        let refused = directory.roomd(&["restore", &directory.file(name)]).output().unwrap();
        let sentence = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(1) && sentence.contains(what), "{name}: {sentence}");
        assert!(fs::read(directory.data()).unwrap() == before, "{name}");
    }
    let names = fs::read_dir(Path::new(&directory.data()).parent().unwrap()).unwrap().flatten();
    let left: Vec<_> =
        names.map(|file| file.file_name()).filter(|name| name.to_string_lossy().contains(".re")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_link_is_followed_to_a_file_that_is_there_or_not_and_never_replaced() {
    let directory = TestDirectory::new();
    fs::create_dir(directory.file("data")).unwrap();
    std::os::unix::fs::symlink("data/real.db", directory.file("link.db")).unwrap();
    std::os::unix::fs::symlink(directory.file("link.db"), directory.data()).unwrap();
    for count in 1..=2 {
        say(&TestStore::file(&directory), 1);
        for link in ["room.db", "link.db"] {
            assert!(fs::symlink_metadata(directory.file(link)).unwrap().is_symlink(), "{link}");
        }
        assert_eq!(number(&directory.file("data/real.db"), "SELECT count(*) FROM messages"), count);
    }
    let target = directory.file("backup.db");
    std::os::unix::fs::symlink("nowhere.db", &target).unwrap();
    let refused = directory.roomd(&["backup", &target]).output().unwrap();
    assert!(String::from_utf8(refused.stderr).unwrap().contains("is there already"));
    assert!(fs::symlink_metadata(&target).unwrap().is_symlink());
    // A link to what cannot be, and one that leads to itself.
    for (name, to) in [("lost.db", "no/such/file.db"), ("loop.db", "loop.db")] {
        std::os::unix::fs::symlink(to, directory.file(name)).unwrap();
        let error = TestStore::with(&directory.file(name), |_| ()).err().unwrap().to_string();
        assert!(error.starts_with("cannot use "), "{error}");
        assert!(fs::symlink_metadata(directory.file(name)).unwrap().is_symlink());
    }
}
