//! The journal: one thread that numbers and stores what everybody says, and answers when it is stored.

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
    let mut newest = 0;
    for Request { mid, text, reply } in inbox {
        newest += 1;
        let answer = match disk.commit(&[Record { number: newest, mid, text }]) {
            Ok(()) => Ok(Stored { number: newest, is_repeat: false }),
            Err(_) => Err(NotStored),
        };
        // Whoever does not wait any more needs no answer.
        _ = reply.send(answer);
    }
}
