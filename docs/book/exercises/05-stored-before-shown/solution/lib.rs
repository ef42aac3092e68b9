//! The journal: one thread that numbers and stores what everybody says, and answers when it is stored.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, Sender};

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The first message has number 1, and there is no gap.
    pub number: u64,
    /// The sender's own name for the message: the same `mid` twice is one message.
    pub mid: String,
    /// What was said.
    pub text: String,
}

/// Where records are kept.
pub trait Disk {
    /// Keeps all of these records, and returns when they survive a loss of power; or keeps none of them.
    ///
    /// # Errors
    /// They are not kept. The next time it may go well.
    fn commit(&mut self, records: &[Record]) -> io::Result<()>;
}

/// Somebody says something, and waits for the answer.
#[derive(Debug)]
pub struct Request {
    pub mid: String,
    pub text: String,
    pub reply: Sender<Answer>,
}

/// What became of a request.
pub type Answer = Result<Stored, NotStored>;

/// The message is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub number: u64,
    /// Whether it had been said before, under the same `mid`.
    pub is_repeat: bool,
}

/// The message is not stored, and its `mid` is not used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotStored;

/// Requests of one commit, at most.
pub const BATCH_MAX: usize = 1_024;

/// The body of the journal's thread: ends when nobody can send a request any more.
pub fn run(inbox: &Receiver<Request>, disk: &mut impl Disk) {
    let mut journal = Journal::default();
    while let Ok(first) = inbox.recv() {
        // What has come while the disk was busy is the next commit.
        let requests: Vec<_> = std::iter::once(first).chain(inbox.try_iter()).take(BATCH_MAX).collect();
        journal.store(requests, disk);
    }
}

/// What is stored.
#[derive(Default)]
struct Journal {
    newest: u64,
    numbers: HashMap<String, u64>,
}

impl Journal {
    fn store(&mut self, requests: Vec<Request>, disk: &mut impl Disk) {
        let mut records: Vec<Record> = Vec::new();
        let mut waiting = Vec::new();
        // Beside those that are stored, not among them: if the commit fails, nothing has to be taken back.
        let mut numbers = HashMap::new();
        for Request { mid, text, reply } in requests {
            if let Some(number) = self.numbers.get(&mid) {
                // Stored long ago, whatever becomes of this commit. Whoever does not wait any more needs no answer.
                _ = reply.send(Ok(Stored { number: *number, is_repeat: true }));
                continue;
            }
            let next = self.newest + 1 + records.len() as u64;
            let number = *numbers.entry(mid.clone()).or_insert(next);
            let is_repeat = number != next;
            if !is_repeat {
                records.push(Record { number, mid, text });
            }
            waiting.push((reply, Stored { number, is_repeat }));
        }
        if records.is_empty() {
            return;
        }
        let is_stored = disk.commit(&records).is_ok();
        if is_stored {
            self.newest += records.len() as u64;
            self.numbers.extend(numbers);
        }
        for (reply, stored) in waiting {
            _ = reply.send(if is_stored { Ok(stored) } else { Err(NotStored) });
        }
    }
}
