//! A disk that is full, and a file that somebody else has locked: what is refused then, and that the
//! store goes on by itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use roomd::chat::{Body, Operation, Outcome, Span, StoreFailed};
use roomd::store::{RoomLog, Store as _};

use crate::claims::{draft, edit, request, room};
use crate::harness::{Keeper, Place, direct};
use crate::kept::{page, texts};

/// A small file system in memory, which goes with the test. `None`: this process may not mount one.
struct Small(PathBuf);

impl Small {
    fn mount(place: &Place) -> Option<Self> {
        let path = PathBuf::from(place.file("small"));
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "roomd-test"]).arg(&path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Small {
    /// Fills the file system up, but for so many pages.
    fn fill(&self, ballast: &Path, pages: usize) {
        let mut file = std::fs::File::create(ballast).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        let bytes = file.metadata().unwrap().len();
        file.set_len(bytes.saturating_sub(pages as u64 * 4096)).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // If it stays, the test's directory does, and says so.
        _ = Command::new("umount").arg(&self.0).output();
    }
}

/// Another process, which has the file of a server locked for writing.
struct Other(Child);

/// How it is told which.
const LOCKED_FILE: &str = "ROOMD_TEST_LOCKS";

impl Other {
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
    let operation = Operation::Publish { to: None, body: Body::Text("x".repeat(bytes).into()), about: None, mid: None };
    match room_log.append(&[draft("Anna", 1, operation)])?[..] {
        [Outcome::Stored { seq }] => Ok(seq),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_disk_refuses_messages_and_when_there_is_room_again_numbers_go_on_without_a_gap() {
    let place = Place::new();
    let Some(small) = Small::mount(&place) else {
        println!("left out: this process may not mount a file system");
        return;
    };
    let data = small.0.join("room.db").to_str().unwrap().to_owned();
    let ballast = small.0.join("ballast");
    std::fs::write(&ballast, vec![0; 300_000]).unwrap();
    let keeper = Keeper::with(&data, |_| ()).unwrap();
    let mut den = keeper.open(&room("den"), 0).unwrap().room_log;
    let mut hall = keeper.open(&room("hall"), 0).unwrap().room_log;
    let stored = (1..1_000).take_while(|seq| publish(&mut *den, 10_000) == Ok(*seq)).count() as u64;
    assert!(stored > 5, "{stored}");
    assert_eq!(publish(&mut *den, 10_000), Err(StoreFailed));
    assert_eq!(publish(&mut *hall, 100_000), Err(StoreFailed));
    // What is there can still be read.
    assert_eq!(page(&*keeper, "den", Span::After(0)).newest, stored);
    std::fs::remove_file(ballast).unwrap();
    assert_eq!(publish(&mut *den, 10_000), Ok(stored + 1));
    assert_eq!(publish(&mut *hall, 10), Ok(1));
    assert_eq!(page(&*keeper, "den", Span::After(0)).messages.len() as u64, stored + 1);
    drop((den, hall));
    drop(keeper);
    let keeper = Keeper::with(&data, |_| ()).unwrap();
    assert_eq!(keeper.open(&room("den"), 0).unwrap().past.seq, stored + 1);
    drop(keeper);
    drop(small);
}

#[test]
fn a_disk_that_is_full_at_the_nth_page_stores_all_that_was_said_or_nothing_whatever_n() {
    let place = Place::new();
    let Some(small) = Small::mount(&place) else {
        println!("left out: this process may not mount a file system");
        return;
    };
    let ballast = small.0.join("ballast");
    let mut refused = 0;
    for pages in 0.. {
        let data = small.0.join(format!("room-{pages}.db")).to_str().unwrap().to_owned();
        let keeper = Keeper::with(&data, |_| ()).unwrap();
        let mut den = keeper.open(&room("den"), 0).unwrap().room_log;
        assert_eq!(publish(&mut *den, 10), Ok(1));
        small.fill(&ballast, pages);
        let long = "x".repeat(9_000);
        let outcomes =
            den.append(&[request("Anna", &long, "m2"), edit("Anna", 1, "eins"), request("Anna", &long, "m3")]);
        let kept = texts(&page(&*keeper, "den", Span::After(0)).messages);
        match &outcomes {
            Ok(_) => assert_eq!(kept, [(1, "eins".to_owned()), (2, long.clone()), (3, long)], "{pages}"),
            Err(StoreFailed) => assert_eq!(kept, [(1, "x".repeat(10))], "{pages}"),
        }
        std::fs::remove_file(&ballast).unwrap();
        assert_eq!(publish(&mut *den, 10), Ok(kept.len() as u64 + 1), "{pages}");
        drop(den);
        drop(keeper);
        let keeper = Keeper::with(&data, |_| ()).unwrap();
        assert_eq!(keeper.open(&room("den"), 0).unwrap().past.seq, kept.len() as u64 + 1, "{pages}");
        drop(keeper);
        std::fs::remove_file(&data).unwrap();
        if outcomes.is_ok() {
            break;
        }
        refused += 1;
    }
    assert!(refused > 3, "{refused}");
    drop(small);
}

#[test]
fn a_file_that_another_process_has_locked_refuses_messages_until_it_is_free() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    assert_eq!(publish(&mut *room_log, 10), Ok(1));
    let other = Other::that_locks(&place.data());
    let drafts = [request("Anna", "two", "m"), request("Anna", "three", "")];
    assert_eq!(room_log.append(&drafts), Err(StoreFailed));
    // Reading goes on.
    assert_eq!(page(&*keeper, "den", Span::After(0)).messages.len(), 1);
    other.let_go();
    assert_eq!(room_log.append(&drafts), Ok(vec![Outcome::Stored { seq: 2 }, Outcome::Stored { seq: 3 }]));
}

#[test]
fn a_transaction_that_fails_at_its_last_row_leaves_nothing_of_the_others() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    assert_eq!(publish(&mut *room_log, 10), Ok(1));
    let other = direct(&place.data());
    other
        .execute_batch(
            "CREATE TRIGGER fails BEFORE INSERT ON messages WHEN new.body = 'fail' BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    let drafts = [request("Anna", "two", "m2"), request("Anna", "three", "m3"), request("Anna", "fail", "")];
    assert_eq!(room_log.append(&drafts), Err(StoreFailed));
    assert_eq!(page(&*keeper, "den", Span::After(0)).messages.len(), 1);
    assert_eq!(room_log.append(&drafts[..2]), Ok(vec![Outcome::Stored { seq: 2 }, Outcome::Stored { seq: 3 }]));
    other.execute_batch("DROP TRIGGER fails").unwrap();
}

#[test]
fn a_reader_that_takes_its_time_delays_no_write() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    let mut room_log = keeper.open(&room("den"), 0).unwrap().room_log;
    assert_eq!(publish(&mut *room_log, 10), Ok(1));
    let reader = direct(&place.data());
    let transaction = reader.unchecked_transaction().unwrap();
    let count = || transaction.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(), 1);
    for seq in 2..=500 {
        assert_eq!(publish(&mut *room_log, 10_000), Ok(seq));
    }
    assert_eq!(count(), 1, "it sees the moment at which it began");
}
