//! A disk that is full, and a file that another process has locked: what is refused then, and that the store recovers
//! by itself.
//!
//! The full disk is a small file system in memory; where it cannot be mounted its tests are skipped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use roomd::chat::{Outcome, Span, StoreFailed};
use roomd::store::RoomLog;

use crate::database::direct;
use crate::drafts::{OnlyLog as _, edit, message, page, room, texts};
use crate::harness::{TestDirectory, TestStore, until};

/// A small file system in memory, unmounted with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`: this process may not mount one.
    fn mount(directory: &TestDirectory) -> Option<Self> {
        let path = PathBuf::from(directory.file("small"));
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "roomd-test"]).arg(&path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl SmallDisk {
    /// Fills the file system, but for so many pages.
    fn fill(&self, ballast: &Path, pages: usize) {
        let mut file = std::fs::File::create(ballast).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        let bytes = file.metadata().unwrap().len();
        file.set_len(bytes.saturating_sub(pages as u64 * 4096)).unwrap();
    }
}

impl SmallDisk {
    /// Whether it can be written from now on.
    fn set_writable(&self, writable: bool) {
        let options = if writable { "remount,rw" } else { "remount,ro" };
        let mounted = Command::new("mount").args(["-o", options]).arg(&self.0).output().unwrap();
        assert!(mounted.status.success(), "{mounted:?}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // If it stays mounted, the test's directory stays too.
        _ = Command::new("umount").arg(&self.0).output();
    }
}

/// Another process, which has locked the file for writing.
struct OtherProcess(Child);

/// The variable that names the file to that process.
const LOCKED_FILE: &str = "ROOMD_TEST_LOCKS";

impl OtherProcess {
    fn that_locks(data: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "trouble::the_other_process", "--ignored", "--nocapture"]).env(LOCKED_FILE, data);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("locked")));
        Self(child)
    }

    fn let_go(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn the_other_process() {
    let file = direct(&std::env::var(LOCKED_FILE).unwrap());
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    println!("locked");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    file.execute_batch("ROLLBACK").unwrap();
}

fn publish(room_log: &mut dyn RoomLog, bytes: usize) -> Result<u64, StoreFailed> {
    match room_log.append(&[message("Anna", &"x".repeat(bytes), "")])?.outcomes[..] {
        [Outcome::Stored { seq }] => Ok(seq),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_disk_refuses_messages_and_numbers_continue_when_there_is_space_again() {
    let directory = TestDirectory::new();
    let Some(disk) = SmallDisk::mount(&directory) else {
        println!("skipped: this process may not mount a file system");
        return;
    };
    let data = disk.0.join("room.db").to_str().unwrap().to_owned();
    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![0; 300_000]).unwrap();
    let store = TestStore::with(&data, |_| ()).unwrap();
    let mut den = store.open(&room("den"), 0).unwrap().room_log;
    let mut hall = store.open(&room("hall"), 0).unwrap().room_log;
    let stored = (1..1_000).take_while(|seq| publish(&mut *den, 10_000) == Ok(*seq)).count() as u64;
    assert!(stored > 5, "{stored}");
    assert_eq!(publish(&mut *den, 10_000), Err(StoreFailed));
    assert_eq!(publish(&mut *hall, 100_000), Err(StoreFailed));
    assert!(!store.is_writable());
    // What is stored can still be read.
    assert_eq!(page(&*store, "den", Span::After(0)).newest, stored);
    std::fs::remove_file(ballast).unwrap();
    // Also if nobody says anything.
    until("the store can be written again", || store.is_writable());
    assert_eq!(publish(&mut *den, 10_000), Ok(stored + 1));
    assert_eq!(publish(&mut *hall, 10), Ok(1));
    assert_eq!(page(&*store, "den", Span::After(0)).messages.len() as u64, stored + 1);
    drop((den, hall));
    drop(store);
    let store = TestStore::with(&data, |_| ()).unwrap();
    assert_eq!(store.open(&room("den"), 0).unwrap().past.seq, stored + 1);
    drop(store);
    drop(disk);
}

#[test]
fn a_file_that_cannot_be_written_is_refused_at_start_with_the_reason() {
    let directory = TestDirectory::new();
    let Some(disk) = SmallDisk::mount(&directory) else {
        println!("skipped: this process may not mount a file system");
        return;
    };
    let data = disk.0.join("room.db").to_str().unwrap().to_owned();
    let store = TestStore::with(&data, |_| ()).unwrap();
    publish(&mut *store.open(&room("den"), 0).unwrap().room_log, 10).unwrap();
    drop(store);
    disk.set_writable(false);
    let refused = TestStore::with(&data, |_| ()).err().expect("it is served").to_string();
    assert!(refused.contains("Read-only file system"), "{refused}");
    let arguments = ["serve", "--listen=127.0.0.1:0", "--lines=off", "--data", &data];
    let server = Command::new(env!("CARGO_BIN_EXE_roomd")).args(arguments).output().unwrap();
    assert_eq!((server.status.code(), server.stdout.len()), (Some(2), 0));
    disk.set_writable(true);
    let store = TestStore::with(&data, |_| ()).unwrap();
    assert!(store.is_writable());
    assert_eq!(page(&*store, "den", Span::After(0)).newest, 1);
    drop(store);
    drop(disk);
}

#[test]
fn a_disk_that_is_full_at_the_nth_page_stores_all_drafts_or_none_whatever_n() {
    let directory = TestDirectory::new();
    let Some(disk) = SmallDisk::mount(&directory) else {
        println!("skipped: this process may not mount a file system");
        return;
    };
    let ballast = disk.0.join("ballast");
    let mut refused = 0;
    for pages in 0.. {
        let data = disk.0.join(format!("room-{pages}.db")).to_str().unwrap().to_owned();
        let store = TestStore::with(&data, |_| ()).unwrap();
        let mut den = store.open(&room("den"), 0).unwrap().room_log;
        assert_eq!(publish(&mut *den, 10), Ok(1));
        disk.fill(&ballast, pages);
        let long = "x".repeat(9_000);
        let outcomes =
            den.outcomes(&[message("Anna", &long, "m2"), edit("Anna", 1, "eins"), message("Anna", &long, "m3")]);
        let stored = texts(&page(&*store, "den", Span::After(0)).messages);
        match &outcomes {
            Ok(_) => assert_eq!(stored, [(1, "eins".to_owned()), (2, long.clone()), (3, long)], "{pages}"),
            Err(StoreFailed) => assert_eq!(stored, [(1, "x".repeat(10))], "{pages}"),
        }
        std::fs::remove_file(&ballast).unwrap();
        assert_eq!(publish(&mut *den, 10), Ok(stored.len() as u64 + 1), "{pages}");
        drop(den);
        drop(store);
        let store = TestStore::with(&data, |_| ()).unwrap();
        assert_eq!(store.open(&room("den"), 0).unwrap().past.seq, stored.len() as u64 + 1, "{pages}");
        drop(store);
        std::fs::remove_file(&data).unwrap();
        if outcomes.is_ok() {
            break;
        }
        refused += 1;
    }
    assert!(refused > 3, "{refused}");
    drop(disk);
}

#[test]
fn a_file_that_another_process_has_locked_refuses_messages_until_it_is_free() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    let mut room_log = store.open(&room("den"), 0).unwrap().room_log;
    assert_eq!(publish(&mut *room_log, 10), Ok(1));
    let other = OtherProcess::that_locks(&directory.data());
    let drafts = [message("Anna", "two", "m"), message("Anna", "three", "")];
    assert_eq!(room_log.outcomes(&drafts), Err(StoreFailed));
    // Reading goes on.
    assert_eq!(page(&*store, "den", Span::After(0)).messages.len(), 1);
    other.let_go();
    assert_eq!(room_log.outcomes(&drafts), Ok(vec![Outcome::Stored { seq: 2 }, Outcome::Stored { seq: 3 }]));
}

#[test]
fn a_slow_reader_delays_no_write() {
    let directory = TestDirectory::new();
    let store = TestStore::file(&directory);
    let mut room_log = store.open(&room("den"), 0).unwrap().room_log;
    assert_eq!(publish(&mut *room_log, 10), Ok(1));
    let reader = direct(&directory.data());
    let transaction = reader.unchecked_transaction().unwrap();
    let count = || transaction.query_row("SELECT count(*) FROM history", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(), 1);
    for seq in 2..=500 {
        assert_eq!(publish(&mut *room_log, 10_000), Ok(seq));
    }
    assert_eq!(count(), 1, "it reads the moment at which it began");
}
