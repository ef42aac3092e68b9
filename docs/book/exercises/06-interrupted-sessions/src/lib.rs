//! What a client is given that comes back: what it missed, which its reader fetches from the store a page at a time, and what
//! its room says meanwhile.
//!
//! The room's thread calls `attach` and `deliver`, the client's reader `page_after` and `replay`. That two threads call it is
//! not the subject here: imagine one lock around all of it, which each call takes.

/// Messages that may wait for the end of the replay, at most.
pub const HELD_MAX: usize = 4;

/// Too much waits: the connection has to end.
#[derive(Debug, PartialEq, Eq)]
pub struct Slow;

/// A client that comes back.
#[derive(Clone, Debug)]
pub struct Resuming {
    /// The number of the newest message that it has seen.
    seen: u64,
    /// The number of the last message that is to be replayed.
    until: u64,
    /// What it was shown since it came back, in this order.
    shown: Vec<u64>,
}

impl Resuming {
    /// A client that has seen the messages up to this number.
    pub fn new(seen: u64) -> Self {
        Self { seen, until: seen, shown: Vec::new() }
    }

    /// The room takes the new connection, at a moment when this is its newest message. From now on it delivers; what came
    /// before that is replayed.
    pub fn attach(&mut self, newest: u64) {
        self.until = newest;
    }

    /// The room delivers a message.
    ///
    /// # Errors
    /// `HELD_MAX` messages wait already.
    pub fn deliver(&mut self, number: u64) -> Result<(), Slow> {
        self.show(number);
        Ok(())
    }

    /// Behind which number the reader fetches its next page; `None`: the replay is over.
    pub fn page_after(&self) -> Option<u64> {
        (self.seen < self.until).then_some(self.seen)
    }

    /// The reader has fetched a page: the next messages in the store, as many as fit into a page.
    pub fn replay(&mut self, page: &[u64]) {
        page.iter().for_each(|number| self.show(*number));
    }

    /// What the client was shown since it came back.
    pub fn shown(&self) -> &[u64] {
        &self.shown
    }

    fn show(&mut self, number: u64) {
        self.seen = number;
        self.shown.push(number);
    }
}
