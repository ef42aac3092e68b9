//! What a journal writes in one commit, and what its answers promise.

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use stored_before_shown::{Answer, Disk, NotStored, Record, Request, Stored, run};

/// How long the tests wait for something that has to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// A disk that shows the test what it is to commit, and takes its time until the test tells it how that went.
struct SlowDisk {
    commits: Sender<Vec<Record>>,
    verdicts: Receiver<io::Result<()>>,
}

impl Disk for SlowDisk {
    fn commit(&mut self, records: &[Record]) -> io::Result<()> {
        let gone = |_| io::Error::other("the test is over");
        self.commits.send(records.to_vec()).map_err(|_| io::Error::other("the test is over"))?;
        self.verdicts.recv().map_err(gone)?
    }
}

/// A journal on its thread, and its disk.
struct Stage {
    inbox: Sender<Request>,
    commits: Receiver<Vec<Record>>,
    verdicts: Sender<io::Result<()>>,
    journal: JoinHandle<()>,
}

impl Stage {
    fn new() -> Self {
        let (inbox, requests) = channel();
        let (shown, commits) = channel();
        let (verdicts, told) = channel();
        let mut disk = SlowDisk { commits: shown, verdicts: told };
        let journal = thread::spawn(move || run(&requests, &mut disk));
        Self { inbox, commits, verdicts, journal }
    }

    /// Says something; where the answer comes.
    fn say(&self, mid: &str, text: &str) -> Receiver<Answer> {
        let (reply, answer) = channel();
        self.inbox.send(Request { mid: mid.to_owned(), text: text.to_owned(), reply }).expect("the journal runs");
        answer
    }

    /// What the journal commits next: each record as `number mid text`.
    fn commit(&self) -> Vec<String> {
        let records = self.commits.recv_timeout(PATIENCE).expect("the journal commits something");
        records.iter().map(|Record { number, mid, text }| format!("{number} {mid} {text}")).collect()
    }

    /// The disk has kept what it was given last.
    fn succeed(&self) {
        self.verdicts.send(Ok(())).expect("the journal runs");
    }

    /// The disk is full.
    fn fail(&self) {
        self.verdicts.send(Err(io::ErrorKind::StorageFull.into())).expect("the journal runs");
    }

    /// Nobody sends anything any more: the journal ends, and has committed nothing else.
    fn end(self) {
        drop(self.inbox);
        self.journal.join().expect("the journal does not panic");
        assert_eq!(self.commits.try_recv(), Err(TryRecvError::Disconnected));
    }
}

fn answer(from: &Receiver<Answer>) -> Answer {
    from.recv_timeout(PATIENCE).expect("each request has its answer")
}

fn stored(number: u64) -> Answer {
    Ok(Stored { number, is_repeat: false })
}

fn repeat(number: u64) -> Answer {
    Ok(Stored { number, is_repeat: true })
}

#[test]
fn nobody_is_answered_before_it_is_stored() {
    let stage = Stage::new();
    let one = stage.say("m1", "one");
    assert_eq!(stage.commit(), ["1 m1 one"]);
    assert_eq!(one.try_recv(), Err(TryRecvError::Empty));
    stage.succeed();
    assert_eq!(answer(&one), stored(1));
    stage.end();
}

#[test]
fn what_comes_while_the_disk_is_busy_is_one_commit() {
    let stage = Stage::new();
    let one = stage.say("m1", "one");
    assert_eq!(stage.commit(), ["1 m1 one"]);
    let more = [stage.say("m2", "two"), stage.say("m3", "three"), stage.say("m4", "four")];
    stage.succeed();
    assert_eq!(stage.commit(), ["2 m2 two", "3 m3 three", "4 m4 four"]);
    stage.succeed();
    assert_eq!(answer(&one), stored(1));
    assert_eq!(more.each_ref().map(answer), [stored(2), stored(3), stored(4)]);
    stage.end();
}

#[test]
fn a_commit_that_fails_leaves_no_gap_and_uses_up_no_mid() {
    let stage = Stage::new();
    let one = stage.say("m1", "one");
    assert_eq!(stage.commit(), ["1 m1 one"]);
    stage.fail();
    assert_eq!(answer(&one), Err(NotStored));
    let again = stage.say("m1", "one");
    assert_eq!(stage.commit(), ["1 m1 one"]);
    stage.succeed();
    assert_eq!(answer(&again), stored(1));
    stage.end();
}

#[test]
fn the_same_mid_is_the_same_message_however_soon_it_comes_again() {
    let stage = Stage::new();
    let one = stage.say("m1", "one");
    assert_eq!(stage.commit(), ["1 m1 one"]);
    let more = [stage.say("m1", "one"), stage.say("m2", "two"), stage.say("m2", "two"), stage.say("m3", "three")];
    stage.succeed();
    assert_eq!(stage.commit(), ["2 m2 two", "3 m3 three"]);
    stage.succeed();
    assert_eq!(answer(&one), stored(1));
    assert_eq!(more.each_ref().map(answer), [repeat(1), stored(2), repeat(2), stored(3)]);

    let late = stage.say("m3", "three");
    assert_eq!(answer(&late), repeat(3));
    stage.end();
}

#[test]
fn what_is_stored_stays_so_though_the_disk_fails_later() {
    let stage = Stage::new();
    let one = stage.say("m1", "one");
    assert_eq!(stage.commit(), ["1 m1 one"]);
    let more = [stage.say("m1", "one"), stage.say("m2", "two")];
    stage.succeed();
    assert_eq!(stage.commit(), ["2 m2 two"]);
    stage.fail();
    assert_eq!(answer(&one), stored(1));
    assert_eq!(more.each_ref().map(answer), [repeat(1), Err(NotStored)]);
    stage.end();
}
