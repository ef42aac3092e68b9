//! The thread that sorts the words of new messages into the index of words.
//!
//! PostgreSQL appends them to a list, through which each search looks, and whose sorting in is left to whoever makes it too
//! long: to the journal, a third of whose time that took, and brokers waited for it. So the journal lets the list grow longer, and
//! wakes this thread each few thousand messages. Where the database is too busy for it the list reaches its bound all the same,
//! and the journal sorts. Of several servers one sorts at a time. The thread ends with the journal.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::lasting_link::LastingLink;
use super::link::LinkError;
use super::schema::SORTING;

/// Messages that are stored before their words are sorted in. The more, the cheaper for each; a search looks through those of
/// as many in some milliseconds.
const MESSAGES: usize = 2_000;
/// How long the list may become before a connection that stores messages sorts it in.
pub const LIST_LIMIT: &str = "SET gin_pending_list_limit = '16MB'";

/// The journal's end: counts what it has stored.
pub struct StoredCount {
    messages: usize,
    wake: Sender<()>,
}

impl StoredCount {
    /// So many messages were stored. Does not block.
    pub fn add(&mut self, messages: usize) {
        self.messages += messages;
        // Where the last wake-up still waits, the next batch tries again.
        if self.messages >= MESSAGES && self.wake.try_send(()).is_ok() {
            self.messages = 0;
        }
    }
}

/// See the module.
pub struct SearchIndex {
    link: LastingLink,
    inbox: Receiver<()>,
    /// Whether the last attempt failed: logged once, not at each.
    is_failing: bool,
}

impl SearchIndex {
    /// The thread's body, and what wakes it.
    pub fn new(link: LastingLink) -> (Self, StoredCount) {
        let (wake, inbox) = bounded(1);
        (Self { link, inbox, is_failing: false }, StoredCount { messages: 0, wake })
    }

    /// The body of its thread.
    pub fn run(mut self) {
        while self.inbox.recv().is_ok() {
            match self.sort() {
                Ok(()) => self.is_failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        log::warn!(error:%; "the words of new messages are not sorted into the index: searches take longer");
                    }
                }
            }
        }
    }

    fn sort(&mut self) -> Result<(), LinkError> {
        let sql = format!("SELECT gin_clean_pending_list('messages_words') WHERE {SORTING}");
        match self.link.link()?.query(&sql, &[]) {
            // What was sorted in until then is.
            Err(error) if error.is_timeout() => Ok(()),
            sorted => sorted.map(|_| ()),
        }
    }
}
