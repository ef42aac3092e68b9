//! Receipts: what is reported of the messages of others, and who has got to one's own last message.
//!
//! Runs on the main thread. A person's terminal has received what it shows, and the person has read it when they type
//! the next line; a script reports nothing. What others report is shown when it was asked for with `/receipts on`, in
//! one line for all that comes within a moment, and only once it is about the last message.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{Conversation, End};
use crate::output::notices;
use roomd_client::{Event, Message, Response};
use roomd_protocol::receipt_sentences;

/// How long receipts are gathered.
const GATHERED_FOR: Duration = Duration::from_millis(300);
/// Own messages of a room that are remembered, at most: the newest.
const OWN_MAX: usize = 100;
/// Rooms, and marks of others, that are remembered, at most; beyond it all are forgotten.
const KNOWN_MAX: usize = 1_000;

/// What is known of receipts.
#[derive(Debug, Default)]
pub struct Receipts {
    /// Whether those of others are shown.
    pub is_shown: bool,
    /// The user whose messages are meant.
    user: String,
    /// The newest message of others in each room that is to be reported as received.
    unreported: BTreeMap<String, u64>,
    /// The same, as read.
    unread: BTreeMap<String, u64>,
    /// The numbers of one's own messages, by room.
    own: BTreeMap<String, Vec<u64>>,
    /// How far others have got, by room, status and user.
    marks: BTreeMap<(String, String, String), u64>,
    /// Who has got to the last message of a room since that was shown, by room and status, and how many messages that
    /// is.
    news: BTreeMap<(String, String), BTreeMap<String, usize>>,
    /// In a large room, how many have got to the last message, since that was shown.
    counts: BTreeMap<String, [u64; 3]>,
    /// When something is to be reported or shown.
    due: Option<Instant>,
}

impl Receipts {
    /// How long to wait until something is to be done; `None`: there is nothing.
    pub fn wait(&self) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Takes note of an event; `reports`: of what others say too, since a person sees it.
    fn note(&mut self, event: &Event, reports: bool) {
        match event {
            Event::Online { user } if *user != self.user => {
                *self = Self { user: user.clone(), is_shown: self.is_shown, ..Self::default() };
            }
            Event::Message(Message { room, user, seq, ephemeral: None, group: None, .. }) => {
                if *user == self.user {
                    self.said(room, *seq);
                } else if reports {
                    for rooms in [&mut self.unreported, &mut self.unread] {
                        let newest = rooms.entry(room.clone()).or_default();
                        *newest = (*newest).max(*seq);
                    }
                    self.begin_to_gather();
                }
            }
            Event::Response(_, Ok(Response::Sent(sent))) if sent.ephemeral.is_none() => self.said(&sent.room, sent.seq),
            Event::Other(value) if value["type"] == "receipt" => {
                let text = |field: &str| value[field].as_str().map(str::to_owned);
                if let (Some(room), Some(user), Some(status)) = (text("room"), text("user"), text("status"))
                    && let Some(seq) = value["seq"].as_u64()
                {
                    self.reached(room, user, status, seq);
                }
            }
            Event::Other(value) if self.is_shown && value["type"] == "receipt_counts" => {
                let count = |field: &str| value[field].as_u64().unwrap_or_default();
                let room = value["room"].as_str().unwrap_or_default();
                if self.own.get(room).and_then(|own| own.last()) == value["seq"].as_u64().as_ref() {
                    self.counts.insert(room.to_owned(), ["written", "received", "read"].map(count));
                    self.begin_to_gather();
                }
            }
            _ => {}
        }
    }

    fn said(&mut self, room: &str, seq: u64) {
        if self.own.len() > KNOWN_MAX {
            self.own.clear();
        }
        let own = self.own.entry(room.to_owned()).or_default();
        // The answer and the message itself may both come.
        if own.last().is_none_or(|last| *last < seq) {
            own.push(seq);
            own.drain(..own.len().saturating_sub(OWN_MAX));
        }
    }

    fn reached(&mut self, room: String, user: String, status: String, seq: u64) {
        if user == self.user || !["received", "read"].contains(&&*status) {
            return;
        }
        if self.marks.len() > KNOWN_MAX {
            self.marks.clear();
        }
        let mark = self.marks.entry((room.clone(), status.clone(), user.clone())).or_default();
        let from = std::mem::replace(mark, seq.max(*mark));
        let Some(own) = self.own.get(&room) else { return };
        let news = own.iter().filter(|own| **own > from).count();
        if self.is_shown && news > 0 && own.last().is_some_and(|last| *last <= seq) {
            self.news.entry((room, status)).or_default().insert(user, news);
            self.begin_to_gather();
        }
    }

