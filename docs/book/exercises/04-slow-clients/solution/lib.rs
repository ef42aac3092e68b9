//! The outbox of one client: what it is sent and its socket does not take waits here, up to a bound.

use std::collections::VecDeque;

/// Messages that wait for a client, at most.
pub const BACKLOG_MAX: usize = 4;

/// A socket that never waits.
pub trait Socket {
    /// Takes as many of the first bytes as fit now, and returns how many.
    fn try_write(&mut self, bytes: &[u8]) -> usize;
}

/// A message to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is the newest value of: a message of the same key that is older is worth nothing.
    pub key: Option<String>,
    /// What is written to the socket; never empty.
    pub text: String,
}

/// What becomes of a message that does not fit into the backlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// The client is disconnected. It may come back, and ask for what it missed.
    Disconnect,
    /// It is dropped, and counted.
    Drop,
    /// The newest of each key is kept. A message without a key is dropped, as with `Drop`; one with a key that does not fit
    /// all the same disconnects the client.
    Latest,
}

/// The client is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// The outbox of one client.
pub struct Outbox<S> {
    socket: S,
    slow: Slow,
    backlog: VecDeque<Message>,
    /// How many bytes of the first message in the backlog the socket has taken.
    written: usize,
    is_closed: bool,
    dropped: u64,
    conflated: u64,
}

impl<S: Socket> Outbox<S> {
    /// The outbox before the socket, of a client that is treated so when it is slow.
    pub fn new(socket: S, slow: Slow) -> Self {
        Self { socket, slow, backlog: VecDeque::new(), written: 0, is_closed: false, dropped: 0, conflated: 0 }
    }

    /// Writes the message, or as much of it as fits, and keeps the rest; if something waits already, the message comes behind
    /// it. Never waits for the client.
    ///
    /// # Errors
    /// The client is disconnected, perhaps because of this message.
    pub fn send(&mut self, message: Message) -> Result<(), Closed> {
        if self.is_closed {
            return Err(Closed);
        }
        if self.backlog.is_empty() {
            self.written = self.socket.try_write(message.text.as_bytes());
            if self.written < message.text.len() {
                self.backlog.push_back(message);
            }
            return Ok(());
        }
        if self.slow == Slow::Latest {
            self.remove_older(&message);
        }
        if self.backlog.len() < BACKLOG_MAX {
            self.backlog.push_back(message);
            return Ok(());
        }
        match (self.slow, &message.key) {
            (Slow::Disconnect, _) | (Slow::Latest, Some(_)) => {
                self.is_closed = true;
                Err(Closed)
            }
            (Slow::Drop, _) | (Slow::Latest, None) => {
                self.dropped += 1;
                Ok(())
            }
        }
    }

    /// Removes the message that waits and has the key of this one, unless a part of it is written: the client would read half
    /// of the old one and then the new one.
    fn remove_older(&mut self, message: &Message) {
        if message.key.is_none() {
            return;
        }
        let begun = usize::from(self.written > 0);
        let older = (begun..self.backlog.len()).find(|at| self.backlog[*at].key == message.key);
        if let Some(at) = older {
            self.backlog.remove(at);
            self.conflated += 1;
        }
    }

    /// Writes what waits, as far as it fits now: called when the socket has space again.
    pub fn flush(&mut self) {
        while let Some(first) = self.backlog.front() {
            self.written += self.socket.try_write(&first.text.as_bytes()[self.written..]);
            if self.written < first.text.len() {
                return;
            }
            self.backlog.pop_front();
            self.written = 0;
        }
    }

    /// The socket.
    pub fn socket(&mut self) -> &mut S {
        &mut self.socket
    }

    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.backlog.len()
    }

    /// How many messages were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many messages have given their place to a newer one.
    #[must_use]
    pub fn conflated(&self) -> u64 {
        self.conflated
    }
}