    fn begin_to_gather(&mut self) {
        self.due.get_or_insert_with(|| Instant::now() + GATHERED_FOR);
    }

    /// The sentences to show: what was read was received.
    fn sentences(&mut self) -> Vec<String> {
        let mut news = std::mem::take(&mut self.news);
        let rooms: BTreeSet<_> = news.keys().map(|(room, _)| room.clone()).collect();
        let counts = std::mem::take(&mut self.counts).into_values();
        let mut sentences: Vec<_> = counts.map(receipt_sentences::counted).collect();
        for room in rooms {
            let mut take = |status: &str| news.remove(&(room.clone(), status.to_owned())).unwrap_or_default();
            let (mut received, read) = (take("received"), take("read"));
            received.retain(|user, _| !read.contains_key(user));
            for (users, status) in [(received, "received"), (read, "read")] {
                // As many as are news of every one of them.
                let Some(messages) = users.values().min().copied() else { continue };
                let users: Vec<_> = users.into_keys().collect();
                sentences.push(notices::reached(&users, status, messages, room.starts_with("dm:")));
            }
        }
        sentences
    }
}

impl Conversation {
    /// Takes note of what is to be reported to others, and of what others report.
    pub(super) fn note_receipts(&mut self, event: &Event) {
        let reports = self.terminal.interactive && self.terminal.formatter.is_some();
        self.receipts.note(event, reports);
    }

    /// Reports and shows what was gathered, if it is time.
    pub(super) fn report_receipts(&mut self) -> Result<(), End> {
        if self.receipts.wait() != Some(Duration::ZERO) {
            return Ok(());
        }
        self.receipts.due = None;
        for (room, seq) in std::mem::take(&mut self.receipts.unreported) {
            if self.may_report(&room) {
                self.client.received(&room, seq).or_else(|error| self.fail(error, ""))?;
            }
        }
        self.receipts.sentences().iter().try_for_each(|sentence| self.notice(sentence))
    }

    /// The user types a line, and has read what stands above it.
    pub(super) fn report_read(&mut self) -> Result<(), End> {
        for (room, seq) in std::mem::take(&mut self.receipts.unread) {
            if self.may_report(&room) {
                self.client.read(&room, seq).or_else(|error| self.fail(error, ""))?;
            }
        }
        Ok(())
    }

    /// Shows receipts from now on, or no longer.
    pub(super) fn show_receipts(&mut self, on: bool) -> Result<(), End> {
        self.receipts.is_shown = on;
        self.notice(receipt_sentences::asked(on))
    }

    /// A room that was left takes no reports.
    fn may_report(&self, room: &str) -> bool {
        room == self.room || room.starts_with("dm:")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sees(receipts: &mut Receipts, status: &str, user: &str, seq: u64) {
        let event = json!({"type": "receipt", "room": "r", "user": user, "status": status, "seq": seq});
        receipts.note(&Event::Other(event), true);
    }

    #[test]
    fn what_others_report_is_one_line_and_about_the_last_message() {
        let mut receipts = Receipts { user: "Ann".to_owned(), is_shown: true, ..Receipts::default() };
        for seq in [1, 2, 4, 4] {
            receipts.said("r", seq);
        }
        sees(&mut receipts, "written", "Bob", 4);
        sees(&mut receipts, "received", "Ann", 4);
        sees(&mut receipts, "received", "Bob", 3);
        assert_eq!(receipts.sentences(), [""; 0], "nobody has got to the last one");
        sees(&mut receipts, "received", "Bob", 4);
        sees(&mut receipts, "received", "Cy\u{1b}", 5);
        assert_eq!(receipts.sentences(), ["Bob and Cy␛ have received it"]);
        receipts.said("r", 6);
        receipts.said("r", 7);
        sees(&mut receipts, "received", "Bob", 7);
        sees(&mut receipts, "read", "Bob", 7);
        sees(&mut receipts, "received", "Cy", 7);
        sees(&mut receipts, "read", "Bob", 7);
        assert_eq!(receipts.sentences(), ["Cy has received your last 5 messages", "Bob has read your last 5 messages"]);
        sees(&mut receipts, "read", "Bob", 9);
        assert_eq!(receipts.sentences(), [""; 0], "that is known");
        let counts = |seq: u64| {
            let counts = json!({"type": "receipt_counts", "room": "r", "seq": seq, "written": 812, "received": 790, "read": 113});
            Event::Other(counts)
        };
        receipts.note(&counts(6), true);
        assert_eq!(receipts.sentences(), [""; 0], "it is not the last one");
        receipts.note(&counts(7), true);
        assert_eq!(receipts.sentences(), ["Sent to 812, received by 790, read by 113"]);
    }
}
